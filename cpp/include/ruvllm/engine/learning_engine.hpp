// The engine: one task through SONA (docs/equations.md), and what happens after each epoch.
//
// The caller decides the order of tasks, the learning rate and the temperature; what touches vectors is here.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ruvllm/components/info_nce.hpp"
#include "ruvllm/engine/config_checks.hpp"
#include "ruvllm/engine/engine_config.hpp"
#include "ruvllm/engine/learned_model.hpp"
#include "ruvllm/engine/outcome.hpp"
#include "ruvllm/engine/pattern_learning.hpp"
#include "ruvllm/engine/pattern_material.hpp"
#include "ruvllm/engine/random_signs.hpp"
#include "ruvllm/engine/replay_choice.hpp"
#include "ruvllm/engine/trajectory_buffer.hpp"
#include "ruvllm/numeric/softmax.hpp"
#include "ruvllm/tasks/centred_source.hpp"
#include "ruvllm/tasks/task.hpp"

namespace ruvllm {

class LearningEngine {
public:
    // `source` and `kernels` must outlive the engine. Throws std::invalid_argument when dimensions or types disagree.
    LearningEngine(const simd::KernelTable& kernels, const TaskSource& source, const EngineConfig& config)
        : k_(&kernels), source_(&source), c_(checked(config)), centring_(kernels, source, config.intercept),
          model_(kernels, config, source.n_candidates()), ewc_(config.ewc, model_.lora().parameter_count()),
          material_(config.lora.dim), buffer_(config.replay), quality_means_(config.contrastive.types, 0.5),
          query_(source.dim()), right_(source.dim()), g_(source.dim()), probabilities_(source.n_candidates())
    {
        if (config.accumulate)
            accumulated_.assign(model_.lora().parameter_count(), 0.0f);
        check_tasks(source, config);
    }

    // Learns and answers from now on without the means of these tasks' queries and right solutions (CentredSource). Once,
    // and first of all. Not where config().centre is off, nor for a control: it needs no answers.
    void centre(std::span<const std::uint32_t> tasks)
    {
        if (!c_.centre || c_.control != Control::none)
            return;
        centring_.measure(tasks);
        source_ = &centring_.source();
    }

    // Attempts tasks and learns from each: an answer is sampled at `temperature`, then compared with the right one.
    std::vector<Outcome> train(std::span<const std::uint32_t> tasks, float learning_rate, double temperature)
    {
        check_temperature(temperature);
        std::vector<Outcome> outcomes;
        model_.score_in_turn(*source_, tasks, [&](std::uint32_t index, const float* query) {
            const Choice choice = choose_scored(index, temperature);
            outcomes.push_back(learn_from_answer(index, query, choice.chosen, feedback(index), learning_rate));
        });
        return outcomes;
    }

    // Draws an answer as train() does. Changes nothing: the draw depends on the seed, the epoch and the task's number.
    [[nodiscard]] Choice choose(std::uint32_t index, double temperature)
    {
        check_temperature(temperature);
        score(index);
        return choose_scored(index, temperature);
    }

    // Learns from an answer, whoever gave it: candidate `chosen` was the answer and `right` is right. The confidence is
    // the probability of `chosen` at `temperature`. choose() and told() of its choice do what train() does with one task.
    // Replays ask the tasks for the right candidate again. Throws std::out_of_range, and learns nothing, for a task or a
    // candidate that is none.
    Outcome told(std::uint32_t index, std::size_t chosen, std::size_t right, float learning_rate, double temperature)
    {
        check_temperature(temperature);
        for (const std::size_t candidate : {chosen, right})
            if (candidate >= n_candidates())
                throw std::out_of_range("a candidate must be below " + std::to_string(n_candidates()) + ", not " +
                                        std::to_string(candidate));
        score(index);
        numeric::softmax(model_.logits(), temperature, probabilities_);
        return learn_from_answer(index, query_.data(), chosen, right, learning_rate);
    }

    // Answers tasks without learning: the best-ranked candidate, at temperature 1. Changes nothing.
    [[nodiscard]] std::vector<Outcome> evaluate(std::span<const std::uint32_t> tasks)
    {
        std::vector<Outcome> outcomes(tasks.size());
        model_.score_each(*source_, tasks, [&](std::size_t i) {
            numeric::softmax(model_.logits(), 1.0, probabilities_);
            outcomes[i] = answer(best_choice(), source_->right(tasks[i]));
        });
        return outcomes;
    }

    // The scores behind the answers: logits (n, n_candidates) and right candidates (n,) of tasks (n,). Changes nothing.
    void logits(std::span<const std::uint32_t> tasks, std::span<double> logits, std::span<std::uint32_t> right)
    {
        model_.score_each(*source_, tasks, [&](std::size_t i) {
            std::ranges::copy(model_.logits(), logits.begin() + static_cast<std::ptrdiff_t>(i * n_candidates()));
            right[i] = static_cast<std::uint32_t>(source_->right(tasks[i]));
        });
    }

