// What patterns are made of: which trajectories, and their queries, qualities and types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ruvllm/engine/engine_config.hpp"
#include "ruvllm/engine/outcome.hpp"
#include "ruvllm/engine/trajectory_buffer.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"

namespace ruvllm {

// Returns the positions in the buffer of the trajectories that are good enough, the latest first, at most
// `pattern_trajectories` of them.
[[nodiscard]] inline std::vector<std::size_t> choose_pattern_material(const EngineConfig& config,
                                                                      const TrajectoryBuffer& buffer)
{
    std::vector<std::size_t> chosen;
    for (std::size_t i = buffer.size(); i > 0 && chosen.size() < config.pattern_trajectories; --i) {
        const Trajectory& t = buffer[i - 1];
        const bool known = learns_from(config, t.resolved, t.confidence);
        if (known && t.quality >= static_cast<double>(config.pattern_quality))
            chosen.push_back(i - 1);
    }
    return chosen;
}

// Queries of good trajectories, with the quality and type of each. Memory is kept from one epoch to the next.
class PatternMaterial {
public:
    explicit PatternMaterial(std::size_t dim) : dim_(dim) {}

    // n trajectories whose queries (dim,), qualities and types are to be written.
    void resize(std::size_t n)
    {
        queries_.resize(n * dim_);
        qualities_.resize(n);
        types_.resize(n);
    }

    void set(std::size_t i, double quality, std::uint8_t type)
    {
        qualities_[i] = quality;
        types_[i] = type;
    }
    [[nodiscard]] float* query(std::size_t i) noexcept { return queries_.data() + i * dim_; }

    [[nodiscard]] std::size_t size() const noexcept { return qualities_.size(); }
    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
    [[nodiscard]] const numeric::FloatVector& queries() const noexcept { return queries_; } // (size, dim)
    [[nodiscard]] const std::vector<double>& qualities() const noexcept { return qualities_; }
    [[nodiscard]] std::uint8_t type(std::size_t i) const noexcept { return types_[i]; }

private:
    std::size_t dim_;
    numeric::FloatVector queries_;
    std::vector<double> qualities_;
    std::vector<std::uint8_t> types_;
};

} // namespace ruvllm
