// Kernels of sign vectors on x86 processors with AVX2 and FMA: those of sign_kernels.hpp, and their bits.
//
// A set bit, moved to bit 30 of its lane, is the float 2, and another is 0. So a shift and a mask make the factor of each
// element, three instructions with the fused multiplication and addition where a mask of ones takes four. Its product is
// exact, which makes it the only one in this library that may be fused: it rounds once, as the addition alone would.
#pragma once

#if defined(__AVX2__) && !defined(__AVX512F__) && defined(__GNUC__)
#define RUVLLM_FUSES_SIGNS 1
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "ruvllm/simd/block.hpp"

#define RUVLLM_WITH_FMA __attribute__((target("fma")))

namespace ruvllm::simd {

template <class Arch>
struct FusedSignKernels {
    using B = Block<Arch>;

    [[nodiscard]] static bool available() { return __builtin_cpu_supports("fma"); }

    // For combine(): products are exact, and 0 where they should be, unless a coefficient is near the largest float.
    [[nodiscard]] static bool suit(const float* c, std::size_t n_terms)
    {
        if (n_terms > most_terms)
            return false;
        for (std::size_t t = 0; t < n_terms; ++t)
            if (!(c[t] > -1e30f && c[t] < 1e30f))
                return false;
        return true;
    }

    static constexpr std::size_t most_terms = 16; // of a sum

    // combine_signs() of terms that suit(), at most most_terms, whose sum is `total`. n: a multiple of 32.
    static float combine(const float* c, float total, const std::uint32_t* const* bits, std::size_t n_terms, float* out,
                         std::size_t n)
    {
        switch (n_terms) { // the numbers of terms of a simulated candidate and query
        case 4: return combine_terms<4>(c, total, bits, 4, out, n);
        case 6: return combine_terms<6>(c, total, bits, 6, out, n);
        default: return combine_terms<0>(c, total, bits, n_terms, out, n);
        }
    }

    // dot_signs() for n a multiple of 32. Returns false, and writes nothing, where an element is not below 2: a product
    // could be something else than its factor or zero.
    RUVLLM_WITH_FMA static bool dot(const std::uint32_t* const* bits, std::size_t n_terms, const float* x, std::size_t n,
                                    float* out)
    {
        B all = B::zero();
        __m256 any = _mm256_setzero_ps();
        for (std::size_t i = 0; i < n; i += lanes) {
            const B block = B::load(x + i);
            all = all + block;
            for (std::size_t part = 0; part < B::parts; ++part)
                any = _mm256_or_ps(any, block.part[part]);
        }
        if (!_mm256_testz_si256(_mm256_castps_si256(any), _mm256_set1_epi32(bit_30)))
            return false;
        std::size_t t = 0;
        for (; t + 2 <= n_terms; t += 2)
            dot_group<2>(bits + t, all, x, n, out + t);
        if (t < n_terms)
            dot_group<1>(bits + t, all, x, n, out + t);
        return true;
    }

private:
    static constexpr int bit_30 = 0x40000000; // of a float: set from 2 on

    struct Shifts {
        RUVLLM_WITH_FMA Shifts()
        {
            const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            for (int part = 0; part < 3; ++part)
                to_bit_30[part] = _mm256_sub_epi32(_mm256_set1_epi32(30 - 8 * part), lane);
        }

        // 2 in the lanes of part `part` whose bit of *word is set, else 0. The last part's bits come from a byte: bit 31
        // would have to go to the right.
        RUVLLM_WITH_FMA __m256 twos(const std::uint32_t* word, std::size_t part) const
        {
            const __m256i bits =
                part < 3 ? _mm256_set1_epi32(static_cast<int>(*word))
                         : _mm256_set1_epi8(reinterpret_cast<const char*>(word)[3]); // x86: the highest one
            return _mm256_castsi256_ps(
                _mm256_and_si256(_mm256_sllv_epi32(bits, to_bit_30[part < 3 ? part : 2]), _mm256_set1_epi32(bit_30)));
        }

        __m256i to_bit_30[3];
    };

    // Fixed: the number of terms where the compiler may know it, else 0.
    template <std::size_t Fixed>
    RUVLLM_WITH_FMA static float combine_terms(const float* c, float total, const std::uint32_t* const* bits,
                                               std::size_t n_terms, float* out, std::size_t n)
    {
        const std::size_t terms = Fixed > 0 ? Fixed : n_terms;
        const Shifts shifts;
        __m256 factors[Fixed > 0 ? Fixed : most_terms]; // copies: what is written might be c or bits, as far as is known
        const std::uint32_t* words[Fixed > 0 ? Fixed : most_terms];
        for (std::size_t t = 0; t < terms; ++t) {
            factors[t] = _mm256_set1_ps(c[t]);
            words[t] = bits[t];
        }
        B squares = B::zero();
        for (std::size_t i = 0; i < n; i += lanes) {
            __m256 sums[B::parts];
            for (std::size_t part = 0; part < B::parts; ++part)
                sums[part] = _mm256_set1_ps(total);
            for (std::size_t t = 0; t < terms; ++t)
                for (std::size_t part = 0; part < B::parts; ++part)
                    sums[part] = _mm256_fnmadd_ps(shifts.twos(words[t] + i / lanes, part), factors[t], sums[part]);
            B block;
            for (std::size_t part = 0; part < B::parts; ++part)
                block.part[part] = sums[part];
            block.store(out + i);
            squares = squares + block * block;
        }
        return squares.reduce_add();
    }

    template <std::size_t Terms>
    RUVLLM_WITH_FMA static void dot_group(const std::uint32_t* const* bits, const B& all, const float* x, std::size_t n,
                                          float* out)
    {
        const Shifts shifts;
        __m256 twice[Terms][B::parts];
        const std::uint32_t* words[Terms];
        for (std::size_t t = 0; t < Terms; ++t) {
            for (std::size_t part = 0; part < B::parts; ++part)
                twice[t][part] = _mm256_setzero_ps();
            words[t] = bits[t];
        }
        for (std::size_t i = 0; i < n; i += lanes)
            for (std::size_t part = 0; part < B::parts; ++part) {
                const __m256 value = _mm256_loadu_ps(x + i + part * B::width);
                for (std::size_t t = 0; t < Terms; ++t)
                    twice[t][part] = _mm256_fmadd_ps(shifts.twos(words[t] + i / lanes, part), value, twice[t][part]);
            }
        for (std::size_t t = 0; t < Terms; ++t) {
            B rest;
            for (std::size_t part = 0; part < B::parts; ++part)
                rest.part[part] = _mm256_sub_ps(all.part[part], twice[t][part]);
            out[t] = rest.reduce_add();
        }
    }
};

} // namespace ruvllm::simd

#endif
