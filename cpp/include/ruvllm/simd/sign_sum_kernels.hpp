// What is measured of sums of four sign vectors without a place in memory for them: see kernel_table.hpp.
//
// An element of such a sum is one of 16 numbers. With AVX2 they are made once for each sum and looked up in registers by
// the signs of all four vectors; sums that share vectors, as the candidates of a task do, share most of the looking up.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__AVX2__) && !defined(__AVX512F__) && defined(__GNUC__)
#define RUVLLM_LOOKS_UP_SIGN_SUMS 1
#include <immintrin.h>
#endif

#include "ruvllm/simd/block.hpp"

namespace ruvllm::simd {

template <class Arch>
struct SignSumKernels {
    using B = Block<Arch>;
    static constexpr std::size_t terms = 4;

    // combine, folded_sign_bits: the kernels of these names.
    template <class Combine, class FoldedSignBits>
    static void measure(const float* c, const std::uint32_t* const* bits, std::size_t m, std::size_t n,
                        std::size_t period, float* scratch, float* squared_norms, std::uint64_t* out, Combine combine,
                        FoldedSignBits folded_sign_bits)
    {
        for (std::size_t j = 0; j < m;) {
            const std::uint32_t* const* const vectors = bits + j * terms;
#ifdef RUVLLM_LOOKS_UP_SIGN_SUMS
            const std::size_t together = sharing(vectors, m - j);
            if (together > 1 && n % lanes == 0 && period == LookUp::period) {
                LookUp(c + j * terms, vectors, together, combine)
                    .measure(n, squared_norms + j, out + j * (period / 64), folded_sign_bits);
                j += together;
                continue;
            }
#endif
            squared_norms[j] = combine(c + j * terms, vectors, terms, scratch, n);
            folded_sign_bits(scratch, n, period, out + j * (period / 64));
            ++j;
        }
    }

private:
#ifdef RUVLLM_LOOKS_UP_SIGN_SUMS
    static constexpr std::size_t most = 8; // sums at once

    // How many sums from the first on share its first and last vector; at most `most`.
    static std::size_t sharing(const std::uint32_t* const* bits, std::size_t m)
    {
        std::size_t n = 1;
        while (n < m && n < most && bits[n * terms] == bits[0] && bits[n * terms + 3] == bits[3])
            ++n;
        return n;
    }

    // Up to `most` sums with the same first and last vector.
    class LookUp {
    public:
        static constexpr std::size_t period = 512;

        template <class Combine>
        LookUp(const float* c, const std::uint32_t* const* bits, std::size_t n_sums, Combine combine)
            : bits_(bits), n_sums_(n_sums)
        {
            // Value i has the signs that the bits of i say: of the first vector, the last, the second and the third. All
            // are made twice, for that is a whole block.
            constexpr std::uint32_t first = 0xaaaaaaaa, last = 0xcccccccc, second = 0xf0f0f0f0, third = 0xff00ff00;
            const std::uint32_t* const every_sign[terms] = {&first, &second, &third, &last};
            for (std::size_t j = 0; j < n_sums; ++j)
                combine(c + j * terms, every_sign, terms, sums_[j].values, lanes);
        }

        template <class FoldedSignBits>
        void measure(std::size_t n, float* squared_norms, std::uint64_t* out, FoldedSignBits folded_sign_bits)
        {
            for (std::size_t begin = 0; begin < n; begin += period) {
                const std::size_t size = n - begin < period ? n - begin : period, word = begin / lanes;
                place_ends(word, size);
                for (std::size_t first = 0; first < n_sums_; ++first) {
                    const std::uint32_t* const second_vector = bits_[first * terms + 1];
                    if (is_repeated(first))
                        continue;
                    place_second(second_vector + word, size);
                    for (std::size_t j = first; j < n_sums_; ++j)
                        if (bits_[j * terms + 1] == second_vector)
                            add_elements(sums_[j], bits_[j * terms + 2] + word, size);
                }
            }
            for (std::size_t j = 0; j < n_sums_; ++j) {
                squared_norms[j] = sums_[j].squares.reduce_add();
                folded_sign_bits(sums_[j].folded, period, period, out + j * (period / 64));
            }
        }

