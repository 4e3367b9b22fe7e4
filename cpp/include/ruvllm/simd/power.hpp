// x^y of many numbers in double precision, with the bits of numeric::power() (numeric/exp_log.hpp).
//
// The same operations in the same order, but without a branch and in loops of fixed length, which compilers turn into
// the vector instructions of the file's instruction set. A template on Arch for the reason given in block.hpp.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace ruvllm::simd {

template <class Arch>
struct Power {
    // out_i = x_i^y for normal, finite x_i > 0 and |y log x_i| <= 700; out may be x.
    static void many(const double* x, double y, std::size_t n, double* out)
    {
        std::size_t i = 0;
        for (; i + at_once <= n; i += at_once)
            block(x + i, y, out + i);
        if (i < n) {
            double rest[at_once];
            for (std::size_t j = 0; j < at_once; ++j)
                rest[j] = i + j < n ? x[i + j] : 1.0;
            block(rest, y, rest);
            for (std::size_t j = 0; i + j < n; ++j)
                out[i + j] = rest[j];
        }
    }

private:
    static constexpr std::size_t at_once = 16; // two vectors of AVX-512: one computes while the other waits
    static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10,
                            inverse_ln2 = 1.44269504088896338700e+00;

    static void block(const double* x, double y, double* out)
    {
        double power[at_once];
        for (std::size_t j = 0; j < at_once; ++j)
            power[j] = y * log(x[j]);
        for (std::size_t j = 0; j < at_once; ++j)
            power[j] = exp(power[j]);
        for (std::size_t j = 0; j < at_once; ++j)
            out[j] = power[j];
    }

    static double log(double x)
    {
        const auto bits = std::bit_cast<std::uint64_t>(x);
        double m = std::bit_cast<double>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u); // 1 <= m < 2
        const bool above = m > 1.4142135623730951;
        const int k = static_cast<int>(bits >> 52) - 1023 + static_cast<int>(above);
        m = above ? 0.5 * m : m;
        const double f = m - 1.0, s = f / (2.0 + f), z = s * s, w = z * z;
        const double even =
            w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
        const double odd =
            z * (6.666666666666735130e-01 +
                 w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
        const double half_square = 0.5 * f * f;
        return k * ln2_high - ((half_square - (s * (half_square + even + odd) + k * ln2_low)) - f);
    }

    static double exp(double x)
    {
        const int n = static_cast<int>(x * inverse_ln2 + (x < 0 ? -0.5 : 0.5));
        const double high = x - n * ln2_high, low = n * ln2_low;
        const double r = high - low, t = r * r;
        const double c =
            r - t * (1.66666666666666019037e-01 +
                     t * (-2.77777777770155933842e-03 +
                          t * (6.61375632143793436117e-05 +
                               t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08))));
        const double result = 1.0 - ((low - r * c / (2.0 - c)) - high);
        return result * std::bit_cast<double>(static_cast<std::uint64_t>(static_cast<std::int64_t>(n) + 1023) << 52);
    }
};

} // namespace ruvllm::simd
