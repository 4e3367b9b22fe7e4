// A sketch of a vector: the signs of 512 sums, each of every 512th coordinate (SimHash, Charikar 2002, with sparse
// hyperplanes; sums, because single coordinates of sparse vectors are 0). Vectors with a large cosine agree in most.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

inline constexpr std::size_t sketch_words = 8;

using Sketch = std::array<std::uint64_t, sketch_words>;

// x: (dim,)
[[nodiscard]] inline Sketch sketch_of(const simd::KernelTable& k, const float* x, std::size_t dim)
{
    Sketch sketch;
    k.folded_sign_bits(x, dim, 64 * sketch_words, sketch.data());
    return sketch;
}

} // namespace ruvllm