    // Learns again from `n` trajectories chosen by the replay policy, and adds their squared gradients to the Fisher
    // batch. Returns the mean loss, 0 when there was nothing to learn from.
    double replay(std::size_t n, float learning_rate)
    {
        if (c_.control == Control::frozen || buffer_.size() == 0)
            return 0.0;
        double loss = 0.0;
        numeric::RandomStream stream(c_.seed, numeric::Purpose::replay, epoch_);
        const auto samples = choose_replay(c_, n, buffer_, model_.patterns(), pattern_members_, stream);
        model_.score_in_turn(*source_, tasks_of(samples, buffer_),
                             [&, next = samples.begin()](std::uint32_t index, const float* query) mutable {
                                 loss += replay_scored(*next++, index, query, learning_rate);
                             });
        return samples.empty() ? 0.0 : loss / static_cast<double>(samples.size());
    }

    // One pass of the block adapters over all episodes so far; returns the number of examples learned from.
    std::size_t rehearse()
    {
        if (c_.control == Control::frozen)
            return 0;
        numeric::RandomStream stream(c_.seed, numeric::Purpose::rehearsal, epoch_, rehearsals_++);
        return model_.associations().rehearse(*source_, stream, c_.control == Control::random_gradient);
    }

    // One step of this length along the gradients summed since the last one, where they are accumulated.
    void step_along_sum(float length)
    {
        if (accumulated_.empty() || c_.control == Control::frozen)
            return;
        const float norm = std::sqrt(k_->squared_norm(accumulated_.data(), accumulated_.size()));
        if (norm > 0.0f)
            model_.change_lora().step_along({nullptr, nullptr, nullptr, 1.0f / norm, c_.momentum, length,
                                             ewc_.active_lambda(), ewc_.fisher().data(), ewc_.reference().data()},
                                            accumulated_);
        std::fill(accumulated_.begin(), accumulated_.end(), 0.0f);
    }

    // Clusters the latest good trajectories and puts the clusters into the bank in place of the old ones.
    void learn_patterns()
    {
        if (!c_.use_patterns || c_.control == Control::frozen)
            return;
        const std::vector<std::size_t> chosen = choose_pattern_material(c_, buffer_);
        if (chosen.size() < c_.pattern_minimum)
            return;
        material_.resize(chosen.size());
        for (std::size_t i = 0; i < chosen.size(); ++i) {
            const Trajectory& t = buffer_[chosen[i]];
            material_.set(i, t.quality, t.type);
            source_->load_query(t.task, material_.query(i));
        }
        numeric::RandomStream stream(c_.seed, numeric::Purpose::patterns, epoch_);
        pattern_members_ = cluster_into_bank(
            *k_, material_, c_.pattern_clusters, stream, model_.change_patterns(), [&](std::size_t i, float* sum) {
                const std::uint32_t task = buffer_[chosen[i]].task;
                const float* solution = source_->candidate(task, feedback(task), right_.data());
                k_->axpy(1.0f, solution, sum, c_.lora.dim);
            });
        for (auto& members : pattern_members_)
            for (std::size_t& member : members)
                member = chosen[member];
    }

    // Closes the epoch: the Fisher batch is folded in, the epoch's random streams are used up.
    void end_epoch()
    {
        ewc_.update_fisher();
        ++epoch_;
    }

    // The present parameters become EWC's reference: a stage of the curriculum or of the stream is over.
    void consolidate()
    {
        if (c_.control != Control::frozen)
            ewc_.consolidate(parameters());
    }

    [[nodiscard]] numeric::FloatVector parameters() const
    {
        numeric::FloatVector out(model_.lora().parameter_count());
        model_.lora().copy_parameters(out);
        return out;
    }

    // z = adapted queries (n, dim) of any queries (n, dim) of a type, to be compared with solutions as centre_solution()
    // leaves them. Many at once are faster where there is an episodic memory.
    void adapt(const float* h, std::size_t n, std::size_t type, float* z)
    {
        model_.adapt(centring_.centred_queries(h, n, type).data(), n, type, z);
    }
    void centre_solution(std::size_t type, float* solution) const { centring_.centre_solution(type, solution); }

    // How near any query (dim,) is to what was learned from (EpisodicMemory::nearness()); 0 where nothing is remembered.
    [[nodiscard]] float nearness(const float* h, std::size_t type)
    {
        return associations().nearness(centring_.centred_queries(h, 1, type).data(), type);
    }

