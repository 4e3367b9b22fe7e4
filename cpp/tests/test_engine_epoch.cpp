// What an engine replays at the end of an epoch, and what stays in its buffer. Patterns: test_engine_patterns.cpp.
#include "ruvllm/engine/learning_engine.hpp"

#include <algorithm>
#include <cmath>

#include "counts.hpp"
#include "gradient_cases.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class EngineEpoch : public GradientCase {};
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
        EXPECT_NEAR(t.confidence, answers[i].confidence, 1e-5); // the best answer at temperature 1
        EXPECT_NEAR(engine.trajectories().replay().priority(i), std::pow(std::fabs(t.td_error) + 0.01, 0.6), 1e-12);
    }
    EXPECT_EQ(changed, 1u);
}

TEST_P(EngineEpoch, OnlyPrioritizedDrawsAnnealBeta)
{
    const SimulatedWorld world = small_world(kernels);
    EngineConfig config = small_config();
    for (const ReplayPolicy policy : {ReplayPolicy::uniform, ReplayPolicy::best_patterns, ReplayPolicy::prioritized}) {
        config.replay_policy = policy;
        LearningEngine engine(kernels, world, config);
        EXPECT_EQ(engine.replay(5, 0.001f), 0.0); // nothing stored yet
        engine.train(numbers(0, 40), 0.001f, 1.0);
        engine.learn_patterns();
        EXPECT_GT(engine.replay(5, 0.001f), 0.0);
        EXPECT_EQ(engine.replay(0, 0.001f), 0.0);
        EXPECT_NEAR(engine.trajectories().replay().beta(), policy == ReplayPolicy::prioritized ? 0.405 : 0.4, 1e-12);
    }
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

// Which trajectories does replay() draw? At rate 0 nothing moves, so that a loss names its task; and as each call
// starts the epoch's stream again, replay(1), replay(2), ... draw ever longer beginnings of one sequence.
class Draws {
public:
    // n_tasks trajectories: trajectory i is of task i.
    Draws(LearningEngine& engine, std::uint32_t n_tasks) : engine_(&engine)
    {
        for (const Outcome& outcome : engine.train(numbers(0, n_tasks), 0.0f, 3.0))
            losses_.push_back(outcome.loss);
    }

    // The first n draws of this epoch.
    [[nodiscard]] std::vector<std::size_t> of_epoch(std::size_t n)
    {
        std::vector<std::size_t> drawn;
        double before = 0.0;
        for (std::size_t i = 1; i <= n; ++i) {
            const double total = static_cast<double>(i) * engine_->replay(i, 0.0f);
            drawn.push_back(item_with(total - before));
            before = total;
        }
        return drawn;
    }

private:
    [[nodiscard]] std::size_t item_with(double loss) const
    {
        const auto nearest = std::ranges::min_element(losses_, {}, [&](double x) { return std::fabs(x - loss); });
        EXPECT_NEAR(*nearest, loss, 1e-9);
        return static_cast<std::size_t>(nearest - losses_.begin());
    }

    LearningEngine* engine_;
    Doubles losses_;
};

TEST_P(EngineEpoch, UniformReplayDrawsAllAlike)
{
    EngineConfig config = plain_config(0);
    config.replay_policy = ReplayPolicy::uniform;
    LearningEngine engine(kernels, tasks, config);
    Draws draws(engine, 20);
    std::vector<std::size_t> counts(20);
    for (int epoch = 0; epoch < 300; ++epoch, engine.end_epoch())
        for (const std::size_t item : draws.of_epoch(5))
            ++counts[item];
    expect_uniform(counts);
}

// Of each pattern the trajectories nearest to its query; their mean quality is the pattern's.
std::vector<std::vector<std::size_t>> members_of(const LearningEngine& engine, const ListSource& tasks)
{
    const PatternBank& bank = engine.patterns();
    std::vector<std::vector<std::size_t>> members(bank.size());
    Doubles qualities(bank.size(), 0.0);
    for (std::size_t i = 0; i < engine.trajectories().size(); ++i) {
        const Trajectory& t = engine.trajectories()[i];
        Doubles cosines;
        for (std::size_t pattern = 0; pattern < bank.size(); ++pattern)
            cosines.push_back(naive::dot(to_doubles(bank.queries().data() + pattern * list_dim, list_dim),
                                         to_doubles(tasks[t.task].query)));
        const auto nearest = static_cast<std::size_t>(std::ranges::max_element(cosines) - cosines.begin());
        members[nearest].push_back(i);
        qualities[nearest] += t.quality;
    }
    for (std::size_t pattern = 0; pattern < bank.size(); ++pattern) {
        const auto n = static_cast<double>(members[pattern].size());
        EXPECT_NEAR(bank.qualities()[pattern], qualities[pattern] / n, 1e-12);
    }
    return members;
}

EngineConfig best_patterns_config(std::size_t clusters, std::size_t replay_patterns)
{
    EngineConfig config = plain_config(0);
    config.use_patterns = true;
    config.pattern_quality = 0.0f;
    config.pattern_clusters = clusters;
    config.replay_policy = ReplayPolicy::best_patterns;
    config.replay_patterns = replay_patterns;
    return config;
}

TEST_P(EngineEpoch, BestPatternsTakeTurnsAndTheirMembersComeAlike)
{
    LearningEngine engine(kernels, tasks, best_patterns_config(6, 3));
    Draws draws(engine, 40);
    engine.learn_patterns();
    engine.end_epoch();
    engine.learn_patterns(); // anew, and elsewhere: the first ones are gone
    ASSERT_EQ(engine.patterns().size(), 6u);
    const auto members = members_of(engine, tasks);
    std::vector<std::size_t> order{0, 1, 2, 3, 4, 5};
    const auto quality = [&](std::size_t i) { return engine.patterns().qualities()[i]; };
    std::ranges::stable_sort(order, std::ranges::greater{}, quality);
    std::vector<std::vector<std::size_t>> counts;
    for (std::size_t turn = 0; turn < 3; ++turn)
        counts.emplace_back(members[order[turn]].size());
    constexpr std::size_t epochs = 300, each = 7; // not a multiple of 3: the best pattern comes once more
    for (std::size_t epoch = 0; epoch < epochs; ++epoch, engine.end_epoch()) {
        const auto drawn = draws.of_epoch(each);
        for (std::size_t i = 0; i < each; ++i) {
            const auto& own = members[order[i % 3]];
            const auto found = std::ranges::find(own, drawn[i]);
            ASSERT_NE(found, own.end()) << "draw " << i << " is trajectory " << drawn[i];
            ++counts[i % 3][static_cast<std::size_t>(found - own.begin())];
        }
    }
    for (std::size_t turn = 0; turn < 3; ++turn) {
        ASSERT_GE(counts[turn].size(), 2u); // else there was nothing to choose
        expect_uniform(counts[turn]);
    }
}

// What came after the patterns were made is in none of them.
TEST_P(EngineEpoch, BestPatternsReplayWhatTheyWereMadeOf)
{
    LearningEngine engine(kernels, tasks, best_patterns_config(3, 10)); // fewer patterns than may be replayed
    Draws draws(engine, 40);
    engine.learn_patterns();
    ASSERT_EQ(engine.patterns().size(), 3u);
    engine.train(numbers(40, 20), 0.0f, 1.0);
    std::vector<std::size_t> counts(40);
    for (int epoch = 0; epoch < 200; ++epoch, engine.end_epoch())
        for (const std::size_t item : draws.of_epoch(3))
            ++counts[item];
    EXPECT_EQ(std::ranges::count(counts, 0u), 0); // all 40 are members of the three
}

TEST_P(EngineEpoch, WithoutPatternsTheirPolicyReplaysNothing)
{
    for (const bool use_patterns : {true, false}) {
        EngineConfig config = best_patterns_config(6, 3);
        config.use_patterns = use_patterns;
        config.pattern_quality = 2.0f; // which no quality reaches
        LearningEngine engine(kernels, tasks, config);
        engine.train(numbers(0, 40), 0.01f, 3.0);
        engine.learn_patterns();
        RunRecord before, after;
        before.add(engine);
        EXPECT_EQ(engine.replay(10, 0.1f), 0.0);
        after.add(engine);
        EXPECT_TRUE(before == after);
    }
}

} // namespace
