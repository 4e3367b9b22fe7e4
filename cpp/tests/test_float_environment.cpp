// The guard: results do not depend on the floating-point environment that a thread came with.
#include "ruvllm/numeric/float_environment.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "engine_cases.hpp"
#include "ruvllm/numeric/exp_log.hpp"
#include "ruvllm/simd/dispatch.hpp"

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>

namespace {

using namespace ruvllm::testing;
using ruvllm::numeric::FloatEnvironmentGuard;

constexpr unsigned standard = 0x1f80, flush_to_zero = 0x8000, denormals_are_zero = 0x0040, towards_zero = 0x6000;
constexpr unsigned hostile = standard | flush_to_zero | denormals_are_zero | towards_zero;

// MXCSR while an object of this class lives; a failed test must not leave it behind.
class Mxcsr {
public:
    explicit Mxcsr(unsigned value) : saved_(_mm_getcsr()) { _mm_setcsr(value); }
    ~Mxcsr() { _mm_setcsr(saved_); }
    Mxcsr(const Mxcsr&) = delete;
    Mxcsr& operator=(const Mxcsr&) = delete;

private:
    unsigned saved_;
};

TEST(FloatEnvironmentGuard, SetsTheStandardAndRestoresWhatItFound)
{
    for (const unsigned before : {standard, hostile, standard | flush_to_zero, standard | 0x2000u, standard | 0x3fu}) {
        const Mxcsr environment(before);
        {
            const FloatEnvironmentGuard guard;
            EXPECT_EQ(_mm_getcsr(), standard);
            const FloatEnvironmentGuard again;
            EXPECT_EQ(_mm_getcsr(), standard);
        }
        EXPECT_EQ(_mm_getcsr(), before);
    }
}

TEST(FloatEnvironmentGuard, RestoresAfterAnException)
{
    const Mxcsr environment(hostile);
    try {
        const FloatEnvironmentGuard guard;
        throw 1;
    } catch (int) {
    }
    EXPECT_EQ(_mm_getcsr(), hostile);
}

std::vector<double> exponentials()
{
    std::vector<double> values;
    for (double x = -709.0; x < 709.0; x += 0.37)
        values.push_back(ruvllm::numeric::exp(x));
    for (double x = 1e-320; x < 1e300; x *= 7.3)
        values.push_back(ruvllm::numeric::log(x));
    return values;
}

TEST(FloatEnvironmentGuard, ExpAndLogKeepTheirBits)
{
    const auto expected = exponentials();
    const Mxcsr environment(hostile);
    EXPECT_NE(exponentials(), expected); // the environment does matter
    const FloatEnvironmentGuard guard;
    EXPECT_EQ(exponentials(), expected);
}

TEST(FloatEnvironmentGuard, AnEngineKeepsItsBits)
{
    const auto& kernels = ruvllm::simd::default_kernels();
    const RunRecord expected = short_run(kernels);
    const Mxcsr environment(hostile);
    EXPECT_FALSE(short_run(kernels) == expected); // the environment does matter
    {
        const FloatEnvironmentGuard guard;
        EXPECT_TRUE(short_run(kernels) == expected);
    }
    EXPECT_EQ(_mm_getcsr() & ~0x3fu, hostile); // but for the flags that the run without a guard raised
}

} // namespace
#endif
