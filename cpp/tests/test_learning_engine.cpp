// One task through the engine. Its gradients: test_engine_gradients.cpp; its epochs: test_engine_epoch.cpp.
#include "ruvllm/engine/learning_engine.hpp"

#include <cmath>
#include <set>

#include "counts.hpp"
#include "engine_cases.hpp"
#include "every_isa.hpp"
#include "list_source.hpp"
#include "ruvllm/simd/dispatch.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class Engine : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(Engine);

TEST_P(Engine, SameInputsGiveTheSameBitsOnEveryIsaAndASecondTime)
{
    for (const bool v3 : {true, false}) {
        EngineConfig config = small_config();
        if (!v3) {
            config.lora.heads = 0;
            config.learn_from = LearnFrom::successes_and_confident_failures;
            config.replay_policy = ReplayPolicy::best_patterns;
            config.ewc.running_sum = true;
        }
        const RunRecord record = short_run(kernels, config);
        EXPECT_TRUE(record == short_run(kernels, config));
        EXPECT_TRUE(record == short_run(simd::kernels_for(simd::Isa::scalar), config));
        for (const double x : record.numbers)
            ASSERT_TRUE(std::isfinite(x));
        config.seed += 1;
        EXPECT_FALSE(record == short_run(kernels, config));
    }
}

// Two engines do the same; one of them is also asked for answers, scores and adapted queries.
TEST_P(Engine, EvaluatingAndAdaptingChangeNothing)
{
    const SimulatedWorld world = small_world(kernels);
    LearningEngine asked(kernels, world, small_config()), left_alone(kernels, world, small_config());
    std::vector<float> h(world_dim, 0.1f), z(world_dim);
    Doubles scores(60 * 8);
    std::vector<std::uint32_t> right(60);
    for (std::uint32_t epoch = 0; epoch < 3; ++epoch)
        for (LearningEngine* engine : {&asked, &left_alone}) {
            const auto look = [&] {
                if (engine == &asked) {
                    (void)engine->evaluate(numbers(0, 60));
                    engine->logits(numbers(0, 60), scores, right);
                    engine->adapt(h.data(), 1, 2, z.data());
                }
            };
            RunRecord before, after;
            before.add(*engine);
            look();
            after.add(*engine);
            EXPECT_TRUE(before == after);
            for (std::uint32_t i = 0; i < 20; ++i) {
                engine->train({{20 * epoch + i}}, 0.002f, 1.0);
                look();
            }
            engine->replay(20, 0.002f);
            look();
            engine->learn_patterns();
            look();
            engine->end_epoch();
            engine->consolidate();
        }
    RunRecord a, b;
    a.add(asked);
    b.add(left_alone);
    EXPECT_TRUE(a == b);
    EXPECT_TRUE(same_outcomes(asked.evaluate(numbers(100, 60)), left_alone.evaluate(numbers(100, 60))));
}

// choose() and told() are the halves of what train() does with a task.
TEST_P(Engine, ToldOfItsChoiceItLearnsWhatTrainingDoes)
{
    const SimulatedWorld world = small_world(kernels);
    LearningEngine trained(kernels, world, small_config()), told(kernels, world, small_config());
    for (const std::uint32_t index : numbers(0, 40)) {
        const Outcome expected = trained.train(std::vector{index}, 0.01f, 0.8).at(0);
        const Choice choice = told.choose(index, 0.8);
        const Outcome outcome = told.told(index, choice.chosen, world.right(index), 0.01f, 0.8);
        EXPECT_EQ(outcome.chosen, expected.chosen);
        EXPECT_EQ(outcome.resolved, expected.resolved);
        EXPECT_EQ(outcome.confidence, expected.confidence);
        EXPECT_EQ(outcome.loss, expected.loss);
    }
    EXPECT_EQ(told.parameters(), trained.parameters());
    EXPECT_THROW((void)told.told(0, world.n_candidates(), 0, 0.01f, 0.8), std::out_of_range);
    EXPECT_THROW((void)told.told(0, 0, world.n_candidates(), 0.01f, 0.8), std::out_of_range);
    EXPECT_THROW((void)told.told(0, 0, 0, 0.01f, 0.0), std::invalid_argument);
    EXPECT_EQ(told.parameters(), trained.parameters());
}

