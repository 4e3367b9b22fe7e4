// What the engine did with one task, and whether that is something to learn from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ruvllm/engine/engine_config.hpp"

namespace ruvllm {

struct Choice {
    std::uint32_t chosen;
    double confidence; // probability of the chosen candidate
};

// The candidate on which `share`, in [0, 1), of the probabilities falls.
[[nodiscard]] inline Choice draw(std::span<const double> probabilities, double share)
{
    double running = 0.0;
    std::size_t j = 0;
    for (; j + 1 < probabilities.size(); ++j) {
        running += probabilities[j];
        if (share < running)
            break;
    }
    return {static_cast<std::uint32_t>(j), probabilities[j]};
}

struct Outcome {
    std::uint32_t chosen;
    bool resolved;
    double confidence; // probability of the chosen candidate
    double loss;       // InfoNCE of the learning step; 0 where nothing was learned
};

// By the rule of the configuration; a failure is a confident one above its `confident`.
[[nodiscard]] inline bool learns_from(const EngineConfig& config, bool resolved, double confidence)
{
    switch (config.learn_from) {
    case LearnFrom::successes: return resolved;
    case LearnFrom::successes_and_confident_failures:
        return resolved || confidence > static_cast<double>(config.confident);
    case LearnFrom::everything: return true;
    }
    return false;
}

} // namespace ruvllm
