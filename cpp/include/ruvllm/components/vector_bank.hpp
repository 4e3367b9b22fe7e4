// A bank of vectors that many queries are compared with: aligned rows and their norms, computed once.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/numeric/huge_page_vector.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

class VectorBank {
public:
    // Throws std::invalid_argument for dim 0.
    VectorBank(const simd::KernelTable& kernels, std::size_t dim)
        : k_(&kernels), dim_(dim), stride_((dim + row_multiple - 1) / row_multiple * row_multiple)
    {
        if (dim == 0)
            throw std::invalid_argument("a vector bank needs dim >= 1, not 0");
    }

    // rows: (m, dim), copied. Throws std::invalid_argument when their number of elements is no multiple of dim.
    void add(std::span<const float> rows)
    {
        if (rows.size() % dim_ != 0)
            throw std::invalid_argument("rows of " + std::to_string(dim_) + " elements cannot have " +
                                        std::to_string(rows.size()) + " elements in all");
        const std::size_t before = size(), more = rows.size() / dim_;
        numeric::make_room(norms_, more); // now, so that nothing is left half added where memory ends
        rows_.resize((before + more) * stride_, 0.0f);
        for (std::size_t i = 0; i < more; ++i) {
            const float* row = rows.data() + i * dim_;
            std::copy_n(row, dim_, rows_.data() + (before + i) * stride_);
            norms_.push_back(std::sqrt(k_->squared_norm(row, dim_)));
        }
    }

    // out (size,): dot product of the query (dim,) with each row, with the bits of KernelTable::dot.
    void dot(const float* query, float* out) const { k_->gemv(rows_.data(), size(), stride_, query, dim_, out); }

    // out (size,): cosine of the query (dim,) to each row, with the bits of KernelTable::cosine_many.
    void cosine(const float* query, float* out) const
    {
        k_->cosine_with_norms(query, rows_.data(), norms_.data(), size(), stride_, dim_, out);
    }

    [[nodiscard]] std::size_t size() const noexcept { return norms_.size(); }
    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
    [[nodiscard]] const simd::KernelTable& kernels() const noexcept { return *k_; }
    [[nodiscard]] std::size_t stride() const noexcept { return stride_; } // floats between the starts of two rows
    [[nodiscard]] const float* row(std::size_t i) const noexcept { return rows_.data() + i * stride_; }

private:
    static constexpr std::size_t row_multiple = 16; // floats of a cache line: each row begins on one

    const simd::KernelTable* k_;
    std::size_t dim_, stride_;
    numeric::HugePageVector<float> rows_; // (size, stride), 0 behind each row
    std::vector<float> norms_;            // (size,)
};

} // namespace ruvllm
