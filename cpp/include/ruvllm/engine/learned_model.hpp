// What is learned - the adapter, the patterns, the memory of past solutions - and how it scores a task's candidates:
//   logit_j = cos(z, s_j) / tau + evidence_j + boost_j      (docs/equations.md)
// with z the adapted query. Each of the three may be switched off in EngineConfig.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ruvllm/components/combined_adapter.hpp"
#include "ruvllm/components/contrastive_memory.hpp"
#include "ruvllm/components/crowding.hpp"
#include "ruvllm/components/multi_head_lora.hpp"
#include "ruvllm/components/pattern_bank.hpp"
#include "ruvllm/components/pattern_screen.hpp"
#include "ruvllm/engine/engine_config.hpp"
#include "ruvllm/tasks/task.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"

namespace ruvllm {

class LearnedModel {
public:
    LearnedModel(const simd::KernelTable& kernels, const EngineConfig& config, std::size_t n_candidates)
        : k_(&kernels), dim_(config.lora.dim), lora_types_(config.lora_types), tau_(config.tau),
          use_patterns_(config.use_patterns),
          use_contrastive_(config.use_contrastive), lora_(kernels, config.lora, config.seed),
          combined_(kernels, config.lora), associations_(kernels, config.associations, dim_, config.tau),
          patterns_(kernels, config.patterns, dim_), screen_(kernels, dim_),
          memory_(kernels, config.contrastive, dim_), logits_(n_candidates), dots_(n_candidates),
          u_(config.lora.rank), z_(dim_), directed_(dim_), candidate_(dim_), queries_(together * dim_),
          projections_(together * config.lora.rank), to_patterns_(together * config.patterns.capacity)
    {
    }

    [[nodiscard]] const MultiHeadLoRA& lora() const noexcept { return lora_; }
    // The adapters, to be changed: what was combined of them is forgotten.
    [[nodiscard]] MultiHeadLoRA& change_lora() noexcept
    {
        combined_.forget();
        return lora_;
    }
    // The patterns, to be changed: what was measured of them is forgotten.
    [[nodiscard]] PatternBank& change_patterns() noexcept
    {
        screen_.forget();
        return patterns_;
    }
    [[nodiscard]] const PatternBank& patterns() const noexcept { return patterns_; }
    [[nodiscard]] ContrastiveMemory& memory() noexcept { return memory_; }
    [[nodiscard]] const ContrastiveMemory& memory() const noexcept { return memory_; }

    [[nodiscard]] Associations& associations() noexcept { return associations_; }
    [[nodiscard]] const Associations& associations() const noexcept { return associations_; }

    // Of the task scored last: logits (n_candidates,) and the adapted query (dim,). After score_each() only the logits
    // are meant.
    [[nodiscard]] const std::vector<double>& logits() const noexcept { return logits_; }
    [[nodiscard]] const float* z() const noexcept { return z_.data(); }
    [[nodiscard]] float squared_norm() const noexcept { return squared_norm_; } // of z

    // out (n_candidates,) = s_j . z of the task scored last, without what patterns and memory say.
    void dot_candidates(const TaskSource& source, std::size_t index, float* out) const
    {
        if (patterns_spoke_)
            source.dot_candidates(index, z_.data(), out);
        else
            std::ranges::copy(dots_, out);
    }

    // z = adapted queries (n, dim) of any queries h (n, dim) of a type.
    void adapt(const float* h, std::size_t n, std::size_t type, float* z)
    {
        const EpisodicMemory* const memory = associations_.memory(type);
        const Recollections recalled = recall(memory, h, n);
        for (std::size_t i = 0; i < n; ++i) {
            (void)forward(h + i * dim_, type, z + i * dim_);
            associations_.add_adapted(h + i * dim_, type, z + i * dim_);
            if (memory != nullptr)
                memory->add_recalled(recalled[i], z + i * dim_);
        }
    }

    // out (candidates.rows,) = the crowding of candidates among the queries of a type's episodic memory, as the adapters
    // make them now.
    void crowding(std::size_t neighbours, const components::Rows& candidates, std::size_t type, float* out)
    {
        const EpisodicMemory* const memory = associations_.memory(type);
        const std::size_t n = memory == nullptr ? 0 : memory->size();
        numeric::FloatVector queries(n * dim_);
        for (std::size_t i = 0; i < n; ++i) {
            float* const z = queries.data() + i * dim_;
            (void)forward(memory->query(i), type, z);
            associations_.add_adapted(memory->query(i), type, z);
        }
        ruvllm::crowding(*k_, neighbours, candidates, {queries.data(), n, dim_}, out);
    }

    // Of a loss with this gradient g (dim,) at the adapted query of the task scored last.
    [[nodiscard]] FactoredGradient gradient(const float* g, std::size_t type) const
    {
        return lora_.gradient(u_, g, type);
    }

