// Crowding: how near a candidate comes to queries in general. Some vectors, hubs, are among the nearest of many queries
// and are right for few of them; cross-domain similarity local scaling (Conneau et al. 2018, section 2.3) takes from a
// candidate's cosines a share, there one half, of its mean cosine with the k queries nearest to it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <vector>

#include "ruvllm/components/retrieval.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

namespace detail {

// Of n values, which are put in another order.
[[nodiscard]] inline float mean_of_largest(float* values, std::size_t n, std::size_t taken)
{
    std::partial_sort(values, values + taken, values + n, std::greater<>());
    float sum = 0.0f;
    for (std::size_t i = 0; i < taken; ++i)
        sum += values[i];
    return sum / static_cast<float>(taken);
}

} // namespace detail

// out[i] = the mean cosine of candidate i with the `neighbours` queries nearest to it, or with all where there are
// fewer; 0 without queries. Equal on every instruction set.
inline void crowding(const simd::KernelTable& kernels, std::size_t neighbours, const components::Rows& candidates,
                     const components::Rows& queries, float* out)
{
    const std::size_t n = queries.rows, taken = std::min(neighbours, n);
    std::fill_n(out, candidates.rows, 0.0f);
    if (taken == 0)
        return;
    const std::vector<float> query_norms = components::detail::norms(kernels, queries);
    const std::vector<float> candidate_norms = components::detail::norms(kernels, candidates);
    constexpr std::size_t together = 64; // candidates for which a block of queries is read once
    const std::size_t d = queries.columns, block = components::detail::rows_per_block(d);
    std::vector<float> cosines(std::min(together, candidates.rows) * n), dots(std::min(together, candidates.rows) * block);
    for (std::size_t first = 0; first < candidates.rows; first += together) {
        const std::size_t count = std::min(together, candidates.rows - first);
        for (std::size_t begin = 0; begin < n; begin += block) {
            const std::size_t rows = std::min(block, n - begin);
            kernels.gemm(queries.row(begin), rows, d, candidates.row(first), count, d, d, dots.data());
            for (std::size_t i = 0; i < count; ++i)
                std::copy_n(dots.data() + i * rows, rows, cosines.data() + i * n + begin);
        }
        for (std::size_t i = 0; i < count; ++i) {
            float* const of_candidate = cosines.data() + i * n;
            for (std::size_t j = 0; j < n; ++j) {
                const float cosine =
                    components::detail::cosine(of_candidate[j], query_norms[j], candidate_norms[first + i]);
                of_candidate[j] = cosine == cosine ? cosine : 1.0f; // NaN never helps
            }
            out[first + i] = detail::mean_of_largest(of_candidate, n, taken);
        }
    }
}

} // namespace ruvllm
