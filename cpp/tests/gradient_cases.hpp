// Engines on a list of tasks whose gradients the naive twin knows.
#pragma once

#include <algorithm>
#include <cmath>

#include "engine_cases.hpp"
#include "every_isa.hpp"
#include "list_source.hpp"
#include "naive_adapter.hpp"

namespace ruvllm::testing {

inline constexpr std::size_t list_dim = 37;

// Without momentum a step is the gradient times the rate. Nothing clipped, no memories, no EWC before a consolidation.
[[nodiscard]] inline EngineConfig plain_config(std::size_t heads)
{
    EngineConfig config = small_config(list_dim);
    config.lora = {list_dim, 2, heads, 0.5f, 3.0f};
    config.momentum = 0.0f;
    config.gradient_clip = 1e9f;
    config.use_patterns = config.use_contrastive = false;
    config.ewc.lambda = 3.0f;
    return config;
}

[[nodiscard]] inline Doubles parameters(const LearningEngine& engine) { return to_doubles(engine.parameters()); }

[[nodiscard]] inline double norm(std::span<const double> x) { return std::sqrt(naive::dot(x, x)); }

class GradientCase : public EveryIsa {
protected:
    const ListSource tasks{60, list_dim, 6, 4, 1};

    // Far enough from the start for B to be no longer 0.
    [[nodiscard]] LearningEngine warm_engine(const EngineConfig& config) const
    {
        LearningEngine engine(kernels, tasks, config);
        engine.train(numbers(0, 20), 0.05f, 1.0);
        return engine;
    }

    // Gradient of the loss of task `index` at theta.
    [[nodiscard]] Doubles gradient(const LoraConfig& lora, const Doubles& theta, std::uint32_t index,
                                   const naive::Choice& choice) const
    {
        return naive::gradient(lora, theta, to_doubles(tasks[index].query), tasks[index].type, choice);
    }
    [[nodiscard]] Doubles gradient(const LoraConfig& lora, const Doubles& theta, std::uint32_t index) const
    {
        return gradient(lora, theta, index, tasks.choice(index));
    }

    // The same no longer than `clip`. The length is that of the shared adapter's part.
    [[nodiscard]] Doubles clipped_gradient(const LoraConfig& lora, const Doubles& theta, std::uint32_t index,
                                           double clip) const
    {
        const Doubles own = gradient(lora, theta, index);
        const double length = norm(std::span(own).first(2 * lora.rank * lora.dim));
        return scaled(length > clip ? clip / length : 1.0, own);
    }

    [[nodiscard]] double loss(const LoraConfig& lora, const Doubles& theta, std::uint32_t index,
                              const naive::Choice& choice) const
    {
        return naive::info_nce(naive::adapt(lora, theta, to_doubles(tasks[index].query), tasks[index].type), choice);
    }
};

} // namespace ruvllm::testing
