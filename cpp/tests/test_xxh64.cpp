#include <string_view>

#include <gtest/gtest.h>

#include "ruvllm/numeric/xxh64.hpp"

using ruvllm::numeric::xxh64;

namespace {

std::uint64_t hash(std::string_view text) { return xxh64(std::as_bytes(std::span(text))); }

// What the authors' program says.
TEST(Xxh64, IsThatOfTheSpecification)
{
    EXPECT_EQ(hash(""), 0xef46db3751d8e999u);
    EXPECT_EQ(hash("a"), 0xd24ec4f1a98c6e5bu);
    EXPECT_EQ(hash("abc"), 0x44bc2cf5ad770999u);
    EXPECT_EQ(hash("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1u);
}

TEST(Xxh64, DependsOnEveryByte)
{
    std::string text(67, 'x');
    const std::uint64_t before = hash(text);
    for (char& each : text) {
        each = 'y';
        EXPECT_NE(hash(text), before);
        each = 'x';
    }
    EXPECT_NE(hash(text.substr(1)), before);
}

} // namespace
