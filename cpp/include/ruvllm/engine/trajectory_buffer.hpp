// Trajectories: what happened at each attempt, by the task's number; never its vectors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "ruvllm/components/prioritized_replay.hpp"

namespace ruvllm {

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

    // All trajectories but their types: type_of(task) gives them back.
    template <class Self, class Archive, class TypeOf>
    static void archive(Self& self, Archive& archive, TypeOf type_of)
    {
        std::vector<std::uint32_t> task;
        std::vector<std::uint8_t> resolved;
        std::vector<double> confidence, quality, td_error;
        for (const Trajectory& t : self.items_) {
            task.push_back(t.task);
            resolved.push_back(t.resolved ? 1 : 0);
            confidence.push_back(t.confidence);
            quality.push_back(t.quality);
            td_error.push_back(t.td_error);
        }
        archive.list("trajectories.task", task);
        archive.list("trajectories.resolved", resolved);
        archive.list("trajectories.confidence", confidence);
        archive.list("trajectories.quality", quality);
        archive.list("trajectories.tdError", td_error);
        PrioritizedReplay::archive(self.replay_, archive);
        if constexpr (Archive::reading) {
            const std::size_t n = task.size();
            archive.require(resolved.size() == n && confidence.size() == n && quality.size() == n &&
                                td_error.size() == n,
                            "the arrays of trajectories must have one length");
            archive.require(n <= self.capacity_, "there must be at most " + std::to_string(self.capacity_) +
                                                     " trajectories, not " + std::to_string(n));
            self.items_.clear();
            for (std::size_t i = 0; i < n; ++i)
                self.items_.push_back(
                    {task[i], type_of(task[i]), resolved[i] != 0, confidence[i], quality[i], td_error[i]});
            self.replay_.reset(td_error);
        }
    }

private:
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
