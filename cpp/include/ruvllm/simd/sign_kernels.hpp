// Kernels of sign vectors stored as bits: weighted sums of them, and their products with a vector. See kernel_table.hpp
// for what each returns.
//
// A sign costs one addition under a mask: both sum over the bits that are set, for the signs of the others are all +.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ruvllm/simd/block.hpp"
#include "ruvllm/simd/fused_sign_kernels.hpp"
#include "ruvllm/simd/sign_order.hpp"

namespace ruvllm::simd {

template <class Arch>
struct SignKernels {
    using B = Block<Arch>;
    using Order = SignOrder<Arch>;

    static float combine(const float* c, const std::uint32_t* const* bits, std::size_t n_terms, float* out,
                         std::size_t n)
    {
#ifdef RUVLLM_FUSES_SIGNS
        using Fused = FusedSignKernels<Arch>;
        if (n % lanes == 0 && Order::by_lanes() && Fused::suit(c, n_terms))
            return Fused::combine(c, sum(c, n_terms), bits, n_terms, out, n);
#endif
        switch (n_terms) { // the numbers of terms of a simulated candidate and query
        case 4: return combine_fixed<4>(c, bits, out, n);
        case 6: return combine_fixed<6>(c, bits, out, n);
        default: break;
        }
        return combine_blocks(sum(c, n_terms), out, n, [&](B& block, std::size_t word) {
            for (std::size_t t = 0; t < n_terms; ++t)
                block.subtract_where(Order::word(bits[t], word), B::broadcast(2.0f * c[t]));
        });
    }

    static void dot(const std::uint32_t* const* bits, std::size_t n_terms, const float* x, std::size_t n, float* out)
    {
#ifdef RUVLLM_FUSES_SIGNS
        using Fused = FusedSignKernels<Arch>;
        if (n % lanes == 0 && Order::by_lanes() && Fused::dot(bits, n_terms, x, n, out))
            return;
#endif
        B all = B::zero();
        each_block(x, n, [&](const B& block, std::size_t) { all = all + block; });
        constexpr std::size_t group = B::signs_at_once;
        std::size_t t = 0;
        for (; t + group <= n_terms; t += group)
            dot_group<group>(bits + t, all, x, n, out + t);
        dot_rest<group - 1>(bits + t, n_terms - t, all, x, n, out + t);
    }

    // Of all coefficients: what an element is where no bit is set.
    static float sum(const float* c, std::size_t n_terms)
    {
        float total = 0.0f;
        for (std::size_t t = 0; t < n_terms; ++t)
            total = total + c[t];
        return total;
    }

private:
    // Copies keep the coefficients in registers: what is written might be c or bits for all that the compiler knows.
    template <std::size_t N>
    static float combine_fixed(const float* c, const std::uint32_t* const* bits, float* out, std::size_t n)
    {
        struct Terms { B twice[N]; const std::uint32_t* words[N]; } terms;
        for (std::size_t t = 0; t < N; ++t) {
            terms.twice[t] = B::broadcast(2.0f * c[t]);
            terms.words[t] = bits[t];
        }
        return combine_blocks(sum(c, N), out, n, [&](B& block, std::size_t word) {
            for (std::size_t t = 0; t < N; ++t)
                block.subtract_where(Order::word(terms.words[t], word), terms.twice[t]);
        });
    }

    // subtract(block, w) takes off what the bits of word w say from a block that holds `total` in every lane.
    template <class Subtract>
    static float combine_blocks(float total, float* out, std::size_t n, Subtract subtract)
    {
        const B all = B::broadcast(total);
        B squares = B::zero();
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes) {
            B block = all;
            subtract(block, i / lanes);
            block.store(out + i);
            squares = squares + block * block;
        }
        if (i < n) {
            B block = all;
            subtract(block, i / lanes);
            store_partial<Arch>(block, out + i, n - i);
            const B inside = load_partial<Arch>(out + i, n - i);
            squares = squares + inside * inside;
        }
        return squares.reduce_add();
    }

    // The last sign vectors, at most `Most`, in one group.
    template <std::size_t Most>
    static void dot_rest(const std::uint32_t* const* bits, std::size_t n_terms, const B& all, const float* x,
                         std::size_t n, float* out)
    {
        if constexpr (Most > 0) {
            if (n_terms == Most)
                dot_group<Most>(bits, all, x, n, out);
            else
                dot_rest<Most - 1>(bits, n_terms, all, x, n, out);
        }
    }

    template <std::size_t Terms>
    static void dot_group(const std::uint32_t* const* bits, const B& all, const float* x, std::size_t n, float* out)
    {
        B set[Terms];
        const std::uint32_t* words[Terms];
        for (std::size_t t = 0; t < Terms; ++t) {
            set[t] = B::zero();
            words[t] = bits[t];
        }
        each_block(x, n, [&](const B& block, std::size_t word) {
            for (std::size_t t = 0; t < Terms; ++t)
                set[t].add_where(Order::word(words[t], word), block);
        });
        for (std::size_t t = 0; t < Terms; ++t)
            out[t] = (all - (set[t] + set[t])).reduce_add();
    }

    // use(block, w) with each block of x, whose bits are in word w.
    template <class Use>
    static void each_block(const float* x, std::size_t n, Use use)
    {
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes)
            use(B::load(x + i), i / lanes);
        if (i < n)
            use(load_partial<Arch>(x + i, n - i), i / lanes);
    }
};

} // namespace ruvllm::simd
