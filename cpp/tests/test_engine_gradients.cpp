// Each step that an engine takes, against the naive twin: clip, importance weights, negatives of the memory, EWC.
#include "ruvllm/engine/learning_engine.hpp"

#include "gradient_cases.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

constexpr std::size_t dim = list_dim;
constexpr float rate = 0.25f; // exact in binary

class EngineGradients : public GradientCase {};
RUVLLM_ON_EVERY_ISA(EngineGradients);

TEST_P(EngineGradients, AStepFollowsTheGradientOfTheLoss)
{
    for (const std::size_t heads : {0u, 4u}) {
        LearningEngine engine = warm_engine(plain_config(heads));
        for (std::uint32_t index = 20; index < 26; ++index) {
            const Doubles before = parameters(engine);
            const Outcome outcome = engine.train({{index}}, rate, 1.0)[0];
            const LoraConfig& lora = engine.config().lora;
            expect_step(before, parameters(engine), rate, gradient(lora, before, index, tasks.choice(index)), dim);
            EXPECT_NEAR(outcome.loss, loss(lora, before, index, tasks.choice(index)), 1e-4);
        }
    }
}

// The norm that is clipped is that of the shared adapter's gradient, before weights.
TEST_P(EngineGradients, ALongGradientIsClipped)
{
    EngineConfig config = plain_config(4);
    config.gradient_clip = 0.5f;
    LearningEngine engine = warm_engine(config);
    for (std::uint32_t index = 20; index < 26; ++index) {
        const Doubles before = parameters(engine);
        engine.train({{index}}, 1.0f, 1.0);
        const Doubles expected = clipped_gradient(config.lora, before, index, 0.5);
        ASSERT_NEAR(norm(std::span(expected).first(4 * dim)), 0.5, 1e-9); // it was longer
        expect_step(before, parameters(engine), 1.0, expected, dim);
    }
}

TEST_P(EngineGradients, WrongSolutionsOfTheMemoryAreFurtherNegatives)
{
    EngineConfig config = plain_config(4);
    config.use_contrastive = true;
    LearningEngine engine(kernels, tasks, config);
    ContrastiveMemory memory(kernels, config.contrastive, dim); // the engine's, kept again
    std::size_t negatives = 0;
    for (std::uint32_t step = 0; step < 40; ++step) {
        const Task& task = tasks[step];
        naive::Choice choice = tasks.choice(step);
        numeric::RandomStream stream(config.seed, numeric::Purpose::memory_negatives, step);
        for (const float* negative : memory.sample_negatives(task.type, stream))
            choice.rows.push_back(to_doubles(negative, dim));
        negatives += choice.rows.size() - 6;
        const Doubles before = parameters(engine);
        const Outcome outcome = engine.train({{step}}, rate, 1.0)[0];
        EXPECT_NEAR(outcome.loss, loss(config.lora, before, step, choice), 1e-3);
        if (step >= 20)
            expect_step(before, parameters(engine), rate, gradient(config.lora, before, step, choice), dim);
        if (!outcome.resolved)
            memory.add_negative(tasks.solution(step, outcome.chosen), task.type);
        EXPECT_EQ(engine.memory().negative_count(), memory.negative_count());
    }
    EXPECT_GT(negatives, 100u);
}

// A wrong answer that is the right one elsewhere does not pull against it.
TEST_P(EngineGradients, ANegativeThatEqualsTheRightSolutionIsLeftOut)
{
    EngineConfig config = plain_config(0);
    config.use_contrastive = true;
    config.learn_from = LearnFrom::successes_and_confident_failures;
    class Twins final : public TaskSource { // task 1 asks for what is wrong in task 0
    public:
        explicit Twins(const ListSource& tasks)
            : TaskSource(simd::default_kernels()), first_(tasks[0]), second_(tasks[0])
        {
            second_.right = 1 - first_.right;
        }
        [[nodiscard]] std::size_t size() const noexcept override { return 2; }
        [[nodiscard]] std::size_t dim() const noexcept override { return 37; }
        [[nodiscard]] std::size_t n_candidates() const noexcept override { return 2; }
        [[nodiscard]] std::uint8_t type(std::size_t) const override { return 0; }
        [[nodiscard]] std::size_t right(std::size_t index) const override { return task(index).right; }
        void load_query(std::size_t index, float* query) const override { std::ranges::copy(task(index).query, query); }
        [[nodiscard]] const float* candidate(std::size_t index, std::size_t j, float*) const override
        {
            return task(index).candidates.data() + j * dim();
        }

    private:
        [[nodiscard]] const Task& task(std::size_t index) const { return index == 0 ? first_ : second_; }

        Task first_, second_;
    };
    const ListSource pair(1, dim, 2, 1, 3);
    const Twins twins(pair);
    LearningEngine engine(kernels, twins, config);
    bool wrong = false; // until a wrong answer of task 0 is remembered
    for (int epoch = 0; epoch < 200 && !wrong; ++epoch, engine.end_epoch())
        wrong = !engine.train({{0}}, 0.0f, 50.0)[0].resolved;
    ASSERT_TRUE(wrong);
    ASSERT_EQ(engine.memory().negative_count(), 1u);
    Outcome right{};
    for (int epoch = 0; epoch < 200 && !right.resolved; ++epoch, engine.end_epoch())
        right = engine.train({{1}}, 0.0f, 50.0)[0];
    ASSERT_TRUE(right.resolved);
    naive::Choice choice = pair.choice(0, 1 - pair[0].right);
    EXPECT_NEAR(right.loss, naive::info_nce(to_doubles(pair[0].query), choice), 1e-4);
}

