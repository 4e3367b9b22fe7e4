// Sign vectors stored as bits: weighted sums of them (combine_signs) and products with a vector (dot_signs).
#include "arranged_signs.hpp"
#include "every_isa.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class Signs : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(Signs);

// n_terms coefficients and bit vectors; the bits beyond element n in the last word are random too.
struct SignTerms {
    SignTerms(Random& random, std::size_t n_terms, std::size_t n)
    {
        for (std::size_t t = 0; t < n_terms; ++t) {
            coefficients.push_back(random.value());
            words.emplace_back((n + 31) / 32);
            for (std::uint32_t& word : words.back())
                word = random.word();
        }
        for (const auto& vector : words)
            pointers.push_back(vector.data());
    }

    [[nodiscard]] ArrangedSigns arranged(const simd::KernelTable& kernels, std::size_t n) const
    {
        return {kernels, pointers, n};
    }

    std::vector<float> coefficients;
    std::vector<std::vector<std::uint32_t>> words;
    std::vector<const std::uint32_t*> pointers;
};

// The same for words that a test has written down.
float combine(const simd::KernelTable& kernels, float c, const std::uint32_t* words, float* out, std::size_t n)
{
    const ArrangedSigns signs(kernels, {words}, n);
    return kernels.combine_signs(&c, signs.data(), 1, out, n);
}

float dot(const simd::KernelTable& kernels, const std::uint32_t* words, const float* x, std::size_t n)
{
    const ArrangedSigns signs(kernels, {words}, n);
    float out = 1.0f;
    kernels.dot_signs(signs.data(), 1, x, n, &out);
    return out;
}

TEST_P(Signs, MatchTheirTwinsAndStayInside)
{
    Random random(5);
    for_each_case([&](std::size_t n, std::size_t offset) {
        for (const std::size_t n_terms : {0u, 1u, 2u, 4u, 6u, 7u, 16u, 20u}) {
            SCOPED_TRACE("n = " + std::to_string(n) + ", terms = " + std::to_string(n_terms));
            const SignTerms terms(random, n_terms, n);
            GuardedFloats out(n, offset);
            const float* c = terms.coefficients.data();
            kernels.combine_signs(c, terms.arranged(kernels, n).data(), n_terms, out.data(), n);
            for (std::size_t i = 0; i < n; ++i) {
                const auto sign = [&](std::size_t t) { return sign_at(terms.words[t].data(), i); };
                EXPECT_TRUE(has_bits(out[i], combined_signs(n_terms, c, terms.words, i))) << i;
                EXPECT_NEAR(out[i], weighted_sum<double>(n_terms, c, sign),
                            tolerance(2 * n_terms, 2.0 * static_cast<double>(n_terms)))
                    << i;
            }
            EXPECT_TRUE(out.guards_intact());
        }
    });
}

TEST_P(Signs, ReturnTheSquaredNormOfWhatTheyWrote)
{
    Random random(6);
    for_each_case([&](std::size_t n, std::size_t offset) {
        SCOPED_TRACE("n = " + std::to_string(n) + ", offset = " + std::to_string(offset));
        const SignTerms terms(random, 5, n);
        GuardedFloats out(n, offset);
        const float norm =
            kernels.combine_signs(terms.coefficients.data(), terms.arranged(kernels, n).data(), 5, out.data(), n);
        EXPECT_TRUE(has_bits(norm, kernels.squared_norm(out.data(), n)));
        EXPECT_TRUE(has_bits(norm, lane_order::dot(out.data(), out.data(), n)));
    });
}

TEST_P(Signs, ProductsMatchTheirTwinsAndReadNothingBeyond)
{
    Random random(7);
    for_each_case([&](std::size_t n, std::size_t offset) {
        for (const std::size_t n_terms : {0u, 1u, 3u, 4u, 8u, 15u}) { // through every group that is taken at once
            SCOPED_TRACE("n = " + std::to_string(n) + ", terms = " + std::to_string(n_terms));
            const SignTerms terms(random, n_terms, n);
            const GuardedFloats x = random.floats(n, offset);
            std::vector<float> out(n_terms + 1, 7.0f);
            kernels.dot_signs(terms.arranged(kernels, n).data(), n_terms, x.data(), n, out.data());
            for (std::size_t t = 0; t < n_terms; ++t) {
                EXPECT_TRUE(has_bits(out[t], lane_order::dot_signs(terms.words[t].data(), x.data(), n))) << t;
                double exact = 0.0;
                for (std::size_t i = 0; i < n; ++i)
                    exact += static_cast<double>(sign_at(terms.words[t].data(), i)) * static_cast<double>(x[i]);
                EXPECT_NEAR(out[t], exact, tolerance(2 * n, 3.0 * static_cast<double>(n))) << t;
            }
            EXPECT_EQ(out[n_terms], 7.0f);
        }
    });
}