    // out (m,) = the crowding of (centred) solutions (m, dim) among a type's past queries (components/crowding.hpp).
    void crowding(std::size_t neighbours, const components::Rows& solutions, std::size_t type, float* out)
    {
        model_.crowding(neighbours, solutions, type, out);
    }

    [[nodiscard]] const EngineConfig& config() const noexcept { return c_; }
    [[nodiscard]] const TaskSource& source() const noexcept { return *source_; }
    [[nodiscard]] std::size_t n_candidates() const noexcept { return source_->n_candidates(); }
    [[nodiscard]] const MultiHeadLoRA& lora() const noexcept { return model_.lora(); }
    [[nodiscard]] const ElasticWeightConsolidation& ewc() const noexcept { return ewc_; }
    [[nodiscard]] const PatternBank& patterns() const noexcept { return model_.patterns(); }
    [[nodiscard]] const ContrastiveMemory& memory() const noexcept { return model_.memory(); }
    [[nodiscard]] const Associations& associations() const noexcept { return model_.associations(); }
    [[nodiscard]] const TrajectoryBuffer& trajectories() const noexcept { return buffer_; }

    // An engine of the same configuration and tasks that has learned nothing yet.
    [[nodiscard]] LearningEngine untrained() const { return {*k_, centring_.given(), c_}; }

    // All that the next steps depend on. An engine that reads must have learned nothing yet.
    template <class Self, class Archive>
    static void archive(Self& self, Archive& archive)
    {
        archive.fixed("accumulated", self.accumulated_);
        archive.fixed("qualityMeans", self.quality_means_);
        archive.number("epoch", self.epoch_);
        archive.number("steps", self.steps_);
        if (self.associations().on())
            archive.number("associations.rehearsals", self.rehearsals_);
        if (self.c_.centre)
            Centring::archive(self.centring_, archive);
        if constexpr (Archive::reading)
            self.source_ = &self.centring_.source();
        ElasticWeightConsolidation::archive(self.ewc_, archive);
        TrajectoryBuffer::archive(self.buffer_, archive, [&](std::uint32_t task) { return self.source_->type(task); });
        LearnedModel::archive(self.model_, archive, *self.source_);
        archive_members(self.pattern_members_, archive, self.patterns().size(), self.buffer_.size());
    }

private:
    [[nodiscard]] Outcome answer(std::size_t chosen, std::size_t right) const
    {
        return {static_cast<std::uint32_t>(chosen), chosen == right, probabilities_[chosen], 0.0};
    }

    [[nodiscard]] std::size_t best_choice() const
    {
        return static_cast<std::size_t>(std::ranges::max_element(model_.logits()) - model_.logits().begin());
    }

    // What the learner is told is right: the truth, or for the shuffled control a candidate fixed at random per task.
    [[nodiscard]] std::size_t feedback(std::uint32_t index) const
    {
        if (c_.control != Control::shuffled)
            return source_->right(index);
        numeric::RandomStream stream(c_.seed, numeric::Purpose::control, 0, index);
        return static_cast<std::size_t>(stream.below(n_candidates()));
    }

    void score(std::uint32_t index)
    {
        source_->load_query(index, query_.data());
        model_.score(*source_, index, query_.data());
    }

    // Of the task scored last.
    [[nodiscard]] Choice choose_scored(std::uint32_t index, double temperature)
    {
        numeric::softmax(model_.logits(), temperature, probabilities_);
        numeric::RandomStream stream(c_.seed, numeric::Purpose::task_choice, epoch_, index);
        return draw(probabilities_, stream.uniform());
    }

    // Of the task scored last and its query h (dim,).
    Outcome learn_from_answer(std::uint32_t index, const float* h, std::size_t chosen, std::size_t right, float rate)
    {
        Outcome outcome = answer(chosen, right);
        Trajectory trajectory = trajectory_of(index, outcome);
        if (c_.control != Control::frozen) {
            if (learns_from(c_, outcome.resolved, outcome.confidence)) {
                if (model_.associations().on())
                    model_.associations().remember({index, static_cast<std::uint32_t>(right)}, source_->type(index),
                                                   h, source_->candidate(index, right, right_.data()));
                outcome.loss = learn(index, h, right, 1.0f, rate, false);
            }
            if (c_.use_contrastive)
                remember(index, outcome, right);
        }
        double& mean = quality_means_[trajectory.type];
        mean += c_.quality_memory * (trajectory.quality - mean);
        if (buffer_.add(trajectory))
            pattern_members_.clear(); // their positions mean other trajectories now
        return outcome;
    }

