// x^y of many numbers in double precision, with the bits of numeric::power() (numeric/exp_log.hpp).
//
// The same operations in the same order, but without a branch and in loops of fixed length, which compilers turn into
// the vector instructions of the file's instruction set. A template on Arch for the reason given in block.hpp.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "ruvllm/simd/exp_log_parts.hpp"

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
    using Parts = ExpLogParts<Arch>;

    static void block(const double* x, double y, double* out)
    {
        double power[at_once];
        for (std::size_t j = 0; j < at_once; ++j)
            power[j] = y * log(x[j]);
        for (std::size_t j = 0; j < at_once; ++j)
            power[j] = Parts::exp_of_normal(power[j]);
        for (std::size_t j = 0; j < at_once; ++j)
            out[j] = power[j];
    }

    static double log(double x)
    {
        const auto bits = std::bit_cast<std::uint64_t>(x);
        const double m = std::bit_cast<double>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u); // 1 <= m < 2
        const bool above = m > Parts::sqrt_2;
        const int k = static_cast<int>(bits >> 52) - 1023 + static_cast<int>(above);
        return Parts::log(above ? 0.5 * m : m, k);
    }
};

} // namespace ruvllm::simd