// Through every number of words of the last block of 256 elements, and more elements and terms than are taken at once.
TEST_P(Signs, WholeWordsMatchTheirTwins)
{
    Random random(11);
    std::vector<std::size_t> sizes{4096, 4096 + 256 + 96, 2 * 4096 + 32};
    for (std::size_t n = 32; n <= 320; n += 32)
        sizes.push_back(n);
    for (const std::size_t n : sizes)
        for (const std::size_t n_terms : {1u, 2u, 15u, 16u, 17u, 35u}) {
            SCOPED_TRACE("n = " + std::to_string(n) + ", terms = " + std::to_string(n_terms));
            const SignTerms terms(random, n_terms, n);
            const ArrangedSigns signs = terms.arranged(kernels, n);
            const GuardedFloats x = random.floats(n, 1);
            GuardedFloats out(n, 3);
            std::vector<float> products(n_terms);
            kernels.combine_signs(terms.coefficients.data(), signs.data(), n_terms, out.data(), n);
            kernels.dot_signs(signs.data(), n_terms, x.data(), n, products.data());
            for (std::size_t i = 0; i < n; ++i)
                EXPECT_TRUE(has_bits(out[i], combined_signs(n_terms, terms.coefficients.data(), terms.words, i))) << i;
            for (std::size_t t = 0; t < n_terms; ++t)
                EXPECT_TRUE(has_bits(products[t], lane_order::dot_signs(terms.words[t].data(), x.data(), n))) << t;
            EXPECT_TRUE(out.guards_intact());
        }
}

TEST_P(Signs, ArrangingWritesTheWordsOfWholeBlocksAndReadsNoOthers)
{
    Random random(12);
    for (const std::size_t n : {0u, 1u, 32u, 33u, 224u, 256u, 257u, 896u}) {
        SCOPED_TRACE("n = " + std::to_string(n));
        constexpr std::uint32_t guard = 0xdeadbeef;
        const SignTerms terms(random, 1, n);
        std::vector<std::uint32_t> arranged(simd::sign_words(n) + 1, guard);
        kernels.arrange_signs(terms.words[0].data(), n, arranged.data());
        EXPECT_EQ(arranged.back(), guard);
        std::vector<float> out(n);
        const float c = 1.0f;
        const std::uint32_t* const pointer = arranged.data();
        kernels.combine_signs(&c, &pointer, 1, out.data(), n);
        for (std::size_t i = 0; i < n; ++i)
            EXPECT_EQ(out[i], sign_at(terms.words[0].data(), i)) << i;
    }
}

TEST_P(Signs, ProductsOfZerosHaveTheirSignsEverywhere)
{
    const std::uint32_t words[] = {0xffff0000u, 0x5u};
    for (const float zero : {0.0f, -0.0f})
        for (const std::size_t n : {37u, 64u}) {
            const std::vector<float> x(n, zero);
            const float out = dot(kernels, words, x.data(), n);
            EXPECT_TRUE(has_bits(out, lane_order::dot_signs(words, x.data(), n)));
            EXPECT_EQ(out, 0.0f);
        }
}

// Where a set bit is a factor, a product could overflow or be no number.
TEST_P(Signs, ProductsOfAnySizeMatchTheirTwins)
{
    constexpr float infinity = std::numeric_limits<float>::infinity(), largest = std::numeric_limits<float>::max();
    constexpr float least = std::numeric_limits<float>::denorm_min();
    Random random(8);
    for (const float special : {1.9999999f, -1.9999999f, 2.0f, 1e30f, 0.6f * largest, largest, infinity, -infinity,
                                least, -least, std::numeric_limits<float>::quiet_NaN()})
        for (const std::size_t at : {0u, 31u, 40u, 63u}) {
            SCOPED_TRACE(std::to_string(special) + " at " + std::to_string(at));
            const SignTerms terms(random, 5, 64);
            GuardedFloats x = random.floats(64, 0);
            x[at] = special;
            std::vector<float> out(5);
            kernels.dot_signs(terms.arranged(kernels, 64).data(), 5, x.data(), 64, out.data());
            for (std::size_t t = 0; t < 5; ++t) {
                const float expected = lane_order::dot_signs(terms.words[t].data(), x.data(), 64);
                EXPECT_TRUE(std::isnan(expected) ? std::isnan(out[t]) : has_bits(out[t], expected)) << t;
            }
        }
}

