// In how many bits a query and many rows of words differ. See kernel_table.hpp for what is returned.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__AVX512VL__) && defined(__GNUC__)
#define RUVLLM_COUNTS_BITS_OF_VECTORS 1
#include <immintrin.h>
#endif

#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm::simd {

template <class Arch>
struct HammingKernels {
    static void many(const std::uint64_t* query, const std::uint64_t* rows, std::size_t n_rows, std::size_t n_words,
                     std::uint32_t* out)
    {
        switch (n_words) { // half a sketch of the contrastive memory: unrolled
        case 4: return count<4>(query, rows, n_rows, n_words, out);
        default: return count<0>(query, rows, n_rows, n_words, out);
        }
    }

    static std::size_t first_within(const std::uint64_t* query, const std::uint64_t* blocks, std::size_t begin,
                                    std::size_t end, std::uint32_t most)
    {
#ifdef RUVLLM_COUNTS_BITS_OF_VECTORS
        if (__builtin_cpu_supports("avx512vpopcntdq"))
            return first_within_by_block(query, blocks, begin, end, most);
#endif
        for (std::size_t r = begin; r < end; ++r) {
            const std::uint64_t* const row = blocks + block_rows * row_words * (r / block_rows) + r % block_rows;
            std::uint32_t different = 0;
            for (std::size_t w = 0; w < row_words; ++w)
                different += bit_count(query[w] ^ row[block_rows * w]);
            if (different <= most)
                return r;
        }
        return end;
    }

private:
#ifdef RUVLLM_COUNTS_BITS_OF_VECTORS
    // first_within() on processors that count the bits of a vector at once (AVX-512 VPOPCNTDQ).
    __attribute__((target("avx512vpopcntdq"))) static std::size_t
    first_within_by_block(const std::uint64_t* query, const std::uint64_t* blocks, std::size_t begin, std::size_t end,
                          std::uint32_t most)
    {
        __m512i words[row_words];
        for (std::size_t w = 0; w < row_words; ++w)
            words[w] = _mm512_set1_epi64(static_cast<long long>(query[w]));
        const __m512i limit = _mm512_set1_epi64(most);
        for (std::size_t first = begin - begin % block_rows; first < end; first += block_rows) {
            const std::uint64_t* const block = blocks + row_words * first;
            __m512i different = _mm512_setzero_si512();
            for (std::size_t w = 0; w < row_words; ++w)
                different = _mm512_add_epi64(
                    different,
                    _mm512_popcnt_epi64(_mm512_xor_si512(words[w], _mm512_loadu_si512(block + block_rows * w))));
            const std::uint32_t within = _mm512_cmple_epu64_mask(different, limit);
            for (std::size_t r = first < begin ? begin : first; within != 0 && r < end && r < first + block_rows; ++r)
                if ((within >> (r - first) & 1u) != 0)
                    return r;
        }
        return end;
    }
#endif

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

    // Fixed: the number of words where the compiler may know it, else 0.
    template <std::size_t Fixed>
    static void count(const std::uint64_t* query, const std::uint64_t* rows, std::size_t n_rows, std::size_t n_words,
                      std::uint32_t* out)
    {
        const std::size_t words = Fixed > 0 ? Fixed : n_words;
        for (std::size_t r = 0; r < n_rows; ++r) {
            std::uint32_t different = 0;
            for (std::size_t w = 0; w < words; ++w)
                different += bit_count(query[w] ^ rows[r * words + w]);
            out[r] = different;
        }
    }
};

} // namespace ruvllm::simd
