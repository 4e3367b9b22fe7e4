// The runs beside which the result stands: frozen, random gradient, shuffled (docs/protocols.md).
#include "ruvllm/engine/learning_engine.hpp"

#include <cmath>

#include "counts.hpp"
#include "engine_cases.hpp"
#include "every_isa.hpp"
#include "list_source.hpp"
#include "ruvllm/simd/dispatch.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

EngineConfig control_config(Control control, std::size_t dim = world_dim)
{
    EngineConfig config = small_config(dim);
    config.control = control;
    if (control == Control::random_gradient) // nor may a memory of true answers help
        config.use_patterns = config.use_contrastive = false;
    return config;
}

double rate_after_training(const simd::KernelTable& kernels, Control control, double& start)
{
    const SimulatedWorld world = small_world(kernels, 900);
    LearningEngine engine(kernels, world, control_config(control));
    start = resolve_rate(engine.evaluate(numbers(600, 300)));
    for (std::uint32_t epoch = 0; epoch < 6; ++epoch)
        run_epoch(engine, 100 * epoch, 100);
    return resolve_rate(engine.evaluate(numbers(600, 300)));
}

class Controls : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(Controls);

TEST_P(Controls, FrozenChangesNothing)
{
    const SimulatedWorld world = small_world(kernels);
    LearningEngine engine(kernels, world, control_config(Control::frozen));
    const auto parameters = engine.parameters();
    const auto answers = engine.evaluate(numbers(200, 100));
    for (std::uint32_t epoch = 0; epoch < 3; ++epoch) {
        for (const Outcome& o : run_epoch(engine, 40 * epoch, 40, 0.1f))
            EXPECT_EQ(o.loss, 0.0);
        engine.consolidate();
    }
    EXPECT_EQ(engine.parameters(), parameters);
    EXPECT_TRUE(same_outcomes(engine.evaluate(numbers(200, 100)), answers));
    EXPECT_EQ(engine.patterns().size(), 0u);
    EXPECT_EQ(engine.memory().positive_count() + engine.memory().negative_count(), 0u);
    EXPECT_EQ(engine.ewc().task_count(), 0u);
    EXPECT_TRUE(all_zero(to_doubles(engine.ewc().fisher())));
    EXPECT_EQ(engine.trajectories().replay().beta(), 0.4);
}

double norm(std::span<const double> x) { return std::sqrt(naive::dot(x, x)); }

// Every row of every step is as long as the gradient's and points somewhere else.
TEST_P(Controls, RandomGradientsKeepTheirNorms)
{
    constexpr std::size_t dim = 96;
    const ListSource tasks(60, dim, 6, 4, 2);
    EngineConfig config = control_config(Control::random_gradient, dim);
    config.momentum = 0.0f;
    LearningEngine engine(kernels, tasks, config);
    engine.train(numbers(0, 20), 0.05f, 1.0);
    double cosines = 0.0, rows = 0.0;
    for (std::uint32_t index = 20; index < 40; ++index) {
        const Doubles before = to_doubles(engine.parameters());
        const Doubles gradient = naive::gradient(config.lora, before, to_doubles(tasks[index].query),
                                                 tasks[index].type, tasks.choice(index));
        const std::span shared(gradient.data(), 4 * dim);
        const double clip = std::min(1.0, static_cast<double>(config.gradient_clip) / norm(shared));
        engine.train({{index}}, 0.25f, 1.0);
        const Doubles after = to_doubles(engine.parameters());
        for (std::size_t row = 0; row < gradient.size(); row += dim) {
            Doubles step(dim);
            for (std::size_t i = 0; i < dim; ++i)
                step[i] = (before[row + i] - after[row + i]) / 0.25;
            const std::span own(gradient.data() + row, dim);
            EXPECT_NEAR(norm(step), clip * norm(own), 1e-4 * norm(own) + 1e-5) << "row " << row / dim;
            if (norm(own) > 0.1) {
                cosines += naive::dot(step, own) / norm(step) / norm(own);
                rows += 1.0;
            }
        }
    }
    ASSERT_GT(rows, 100.0);
    // rows of one step share their direction: about rows / 4 independent ones
    EXPECT_NEAR(cosines / rows, 0.0, 4.0 / std::sqrt(static_cast<double>(dim) * rows / 4.0));
}

