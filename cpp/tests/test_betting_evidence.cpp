#include "ruvllm/components/betting_evidence.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "cases.hpp"

using namespace ruvllm;

namespace {

TEST(BettingEvidence, IsTheMeanWealthOfItsBets)
{
    ruvllm::testing::Random random(1);
    for (const double low : {-1.0, -0.25}) {
        BettingEvidence evidence(low);
        EXPECT_NEAR(evidence.evidence(), 1.0, 1e-15);
        std::vector<double> gains;
        for (int i = 0; i < 300; ++i) {
            gains.push_back(std::max(low, static_cast<double>(random.value())));
            const double found = evidence.add(gains.back());
            double expected = 0.0;
            for (int k = 0; k < 24; ++k) {
                const double share = 0.5 / std::pow(2.0, k / 2) / (k % 2 != 0 ? std::sqrt(2.0) : 1.0);
                double wealth = k < 23 ? 1.0 / ((k + 1.0) * (k + 2.0)) : 1.0 / 24.0;
                for (const double gain : gains)
                    wealth *= 1.0 + share * gain / -low;
                expected += wealth;
            }
            EXPECT_NEAR(found / expected, 1.0, 1e-12);
            EXPECT_EQ(evidence.evidence(), found);
            EXPECT_GE(evidence.largest(), found);
        }
        EXPECT_EQ(evidence.n(), 300u);
    }
}

TEST(BettingEvidence, NeitherOverflowsNorForgets)
{
    BettingEvidence evidence(-1.0);
    for (int i = 0; i < 100'000; ++i)
        evidence.add(1.0);
    EXPECT_TRUE(std::isfinite(evidence.evidence()));
    for (int i = 0; i < 400'000; ++i)
        evidence.add(-1.0);
    EXPECT_LT(evidence.evidence(), 1e-20);
    EXPECT_GE(evidence.evidence(), 0.0);
    EXPECT_GT(evidence.largest(), 1e290);
}

TEST(BettingEvidence, GoesOnFromItsNumbers)
{
    ruvllm::testing::Random random(2);
    BettingEvidence evidence(-1.0);
    for (int i = 0; i < 50; ++i)
        evidence.add(static_cast<double>(random.value()));
    BettingEvidence other = BettingEvidence::of_numbers(evidence.numbers());
    EXPECT_EQ(other.numbers(), evidence.numbers());
    EXPECT_EQ(other.add(0.25), evidence.add(0.25));
}

TEST(BettingEvidence, WhatIsOutOfBoundsIsRefusedAndNotAdded)
{
    constexpr double infinite = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    for (const double low : {0.0, 1.0, -infinite, nan})
        EXPECT_THROW(BettingEvidence{low}, std::invalid_argument);
    BettingEvidence evidence(-1.0);
    const std::vector<double> before = evidence.numbers();
    for (const double gain : {-1.001, infinite, -infinite, nan})
        EXPECT_THROW(evidence.add(gain), std::invalid_argument);
    EXPECT_EQ(evidence.numbers(), before);
    for (std::size_t i = 0; i < before.size(); ++i) {
        std::vector<double> bad = before;
        bad[i] = nan;
        EXPECT_THROW(static_cast<void>(BettingEvidence::of_numbers(bad)), std::invalid_argument);
    }
    EXPECT_THROW(static_cast<void>(BettingEvidence::of_numbers(std::vector<double>(50))), std::invalid_argument);
}

} // namespace