    [[nodiscard]] Trajectory trajectory_of(std::uint32_t index, const Outcome& outcome) const
    {
        const double quality = outcome.confidence * (outcome.resolved ? 1.0 : c_.failure_quality);
        const std::uint8_t type = source_->type(index);
        return {index, type, outcome.resolved, outcome.confidence, quality, quality - quality_means_[type]};
    }

    void remember(std::uint32_t index, const Outcome& outcome, std::size_t right)
    {
        const std::uint8_t type = source_->type(index);
        const auto origin = [&](std::size_t j) { return index * std::uint64_t{n_candidates()} + j; };
        if (outcome.resolved || c_.learn_from == LearnFrom::everything)
            model_.memory().add_positive(source_->candidate(index, right, right_.data()),
                                         source_->sketch(index, right), type, origin(right));
        if (!outcome.resolved)
            model_.memory().add_negative(source_->candidate(index, outcome.chosen, right_.data()),
                                         source_->sketch(index, outcome.chosen), type, origin(outcome.chosen));
    }

    // One step on the task that the model has just scored, whose query is h (dim,). Returns the loss.
    double learn(std::uint32_t index, const float* h, std::size_t right, float weight, float learning_rate,
                 bool into_fisher)
    {
        const std::uint8_t type = source_->type(index);
        const float* const g = g_.data();
        const std::uint64_t step = steps_++;
        const double loss = info_nce(
            *k_,
            {model_.z(), c_.lora.dim, nullptr, n_candidates(), right, memory_negatives(index, right, step), c_.tau},
            model_.squared_norm(), [&](float* out) { model_.dot_candidates(*source_, index, out); },
            [&](const float* c, float* out) { source_->sum_candidates(index, c, out); }, g_);
        if (!adapts(c_.lora_types, type))
            return loss;
        const FactoredGradient gradient = model_.gradient(g, type);
        const float norm = model_.lora().gradient_norm(gradient, h, g);
        const float clip = norm > c_.gradient_clip ? c_.gradient_clip / norm : 1.0f;
        if (c_.control == Control::random_gradient)
            h = randomised_factors(index, h, step);
        if (into_fisher) {
            model_.lora().add_squared_gradient(type, gradient, h, g, ewc_.squares());
            ewc_.example_added();
        }
        if (c_.accumulate)
            model_.lora().add_gradient(type, gradient, h, g, weight * clip, accumulated_);
        else
            model_.change_lora().step(type, {&gradient, h, g, weight * clip, c_.momentum, learning_rate,
                                             ewc_.active_lambda(), ewc_.fisher().data(), ewc_.reference().data()});
        return loss;
    }

    [[nodiscard]] std::vector<const float*> memory_negatives(std::uint32_t index, std::size_t right, std::uint64_t step)
    {
        if (!c_.use_contrastive)
            return {};
        numeric::RandomStream stream(c_.seed, numeric::Purpose::memory_negatives, step);
        return model_.memory().sample_negatives(source_->type(index), stream, source_->sketch(index, right),
                                                [&] { return source_->candidate(index, right, right_.data()); });
    }

    // Random h and g of the same lengths: every row of the gradient keeps its norm. Returns h; g is g_.
    [[nodiscard]] const float* randomised_factors(std::uint32_t index, const float* h, std::uint64_t step)
    {
        std::copy_n(h, c_.lora.dim, right_.data());
        numeric::RandomStream stream(c_.seed, numeric::Purpose::control, 1 + step, index);
        for (numeric::FloatVector* factor : {&right_, &g_})
            randomise_rows(*k_, c_.lora.dim, stream, *factor);
        return right_.data();
    }

    double replay_scored(const ReplaySample& sample, std::uint32_t index, const float* query, float learning_rate)
    {
        numeric::softmax(model_.logits(), 1.0, probabilities_);
        const std::size_t right = feedback(index);
        const Outcome outcome = answer(best_choice(), right);
        buffer_.update(sample.item, trajectory_of(index, outcome));
        if (!learns_from(c_, outcome.resolved, outcome.confidence))
            return 0.0;
        return learn(index, query, right, static_cast<float>(sample.weight), learning_rate, true);
    }

    const simd::KernelTable* k_;
    const TaskSource* source_; // what is learned from
    EngineConfig c_;
    Centring centring_;
    LearnedModel model_;
    ElasticWeightConsolidation ewc_;
    PatternMaterial material_;
    TrajectoryBuffer buffer_;
    std::vector<double> quality_means_; // of each type
    PatternMembers pattern_members_;
    std::uint64_t epoch_ = 0, steps_ = 0, rehearsals_ = 0;
    numeric::FloatVector accumulated_; // gradients summed since the last step; empty where each is a step of its own
    numeric::FloatVector query_, right_, g_; // of the task at hand: its query, a candidate, the loss's gradient at z
    std::vector<double> probabilities_;
};

} // namespace ruvllm
