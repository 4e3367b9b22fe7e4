// exp and log in double precision, the same bits on every CPU and C library.
//
// Only +, -, *, / and exact scaling by powers of two are used, which IEEE 754 rounds in one way everywhere.
// Method and coefficients: fdlibm (Sun Microsystems 1993, e_exp.c and e_log.c). Error below 1 ulp over the whole
// range of normal results; results below the smallest normal number become 0.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace ruvllm::numeric {

namespace detail {

inline constexpr double ln2_high = 6.93147180369123816490e-01;
inline constexpr double ln2_low = 1.90821492927058770002e-10;
inline constexpr double inverse_ln2 = 1.44269504088896338700e+00;

// x 2^n for -1022 <= n <= 1023
[[nodiscard]] inline double scale_by_power_of_two(double x, int n) noexcept
{
    return x * std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52);
}

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
    const int n = static_cast<int>(x * detail::inverse_ln2 + (x < 0 ? -0.5 : 0.5));
    const double high = x - n * detail::ln2_high, low = n * detail::ln2_low;
    const double r = high - low, t = r * r;
    const double c =
        r - t * (1.66666666666666019037e-01 +
                 t * (-2.77777777770155933842e-03 +
                      t * (6.61375632143793436117e-05 +
                           t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08))));
    const double y = 1.0 - ((low - r * c / (2.0 - c)) - high);
    return n == 1024 ? 2.0 * detail::scale_by_power_of_two(y, 1023) : detail::scale_by_power_of_two(y, n);
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
    if (m > 1.4142135623730951) {
        m *= 0.5;
        ++k;
    }
    const double f = m - 1.0, s = f / (2.0 + f), z = s * s, w = z * z;
    const double even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    const double odd =
        z * (6.666666666666735130e-01 +
             w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    const double half_square = 0.5 * f * f;
    return k * detail::ln2_high - ((half_square - (s * (half_square + even + odd) + k * detail::ln2_low)) - f);
}

// x^y for x > 0, with our own exp and log.
[[nodiscard]] inline double power(double x, double y) noexcept { return numeric::exp(y * numeric::log(x)); }

} // namespace ruvllm::numeric
