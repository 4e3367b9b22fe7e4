// Kernels of sign vectors on x86 processors with AVX2 and FMA: those of sign_kernels.hpp, and their bits.
//
// Bit 23 + j of a lane alone, for j from 0 to 7, is the float 2^(2^j - 127). Times a number that was multiplied by
// 2^(128 - 2^j) it is twice the number; where the bit is not set, it is 0. So a mask makes the factor of each
// element, and one instruction multiplies and adds. The product is exact, which makes it the only one in this library
// that may be fused: it rounds once, as the addition alone would.
#pragma once

#include "ruvllm/simd/sign_order.hpp"

#ifdef RUVLLM_FUSES_SIGNS
#include <cstddef>
#include <cstdint>

#include "ruvllm/simd/block.hpp"

#define RUVLLM_WITH_FMA __attribute__((target("fma")))
#define RUVLLM_WITH_FMA_INLINE __attribute__((target("fma"), always_inline)) inline

namespace ruvllm::simd {

template <class Arch>
struct FusedSignKernels {
    using B = Block<Arch>;
    using Order = SignOrder<Arch>;

    static constexpr std::size_t most_terms = 16; // of a sum

    // For combine(): whether a coefficient times 2^112 is finite, for all of at most most_terms.
    [[nodiscard]] static bool suit(const float* c, std::size_t n_terms)
    {
        if (n_terms > most_terms)
            return false;
        for (std::size_t t = 0; t < n_terms; ++t)
            if (!(c[t] > -0x1p15f && c[t] < 0x1p15f))
                return false;
        return true;
    }

    // combine_signs() of terms that suit(), whose sum is `total`. n: a multiple of 32.
    RUVLLM_WITH_FMA static float combine(const float* c, float total, const std::uint32_t* const* bits,
                                         std::size_t n_terms, float* out, std::size_t n)
    {
        Terms terms;
        terms.total = _mm256_set1_ps(total);
        terms.n = n_terms;
        for (std::size_t t = 0; t < n_terms; ++t) {
            terms.words[t] = bits[t];
            for (std::size_t part = 0; part < B::parts; ++part)
                terms.multiples[t][part] = _mm256_set1_ps(c[t] * scales[4 + part]);
        }
        __m256 squares[B::parts] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
        std::size_t i = 0;
        for (; i + Order::block <= n; i += Order::block)
            combine_words<0>(terms, i / lanes, Order::block_words, out + i, squares);
        combine_words<0>(terms, i / lanes, (n - i) / lanes, out + i, squares);
        return block_of(squares).reduce_add();
    }

    // dot_signs() for n a multiple of 32. Returns false where an element is not below 2: times 2^127 it is not finite.
    RUVLLM_WITH_FMA static bool dot(const std::uint32_t* const* bits, std::size_t n_terms, const float* x,
                                    std::size_t n, float* out)
    {
        for (std::size_t t = 0; t < n_terms; t += most_terms)
            if (!dot_some(bits + t, smaller_of(most_terms, n_terms - t), x, n, out + t))
                return false;
        return true;
    }

private:
    static constexpr std::size_t chunk = 4096; // elements of x that are scaled at a time

    // 2^(128 - 2^j): what a number is multiplied by whose factor is bit 23 + j.
    static constexpr float scales[] = {0x1p127f, 0x1p126f, 0x1p124f, 0x1p120f, 0x1p112f, 0x1p96f, 0x1p64f, 1.0f};

    // The factors of 8 elements: bit 23 + j of each lane.
    template <int J>
    RUVLLM_WITH_FMA_INLINE static __m256 factors(__m256i bits)
    {
        return _mm256_castsi256_ps(_mm256_and_si256(bits, _mm256_set1_epi32(1 << (23 + J))));
    }

    // Bits `First` and further ones of each lane, moved to place `To` and further ones.
    template <int First, int To>
    RUVLLM_WITH_FMA_INLINE static __m256i moved(__m256i bits)
    {
        if constexpr (First > To)
            return _mm256_srli_epi32(bits, First - To);
        else
            return _mm256_slli_epi32(bits, To - First);
    }

