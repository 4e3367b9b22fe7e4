#include "ruvllm/text/ngram_encoder.hpp"

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "ruvllm/text/murmur3.hpp"

namespace {

using ruvllm::components::for_each_ngram;
using ruvllm::components::murmur3_32;
using ruvllm::components::NgramEncoder;
using Strings = std::vector<std::string>;

Strings ngrams(std::string_view text)
{
    Strings found;
    for_each_ngram(text, [&](std::string_view ngram) { found.emplace_back(ngram); });
    return found;
}

std::vector<float> encode(const NgramEncoder& encoder, const Strings& texts)
{
    std::vector<float> rows(texts.size() * encoder.dim(), -1.0f);
    encoder.encode(texts, rows.data());
    return rows;
}

// Published test vectors of the algorithm, and its ends: each length of the tail.
TEST(Murmur3, HasThePublishedValues)
{
    EXPECT_EQ(murmur3_32(""), 0u);
    EXPECT_EQ(murmur3_32("", 1), 0x514e28b7u);
    EXPECT_EQ(murmur3_32("", 0xffffffff), 0x81f16f39u);
    EXPECT_EQ(murmur3_32("\xff\xff\xff\xff"), 0x76293b50u);
    EXPECT_EQ(murmur3_32("\x21\x43\x65\x87"), 0xf55b516bu);
    EXPECT_EQ(murmur3_32("\x21\x43\x65\x87", 0x5082edee), 0x2362f9deu);
    EXPECT_EQ(murmur3_32("\x21\x43\x65"), 0x7e4a8634u);
    EXPECT_EQ(murmur3_32("\x21\x43"), 0xa0f7b07au);
    EXPECT_EQ(murmur3_32("\x21"), 0x72661cf4u);
    EXPECT_EQ(murmur3_32("Hello, world!", 0x9747b28c), 0x24884cbau);
}

TEST(Ngrams, StayInsideWordsPaddedByOneSpace)
{
    EXPECT_EQ(ngrams("abc"), (Strings{" ab", "abc", "bc ", " abc", "abc ", " abc "}));
}

TEST(Ngrams, CountAShortWordOnce)
{
    EXPECT_EQ(ngrams("a"), (Strings{" a "}));
    EXPECT_EQ(ngrams("ab"), (Strings{" ab", "ab ", " ab "}));
}

TEST(Ngrams, AreOfCodePointsNotBytes)
{
    EXPECT_EQ(ngrams("é"), (Strings{" é "}));
    EXPECT_EQ(ngrams("漢é"), (Strings{" 漢é", "漢é ", " 漢é "}));
}

TEST(Ngrams, OfSpacesAreNone)
{
    EXPECT_TRUE(ngrams("").empty());
    EXPECT_TRUE(ngrams(" ").empty());
    EXPECT_EQ(ngrams("  a  b "), (Strings{" a ", " b "}));
}

TEST(NgramEncoder, PutsASignedUnitAtTheHash)
{
    constexpr std::size_t dim = 1000;
    const auto rows = encode(NgramEncoder(dim), {"a"});
    const std::uint32_t hash = murmur3_32(" a ");
    const bool negative = hash >> 31;
    const std::uint32_t magnitude = negative ? 0u - hash : hash;
    for (std::size_t i = 0; i < dim; ++i)
        EXPECT_EQ(rows[i], i == magnitude % dim ? (negative ? -1.0f : 1.0f) : 0.0f);
}

TEST(NgramEncoder, RowsHaveLengthOneAndTextlessOnesAreZero)
{
    const auto rows = encode(NgramEncoder(64), {"def f return x", " ", ""});
    double squares[3] = {};
    for (std::size_t i = 0; i < rows.size(); ++i)
        squares[i / 64] += static_cast<double>(rows[i]) * static_cast<double>(rows[i]);
    EXPECT_NEAR(squares[0], 1.0, 1e-6);
    EXPECT_EQ(squares[1], 0.0);
    EXPECT_EQ(squares[2], 0.0);
}

// Two words in two elements: the ratio of the elements is the ratio of the weights.
TEST(NgramEncoder, WeighsRareNgramsMore)
{
    NgramEncoder encoder(997);
    encoder.fit(Strings{"a b", "a", "a a a", "c"});
    const auto row = encode(encoder, {"a b"});
    const auto at = [&](std::string_view ngram) {
        const std::uint32_t hash = murmur3_32(ngram);
        return std::fabs(row[(hash >> 31 ? 0u - hash : hash) % 997]);
    };
    const double weight_a = std::log(5.0 / 4.0) + 1.0, weight_b = std::log(5.0 / 2.0) + 1.0;
    EXPECT_NEAR(at(" b ") / at(" a "), weight_b / weight_a, 1e-6);
}

TEST(NgramEncoder, ForgetsAnEarlierFit)
{
    NgramEncoder twice(64), once(64);
    twice.fit(Strings{"one two three", "four"});
    twice.fit(Strings{"five"});
    once.fit(Strings{"five"});
    EXPECT_EQ(encode(twice, {"one five"}), encode(once, {"one five"}));
}

// One row for one text, whatever was encoded before it.
TEST(NgramEncoder, RowsDoNotDependOnEachOther)
{
    NgramEncoder encoder(128);
    encoder.fit(Strings{"alpha beta", "beta"});
    const auto together = encode(encoder, {"alpha", "", "beta gamma"});
    const auto alone = encode(encoder, {"beta gamma"});
    EXPECT_EQ(std::vector<float>(together.begin() + 256, together.end()), alone);
}

TEST(NgramEncoder, RefusesNoDimensions)
{
    EXPECT_THROW(NgramEncoder(0), std::invalid_argument);
}

} // namespace
