#include "ruvllm/components/sum_tree.hpp"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "naive_sum_tree.hpp"

namespace {

using ruvllm::SumTree;
using ruvllm::testing::NaiveSumTree;

constexpr std::size_t capacities[] = {1, 2, 3, 7, 8, 9, 100};

// Eighths: their sums are exact, so that tree and list agree to the last bit.
double random_weight(std::mt19937_64& random)
{
    return random() % 4 == 0 ? 0.0 : static_cast<double>(random() % 4096) / 8.0;
}

void compare(const SumTree& tree, const NaiveSumTree& naive, std::mt19937_64& random)
{
    ASSERT_NO_THROW(tree.check_valid());
    ASSERT_EQ(tree.total(), naive.total());
    for (std::size_t leaf = 0; leaf < tree.capacity(); ++leaf)
        ASSERT_EQ(tree.get(leaf), naive.get(leaf));
    const auto eighths = static_cast<std::uint64_t>(8.0 * tree.total());
    for (int i = 0; i < 5 && eighths > 0; ++i) {
        const double target = static_cast<double>(random() % eighths) / 8.0;
        ASSERT_EQ(tree.find(target), naive.find(target)) << target;
        ASSERT_GT(tree.get(tree.find(target)), 0.0);
    }
}

TEST(SumTree, AgreesWithItsTwinAfterEachOfManyOperations)
{
    for (std::uint64_t seed = 0; seed < 10; ++seed)
        for (const std::size_t capacity : capacities) {
            SCOPED_TRACE("seed " + std::to_string(seed) + ", capacity " + std::to_string(capacity));
            std::mt19937_64 random(seed);
            SumTree tree(capacity);
            NaiveSumTree naive(capacity);
            for (int step = 0; step < 200; ++step) {
                const std::size_t leaf = random() % capacity;
                const double weight = random_weight(random);
                tree.set(leaf, weight);
                naive.set(leaf, weight);
                compare(tree, naive, random);
            }
        }
}

// One tree gets its weights one by one, the other at once: every sum must have the same bits, through every way that
// set_many() climbs. Random doubles: their sums depend on the order of adding.
TEST(SumTree, ManyWeightsAtOnceGiveTheBitsOfOneAfterTheOther)
{
    for (const std::size_t capacity : {1u, 2u, 3u, 100u, 256u, 1000u, 10'000u, 300'000u})
        for (const std::size_t n : {0u, 1u, 2u, 5u, 64u, 200u}) {
            SCOPED_TRACE("capacity " + std::to_string(capacity) + ", " + std::to_string(n) + " at once");
            std::mt19937_64 random(capacity + n);
            SumTree one_by_one(capacity), at_once(capacity);
            for (int round = 0; round < 3; ++round) {
                std::vector<std::int64_t> leaves;
                std::vector<double> weights;
                for (std::size_t i = 0; i < n; ++i) { // leaves come twice; neighbours are frequent
                    leaves.push_back(static_cast<std::int64_t>(random() % (i % 2 == 0 ? capacity : capacity / 8 + 1)));
                    weights.push_back(std::ldexp(static_cast<double>(random() >> 11), -60 + static_cast<int>(i % 9)));
                    one_by_one.set(static_cast<std::size_t>(leaves.back()), weights.back());
                }
                at_once.set_many(leaves, weights);
                ASSERT_NO_THROW(at_once.check_valid());
                ASSERT_EQ(at_once.total(), one_by_one.total());
                for (std::size_t leaf = 0; leaf < capacity; ++leaf)
                    ASSERT_EQ(at_once.get(leaf), one_by_one.get(leaf));
            }
        }
}

TEST(SumTree, ManyTargetsAtOnceFindWhatEachFinds)
{
    std::mt19937_64 random(5);
    for (const std::size_t capacity : {1u, 3u, 100u, 5000u}) {
        SumTree tree(capacity);
        for (std::size_t leaf = 0; leaf < capacity; ++leaf)
            tree.set(leaf, leaf % 3 == 1 ? 0.0 : std::ldexp(static_cast<double>(random() >> 11), -60));
        std::vector<double> targets{0.0, std::nextafter(tree.total(), 0.0)};
        for (int i = 0; i < 200; ++i)
            targets.push_back(std::ldexp(static_cast<double>(random() >> 11), -53) * std::nextafter(tree.total(), 0.0));
        std::vector<double> used = targets;
        std::vector<std::size_t> leaves(targets.size());
        tree.find_many(used, leaves);
        for (std::size_t i = 0; i < targets.size(); ++i)
            EXPECT_EQ(leaves[i], tree.find(targets[i])) << targets[i];
        targets.back() = tree.total();
        EXPECT_THROW(tree.find_many(targets, leaves), std::invalid_argument);
    }
}

TEST(SumTree, RefusesManyWeightsTogether)
{
    SumTree tree(3);
    tree.set(0, 1.0);
    const std::vector<std::int64_t> leaves{0, 1};
    for (const double bad : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()})
        EXPECT_THROW(tree.set_many(leaves, std::vector{5.0, bad}), std::invalid_argument);
    EXPECT_THROW(tree.set_many(leaves, std::vector{5.0}), std::invalid_argument);
    EXPECT_THROW(tree.set_many(std::vector<std::int64_t>{0, 3}, std::vector{5.0, 5.0}), std::out_of_range);
    EXPECT_THROW(tree.set_many(std::vector<std::int64_t>{0, -1}, std::vector{5.0, 5.0}), std::out_of_range);
    EXPECT_EQ(tree.get(0), 1.0); // the good one beside it was not set either
    EXPECT_EQ(tree.total(), 1.0);
}