    static std::size_t smaller_of(std::size_t a, std::size_t b) { return a < b ? a : b; }

    static B block_of(const __m256 (&parts)[B::parts])
    {
        B block;
        for (std::size_t part = 0; part < B::parts; ++part)
            block.part[part] = parts[part];
        return block;
    }

    struct Terms {
        __m256 total;
        std::size_t n;
        const std::uint32_t* words[most_terms];
        __m256 multiples[most_terms][B::parts]; // of a coefficient, for bits 27 to 30
    };

    // Elements of the words from `Word` on, an even one, of n_words in the block that begins at word `begin`.
    template <int Word>
    RUVLLM_WITH_FMA_INLINE static void combine_words(const Terms& terms, std::size_t begin, std::size_t n_words,
                                                     float* out, __m256 (&squares)[B::parts])
    {
        if (Word >= n_words)
            return;
        __m256 first[B::parts] = {terms.total, terms.total, terms.total, terms.total};
        __m256 second[B::parts] = {terms.total, terms.total, terms.total, terms.total};
        for (std::size_t t = 0; t < terms.n; ++t) {
            const __m256i bits = Order::load(terms.words[t] + begin);
            subtract(moved<4 * Word, 27>(bits), terms.multiples[t], first);
            subtract(moved<4 * Word + 4, 27>(bits), terms.multiples[t], second);
        }
        put(first, out + Word * lanes, squares);
        if (Word + 1 >= n_words)
            return;
        put(second, out + (Word + 1) * lanes, squares);
        if constexpr (Word + 2 < Order::block_words)
            combine_words<Word + 2>(terms, begin, n_words, out, squares);
    }

    RUVLLM_WITH_FMA_INLINE static void subtract(__m256i bits, const __m256 (&multiples)[B::parts],
                                                __m256 (&sums)[B::parts])
    {
        sums[0] = _mm256_fnmadd_ps(factors<4>(bits), multiples[0], sums[0]);
        sums[1] = _mm256_fnmadd_ps(factors<5>(bits), multiples[1], sums[1]);
        sums[2] = _mm256_fnmadd_ps(factors<6>(bits), multiples[2], sums[2]);
        sums[3] = _mm256_fnmadd_ps(factors<7>(bits), multiples[3], sums[3]);
    }

    RUVLLM_WITH_FMA_INLINE static void put(const __m256 (&sums)[B::parts], float* out, __m256 (&squares)[B::parts])
    {
        for (std::size_t part = 0; part < B::parts; ++part) {
            _mm256_storeu_ps(out + 8 * part, sums[part]);
            squares[part] = _mm256_add_ps(squares[part], _mm256_mul_ps(sums[part], sums[part]));
        }
    }

    // dot() of at most most_terms.
    RUVLLM_WITH_FMA static bool dot_some(const std::uint32_t* const* bits, std::size_t n_terms, const float* x,
                                         std::size_t n, float* out)
    {
        B all = B::zero();
        __m256 twice[most_terms][B::parts];
        for (std::size_t t = 0; t < n_terms; ++t)
            for (std::size_t part = 0; part < B::parts; ++part)
                twice[t][part] = _mm256_setzero_ps();
        alignas(32) float scaled[chunk];
        for (std::size_t begin = 0; begin < n; begin += chunk) {
            const std::size_t size = smaller_of(chunk, n - begin);
            if (!scale(x + begin, size, scaled, all))
                return false;
            std::size_t t = 0;
            for (; t + 2 <= n_terms; t += 2)
                add_twice<2>(bits + t, begin / lanes, scaled, size, twice + t);
            if (t < n_terms)
                add_twice<1>(bits + t, begin / lanes, scaled, size, twice + t);
        }
        for (std::size_t t = 0; t < n_terms; ++t)
            out[t] = (all - block_of(twice[t])).reduce_add();
        return true;
    }

