// Vectors whose squares leave the range of float32: from about 1e19 on they become infinite, below 1e-19 they become 0
// or lose digits. Their direction is as good as any other's. Times a power of two, which changes no digit, they have it
// in a range where squares and products are computed as usual.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

// A squared norm in this range has all its digits, and so have products of two vectors that have one.
[[nodiscard]] inline bool is_safe_square(float squared_norm) noexcept
{
    return squared_norm >= 1e-30f && squared_norm <= 1e30f;
}

// The power of two that brings the largest element of x near 1; 1 where x is all zeros or not finite.
[[nodiscard]] inline float factor_to_safe_range(std::span<const float> x) noexcept
{
    float largest = 0.0f;
    for (const float value : x) {
        if (!std::isfinite(value))
            return 1.0f;
        largest = std::max(largest, std::abs(value));
    }
    if (largest == 0.0f)
        return 1.0f;
    const auto exponent = static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(largest) >> 23); // 0: subnormal
    return std::bit_cast<float>(static_cast<std::uint32_t>(std::clamp(254 - exponent, 1, 254)) << 23);
}

// A vector (n,) as it is, or where its squared norm is not safe a copy times a power of two.
class SafeVector {
public:
    SafeVector(const simd::KernelTable& k, std::span<const float> x)
        : x_(x), squared_norm_(k.squared_norm(x.data(), x.size()))
    {
        if (is_safe_square(squared_norm_))
            return;
        factor_ = factor_to_safe_range(x);
        if (factor_ == 1.0f)
            return;
        copy_.assign(x.begin(), x.end());
        k.scale(factor_, copy_.data(), copy_.size());
        x_ = copy_;
        squared_norm_ = k.squared_norm(x_.data(), x_.size());
    }
    SafeVector(const SafeVector&) = delete;
    SafeVector& operator=(const SafeVector&) = delete;

    [[nodiscard]] const float* data() const noexcept { return x_.data(); }
    [[nodiscard]] float squared_norm() const noexcept { return squared_norm_; } // not finite: x is not
    [[nodiscard]] float factor() const noexcept { return factor_; }             // data() is factor() times x

private:
    std::span<const float> x_;
    float squared_norm_, factor_ = 1.0f;
    numeric::FloatVector copy_;
};

// Rows (n, dim) as they are, or where some squared norm is not safe a copy in which such rows are times a power of two.
class SafeRows {
public:
    SafeRows(const simd::KernelTable& k, const float* rows, std::size_t n, std::size_t dim) : data_(rows)
    {
        for (std::size_t i = 0; i < n; ++i) {
            const std::span<const float> row(rows + i * dim, dim);
            if (is_safe_square(k.squared_norm(row.data(), dim)))
                continue;
            const float factor = factor_to_safe_range(row);
            if (factor == 1.0f)
                continue;
            if (copy_.empty())
                copy_.assign(rows, rows + n * dim);
            k.scale(factor, copy_.data() + i * dim, dim);
            data_ = copy_.data();
        }
    }
    SafeRows(const SafeRows&) = delete;
    SafeRows& operator=(const SafeRows&) = delete;

    [[nodiscard]] const float* data() const noexcept { return data_; }

private:
    const float* data_;
    numeric::FloatVector copy_;
};

} // namespace ruvllm
