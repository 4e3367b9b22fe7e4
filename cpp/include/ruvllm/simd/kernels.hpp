// The kernels themselves, once, for every instruction set. See kernel_table.hpp for what each returns.
//
// Multiply and add stay separate (never fused): a fused step rounds once where the others round twice,
// and a hash over the result would then depend on the CPU.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ruvllm/simd/block.hpp"
#include "ruvllm/simd/cosine_kernels.hpp"
#include "ruvllm/simd/hamming_kernels.hpp"
#include "ruvllm/simd/kernel_table.hpp"
#include "ruvllm/simd/power.hpp"
#include "ruvllm/simd/sign_kernels.hpp"
#include "ruvllm/simd/sign_order.hpp"
#include "ruvllm/simd/sign_sum_kernels.hpp"

namespace ruvllm::simd {

template <class Arch>
struct Kernels : CosineKernels<Arch> {
    using B = Block<Arch>;

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

    static void gemv_transposed(const float* rows, std::size_t n_rows, std::size_t stride, const float* c,
                                std::size_t n, float* out)
    {
        with_fixed_rows(n_rows, [&]<std::size_t Fixed>() {
            overwrite(out, n, weighted_rows<Fixed>(rows, n_rows, stride, c));
        });
    }

    static float add_rows(const float* x, const float* const* rows, const float* c, std::size_t n_rows, std::size_t n,
                          float* out)
    {
        switch (n_rows) { // the ranks and numbers of patterns in use
        case 1: return add_fixed_rows<1>(x, rows, c, n, out);
        case 2: return add_fixed_rows<2>(x, rows, c, n, out);
        case 4: return add_fixed_rows<4>(x, rows, c, n, out);
        case 5: return add_fixed_rows<5>(x, rows, c, n, out);
        default: return add_blocks(x, n, out, [=](B& sum, auto load) {
            for (std::size_t r = 0; r < n_rows; ++r)
                sum = sum + B::broadcast(c[r]) * load(rows[r]);
        });
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
                lambda = B::broadcast(step.ewc_lambda), stiffest = B::broadcast(stiffest_pull(step.learning_rate));
        const bool with_ewc = step.ewc_lambda != 0.0f;
        const auto move = [&](std::size_t i, auto load, auto store) {
            const B old = load(theta + i);
            B gradient = coefficient * load(x + i);
            if (with_ewc)
                gradient = gradient + smaller(lambda * load(fisher + i), stiffest) * (old - load(reference + i));
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

    // One row after the other: x stays in the cache, and two at once took 1.5 times as long where their stores, a power
    // of two apart, met in the same sets.
    static void momentum_rows(const MomentumStep& step, const float* c, std::size_t n_rows, std::size_t stride,
                              const float* x, const float* fisher, const float* reference, float* m, float* theta,
                              std::size_t n)
    {
        const bool with_ewc = step.ewc_lambda != 0.0f; // else fisher and reference may be null
        for (std::size_t r = 0; r < n_rows; ++r) {
            MomentumStep own = step;
            own.coefficient = step.coefficient * c[r];
            const std::size_t at = r * stride;
            momentum_step(own, x, with_ewc ? fisher + at : nullptr, with_ewc ? reference + at : nullptr, m + at,
                          theta + at, n);
        }
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

    static void folded_sign_bits(const float* x, std::size_t n, std::size_t period, std::uint64_t* out)
    {
        for (std::size_t begin = 0; begin < period; begin += lanes) {
            B sum = B::zero();
            for (std::size_t i = begin; i < n; i += period)
                sum = sum + (n - i >= lanes ? B::load(x + i) : load_partial<Arch>(x + i, n - i));
            const std::uint64_t bits = sum.negative_bits();
            if (begin % 64 == 0)
                out[begin / 64] = bits;
            else
                out[begin / 64] |= bits << 32;
        }
    }

    static void measure_sign_sums(const float* c, const std::uint32_t* const* bits, std::size_t m, std::size_t n,
                                  std::size_t period, float* scratch, float* squared_norms, std::uint64_t* signs)
    {
        SignSumKernels<Arch>::measure(c, bits, m, n, period, scratch, squared_norms, signs, &SignKernels<Arch>::combine,
                                      &folded_sign_bits);
    }

private:
    // Calls f<Fixed>(): Fixed is n_rows for the ranks and numbers of candidates in use, else 0.
    template <class F>
    static void with_fixed_rows(std::size_t n_rows, F f)
    {
        switch (n_rows) {
        case 1: return f.template operator()<1>();
        case 2: return f.template operator()<2>();
        case 4: return f.template operator()<4>();
        case 8: return f.template operator()<8>();
        default: return f.template operator()<0>();
        }
    }

    // The function of a block that overwrite() takes: (c_0 rows_0 + c_1 rows_1) + ...
    // A number of rows that the compiler knows (Fixed > 0) keeps the coefficients in registers.
    template <std::size_t Fixed>
    static auto weighted_rows(const float* rows, std::size_t n_rows, std::size_t stride, const float* c)
    {
        if constexpr (Fixed > 0) {
            struct Factors { B of[Fixed]; } factors;
            for (std::size_t r = 0; r < Fixed; ++r)
                factors.of[r] = B::broadcast(c[r]);
            return [=](auto load) {
                B sum = B::zero();
                for (std::size_t r = 0; r < Fixed; ++r)
                    sum = sum + factors.of[r] * load(rows + r * stride);
                return sum;
            };
        } else {
            return [=](auto load) {
                B sum = B::zero();
                for (std::size_t r = 0; r < n_rows; ++r)
                    sum = sum + B::broadcast(c[r]) * load(rows + r * stride);
                return sum;
            };
        }
    }

    template <std::size_t N>
    static float add_fixed_rows(const float* x, const float* const* rows, const float* c, std::size_t n, float* out)
    {
        struct Terms { B factor[N]; const float* row[N]; } terms;
        for (std::size_t r = 0; r < N; ++r) {
            terms.factor[r] = B::broadcast(c[r]);
            terms.row[r] = rows[r];
        }
        return add_blocks(x, n, out, [=](B& sum, auto load) {
            for (std::size_t r = 0; r < N; ++r)
                sum = sum + terms.factor[r] * load(terms.row[r]);
        });
    }

    // out = x after add(block, load) on each of its blocks; returns the squared norm of out.
    template <class Add>
    static float add_blocks(const float* x, std::size_t n, float* out, Add add)
    {
        B squares = B::zero();
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes) {
            B sum = B::load(x + i);
            add(sum, [i](const float* row) { return B::load(row + i); });
            sum.store(out + i);
            squares = squares + sum * sum;
        }
        if (i < n) {
            B sum = load_partial<Arch>(x + i, n - i);
            add(sum, [i, n](const float* row) { return load_partial<Arch>(row + i, n - i); });
            store_partial<Arch>(sum, out + i, n - i);
            const B inside = load_partial<Arch>(out + i, n - i);
            squares = squares + inside * inside;
        }
        return squares.reduce_add();
    }

    // y_i = f(y_i, load): load(x) is the block of x at the same place.
    template <class F>
    static void update(float* y, std::size_t n, F f)
    {
        overwrite(y, n, [y, &f](auto load) { return f(load(y), load); });
    }

    // y_i = f(load): load(x) is the block of x at the same place.
    template <class F>
    static void overwrite(float* y, std::size_t n, F f)
    {
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes)
            f([i](const float* x) { return B::load(x + i); }).store(y + i);
        if (i < n)
            store_partial<Arch>(f([i, n](const float* x) { return load_partial<Arch>(x + i, n - i); }), y + i, n - i);
    }
};

template <class Arch>
constexpr KernelTable make_kernel_table(Isa isa)
{
    using K = Kernels<Arch>;
    return {isa,
            &K::dot,
            &K::squared_norm,
            &K::squared_norms,
            &K::squared_distance,
            &K::dot_pairs,
            &K::gemv,
            &K::gemm,
            &K::gemv_transposed,
            &K::add_rows,
            &K::cosine_many,
            &K::cosine_with_norms,
            &K::cosine,
            &K::axpy,
            &K::scale,
            &K::ema_of_squares,
            &K::add_squares,
            &K::momentum_step,
            &K::momentum_rows,
            &Power<Arch>::many,
            &SignOrder<Arch>::arrange,
            &SignKernels<Arch>::combine,
            &SignKernels<Arch>::dot,
            &K::sign_bits,
            &K::folded_sign_bits,
            &K::measure_sign_sums,
            &HammingKernels<Arch>::many,
            &HammingKernels<Arch>::first_within};
}

} // namespace ruvllm::simd
