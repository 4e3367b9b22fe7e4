// Random directions in place of learned ones, for the control of that name.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ruvllm/numeric/random.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

// A random vector of signs in place of each row (dim,), of the same length.
inline void randomise_rows(const simd::KernelTable& kernels, std::size_t dim, numeric::RandomStream& stream,
                           std::span<float> rows)
{
    std::vector<std::uint32_t> bits((dim + 31) / 32), arranged(simd::sign_words(dim));
    const std::uint32_t* const pointer = arranged.data();
    for (std::size_t at = 0; at < rows.size(); at += dim) {
        stream.fill_bits(bits);
        kernels.arrange_signs(bits.data(), dim, arranged.data());
        const float element = std::sqrt(kernels.squared_norm(rows.data() + at, dim) / static_cast<float>(dim));
        kernels.combine_signs(&element, &pointer, 1, rows.data() + at, dim);
    }
}

} // namespace ruvllm
