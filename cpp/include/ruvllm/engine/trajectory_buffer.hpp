// Trajectories: what happened at each attempt, by the task's number; never its vectors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "ruvllm/components/prioritized_replay.hpp"

namespace ruvllm {

struct StateAccess;

struct Trajectory {
    std::uint32_t task;
    std::uint8_t type;
    bool resolved;
    double confidence; // probability given to the answer that was chosen
    double quality;    // the confidence of a success, a share of it for a failure
    double td_error;   // quality - running mean of the type
};

// Keeps `capacity` trajectories; when full, the best 80% by quality stay, in their order.
class TrajectoryBuffer {
public:
    explicit TrajectoryBuffer(const ReplayConfig& config) : capacity_(config.capacity), replay_(config) {}

    // Whether older trajectories had to go first, and the others' positions changed.
    bool add(const Trajectory& trajectory)
    {
        const bool full = items_.size() == capacity_;
        if (full)
            prune();
        replay_.add(trajectory.td_error); // first: it refuses an error that is no number
        items_.push_back(trajectory);
        return full;
    }

    void update(std::size_t i, const Trajectory& trajectory)
    {
        replay_.update_priority(i, trajectory.td_error);
        items_[i] = trajectory;
    }

    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
    [[nodiscard]] const Trajectory& operator[](std::size_t i) const { return items_[i]; }
    [[nodiscard]] PrioritizedReplay& replay() noexcept { return replay_; }
    [[nodiscard]] const PrioritizedReplay& replay() const noexcept { return replay_; }

private:
    friend struct StateAccess; // engine_state.hpp

    // The positions of the n best by quality, best first.
    [[nodiscard]] std::vector<std::size_t> best(std::size_t n) const
    {
        std::vector<std::size_t> order(items_.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return items_[a].quality > items_[b].quality; });
        order.resize(std::min(n, order.size()));
        return order;
    }

    void prune()
    {
        auto kept = best(std::max<std::size_t>(capacity_ * 8 / 10, 1));
        if (kept.size() == capacity_) // a capacity of 1 keeps nothing
            kept.clear();
        std::sort(kept.begin(), kept.end());
        std::vector<Trajectory> items;
        std::vector<double> td_errors;
        for (const std::size_t i : kept) {
            items.push_back(items_[i]);
            td_errors.push_back(items_[i].td_error);
        }
        items_ = std::move(items);
        replay_.reset(td_errors);
    }

    std::size_t capacity_;
    std::vector<Trajectory> items_;
    PrioritizedReplay replay_;
};

} // namespace ruvllm
