// What is measured of sums of four sign vectors without a place in memory for them: see kernel_table.hpp.
//
// An element of such a sum is one of 16 numbers. Where bits lie lane by lane (sign_order.hpp) they are made once for
// each sum and looked up in registers by the signs of all four vectors; sums that share vectors, as the candidates of a
// task do, share most of the looking up.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ruvllm/simd/block.hpp"
#include "ruvllm/simd/sign_kernels.hpp"
#include "ruvllm/simd/sign_order.hpp"

namespace ruvllm::simd {

template <class Arch>
struct SignSumKernels {
    using B = Block<Arch>;
    using Order = SignOrder<Arch>;
    static constexpr std::size_t terms = 4;

    // combine, folded_sign_bits: the kernels of these names.
    template <class Combine, class FoldedSignBits>
    static void measure(const float* c, const std::uint32_t* const* bits, std::size_t m, std::size_t n,
                        std::size_t period, float* scratch, float* squared_norms, std::uint64_t* out, Combine combine,
                        FoldedSignBits folded_sign_bits)
    {
        for (std::size_t j = 0; j < m;) {
            const std::uint32_t* const* const vectors = bits + j * terms;
#ifdef RUVLLM_FUSES_SIGNS
            const std::size_t together = sharing(vectors, m - j);
            if (together > 1 && n % lanes == 0 && period == LookUp::period && Order::by_lanes()) {
                LookUp(c + j * terms, vectors, together)
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
#ifdef RUVLLM_FUSES_SIGNS
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

        LookUp(const float* c, const std::uint32_t* const* bits, std::size_t n_sums) : bits_(bits), n_sums_(n_sums)
        {
            for (std::size_t j = 0; j < n_sums; ++j)
                make_values(c + j * terms, sums_[j]);
        }

        template <class FoldedSignBits>
        void measure(std::size_t n, float* squared_norms, std::uint64_t* out, FoldedSignBits folded_sign_bits)
        {
            for (std::size_t begin = 0; begin < n; begin += Order::block) {
                const std::size_t word = begin / lanes, left = n / lanes - word;
                const std::size_t n_words = left < Order::block_words ? left : Order::block_words;
                const Places ends = with<1>(with<0>({}, bits_[0] + word), bits_[3] + word);
                for (std::size_t first = 0; first < n_sums_; ++first) {
                    const std::uint32_t* const second = bits_[first * terms + 1];
                    if (is_repeated(first))
                        continue;
                    const Places shared = with<2>(ends, second + word);
                    for (std::size_t j = first; j < n_sums_; ++j)
                        if (bits_[j * terms + 1] == second)
                            add_elements(sums_[j], with<3>(shared, bits_[j * terms + 2] + word), begin % period,
                                         n_words);
                }
            }
            for (std::size_t j = 0; j < n_sums_; ++j) {
                squared_norms[j] = sums_[j].squares.reduce_add();
                folded_sign_bits(sums_[j].folded, period, period, out + j * (period / 64));
            }
        }

    private:
        struct Sum {
            alignas(32) float values[16];
            alignas(32) float folded[period] = {};
            B squares = B::zero();
        };

        // Value i has the signs that the bits of i say: of the first vector, the last, the second and the third.
        static void make_values(const float* c, Sum& sum)
        {
            const __m256 plus = _mm256_set1_ps(SignKernels<Arch>::sum(c, terms));
            const __m256 no_third = less(less(plus, c[0], 0), c[1], 2);
            const __m256 third = _mm256_sub_ps(no_third, _mm256_set1_ps(2.0f * c[2]));
            _mm256_store_ps(sum.values, less(no_third, c[3], 1));
            _mm256_store_ps(sum.values + 8, less(third, c[3], 1));
        }
        // Takes 2 c off the lanes in whose number bit `bit` is set.
        static __m256 less(__m256 values, float c, int bit)
        {
            const __m256i mask = _mm256_set1_epi32(1 << bit), lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            const __m256i set = _mm256_cmpeq_epi32(_mm256_and_si256(lane, mask), mask);
            return _mm256_sub_ps(values, _mm256_and_ps(_mm256_castsi256_ps(set), _mm256_set1_ps(2.0f * c)));
        }

        [[nodiscard]] bool is_repeated(std::size_t j) const
        {
            for (std::size_t i = 0; i < j; ++i)
                if (bits_[i * terms + 1] == bits_[j * terms + 1])
                    return true;
            return false;
        }

        // Where the values of 256 elements are: hexadecimal digit w of lane l of part p is for element 32 w + 8 p + l.
        struct Places {
            __m256i part[B::parts];
        };

        // The bits of a block of a sign vector, as bit Bit of each digit.
        template <int Bit>
        static Places with(const Places& others, const std::uint32_t* words)
        {
            const __m256i bits = Order::load(words), digits = _mm256_set1_epi32(0x11111111);
            const auto added = [&](__m256i to, __m256i lowest) {
                return _mm256_or_si256(to, _mm256_slli_epi32(_mm256_and_si256(lowest, digits), Bit));
            };
            return {{added(others.part[0], bits), added(others.part[1], _mm256_srli_epi32(bits, 1)),
                     added(others.part[2], _mm256_srli_epi32(bits, 2)),
                     added(others.part[3], _mm256_srli_epi32(bits, 3))}};
        }

        // Elements of n_words words, which are `begin` elements after one whose number is a multiple of the period.
        static void add_elements(Sum& sum, const Places& places, std::size_t begin, std::size_t n_words)
        {
            const __m256 plus = _mm256_load_ps(sum.values), minus = _mm256_load_ps(sum.values + 8);
            __m256 squares[B::parts] = {sum.squares.part[0], sum.squares.part[1], sum.squares.part[2],
                                        sum.squares.part[3]};
            add_words<0>(places, plus, minus, sum.folded + begin, n_words, squares);
            for (std::size_t part = 0; part < B::parts; ++part)
                sum.squares.part[part] = squares[part];
        }

        // Of the words from `Word` on.
        template <int Word>
        static void add_words(const Places& places, __m256 plus, __m256 minus, float* folded, std::size_t n_words,
                              __m256 (&squares)[B::parts])
        {
            if (Word >= n_words)
                return;
            add_part<Word, 0>(places, plus, minus, folded, squares);
            add_part<Word, 1>(places, plus, minus, folded, squares);
            add_part<Word, 2>(places, plus, minus, folded, squares);
            add_part<Word, 3>(places, plus, minus, folded, squares);
            if constexpr (Word + 1 < Order::block_words)
                add_words<Word + 1>(places, plus, minus, folded, n_words, squares);
        }

        template <int Word, int Part>
        static void add_part(const Places& places, __m256 plus, __m256 minus, float* folded,
                             __m256 (&squares)[B::parts])
        {
            const __m256i digit = _mm256_srli_epi32(places.part[Part], 4 * Word); // the lookup reads its bits 0 to 2
            const __m256i third = _mm256_slli_epi32(places.part[Part], 28 - 4 * Word); // bit 31 is its bit 3
            const __m256 value =
                _mm256_blendv_ps(_mm256_permutevar8x32_ps(plus, digit), _mm256_permutevar8x32_ps(minus, digit),
                                 _mm256_castsi256_ps(third));
            squares[Part] = _mm256_add_ps(squares[Part], _mm256_mul_ps(value, value));
            float* const to = folded + Word * lanes + Part * B::width;
            _mm256_store_ps(to, _mm256_add_ps(_mm256_load_ps(to), value));
        }

        const std::uint32_t* const* bits_;
        std::size_t n_sums_;
        Sum sums_[most];
    };
#endif
};

} // namespace ruvllm::simd
