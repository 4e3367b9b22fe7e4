// The guard: results do not depend on the floating-point environment that a thread came with.
#include "ruvllm/numeric/float_environment.hpp"

#include <bit>
#include <cstdint>
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

// Made before the environment is changed.
std::vector<double> points()
{
    std::vector<double> x;
    for (double v = -709.0; v < 709.0; v += 0.37)
        x.push_back(v);
    for (double v = 1e-320; v < 1e300; v *= 7.3)
        x.push_back(v);
    return x;
}

std::vector<double> exp_and_log(const std::vector<double>& points)
{
    std::vector<double> values;
    for (const double x : points) {
        values.push_back(ruvllm::numeric::exp(x));
        values.push_back(x > 0.0 ? ruvllm::numeric::log(x) : 0.0);
    }
    return values;
}

TEST(FloatEnvironmentGuard, ExpAndLogKeepTheirBits)
{
    const auto x = points();
    const auto expected = exp_and_log(x);
    const Mxcsr environment(hostile);
    EXPECT_NE(exp_and_log(x), expected); // the environment does matter
    const FloatEnvironmentGuard guard;
    EXPECT_EQ(exp_and_log(x), expected);
}

// Nothing but registers: beside a guard alone the division may take place after it.
[[gnu::noinline]] double quotient(double x, double y)
{
    return ruvllm::numeric::in_standard_environment([=] { return x / y; });
}

TEST(FloatEnvironmentGuard, ArithmeticInRegistersStaysInside)
{
    for (int i = 1; i < 1000; ++i) {
        const double expected = quotient(1.0, i);
        const Mxcsr environment(hostile);
        ASSERT_EQ(quotient(1.0, i), expected) << i;
    }
    const double smallest = quotient(1e-310, 1.5);
    const Mxcsr environment(hostile);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(quotient(1e-310, 1.5)), std::bit_cast<std::uint64_t>(smallest));
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
