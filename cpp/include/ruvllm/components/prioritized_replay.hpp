// Prioritized experience replay: which stored item to learn from again.
//
// Schaul et al., "Prioritized Experience Replay", 2016, proportional variant:
//   priority p_i = (|TD error| + epsilon)^alpha,   P(i) = p_i / sum p,   weight w_i = (N P(i))^-beta / max w,
// the maximum taken over the batch; beta grows by a fixed increment with every draw, up to 1.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ruvllm/components/sum_tree.hpp"
#include "ruvllm/numeric/exp_log.hpp"
#include "ruvllm/numeric/random.hpp"
#include "ruvllm/simd/dispatch.hpp"

namespace ruvllm {

struct ReplayConfig {
    std::size_t capacity = 10'000;
    double alpha = 0.6;            // priority exponent
    double beta = 0.4;             // importance-sampling exponent at the start
    double beta_increment = 0.001; // per draw
    double epsilon = 0.01;         // smallest |TD error| that counts
};

struct ReplaySample {
    std::size_t item;
    double probability; // P(i)
    double weight;      // importance weight in (0, 1]
};

class PrioritizedReplay {
public:
    // `kernels` must outlive the buffer; all give the same bits.
    explicit PrioritizedReplay(const ReplayConfig& config,
                               const simd::KernelTable& kernels = simd::default_kernels())
        : kernels_(&kernels), config_(config), beta_(config.beta), tree_(config.capacity)
    {
        if (!(config.epsilon > 0.0))
            throw std::invalid_argument("replay epsilon must be > 0, not " + std::to_string(config.epsilon));
        if (!(config.beta >= 0.0 && config.beta <= 1.0))
            throw std::invalid_argument("replay beta must lie in [0, 1], not " + std::to_string(config.beta));
    }

    [[nodiscard]] const ReplayConfig& config() const noexcept { return config_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] double beta() const noexcept { return beta_; }
    [[nodiscard]] double priority(std::size_t item) const { return tree_.get(checked(item)); }
    [[nodiscard]] double probability(std::size_t item) const { return priority(item) / tree_.total(); }

    // Adds the next item and returns its number. Throws std::length_error when full: what to drop is for the owner.
    std::size_t add(double td_error)
    {
        if (size_ == config_.capacity)
            throw std::length_error("the replay buffer is full: capacity " + std::to_string(config_.capacity));
        tree_.set(size_, priority_of(td_error));
        return size_++;
    }

    void update_priority(std::size_t item, double td_error) { tree_.set(checked(item), priority_of(td_error)); }

    // update_priority() of each item in turn, with the same bits. Nothing is updated when one of them is refused.
    void update_priorities(std::span<const std::int64_t> items, std::span<const double> td_errors)
    {
        if (items.size() != td_errors.size())
            throw std::invalid_argument("as many TD errors as items are needed: " + std::to_string(items.size()) +
                                        ", not " + std::to_string(td_errors.size()));
        powers_.resize(items.size());
        // Without a branch, so that compilers vectorize it; which one is wrong matters only if there is one.
        std::uint64_t outside = 0; // the top bit of item is set where item < 0, of size - 1 - item where item >= size
        for (const std::int64_t item : items)
            outside |= static_cast<std::uint64_t>(item) | (size_ - 1 - static_cast<std::uint64_t>(item));
        std::size_t usual = 0;
        for (std::size_t i = 0; i < items.size(); ++i) {
            const double base = std::abs(td_errors[i]) + config_.epsilon;
            powers_[i] = base;
            usual += static_cast<std::size_t>(in_range_of_kernel(base));
        }
        if (outside >> 63 == 0 && usual == items.size() && std::abs(config_.alpha) <= 1.0) {
            kernels_->powers(powers_.data(), config_.alpha, items.size(), powers_.data());
            return tree_.set_many_unchecked(items, powers_);
        }
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (items[i] < 0)
                throw std::out_of_range("a replay item must be >= 0, not " + std::to_string(items[i]));
            checked(static_cast<std::size_t>(items[i]));
            powers_[i] = priority_of(td_errors[i]);
        }
        tree_.set_many(items, powers_);
    }

    // Starts again with these TD errors, item i first; beta goes on.
    // Throws std::length_error, and changes nothing, for more than the capacity.
    void reset(const std::vector<double>& td_errors)
    {
        PrioritizedReplay fresh(config_, *kernels_);
        for (const double td_error : td_errors)
            fresh.add(td_error);
        tree_ = std::move(fresh.tree_);
        size_ = fresh.size_;
    }

