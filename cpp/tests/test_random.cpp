// Philox and the streams over it.
#include "ruvllm/numeric/random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "counts.hpp"

namespace {

using ruvllm::numeric::philox;
using ruvllm::numeric::PhiloxBlock;
using ruvllm::numeric::Purpose;
using ruvllm::numeric::RandomStream;
using ruvllm::testing::expect_uniform;

std::vector<std::uint64_t> draw(RandomStream stream, std::size_t n)
{
    std::vector<std::uint64_t> values(n);
    for (std::uint64_t& v : values)
        v = stream.next_u64();
    return values;
}

// Known answers of Random123 (kat_vectors, philox4x64-10).
TEST(Philox, HasThePublishedAnswers)
{
    constexpr std::uint64_t ones = UINT64_MAX;
    EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
              (PhiloxBlock{0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b}));
    EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}),
              (PhiloxBlock{0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0}));
    EXPECT_EQ(philox({0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89},
                     {0x452821e638d01377, 0xbe5466cf34e90c6c}),
              (PhiloxBlock{0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6}));
}

// numpy.random.Philox(key=[7, 3], counter=[2**64 - 1, 2**64 - 1, 10, 5]) adds 1 before its first block.
TEST(RandomStream, BlocksAreThoseOfNumpy)
{
    const auto values = draw(RandomStream(7, Purpose::replay, 11, 5), 8);
    EXPECT_EQ(values, (std::vector<std::uint64_t>{0xa3e2529396011d97, 0xc423355cd4d2bb86, 0x350704e10cdb90c3,
                                                  0x507ae228a9188f9c, 0xa478d064408dc007, 0xdf9cf3eae5204fcf,
                                                  0x9b44eb03b3339e96, 0x33d354fbab116d14}));
}

// The numbers of the purposes are part of every hash.
TEST(RandomStream, PurposesKeepTheirNumbers)
{
    EXPECT_EQ(static_cast<int>(Purpose::user), 0);
    EXPECT_EQ(static_cast<int>(Purpose::adapter_init), 1);
    EXPECT_EQ(static_cast<int>(Purpose::task_choice), 2);
    EXPECT_EQ(static_cast<int>(Purpose::replay), 3);
    EXPECT_EQ(static_cast<int>(Purpose::control), 5);
    EXPECT_EQ(static_cast<int>(Purpose::world), 7);
    EXPECT_EQ(static_cast<int>(Purpose::task_vectors), 10);
    EXPECT_EQ(static_cast<int>(Purpose::dataset), 11);
    EXPECT_EQ(static_cast<int>(Purpose::sketch), 16);
}

TEST(RandomStream, OtherNamesGiveOtherNumbers)
{
    std::set<std::uint64_t> seen;
    std::size_t drawn = 0;
    for (const std::uint64_t seed : {0u, 1u, 2u})
        for (const Purpose purpose : {Purpose::user, Purpose::adapter_init, Purpose::task_choice})
            for (const std::uint64_t index : {0u, 1u, 2u})
                for (const std::uint64_t subindex : {0u, 1u, 2u}) {
                    const auto values = draw(RandomStream(seed, purpose, index, subindex), 12);
                    seen.insert(values.begin(), values.end());
                    drawn += values.size();
                }
    EXPECT_EQ(seen.size(), drawn);
}

TEST(RandomStream, StartsAgain)
{
    RandomStream stream(5, Purpose::task, 9);
    const auto first = draw(stream, 100);
    EXPECT_EQ(draw(RandomStream(5, Purpose::task, 9), 100), first);
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(stream.next_u64(), first[static_cast<std::size_t>(i)]);
    RandomStream copy = stream; // goes on at the same place
    EXPECT_EQ(copy.next_u64(), first[3]);
    EXPECT_EQ(stream.next_u64(), first[3]);
}

