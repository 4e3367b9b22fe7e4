#include "ruvllm/text/es_number.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ruvllm/numeric/float_environment.hpp"

using namespace ruvllm::numeric;

namespace {

double from_bits(std::uint64_t bits) { return std::bit_cast<double>(bits); }

// RFC 8785, appendix B.
TEST(EsNumber, MatchesTheSamplesOfRfc8785)
{
    const std::vector<std::pair<std::uint64_t, std::string>> samples = {
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
    };
    for (const auto& [bits, text] : samples)
        EXPECT_EQ(es_number(from_bits(bits)), text);
}

TEST(EsNumber, WritesFloatsWithTheirOwnShortestDigits)
{
    EXPECT_EQ(es_number(0.1F), "0.1");
    EXPECT_EQ(es_number(1e-6F), "0.000001");
    EXPECT_EQ(es_number(1e-7F), "1e-7");
    EXPECT_EQ(es_number(1e20F), "100000000000000000000");
    EXPECT_EQ(es_number(1e21F), "1e+21");
    EXPECT_EQ(es_number(16777216.0F), "16777216");
    EXPECT_EQ(es_number(-2.5F), "-2.5");
    EXPECT_EQ(es_number(-0.0F), "0");
    EXPECT_EQ(es_number(std::numeric_limits<float>::denorm_min()), "1e-45");
    EXPECT_EQ(es_number(std::numeric_limits<float>::max()), "3.4028235e+38");
}

// The digits of std::to_chars, which are the shortest and among those the closest: exponents at their ends, a few
// fractions of each, and many others. All 2^31 positive floats were compared once.
TEST(EsNumber, DigitsOfFloatsAreThoseOfTheStandardLibrary)
{
    const auto expect_same = [](std::uint32_t bits) {
        const auto x = std::bit_cast<float>(bits);
        if (!std::isfinite(x) || !(x > 0.0F))
            return;
        std::array<char, 32> text;
        const char* const end =
            std::to_chars(text.data(), text.data() + text.size(), x, std::chars_format::scientific).ptr;
        const std::string written(text.data(), static_cast<std::size_t>(end - text.data()));
        std::string digits;
        for (const char c : written.substr(0, written.find('e')))
            if (c != '.')
                digits += c;
        const int exponent = std::stoi(written.substr(written.find('e') + 1)) + 1 - static_cast<int>(digits.size());
        ShortestFloat found = shortest_float(x);
        ASSERT_LT(found.digits, 1'000'000'000u);
        for (; found.digits % 10 == 0; found.digits /= 10)
            ++found.exponent;
        ASSERT_EQ(std::to_string(found.digits), digits) << written;
        ASSERT_EQ(found.exponent, exponent) << written;
    };
    for (std::uint32_t biased = 0; biased < 255; ++biased)
        for (const std::uint32_t fraction : {0u, 1u, 2u, 3u, 0x3fffffu, 0x400000u, 0x7ffffeu, 0x7fffffu})
            expect_same(biased << 23 | fraction);
    std::mt19937 bits(3);
    for (int i = 0; i < 500'000; ++i)
        expect_same(static_cast<std::uint32_t>(bits()) >> 1);
}

TEST(EsNumber, EveryFloatComesBackAndItsTextIsStableAsADouble)
{
    std::mt19937 bits(1);
    for (int i = 0; i < 200'000; ++i) {
        const auto x = std::bit_cast<float>(static_cast<std::uint32_t>(bits()));
        if (!std::isfinite(x))
            continue;
        const std::string text = es_number(x);
        ASSERT_EQ(std::strtof(text.c_str(), nullptr), x) << text;
        ASSERT_EQ(es_number(std::strtod(text.c_str(), nullptr)), text);
    }
}

TEST(EsNumber, EveryDoubleComesBackAndFitsTheStatedLength)
{
    std::mt19937_64 bits(2);
    for (int i = 0; i < 200'000; ++i) {
        const double x = from_bits(bits());
        if (!std::isfinite(x))
            continue;
        const std::string text = es_number(x);
        ASSERT_EQ(std::strtod(text.c_str(), nullptr), x) << text;
        ASSERT_LE(text.size(), max_es_number_length);
    }
    EXPECT_EQ(es_number(-0.0000012345678901234567).size(), max_es_number_length);
}

#if defined(__x86_64__) || defined(_M_X64)
TEST(EsNumber, UnderAGuardSubnormalsAreWrittenWhereTheThreadTreatsThemAsZero)
{
    const volatile float smallest = std::numeric_limits<float>::denorm_min();
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040); // FTZ and DAZ
    std::string text;
    {
        const FloatEnvironmentGuard guard;
        const float x = smallest;
        text = es_number(x);
    }
    _mm_setcsr(before);
    EXPECT_EQ(text, "1e-45");
}
#endif

TEST(EsNumber, RefusesWhatJsonCannotHold)
{
    EXPECT_THROW((void)es_number(std::numeric_limits<double>::quiet_NaN()), std::invalid_argument);
    EXPECT_THROW((void)es_number(-std::numeric_limits<float>::infinity()), std::invalid_argument);
    try {
        (void)es_number(-std::numeric_limits<double>::infinity());
    } catch (const std::invalid_argument& error) {
        EXPECT_STREQ(error.what(), "a number in JSON must be finite, not -inf");
    }
}

TEST(EsNumber, WritesLists)
{
    const std::vector<float> values{1.0F, 2.5F, -3e-7F};
    std::string text = "x";
    append_es_list<float>(values, text);
    EXPECT_EQ(text, "x[1,2.5,-3e-7]");
    text.clear();
    append_es_list<float>({}, text);
    EXPECT_EQ(text, "[]");
}

} // namespace
