// sign_bits: one bit per element, set where it is below 0; folded_sign_bits: the same for sums of elements.
#include <limits>

#include "every_isa.hpp"

using namespace ruvllm::testing;

namespace {

class SignBits : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(SignBits);

TEST_P(SignBits, IsTheSignOfEachElementAndStaysInside)
{
    Random random(9);
    constexpr std::uint64_t guard = 0xdeadbeefdeadbeef;
    for (const std::size_t n : {0u, 1u, 31u, 32u, 33u, 63u, 64u, 65u, 96u, 258u, 512u}) {
        for (const std::size_t offset : {0u, 1u, 5u}) {
            SCOPED_TRACE("n = " + std::to_string(n) + ", offset = " + std::to_string(offset));
            std::vector<float> x(n + offset + 64, -1.0f); // negative beyond the end: those must not count
            for (std::size_t i = 0; i < n; ++i)
                x[offset + i] = random.word() % 2 == 0 ? 0.5f : -0.5f;
            const std::size_t words = (n + 63) / 64;
            std::vector<std::uint64_t> out(words + 2, guard);
            kernels.sign_bits(x.data() + offset, n, out.data() + 1);
            EXPECT_EQ(out.front(), guard);
            EXPECT_EQ(out.back(), guard);
            for (std::size_t bit = 0; bit < 64 * words; ++bit)
                EXPECT_EQ((out[1 + bit / 64] >> (bit % 64)) & 1u, bit < n && x[offset + bit] < 0.0f) << bit;
        }
    }
}

TEST_P(SignBits, ZerosOfEitherSignAndNanAreNotBelowZero)
{
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float x[] = {0.0f, -0.0f, nan, -nan, -1e-45f, -std::numeric_limits<float>::infinity()};
    std::uint64_t out = 0;
    kernels.sign_bits(x, 6, &out);
    EXPECT_EQ(out, 0b110000u);
}

// In the order of the sums: from 0 on, the nearest element first.
TEST_P(SignBits, FoldedAreThoseOfTheSumsOfEveryPeriodthElement)
{
    Random random(10);
    constexpr std::uint64_t guard = 0xdeadbeefdeadbeef;
    for (const std::size_t period : {64u, 128u, 512u})
        for (const std::size_t n : {0u, 1u, 33u, 64u, 100u, 512u, 513u, 1536u, 1600u})
            for (const std::size_t offset : {0u, 3u}) {
                SCOPED_TRACE("period = " + std::to_string(period) + ", n = " + std::to_string(n));
                std::vector<float> x(n + offset + 64, -9.0f); // beyond the end: those must not count
                for (std::size_t i = 0; i < n; ++i)
                    x[offset + i] = random.value();
                const std::size_t words = period / 64;
                std::vector<std::uint64_t> out(words + 2, guard);
                kernels.folded_sign_bits(x.data() + offset, n, period, out.data() + 1);
                EXPECT_EQ(out.front(), guard);
                EXPECT_EQ(out.back(), guard);
                for (std::size_t bit = 0; bit < period; ++bit) {
                    float sum = 0.0f;
                    for (std::size_t i = bit; i < n; i += period)
                        sum += x[offset + i];
                    EXPECT_EQ((out[1 + bit / 64] >> (bit % 64)) & 1u, sum < 0.0f) << bit;
                }
            }
}

} // namespace