TEST(RandomStream, BitsAreTheHalvesOfTheNumbers)
{
    const auto values = draw(RandomStream(3, Purpose::family, 1), 40);
    for (const std::size_t n : {8u, 16u, 48u, 80u}) {
        std::vector<std::uint32_t> words(n);
        RandomStream(3, Purpose::family, 1).fill_bits(words);
        for (std::size_t i = 0; i < n; ++i)
            EXPECT_EQ(words[i], static_cast<std::uint32_t>(values[i / 2] >> (32 * (i % 2)))) << i;
    }
}

// What does not fill a block takes the lower half of one number each.
TEST(RandomStream, BitsOfAnAwkwardLengthFillEveryWord)
{
    const auto values = draw(RandomStream(3, Purpose::family, 1), 40);
    for (const std::size_t n : {0u, 1u, 7u, 9u, 15u}) {
        std::vector<std::uint32_t> words(n);
        RandomStream(3, Purpose::family, 1).fill_bits(words);
        const std::size_t whole = n / 8 * 8;
        for (std::size_t i = whole; i < n; ++i)
            EXPECT_EQ(words[i], static_cast<std::uint32_t>(values[whole / 2 + i - whole])) << n << " " << i;
    }
}

TEST(RandomStream, EveryBitIsSetHalfTheTime)
{
    std::vector<std::uint32_t> words(80'000);
    RandomStream(4, Purpose::task_vectors).fill_bits(words);
    for (int bit = 0; bit < 32; ++bit) {
        std::size_t set = 0;
        for (const std::uint32_t word : words)
            set += (word >> bit) & 1u;
        EXPECT_NEAR(static_cast<double>(set), 40'000.0, 4.0 * std::sqrt(20'000.0)) << bit;
    }
}

TEST(RandomStream, FillsWithItsNextNumbersFromAnyPlaceOn)
{
    for (std::size_t before = 0; before < 6; ++before)
        for (std::size_t n = 0; n < 12; ++n) {
            RandomStream one(5, Purpose::user), other(5, Purpose::user);
            for (std::size_t i = 0; i < before; ++i)
                ASSERT_EQ(one.next_u64(), other.next_u64());
            std::vector<std::uint64_t> numbers(n);
            one.fill(numbers);
            for (const std::uint64_t number : numbers)
                ASSERT_EQ(number, other.next_u64()) << before << ' ' << n;
            ASSERT_EQ(one.next_u64(), other.next_u64()) << before << ' ' << n;
        }
}

TEST(RandomStream, UniformIsUniform)
{
    RandomStream stream(6, Purpose::user);
    std::vector<std::size_t> counts(100);
    for (int i = 0; i < 50'000; ++i) {
        const double u = stream.uniform();
        ASSERT_GE(u, 0.0);
        ASSERT_LT(u, 1.0);
        ++counts[static_cast<std::size_t>(u * 100.0)];
    }
    expect_uniform(counts);
}

TEST(RandomStream, UniformIsTheTop53Bits)
{
    RandomStream bits(8, Purpose::user), stream(8, Purpose::user);
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(std::ldexp(stream.uniform(), 53), static_cast<double>(bits.next_u64() >> 11));
}

