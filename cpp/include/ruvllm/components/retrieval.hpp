// Retrieval: at which place does the right solution come when all solutions are ranked by cosine?
//
// Everything goes through a kernel table, so ranks are the same on every instruction set. Work is done in blocks
// that stay in a cache: reading every solution from memory again for every query would take several times as long.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm::components {

// Rows of a matrix: element j of row i is at data[i * columns + j].
struct Rows {
    const float* data;
    std::size_t rows, columns;

    [[nodiscard]] const float* row(std::size_t i) const noexcept { return data + i * columns; }
};

namespace detail {

inline void check_index(std::int64_t index, std::size_t n, const char* what)
{
    if (index < 0 || static_cast<std::size_t>(index) >= n)
        throw std::out_of_range(std::string(what) + " must be a row from 0 to " + std::to_string(n) +
                                " - 1 of the solutions, not " + std::to_string(index));
}

[[nodiscard]] inline std::vector<float> norms(const simd::KernelTable& kernels, const Rows& rows)
{
    std::vector<float> out(rows.rows);
    for (std::size_t i = 0; i < rows.rows; ++i)
        out[i] = std::sqrt(kernels.squared_norm(rows.row(i), rows.columns));
    return out;
}

// As KernelTable::cosine_many, from a dot product and two lengths, except that NaN stays NaN.
[[nodiscard]] inline float cosine(float dot, float norm_a, float norm_b) noexcept
{
    const float norms = norm_a * norm_b;
    const float cosine = norms > 0.0f ? dot / norms : norms == 0.0f ? 0.0f : norms;
    return cosine > 1.0f ? 1.0f : cosine < -1.0f ? -1.0f : cosine;
}

// As many rows as fit a quarter of a common second-level cache (1 MB), in whole groups of what gemv takes at once.
[[nodiscard]] inline std::size_t rows_per_block(std::size_t columns) noexcept
{
    constexpr std::size_t floats = (std::size_t{1} << 18) / sizeof(float), group = 12;
    return std::max(group, floats / std::max<std::size_t>(columns, 1) / group * group);
}

// use(i, begin, dots): the products of query i with the solutions from row `begin` on, each with the bits of dot(). Every
// pair comes once, in ascending blocks of solutions.
template <class Use>
void dots_in_blocks(const simd::KernelTable& kernels, const Rows& queries, const Rows& solutions, Use use)
{
    constexpr std::size_t together = 64; // queries for which a block of solutions is read once
    const std::size_t d = queries.columns, block = rows_per_block(d);
    std::vector<float> dots(std::min(together, queries.rows) * std::min(block, solutions.rows));
    for (std::size_t begin = 0; begin < solutions.rows; begin += block) {
        const std::size_t count = std::min(block, solutions.rows - begin);
        for (std::size_t first = 0; first < queries.rows; first += together) {
            const std::size_t n = std::min(together, queries.rows - first);
            kernels.gemm(solutions.row(begin), count, d, queries.row(first), n, d, d, dots.data());
            for (std::size_t i = 0; i < n; ++i)
                use(first + i, begin, std::span<const float>(dots.data() + i * count, count));
        }
    }
}

} // namespace detail

// ranks[i] = 1 + the number of wrong solutions whose cosine with query i is not below that of the right one,
// solution right[i]. Ties count against, and so does NaN: it never helps. Where there is a `discount` (solutions,), each
// solution's is taken from its cosines first.
// Throws std::out_of_range for a right[i] that is no row of the solutions.
inline void retrieval_ranks(const simd::KernelTable& kernels, const Rows& queries, const Rows& solutions,
                            const std::int32_t* right, std::int32_t* ranks, const float* discount = nullptr)
{
    const auto of = [&](std::size_t solution) { return discount == nullptr ? 0.0f : discount[solution]; };
    const std::size_t d = queries.columns;
    for (std::size_t i = 0; i < queries.rows; ++i)
        detail::check_index(right[i], solutions.rows, "right");
    const std::vector<float> query_norms = detail::norms(kernels, queries);
    const std::vector<float> solution_norms = detail::norms(kernels, solutions);

    std::vector<float> threshold(queries.rows);
    for (std::size_t i = 0; i < queries.rows; ++i) {
        const auto j = static_cast<std::size_t>(right[i]);
        const float dot = kernels.dot(solutions.row(j), queries.row(i), d);
        threshold[i] = detail::cosine(dot, query_norms[i], solution_norms[j]) - of(j);
        ranks[i] = 1;
    }
    detail::dots_in_blocks(kernels, queries, solutions, [&](std::size_t i, std::size_t begin, std::span<const float> dots) {
        for (std::size_t j = 0; j < dots.size(); ++j) {
            const float value = detail::cosine(dots[j], query_norms[i], solution_norms[begin + j]) - of(begin + j);
            const bool wrong = begin + j != static_cast<std::size_t>(right[i]);
            ranks[i] += wrong && !(value < threshold[i]);
        }
    });
}

// out (queries.rows, rows.rows) = KernelTable::cosine_many() of each query, with its bits.
inline void cosine_matrix(const simd::KernelTable& kernels, const Rows& queries, const Rows& rows, float* out)
{
    const std::vector<float> query_norms = detail::norms(kernels, queries), row_norms = detail::norms(kernels, rows);
    const auto usual = [](float norm) { return norm >= 1e-15f && norm <= 1e15f; };
    if (!std::ranges::all_of(query_norms, usual) || !std::ranges::all_of(row_norms, usual)) {
        for (std::size_t i = 0; i < queries.rows; ++i)
            kernels.cosine_many(queries.row(i), rows.data, rows.rows, rows.columns, rows.columns, out + i * rows.rows);
        return;
    }
    detail::dots_in_blocks(kernels, queries, rows, [&](std::size_t i, std::size_t begin, std::span<const float> dots) {
        for (std::size_t j = 0; j < dots.size(); ++j)
            out[i * rows.rows + begin + j] = detail::cosine(dots[j], query_norms[i], row_norms[begin + j]);
    });
}

} // namespace ruvllm::components