// Cosine over tau, patterns and memory, softmax at 1, the largest (docs/equations.md).
TEST_P(Engine, AnswersAreTheBestOfTheScores)
{
    const SimulatedWorld world = small_world(kernels);
    LearningEngine engine(kernels, world, small_config());
    for (std::uint32_t epoch = 0; epoch < 3; ++epoch)
        run_epoch(engine, 40 * epoch, 40);
    ASSERT_GT(engine.patterns().size(), 0u);
    Task task(world_dim, 8);
    ASSERT_EQ(engine.n_candidates(), 8u);
    Doubles scores(2 * 8);
    std::vector<std::uint32_t> right(2);
    std::size_t spoken = 0, boosted = 0;
    for (std::uint32_t index = 90; index < 180; ++index) { // solutions of the first thirty are in the memory
        world.load(index, task);
        const Doubles z = naive::adapt(engine.config().lora, to_doubles(engine.parameters()), to_doubles(task.query),
                                       task.type);
        Doubles p(8);
        for (std::size_t j = 0; j < 8; ++j)
            p[j] = naive::dot(z, to_doubles(task.candidates.data() + j * world_dim, world_dim)) /
                   std::sqrt(naive::dot(z, z)) / 0.07;
        spoken += engine.patterns().add_evidence(task.query.data(), task.type, task.candidates.data(), p);
        boosted += engine.memory().add_boost(task.type, task.candidates.data(), p);
        engine.logits({{index - 1, index}}, scores, right);
        EXPECT_EQ(right[1], task.right);
        for (std::size_t j = 0; j < 8; ++j)
            EXPECT_NEAR(scores[8 + j], p[j], 1e-4);
        numeric::softmax(p, 1.0, p);
        const Outcome outcome = engine.evaluate({{index}})[0];
        EXPECT_EQ(outcome.chosen, static_cast<std::size_t>(std::ranges::max_element(p) - p.begin()));
        EXPECT_EQ(outcome.resolved, outcome.chosen == task.right);
        EXPECT_NEAR(outcome.confidence, p[outcome.chosen], 1e-4);
        EXPECT_EQ(outcome.loss, 0.0);
    }
    EXPECT_GT(spoken, 0u);
    EXPECT_GT(boosted, 0u);
}

// An engine that may not learn attempts one task in many epochs: B is 0, so z = h.
TEST_P(Engine, AttemptsAreSampledAtTheTemperature)
{
    const ListSource tasks(1, 37, 4, 1, 4);
    for (const double temperature : {0.5, 1.0, 4.0}) {
        EngineConfig config = small_config(37);
        config.control = Control::frozen;
        LearningEngine engine(kernels, tasks, config);
        Doubles p(4);
        for (std::size_t j = 0; j < 4; ++j)
            p[j] = naive::dot(to_doubles(tasks[0].query), to_doubles(tasks.solution(0, j), 37)) / 0.07;
        numeric::softmax(p, temperature, p);
        std::vector<std::size_t> counts(4);
        for (int epoch = 0; epoch < 20'000; ++epoch) {
            const Outcome outcome = engine.train({{0}}, 0.1f, temperature)[0];
            ++counts[outcome.chosen];
            ASSERT_NEAR(outcome.confidence, p[outcome.chosen], 1e-5);
            engine.end_epoch();
        }
        expect_counts(counts, p);
    }
}

TEST_P(Engine, TrajectoriesHoldQualityAndTdError)
{
    const SimulatedWorld world = small_world(kernels);
    LearningEngine engine(kernels, world, small_config());
    const auto outcomes = engine.train(numbers(0, 60), 0.002f, 1.0);
    Doubles means(4, 0.5);
    std::size_t resolved = 0;
    for (std::uint32_t i = 0; i < 60; ++i) {
        const Trajectory& t = engine.trajectories()[i];
        const double quality = outcomes[i].confidence * (outcomes[i].resolved ? 1.0 : 0.65);
        resolved += outcomes[i].resolved ? 1 : 0;
        EXPECT_EQ(t.task, i);
        EXPECT_EQ(t.type, i % 4);
        EXPECT_EQ(t.resolved, outcomes[i].resolved);
        EXPECT_EQ(t.confidence, outcomes[i].confidence);
        EXPECT_NEAR(t.quality, quality, 1e-12);
        EXPECT_NEAR(t.td_error, quality - means[i % 4], 1e-12);
        means[i % 4] = 0.95 * means[i % 4] + 0.05 * quality;
    }
    EXPECT_GT(resolved, 0u);
    EXPECT_LT(resolved, 60u);
}

