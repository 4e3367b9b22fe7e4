// A shared pointer to something that never changes, which any number of threads load while others store.
//
// std::atomic<std::shared_ptr> is not everywhere (libc++), and where it is, GCC's before 14 has a data race that
// ThreadSanitizer finds. Here are two places of which one is current ("left-right": Ramalhete & Correia 2015): a reader
// counts itself in, makes sure that its place is still current, and copies; a writer fills the other place, once those who
// were copying from it have counted themselves out. A reader never waits: it begins again if a store came between.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace ruvllm::numeric {

template <class T>
class AtomicShared {
public:
    explicit AtomicShared(std::shared_ptr<const T> first) { places_[0].pointer = std::move(first); }
    AtomicShared(const AtomicShared&) = delete;
    AtomicShared& operator=(const AtomicShared&) = delete;

    [[nodiscard]] std::shared_ptr<const T> load() const
    {
        for (;;) {
            const std::size_t at = current_.load();
            Place& place = places_[at];
            place.readers.fetch_add(1);
            if (current_.load() == at) { // from now on no writer touches it
                std::shared_ptr<const T> copy = place.pointer;
                place.readers.fetch_sub(1);
                return copy;
            }
            place.readers.fetch_sub(1);
        }
    }

    // What was there before the last store lives until the next one.
    void store(std::shared_ptr<const T> next)
    {
        const std::lock_guard one_at_a_time(writers_);
        const std::size_t other = 1 - current_.load();
        while (places_[other].readers.load() != 0)
            std::this_thread::yield();
        places_[other].pointer.swap(next);
        current_.store(other);
    }

private:
    struct alignas(64) Place { // a cache line each
        std::shared_ptr<const T> pointer;
        std::atomic<std::size_t> readers{0};
    };

    mutable Place places_[2];
    std::atomic<std::size_t> current_{0};
    std::mutex writers_;
};

} // namespace ruvllm::numeric
