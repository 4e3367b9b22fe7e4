// What is learned - the adapter, the patterns, the memory of past solutions - and how it scores a task's candidates:
//   logit_j = cos(z, s_j) / tau + evidence_j + boost_j      (design, section 6)
// with z the adapted query. Each of the three may be switched off in EngineConfig.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ruvllm/components/contrastive_memory.hpp"
#include "ruvllm/components/multi_head_lora.hpp"
#include "ruvllm/components/pattern_bank.hpp"
#include "ruvllm/engine/engine_config.hpp"
#include "ruvllm/engine/task.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"

namespace ruvllm {

class LearnedModel {
public:
    LearnedModel(const simd::KernelTable& kernels, const EngineConfig& config, std::size_t n_candidates)
        : k_(&kernels), dim_(config.lora.dim), tau_(config.tau), use_patterns_(config.use_patterns),
          use_contrastive_(config.use_contrastive), lora_(kernels, config.lora, config.seed),
          patterns_(kernels, config.patterns, dim_), memory_(kernels, config.contrastive, dim_),
          logits_(n_candidates), u_(config.lora.rank), z_and_direction_(2 * dim_), queries_(together * dim_),
          candidate_(dim_), projections_(together * config.lora.rank),
          to_patterns_(together * config.patterns.capacity)
    {
    }

    [[nodiscard]] MultiHeadLoRA& lora() noexcept { return lora_; }
    [[nodiscard]] const MultiHeadLoRA& lora() const noexcept { return lora_; }
    [[nodiscard]] PatternBank& patterns() noexcept { return patterns_; }
    [[nodiscard]] const PatternBank& patterns() const noexcept { return patterns_; }
    [[nodiscard]] ContrastiveMemory& memory() noexcept { return memory_; }
    [[nodiscard]] const ContrastiveMemory& memory() const noexcept { return memory_; }

    // Of the task scored last: logits (n_candidates,), projections A . h (rank,) and the adapted query (dim,). After
    // score_each() only the logits are meant.
    [[nodiscard]] const std::vector<double>& logits() const noexcept { return logits_; }
    [[nodiscard]] std::span<const float> u() const noexcept { return u_; }
    [[nodiscard]] const float* z() const noexcept { return z_and_direction_.data(); }

    // z = adapted query (dim,) of any query h (dim,).
    void adapt(const float* h, std::size_t type, float* z) { lora_.forward(h, type, u_, z); }

    void score(const Task& task)
    {
        const std::span<float> to_patterns(to_patterns_.data(), patterns_.size());
        lora_.project(task.query.data(), 1, task.type, u_);
        if (use_patterns_)
            patterns_.compare(task.query.data(), 1, to_patterns);
        score_query(task.query.data(), task.type, u_, to_patterns);
        for (std::size_t j = 0; j < logits_.size(); ++j)
            score_candidate(j, task.type, task.candidates.data() + j * dim_);
    }

    // use(i) when logits() are those of tasks[i], in any order of i. Queries of one type are taken several at once, so
    // that the adapters and patterns, which are larger than the fastest caches, are read once for all of them; a
    // candidate is used up while it is in them. The logits have the bits that score() gives.
    template <class Use>
    void score_each(const TaskSource& source, std::span<const std::uint32_t> tasks, Use use)
    {
        const std::size_t heads = lora_.config().heads;
        std::vector<std::vector<std::size_t>> waiting(heads > 0 ? heads : 1); // positions, by head
        const auto finish = [&](std::vector<std::size_t>& positions) {
            score_together(source, tasks, positions, use);
            positions.clear();
        };
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            auto& positions = waiting[heads > 0 ? source.type(tasks[i]) : 0];
            positions.push_back(i);
            if (positions.size() == together)
                finish(positions);
        }
        for (auto& positions : waiting)
            if (!positions.empty())
                finish(positions);
    }

private:
    static constexpr std::size_t together = 8; // queries scored at once

    template <class Use>
    void score_together(const TaskSource& source, std::span<const std::uint32_t> tasks,
                        std::span<const std::size_t> positions, Use use)
    {
        const std::size_t n = positions.size(), rank = u_.size(), n_patterns = patterns_.size();
        for (std::size_t q = 0; q < n; ++q)
            source.load_query(tasks[positions[q]], queries_.data() + q * dim_);
        const std::span<float> us(projections_.data(), n * rank), to_patterns(to_patterns_.data(), n * n_patterns);
        lora_.project(queries_.data(), n, source.type(tasks[positions[0]]), us);
        if (use_patterns_)
            patterns_.compare(queries_.data(), n, to_patterns);
        for (std::size_t q = 0; q < n; ++q) {
            const std::uint32_t index = tasks[positions[q]];
            const std::uint8_t type = source.type(index);
            score_query(queries_.data() + q * dim_, type, us.subspan(q * rank, rank),
                        to_patterns.subspan(q * n_patterns, n_patterns));
            for (std::size_t j = 0; j < logits_.size(); ++j)
                score_candidate(j, type, source.candidate(index, j, candidate_.data()));
            use(positions[q]);
        }
    }

    // The adapted query and what else the candidates' scores are made of, from a query's projections u (rank,) and its
    // cosines with the patterns.
    void score_query(const float* query, std::uint8_t type, std::span<const float> u,
                     std::span<const float> to_patterns)
    {
        float* const z = z_and_direction_.data();
        lora_.adapt(query, u, type, z);
        const float norm = std::sqrt(k_->squared_norm(z, dim_));
        scale_ = norm > 0.0f ? 1.0 / (static_cast<double>(norm) * tau_) : 0.0;
        patterns_speak_ = use_patterns_ && patterns_.evidence_direction(to_patterns, type, z + dim_) > 0;
    }

    void score_candidate(std::size_t j, std::uint8_t type, const float* candidate)
    {
        float dots[2]; // with z and with the patterns' direction, which lie one after the other
        k_->gemv(z(), patterns_speak_ ? 2 : 1, dim_, candidate, dim_, dots);
        logits_[j] = static_cast<double>(dots[0]) * scale_;
        if (patterns_speak_)
            logits_[j] += patterns_.strength() * static_cast<double>(dots[1]);
        if (use_contrastive_)
            logits_[j] += memory_.boost(type, candidate);
    }

    const simd::KernelTable* k_;
    std::size_t dim_;
    double tau_;
    bool use_patterns_, use_contrastive_;
    MultiHeadLoRA lora_;
    PatternBank patterns_;
    ContrastiveMemory memory_;

    std::vector<double> logits_;
    double scale_ = 0.0; // 1 / (|z| tau)
    bool patterns_speak_ = false;
    std::vector<float> u_;
    numeric::FloatVector z_and_direction_, queries_, candidate_; // (2, dim), (together, dim), (dim,)
    std::vector<float> projections_, to_patterns_;               // (together, rank), (together, patterns)
};

} // namespace ruvllm