    // n independent draws with replacement. Throws std::logic_error when there is nothing to draw from.
    [[nodiscard]] std::vector<ReplaySample> sample(std::size_t n, numeric::RandomStream& stream)
    {
        if (size_ == 0)
            throw std::logic_error("cannot sample from an empty replay buffer");
        if (!(tree_.total() > 0.0) || std::isinf(tree_.total()))
            throw std::logic_error("priorities must have a finite sum above 0, not " + std::to_string(tree_.total()));
        std::vector<double> targets(n);
        for (double& target : targets)
            target = draw(stream);
        std::vector<std::size_t> items(n);
        tree_.find_many(targets, items);
        std::vector<ReplaySample> samples(n);
        powers_.resize(n);
        for (std::size_t i = 0; i < n; ++i) {
            samples[i].item = items[i];
            samples[i].probability = probability(items[i]);
            powers_[i] = static_cast<double>(size_) * samples[i].probability;
        }
        raise_to_minus_beta();
        double largest = 0.0;
        for (const double weight : powers_)
            largest = std::max(largest, weight);
        for (std::size_t i = 0; i < n; ++i)
            samples[i].weight = powers_[i] / largest;
        return samples;
    }

    // The present beta. The priorities follow from the TD errors, which the owner keeps: see reset().
    template <class Self, class Archive>
    static void archive(Self& self, Archive& archive)
    {
        archive.number("replay.beta", self.beta_);
        if constexpr (Archive::reading)
            archive.require(self.beta_ >= 0.0 && self.beta_ <= 1.0,
                            "replay.beta must lie in [0, 1], not " + std::to_string(self.beta_));
    }

    // The same with the priorities, for a buffer whose owner keeps no TD errors. A buffer that reads must be empty.
    template <class Self, class Archive>
    static void archive_whole(Self& self, Archive& archive)
    {
        PrioritizedReplay::archive(self, archive);
        std::vector<double> priorities;
        for (std::size_t i = 0; i < self.size_; ++i)
            priorities.push_back(self.priority(i));
        archive.list("replay.priorities", priorities);
        if constexpr (Archive::reading) {
            archive.require(priorities.size() <= self.config_.capacity, "replay.priorities must fit the capacity");
            for (const double priority : priorities) {
                archive.require(priority > 0.0 && priority <= 1e200, "replay.priorities must lie in (0, 1e200]");
                self.tree_.set(self.size_++, priority);
            }
        }
    }

private:
    // Where kernels_->powers() has the bits of power(), for exponents from -1 to 1.
    static bool in_range_of_kernel(double x) { return (x >= 1e-300) & (x <= 1e300); }

    // Each at the beta of its draw. After the first draws of a run beta is 1 for good: then all at once.
    void raise_to_minus_beta()
    {
        if (beta_ == 1.0 && std::ranges::all_of(powers_, in_range_of_kernel))
            return kernels_->powers(powers_.data(), -1.0, powers_.size(), powers_.data());
        for (double& x : powers_) {
            x = numeric::power(x, -beta_);
            beta_ = std::min(1.0, beta_ + config_.beta_increment);
        }
    }

    // Uniform in [0, total).
    [[nodiscard]] double draw(numeric::RandomStream& stream) const
    {
        double target = stream.uniform() * tree_.total();
        while (target >= tree_.total()) // the product may round up to the total
            target = stream.uniform() * tree_.total();
        return target;
    }

    [[nodiscard]] double priority_of(double td_error) const
    {
        return numeric::power(base_of(td_error), config_.alpha);
    }

    // What the priority is a power of.
    [[nodiscard]] double base_of(double td_error) const
    {
        if (!std::isfinite(td_error))
            throw std::invalid_argument("a TD error must be finite, not " + std::to_string(td_error));
        return std::abs(td_error) + config_.epsilon;
    }

    std::size_t checked(std::size_t item) const
    {
        if (item >= size_)
            throw std::out_of_range("replay item must be below " + std::to_string(size_) + ", not " +
                                    std::to_string(item));
        return item;
    }

    const simd::KernelTable* kernels_;
    ReplayConfig config_;
    double beta_;
    SumTree tree_;
    std::size_t size_ = 0;
    std::vector<double> powers_; // of a batch, kept from call to call
};

} // namespace ruvllm