    // Adds all elements to `all`, and multiplies them for their factors. Returns false where one is not below 2.
    RUVLLM_WITH_FMA static bool scale(const float* x, std::size_t n, float* scaled, B& all)
    {
        constexpr int bit_30 = 0x40000000; // of a float: set from 2 on
        __m256 sums[B::parts] = {all.part[0], all.part[1], all.part[2], all.part[3]};
        __m256 any = _mm256_setzero_ps();
        for (std::size_t i = 0; i < n; i += 2 * lanes) {
            scale_word<0>(x + i, scaled + i, sums, any);
            if (i + lanes < n)
                scale_word<4>(x + i + lanes, scaled + i + lanes, sums, any);
        }
        all = block_of(sums);
        return _mm256_testz_si256(_mm256_castps_si256(any), _mm256_set1_epi32(bit_30)) != 0;
    }

    template <std::size_t First>
    RUVLLM_WITH_FMA_INLINE static void scale_word(const float* x, float* scaled, __m256 (&sums)[B::parts], __m256& any)
    {
        for (std::size_t part = 0; part < B::parts; ++part) {
            const __m256 value = _mm256_loadu_ps(x + 8 * part);
            sums[part] = _mm256_add_ps(sums[part], value);
            any = _mm256_or_ps(any, value);
            _mm256_store_ps(scaled + 8 * part, _mm256_mul_ps(value, _mm256_set1_ps(scales[First + part])));
        }
    }

    // Adds twice the elements whose bit is set, for each of N sign vectors from word `begin` on. n: of `scaled`.
    template <std::size_t N>
    RUVLLM_WITH_FMA static void add_twice(const std::uint32_t* const* bits, std::size_t begin, const float* scaled,
                                          std::size_t n, __m256 (*twice)[B::parts])
    {
        __m256 sums[N][B::parts];
        const std::uint32_t* words[N];
        for (std::size_t t = 0; t < N; ++t) {
            words[t] = bits[t] + begin;
            for (std::size_t part = 0; part < B::parts; ++part)
                sums[t][part] = twice[t][part];
        }
        std::size_t i = 0;
        for (; i + Order::block <= n; i += Order::block)
            add_words<0, N>(words, i / lanes, Order::block_words, scaled + i, sums);
        add_words<0, N>(words, i / lanes, (n - i) / lanes, scaled + i, sums);
        for (std::size_t t = 0; t < N; ++t)
            for (std::size_t part = 0; part < B::parts; ++part)
                twice[t][part] = sums[t][part];
    }

    // Elements of the words from `Word` on, an even one, of n_words in the block that begins at word `begin`.
    template <int Word, std::size_t N>
    RUVLLM_WITH_FMA_INLINE static void add_words(const std::uint32_t* const (&words)[N], std::size_t begin,
                                                 std::size_t n_words, const float* scaled, __m256 (&sums)[N][B::parts])
    {
        if (Word >= n_words)
            return;
        __m256i bits[N];
        for (std::size_t t = 0; t < N; ++t)
            bits[t] = moved<4 * Word, 23>(Order::load(words[t] + begin));
        add_part<0>(bits, scaled + Word * lanes, sums);
        add_part<1>(bits, scaled + Word * lanes, sums);
        add_part<2>(bits, scaled + Word * lanes, sums);
        add_part<3>(bits, scaled + Word * lanes, sums);
        if (Word + 1 >= n_words)
            return;
        add_part<4>(bits, scaled + Word * lanes, sums);
        add_part<5>(bits, scaled + Word * lanes, sums);
        add_part<6>(bits, scaled + Word * lanes, sums);
        add_part<7>(bits, scaled + Word * lanes, sums);
        if constexpr (Word + 2 < Order::block_words)
            add_words<Word + 2>(words, begin, n_words, scaled, sums);
    }

    template <int J, std::size_t N>
    RUVLLM_WITH_FMA_INLINE static void add_part(const __m256i (&bits)[N], const float* scaled,
                                                __m256 (&sums)[N][B::parts])
    {
        __m256 value = _mm256_load_ps(scaled + 8 * J);
        if constexpr (N > 1)
            __asm__("" : "+x"(value)); // or it is read N times, and reading is what takes longest
        for (std::size_t t = 0; t < N; ++t)
            sums[t][J % 4] = _mm256_fmadd_ps(factors<J>(bits[t]), value, sums[t][J % 4]);
    }
};

} // namespace ruvllm::simd

#endif
