#include "ruvllm/numeric/atomic_shared.hpp"

#include <vector>

#include <gtest/gtest.h>

using ruvllm::numeric::AtomicShared;

namespace {

// Two numbers that belong together; how many are alive.
struct Pair {
    explicit Pair(int x) : a(x), b(-x) { ++alive; }
    Pair(const Pair&) = delete;
    ~Pair()
    {
        a = b = 1; // whoever comes too late sees it
        --alive;
    }
    int a, b;
    static inline std::atomic<int> alive{0};
};

TEST(AtomicShared, GivesWhatWasStoredLast)
{
    AtomicShared<Pair> shared(std::make_shared<const Pair>(1));
    const auto first = shared.load();
    for (int i = 2; i < 10; ++i) {
        shared.store(std::make_shared<const Pair>(i));
        EXPECT_EQ(shared.load()->a, i);
    }
    EXPECT_EQ(first->a, 1);
    EXPECT_LE(Pair::alive, 3); // the first, the last, and the one before it
}

TEST(AtomicShared, ReadersSeeWholeOnesWhileSeveralWrite)
{
    constexpr int each = 5000;
    {
        AtomicShared<Pair> shared(std::make_shared<const Pair>(0));
        std::atomic<bool> stop{false};
        std::atomic<int> wrong{0};
        std::vector<std::jthread> readers, writers;
        for (int i = 0; i < 8; ++i)
            readers.emplace_back([&] {
                while (!stop) {
                    const auto found = shared.load();
                    wrong += found->a != -found->b ? 1 : 0;
                }
            });
        for (int i = 0; i < 2; ++i)
            writers.emplace_back([&] {
                for (int x = 0; x < each; ++x)
                    shared.store(std::make_shared<const Pair>(x));
            });
        writers.clear();
        stop = true;
        readers.clear();
        EXPECT_EQ(wrong, 0);
        EXPECT_EQ(shared.load()->a, each - 1);
    }
    EXPECT_EQ(Pair::alive, 0);
}

} // namespace
