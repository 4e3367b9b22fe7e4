#include "ruvllm/components/feedback_step.hpp"

#include "feedback_cases.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class FeedbackStep : public FeedbackTest {};
RUVLLM_ON_EVERY_ISA(FeedbackStep);

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

TEST_P(FeedbackStep, OneAcceptedCandidateIsAStepOfTheAdapterToTheBit)
{
    for (const std::size_t dim : {33u, 384u}) {
        Random random(dim);
        FeedbackAdapter adapter(kernels, dim, 4, 2.0f, {FeedbackLoss::infonce, 0.02, 0.9, 0.07, no_bound, no_bound}, 5);
        MultiHeadLoRA twin(kernels, {dim, 4, 0, 0.5f, 2.0f}, 5);
        for (std::size_t i = 0; i < 40; ++i) {
            FeedbackCase f(dim, {0, 2, 0, 0, -1, 0, 0, 0}, random);
            f.outcomes[i % 8] = 1;
            const double expected = twin.learn(0, f.query.data(), {nullptr, 0, f.candidates.data(), 8, i % 8, {}, 0.07},
                                               {nullptr, nullptr, nullptr, 1.0f, 0.9f, 0.02f, 0.0f, nullptr, nullptr});
            EXPECT_EQ(adapter.learn(f.view()), expected);
        }
        std::vector<float> all(twin.parameter_count());
        twin.copy_parameters(all);
        EXPECT_EQ(parameters(adapter), all);
    }
}

TEST_P(FeedbackStep, TheGradientOfEachLossIsThatOfTheFormula)
{
    constexpr std::size_t dim = 20;
    std::size_t compared = 0;
    for (const FeedbackLoss loss : all_losses)
        for (const auto& kind : kinds_of_feedback) {
            Random random(10 * kind.size() + static_cast<std::size_t>(kind[0] + 1));
            const FeedbackSettings settings{loss, 1.0, 0.0, 0.3, no_bound, no_bound};
            FeedbackAdapter adapter = random_adapter(dim, 2, settings, random);
            FeedbackCase f(dim, kind, random);
            f.weight = 0.5;
            const Doubles before = to_doubles(parameters(adapter));
            const double value = adapter.learn(f.view());
            const Doubles after = to_doubles(parameters(adapter));
            if (after == before)
                continue;
            ++compared;
            const LoraConfig config{dim, 2, 0, 0.5f, 1.5f};
            EXPECT_NEAR(value, naive::feedback_loss(config, settings, before, f), 1e-4);
            for (std::size_t i = 0; i < before.size(); ++i) {
                Doubles up = before, down = before;
                up[i] += 1e-5;
                down[i] -= 1e-5;
                const double slope = (naive::feedback_loss(config, settings, up, f) -
                                      naive::feedback_loss(config, settings, down, f)) / 2e-5;
                EXPECT_NEAR(before[i] - after[i], 0.5 * slope, 1e-5);
            }
        }
    EXPECT_GE(compared, 20u);
}

TEST_P(FeedbackStep, WhatIsOutOfRangeIsRefusedAndNothingIsLearned)
{
    Random random(1);
    FeedbackAdapter adapter = random_adapter(37, 2, {}, random);
    const FeedbackCase good(37, {1, 0, -1, 2}, random);
    const std::vector<float> before = parameters(adapter);
    const auto refused = [&](auto change) {
        FeedbackCase bad = good;
        change(bad);
        EXPECT_THROW(static_cast<void>(adapter.learn(bad.view())), std::invalid_argument);
        EXPECT_EQ(parameters(adapter), before);
    };
    for (const float value : {not_a_number, std::numeric_limits<float>::infinity()}) {
        refused([=](FeedbackCase& f) { f.query[36] = value; });
        refused([=](FeedbackCase& f) { f.candidates.back() = value; });
        refused([=](FeedbackCase& f) { f.rewards.assign(4, value); });
        refused([=](FeedbackCase& f) { f.weight = static_cast<double>(value); });
    }
    refused([](FeedbackCase& f) { f.query.assign(37, 0.0f); });
    refused([](FeedbackCase& f) { f.candidates[3] = 1e30f; });
    refused([](FeedbackCase& f) { f.rewards.assign(4, 1.001f); });
    refused([](FeedbackCase& f) { f.rewards.assign(4, -0.001f); });
    refused([](FeedbackCase& f) { f.outcomes[1] = 3; });
    refused([](FeedbackCase& f) { f.outcomes[1] = -2; });
    refused([](FeedbackCase& f) { f.outcomes = {0, 0, 2, 2}; });
    refused([](FeedbackCase& f) { f.weight = 0.0; });
    refused([](FeedbackCase& f) { f.weight = -1.0; });
    EXPECT_GT(adapter.learn(good.view()), 0.0);
    EXPECT_NE(parameters(adapter), before);
}

