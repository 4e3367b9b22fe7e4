// The kernels themselves, once, for every instruction set. See kernel_table.hpp for what each returns.
//
// Multiply and add stay separate (never fused): a fused step rounds once where the others round twice,
// and a hash over the result would then depend on the CPU.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "ruvllm/simd/block.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm::simd {

template <class Arch>
struct Kernels {
    using B = Block<Arch>;

    static float dot(const float* a, const float* b, std::size_t n)
    {
        float out;
        dot_rows<1>(a, 0, b, n, &out);
        return out;
    }

    static float squared_norm(const float* a, std::size_t n) { return dot(a, a, n); }

    static float squared_distance(const float* a, const float* b, std::size_t n)
    {
        B sum = B::zero();
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes) {
            const B difference = B::load(a + i) - B::load(b + i);
            sum = sum + difference * difference;
        }
        if (i < n) {
            const B difference = load_partial<Arch>(a + i, n - i) - load_partial<Arch>(b + i, n - i);
            sum = sum + difference * difference;
        }
        return sum.reduce_add();
    }

    static void gemv(const float* rows, std::size_t n_rows, std::size_t stride, const float* x, std::size_t n,
                     float* out)
    {
        std::size_t r = 0;
        for (; r + B::rows_at_once <= n_rows; r += B::rows_at_once)
            dot_rows<B::rows_at_once>(rows + r * stride, stride, x, n, out + r);
        for (; r < n_rows; ++r)
            dot_rows<1>(rows + r * stride, 0, x, n, out + r);
    }

    static void gemv_transposed(const float* rows, std::size_t n_rows, std::size_t stride, const float* c,
                                std::size_t n, float* out)
    {
        const auto sum_at = [&](std::size_t i, auto load) {
            B sum = B::zero();
            for (std::size_t r = 0; r < n_rows; ++r)
                sum = sum + B::broadcast(c[r]) * load(rows + r * stride + i);
            return sum;
        };
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes)
            sum_at(i, [](const float* p) { return B::load(p); }).store(out + i);
        if (i < n)
            store_partial<Arch>(sum_at(i, [&](const float* p) { return load_partial<Arch>(p, n - i); }), out + i,
                                n - i);
    }

    static void cosine_many(const float* query, const float* rows, std::size_t n_rows, std::size_t stride,
                            std::size_t n, float* out)
    {
        const float query_norm = std::sqrt(squared_norm(query, n));
        gemv(rows, n_rows, stride, query, n, out);
        for (std::size_t r = 0; r < n_rows; ++r) {
            const float norms = query_norm * std::sqrt(squared_norm(rows + r * stride, n));
            const float cosine = norms == 0.0f ? 0.0f : out[r] / norms; // NaN stays NaN
            out[r] = cosine > 1.0f ? 1.0f : cosine < -1.0f ? -1.0f : cosine;
        }
    }

    static void axpy(float a, const float* x, float* y, std::size_t n)
    {
        const B factor = B::broadcast(a);
        update(y, n, [&](const B& old, auto load) { return old + factor * load(x); });
    }

    static void scale(float a, float* x, std::size_t n)
    {
        const B factor = B::broadcast(a);
        update(x, n, [&](const B& old, auto) { return factor * old; });
    }

    static void ema_of_squares(float decay, float weight, const float* x, float* f, std::size_t n)
    {
        const B keep = B::broadcast(decay), add = B::broadcast(weight);
        update(f, n, [&](const B& old, auto load) {
            const B value = load(x);
            return keep * old + add * (value * value);
        });
    }

    static void add_squares(float c, const float* x, float* f, std::size_t n)
    {
        const B factor = B::broadcast(c);
        update(f, n, [&](const B& old, auto load) {
            const B value = factor * load(x);
            return old + value * value;
        });
    }

    static void momentum_step(const MomentumStep& step, const float* x, const float* fisher, const float* reference,
                              float* m, float* theta, std::size_t n)
    {
        const B coefficient = B::broadcast(step.coefficient), keep = B::broadcast(step.momentum),
                take = B::broadcast(1.0f - step.momentum), rate = B::broadcast(step.learning_rate),
                lambda = B::broadcast(step.ewc_lambda);
        const bool with_ewc = step.ewc_lambda != 0.0f;
        const auto move = [&](std::size_t i, auto load, auto store) {
            const B old = load(theta + i);
            B gradient = coefficient * load(x + i);
            if (with_ewc)
                gradient = gradient + lambda * load(fisher + i) * (old - load(reference + i));
            const B velocity = keep * load(m + i) + take * gradient;
            store(velocity, m + i);
            store(old - rate * velocity, theta + i);
        };
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes)
            move(i, [](const float* p) { return B::load(p); }, [](const B& block, float* p) { block.store(p); });
        if (i < n)
            move(
                i, [&](const float* p) { return load_partial<Arch>(p, n - i); },
                [&](const B& block, float* p) { store_partial<Arch>(block, p, n - i); });
    }

    static float combine_signs(const float* c, const std::uint32_t* const* bits, std::size_t n_terms, float* out,
                               std::size_t n)
    {
        const auto sum_at = [&](std::size_t word) {
            B sum = B::zero();
            for (std::size_t t = 0; t < n_terms; ++t)
                sum = sum + B::signs(c[t], bits[t][word]);
            return sum;
        };
        B squares = B::zero();
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes) {
            const B sum = sum_at(i / lanes);
            sum.store(out + i);
            squares = squares + sum * sum;
        }
        if (i < n) {
            store_partial<Arch>(sum_at(i / lanes), out + i, n - i);
            const B sum = load_partial<Arch>(out + i, n - i);
            squares = squares + sum * sum;
        }
        return squares.reduce_add();
    }

    static void sign_bits(const float* x, std::size_t n, std::uint64_t* out)
    {
        for (std::size_t i = 0; i < n; i += lanes) {
            const B block = n - i >= lanes ? B::load(x + i) : load_partial<Arch>(x + i, n - i);
            const std::uint64_t bits = block.negative_bits();
            if (i % 64 == 0)
                out[i / 64] = bits;
            else
                out[i / 64] |= bits << 32;
        }
    }

    static void hamming_many(const std::uint64_t* query, const std::uint64_t* rows, std::size_t n_rows,
                             std::size_t n_words, std::uint32_t* out)
    {
        for (std::size_t r = 0; r < n_rows; ++r) {
            std::uint32_t different = 0;
            for (std::size_t w = 0; w < n_words; ++w)
                different += bit_count(query[w] ^ rows[r * n_words + w]);
            out[r] = different;
        }
    }

