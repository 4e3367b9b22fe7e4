#include "ruvllm/components/state_scores.hpp"

#include "feedback_cases.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

double reward(const std::vector<float>& scores, const std::vector<std::int8_t>& outcomes,
              const std::vector<float>& rewards = {})
{
    std::vector<double> values;
    return feedback_reward(scores, {nullptr, 0, nullptr, outcomes, rewards}, values);
}

TEST(FeedbackReward, OfOneAcceptedCandidateIsItsReciprocalRank)
{
    EXPECT_EQ(reward({0.9f, 0.5f, 0.1f}, {0, 1, 0}), 1.0 / 2.0);
    EXPECT_EQ(reward({0.9f, 0.5f, 0.1f}, {1, 0, 0}), 1.0);
    EXPECT_EQ(reward({0.9f, 0.5f, 0.5f}, {0, 1, 0}), 1.0 / 3.0); // the worst rank of equal ones
    EXPECT_EQ(reward({0.9f, 0.5f, 0.1f}, {0, 0, 1}, {0.0f, 0.0f, 0.25f}), 1.0 / 3.0);
}

TEST(FeedbackReward, OfSeveralIsAShareOfTheBestOrder)
{
    EXPECT_EQ(reward({0.9f, 0.5f, 0.1f}, {1, 1, 0}), 1.0);
    EXPECT_EQ(reward({0.9f, 0.5f, 0.1f}, {1, 0, 1}), (1.0 + 1.0 / 3.0) / 1.5);
    EXPECT_EQ(reward({0.9f, 0.5f, 0.1f}, {1, 1, 0}, {0.25f, 1.0f, 0.0f}), (0.25 + 0.5) / 1.125);
    EXPECT_EQ(reward({0.9f, 0.5f, 0.1f}, {1, 1, -1}), 1.0); // who accepts is heard first
}

TEST(FeedbackReward, OfRejectionsIsTheLargerTheDeeperTheyStand)
{
    EXPECT_EQ(reward({0.9f, 0.5f, 0.1f}, {-1, 0, 0}), 0.0);
    EXPECT_EQ(reward({0.9f, 0.5f, 0.1f}, {0, 0, -1}), 1.0 - 1.0 / 3.0);
    EXPECT_EQ(reward({0.9f, 0.5f, 0.1f}, {0, 1, 0}, {1.0f, 0.0f, 1.0f}), 0.5); // worth nothing: rejected
}

class StateScores : public FeedbackTest {};
RUVLLM_ON_EVERY_ISA(StateScores);

TEST_P(StateScores, AreThoseOfEachStateAlone)
{
    Random random(1);
    for (int i = 0; i < 20; ++i) {
        FeedbackAdapter champion = random_adapter(40, 3, {}, random), challenger = random_adapter(40, 2, {}, random);
        FeedbackCase f(40, {2, 1, 0, 0, -1, 0, 0}, random);
        for (float& x : f.query)
            x *= 3.0f; // any length
        const AdapterState served(40, parameters(champion), 1.5f, "served");
        const StateComparison found = compare_states(kernels, served, challenger, f.view());
        std::vector<std::vector<float>> queries(3, f.query);
        static_cast<void>(champion.adapt(f.query.data(), queries[1].data()));
        static_cast<void>(challenger.adapt(f.query.data(), queries[2].data()));
        for (std::size_t s = 0; s < 3; ++s) {
            std::vector<float> scores(7);
            kernels.cosine_many(queries[s].data(), f.candidates.data(), 7, 40, 40, scores.data());
            EXPECT_EQ(found.rewards[s], reward(scores, f.outcomes));
            EXPECT_EQ(found.best[s], std::ranges::max_element(scores) - scores.begin());
        }
        const StateComparison frozen = compare_states(kernels, {40, "identity"}, challenger, f.view());
        EXPECT_EQ(frozen.rewards[1], found.rewards[0]);
        EXPECT_EQ(frozen.best[1], found.best[0]);
    }
}

// Products that are shared between scores and step are those of each alone.
TEST_P(StateScores, AndTheStepThatFollowsAreThoseOfOneAfterTheOther)
{
    Random random(3);
    for (const std::size_t dim : {31u, 32u, 40u, 384u})
        for (const float length : {1.0f, 1e-25f, 1e25f}) // beyond what squares can hold
            for (const auto& said : {std::vector<std::int8_t>{2, 1, 0, 0, -1, 0, 0}, {1}, {1, 1, 0, -1}, {0, -1, 0},
                                     {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}) {
                const FeedbackAdapter first = random_adapter(dim, 3, {}, random);
                FeedbackAdapter together = first, apart = first;
                const AdapterState served(dim, parameters(random_adapter(dim, 2, {}, random)), 1.5f, "served");
                FeedbackCase f(dim, said, random);
                for (float& x : f.query)
                    x *= length;
                const StateComparison found = take_feedback(kernels, served, together, f.view());
                const StateComparison expected = compare_states(kernels, served, apart, f.view());
                static_cast<void>(apart.learn(f.view()));
                EXPECT_EQ(parameters(together), parameters(apart));
                EXPECT_TRUE(std::ranges::equal(found.rewards, expected.rewards));
                EXPECT_TRUE(std::ranges::equal(found.best, expected.best));
            }
}

TEST_P(StateScores, OfWhatIsOutOfRangeAreRefused)
{
    Random random(2);
    const FeedbackAdapter challenger = random_adapter(40, 2, {}, random);
    FeedbackCase f(40, {1, 0}, random);
    EXPECT_THROW(static_cast<void>(compare_states(kernels, {41, "identity"}, challenger, f.view())),
                 std::invalid_argument);
    f.outcomes = {0, 0};
    EXPECT_THROW(static_cast<void>(compare_states(kernels, {40, "identity"}, challenger, f.view())),
                 std::invalid_argument);
}

} // namespace
