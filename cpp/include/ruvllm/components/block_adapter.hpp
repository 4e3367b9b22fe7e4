// BlockAdapter: a linear adapter whose matrix is block-diagonal, learned in batches.
//
//   z = h + W h        W = diag(W_1, W_2, ...), each block (size, size), the last one as large as what is left
//
// Every coordinate is mixed with the others of its block, so that the rank of W is not limited, at the cost of a
// low-rank adapter of rank size / 2. It starts at 0. A step is plain gradient descent on the sum of the batch's InfoNCE
// losses (see info_nce.hpp), in which the right solutions of the others and further ones are the negatives:
//   W_b -= learning_rate / scale_b sum_n g_n,b h_n,b^T       g_n = dL_n/dz_n
//   scale_b = sum_n,m (h_n,b . h_m,b)^2 / sum_n |h_n,b|^2
// scale_b is the mean eigenvalue of the block's Gram matrix, weighted by itself: by so much a step of all examples moves
// each one's z, so that a rate means the same for any width of block and however alike the encoder makes its texts
// (normalised least mean squares: Widrow & Hoff 1960, Nagumo & Noda 1967).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/numeric/exp_log.hpp"
#include "ruvllm/numeric/softmax.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

// Queries and what they are compared with.
struct ContrastiveBatch {
    std::span<const float> queries;   // (n, dim)
    std::span<const float> solutions; // (m, dim), unit rows, m >= n: solution i is the right one of query i
    std::size_t dim;
    double tau = 0.07;
};

// Gradients of the batch's summed InfoNCE loss at adapted queries z (n, dim); g (n, dim) gets them, the sum is
// returned. A solution that is nearly the right one of a query (cosine above 0.99) is no negative of it.
inline double batch_info_nce(const simd::KernelTable& k, const ContrastiveBatch& batch, const float* z, float* g)
{
    constexpr float same = 0.99f;
    const std::size_t dim = batch.dim, n = batch.queries.size() / dim, m = batch.solutions.size() / dim;
    std::vector<float> dots(n * m), alike(n * m);
    k.gemm(batch.solutions.data(), m, dim, z, n, dim, dim, dots.data());
    k.gemm(batch.solutions.data(), m, dim, batch.solutions.data(), n, dim, dim, alike.data());
    std::vector<double> p(m);
    double loss = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
        const float* zi = z + i * dim;
        float* gi = g + i * dim;
        const float norm = std::sqrt(k.squared_norm(zi, dim));
        if (!(norm > 0.0f)) {
            std::fill_n(gi, dim, 0.0f);
            continue;
        }
        const std::span<float> row(dots.data() + i * m, m);
        for (std::size_t j = 0; j < m; ++j) {
            const bool negative = j == i || !(alike[i * m + j] > same);
            p[j] = negative ? static_cast<double>(row[j]) / (static_cast<double>(norm) * batch.tau) : -1e3;
        }
        numeric::softmax(p, 1.0, p);
        loss -= numeric::log(std::max(p[i], 1e-300));
        for (std::size_t j = 0; j < m; ++j)
            row[j] = static_cast<float>(p[j] - (j == i ? 1.0 : 0.0));
        k.gemv_transposed(batch.solutions.data(), m, dim, row.data(), dim, gi);
        const float along = k.dot(gi, zi, dim) / norm;
        const float shrink = 1.0f / (static_cast<float>(batch.tau) * norm);
        k.scale(shrink, gi, dim);
        k.axpy(-shrink * along / norm, zi, gi, dim);
    }
    return loss;
}

class BlockAdapter {
public:
    // Throws std::invalid_argument unless 1 <= size <= dim.
    BlockAdapter(std::size_t dim, std::size_t size) : dim_(dim), size_(size)
    {
        if (size == 0 || size > dim)
            throw std::invalid_argument("a block adapter needs 1 <= size <= dim, not size " + std::to_string(size) +
                                        " and dim " + std::to_string(dim));
        std::size_t total = 0;
        for (std::size_t begin = 0; begin < dim; begin += size)
            total += width(begin) * width(begin);
        weights_.assign(total, 0.0f);
    }

    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    // Block after block, row after row.
    [[nodiscard]] std::span<const float> weights() const noexcept { return weights_; }
    [[nodiscard]] std::span<float> weights() noexcept { return weights_; }

    // z += W h
    void add_output(const simd::KernelTable& k, const float* h, float* z) const
    {
        std::vector<float> out(size_);
        for_each_block([&](std::size_t begin, std::size_t rows, const float* block) {
            k.gemv(block, rows, rows, h + begin, rows, out.data());
            k.axpy(1.0f, out.data(), z + begin, rows);
        });
    }

    // z_i += W h_i for n vectors, with the bits of one at a time. h and z: (n, dim)
    void add_output(const simd::KernelTable& k, const float* h, std::size_t n, float* z) const
    {
        std::vector<float> out(n * size_);
        for_each_block([&](std::size_t begin, std::size_t rows, const float* block) {
            k.gemm(block, rows, rows, h + begin, n, dim_, rows, out.data());
            for (std::size_t i = 0; i < n; ++i)
                k.axpy(1.0f, out.data() + i * rows, z + i * dim_ + begin, rows);
        });
    }

    // One step on n examples; h and g: (n, dim)
    void step(const simd::KernelTable& k, const float* h, const float* g, std::size_t n, float learning_rate)
    {
        std::vector<float> c(n);
        std::vector<const float*> parts(n);
        std::size_t at = 0;
        for (std::size_t begin = 0; begin < dim_; begin += size_) {
            const std::size_t rows = width(begin);
            for (std::size_t i = 0; i < n; ++i)
                parts[i] = h + i * dim_ + begin;
            const float rate = learning_rate / scale(k, h + begin, n, rows);
            for (std::size_t r = 0; r < rows; ++r, at += rows) {
                for (std::size_t i = 0; i < n; ++i)
                    c[i] = -rate * g[i * dim_ + begin + r];
                float* const row = weights_.data() + at;
                k.add_rows(row, parts.data(), c.data(), n, rows, row);
            }
        }
    }

private:
    // Of a block `rows` wide of vectors h that are dim_ apart; 1 where they are all 0.
    [[nodiscard]] float scale(const simd::KernelTable& k, const float* h, std::size_t n, std::size_t rows) const
    {
        std::vector<float> gram(n * n);
        k.gemm(h, n, dim_, h, n, dim_, rows, gram.data());
        float trace = 0.0f;
        for (std::size_t i = 0; i < n; ++i)
            trace += gram[i * n + i];
        return trace > 0.0f ? k.squared_norm(gram.data(), n * n) / trace : 1.0f;
    }

    [[nodiscard]] std::size_t width(std::size_t begin) const noexcept { return std::min(size_, dim_ - begin); }

    template <class Use>
    void for_each_block(Use use) const
    {
        std::size_t at = 0;
        for (std::size_t begin = 0; begin < dim_; begin += size_) {
            const std::size_t rows = width(begin);
            use(begin, rows, weights_.data() + at);
            at += rows * rows;
        }
    }

    std::size_t dim_, size_;
    numeric::FloatVector weights_;
};

} // namespace ruvllm