TEST(SumTree, TargetsOnABoundaryBelongToTheNextLeaf)
{
    SumTree tree(5);
    const double weights[] = {1.0, 0.0, 2.0, 0.0, 0.5};
    for (std::size_t i = 0; i < 5; ++i)
        tree.set(i, weights[i]);
    EXPECT_EQ(tree.find(0.0), 0u);
    EXPECT_EQ(tree.find(std::nextafter(1.0, 0.0)), 0u);
    EXPECT_EQ(tree.find(1.0), 2u);
    EXPECT_EQ(tree.find(std::nextafter(3.0, 0.0)), 2u);
    EXPECT_EQ(tree.find(3.0), 4u);
    EXPECT_EQ(tree.find(std::nextafter(3.5, 0.0)), 4u);
}

TEST(SumTree, ZeroFindsTheFirstLeafWithAWeight)
{
    SumTree tree(8);
    tree.set(6, std::numeric_limits<double>::denorm_min());
    EXPECT_EQ(tree.find(0.0), 6u);
}

// Weights whose sums are rounded: the last target below the total can lie past the end of a subtree.
TEST(SumTree, NeverFindsAWeightlessLeafWhereSumsAreRounded)
{
    std::mt19937_64 random(3);
    for (int trial = 0; trial < 300; ++trial) {
        SumTree tree(1 + random() % 40);
        for (std::size_t i = 0; i < tree.capacity(); ++i)
            if (random() % 2 == 0)
                tree.set(i, std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % 80) - 110));
        if (!(tree.total() > 0.0))
            continue;
        ASSERT_NO_THROW(tree.check_valid());
        double running = 0.0;
        for (std::size_t i = 0; i < tree.capacity(); ++i) {
            running += tree.get(i);
            for (const double target : {std::nextafter(running, 0.0), running, std::nextafter(tree.total(), 0.0)})
                if (target < tree.total()) {
                    ASSERT_GT(tree.get(tree.find(target)), 0.0);
                }
        }
    }
}

TEST(SumTree, RefusesTargetsOutsideItsRange)
{
    SumTree tree(3);
    EXPECT_THROW((void)tree.find(0.0), std::invalid_argument); // total is 0
    tree.set(1, 2.0);
    EXPECT_THROW((void)tree.find(2.0), std::invalid_argument);
    EXPECT_THROW((void)tree.find(-0.5), std::invalid_argument);
    EXPECT_THROW((void)tree.find(std::nan("")), std::invalid_argument);
}

TEST(SumTree, RefusesBadWeightsAndLeaves)
{
    EXPECT_THROW(SumTree(0), std::invalid_argument);
    SumTree tree(3);
    tree.set(0, 1.0);
    EXPECT_THROW(tree.set(0, -1.0), std::invalid_argument);
    EXPECT_THROW(tree.set(0, std::nan("")), std::invalid_argument);
    EXPECT_THROW(tree.set(0, std::numeric_limits<double>::infinity()), std::invalid_argument);
    EXPECT_THROW(tree.set(3, 1.0), std::out_of_range); // exists as a leaf of the tree of four
    EXPECT_THROW((void)tree.get(3), std::out_of_range);
    EXPECT_EQ(tree.get(0), 1.0);
    EXPECT_EQ(tree.total(), 1.0);
}

} // namespace
