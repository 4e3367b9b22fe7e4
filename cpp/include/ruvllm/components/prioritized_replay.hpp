// Prioritized experience replay: which stored item to learn from again.
//
// Schaul et al., "Prioritized Experience Replay", 2016, proportional variant:
//   priority p_i = (|TD error| + epsilon)^alpha,   P(i) = p_i / sum p,   weight w_i = (N P(i))^-beta / max w,
// the maximum taken over the batch; beta grows by a fixed increment with every draw, up to 1.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/components/sum_tree.hpp"
#include "ruvllm/numeric/exp_log.hpp"
#include "ruvllm/numeric/random.hpp"

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
    explicit PrioritizedReplay(const ReplayConfig& config) : config_(config), beta_(config.beta), tree_(config.capacity)
    {
        if (!(config.epsilon > 0.0))
            throw std::invalid_argument("replay epsilon must be > 0, not " + std::to_string(config.epsilon));
        if (!(config.beta >= 0.0 && config.beta <= 1.0))
            throw std::invalid_argument("replay beta must lie in [0, 1], not " + std::to_string(config.beta));
    }

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

    // Starts again with these TD errors, item i first; beta goes on.
    void reset(const std::vector<double>& td_errors)
    {
        tree_ = SumTree(config_.capacity);
        size_ = 0;
        for (const double td_error : td_errors)
            add(td_error);
    }

    // n independent draws with replacement. Throws std::logic_error when there is nothing to draw from.
    [[nodiscard]] std::vector<ReplaySample> sample(std::size_t n, numeric::RandomStream& stream)
    {
        if (size_ == 0)
            throw std::logic_error("cannot sample from an empty replay buffer");
        if (!(tree_.total() > 0.0) || std::isinf(tree_.total()))
            throw std::logic_error("priorities must have a finite sum above 0, not " + std::to_string(tree_.total()));
        std::vector<ReplaySample> samples(n);
        double largest = 0.0;
        for (ReplaySample& s : samples) {
            s.item = draw(stream);
            s.probability = probability(s.item);
            s.weight = numeric::power(static_cast<double>(size_) * s.probability, -beta_);
            largest = std::max(largest, s.weight);
            beta_ = std::min(1.0, beta_ + config_.beta_increment);
        }
        for (ReplaySample& s : samples)
            s.weight /= largest;
        return samples;
    }

private:
    [[nodiscard]] std::size_t draw(numeric::RandomStream& stream) const
    {
        double target = stream.uniform() * tree_.total();
        while (target >= tree_.total()) // the product may round up to the total
            target = stream.uniform() * tree_.total();
        return tree_.find(target);
    }

    [[nodiscard]] double priority_of(double td_error) const
    {
        if (!std::isfinite(td_error))
            throw std::invalid_argument("a TD error must be finite, not " + std::to_string(td_error));
        return numeric::power(std::abs(td_error) + config_.epsilon, config_.alpha);
    }

    [[nodiscard]] std::size_t checked(std::size_t item) const
    {
        if (item >= size_)
            throw std::out_of_range("replay item must be below " + std::to_string(size_) + ", not " +
                                    std::to_string(item));
        return item;
    }

    ReplayConfig config_;
    double beta_;
    SumTree tree_;
    std::size_t size_ = 0;
};

} // namespace ruvllm
