// How many tasks a second does the engine of protocol v3 generate, score and learn from?
//
// Simulated tasks, 8 candidates, an adapter of rank 2 with four heads, prioritized replay, patterns and contrastive
// memory. "task" is one training task; "evaluate" generates and scores only, with an engine that has learned from three
// epochs of other tasks: its patterns and memory are full.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "bench_support.hpp"
#include "engine_cases.hpp"
#include "ruvllm/engine/learning_engine.hpp"
#include "ruvllm/tasks/simulated_world.hpp"

namespace {

using namespace ruvllm;
using namespace ruvllm::bench;
using measure::require_near;

constexpr std::uint32_t n_tasks = 240; // an epoch
constexpr std::uint32_t epochs_before = 3;
constexpr float learning_rate = 0.001f;

struct Run {
    SimulatedWorld world;
    LearningEngine engine;
    std::vector<std::uint32_t> all = testing::numbers(0, n_tasks);

    Run(const simd::KernelTable& k, std::size_t dim)
        : world(k, {dim, 1, 1.0, 0.15}, {}, 7, testing::random_tasks((1 + epochs_before) * n_tasks, 3)),
          engine(k, world, testing::small_config(dim))
    {
    }

    std::vector<Outcome> epoch(std::span<const std::uint32_t> tasks)
    {
        auto outcomes = engine.train(tasks, learning_rate, 1.0);
        engine.learn_patterns();
        (void)engine.replay(n_tasks / 4, learning_rate);
        engine.end_epoch();
        return outcomes;
    }
};

// An adapter starts as the identity: logits are cosines of query and candidates over tau, the loss of the first step is
// the negative log of their softmax at the right one.
void check(const simd::KernelTable& k, std::size_t dim)
{
    Run run(k, dim);
    const std::size_t m = run.engine.n_candidates();
    std::vector<double> logits(n_tasks * m);
    std::vector<std::uint32_t> right(n_tasks);
    run.engine.logits(run.all, logits, right);
    Task task(dim, m);
    double first_loss = 0.0;
    for (std::uint32_t i = 0; i < n_tasks; ++i) {
        run.world.load(i, task);
        const measure::Doubles h = measure::to_doubles(task.query);
        double total = 0.0;
        for (std::size_t j = 0; j < m; ++j) {
            const auto s = measure::to_doubles(std::span(task.candidates).subspan(j * dim, dim));
            const double expected = measure::naive_dot(h, s) /
                                    std::sqrt(measure::naive_dot(h, h) * measure::naive_dot(s, s)) /
                                    run.engine.config().tau;
            require_near("logit", logits[i * m + j], expected, 1e-4);
            total += std::exp(expected);
        }
        if (i == 0)
            first_loss = std::log(total) - logits[task.right];
    }
    const auto outcomes = run.engine.train(std::span(run.all).first(1), learning_rate, 1.0);
    require_near("loss of the first task", outcomes[0].loss, first_loss, 1e-3);
}

// Epoch after epoch: after the tasks come patterns, replay and the Fisher average, which belong to learning.
[[nodiscard]] Loop task_loop(const simd::KernelTable& k, std::size_t dim)
{
    check(k, dim);
    return measure::loop_of([run = std::make_shared<Run>(k, dim)] {
        const auto outcomes = run->epoch(run->all);
        measure::keep(outcomes.data());
    });
}

[[nodiscard]] Loop evaluate_loop(const simd::KernelTable& k, std::size_t dim)
{
    check(k, dim);
    const auto run = std::make_shared<Run>(k, dim);
    for (std::uint32_t epoch = 1; epoch <= epochs_before; ++epoch)
        (void)run->epoch(testing::numbers(epoch * n_tasks, n_tasks));
    return measure::loop_of([run] {
        const auto outcomes = run->engine.evaluate(run->all);
        measure::keep(outcomes.data());
    });
}

} // namespace

int main(int argc, char** argv)
{
    return run(argc, argv, [] {
        for (const auto isa : simd::available_isas())
            for (const std::size_t dim : {1536u, 4096u}) {
                const simd::KernelTable& k = simd::kernels_for(isa);
                const std::string size = "d:" + std::to_string(dim);
                add(label("task", k, size), [=, &k] { return task_loop(k, dim); }, {.items = n_tasks});
                add(label("evaluate", k, size), [=, &k] { return evaluate_loop(k, dim); }, {.items = n_tasks});
            }
    });
}
