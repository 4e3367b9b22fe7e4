// A GoogleTest suite that runs once for each instruction set of this CPU.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cases.hpp"
#include "reference.hpp"
#include "ruvllm/simd/dispatch.hpp"

namespace ruvllm::testing {

class EveryIsa : public ::testing::TestWithParam<simd::Isa> {
protected:
    const simd::KernelTable& kernels = simd::kernels_for(GetParam());
};

// GoogleTest passes a suite over an empty list; a suite that tested nothing must fail.
[[nodiscard]] inline std::vector<simd::Isa> tested_isas()
{
    std::vector<simd::Isa> isas = simd::available_isas();
    if (isas.empty())
        throw std::logic_error("no instruction set to test");
    return isas;
}

[[nodiscard]] inline std::string isa_label(const ::testing::TestParamInfo<simd::Isa>& info)
{
    std::string label(simd::name(info.param));
    std::ranges::replace(label, '.', '_');
    return label;
}

[[nodiscard]] inline ::testing::AssertionResult has_bits(float actual, float expected)
{
    if (same_bits(actual, expected))
        return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << ::testing::PrintToString(actual) << " has not the bits of "
                                         << ::testing::PrintToString(expected);
}

} // namespace ruvllm::testing

#define RUVLLM_ON_EVERY_ISA(suite)                                                                                     \
    INSTANTIATE_TEST_SUITE_P(Isa, suite, ::testing::ValuesIn(ruvllm::testing::tested_isas()),                          \
                             ruvllm::testing::isa_label)