TEST_P(Controls, ShuffledTellsOneFixedCandidatePerTask)
{
    constexpr std::size_t dim = 37, n_tasks = 800, n_candidates = 4;
    const ListSource tasks(n_tasks, dim, n_candidates, 4, 3);
    EngineConfig config = control_config(Control::shuffled, dim);
    config.use_patterns = config.use_contrastive = false;
    LearningEngine engine(kernels, tasks, config);
    std::vector<std::size_t> distances(n_candidates); // from the truth
    const auto told = [&](std::uint32_t index, const Outcome& outcome) { // whose loss was it?
        std::size_t found = n_candidates;
        for (std::size_t j = 0; j < n_candidates; ++j)
            if (const double loss = naive::info_nce(to_doubles(tasks[index].query), tasks.choice(index, j));
                std::fabs(loss - outcome.loss) < 1e-4)
                found = j;
        EXPECT_LT(found, n_candidates);
        EXPECT_EQ(outcome.resolved, outcome.chosen == found);
        return found;
    };
    const auto first = engine.train(numbers(0, n_tasks), 0.0f, 1.0); // at rate 0, so that z stays h
    engine.end_epoch();
    const auto again = engine.train(numbers(0, n_tasks), 0.0f, 1.0);
    for (std::uint32_t i = 0; i < n_tasks; ++i) {
        const std::size_t candidate = told(i, first[i]);
        EXPECT_EQ(told(i, again[i]), candidate);
        ++distances[(candidate + n_candidates - tasks[i].right) % n_candidates];
    }
    expect_uniform(distances);
}

// Answers are still measured against the truth.
TEST_P(Controls, ShuffledIsEvaluatedByTheTruth)
{
    const ListSource tasks(100, 37, 4, 4, 3);
    LearningEngine shuffled(kernels, tasks, control_config(Control::shuffled, 37)),
        plain(kernels, tasks, control_config(Control::none, 37));
    EXPECT_TRUE(same_outcomes(shuffled.evaluate(numbers(0, 100)), plain.evaluate(numbers(0, 100))));
}

TEST_P(Controls, ShuffledPatternsHoldWhatWasTold)
{
    const ListSource tasks(40, 37, 4, 4, 3);
    EngineConfig config = control_config(Control::shuffled, 37);
    config.pattern_quality = 0.0f;
    config.pattern_clusters = 40;
    LearningEngine engine(kernels, tasks, config);
    engine.train(numbers(0, 40), 0.001f, 1.0);
    engine.learn_patterns();
    std::size_t right = 0, any = 0;
    for (std::size_t pattern = 0; pattern < engine.patterns().size(); ++pattern)
        for (std::size_t i = 0; i < 40; ++i)
            for (std::size_t j = 0; j < 4; ++j) {
                const Doubles solution = to_doubles(engine.patterns().solutions().data() + pattern * 37, 37);
                if (naive::dot(solution, to_doubles(tasks.solution(i, j), 37)) > 0.999) {
                    ++any;
                    right += j == tasks[i].right ? 1 : 0;
                }
            }
    EXPECT_GT(any, 20u);
    EXPECT_LT(right, any / 2); // a quarter by chance
}

TEST(ControlRates, OnlyTrueFeedbackTeaches)
{
    const auto& kernels = simd::default_kernels();
    double start = 0.0;
    const double truth = rate_after_training(kernels, Control::none, start);
    EXPECT_GT(truth, start + 0.5);
    EXPECT_EQ(rate_after_training(kernels, Control::frozen, start), start);
    EXPECT_NEAR(rate_after_training(kernels, Control::random_gradient, start), start, 0.08);
    EXPECT_LT(rate_after_training(kernels, Control::shuffled, start), truth - 0.3);
}

} // namespace