TEST(FeedbackSettingsOutOfRange, AreRefused)
{
    const simd::KernelTable& k = simd::default_kernels();
    for (const FeedbackSettings& bad :
         {FeedbackSettings{FeedbackLoss::infonce, 10.1}, {FeedbackLoss::infonce, -0.1}, {FeedbackLoss::infonce, no_bound},
          {FeedbackLoss::infonce, 0.1, 1.0}, {FeedbackLoss::infonce, 0.1, -0.1}, {FeedbackLoss::infonce, 0.1, 0.9, 1e-4},
          {FeedbackLoss::infonce, 0.1, 0.9, 0.07, 0.0}, {FeedbackLoss::infonce, 0.1, 0.9, 0.07, 1.0, -1.0}})
        EXPECT_THROW(FeedbackAdapter(k, 8, 2, 1.0f, bad, 0), std::invalid_argument);
}

TEST_P(FeedbackStep, TheLengthOfTheQueryDoesNotMatter)
{
    for (const float length : {0x1p-100f, 0x1p90f}) {
        Random random(3);
        FeedbackAdapter one = random_adapter(37, 2, {}, random), other = one;
        FeedbackCase f(37, {1, 0, -1, 2}, random), scaled = f;
        for (float& x : scaled.query)
            x *= length;
        EXPECT_NEAR(one.learn(f.view()), other.learn(scaled.view()), 1e-6);
        const std::vector<float> a = parameters(one), b = parameters(other);
        for (std::size_t i = 0; i < a.size(); ++i)
            EXPECT_NEAR(a[i], b[i], 1e-6f);
    }
}

TEST_P(FeedbackStep, NoStepIsLongerThanTheRateTimesTheClip)
{
    Random random(4);
    FeedbackAdapter adapter = random_adapter(50, 3, {FeedbackLoss::unlikelihood, 0.5, 0.9, 0.01, 0.1, no_bound}, random);
    for (int i = 0; i < 200; ++i) {
        FeedbackCase f(50, kinds_of_feedback[static_cast<std::size_t>(i) % kinds_of_feedback.size()], random);
        f.weight = 1000.0;
        const Doubles before = to_doubles(parameters(adapter));
        static_cast<void>(adapter.learn(f.view()));
        const Doubles after = to_doubles(parameters(adapter));
        double squares = 0.0;
        for (std::size_t p = 0; p < before.size(); ++p)
            squares += (after[p] - before[p]) * (after[p] - before[p]);
        EXPECT_LE(std::sqrt(squares), 0.5 * 0.1 * 1.0001);
    }
}

TEST_P(FeedbackStep, TheQueryAtHandMovesByTheLargestChangeAtMost)
{
    Random random(5);
    FeedbackAdapter adapter(kernels, 50, 3, 2.0f, {FeedbackLoss::infonce, 0.5, 0.9, 0.07, 5.0, 0.3}, 1);
    std::size_t at_the_bound = 0;
    for (int i = 0; i < 200; ++i) {
        const FeedbackCase f(50, {0, 1, 0, -1, 2}, random);
        static_cast<void>(adapter.learn(f.view()));
        std::vector<float> z(50);
        static_cast<void>(adapter.adapt(f.query.data(), z.data()));
        double squares = 0.0;
        for (std::size_t j = 0; j < 50; ++j)
            squares += std::pow(double{z[j]} - double{f.query[j]}, 2.0);
        EXPECT_LE(std::sqrt(squares), 0.3 * 1.0001);
        at_the_bound += std::sqrt(squares) > 0.2999 ? 1 : 0;
    }
    EXPECT_GT(at_the_bound, 20u); // else this shows nothing
}

