// exp and log in double precision, the same bits on every CPU and C library.
//
// Only the arithmetic of simd/exp_log_parts.hpp and exact scaling by powers of two are used.
// Error below 1 ulp over the whole range of normal results; results below the smallest normal number become 0.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "ruvllm/simd/exp_log_parts.hpp"

namespace ruvllm::numeric {

namespace detail {

using Parts = simd::ExpLogParts<void>;

} // namespace detail

// e^x; +inf above 709.78, 0 below -708.39, NaN for NaN.
[[nodiscard]] inline double exp(double x) noexcept
{
    if (std::isnan(x))
        return x;
    if (x > 709.782712893384)
        return std::numeric_limits<double>::infinity();
    if (x < -708.3964185322641)
        return 0.0;
    const int n = detail::Parts::exponent(x);
    const double y = detail::Parts::exp(x, n);
    return n == 1024 ? 2.0 * detail::Parts::scaled(y, 1023) : detail::Parts::scaled(y, n);
}

// Natural logarithm; -inf for 0, NaN below 0.
[[nodiscard]] inline double log(double x) noexcept
{
    if (std::isnan(x) || x < 0.0)
        return std::numeric_limits<double>::quiet_NaN();
    if (x == 0.0)
        return -std::numeric_limits<double>::infinity();
    if (std::isinf(x))
        return x;
    int k = 0;
    if (x < std::numeric_limits<double>::min()) { // subnormal: scale up, exactly
        x *= 0x1p54;
        k = -54;
    }
    auto bits = std::bit_cast<std::uint64_t>(x);
    k += static_cast<int>(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
    double m = std::bit_cast<double>(bits); // 1 <= m < 2
    if (m > detail::Parts::sqrt_2) {
        m *= 0.5;
        ++k;
    }
    return detail::Parts::log(m, k);
}

// x^y for x > 0, with our own exp and log.
[[nodiscard]] inline double power(double x, double y) noexcept { return numeric::exp(y * numeric::log(x)); }

} // namespace ruvllm::numeric
