// Kernels of cosines: of two vectors, and of one with a bank of rows. See kernel_table.hpp for what each returns. Their
// sums have the bits of dot() and squared_norm() alone, whatever is computed in the same pass.
#pragma once

#include <cmath>
#include <cstddef>

#include "ruvllm/simd/block.hpp"
#include "ruvllm/simd/dot_kernels.hpp"

namespace ruvllm::simd {

template <class Arch>
struct CosineKernels : DotKernels<Arch> {
    using B = Block<Arch>;
    using Dots = DotKernels<Arch>;
    using Dots::dot, Dots::gemv, Dots::squared_norm;

    static float cosine(const float* a, const float* b, std::size_t n)
    {
        if constexpr (B::rows_at_once < 3) { // three blocks of sums would not fit the registers
            const float norm_a = std::sqrt(squared_norm(a, n)), norm_b = std::sqrt(squared_norm(b, n));
            if (is_usual(norm_a) && is_usual(norm_b))
                return cosine_of(dot(a, b, n), norm_a * norm_b);
            return cosine_of_any_length(a, b, n);
        } else {
            const Products sums = products(a, b, n, [](const B& x) { return x; }, [](const B& y) { return y; });
            const float norm_a = std::sqrt(sums.squares_a), norm_b = std::sqrt(sums.squares_b);
            if (is_usual(norm_a) && is_usual(norm_b))
                return cosine_of(sums.dot, norm_a * norm_b);
            return cosine_of_any_length(a, b, n);
        }
    }

    static void cosine_many(const float* query, const float* rows, std::size_t n_rows, std::size_t stride,
                            std::size_t n, float* out)
    {
        const float query_norm = std::sqrt(squared_norm(query, n));
        if constexpr (B::rows_at_once < 3) { // two blocks of sums would not fit the registers
            gemv(rows, n_rows, stride, query, n, out);
            for (std::size_t r = 0; r < n_rows; ++r) {
                const float square = squared_norm(rows + r * stride, n);
                out[r] = cosine_of_row(query, query_norm, rows + r * stride, square, out[r], n);
            }
        } else { // rows are read once; in groups as by gemv()
            constexpr std::size_t group = B::rows_at_once >= 4 ? 4 : 1;
            std::size_t r = 0;
            if (n_rows * stride <= near || stride >= long_row)
                for (; r + group <= n_rows; r += group)
                    cosine_rows<group>(query, query_norm, rows + r * stride, stride, n, out + r);
            for (; r < n_rows; ++r)
                cosine_rows<1>(query, query_norm, rows + r * stride, stride, n, out + r);
        }
    }

    static void cosine_with_norms(const float* query, const float* rows, const float* norms, std::size_t n_rows,
                                  std::size_t stride, std::size_t n, float* out)
    {
        const float query_norm = std::sqrt(squared_norm(query, n));
        gemv(rows, n_rows, stride, query, n, out);
        unsigned usual = is_usual(query_norm) ? 1u : 0u;
        for (std::size_t r = 0; r < n_rows; ++r) {
            usual &= static_cast<unsigned>(norms[r] >= least_norm) & static_cast<unsigned>(norms[r] <= most_norm);
            out[r] = cosine_of(out[r], query_norm * norms[r]);
        }
        for (std::size_t r = 0; usual == 0u && r < n_rows; ++r)
            if (!is_usual(query_norm) || !is_usual(norms[r]))
                out[r] = cosine_of_any_length(query, rows + r * stride, n);
    }

private:
    using Dots::long_row, Dots::near;

    // Norms whose squares, and the products of two of them, have all their digits in float32.
    static constexpr float least_norm = 1e-15f, most_norm = 1e15f;
    static bool is_usual(float norm) { return norm >= least_norm && norm <= most_norm; }

    struct Products {
        float dot, squares_a, squares_b;
    };

