// Golden digests of whole runs: the engine on a simulated world, set up as each protocol does.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine_cases.hpp"
#include "golden_section.hpp"

namespace ruvllm::golden {

// The numbers are those of ruvllm/learning/protocols.py where they matter here; they are not meant to follow it.
struct ProtocolRun {
    EngineConfig config;
    float learning_rate;
    double cooling; // temperature lost per epoch
};

// One adapter; gradients of successes are summed and applied once; uniform replay.
[[nodiscard]] inline ProtocolRun v1_run(std::size_t dim)
{
    EngineConfig c{};
    c.lora = {dim, 2, 0, 0.5f, 16.0f / std::sqrt(2.0f)};
    c.learn_from = LearnFrom::successes;
    c.replay_policy = ReplayPolicy::uniform;
    c.accumulate = true;
    c.momentum = 0.0f;
    c.ewc = {50.0f, 0.0f, true}; // not 1000: it would leap where steps are this long
    c.pattern_quality = 0.5f;
    c.pattern_clusters = 10;
    c.failure_quality = 0.5;
    c.use_contrastive = false;
    return {c, 0.001f, 0.0};
}

// One adapter; learns from the trajectories behind the best patterns again.
[[nodiscard]] inline ProtocolRun v2_run(std::size_t dim)
{
    EngineConfig c{};
    c.lora = {dim, 1, 0, 0.5f, 16.0f};
    c.learn_from = LearnFrom::successes_and_confident_failures;
    c.replay_policy = ReplayPolicy::best_patterns;
    c.gradient_clip = 30.0f;
    c.ewc = {500.0f, 0.95f, false};
    c.pattern_clusters = 15;
    c.failure_quality = 0.6;
    c.use_contrastive = false;
    return {c, 0.004f, 0.2};
}

// An adapter with four heads, prioritized replay, patterns, contrastive memory.
[[nodiscard]] inline ProtocolRun v3_run(std::size_t dim)
{
    EngineConfig c{};
    c.lora = {dim, 4, 4, 0.5f, 8.0f};
    c.contrastive.positives = c.contrastive.negatives = 60; // full before the run ends
    return {c, 0.001f, 0.2};
}

[[nodiscard]] inline ProtocolRun controlled(ProtocolRun run, Control control)
{
    run.config.control = control;
    return run;
}

// Four epochs of 40 tasks with a consolidation in the middle, then 60 tasks answered.
inline void digest_run(const simd::KernelTable& kernels, const ProtocolRun& run, Digest& digest)
{
    const SimulatedWorld world(kernels, {run.config.lora.dim, 2, 0.3, 0.15}, {}, 7, testing::random_tasks(260, 3));
    EngineConfig config = run.config;
    config.seed = 9;
    LearningEngine engine(kernels, world, config);
    testing::RunRecord record;
    for (std::uint32_t epoch = 0; epoch < 4; ++epoch) {
        record.add(engine.train(testing::numbers(40 * epoch, 40), run.learning_rate, 1.0 - run.cooling * epoch));
        engine.learn_patterns();
        digest.add(engine.replay(40, run.learning_rate));
        engine.step_along_sum(40.0f * run.learning_rate);
        engine.end_epoch();
        digest.add(engine.ewc().penalty(engine.parameters()));
        if (epoch == 1)
            engine.consolidate();
    }
    record.add(engine.evaluate(testing::numbers(200, 60)));
    record.add(engine);
    digest.add(record.numbers);
}

[[nodiscard]] inline std::vector<Section> engine_sections()
{
    std::vector<Section> sections;
    const auto add = [&](const std::string& name, const ProtocolRun& run) {
        sections.push_back({name, [run](const auto& kernels, Digest& digest) { digest_run(kernels, run, digest); }});
    };
    for (const std::size_t dim : {64u, 1536u}) {
        add("v1_" + std::to_string(dim), v1_run(dim));
        add("v2_" + std::to_string(dim), v2_run(dim));
        add("v3_" + std::to_string(dim), v3_run(dim));
    }
    add("v3_random_gradient", controlled(v3_run(64), Control::random_gradient));
    add("v3_shuffled", controlled(v3_run(64), Control::shuffled));
    return sections;
}

} // namespace ruvllm::golden