// Changed parameters, a loss, and the memory show what an engine learned from.
TEST_P(Engine, LearnsFromWhatItIsToldTo)
{
    const SimulatedWorld world = small_world(kernels);
    for (const LearnFrom learn_from :
         {LearnFrom::successes, LearnFrom::successes_and_confident_failures, LearnFrom::everything}) {
        EngineConfig config = small_config();
        config.learn_from = learn_from;
        config.momentum = 0.0f;
        LearningEngine engine(kernels, world, config);
        std::set<int> kinds;
        for (std::uint32_t i = 0; i < 80; ++i) {
            const auto before = engine.parameters();
            const std::size_t positives = engine.memory().positive_count();
            const std::size_t negatives = engine.memory().negative_count();
            const Outcome outcome = engine.train({{i}}, 0.0005f, 0.7)[0];
            const bool sure = outcome.confidence > 0.5;
            kinds.insert(outcome.resolved ? 0 : sure ? 1 : 2);
            const bool expected = learn_from == LearnFrom::everything || outcome.resolved ||
                                  (sure && learn_from == LearnFrom::successes_and_confident_failures);
            EXPECT_EQ(engine.parameters() != before, expected) << i;
            EXPECT_EQ(outcome.loss > 0.0, expected) << i;
            // the right solution is known after a success, or where everything is told
            EXPECT_EQ(engine.memory().positive_count() - positives,
                      outcome.resolved || learn_from == LearnFrom::everything ? 1u : 0u);
            EXPECT_EQ(engine.memory().negative_count() - negatives, outcome.resolved ? 0u : 1u);
        }
        EXPECT_EQ(kinds.size(), 3u); // all kinds of outcome occurred
    }
}

TEST_P(Engine, LearnsOnASmallWorld)
{
    const SimulatedWorld world = small_world(kernels, 900);
    LearningEngine engine(kernels, world, small_config());
    const auto test = numbers(600, 300);
    EXPECT_LT(resolve_rate(engine.evaluate(test)), 0.35);
    for (std::uint32_t epoch = 0; epoch < 6; ++epoch)
        run_epoch(engine, 100 * epoch, 100);
    EXPECT_GT(resolve_rate(engine.evaluate(test)), 0.9);
}

TEST(EngineErrors, DimensionsTypesAndTemperaturesMustFit)
{
    const auto& kernels = simd::default_kernels();
    const ListSource tasks(8, 37, 4, 4, 1), more_types(8, 37, 4, 5, 1);
    EXPECT_NO_THROW(LearningEngine(kernels, tasks, small_config(37)));
    EXPECT_THROW(LearningEngine(kernels, tasks, small_config(36)), std::invalid_argument);
    EXPECT_THROW(LearningEngine(kernels, more_types, small_config(37)), std::invalid_argument);
    EngineConfig config = small_config(37);
    config.lora.heads = 0; // types are counted without heads, too
    EXPECT_NO_THROW(LearningEngine(kernels, tasks, config));
    EXPECT_THROW(LearningEngine(kernels, more_types, config), std::invalid_argument);
    config.lora.heads = 3;
    EXPECT_THROW(LearningEngine(kernels, tasks, config), std::invalid_argument);
    config = small_config(37);
    for (const double tau : {0.0, -1.0, std::nan("")}) {
        config.tau = tau;
        EXPECT_THROW(LearningEngine(kernels, tasks, config), std::invalid_argument);
    }
    LearningEngine engine(kernels, tasks, small_config(37));
    for (const double temperature : {0.0, -1.0, std::nan("")})
        EXPECT_THROW(engine.train({{0}}, 0.1f, temperature), std::invalid_argument);
    EXPECT_EQ(engine.trajectories().size(), 0u);
    EXPECT_THROW(engine.train({{8}}, 0.1f, 1.0), std::out_of_range);
    EXPECT_THROW((void)engine.evaluate({{8}}), std::out_of_range);
}

} // namespace
