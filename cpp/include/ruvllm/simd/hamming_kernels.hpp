// In how many bits a query and many rows of words differ. See kernel_table.hpp for what is returned.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__AVX2__) && defined(__GNUC__)
#define RUVLLM_COUNTS_BITS_OF_BYTES 1
#include <immintrin.h>
#endif
#if defined(__AVX512VL__) && defined(__GNUC__)
#define RUVLLM_COUNTS_BITS_OF_VECTORS 1
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
#ifdef RUVLLM_COUNTS_BITS_OF_BYTES
        return first_within_by_bytes(query, blocks, begin, end, most);
#else
        for (std::size_t r = begin; r < end; ++r) {
            const std::uint64_t* const row = blocks + block_rows * row_words * (r / block_rows) + r % block_rows;
            std::uint32_t different = 0;
            for (std::size_t w = 0; w < row_words; ++w)
                different += bit_count(query[w] ^ row[block_rows * w]);
            if (different <= most)
                return r;
        }
        return end;
#endif
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
            if (const std::size_t r = first_of(within, first, begin, end); r < end)
                return r;
        }
        return end;
    }
#endif

#ifdef RUVLLM_COUNTS_BITS_OF_BYTES
    // first_within() by a table of the bits of half a byte, in a register (Mula, Kurz and Lemire, The Computer Journal
    // 61(1), 2018). Bytes of a row's words are added up before they are widened.
    static std::size_t first_within_by_bytes(const std::uint64_t* query, const std::uint64_t* blocks, std::size_t begin,
                                             std::size_t end, std::uint32_t most)
    {
        static_assert(row_words <= 31 && block_rows == 8); // 8 bits a byte: sums stay below 256
        const __m256i counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, //
                                                0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
        const __m256i low = _mm256_set1_epi8(15), limit = _mm256_set1_epi64x(most), zero = _mm256_setzero_si256();
        __m256i words[row_words];
        for (std::size_t w = 0; w < row_words; ++w)
            words[w] = _mm256_set1_epi64x(static_cast<long long>(query[w]));
        for (std::size_t first = begin - begin % block_rows; first < end; first += block_rows) {
            const std::uint64_t* const block = blocks + row_words * first;
            std::uint32_t beyond = 0;
            for (std::size_t half = 0; half < 2; ++half) {
                __m256i bytes = zero;
                for (std::size_t w = 0; w < row_words; ++w) {
                    const std::uint64_t* const rows = block + block_rows * w + 4 * half;
                    const __m256i different =
                        _mm256_xor_si256(words[w], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows)));
                    const __m256i lower = _mm256_and_si256(different, low);
                    const __m256i upper = _mm256_and_si256(_mm256_srli_epi64(different, 4), low);
                    bytes = _mm256_add_epi8(bytes, _mm256_add_epi8(_mm256_shuffle_epi8(counts, lower),
                                                                   _mm256_shuffle_epi8(counts, upper)));
                }
                const __m256i more = _mm256_cmpgt_epi64(_mm256_sad_epu8(bytes, zero), limit);
                beyond |= static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(more))) << (4 * half);
            }
            if (const std::size_t r = first_of(~beyond & 0xffu, first, begin, end); r < end)
                return r;
        }
        return end;
    }

    // The first row from `begin` to `end` whose bit is set in `within`, which is about the rows from `first` on.
    static std::size_t first_of(std::uint32_t within, std::size_t first, std::size_t begin, std::size_t end)
    {
        for (std::size_t r = first < begin ? begin : first; within != 0 && r < end && r < first + block_rows; ++r)
            if ((within >> (r - first) & 1u) != 0)
                return r;
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
