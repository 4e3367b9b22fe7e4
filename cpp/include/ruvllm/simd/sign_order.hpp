// The order in which the kernels of one instruction set read the bits of a sign vector.
//
// It is that of the elements, but on x86 processors with AVX2 and FMA: there 256 elements are a block of 8 words, and
// bit g of word l belongs to the block's element 8 g + l. So one mask takes the bits of 8 neighbours out of a register,
// each in its lane, to which bits in the order of the elements would have to be moved first.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__AVX2__) && !defined(__AVX512F__) && defined(__GNUC__)
#define RUVLLM_FUSES_SIGNS 1
#include <immintrin.h>
#endif

#include "ruvllm/simd/block.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm::simd {

template <class Arch>
struct SignOrder {
    // For KernelTable::arrange_signs().
    static void arrange(const std::uint32_t* bits, std::size_t n, std::uint32_t* out)
    {
        const std::size_t n_words = (n + lanes - 1) / lanes;
#ifdef RUVLLM_FUSES_SIGNS
        if (by_lanes()) {
            std::size_t w = 0;
            for (; w + block_words <= n_words; w += block_words)
                arrange_block(bits + w, out + w);
            if (w < n_words) {
                std::uint32_t last[block_words] = {};
                for (std::size_t i = 0; w + i < n_words; ++i)
                    last[i] = bits[w + i];
                arrange_block(last, out + w);
            }
            return;
        }
#endif
        for (std::size_t w = 0; w < sign_words(n); ++w)
            out[w] = w < n_words ? bits[w] : 0;
    }

    // Word w of the bits from which `arranged` was made.
    static std::uint32_t word(const std::uint32_t* arranged, std::size_t w)
    {
#ifdef RUVLLM_FUSES_SIGNS
        if (by_lanes()) {
            const __m256i bits = load(arranged + w / block_words * block_words);
            std::uint32_t word = 0;
            for (std::size_t part = 0; part < 4; ++part) {
                const auto place = static_cast<int>(31 - 4 * (w % block_words) - part);
                word |= static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(
                            _mm256_sll_epi32(bits, _mm_cvtsi32_si128(place)))))
                        << 8 * part;
            }
            return word;
        }
#endif
        return arranged[w];
    }

#ifdef RUVLLM_FUSES_SIGNS
    static constexpr std::size_t block_words = 8, block = block_words * lanes;

    // Whether bits lie lane by lane: if kernels of FusedSignKernels are going to read them.
    [[nodiscard]] static bool by_lanes() { return __builtin_cpu_supports("fma"); }

    [[nodiscard]] static __m256i load(const std::uint32_t* words)
    {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words));
    }

private:
    static void arrange_block(const std::uint32_t* bits, std::uint32_t* out)
    {
        __m256i bytes = load(bits); // byte g: elements 8 g to 8 g + 7, of which the last is in its highest bit
        for (std::size_t lane = block_words; lane-- > 0;) {
            out[lane] = static_cast<std::uint32_t>(_mm256_movemask_epi8(bytes));
            bytes = _mm256_add_epi8(bytes, bytes);
        }
    }
#endif
};

} // namespace ruvllm::simd