TEST_P(Signs, CoefficientsOfAnySizeMatchTheirTwins)
{
    constexpr float infinity = std::numeric_limits<float>::infinity(), largest = std::numeric_limits<float>::max();
    Random random(9);
    for (const float special : {0.0f, -0.0f, 32767.0f, 32768.0f, -32768.0f, 1e30f, 0.4f * largest, largest, -largest,
                                infinity, std::numeric_limits<float>::denorm_min(),
                                std::numeric_limits<float>::quiet_NaN()})
        for (const std::size_t n_terms : {1u, 4u, 6u}) {
            SCOPED_TRACE(std::to_string(special) + ", terms = " + std::to_string(n_terms));
            SignTerms terms(random, n_terms, 64);
            terms.coefficients[n_terms / 2] = special;
            std::vector<float> out(64);
            const float* const c = terms.coefficients.data();
            kernels.combine_signs(c, terms.arranged(kernels, 64).data(), n_terms, out.data(), 64);
            for (std::size_t i = 0; i < 64; ++i) {
                const float expected = combined_signs(n_terms, c, terms.words, i);
                EXPECT_TRUE(std::isnan(expected) ? std::isnan(out[i]) : has_bits(out[i], expected)) << i;
            }
        }
}

TEST_P(Signs, BitZeroIsElementZeroAndASetBitIsMinus)
{
    const std::uint32_t words[] = {0x80000001u, 0x2u}; // elements 0, 31 and 33
    std::vector<float> out(35);
    EXPECT_EQ(combine(kernels, 3.0f, words, out.data(), 35), 35 * 9.0f);
    for (std::size_t i = 0; i < 35; ++i)
        EXPECT_EQ(out[i], i == 0 || i == 31 || i == 33 ? -3.0f : 3.0f) << i;
}

TEST_P(Signs, NoTermsOverwriteWithZero)
{
    std::vector<float> out(70, 5.0f);
    EXPECT_EQ(kernels.combine_signs(nullptr, nullptr, 0, out.data(), 70), 0.0f);
    EXPECT_EQ(out, std::vector<float>(70, 0.0f));
}

// Sums that share their first and last vector or not, and their second one.
TEST_P(Signs, SumsAreMeasuredAsIfTheyWereWritten)
{
    Random random(10);
    for (const std::size_t n : {0u, 1u, 32u, 64u, 100u, 480u, 512u, 544u, 1536u})
        for (const std::size_t period : {std::size_t{64}, std::size_t{512}})
            for (const std::size_t m : {0u, 1u, 2u, 8u, 11u})
                for (const bool share : {false, true}) {
                    SCOPED_TRACE("n = " + std::to_string(n) + ", period = " + std::to_string(period) +
                                 ", m = " + std::to_string(m) + (share ? ", shared" : ""));
                    const SignTerms terms(random, 4 * m + 1, n);
                    std::vector<const std::uint32_t*> bits(terms.pointers.begin(), terms.pointers.begin() + 4 * m);
                    for (std::size_t j = 0; share && j < m; ++j) {
                        bits[4 * j] = bits[0];
                        bits[4 * j + 1] = bits[4 * (j % 3) + 1];
                        bits[4 * j + 3] = bits[3];
                    }
                    const ArrangedSigns arranged(kernels, bits, n);
                    const float* const c = terms.coefficients.data();
                    std::vector<float> scratch(n + 1), norms(m + 1, 7.0f);
                    std::vector<std::uint64_t> signs(m * (period / 64) + 1, 7);
                    kernels.measure_sign_sums(c, arranged.data(), m, n, period, scratch.data(), norms.data(),
                                              signs.data());
                    for (std::size_t j = 0; j < m; ++j) {
                        std::vector<float> sum(n + 1);
                        std::vector<std::uint64_t> expected(period / 64);
                        EXPECT_TRUE(has_bits(norms[j], kernels.combine_signs(c + 4 * j, arranged.data() + 4 * j, 4,
                                                                             sum.data(), n)));
                        kernels.folded_sign_bits(sum.data(), n, period, expected.data());
                        for (std::size_t w = 0; w < expected.size(); ++w)
                            EXPECT_EQ(signs[j * expected.size() + w], expected[w]) << j << " " << w;
                    }
                    EXPECT_EQ(norms[m], 7.0f);
                    EXPECT_EQ(signs.back(), 7u);
                }
}

TEST_P(Signs, NanAndInfinityReachEveryElement)
{
    const std::uint32_t words[] = {0xf0f0f0f0u, 0x1u};
    std::vector<float> out(40);
    const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(combine(kernels, infinity, words, out.data(), 40)));
    for (std::size_t i = 0; i < 40; ++i)
        EXPECT_TRUE(sign_at(words, i) > 0.0f ? out[i] == infinity : std::isnan(out[i])) << i; // infinity - infinity
    EXPECT_TRUE(std::isnan(combine(kernels, nan, words, out.data(), 40)));
    for (std::size_t i = 0; i < 40; ++i)
        EXPECT_TRUE(std::isnan(out[i])) << i;
}

} // namespace
