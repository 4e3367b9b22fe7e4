// Diagonal Fisher information of the adapter's parameters, and the EWC++ penalty around a reference.
//
// Empirical Fisher: per-example squared gradients of the loss, averaged over a batch, then
//   EMA:          F = decay F + (1 - decay) mean g^2          (Schwarz et al. 2018, online EWC; Chaudhry 2018, EWC++)
//   running sum:  F = F + mean g^2                            (Kirkpatrick et al. 2017, tasks summed)
// Penalty: lambda / 2 * sum_i F_i (theta_i - reference_i)^2, so its gradient is lambda F (theta - reference).
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>

#include "ruvllm/numeric/aligned_vector.hpp"

namespace ruvllm {

struct EwcConfig {
    float lambda = 400.0f;
    float decay = 0.92f;      // of the EMA, in (0, 1); ignored when running_sum
    bool running_sum = false;
};

class ElasticWeightConsolidation {
public:
    ElasticWeightConsolidation(const EwcConfig& config, std::size_t parameters)
        : config_(config), fisher_(parameters, 0.0f), reference_(parameters, 0.0f), squares_(parameters, 0.0f)
    {
        if (!config.running_sum && !(config.decay > 0.0f && config.decay < 1.0f))
            throw std::invalid_argument("Fisher decay must lie in (0, 1), not " + std::to_string(config.decay));
        if (!(config.lambda >= 0.0f))
            throw std::invalid_argument("EWC lambda must be >= 0, not " + std::to_string(config.lambda));
    }

    // Where the squared gradients of the current batch are summed; call example_added() for each.
    [[nodiscard]] std::span<float> squares() noexcept { return squares_; }
    void example_added() noexcept { ++examples_; }

    // Folds the batch's mean into F and starts a new batch; nothing happens for an empty one.
    void update_fisher()
    {
        if (examples_ == 0)
            return;
        const float keep = config_.running_sum ? 1.0f : config_.decay;
        const float take = (config_.running_sum ? 1.0f : 1.0f - config_.decay) / static_cast<float>(examples_);
        for (std::size_t i = 0; i < fisher_.size(); ++i) {
            fisher_[i] = keep * fisher_[i] + take * squares_[i];
            squares_[i] = 0.0f;
        }
        examples_ = 0;
    }

    // The current parameters become the reference: a task (a stage of the curriculum) is over.
    void consolidate(std::span<const float> parameters)
    {
        if (parameters.size() != reference_.size())
            throw std::invalid_argument("consolidate needs " + std::to_string(reference_.size()) +
                                        " parameters, not " + std::to_string(parameters.size()));
        reference_.assign(parameters.begin(), parameters.end());
        ++task_count_;
    }

    // 0 until the first consolidation: there is nothing yet to stay close to.
    [[nodiscard]] float active_lambda() const noexcept { return task_count_ > 0 ? config_.lambda : 0.0f; }

    [[nodiscard]] double penalty(std::span<const float> parameters) const
    {
        double sum = 0.0;
        for (std::size_t i = 0; i < fisher_.size(); ++i) {
            const double distance = static_cast<double>(parameters[i]) - static_cast<double>(reference_[i]);
            sum += static_cast<double>(fisher_[i]) * distance * distance;
        }
        return 0.5 * static_cast<double>(active_lambda()) * sum;
    }

    [[nodiscard]] const EwcConfig& config() const noexcept { return config_; }
    [[nodiscard]] std::span<const float> fisher() const noexcept { return fisher_; }
    [[nodiscard]] std::span<const float> reference() const noexcept { return reference_; }
    [[nodiscard]] std::size_t task_count() const noexcept { return task_count_; }

    // The Fisher information, the reference and the batch that is still open.
    template <class Self, class Archive>
    static void archive(Self& self, Archive& archive)
    {
        archive.fixed("ewc.fisher", self.fisher_);
        archive.fixed("ewc.reference", self.reference_);
        archive.number("ewc.taskCount", self.task_count_);
        archive.number("ewc.batch.examples", self.examples_);
        if (self.examples_ > 0) // zeros between two batches
            archive.fixed("ewc.batch.squares", self.squares_);
        if constexpr (Archive::reading)
            for (const auto* sums : {&self.fisher_, &self.squares_})
                archive.require(std::all_of(sums->begin(), sums->end(), [](float x) { return x >= 0.0f; }),
                                "ewc.fisher and ewc.batch.squares must be >= 0");
    }

private:
    EwcConfig config_;
    numeric::FloatVector fisher_, reference_, squares_;
    std::size_t examples_ = 0, task_count_ = 0;
};

} // namespace ruvllm
