// The ranges of an engine's settings. Within them no size wraps around and no number leaves the range of its type.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>

#include "ruvllm/engine/engine_config.hpp"
#include "ruvllm/tasks/task.hpp"

namespace ruvllm {

namespace detail {

inline void require_within(const char* name, double value, double least, double most)
{
    if (!(value >= least && value <= most))
        throw std::invalid_argument(std::string(name) + " must lie in " + std::to_string(least) + " ... " +
                                    std::to_string(most) + ", not " + std::to_string(value));
}

inline void require_size(const char* name, std::size_t value, std::size_t least, std::size_t most)
{
    if (value < least || value > most)
        throw std::invalid_argument(std::string(name) + " must lie in " + std::to_string(least) + " ... " +
                                    std::to_string(most) + ", not " + std::to_string(value));
}

inline void check_memories(const EngineConfig& c)
{
    constexpr std::size_t many = std::size_t{1} << 24;
    require_size("replay.capacity", c.replay.capacity, 1, std::size_t{1} << 32);
    require_within("replay.alpha", c.replay.alpha, 0.0, 1.0);
    require_within("replay.beta_increment", c.replay.beta_increment, 0.0, 1e100);
    require_within("replay.epsilon", c.replay.epsilon, 1e-100, 1e100);
    require_size("patterns.capacity", c.patterns.capacity, 0, many);
    require_within("patterns.threshold", double{c.patterns.threshold}, 0.0, 1e6);
    require_within("patterns.same_type_factor", double{c.patterns.same_type_factor}, 1e-6, 1e6);
    require_within("patterns.strength", c.patterns.strength, -1e6, 1e6);
    require_size("contrastive.types", c.contrastive.types, 1, 256);
    require_size("contrastive.positives", c.contrastive.positives, 1, many);
    require_size("contrastive.negatives", c.contrastive.negatives, 1, many);
    require_size("contrastive.sampled_negatives", c.contrastive.sampled_negatives, 0, many);
    require_within("contrastive.threshold", double{c.contrastive.threshold}, -1e6, 1e6);
    require_within("contrastive.strength", c.contrastive.strength, -1e6, 1e6);
    const bool blocks = c.associations.block_size > 0;
    require_size("associations.block_size", c.associations.block_size, 0, many); // above dim: one block
    require_size("associations.batch", c.associations.batch, blocks ? 1 : 0, many);
    require_size("associations.batch_negatives", c.associations.batch_negatives, 0, many);
    require_within("associations.block_rate", double{c.associations.block_rate}, 0.0, 1e6);
    require_size("associations.episodes.capacity", c.associations.episodes.capacity, 0, many);
    require_size("associations.episodes.neighbours", c.associations.episodes.neighbours,
                 blocks || c.associations.episodes.capacity > 0 ? 1 : 0, many);
    require_within("associations.episodes.strength", double{c.associations.episodes.strength}, -1e6, 1e6);
}

} // namespace detail

// Returns the settings. Throws std::invalid_argument for one that is out of its range; what the parts check themselves
// is left to them.
inline const EngineConfig& checked(const EngineConfig& c)
{
    using detail::require_within;
    detail::require_size("lora.dim", c.lora.dim, 1, std::size_t{1} << 24);
    detail::require_size("lora.heads", c.lora.heads, 0, 65535);
    require_within("lora.head_weight", double{c.lora.head_weight}, -1e6, 1e6);
    require_within("lora.scaling", double{c.lora.scaling}, -1e6, 1e6);
    if (!(c.tau > 0.0))
        throw std::invalid_argument("tau must be > 0, not " + std::to_string(c.tau));
    require_within("tau", c.tau, 1e-6, 1e6);
    if (!(c.ewc.lambda >= 0.0f))
        throw std::invalid_argument("EWC lambda must be >= 0, not " + std::to_string(c.ewc.lambda));
    require_within("ewc.lambda_", double{c.ewc.lambda}, 0.0, 1e12);
    require_within("intercept", double{c.intercept}, 0.0, 100.0);
    require_within("pattern_quality", double{c.pattern_quality}, -1e6, 1e6);
    require_within("momentum", double{c.momentum}, 0.0, 0.999999);
    require_within("gradient_clip", double{c.gradient_clip}, 0.0, 1e12);
    require_within("confident", double{c.confident}, -1e6, 1e6);
    require_within("failure_quality", c.failure_quality, -1e6, 1e6);
    require_within("quality_memory", c.quality_memory, 0.0, 1.0);
    detail::check_memories(c);
    return c;
}

inline void check_temperature(double temperature)
{
    if (!(temperature > 0.0))
        throw std::invalid_argument("the temperature must be > 0, not " + std::to_string(temperature));
    if (!(temperature >= 1e-100 && temperature <= 1e100)) // beyond it probabilities are no numbers
        throw std::invalid_argument("the temperature must lie in 1e-100 ... 1e100, not " +
                                    std::to_string(temperature));
}

// Throws std::invalid_argument where dimensions or types of the tasks are none of the settings'.
inline void check_tasks(const TaskSource& source, const EngineConfig& config)
{
    if (source.dim() != config.lora.dim)
        throw std::invalid_argument("the adapter's dimension " + std::to_string(config.lora.dim) + " is not the tasks' " +
                                    std::to_string(source.dim()));
    const std::size_t types =
        config.lora.heads > 0 ? std::min(config.lora.heads, config.contrastive.types) : config.contrastive.types;
    for (std::size_t i = 0; i < source.size(); ++i)
        if (source.type(i) >= types)
            throw std::invalid_argument("a task's type must be below " + std::to_string(types) + ", not " +
                                        std::to_string(source.type(i)));
}

} // namespace ruvllm
