// Learning steps that are refused: nothing is learned of them. See MultiHeadLoRA::learn() and checked_step().
#include <cmath>
#include <limits>
#include <vector>

#include "lora_cases.hpp"
#include "ruvllm/components/elastic_weight_consolidation.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class CheckedSteps : public MultiHeadCase {
protected:
    static constexpr std::size_t dim = 37;

    double learn(MultiHeadLoRA& lora, const std::vector<float>& h, const std::vector<float>& candidates,
                 double tau = 0.07) const
    {
        return lora.learn(0, h.data(), {nullptr, 0, candidates.data(), candidates.size() / dim, 1, {}, tau},
                          {nullptr, nullptr, nullptr, 1.0f, 0.9f, 0.1f, 0.0f, nullptr, nullptr});
    }

    [[nodiscard]] std::vector<float> unit_rows(Random& random, std::size_t n) const
    {
        std::vector<float> rows;
        for (std::size_t i = 0; i < n; ++i) {
            const auto row = random_unit(random, dim);
            rows.insert(rows.end(), row.begin(), row.end());
        }
        return rows;
    }
};
RUVLLM_ON_EVERY_ISA(CheckedSteps);

TEST_P(CheckedSteps, WhatIsNotFiniteOrNoUnitRowIsRefusedAndNothingIsLearned)
{
    Random random(1);
    MultiHeadLoRA lora = random_lora({dim, 2, 0, 0.5f, 1.0f}, random);
    const std::vector<float> candidates = unit_rows(random, 5), h = unit_rows(random, 1);
    const Doubles before = parameters(lora);
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        std::vector<float> query = h, rows = candidates;
        query[36] = bad;
        rows.back() = bad;
        EXPECT_THROW(learn(lora, query, candidates), std::invalid_argument);
        EXPECT_THROW(learn(lora, h, rows), std::invalid_argument);
    }
    std::vector<float> longer = candidates;
    longer.back() += 1.0f; // of the last row
    EXPECT_THROW(learn(lora, h, longer), std::invalid_argument);
    EXPECT_THROW(learn(lora, h, candidates, 1e-300), std::invalid_argument); // a gradient beyond every number
    EXPECT_EQ(parameters(lora), before);
}

TEST_P(CheckedSteps, TheLengthOfTheQueryDoesNotMatter)
{
    Random random(2);
    const MultiHeadLoRA start = random_lora({dim, 2, 0, 0.5f, 1.0f}, random);
    const std::vector<float> candidates = unit_rows(random, 5), h = unit_rows(random, 1);
    MultiHeadLoRA usual = start;
    const double loss = learn(usual, h, candidates);
    for (const float length : {1e-30f, 1e-20f, 1e20f, 1e37f}) {
        MultiHeadLoRA lora = start;
        std::vector<float> scaled = h;
        for (float& value : scaled)
            value *= length;
        EXPECT_NEAR(learn(lora, scaled, candidates), loss, 1e-4 * loss) << length;
        const Doubles expected = parameters(usual), found = parameters(lora);
        for (std::size_t i = 0; i < expected.size(); ++i)
            EXPECT_NEAR(found[i], expected[i], 1e-4) << length;
    }
}

TEST_P(CheckedSteps, AStepThatEwcLeadsOutOfRangeIsUndone)
{
    Random random(3);
    MultiHeadLoRA lora = random_lora({dim, 2, 0, 0.5f, 1.0f}, random);
    const auto h = random_unit(random, dim);
    const std::vector<float> fisher(lora.parameter_count(), 3e38f), reference(lora.parameter_count(), -3e38f);
    std::vector<float> u(2), z(dim);
    lora.forward(h.data(), 0, u, z.data());
    const FactoredGradient gradient = lora.gradient(u, h.data(), 0);
    const Doubles before = parameters(lora);
    EXPECT_THROW(lora.checked_step(0, {&gradient, h.data(), h.data(), 1.0f, 0.9f, 0.1f, 400.0f, fisher.data(),
                                       reference.data()}, 1.0, 1.0),
                 std::invalid_argument);
    EXPECT_EQ(parameters(lora), before);
}

} // namespace
