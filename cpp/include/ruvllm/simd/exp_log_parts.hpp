// The arithmetic of exp and log in double precision, between the splitting of a number into mantissa and exponent and
// the putting together again: what numeric::exp() and numeric::log() share with the vectorized power of power.hpp.
//
// Only +, -, * and /, which IEEE 754 rounds in one way everywhere. Method and coefficients: fdlibm (Sun Microsystems
// 1993, e_exp.c and e_log.c). A template on Arch for the reason given in block.hpp; void: no instruction set's own.
#pragma once

#include <bit>
#include <cstdint>

#include "ruvllm/simd/strict_arithmetic.hpp"

namespace ruvllm::simd {

template <class Arch>
struct ExpLogParts {
    // log(m 2^k) for sqrt(1/2) < m <= sqrt(2)
    static double log(double m, int k)
    {
        const double f = m - 1.0, s = f / (2.0 + f), z = s * s, w = z * z;
        const double even =
            w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
        const double odd =
            z * (6.666666666666735130e-01 +
                 w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
        const double half_square = 0.5 * f * f;
        return k * ln2_high - ((half_square - (s * (half_square + even + odd) + k * ln2_low)) - f);
    }

    static constexpr double sqrt_2 = 1.4142135623730951;

    // The n for which e^x / 2^n is near 1.
    static int exponent(double x) { return static_cast<int>(x * inverse_ln2 + (x < 0 ? -0.5 : 0.5)); }

    // e^x / 2^n
    static double exp(double x, int n)
    {
        const double high = x - n * ln2_high, low = n * ln2_low;
        const double r = high - low, t = r * r;
        const double c =
            r - t * (1.66666666666666019037e-01 +
                     t * (-2.77777777770155933842e-03 +
                          t * (6.61375632143793436117e-05 +
                               t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08))));
        return 1.0 - ((low - r * c / (2.0 - c)) - high);
    }

    // e^x for |x| <= 700, without a branch: compilers take several at once.
    static double exp_of_normal(double x)
    {
        const int n = exponent(x);
        return scaled(exp(x, n), n);
    }

    // x 2^n for -1022 <= n <= 1023
    static double scaled(double x, int n)
    {
        return x * std::bit_cast<double>(static_cast<std::uint64_t>(static_cast<std::int64_t>(n) + 1023) << 52);
    }

private:
    static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10,
                            inverse_ln2 = 1.44269504088896338700e+00;
};

} // namespace ruvllm::simd