// Two replayed steps one after the other, each scaled by its importance weight; both feed the Fisher information.
TEST_P(EngineGradients, ReplayScalesGradientsByImportanceWeights)
{
    const EngineConfig config = plain_config(4);
    LearningEngine engine = warm_engine(config);
    PrioritizedReplay replay(config.replay); // the engine's, kept again
    for (std::size_t i = 0; i < engine.trajectories().size(); ++i)
        replay.add(engine.trajectories()[i].td_error);
    numeric::RandomStream stream(config.seed, numeric::Purpose::replay, 0);
    const auto samples = replay.sample(2, stream);
    ASSERT_GT(std::fabs(samples[0].weight - samples[1].weight), 0.01);

    Doubles theta = parameters(engine), squares(theta.size(), 0.0);
    const Doubles before = theta;
    double losses = 0.0;
    for (const ReplaySample& sample : samples) {
        const std::uint32_t index = engine.trajectories()[sample.item].task;
        const Doubles own = gradient(config.lora, theta, index, tasks.choice(index));
        losses += loss(config.lora, theta, index, tasks.choice(index));
        for (std::size_t i = 0; i < theta.size(); ++i) {
            theta[i] -= static_cast<double>(rate) * sample.weight * own[i];
            squares[i] += own[i] * own[i];
        }
    }
    EXPECT_NEAR(engine.replay(2, rate), losses / 2.0, 1e-4);
    Doubles expected(theta.size());
    for (std::size_t i = 0; i < theta.size(); ++i)
        expected[i] = (before[i] - theta[i]) / static_cast<double>(rate);
    expect_step(before, parameters(engine), rate, expected, dim);
    EXPECT_EQ(engine.trajectories().replay().beta(), replay.beta());
    EXPECT_TRUE(all_zero(to_doubles(engine.ewc().fisher())));
    engine.end_epoch();
    expect_gradient(to_doubles(engine.ewc().fisher()), scaled((1.0 - 0.92) / 2.0, squares), dim);
}

TEST_P(EngineGradients, AfterAConsolidationThePenaltyPullsBack)
{
    const EngineConfig config = plain_config(4);
    LearningEngine engine = warm_engine(config);
    engine.replay(10, rate);
    engine.end_epoch();
    engine.consolidate();
    EXPECT_EQ(to_doubles(engine.ewc().reference()), parameters(engine));
    engine.train(numbers(20, 12), 0.02f, 1.0);
    const Doubles before = parameters(engine), fisher = to_doubles(engine.ewc().fisher()),
                  reference = to_doubles(engine.ewc().reference());
    const std::uint32_t index = 33;
    const std::size_t type = tasks[index].type;
    Doubles expected = naive::derivative(
        [&](const Doubles& theta) {
            return loss(config.lora, theta, index, tasks.choice(index)) +
                   naive::ewc_penalty(static_cast<double>(config.ewc.lambda), fisher, reference, theta);
        },
        before);
    for (std::size_t i = 0; i < expected.size(); ++i) // the other heads stay
        if (const std::size_t adapter = i / (4 * dim); adapter != 0 && adapter != 1 + type)
            expected[i] = 0.0;
    engine.train({{index}}, rate, 1.0);
    expect_step(before, parameters(engine), rate, expected, dim);
    EXPECT_NEAR(engine.ewc().penalty(engine.parameters()),
                naive::ewc_penalty(static_cast<double>(config.ewc.lambda), fisher, reference, parameters(engine)),
                1e-9);
}

} // namespace
