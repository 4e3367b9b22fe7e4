// What vectors must be before anything is computed from them or written: finite, and where cosines are taken as dot
// products, of length 1. Each check throws std::invalid_argument with the rule and the offending value.
//
// A check costs one pass over numbers that are then read anyway. What was written once is not checked again.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>

#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

// How far the length of a unit vector may be from 1: float16 rounds to about 0.0005.
inline constexpr double unit_tolerance = 1e-3;

namespace detail {

[[noreturn]] inline void throw_not_finite(const char* name, float value, std::size_t at)
{
    throw std::invalid_argument(std::string(name) + " must be finite, not hold " + std::to_string(value) +
                                " (element " + std::to_string(at) + ")");
}

[[noreturn]] inline void throw_not_unit(const char* name, double length, std::size_t row)
{
    throw std::invalid_argument(std::string(name) + " must have length 1, to within " +
                                std::to_string(unit_tolerance).substr(0, 5) + ", or be all zeros, not have length " +
                                std::to_string(length) + " (row " + std::to_string(row) + "): divide by the length");
}

[[nodiscard]] inline bool is_unit(float squared_norm) noexcept
{
    const double distance = static_cast<double>(squared_norm) - 1.0;
    return std::abs(distance) <= 2.0 * unit_tolerance || squared_norm == 0.0f;
}

} // namespace detail

// x: (n,). squared_norm: that of x, from which most can be told.
inline void require_finite(std::span<const float> x, float squared_norm, const char* name)
{
    if (std::isfinite(squared_norm))
        return;
    for (std::size_t i = 0; i < x.size(); ++i) // the sum of squares may overflow where no element does
        if (!std::isfinite(x[i]))
            detail::throw_not_finite(name, x[i], i);
}

inline void require_finite(const simd::KernelTable& k, std::span<const float> x, const char* name)
{
    require_finite(x, k.squared_norm(x.data(), x.size()), name);
}

// rows: (n, dim), the first of which is called number `number`. Rows of zeros have no direction and are let through: a
// text without words is one.
inline void require_unit_rows(const simd::KernelTable& k, const float* rows, std::size_t n, std::size_t dim,
                              const char* name, std::size_t number = 0)
{
    constexpr std::size_t together = 16; // on the stack: a check must not wait for the heap
    float squared_norms[together];
    for (std::size_t first = 0; first < n; first += together) {
        const std::size_t count = std::min(together, n - first);
        k.squared_norms(rows + first * dim, count, dim, dim, squared_norms);
        for (std::size_t i = 0; i < count; ++i) {
            if (detail::is_unit(squared_norms[i]))
                continue;
            require_finite({rows + (first + i) * dim, dim}, squared_norms[i], name);
            detail::throw_not_unit(name, std::sqrt(static_cast<double>(squared_norms[i])), number + first + i);
        }
    }
}

} // namespace ruvllm
