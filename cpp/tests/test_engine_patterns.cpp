// What an engine's patterns are made of.
#include "ruvllm/engine/learning_engine.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "gradient_cases.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class EnginePatterns : public GradientCase {};
RUVLLM_ON_EVERY_ISA(EnginePatterns);

// The rule of the protocols in plain words.
bool is_learned_from(const Trajectory& t, LearnFrom learn_from)
{
    if (learn_from == LearnFrom::everything)
        return true;
    return t.resolved || (learn_from == LearnFrom::successes_and_confident_failures && t.confidence > 0.5);
}

// One cluster: its query and its solution are mean directions over the good trajectories that were learned from, the
// latest so many.
TEST_P(EnginePatterns, APatternIsTheMeanOfItsMembers)
{
    const SimulatedWorld world = small_world(kernels);
    for (const LearnFrom learn_from :
         {LearnFrom::successes, LearnFrom::successes_and_confident_failures, LearnFrom::everything})
        for (const std::size_t latest : {8u, 1000u}) {
            EngineConfig config = small_config();
            config.learn_from = learn_from;
            config.pattern_quality = 0.2f;
            config.pattern_clusters = 1;
            config.pattern_trajectories = latest;
            LearningEngine engine(kernels, world, config);
            engine.train(numbers(0, 120), 0.001f, 1.0);
            engine.learn_patterns();
            Doubles query(world_dim, 0.0), solution(world_dim, 0.0);
            double quality = 0.0;
            std::size_t members = 0, refused = 0, failures = 0, poor = 0;
            std::array<std::size_t, 4> votes{};
            for (std::size_t i = 120; i > 0 && members < latest; --i) {
                const Trajectory& t = engine.trajectories()[i - 1];
                poor += t.quality < 0.2 ? 1 : 0;
                if (t.quality < 0.2)
                    continue;
                if (!is_learned_from(t, learn_from)) {
                    ++refused;
                    continue;
                }
                numeric::FloatVector h(world_dim), s(world_dim);
                world.load_query(t.task, h.data());
                world.load_candidate(t.task, world.right(t.task), s.data());
                for (std::size_t j = 0; j < world_dim; ++j) {
                    query[j] += static_cast<double>(h[j]);
                    solution[j] += static_cast<double>(s[j]);
                }
                quality += t.quality;
                failures += t.resolved ? 0 : 1;
                ++votes[t.type];
                ++members;
            }
            ASSERT_GE(members, 8u);
            if (latest > 120) { // each rule had something to tell apart
                EXPECT_GT(poor, 0u);
                EXPECT_EQ(refused > 0, learn_from != LearnFrom::everything);
                EXPECT_EQ(failures > 0, learn_from != LearnFrom::successes);
            }
            const PatternBank& bank = engine.patterns();
            ASSERT_EQ(bank.size(), 1u);
            for (std::size_t j = 0; j < world_dim; ++j) {
                EXPECT_NEAR(bank.queries()[j], query[j] / norm(query), 1e-6);
                EXPECT_NEAR(bank.solutions()[j], solution[j] / norm(solution), 1e-6);
            }
            EXPECT_NEAR(bank.qualities()[0], quality / static_cast<double>(members), 1e-12);
            EXPECT_EQ(votes[bank.types()[0]], *std::ranges::max_element(votes));
        }
}

// One trajectory, one pattern, under each protocol's rule: whether the attempt alone makes it.
TEST_P(EnginePatterns, AConfidentFailureMakesAPatternInV2AndAnUnsureOneDoesNot)
{
    EngineConfig config = plain_config(0);
    config.use_patterns = true;
    config.pattern_quality = 0.0f;
    config.pattern_minimum = 1;
    std::array<std::size_t, 3> kinds{}; // successes, confident failures, unsure failures
    for (std::uint32_t index = 0; index < 60; ++index)
        for (const LearnFrom learn_from :
             {LearnFrom::successes, LearnFrom::successes_and_confident_failures, LearnFrom::everything}) {
            config.learn_from = learn_from;
            LearningEngine engine(kernels, tasks, config);
            const Outcome outcome = engine.train({{index}}, 0.0f, 1.0)[0];
            const std::size_t kind = outcome.resolved ? 0 : outcome.confidence > 0.5 ? 1 : 2;
            ++kinds[kind];
            engine.learn_patterns();
            const std::size_t rules_reach[] = {0, 1, 2}; // v1, v2, v3: the last kind that is learned from
            const bool expected = kind <= rules_reach[static_cast<std::size_t>(learn_from)];
            ASSERT_EQ(engine.patterns().size(), expected ? 1u : 0u) << "task " << index << ", kind " << kind;
            if (expected) { // the truth, not the wrong answer that was given
                EXPECT_TRUE(std::ranges::equal(engine.patterns().queries(), tasks[index].query,
                                               [](float a, float b) { return std::fabs(a - b) < 1e-6f; }));
                EXPECT_GT(naive::dot(to_doubles(engine.patterns().solutions()),
                                     to_doubles(tasks.solution(index, tasks[index].right), list_dim)),
                          0.9999);
            }
        }
    for (const std::size_t count : kinds)
        EXPECT_GT(count, 9u);
}

TEST_P(EnginePatterns, PatternsNeedEnoughGoodTrajectories)
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
