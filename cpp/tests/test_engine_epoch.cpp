// What an engine does at the end of an epoch: replay, patterns.
#include "ruvllm/engine/learning_engine.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine_cases.hpp"
#include "every_isa.hpp"
#include "naive_adapter.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class EngineEpoch : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(EngineEpoch);

TEST_P(EngineEpoch, ReplayUpdatesTheTrajectoriesItUsed)
{
    const SimulatedWorld world = small_world(kernels);
    LearningEngine engine(kernels, world, small_config());
    engine.train(numbers(0, 40), 0.001f, 1.0);
    std::vector<Trajectory> before;
    for (std::size_t i = 0; i < 40; ++i)
        before.push_back(engine.trajectories()[i]);
    const auto answers = engine.evaluate(numbers(0, 40));
    EXPECT_GT(engine.replay(1, 0.0f), 0.0); // at rate 0 it only looks
    std::size_t changed = 0;
    for (std::uint32_t i = 0; i < 40; ++i) {
        const Trajectory& t = engine.trajectories()[i];
        if (t.confidence == before[i].confidence && t.quality == before[i].quality)
            continue;
        ++changed;
        EXPECT_EQ(t.task, i);
        EXPECT_EQ(t.resolved, answers[i].resolved);
        EXPECT_EQ(t.confidence, answers[i].confidence); // the best answer at temperature 1
        EXPECT_NEAR(engine.trajectories().replay().priority(i), std::pow(std::fabs(t.td_error) + 0.01, 0.6), 1e-12);
    }
    EXPECT_EQ(changed, 1u);
}

TEST_P(EngineEpoch, ReplayPolicies)
{
    const SimulatedWorld world = small_world(kernels);
    EngineConfig config = small_config();
    config.replay_policy = ReplayPolicy::best_quality;
    LearningEngine best(kernels, world, config);
    best.train(numbers(0, 40), 0.001f, 1.0);
    const auto chosen = best.trajectories().best(5);
    const auto kept = [&](LearningEngine& engine) {
        Doubles confidences;
        for (std::size_t i = 0; i < engine.trajectories().size(); ++i)
            confidences.push_back(engine.trajectories()[i].confidence);
        return confidences;
    };
    const Doubles before = kept(best);
    best.replay(5, 0.0f);
    const Doubles after = kept(best);
    for (std::size_t i = 0; i < 40; ++i)
        if (std::ranges::find(chosen, i) == chosen.end()) {
            EXPECT_EQ(after[i], before[i]) << i;
        }
    EXPECT_EQ(best.trajectories().replay().beta(), 0.4); // no prioritized draw, no annealing

    config.replay_policy = ReplayPolicy::uniform;
    LearningEngine uniform(kernels, world, config);
    EXPECT_EQ(uniform.replay(5, 0.001f), 0.0); // nothing stored yet
    uniform.train(numbers(0, 40), 0.001f, 1.0);
    EXPECT_GT(uniform.replay(5, 0.001f), 0.0);
    EXPECT_EQ(uniform.replay(0, 0.001f), 0.0);
    EXPECT_EQ(uniform.trajectories().replay().beta(), 0.4);
}

TEST_P(EngineEpoch, FullBuffersArePruned)
{
    const SimulatedWorld world = small_world(kernels);
    EngineConfig config = small_config();
    config.replay.capacity = 20;
    LearningEngine engine(kernels, world, config);
    engine.train(numbers(0, 21), 0.001f, 1.0);
    EXPECT_EQ(engine.trajectories().size(), 17u);
    EXPECT_EQ(engine.trajectories()[16].task, 20u);
    EXPECT_GT(engine.replay(30, 0.001f), 0.0);
}

// One cluster: its query and its solution are mean directions over the good trajectories, the latest so many.
TEST_P(EngineEpoch, APatternIsTheMeanOfItsMembers)
{
    const SimulatedWorld world = small_world(kernels);
    EngineConfig config = small_config();
    config.pattern_clusters = 1;
    config.pattern_trajectories = 12;
    LearningEngine engine(kernels, world, config);
    engine.train(numbers(0, 80), 0.001f, 1.0);
    engine.learn_patterns();
    Doubles query(world_dim, 0.0), solution(world_dim, 0.0);
    double quality = 0.0;
    std::size_t members = 0;
    std::array<std::size_t, 4> votes{};
    for (std::size_t i = 80; i > 0 && members < 12; --i) {
        const Trajectory& t = engine.trajectories()[i - 1];
        if (t.quality < 0.35)
            continue;
        numeric::FloatVector h(world_dim), s(world_dim);
        world.load_pair(t.task, h.data(), s.data());
        for (std::size_t j = 0; j < world_dim; ++j) {
            query[j] += static_cast<double>(h[j]);
            solution[j] += static_cast<double>(s[j]);
        }
        quality += t.quality;
        ++votes[t.type];
        ++members;
    }
    ASSERT_EQ(members, 12u);
    const PatternBank& bank = engine.patterns();
    ASSERT_EQ(bank.size(), 1u);
    for (std::size_t j = 0; j < world_dim; ++j) {
        EXPECT_NEAR(bank.queries()[j], query[j] / std::sqrt(naive::dot(query, query)), 1e-6);
        EXPECT_NEAR(bank.solutions()[j], solution[j] / std::sqrt(naive::dot(solution, solution)), 1e-6);
    }
    EXPECT_NEAR(bank.qualities()[0], quality / 12.0, 1e-12);
    EXPECT_EQ(votes[bank.types()[0]], *std::ranges::max_element(votes));
}

TEST_P(EngineEpoch, PatternsNeedEnoughGoodTrajectories)
{
    const SimulatedWorld world = small_world(kernels);
    EngineConfig config = small_config();
    LearningEngine engine(kernels, world, config);
    const auto good = [&] {
        std::size_t n = 0;
        for (std::size_t i = 0; i < engine.trajectories().size(); ++i)
            n += engine.trajectories()[i].quality >= 0.35 ? 1 : 0;
        return n;
    };
    for (std::uint32_t i = 0; i < 60; ++i) {
        engine.train({{i}}, 0.001f, 1.0);
        engine.learn_patterns();
        EXPECT_EQ(engine.patterns().size() > 0, good() >= 5) << i;
    }
    EXPECT_GT(good(), 8u);
    EXPECT_EQ(engine.patterns().size(), std::min<std::size_t>(good(), 20));
    config.use_patterns = false;
    LearningEngine without(kernels, world, config);
    without.train(numbers(0, 60), 0.001f, 1.0);
    without.learn_patterns();
    EXPECT_EQ(without.patterns().size(), 0u);
}

} // namespace
