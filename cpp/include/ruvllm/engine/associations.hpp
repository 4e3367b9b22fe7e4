// Associations: what a run learns from told solutions beside the low-rank adapter (components/block_adapter.hpp,
// components/episodic_memory.hpp), one of each per task type, and the rehearsal that trains the block adapters.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ruvllm/components/block_adapter.hpp"
#include "ruvllm/components/episodic_memory.hpp"
#include "ruvllm/engine/random_signs.hpp"
#include "ruvllm/tasks/task.hpp"
#include "ruvllm/numeric/random.hpp"

namespace ruvllm {

struct AssociationConfig {
    std::size_t block_size = 0;     // of the block adapter; 0: none
    std::size_t batch = 32;         // examples of one step of it
    std::size_t batch_negatives = 32; // told solutions of other episodes among its negatives
    float block_rate = 0.01f;
    EpisodicConfig episodes;
};

// A task and the candidate that was told to be right.
struct Episode {
    std::uint32_t task, right;
};

class Associations {
public:
    Associations(const simd::KernelTable& kernels, const AssociationConfig& config, std::size_t dim, double tau)
        : k_(&kernels), config_(config), dim_(dim), tau_(tau)
    {
    }

    [[nodiscard]] bool on() const noexcept { return config_.block_size > 0 || config_.episodes.capacity > 0; }

    // z += what the block adapter makes of a query h (dim,) of this type.
    void add_adapted(const float* h, std::size_t type, float* z) const
    {
        if (const Learned* learned = find(type); learned != nullptr && learned->block)
            learned->block->add_output(*k_, h, z);
    }

    // The memory of a type, null where nothing was told yet.
    [[nodiscard]] const EpisodicMemory* memory(std::size_t type) const
    {
        const Learned* learned = find(type);
        return learned == nullptr ? nullptr : &learned->memory;
    }

    // EpisodicMemory::nearness() of a query h (dim,) of this type; 0 where nothing was told yet.
    [[nodiscard]] float nearness(const float* h, std::size_t type) const
    {
        const Learned* learned = find(type);
        return learned == nullptr ? 0.0f : learned->memory.nearness(h);
    }

    // Keeps a told solution (dim,) of a query (dim,), once for each task.
    void remember(const Episode& episode, std::size_t type, const float* query, const float* solution)
    {
        if (!on())
            return;
        if (seen_.size() <= episode.task)
            seen_.resize(episode.task + 1, false);
        if (seen_[episode.task])
            return;
        seen_[episode.task] = true;
        Learned& learned = find_or_make(type);
        learned.episodes.push_back(episode);
        learned.memory.add(query, solution);
    }

    // One pass over the episodes of every type in random order, in batches. With `randomise` each gradient is replaced
    // by a random one of the same norm. Returns the number of examples learned from.
    std::size_t rehearse(const TaskSource& source, numeric::RandomStream& stream, bool randomise)
    {
        std::size_t examples = 0;
        for (auto& [type, learned] : learned_)
            if (learned.block && learned.episodes.size() > 1)
                examples += rehearse(source, learned, stream, randomise);
        return examples;
    }

    // (type, weights) of each block adapter, and (type, episodes) of each memory, by type.
    template <class Use>
    void for_each(Use use) const
    {
        for (const auto& [type, learned] : learned_)
            use(type, learned.block, learned.episodes);
    }

    // Of each task type its block adapter and its episodes, from which the tasks give the episodic memory back.
    // Associations that read must have learned nothing yet.
    template <class Self, class Archive>
    static void archive(Self& self, Archive& archive, const TaskSource& source)
    {
        std::vector<std::uint64_t> types;
        for (const auto& [type, learned] : self.learned_)
            types.push_back(type);
        archive.list("associations.types", types);
        for (const std::uint64_t type : types) {
            const std::string path = "associations." + std::to_string(type);
            std::vector<std::uint32_t> told; // task and right candidate of each episode
            std::vector<float> weights;
            if constexpr (!Archive::reading) {
                const Learned& learned = self.learned_.at(type);
                for (const Episode& episode : learned.episodes)
                    told.insert(told.end(), {episode.task, episode.right});
                if (learned.block)
                    weights.assign(learned.block->weights().begin(), learned.block->weights().end());
            }
            archive.list(path + ".episodes", told);
            archive.list(path + ".block", weights);
            if constexpr (Archive::reading)
                self.restore(archive, source, type, told, weights);
        }
    }

private:
    struct Learned {
        std::optional<BlockAdapter> block;
        EpisodicMemory memory;
        std::vector<Episode> episodes; // in the order they came
    };

