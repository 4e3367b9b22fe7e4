#include "ruvllm/text/hash_counts.hpp"

#include <cstdint>
#include <random>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

namespace {

using ruvllm::components::HashCounts;

// Naive twin: a standard map, and the order of first occurrence.
void expect_counts(const HashCounts& counts, const std::vector<std::uint32_t>& hashes)
{
    std::unordered_map<std::uint32_t, std::uint32_t> expected;
    std::vector<std::uint32_t> order;
    for (const std::uint32_t hash : hashes)
        if (++expected[hash] == 1)
            order.push_back(hash);
    ASSERT_EQ(counts.entries().size(), order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        EXPECT_EQ(counts.entries()[i].hash, order[i]);
        EXPECT_EQ(counts.entries()[i].count, expected[order[i]]);
    }
}

// Far more entries than the first slots, then few again; hashes that all belong to the same slot are among them.
TEST(HashCounts, AgreesWithAMapOverManyRounds)
{
    std::mt19937 random(1);
    HashCounts counts;
    for (const std::size_t n : {0u, 1u, 500u, 513u, 20'000u, 3u, 0u, 700u}) {
        std::vector<std::uint32_t> hashes;
        for (std::size_t i = 0; i < n; ++i)
            hashes.push_back(static_cast<std::uint32_t>(random() % 2 ? random() % 5000 : (random() % 64) << 20));
        counts.clear();
        for (const std::uint32_t hash : hashes)
            counts.add(hash);
        expect_counts(counts, hashes);
    }
}

TEST(HashCounts, TellsApartHashesOfOneSlot)
{
    HashCounts counts;
    const std::vector<std::uint32_t> hashes{5, 5 + 1024, 5, 5 + 2048, 0, 0xffffffff, 5 + 1024};
    for (const std::uint32_t hash : hashes)
        counts.add(hash);
    expect_counts(counts, hashes);
}

} // namespace
