// Gradients summed over a stage and applied as one step of a given length (protocol v1), against the naive twin.
// When no step is taken: test_engine_idle_steps.cpp.
#include "ruvllm/engine/learning_engine.hpp"

#include "accumulation_cases.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

constexpr std::size_t dim = list_dim;

class EngineAccumulation : public AccumulationCase {};
RUVLLM_ON_EVERY_ISA(EngineAccumulation);

TEST_P(EngineAccumulation, TheStepHasTheGivenLengthAlongTheSumOfClippedGradients)
{
    for (const std::size_t heads : {0u, 4u})
        for (const float length : {0.01f, 0.25f, 3.0f}) {
            SCOPED_TRACE(std::to_string(heads) + " heads, length " + std::to_string(length));
            LearningEngine engine = moved_engine(summing_config(heads));
            const LoraConfig& lora = engine.config().lora;
            const Doubles before = parameters(engine);
            engine.train(numbers(20, 12), 0.7f, 1.0); // the rate is of no account
            std::size_t longer = 0;
            for (const std::uint32_t index : numbers(20, 12)) {
                const Doubles own = gradient(lora, before, index);
                longer += norm(std::span(own).first(4 * dim)) > sum_clip ? 1 : 0;
            }
            EXPECT_GT(longer, 0u);
            EXPECT_LT(longer, 12u);
            engine.step_along_sum(length);
            expect_step_along(before, parameters(engine), length, sum_of(lora, before, 20, 12));
        }
}

TEST_P(EngineAccumulation, OnlyWhatIsLearnedFromIsSummed)
{
    for (const LearnFrom learn_from : {LearnFrom::successes, LearnFrom::successes_and_confident_failures}) {
        LearningEngine engine = moved_engine(summing_config(4, learn_from));
        const Doubles before = parameters(engine);
        Doubles sum(before.size(), 0.0);
        std::size_t successes = 0, sure_failures = 0, unsure_failures = 0;
        for (std::uint32_t index = 20; index < 50; ++index) {
            const Outcome outcome = engine.train({{index}}, 0.0f, 1.0)[0];
            const bool sure = outcome.confidence > 0.5;
            ++(outcome.resolved ? successes : sure ? sure_failures : unsure_failures);
            if (outcome.resolved || (sure && learn_from == LearnFrom::successes_and_confident_failures))
                add(sum, 1.0, clipped_gradient(engine.config().lora, before, index, sum_clip));
        }
        EXPECT_TRUE(successes > 0 && sure_failures > 0 && unsure_failures > 0);
        engine.step_along_sum(0.25f);
        expect_step_along(before, parameters(engine), 0.25f, sum);
    }
}

// An attempt and four replays, these with their importance weights; the Fisher information has the replays unweighted.
TEST_P(EngineAccumulation, ReplaysAddToTheSumToo)
{
    const EngineConfig config = summing_config(4);
    LearningEngine engine = moved_engine(config);
    PrioritizedReplay replay(config.replay); // the engine's, kept again
    engine.train({{20}}, 0.0f, 1.0);
    for (std::size_t i = 0; i < engine.trajectories().size(); ++i)
        replay.add(engine.trajectories()[i].td_error);
    numeric::RandomStream stream(config.seed, numeric::Purpose::replay, 0);
    const auto samples = replay.sample(4, stream);
    const auto [lightest, heaviest] = std::ranges::minmax(samples, {}, &ReplaySample::weight);
    ASSERT_GT(heaviest.weight - lightest.weight, 0.02);

    const Doubles before = parameters(engine);
    Doubles sum = clipped_gradient(config.lora, before, 20, sum_clip), squares(sum.size(), 0.0);
    double losses = 0.0;
    for (const ReplaySample& sample : samples) {
        const std::uint32_t index = engine.trajectories()[sample.item].task;
        add(sum, sample.weight, clipped_gradient(config.lora, before, index, sum_clip));
        const Doubles own = gradient(config.lora, before, index);
        for (std::size_t i = 0; i < own.size(); ++i)
            squares[i] += own[i] * own[i];
        losses += loss(config.lora, before, index, tasks.choice(index));
    }
    EXPECT_NEAR(engine.replay(4, 0.7f), losses / 4.0, 1e-4);
    engine.step_along_sum(0.25f);
    expect_step_along(before, parameters(engine), 0.25f, sum);
    engine.end_epoch();
    expect_gradient(to_doubles(engine.ewc().fisher()), scaled((1.0 - 0.92) / 4.0, squares), dim);
}

