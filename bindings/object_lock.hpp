// Who may use an object now: any number of calls that read it, or one that changes it.
//
// Every method of a class holds its object's lock (see binding.hpp). Two rules keep it free of deadlocks:
// - Nobody waits for a lock with the interpreter's lock (GIL) in hand: whoever has the object may need it to go on.
// - Nothing that can run Python code (conversions, callbacks, garbage collection) happens while a lock is held, so that
//   a call never meets its own.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>

#include <pybind11/pybind11.h>

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace ruvllm::bindings {

namespace py = pybind11;

[[nodiscard]] inline bool interpreter_is_ending() noexcept
{
#if PY_VERSION_HEX >= 0x030d0000
    return Py_IsFinalizing() != 0;
#else
    return _Py_IsFinalizing() != 0;
#endif
}

// Without the GIL while it lives. A thread that comes back when the interpreter is ending sleeps for good. CPython before
// 3.14 would end it by unwinding, also one that is waiting for the GIL then, and C++ would answer with the end of the
// process; so that unwinding is caught, and never goes on.
class WithoutGil {
public:
    WithoutGil() : state_(PyEval_SaveThread()) {}
    ~WithoutGil()
    {
        try {
            if (interpreter_is_ending())
                sleep_for_good();
            PyEval_RestoreThread(state_);
        } catch (...) {
            sleep_for_good();
        }
    }
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;

private:
    [[noreturn]] static void sleep_for_good()
    {
        for (;;)
            std::this_thread::sleep_for(std::chrono::hours(1));
    }

    PyThreadState* state_;
};

// How often this process and those that it comes from were forked.
inline std::atomic<unsigned> forks{0};

inline void count_forks()
{
#if !defined(_WIN32)
    (void)::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1); });
#endif
}

// All of it is used with the GIL in hand, which therefore guards its numbers: a free lock costs nothing. Only whoever
// finds it taken gives the GIL away, sleeps until somebody has let go, and asks again.
class ObjectLock {
public:
    // Waits until it is free. `exclusive`: for one that changes the object.
    void lock(bool exclusive)
    {
        if (generation_ != forks.load(std::memory_order_relaxed))
            begin_again();
        if (broken_)
            throw std::runtime_error("another thread was changing this object when the process was forked: it cannot be "
                                     "used in the forked one");
        if (!take(exclusive, writers_waiting_ > 0))
            wait(exclusive);
    }

    void unlock(bool exclusive) noexcept
    {
        holders_ = exclusive ? 0 : holders_ - 1;
        if (waiting_ == 0)
            return;
        {
            const std::lock_guard own(mutex_);
            ++releases_;
        }
        freed_.notify_all();
    }

private:
    // Writers go first, or many readers would keep them out for ever.
    bool take(bool exclusive, bool writers_wait) noexcept
    {
        if (exclusive ? holders_ != 0 : holders_ < 0 || writers_wait)
            return false;
        holders_ = exclusive ? -1 : holders_ + 1;
        return true;
    }

    void wait(bool exclusive)
    {
        ++waiting_;
        writers_waiting_ += exclusive ? 1 : 0;
        while (!take(exclusive, writers_waiting_ > 0)) {
            const std::uint64_t seen = releases_;
            const WithoutGil released;
            std::unique_lock own(mutex_);
            freed_.wait(own, [&] { return releases_ != seen; });
        }
        writers_waiting_ -= exclusive ? 1 : 0;
        --waiting_;
    }

    // In a forked process no other thread is left: nobody holds the lock, nobody waits.
    void begin_again()
    {
        broken_ = broken_ || holders_ < 0;
        holders_ = waiting_ = writers_waiting_ = 0;
        new (&mutex_) std::mutex;
        new (&freed_) std::condition_variable;
        generation_ = forks.load();
    }

    int holders_ = 0; // readers, or -1 for one that changes
    int waiting_ = 0, writers_waiting_ = 0;
    unsigned generation_ = forks.load();
    bool broken_ = false;
    std::uint64_t releases_ = 0; // written with both locks, so that it may be read with either
    std::mutex mutex_;
    std::condition_variable freed_;
};

// The locks of all objects that one call uses, always taken in the same order.
template <std::size_t Most>
class LockSet {
public:
    LockSet() = default;
    LockSet(const LockSet&) = delete;
    LockSet& operator=(const LockSet&) = delete;
    ~LockSet()
    {
        while (taken_ > 0)
            wanted_[--taken_].unlock();
    }

    void want(ObjectLock& lock, bool exclusive)
    {
        for (std::size_t i = 0; i < n_; ++i)
            if (wanted_[i].lock == &lock) { // an object that is given twice
                wanted_[i].exclusive = wanted_[i].exclusive || exclusive;
                return;
            }
        wanted_[n_++] = {&lock, exclusive};
    }

    void take()
    {
        if constexpr (Most > 1)
            std::sort(wanted_.begin(), wanted_.begin() + n_,
                      [](const Wanted& a, const Wanted& b) { return std::less<>()(a.lock, b.lock); });
        while (taken_ < n_) {
            wanted_[taken_].lock->lock(wanted_[taken_].exclusive);
            ++taken_;
        }
    }

private:
    struct Wanted {
        ObjectLock* lock;
        bool exclusive;
        void unlock() const noexcept { lock->unlock(exclusive); }
    };

    std::array<Wanted, Most == 0 ? 1 : Most> wanted_;
    std::size_t n_ = 0, taken_ = 0;
};

} // namespace ruvllm::bindings