    [[nodiscard]] const Learned* find(std::size_t type) const
    {
        const auto found = learned_.find(type);
        return found == learned_.end() ? nullptr : &found->second;
    }

    Learned& find_or_make(std::size_t type)
    {
        const auto found = learned_.find(type);
        if (found != learned_.end())
            return found->second;
        Learned made{std::nullopt, EpisodicMemory(*k_, config_.episodes, dim_), {}};
        if (config_.block_size > 0)
            made.block.emplace(dim_, std::min(config_.block_size, dim_));
        return learned_.emplace(type, std::move(made)).first->second;
    }

    // What archive() read of one type.
    template <class Archive>
    void restore(Archive& archive, const TaskSource& source, std::uint64_t type, const std::vector<std::uint32_t>& told,
                 const std::vector<float>& weights)
    {
        archive.require(!told.empty() && told.size() % 2 == 0, "episodes must be pairs of a task and a candidate");
        numeric::FloatVector query(dim_), solution(dim_);
        for (std::size_t i = 0; i < told.size(); i += 2) {
            archive.require(source.type(told[i]) == type, "an episode's task must be of its type");
            source.load_query(told[i], query.data());
            source.load_candidate(told[i], told[i + 1], solution.data());
            remember({told[i], told[i + 1]}, type, query.data(), solution.data());
        }
        Learned& learned = learned_.at(type);
        archive.require(2 * learned.episodes.size() == told.size(), "a task must have one episode");
        const std::size_t size = learned.block ? learned.block->weights().size() : 0;
        archive.require(weights.size() == size, "a block adapter must have " + std::to_string(size) +
                                                    " weights, not " + std::to_string(weights.size()));
        if (learned.block)
            std::copy(weights.begin(), weights.end(), learned.block->weights().begin());
    }

    std::size_t rehearse(const TaskSource& source, Learned& learned, numeric::RandomStream& stream, bool randomise)
    {
        std::vector<Episode> order = learned.episodes;
        for (std::size_t i = order.size(); i > 1; --i)
            std::swap(order[i - 1], order[static_cast<std::size_t>(stream.below(i))]);
        for (std::size_t begin = 0; begin < order.size(); begin += config_.batch) {
            const std::size_t n = std::min(config_.batch, order.size() - begin);
            fill_batch(source, {order.data() + begin, n}, learned.episodes, stream);
            z_ = queries_;
            g_.resize(n * dim_);
            learned.block->add_output(*k_, queries_.data(), n, z_.data());
            batch_info_nce(*k_, {queries_, solutions_, dim_, tau_}, z_.data(), g_.data());
            if (randomise)
                for (numeric::FloatVector* factor : {&queries_, &g_})
                    randomise_rows(*k_, dim_, stream, *factor);
            learned.block->step(*k_, queries_.data(), g_.data(), n, config_.block_rate);
        }
        return order.size();
    }

    // The batch's queries and right solutions, then solutions of random other episodes.
    void fill_batch(const TaskSource& source, std::span<const Episode> batch, const std::vector<Episode>& all,
                    numeric::RandomStream& stream)
    {
        const std::size_t n = batch.size(), m = n + config_.batch_negatives;
        queries_.resize(n * dim_);
        solutions_.resize(m * dim_);
        for (std::size_t i = 0; i < n; ++i) {
            source.load_query(batch[i].task, queries_.data() + i * dim_);
            source.load_candidate(batch[i].task, batch[i].right, solutions_.data() + i * dim_);
        }
        for (std::size_t i = n; i < m; ++i) {
            const Episode& other = all[static_cast<std::size_t>(stream.below(all.size()))];
            source.load_candidate(other.task, other.right, solutions_.data() + i * dim_);
        }
    }

    const simd::KernelTable* k_;
    AssociationConfig config_;
    std::size_t dim_;
    double tau_;
    std::map<std::size_t, Learned> learned_; // by task type
    std::vector<bool> seen_;                 // by task
    numeric::FloatVector queries_, solutions_, z_, g_; // of a batch
};

} // namespace ruvllm
