// hamming_many, first_within: in how many bits rows differ from the query.
#include "every_isa.hpp"

using namespace ruvllm::testing;

namespace {

class Hamming : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(Hamming);

std::uint32_t count_one_by_one(const std::uint64_t* a, const std::uint64_t* b, std::size_t n_words)
{
    std::uint32_t different = 0;
    for (std::size_t bit = 0; bit < 64 * n_words; ++bit)
        different += ((a[bit / 64] >> (bit % 64)) & 1u) != ((b[bit / 64] >> (bit % 64)) & 1u);
    return different;
}

std::vector<std::uint64_t> random_words(Random& random, std::size_t n)
{
    std::vector<std::uint64_t> words(n);
    for (std::uint64_t& word : words)
        word = (std::uint64_t{random.word()} << 32) | random.word();
    return words;
}

TEST_P(Hamming, CountsAsOneByOneAndStaysInside)
{
    Random random(7);
    constexpr std::uint32_t guard = 0xdeadbeef;
    for (const std::size_t n_words : {0u, 1u, 2u, 3u, 7u, 8u, 9u, 16u, 24u, 64u, 65u}) {
        for (const std::size_t n_rows : {0u, 1u, 2u, 5u, 9u}) {
            SCOPED_TRACE("words = " + std::to_string(n_words) + ", rows = " + std::to_string(n_rows));
            const auto query = random_words(random, n_words), rows = random_words(random, n_rows * n_words);
            std::vector<std::uint32_t> out(n_rows + 16, guard);
            kernels.hamming_many(query.data(), rows.data(), n_rows, n_words, out.data() + 8);
            for (std::size_t i = 0; i < out.size(); ++i) {
                const bool inside = i >= 8 && i < 8 + n_rows;
                EXPECT_EQ(out[i], inside ? count_one_by_one(query.data(), rows.data() + (i - 8) * n_words, n_words)
                                         : guard)
                    << i;
            }
        }
    }
}

// Rows that agree with the query more or less, some of them at the limit.
TEST_P(Hamming, FirstWithinIsTheFirstOfTheRangeThatAgrees)
{
    Random random(9);
    for (const std::size_t n_rows : {1u, 7u, 8u, 9u, 30u}) {
        const auto query = random_words(random, 4);
        std::vector<std::uint64_t> rows, blocks((n_rows + 7) / 8 * 32, 0);
        for (std::size_t r = 0; r < n_rows; ++r)
            for (std::size_t w = 0; w < 4; ++w) {
                rows.push_back(query[w] ^ (r % 3 == 0 ? random_words(random, 1)[0] : std::uint64_t{1} << r));
                blocks[r / 8 * 32 + w * 8 + r % 8] = rows.back();
            }
        for (std::size_t begin = 0; begin <= n_rows; ++begin)
            for (std::size_t end = begin; end <= n_rows; ++end)
                for (const std::uint32_t most : {0u, 3u, 4u, 130u, 256u}) {
                    std::size_t expected = begin;
                    while (expected < end && count_one_by_one(query.data(), rows.data() + 4 * expected, 4) > most)
                        ++expected;
                    EXPECT_EQ(kernels.first_within(query.data(), blocks.data(), begin, end, most), expected)
                        << n_rows << " " << begin << " " << end << " " << most;
                }
    }
}

TEST_P(Hamming, EqualIsZeroAndComplementIsEveryBit)
{
    Random random(8);
    const auto query = random_words(random, 24);
    std::vector<std::uint64_t> rows = query;
    for (const std::uint64_t word : query)
        rows.push_back(~word);
    std::uint32_t out[2];
    kernels.hamming_many(query.data(), rows.data(), 2, 24, out);
    EXPECT_EQ(out[0], 0u);
    EXPECT_EQ(out[1], 24u * 64u);
}

TEST_P(Hamming, EachSingleBitCounts)
{
    for (std::size_t bit = 0; bit < 192; ++bit) {
        const std::uint64_t zeros[3] = {};
        std::uint64_t row[3] = {};
        row[bit / 64] = std::uint64_t{1} << (bit % 64);
        std::uint32_t out = 0;
        kernels.hamming_many(zeros, row, 1, 3, &out);
        EXPECT_EQ(out, 1u) << bit;
    }
}

} // namespace
