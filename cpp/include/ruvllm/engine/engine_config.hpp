// Everything that decides how an engine learns. Which protocol sets what is Python's business.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ruvllm/components/contrastive_memory.hpp"
#include "ruvllm/components/elastic_weight_consolidation.hpp"
#include "ruvllm/components/multi_head_lora.hpp"
#include "ruvllm/components/pattern_bank.hpp"
#include "ruvllm/components/prioritized_replay.hpp"
#include "ruvllm/engine/associations.hpp"

namespace ruvllm {

// Which outcomes the adapter learns from.
enum class LearnFrom { successes, successes_and_confident_failures, everything };

// Which trajectories are learned from again after an epoch.
enum class ReplayPolicy {
    uniform,
    best_patterns, // the trajectories behind the best patterns, in turn
    prioritized,
};

// The run beside which the result stands (docs/protocols.md, "What is measured").
enum class Control {
    none,
    frozen,          // nothing is learned
    random_gradient, // each gradient replaced by a random one of the same norm
    shuffled,        // the right answer of each training task replaced by a random candidate
};

// Whether an adapter for these types is for this one.
[[nodiscard]] constexpr bool adapts(std::uint64_t lora_types, std::size_t type) noexcept
{
    return type >= 64 || (lora_types >> type & 1) != 0;
}

struct EngineConfig {
    LoraConfig lora;
    std::uint64_t lora_types = ~std::uint64_t{0}; // bit k: the adapter is for type k; types from 64 on always
    LearnFrom learn_from = LearnFrom::everything;
    ReplayPolicy replay_policy = ReplayPolicy::prioritized;
    Control control = Control::none;
    ReplayConfig replay;
    EwcConfig ewc;
    PatternConfig patterns;
    ContrastiveConfig contrastive;
    AssociationConfig associations;
    bool centre = false;                   // see LearningEngine::centre()
    float intercept = 0.0f;                // see tasks/centred_source.hpp
    bool use_patterns = true, use_contrastive = true;
    float pattern_quality = 0.35f;         // trajectories below it make no pattern
    std::size_t pattern_minimum = 5;       // trajectories needed before there are any
    std::size_t pattern_clusters = 20;
    std::size_t pattern_trajectories = 256; // the latest so many are clustered
    std::size_t replay_patterns = 10;       // of policy best_patterns
    double tau = 0.07;
    bool accumulate = false;                // gradients are summed until step_along_sum(); else each is a step
    float momentum = 0.9f;
    float gradient_clip = 10.0f;
    float confident = 0.5f;       // a failure above it is a confident one
    double failure_quality = 0.65; // quality of a failure, as a share of its confidence
    double quality_memory = 0.05; // weight of a new quality in its type's running mean
    std::uint64_t seed = 0;
};

} // namespace ruvllm