TEST(RandomStream, BelowIsUniform)
{
    for (const std::uint64_t n : {2u, 3u, 7u, 8u, 100u}) {
        RandomStream stream(n, Purpose::user);
        std::vector<std::size_t> counts(n);
        for (int i = 0; i < 50'000; ++i)
            ++counts[stream.below(n)];
        expect_uniform(counts);
    }
}

// Where the remainder matters most: without rejection the lower half of [0, 3 * 2^62) would be drawn twice as often.
TEST(RandomStream, BelowHasNoBiasForALargeRange)
{
    const std::uint64_t n = 3u * (std::uint64_t{1} << 62);
    RandomStream stream(9, Purpose::user);
    std::vector<std::size_t> counts(3);
    for (int i = 0; i < 50'000; ++i)
        ++counts[stream.below(n) >> 62];
    expect_uniform(counts);
}

TEST(Below, DrawsTheNumbersOfTheStreamForEveryN)
{
    RandomStream sizes(11, Purpose::user);
    std::vector<std::uint64_t> ns{UINT64_MAX, UINT64_MAX - 1, (std::uint64_t{1} << 63) + 1};
    for (std::uint64_t n = 1; n <= 100; ++n)
        ns.push_back(n);
    for (unsigned shift = 0; shift < 64; ++shift) {
        ns.push_back(std::uint64_t{1} << shift);
        ns.push_back((sizes.next_u64() >> shift) | 1u);
    }
    for (const std::uint64_t n : ns) {
        const ruvllm::numeric::Below below(n);
        RandomStream one(n, Purpose::user), other(n, Purpose::user);
        for (int i = 0; i < 50; ++i)
            ASSERT_EQ(below(one), other.below(n)) << n;
        std::vector<std::uint64_t> many(37);
        below.fill(one, many);
        for (const std::uint64_t number : many)
            ASSERT_EQ(number, other.below(n)) << n;
        ASSERT_EQ(one.next_u64(), other.next_u64()) << n;
    }
    EXPECT_THROW(ruvllm::numeric::Below(0), std::invalid_argument);
}

TEST(RandomStream, BelowAtItsEnds)
{
    RandomStream stream(1, Purpose::user);
    EXPECT_EQ(stream.below(1), 0u);
    EXPECT_LT(stream.below(UINT64_MAX), UINT64_MAX);
    EXPECT_THROW((void)stream.below(0), std::invalid_argument);
}

double normal_distribution(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

TEST(RandomStream, NormalHasItsMomentsAndItsDistribution)
{
    constexpr std::size_t n = 100'000;
    RandomStream stream(12, Purpose::user);
    std::vector<double> values(n);
    double moments[5] = {};
    for (double& v : values) {
        v = stream.normal();
        for (int k = 1; k <= 4; ++k)
            moments[k] += std::pow(v, k) / static_cast<double>(n);
    }
    const double deviation = 4.0 / std::sqrt(static_cast<double>(n)); // times the deviation of each power
    EXPECT_NEAR(moments[1], 0.0, deviation);
    EXPECT_NEAR(moments[2], 1.0, deviation * std::sqrt(2.0));
    EXPECT_NEAR(moments[3], 0.0, deviation * std::sqrt(15.0));
    EXPECT_NEAR(moments[4], 3.0, deviation * std::sqrt(96.0));

    std::sort(values.begin(), values.end());
    double largest = 0.0; // Kolmogorov-Smirnov; 2.3 is exceeded once in 20,000 times
    for (std::size_t i = 0; i < n; ++i)
        largest = std::max(largest, std::fabs(normal_distribution(values[i]) - (static_cast<double>(i) + 0.5) / n));
    EXPECT_LT(largest, 2.3 / std::sqrt(static_cast<double>(n)));
}

TEST(RandomStream, SuccessiveNormalsAreUncorrelated)
{
    RandomStream stream(13, Purpose::user);
    double sum = 0.0, before = stream.normal();
    for (int i = 0; i < 50'000; ++i) {
        const double value = stream.normal();
        sum += value * before;
        before = value;
    }
    EXPECT_NEAR(sum / 50'000, 0.0, 4.0 / std::sqrt(50'000.0));
}

TEST(RandomStream, ShuffleGivesEachOrderEquallyOften)
{
    RandomStream stream(14, Purpose::user);
    std::vector<std::size_t> counts(24);
    for (int i = 0; i < 48'000; ++i) {
        std::array<int, 4> order{0, 1, 2, 3};
        stream.shuffle(std::span<int>(order));
        std::size_t rank = 0; // number of the permutation
        std::array<int, 4> permutation{0, 1, 2, 3};
        while (permutation != order) {
            std::next_permutation(permutation.begin(), permutation.end());
            ++rank;
        }
        ++counts[rank];
    }
    expect_uniform(counts);
}

TEST(RandomStream, ShuffleOfNothingOrOneDrawsNothing)
{
    RandomStream stream(15, Purpose::user);
    std::vector<int> none, one{7};
    stream.shuffle(std::span<int>(none));
    stream.shuffle(std::span<int>(one));
    EXPECT_EQ(one[0], 7);
    EXPECT_EQ(stream.next_u64(), RandomStream(15, Purpose::user).next_u64());
}

} // namespace
