// Which trajectories are learned from again: one function for each replay policy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ruvllm/components/pattern_bank.hpp"
#include "ruvllm/components/prioritized_replay.hpp"
#include "ruvllm/engine/engine_config.hpp"
#include "ruvllm/engine/pattern_learning.hpp"
#include "ruvllm/engine/trajectory_buffer.hpp"
#include "ruvllm/numeric/random.hpp"

namespace ruvllm {

// Returns n of `size` items, drawn with replacement, all equally likely.
[[nodiscard]] inline std::vector<ReplaySample> choose_uniformly(std::size_t n, std::size_t size,
                                                                numeric::RandomStream& stream)
{
    std::vector<ReplaySample> samples;
    for (std::size_t i = 0; i < n; ++i)
        samples.push_back({static_cast<std::size_t>(stream.below(size)), 0.0, 1.0});
    return samples;
}

// Returns n trajectories, from each of the `patterns` best patterns in turn one of its members; none where there are no
// patterns.
[[nodiscard]] inline std::vector<ReplaySample> choose_from_best_patterns(std::size_t n, const PatternBank& bank,
                                                                         std::size_t patterns,
                                                                         const PatternMembers& members,
                                                                         numeric::RandomStream& stream)
{
    const auto best = bank.best(patterns);
    std::vector<ReplaySample> samples;
    for (std::size_t i = 0; i < n && !best.empty() && !members.empty(); ++i) {
        const auto& group = members[best[i % best.size()]];
        samples.push_back({group[stream.below(group.size())], 0.0, 1.0});
    }
    return samples;
}

// The task of each of them.
[[nodiscard]] inline std::vector<std::uint32_t> tasks_of(const std::vector<ReplaySample>& samples,
                                                         const TrajectoryBuffer& buffer)
{
    std::vector<std::uint32_t> tasks;
    for (const ReplaySample& sample : samples)
        tasks.push_back(buffer[sample.item].task);
    return tasks;
}

// Returns n trajectories of a buffer that is not empty, by the policy of the configuration.
[[nodiscard]] inline std::vector<ReplaySample> choose_replay(const EngineConfig& config, std::size_t n,
                                                             TrajectoryBuffer& buffer, const PatternBank& bank,
                                                             const PatternMembers& members,
                                                             numeric::RandomStream& stream)
{
    switch (config.replay_policy) {
    case ReplayPolicy::prioritized: return buffer.replay().sample(n, stream);
    case ReplayPolicy::best_patterns:
        return choose_from_best_patterns(n, bank, config.replay_patterns, members, stream);
    case ReplayPolicy::uniform: break;
    }
    return choose_uniformly(n, buffer.size(), stream);
}

} // namespace ruvllm