    // One task between two learning steps, without what the episodic memory says, which holds the answers of tasks that
    // come again. query: (dim,), that of task `index`.
    void score(const TaskSource& source, std::size_t index, const float* query)
    {
        const std::span<float> to_patterns(to_patterns_.data(), patterns_.size());
        if (use_patterns_)
            patterns_.compare(query, 1, to_patterns);
        score_compared(source, index, query, to_patterns);
    }

    // Scores tasks in turn as score() does, with the same bits: use(index, query) when logits() are those of the task,
    // whose query (dim,) is given, and may learn from it, but change no pattern. Patterns are read once for several
    // queries.
    template <class Use>
    void score_in_turn(const TaskSource& source, std::span<const std::uint32_t> tasks, Use use)
    {
        for (; !tasks.empty(); tasks = tasks.subspan(std::min(together, tasks.size()))) {
            const auto group = tasks.first(std::min(together, tasks.size()));
            const std::size_t n_patterns = patterns_.size();
            load_queries(source, group);
            if (use_patterns_)
                screen_.compare(patterns_, queries_.data(), group, source.size(),
                                {to_patterns_.data(), group.size() * n_patterns});
            for (std::size_t q = 0; q < group.size(); ++q) {
                const float* const query = queries_.data() + q * dim_;
                score_compared(source, group[q], query, {to_patterns_.data() + q * n_patterns, n_patterns});
                use(group[q], query);
            }
        }
    }

    // use(i) when logits() are those of tasks[i], in any order of i. Queries of one type are taken several at once, so
    // that adapters and patterns, which are larger than the fastest caches, are read once for all of them; shared
    // adapter and head are added first, so that their products with the queries may differ from score()'s in the last
    // bits.
    template <class Use>
    void score_each(const TaskSource& source, std::span<const std::uint32_t> tasks, Use use)
    {
        const bool by_type = lora_.config().heads > 0 || associations_.on();
        std::vector<std::vector<std::size_t>> waiting(by_type ? 256 : 1); // positions
        const auto finish = [&](std::vector<std::size_t>& positions) {
            score_together(source, tasks, positions, use);
            positions.clear();
        };
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            auto& positions = waiting[by_type ? source.type(tasks[i]) : 0];
            positions.push_back(i);
            if (positions.size() == together)
                finish(positions);
        }
        for (auto& positions : waiting)
            if (!positions.empty())
                finish(positions);
    }

    // Adapters, patterns, memory and associations. A model that reads must have learned nothing yet.
    template <class Self, class Archive>
    static void archive(Self& self, Archive& archive, const TaskSource& source)
    {
        if constexpr (Archive::reading) {
            self.combined_.forget();
            self.screen_.forget();
        }
        MultiHeadLoRA::archive(self.lora_, archive);
        PatternBank::archive(self.patterns_, archive);
        ContrastiveMemory::archive(self.memory_, archive, [&](std::uint64_t origin, float* solution) {
            const std::size_t task = origin / source.n_candidates(), j = origin % source.n_candidates();
            source.load_candidate(task, j, solution);
            return source.sketch(task, j);
        });
        if (self.associations_.on())
            Associations::archive(self.associations_, archive, source);
    }

private:
    static constexpr std::size_t together = 8; // queries scored at once

    using Recollections = std::vector<EpisodicMemory::Recalled>;

    static Recollections recall(const EpisodicMemory* memory, const float* h, std::size_t n)
    {
        return memory == nullptr ? Recollections(n) : memory->recall(h, n);
    }

    // Each while the next one is on its way from memory.
    void load_queries(const TaskSource& source, std::span<const std::uint32_t> group)
    {
        for (std::size_t q = 0; q < group.size(); ++q) {
            if (q + 1 < group.size())
                source.prefetch_query(group[q + 1]);
            source.load_query(group[q], queries_.data() + q * dim_);
        }
    }

    void score_compared(const TaskSource& source, std::size_t index, const float* query,
                        std::span<const float> to_patterns)
    {
        const std::uint8_t type = source.type(index);
        source.prefetch_candidates(index);
        squared_norm_ = forward(query, type, z_.data());
        associate(query, type, nullptr, {});
        score_candidates(source, index, to_patterns);
    }

    // z (dim,) = h (dim,) through the adapter, if it is for this type. Returns the squared norm of z.
    float forward(const float* h, std::size_t type, float* z)
    {
        return adapts(lora_types_, type) ? lora_.forward(h, type, u_, z) : unadapted(h, z);
    }
    float unadapted(const float* h, float* z) const
    {
        std::copy_n(h, dim_, z);
        return k_->squared_norm(h, dim_);
    }