    // Of a and b after change_a and change_b. Three blocks of sums in one pass.
    template <class ChangeA, class ChangeB>
    static Products products(const float* a, const float* b, std::size_t n, ChangeA change_a, ChangeB change_b)
    {
        B dots = B::zero(), squares_a = B::zero(), squares_b = B::zero();
        const auto add = [&](const B& x, const B& y) {
            dots = dots + y * x;
            squares_a = squares_a + x * x;
            squares_b = squares_b + y * y;
        };
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes)
            add(change_a(B::load(a + i)), change_b(B::load(b + i)));
        if (i < n)
            add(change_a(load_partial<Arch>(a + i, n - i)), change_b(load_partial<Arch>(b + i, n - i)));
        return {dots.reduce_add(), squares_a.reduce_add(), squares_b.reduce_add()};
    }

    // The power of two that brings the largest element near 1: 0 for a vector of zeros, NaN for one with NaN or infinity.
    static float scale_of(const float* x, std::size_t n)
    {
        float largest = 0.0f, zero = 0.0f;
        for (std::size_t i = 0; i < n; ++i) {
            const float magnitude = x[i] < 0.0f ? -x[i] : x[i];
            largest = magnitude > largest ? magnitude : largest;
            zero += x[i] * 0.0f; // NaN from NaN or infinity on
        }
        if (!(zero == 0.0f))
            return zero * zero;
        float scale = 1.0f; // by doubling and halving: each is exact
        if (largest == 0.0f)
            return 0.0f;
        while (largest * scale < 0.5f && scale < 1e38f)
            scale *= 2.0f;
        while (largest * scale >= 2.0f)
            scale *= 0.5f;
        return scale;
    }

    // Where squares overflow, vanish or lose digits: both vectors times a power of two, which changes no digit. Slow.
    static float cosine_of_any_length(const float* a, const float* b, std::size_t n)
    {
        const float scale_a = scale_of(a, n), scale_b = scale_of(b, n);
        if (!(scale_a > 0.0f && scale_b > 0.0f)) // 0 or NaN
            return scale_a * scale_b;
        const B times_a = B::broadcast(scale_a), times_b = B::broadcast(scale_b);
        const Products sums = products(
            a, b, n, [&](const B& x) { return x * times_a; }, [&](const B& y) { return y * times_b; });
        return cosine_of(sums.dot, std::sqrt(sums.squares_a) * std::sqrt(sums.squares_b));
    }

    static float cosine_of(float dot, float norms)
    {
        const float quotient = dot / norms; // before the question, so that a loop needs no branch
        const float cosine = norms == 0.0f ? 0.0f : quotient; // NaN stays NaN
        return cosine > 1.0f ? 1.0f : cosine < -1.0f ? -1.0f : cosine;
    }

    // out[r] = cosine of the query with each of R rows, which are read once
    template <std::size_t R>
    static void cosine_rows(const float* query, float query_norm, const float* rows, std::size_t stride, std::size_t n,
                            float* out)
    {
        B dots[R], squares[R];
        for (std::size_t r = 0; r < R; ++r)
            dots[r] = squares[r] = B::zero();
        const auto add = [&](const B& x, std::size_t r, const B& y) {
            dots[r] = dots[r] + x * y;
            squares[r] = squares[r] + y * y;
        };
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes) {
            const B x = B::load(query + i);
            for (std::size_t r = 0; r < R; ++r)
                add(x, r, B::load(rows + r * stride + i));
        }
        if (i < n) {
            const B x = load_partial<Arch>(query + i, n - i);
            for (std::size_t r = 0; r < R; ++r)
                add(x, r, load_partial<Arch>(rows + r * stride + i, n - i));
        }
        float found[R], norms[R];
        Dots::template reduce_rows<R>(dots, found);
        Dots::template reduce_rows<R>(squares, norms);
        for (std::size_t r = 0; r < R; ++r)
            out[r] = cosine_of_row(query, query_norm, rows + r * stride, norms[r], found[r], n);
    }

    // From the squared norm of a row and its product with the query.
    static float cosine_of_row(const float* query, float query_norm, const float* row, float square, float dot,
                               std::size_t n)
    {
        const float norm = std::sqrt(square);
        return is_usual(query_norm) && is_usual(norm) ? cosine_of(dot, query_norm * norm)
                                                      : cosine_of_any_length(query, row, n);
    }
};

} // namespace ruvllm::simd