TEST_P(EngineAccumulation, RandomGradientsAreSummedToAStepOfTheSameLengthElsewhere)
{
    EngineConfig config = summing_config(4);
    config.control = Control::random_gradient;
    LearningEngine engine = moved_engine(config);
    const Doubles before = parameters(engine);
    engine.train(numbers(20, 12), 0.0f, 1.0);
    engine.step_along_sum(0.25f);
    const Doubles step = difference(before, parameters(engine)), sum = sum_of(config.lora, before, 20, 12);
    EXPECT_NEAR(norm(step), 0.25, 1e-6);
    EXPECT_LT(std::fabs(naive::dot(step, sum)), 0.5 * norm(step) * norm(sum));
}

// The unit vector plus the penalty's gradient, averaged over steps: as in any other step.
TEST_P(EngineAccumulation, EwcAndMomentumActOnTheStep)
{
    EngineConfig config = summing_config(4);
    config.momentum = 0.75f; // exact in binary
    config.ewc.lambda = 300.0f;
    config.replay_policy = ReplayPolicy::uniform;
    LearningEngine engine(kernels, tasks, config);
    Doubles velocity(parameters(engine).size(), 0.0), pull = velocity;
    for (std::uint32_t epoch = 0; epoch < 4; ++epoch) {
        const Doubles before = parameters(engine);
        engine.train(numbers(10 * epoch, 10), 0.0f, 1.0);
        Doubles sum = sum_of(config.lora, before, 10 * epoch, 10);
        numeric::RandomStream stream(config.seed, numeric::Purpose::replay, epoch);
        for (int i = 0; i < 5; ++i)
            add(sum, 1.0, sum_of(config.lora, before, engine.trajectories()[stream.below(10 * (epoch + 1))].task, 1));
        engine.replay(5, 0.0f);
        for (std::size_t i = 0; i < pull.size(); ++i) {
            const auto fisher = static_cast<double>(engine.ewc().fisher()[i]);
            const auto reference = static_cast<double>(engine.ewc().reference()[i]);
            const double stiffness = static_cast<double>(engine.ewc().active_lambda()) * fisher;
            pull[i] = std::min(stiffness, 1.0 / 0.25) * (before[i] - reference);
            velocity[i] = 0.75 * velocity[i] + 0.25 * (sum[i] / norm(sum) + pull[i]);
        }
        engine.step_along_sum(0.25f);
        expect_step(before, parameters(engine), 0.25, velocity, dim);
        engine.end_epoch();
        if (epoch == 1)
            engine.consolidate();
    }
    EXPECT_GT(norm(pull), 0.05); // of the last step
}

TEST_P(EngineAccumulation, TheSameBitsOnEveryIsa)
{
    const auto run = [](const simd::KernelTable& k) {
        const SimulatedWorld world = small_world(k);
        EngineConfig config = small_config();
        config.accumulate = true;
        LearningEngine engine(k, world, config);
        RunRecord record;
        for (std::uint32_t epoch = 0; epoch < 3; ++epoch) {
            record.add(run_epoch(engine, 40 * epoch, 40));
            engine.step_along_sum(0.2f);
            engine.consolidate();
        }
        record.add(engine.evaluate(numbers(300, 60)));
        record.add(engine);
        return record;
    };
    const RunRecord record = run(kernels);
    EXPECT_TRUE(record == run(simd::kernels_for(simd::Isa::scalar)));
    EXPECT_TRUE(record == run(kernels));
}

} // namespace
