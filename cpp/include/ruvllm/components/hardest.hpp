// Hard negatives: a pool of solutions for each query, most similar first.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "ruvllm/components/retrieval.hpp"

namespace ruvllm::components {

namespace detail {

struct PoolEntry {
    std::int32_t solution;
    std::uint32_t query, position;
};

// Cosine times the query's length: the same order within one pool. NaN becomes the lowest value, to sort last.
[[nodiscard]] inline float order_key(float dot, float norm) noexcept
{
    const float key = norm > 0.0f ? dot / norm : norm == 0.0f ? 0.0f : norm;
    return std::isnan(key) ? -std::numeric_limits<float>::infinity() : key;
}

// Positions of one pool, highest key first, equal keys by index of the solution.
inline void sort_pool(std::span<const std::int32_t> pool, std::span<const float> keys,
                      std::span<std::uint32_t> order, std::span<std::int32_t> ordered)
{
    std::iota(order.begin(), order.end(), std::uint32_t{0});
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return keys[a] != keys[b] ? keys[a] > keys[b] : pool[a] < pool[b];
    });
    for (std::size_t p = 0; p < pool.size(); ++p)
        ordered[p] = pool[order[p]];
}

} // namespace detail

// ordered[i] = the solutions in pool[i] by cosine with query i, highest first; equal ones by index, NaN last.
// pool and ordered have shape (queries.rows, pool_size).
// Throws std::out_of_range for an index in the pool that is no row of the solutions.
inline void hardest(const simd::KernelTable& kernels, const Rows& queries, const Rows& solutions,
                    std::span<const std::int32_t> pool, std::size_t pool_size, std::span<std::int32_t> ordered)
{
    for (const std::int32_t index : pool)
        detail::check_index(index, solutions.rows, "pool");
    const std::vector<float> norms = detail::norms(kernels, solutions);
    const std::size_t block = 4 * detail::rows_per_block(queries.columns);
    std::vector<detail::PoolEntry> entries;
    std::vector<float> keys(block * pool_size);
    std::vector<std::uint32_t> order(pool_size);
    for (std::size_t begin = 0; begin < queries.rows; begin += block) {
        const std::size_t count = std::min(block, queries.rows - begin);
        entries.clear();
        for (std::size_t i = 0; i < count * pool_size; ++i)
            entries.push_back({pool[begin * pool_size + i], static_cast<std::uint32_t>(i / pool_size),
                               static_cast<std::uint32_t>(i % pool_size)});
        // By solution: each comes from memory once a block, while the block's queries stay in the cache.
        std::sort(entries.begin(), entries.end(),
                  [](const auto& a, const auto& b) { return a.solution < b.solution; });
        for (const auto& entry : entries) {
            const auto j = static_cast<std::size_t>(entry.solution);
            const float dot = kernels.dot(solutions.row(j), queries.row(begin + entry.query), queries.columns);
            keys[entry.query * pool_size + entry.position] = detail::order_key(dot, norms[j]);
        }
        for (std::size_t i = 0; i < count; ++i)
            detail::sort_pool(pool.subspan((begin + i) * pool_size, pool_size),
                              std::span<const float>(keys).subspan(i * pool_size, pool_size), order,
                              ordered.subspan((begin + i) * pool_size, pool_size));
    }
}

} // namespace ruvllm::components