    template <class Use>
    void score_together(const TaskSource& source, std::span<const std::uint32_t> tasks,
                        std::span<const std::size_t> positions, Use use)
    {
        const std::size_t n = positions.size(), rank = u_.size(), n_patterns = patterns_.size();
        std::array<std::uint32_t, together> indices{};
        const std::span<const std::uint32_t> group = std::span(indices).first(n);
        for (std::size_t q = 0; q < n; ++q)
            indices[q] = tasks[positions[q]];
        load_queries(source, group);
        const std::span<float> us(projections_.data(), n * rank), to_patterns(to_patterns_.data(), n * n_patterns);
        const std::uint8_t type = source.type(group[0]); // where it matters, of all
        if (lora_.config().heads == 0 || adapts(lora_types_, type))
            combined_.project(lora_, queries_.data(), n, type, us.data());
        if (use_patterns_)
            screen_.compare(patterns_, queries_.data(), group, source.size(), to_patterns);
        const EpisodicMemory* const memory = associations_.on() ? associations_.memory(type) : nullptr;
        const Recollections recalled = recall(memory, queries_.data(), n);
        for (std::size_t q = 0; q < n; ++q) {
            const float* const query = queries_.data() + q * dim_;
            const std::uint32_t index = group[q];
            source.prefetch_candidates(index);
            squared_norm_ = adapts(lora_types_, source.type(index))
                                ? combined_.adapt(lora_, query, us.data() + q * rank, type, z_.data())
                                : unadapted(query, z_.data());
            associate(query, source.type(index), memory, recalled[q]);
            score_candidates(source, index, to_patterns.subspan(q * n_patterns, n_patterns));
            use(positions[q]);
        }
    }

    // Adds to z, and to its norm, what a query's associations say: where there is a memory, what it recalled too.
    void associate(const float* query, std::size_t type, const EpisodicMemory* memory,
                   const EpisodicMemory::Recalled& recalled)
    {
        if (!associations_.on())
            return;
        associations_.add_adapted(query, type, z_.data());
        if (memory != nullptr)
            memory->add_recalled(recalled, z_.data());
        squared_norm_ = k_->squared_norm(z_.data(), dim_);
    }

    // From the adapted query z and the query's cosines with the patterns. Adapter and patterns both speak through a
    // product with the candidate, so that one direction holds both:
    //   logit_j = scale (z + strength / scale e) . s_j + boost_j,   scale = 1 / (|z| tau)
    // with e the patterns' direction.
    void score_candidates(const TaskSource& source, std::size_t index, std::span<const float> to_patterns)
    {
        const std::uint8_t type = source.type(index);
        const float norm = std::sqrt(squared_norm_);
        const double scale = norm > 0.0f ? 1.0 / (static_cast<double>(norm) * tau_) : 0.0;
        double factor = scale;
        patterns_spoke_ = false;
        if (use_patterns_) {
            if (scale == 0.0)
                factor = patterns_.strength();
            const auto weight = static_cast<float>(patterns_.strength() / factor);
            patterns_spoke_ = patterns_.add_direction(to_patterns, type, weight, z_.data(), directed_.data()) > 0;
        }
        source.dot_candidates(index, patterns_spoke_ ? directed_.data() : z_.data(), dots_.data());
        for (std::size_t j = 0; j < logits_.size(); ++j)
            logits_[j] = factor * static_cast<double>(dots_[j]);
        if (use_contrastive_)
            add_boosts(source, index, type);
    }

    // Past solutions that a task's candidates were compared with are not compared again: tasks come again and again, and
    // hardly any past solution speaks for one of their candidates.
    void add_boosts(const TaskSource& source, std::size_t index, std::uint8_t type)
    {
        if (compared_.size() <= index) {
            compared_.resize(source.size());
            speakers_.resize(source.size() * logits_.size());
        }
        for (std::size_t j = 0; j < logits_.size(); ++j)
            logits_[j] += memory_.boost(
                type, source.sketch(index, j), [&] { return source.candidate(index, j, candidate_.data()); },
                compared_[index], speakers_[index * logits_.size() + j]);
        compared_[index] = memory_.positives_added(type);
    }

    const simd::KernelTable* k_;
    std::size_t dim_;
    std::uint64_t lora_types_;
    double tau_;
    bool use_patterns_, use_contrastive_;
    MultiHeadLoRA lora_;
    CombinedAdapter combined_;
    Associations associations_;
    PatternBank patterns_;
    PatternScreen screen_;
    ContrastiveMemory memory_;

    std::vector<double> logits_;
    bool patterns_spoke_ = false;                            // of the task scored last
    float squared_norm_ = 0.0f;                              // the same: |z|^2
    std::vector<float> dots_, u_;                            // (n_candidates,), (rank,)
    numeric::FloatVector z_, directed_, candidate_, queries_; // (dim,) each, (together, dim)
    std::vector<float> projections_, to_patterns_;           // (together, rank), (together, patterns)
    std::vector<std::uint64_t> compared_; // (tasks,): with right solutions below this number
    std::vector<ContrastiveMemory::Speaker> speakers_; // (tasks, n_candidates): what they say
};

} // namespace ruvllm
