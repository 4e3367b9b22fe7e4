// Names of instruction sets and the choice of a kernel table.
#include <algorithm>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "ruvllm/simd/dispatch.hpp"

using namespace ruvllm::simd;

namespace {

template <class F>
std::string invalid_argument_message(F f)
{
    try {
        f();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "no std::invalid_argument";
}

bool is_available(Isa isa)
{
    return std::ranges::count(available_isas(), isa) == 1;
}

TEST(Isa, NameAndParseAreInverse)
{
    for (const Isa isa : all_isas)
        EXPECT_EQ(parse_isa(name(isa)), isa);
    EXPECT_EQ(parse_isa("sse4.1"), Isa::sse4_1);
    EXPECT_EQ(parse_isa("neon"), Isa::neon);
}

TEST(Isa, ParseRefusesOtherNamesAndSaysWhich)
{
    for (const std::string text : {"", "AVX2", "avx", "sse4_1", "auto", "avx2 ", "avx5120"})
        EXPECT_EQ(invalid_argument_message([&] { (void)parse_isa(text); }),
                  "instruction set must be one of scalar, sse4.1, avx2, avx512, neon, not '" + text + "'");
}

TEST(Isa, ScalarIsAlwaysThereAndFirst)
{
    ASSERT_FALSE(available_isas().empty());
    EXPECT_EQ(available_isas().front(), Isa::scalar);
}

TEST(Isa, AvailableIsWhatThisCpuHas)
{
#if defined(__x86_64__) && defined(__GNUC__)
    EXPECT_EQ(is_available(Isa::sse4_1), __builtin_cpu_supports("sse4.1") != 0);
    EXPECT_EQ(is_available(Isa::avx2), __builtin_cpu_supports("avx2") != 0);
    EXPECT_EQ(is_available(Isa::avx512), __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                                             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"));
    EXPECT_FALSE(is_available(Isa::neon));
#elif defined(__aarch64__)
    EXPECT_TRUE(is_available(Isa::neon));
    EXPECT_EQ(available_isas().size(), 2u);
#else
    GTEST_SKIP() << "no second opinion on this CPU";
#endif
}

TEST(Isa, EachTableCarriesItsName)
{
    for (const Isa isa : available_isas())
        EXPECT_EQ(kernels_for(isa).isa, isa);
}

TEST(Isa, TablesAreDistinct)
{
    const auto isas = available_isas();
    for (std::size_t i = 0; i < isas.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            EXPECT_NE(kernels_for(isas[i]).dot, kernels_for(isas[j]).dot);
}

TEST(Isa, MissingInstructionSetIsRefusedAndTheMessageListsWhatThereIs)
{
    std::string known;
    for (const Isa isa : available_isas())
        known += (known.empty() ? "" : ", ") + std::string(name(isa));
    int refused = 0;
    for (const Isa isa : all_isas) {
        if (is_available(isa))
            continue;
        ++refused;
        EXPECT_EQ(invalid_argument_message([&] { (void)kernels_for(isa); }),
                  "instruction set '" + std::string(name(isa)) + "' is not available on this CPU; there is " + known);
    }
    EXPECT_GT(refused, 0); // no CPU has both AVX2 and NEON
}

} // namespace