private:
    // Not std::popcount: a function shared by all files, which the linker would take from any one of them.
    static std::uint32_t bit_count(std::uint64_t x)
    {
#if defined(__GNUC__)
        return static_cast<std::uint32_t>(__builtin_popcountll(x));
#else
        x -= (x >> 1) & 0x5555555555555555u;
        x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
        x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
        return static_cast<std::uint32_t>((x * 0x0101010101010101u) >> 56);
#endif
    }

    // R dot products with the same x in one pass over it.
    template <std::size_t R>
    static void dot_rows(const float* rows, std::size_t stride, const float* x, std::size_t n, float* out)
    {
        B sums[R];
        for (std::size_t r = 0; r < R; ++r)
            sums[r] = B::zero();
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes) {
            const B value = B::load(x + i);
            for (std::size_t r = 0; r < R; ++r)
                sums[r] = sums[r] + value * B::load(rows + r * stride + i);
        }
        if (i < n) {
            const B value = load_partial<Arch>(x + i, n - i);
            for (std::size_t r = 0; r < R; ++r)
                sums[r] = sums[r] + value * load_partial<Arch>(rows + r * stride + i, n - i);
        }
        for (std::size_t r = 0; r < R; ++r)
            out[r] = sums[r].reduce_add();
    }

    // y_i = f(y_i, load): load(x) is the block of x at the same place.
    template <class F>
    static void update(float* y, std::size_t n, F f)
    {
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes)
            f(B::load(y + i), [i](const float* x) { return B::load(x + i); }).store(y + i);
        if (i < n)
            store_partial<Arch>(f(load_partial<Arch>(y + i, n - i),
                                  [i, n](const float* x) { return load_partial<Arch>(x + i, n - i); }),
                                y + i, n - i);
    }
};

template <class Arch>
constexpr KernelTable make_kernel_table(Isa isa)
{
    using K = Kernels<Arch>;
    return {isa,           &K::dot,  &K::squared_norm, &K::squared_distance, &K::gemv,        &K::gemv_transposed,
            &K::cosine_many, &K::axpy, &K::scale,        &K::ema_of_squares,   &K::add_squares, &K::momentum_step,
            &K::combine_signs, &K::sign_bits, &K::hamming_many};
}

} // namespace ruvllm::simd
