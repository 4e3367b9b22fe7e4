// dot, squared_norm and squared_distance against their twins.
#include "every_isa.hpp"

using namespace ruvllm::testing;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

class Reductions : public EveryIsa {
protected:
    // f(a, b, n) over random vectors of every size and misalignment
    template <class F>
    static void with_random_pairs(F f)
    {
        Random random(1);
        for_each_case([&](std::size_t n, std::size_t offset) {
            SCOPED_TRACE("n = " + std::to_string(n) + ", offset = " + std::to_string(offset));
            const GuardedFloats a = random.floats(n, offset), b = random.floats(n, (offset + 3) % 8);
            f(a.data(), b.data(), n);
        });
    }
};
RUVLLM_ON_EVERY_ISA(Reductions);

TEST_P(Reductions, DotAgreesWithDoublePrecision)
{
    with_random_pairs([&](const float* a, const float* b, std::size_t n) {
        const Naive expected = naive::dot(a, b, n);
        EXPECT_NEAR(kernels.dot(a, b, n), expected.value, tolerance(roundings_of_sum(n), expected.magnitude));
    });
}

TEST_P(Reductions, DotHasTheBitsOfTheLaneOrder)
{
    with_random_pairs([&](const float* a, const float* b, std::size_t n) {
        EXPECT_TRUE(has_bits(kernels.dot(a, b, n), lane_order::dot(a, b, n)));
    });
}

TEST_P(Reductions, SquaredNormAgreesWithDoublePrecision)
{
    with_random_pairs([&](const float* a, const float*, std::size_t n) {
        const Naive expected = naive::dot(a, a, n);
        EXPECT_NEAR(kernels.squared_norm(a, n), expected.value, tolerance(roundings_of_sum(n), expected.magnitude));
    });
}

TEST_P(Reductions, SquaredNormHasTheBitsOfTheLaneOrder)
{
    with_random_pairs([&](const float* a, const float*, std::size_t n) {
        EXPECT_TRUE(has_bits(kernels.squared_norm(a, n), lane_order::dot(a, a, n)));
    });
}

TEST_P(Reductions, SquaredDistanceAgreesWithDoublePrecision)
{
    with_random_pairs([&](const float* a, const float* b, std::size_t n) {
        const Naive expected = naive::squared_distance(a, b, n);
        // the difference is one more rounding, and it is squared: twice its error
        EXPECT_NEAR(kernels.squared_distance(a, b, n), expected.value,
                    tolerance(roundings_of_sum(n) + 2, expected.magnitude));
    });
}

TEST_P(Reductions, SquaredDistanceHasTheBitsOfTheLaneOrder)
{
    with_random_pairs([&](const float* a, const float* b, std::size_t n) {
        EXPECT_TRUE(has_bits(kernels.squared_distance(a, b, n), lane_order::squared_distance(a, b, n)));
    });
}

// By hand, so that a mistake common to kernel and twin shows: 2^24 + 1 rounds to 2^24, 2^24 + 2 does not.
TEST_P(Reductions, LaneAndTreeOrderByHand)
{
    const auto ones = [] { return std::vector<float>(96, 1.0f); };
    const auto sum_with = [&](std::initializer_list<std::size_t> places) {
        std::vector<float> a(96, 0.0f);
        a[0] = 0x1p24f;
        for (const std::size_t i : places)
            a[i] = 1.0f;
        return kernels.dot(a.data(), ones().data(), a.size());
    };
    EXPECT_EQ(sum_with({32, 64}), 0x1p24f);         // same lane: each 1 is lost on its own
    EXPECT_EQ(sum_with({16, 8}), 0x1p24f);          // lane 0 meets 16, then 8
    EXPECT_EQ(sum_with({2, 1}), 0x1p24f);           // and 2, then 1
    EXPECT_EQ(sum_with({1, 17}), 0x1p24f + 2.0f);   // 1 and 17 meet each other first
    EXPECT_EQ(sum_with({1, 3}), 0x1p24f + 2.0f);    // 1 and 3 as well, two levels down
    EXPECT_EQ(sum_with({16, 48}), 0x1p24f + 2.0f);  // lane 16, which is not lane 0: there are 32
    EXPECT_EQ(sum_with({33, 65}), 0x1p24f + 2.0f);  // lane 1
}

TEST_P(Reductions, MultiplyAndAddRoundSeparately)
{
    // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24: a fused step keeps the 2^-24, two roundings lose it
    std::vector<float> a(64, 0.0f), b(64, 0.0f);
    a[0] = -1.0f - 0x1p-11f;
    b[0] = 1.0f;
    a[32] = b[32] = 1.0f + 0x1p-12f;
    EXPECT_EQ(kernels.dot(a.data(), b.data(), 64), 0.0f);
}

TEST_P(Reductions, ZerosGivePositiveZero)
{
    for (const std::size_t n : sizes) {
        const std::vector<float> zeros(n, 0.0f), negative(n, -0.0f);
        EXPECT_TRUE(has_bits(kernels.dot(zeros.data(), zeros.data(), n), 0.0f)) << n;
        EXPECT_TRUE(has_bits(kernels.dot(negative.data(), zeros.data(), n), 0.0f)) << n;
        EXPECT_TRUE(has_bits(kernels.squared_norm(negative.data(), n), 0.0f)) << n;
        EXPECT_TRUE(has_bits(kernels.squared_distance(zeros.data(), negative.data(), n), 0.0f)) << n;
    }
}

TEST_P(Reductions, NanAtAnyPlaceGivesNan)
{
    for (std::size_t place = 0; place < 70; ++place) {
        std::vector<float> a(70, 1.0f), zeros(70, 0.0f);
        a[place] = nan;
        EXPECT_TRUE(std::isnan(kernels.dot(a.data(), zeros.data(), 70))) << place;
        EXPECT_TRUE(std::isnan(kernels.squared_norm(a.data(), 70))) << place;
        EXPECT_TRUE(std::isnan(kernels.squared_distance(zeros.data(), a.data(), 70))) << place;
    }
}

TEST_P(Reductions, InfinityFollowsIeee)
{
    std::vector<float> a(70, 1.0f), b(70, 1.0f);
    a[5] = infinity;
    EXPECT_EQ(kernels.dot(a.data(), b.data(), 70), infinity);
    EXPECT_EQ(kernels.squared_norm(a.data(), 70), infinity);
    EXPECT_EQ(kernels.squared_distance(a.data(), b.data(), 70), infinity);
    b[5] = infinity; // inf - inf
    EXPECT_TRUE(std::isnan(kernels.squared_distance(a.data(), b.data(), 70)));
    b[5] = 0.0f; // inf * 0
    EXPECT_TRUE(std::isnan(kernels.dot(a.data(), b.data(), 70)));
    b[5] = 1.0f;
    a[69] = -infinity; // inf + -inf, from the tail
    EXPECT_TRUE(std::isnan(kernels.dot(a.data(), b.data(), 70)));
}

TEST_P(Reductions, OverflowIsInfinityAndSubnormalsAreKept)
{
    const std::vector<float> huge(40, 1e30f), tiny(40, 1e-20f);
    EXPECT_EQ(kernels.squared_norm(huge.data(), 40), infinity);
    const float kept = kernels.squared_norm(tiny.data(), 40);
    EXPECT_GT(kept, 0.0f); // 4e-39 is below the normal range
    EXPECT_TRUE(has_bits(kept, lane_order::dot(tiny.data(), tiny.data(), 40)));
}

} // namespace
