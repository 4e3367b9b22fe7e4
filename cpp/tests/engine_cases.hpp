// Small worlds, small engines, and all that a run of one can be compared by.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "ruvllm/engine/learning_engine.hpp"
#include "ruvllm/tasks/simulated_world.hpp"
#include "ruvllm/numeric/random.hpp"

namespace ruvllm::testing {

inline constexpr std::size_t world_dim = 256;

// n tasks over the four types, with random keys, difficulties and families.
[[nodiscard]] inline std::vector<SimulatedTask> random_tasks(std::size_t n, std::uint64_t seed)
{
    numeric::RandomStream stream(seed, numeric::Purpose::user);
    std::vector<SimulatedTask> tasks;
    for (std::size_t i = 0; i < n; ++i)
        tasks.push_back({stream.next_u64(), static_cast<float>(stream.uniform()), static_cast<std::uint8_t>(i % 4),
                         static_cast<std::uint8_t>(stream.below(5))});
    return tasks;
}

[[nodiscard]] inline SimulatedWorld small_world(const simd::KernelTable& kernels, std::size_t n_tasks = 400)
{
    return SimulatedWorld(kernels, {world_dim, 1, 1.0, 0.15}, {}, 7, random_tasks(n_tasks, 3));
}

// Tasks first, first + 1, ...
[[nodiscard]] inline std::vector<std::uint32_t> numbers(std::uint32_t first, std::uint32_t n)
{
    std::vector<std::uint32_t> out(n);
    std::iota(out.begin(), out.end(), first);
    return out;
}

// Protocol v3 in small: rank 2, four heads.
[[nodiscard]] inline EngineConfig small_config(std::size_t dim = world_dim)
{
    EngineConfig config{};
    config.lora = {dim, 2, 4, 0.5f, 11.0f};
    config.seed = 5;
    return config;
}

[[nodiscard]] inline bool same_outcomes(const std::vector<Outcome>& a, const std::vector<Outcome>& b)
{
    return std::ranges::equal(a, b, [](const Outcome& x, const Outcome& y) {
        return x.chosen == y.chosen && x.resolved == y.resolved && x.confidence == y.confidence && x.loss == y.loss;
    });
}

[[nodiscard]] inline double resolve_rate(const std::vector<Outcome>& outcomes)
{
    double resolved = 0.0;
    for (const Outcome& o : outcomes)
        resolved += o.resolved ? 1.0 : 0.0;
    return resolved / static_cast<double>(outcomes.size());
}

// Everything that a run leaves behind.
struct RunRecord {
    std::vector<double> numbers;

    template <class Range>
    void add(const Range& range)
    {
        for (const auto value : range)
            numbers.push_back(static_cast<double>(value));
    }
    void add(const std::vector<Outcome>& outcomes)
    {
        for (const Outcome& o : outcomes)
            for (const double value : {static_cast<double>(o.chosen), o.resolved ? 1.0 : 0.0, o.confidence, o.loss})
                numbers.push_back(value);
    }
    void add(const LearningEngine& engine)
    {
        add(engine.parameters());
        add(engine.ewc().fisher());
        add(engine.ewc().reference());
        add(engine.patterns().queries());
        add(engine.patterns().solutions());
        add(engine.patterns().qualities());
        add(engine.patterns().types());
        for (std::size_t i = 0; i < engine.trajectories().size(); ++i) {
            const Trajectory& t = engine.trajectories()[i];
            add(std::vector{static_cast<double>(t.task), t.confidence, t.quality, t.td_error,
                            engine.trajectories().replay().priority(i)});
        }
        add(std::vector{engine.trajectories().replay().beta(), static_cast<double>(engine.memory().positive_count()),
                        static_cast<double>(engine.memory().negative_count())});
    }
    friend bool operator==(const RunRecord&, const RunRecord&) = default;
};

// One epoch as a benchmark has it: new tasks, patterns, replay, Fisher.
inline std::vector<Outcome> run_epoch(LearningEngine& engine, std::uint32_t first, std::uint32_t n,
                                      float learning_rate = 0.001f, double temperature = 1.0)
{
    auto outcomes = engine.train(numbers(first, n), learning_rate, temperature);
    engine.learn_patterns();
    engine.replay(n, learning_rate);
    engine.end_epoch();
    return outcomes;
}

// Three epochs of 40 tasks with a consolidation, then 60 tasks answered.
[[nodiscard]] inline RunRecord short_run(const simd::KernelTable& kernels, const EngineConfig& config = small_config())
{
    const SimulatedWorld world = small_world(kernels);
    LearningEngine engine(kernels, world, config);
    RunRecord run;
    for (std::uint32_t epoch = 0; epoch < 3; ++epoch) {
        run.add(run_epoch(engine, 40 * epoch, 40, 0.002f, 1.0 - 0.3 * epoch));
        if (epoch == 1)
            engine.consolidate();
    }
    run.add(engine.evaluate(numbers(300, 60)));
    run.add(engine);
    return run;
}

} // namespace ruvllm::testing
