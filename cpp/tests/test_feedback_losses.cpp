#include "ruvllm/components/feedback_losses.hpp"

#include "feedback_cases.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

struct Computed {
    double loss = 0.0;
    std::vector<double> gradient;
    bool any = false;
};

Computed compute(FeedbackLoss asked, const Doubles& logits, const FeedbackCase& f)
{
    const Feedback view = f.view();
    std::vector<Verdict> outcomes;
    for (std::size_t j = 0; j < logits.size(); ++j)
        outcomes.push_back(view.verdict(j));
    const JudgedLogits in{logits, outcomes, &view};
    const LossParts parts(asked, in);
    LossScratch scratch;
    const double loss = feedback_loss(parts, in, scratch);
    return {loss, scratch.gradient, parts.any()};
}

Doubles random_logits(std::size_t n, Random& random)
{
    Doubles logits;
    for (std::size_t j = 0; j < n; ++j)
        logits.push_back(6.0 * static_cast<double>(random.value()));
    return logits;
}

TEST(FeedbackLosses, ValueAndGradientAreThoseOfTheFormula)
{
    Random random(1);
    std::size_t compared = 0;
    for (const FeedbackLoss asked : all_losses)
        for (const auto& kind : kinds_of_feedback) {
            FeedbackCase f(4, kind, random);
            for (std::size_t j = 0; j < kind.size(); ++j)
                f.rewards.push_back(0.25f * static_cast<float>(1 + j % 4));
            const Doubles logits = random_logits(kind.size(), random);
            const Computed found = compute(asked, logits, f);
            if (!found.any)
                continue;
            ++compared;
            EXPECT_NEAR(found.loss, naive::feedback_loss(asked, logits, f), 1e-12);
            for (std::size_t j = 0; j < logits.size(); ++j) {
                Doubles up = logits, down = logits;
                up[j] += 1e-5;
                down[j] -= 1e-5;
                const double slope =
                    (naive::feedback_loss(asked, up, f) - naive::feedback_loss(asked, down, f)) / 2e-5;
                EXPECT_NEAR(found.gradient[j], slope, 1e-9);
            }
        }
    EXPECT_GE(compared, 20u);
}

TEST(FeedbackLosses, LogitsFarApartGiveFiniteNumbers)
{
    Random random(2);
    for (const FeedbackLoss asked : all_losses)
        for (const auto& kind : kinds_of_feedback)
            for (const double far : {1e3, -1e3}) {
                Doubles logits = random_logits(kind.size(), random);
                logits.front() += far;
                const Computed found = compute(asked, logits, FeedbackCase(4, kind, random));
                EXPECT_TRUE(std::isfinite(found.loss));
                for (const double slope : found.gradient)
                    EXPECT_LE(std::abs(slope), 2.0); // two losses of 1
            }
}

TEST(FeedbackLosses, RejectionsAskForNoneOfTheRejectedToRiseAndEndWhereTheyAreNoLongerInQuestion)
{
    Random random(3);
    for (int i = 0; i < 100; ++i) {
        const Doubles logits = random_logits(6, random);
        const Computed found = compute(FeedbackLoss::infonce, logits, FeedbackCase(4, {-1, -1, 0, -1, 0, 2}, random));
        double sum = 0.0;
        for (const std::size_t j : {0u, 1u, 3u})
            EXPECT_GE(found.gradient[j], 0.0);
        for (const double slope : found.gradient)
            sum += slope;
        EXPECT_NEAR(sum, 0.0, 1e-12);
    }
    Doubles logits(6, 0.0);
    logits[0] = -40.0;
    const Computed found = compute(FeedbackLoss::infonce, logits, FeedbackCase(4, {-1, 0, 0, 0, 0, 0}, random));
    for (const double slope : found.gradient)
        EXPECT_LT(std::abs(slope), 1e-16);
}

TEST(FeedbackLosses, WhereThereIsNobodyToCompareWithThereIsNoLoss)
{
    Random random(4);
    const Doubles two{0.3, -0.2};
    EXPECT_FALSE(compute(FeedbackLoss::infonce, {0.3}, FeedbackCase(4, {1}, random)).any);
    EXPECT_FALSE(compute(FeedbackLoss::infonce, two, FeedbackCase(4, {1, 1}, random)).any);
    EXPECT_FALSE(compute(FeedbackLoss::infonce, two, FeedbackCase(4, {-1, -1}, random)).any);
    EXPECT_FALSE(compute(FeedbackLoss::pairwise, two, FeedbackCase(4, {1, 0}, random)).any);
    EXPECT_TRUE(compute(FeedbackLoss::pairwise, two, FeedbackCase(4, {1, 2}, random)).any);
    EXPECT_TRUE(compute(FeedbackLoss::pairwise, two, FeedbackCase(4, {-1, 0}, random)).any);
}

TEST(FeedbackLosses, AnAcceptedOneThatIsWorthNothingIsARejectedOne)
{
    Random random(5);
    const Doubles logits = random_logits(4, random);
    FeedbackCase worthless(4, {1, 0, 0, 0}, random);
    worthless.rewards = {0.0f, 1.0f, 1.0f, 1.0f};
    const Computed found = compute(FeedbackLoss::infonce, logits, worthless);
    EXPECT_EQ(found.gradient,
              compute(FeedbackLoss::infonce, logits, FeedbackCase(4, {-1, 0, 0, 0}, random)).gradient);
}

} // namespace
