// sign_bits: one bit per element, set where it is below 0.
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

} // namespace
