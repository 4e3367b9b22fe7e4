#include "ruvllm/components/elastic_weight_consolidation.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "naive_adapter.hpp"

namespace {

using namespace ruvllm::testing;
using ruvllm::ElasticWeightConsolidation;
using ruvllm::EwcConfig;

// One batch of examples whose squared gradients are given.
void add_batch(ElasticWeightConsolidation& ewc, const std::vector<std::vector<float>>& batch)
{
    for (const auto& squares : batch) {
        for (std::size_t i = 0; i < squares.size(); ++i)
            ewc.squares()[i] += squares[i];
        ewc.example_added();
    }
    ewc.update_fisher();
}

void expect_fisher(const ElasticWeightConsolidation& ewc, const Doubles& expected)
{
    ASSERT_EQ(ewc.fisher().size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(ewc.fisher()[i], expected[i], 1e-6 * (1.0 + expected[i])) << i;
}

TEST(ElasticWeightConsolidation, FisherIsAnEmaOfBatchMeans)
{
    ElasticWeightConsolidation ewc({400.0f, 0.92f, false}, 2);
    add_batch(ewc, {{1.0f, 4.0f}, {3.0f, 0.0f}});
    expect_fisher(ewc, {0.08 * 2.0, 0.08 * 2.0});
    add_batch(ewc, {{10.0f, 0.0f}});
    expect_fisher(ewc, {0.92 * 0.16 + 0.08 * 10.0, 0.92 * 0.16});
}

TEST(ElasticWeightConsolidation, FisherIsASumOfBatchMeans)
{
    ElasticWeightConsolidation ewc({1000.0f, 0.0f, true}, 2);
    add_batch(ewc, {{1.0f, 4.0f}, {3.0f, 0.0f}});
    add_batch(ewc, {{10.0f, 0.0f}});
    expect_fisher(ewc, {12.0, 2.0});
}

TEST(ElasticWeightConsolidation, AnEmptyBatchChangesNothing)
{
    ElasticWeightConsolidation ewc({400.0f, 0.92f, false}, 1);
    add_batch(ewc, {{5.0f}});
    const float before = ewc.fisher()[0];
    ewc.update_fisher();
    EXPECT_EQ(ewc.fisher()[0], before);
}

TEST(ElasticWeightConsolidation, PenaltyIsHalfLambdaTimesTheWeightedSquares)
{
    ElasticWeightConsolidation ewc({400.0f, 0.5f, false}, 3);
    add_batch(ewc, {{2.0f, 0.5f, 0.0f}});
    const std::vector<float> reference{0.5f, -1.0f, 3.0f}, theta{1.0f, 1.0f, -4.0f};
    EXPECT_EQ(ewc.penalty(theta), 0.0); // nothing to stay close to yet
    ewc.consolidate(reference);
    EXPECT_EQ(ewc.penalty(reference), 0.0);
    EXPECT_NEAR(ewc.penalty(theta), 200.0 * (1.0 * 0.25 + 0.25 * 4.0), 1e-9);
    EXPECT_NEAR(ewc.penalty(theta),
                naive::ewc_penalty(400.0, to_doubles(ewc.fisher()), to_doubles(reference), to_doubles(theta)), 1e-9);
}

TEST(ElasticWeightConsolidation, IsActiveFromTheFirstConsolidation)
{
    ElasticWeightConsolidation ewc({400.0f, 0.92f, false}, 2);
    EXPECT_EQ(ewc.active_lambda(), 0.0f);
    ewc.consolidate(std::vector<float>{1.0f, 2.0f});
    EXPECT_EQ(ewc.active_lambda(), 400.0f);
    EXPECT_EQ(ewc.task_count(), 1u);
    ewc.consolidate(std::vector<float>{3.0f, 4.0f});
    EXPECT_EQ(ewc.reference()[1], 4.0f);
    EXPECT_EQ(ewc.task_count(), 2u);
}

TEST(ElasticWeightConsolidation, RefusesConstantsOutsideTheirRange)
{
    for (const float decay : {0.0f, 1.0f, -0.1f, 1.5f, std::nanf("")})
        EXPECT_THROW(ElasticWeightConsolidation(EwcConfig{1.0f, decay, false}, 1), std::invalid_argument);
    for (const float lambda : {-1.0f, std::nanf("")})
        EXPECT_THROW(ElasticWeightConsolidation(EwcConfig{lambda, 0.9f, false}, 1), std::invalid_argument);
    EXPECT_NO_THROW(ElasticWeightConsolidation(EwcConfig{0.0f, 7.0f, true}, 1)); // decay is not read
    ElasticWeightConsolidation ewc({1.0f, 0.9f, false}, 2);
    EXPECT_THROW(ewc.consolidate(std::vector<float>(3)), std::invalid_argument);
}

} // namespace