    private:
        struct Sum {
            alignas(32) float values[lanes];
            alignas(32) float folded[period] = {};
            B squares = B::zero();
        };

        [[nodiscard]] bool is_repeated(std::size_t j) const
        {
            for (std::size_t i = 0; i < j; ++i)
                if (bits_[i * terms + 1] == bits_[j * terms + 1])
                    return true;
            return false;
        }

        static __m256i lane_numbers() { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }

        // Lane i: bit i of byte `part` of a word, below the word's further bits.
        static __m256i bits_of(std::uint32_t word, std::size_t part)
        {
            const __m256i to_bit_0 = _mm256_add_epi32(lane_numbers(), _mm256_set1_epi32(static_cast<int>(8 * part)));
            return _mm256_srlv_epi32(_mm256_set1_epi32(static_cast<int>(word)), to_bit_0);
        }
        static __m256i lowest(__m256i bits) { return _mm256_and_si256(bits, _mm256_set1_epi32(1)); }

        // Where the values of `size` elements from word `word` on are, as far as the first and last vector say.
        void place_ends(std::size_t word, std::size_t size)
        {
            for (std::size_t i = 0; i < size; i += lanes)
                for (std::size_t part = 0; part < 4; ++part) {
                    const __m256i first = lowest(bits_of(bits_[0][word + i / lanes], part));
                    const __m256i last = lowest(bits_of(bits_[3][word + i / lanes], part));
                    store(ends_ + i + 8 * part, _mm256_or_si256(first, _mm256_slli_epi32(last, 1)));
                }
        }
        // The same with what the second vector says, in bit 2: nothing reads the bits above it.
        void place_second(const std::uint32_t* words, std::size_t size)
        {
            for (std::size_t i = 0; i < size; i += lanes)
                for (std::size_t part = 0; part < 4; ++part)
                    store(places_ + i + 8 * part,
                          _mm256_or_si256(load(ends_ + i + 8 * part),
                                          _mm256_slli_epi32(bits_of(words[i / lanes], part), 2)));
        }

        void add_elements(Sum& sum, const std::uint32_t* words, std::size_t size) const
        {
            const __m256 plus = _mm256_load_ps(sum.values), minus = _mm256_load_ps(sum.values + 8);
            __m256 squares[4];
            for (std::size_t part = 0; part < 4; ++part)
                squares[part] = sum.squares.part[part];
            for (std::size_t i = 0; i < size; i += lanes) {
                const __m256i word = _mm256_set1_epi32(static_cast<int>(words[i / lanes]));
                for (std::size_t part = 0; part < 4; ++part) {
                    const __m256i to_bit_31 =
                        _mm256_sub_epi32(_mm256_set1_epi32(static_cast<int>(31 - 8 * part)), lane_numbers());
                    const __m256i place = load(places_ + i + 8 * part);
                    const __m256 value = _mm256_blendv_ps(_mm256_permutevar8x32_ps(plus, place),
                                                          _mm256_permutevar8x32_ps(minus, place),
                                                          _mm256_castsi256_ps(_mm256_sllv_epi32(word, to_bit_31)));
                    squares[part] = _mm256_add_ps(squares[part], _mm256_mul_ps(value, value));
                    float* const folded = sum.folded + i + 8 * part;
                    _mm256_store_ps(folded, _mm256_add_ps(_mm256_load_ps(folded), value));
                }
            }
            for (std::size_t part = 0; part < 4; ++part)
                sum.squares.part[part] = squares[part];
        }

        static void store(std::uint32_t* to, __m256i value) { _mm256_store_si256(reinterpret_cast<__m256i*>(to), value); }
        static __m256i load(const std::uint32_t* from)
        {
            return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
        }

        const std::uint32_t* const* bits_;
        std::size_t n_sums_;
        Sum sums_[most];
        alignas(32) std::uint32_t ends_[period], places_[period];
    };
#endif
};

} // namespace ruvllm::simd