TEST_P(FeedbackStep, WhatIsNearlyTheAcceptedCandidateIsNoWrongAnswer)
{
    Random random(6);
    FeedbackAdapter adapter = random_adapter(50, 2, {}, random), twin = adapter;
    FeedbackCase f(50, {1, 0, 0, 0}, random), without = f;
    const auto copy_first = [&](float share) { // row 1 becomes row 0, turned a little
        double squares = 0.0;
        for (std::size_t i = 0; i < 50; ++i) {
            f.candidates[50 + i] = f.candidates[i] + share * f.candidates[100 + i];
            squares += double{f.candidates[50 + i]} * double{f.candidates[50 + i]};
        }
        for (std::size_t i = 0; i < 50; ++i)
            f.candidates[50 + i] /= static_cast<float>(std::sqrt(squares));
    };
    copy_first(0.2f);
    without.candidates.erase(without.candidates.begin() + 50, without.candidates.begin() + 100);
    without.outcomes = {1, 0, 0};
    FeedbackAdapter start = adapter;
    EXPECT_NEAR(adapter.learn(f.view()), twin.learn(without.view()), 1e-12);
    copy_first(1.0f);
    EXPECT_GT(std::abs(start.learn(f.view()) - twin.learn(without.view())), 1e-3);
}

TEST_P(FeedbackStep, WhereThereIsNobodyToCompareWithNothingChanges)
{
    Random random(7);
    FeedbackAdapter adapter = random_adapter(37, 2, {}, random);
    static_cast<void>(adapter.learn(FeedbackCase(37, {1, 0}, random).view())); // some momentum
    const std::vector<float> before = parameters(adapter);
    for (const auto& kind : std::vector<std::vector<std::int8_t>>{{1}, {-1}, {1, 1}, {-1, -1}})
        EXPECT_EQ(adapter.learn(FeedbackCase(37, kind, random).view()), 0.0);
    EXPECT_EQ(parameters(adapter), before);
}

TEST_P(FeedbackStep, ARejectedCandidateFallsAgainstTheOthers)
{
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Random random(100 + seed);
        FeedbackAdapter adapter = random_adapter(37, 2, {FeedbackLoss::infonce, 0.01, 0.0, 0.07, 1.0, 0.5}, random, 1.0f);
        const FeedbackCase f(37, {0, -1, 0, 0}, random);
        double before = adapter.learn(f.view());
        for (int i = 0; i < 10; ++i) {
            const double now = adapter.learn(f.view());
            EXPECT_LE(now, before);
            before = now;
        }
    }
}

TEST_P(FeedbackStep, AHundredThousandStepsOfAnyKindAtTheLargestRateStayFinite)
{
    Random random(8);
    FeedbackAdapter adapter(kernels, 16, 2, 2.0f, {FeedbackLoss::unlikelihood, 10.0, 0.99, 0.001, 5.0, 0.5}, 1);
    for (std::size_t i = 0; i < 100'000; ++i) {
        FeedbackCase f(16, kinds_of_feedback[i % kinds_of_feedback.size()], random);
        f.weight = i % 7 == 0 ? 1e6 : 1.0;
        const double loss = adapter.learn(f.view());
        if (!std::isfinite(loss)) {
            FAIL() << "step " << i << " had the loss " << loss;
        }
    }
    EXPECT_TRUE(adapter.lora().adapter(0).is_finite(kernels));
}

TEST_P(FeedbackStep, StartingAnewForgetsTheMomentum)
{
    Random random(9);
    FeedbackAdapter used = random_adapter(20, 2, {}, random);
    for (int i = 0; i < 5; ++i)
        static_cast<void>(used.learn(FeedbackCase(20, {1, 0, 0}, random).view()));
    FeedbackAdapter fresh(kernels, 20, 2, 1.5f, {}, 3);
    const std::vector<float> all = parameters(used);
    fresh.restart(all);
    used.restart(all);
    const FeedbackCase next(20, {1, 0, 0}, random);
    EXPECT_EQ(fresh.learn(next.view()), used.learn(next.view()));
    EXPECT_EQ(parameters(fresh), parameters(used));
    EXPECT_THROW(used.restart(std::span(all).first(4)), std::invalid_argument);
}

} // namespace
