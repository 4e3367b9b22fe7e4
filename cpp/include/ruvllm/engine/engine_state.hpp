// All that an engine's next steps depend on, as named arrays: to be saved, and to be put into another engine of the same
// configuration and tasks, which then does what the first one would have done, to the bit.
//
// StateAccess::list() is the whole list. What is not in it is scratch memory, or follows from it: the sum tree from the
// TD errors, the memory's vectors and sketches from the tasks' numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "ruvllm/engine/learning_engine.hpp"

namespace ruvllm {

using StateArray = std::variant<std::vector<float>, std::vector<double>, std::vector<std::uint8_t>,
                                std::vector<std::uint32_t>, std::vector<std::uint64_t>>;
using EngineState = std::map<std::string, StateArray>; // by name

// Writes each array down.
class StateWriter {
public:
    static constexpr bool reading = false;

    template <class Values>
    void fixed(const std::string& name, const Values& values)
    {
        state.emplace(name, std::vector<typename Values::value_type>(values.begin(), values.end()));
    }
    template <class Values>
    void list(const std::string& name, const Values& values)
    {
        fixed(name, values);
    }
    template <class T>
    void number(const std::string& name, T value)
    {
        if constexpr (std::floating_point<T>)
            fixed(name, std::vector<double>{value});
        else
            fixed(name, std::vector<std::uint64_t>{value});
    }

    EngineState state;
};

// Takes each array back; throws std::invalid_argument for one that is missing or of another type or size, or holds a
// number that is not finite.
class StateReader {
public:
    static constexpr bool reading = true;

    explicit StateReader(const EngineState& state) : state_(&state) {}

    // As many values as there are already.
    template <class Values>
    void fixed(const std::string& name, Values& values)
    {
        const auto& found = find<typename Values::value_type>(name);
        if (found.size() != values.size())
            throw std::invalid_argument(name + " must have " + std::to_string(values.size()) + " elements, not " +
                                        std::to_string(found.size()));
        values.assign(found.begin(), found.end());
    }
    // Any number of values: what they must come up to is checked by whoever takes them.
    template <class Values>
    void list(const std::string& name, Values& values)
    {
        const auto& found = find<typename Values::value_type>(name);
        values.assign(found.begin(), found.end());
    }
    template <class T>
    void number(const std::string& name, T& value)
    {
        using Stored = std::conditional_t<std::floating_point<T>, double, std::uint64_t>;
        std::vector<Stored> one(1);
        fixed(name, one);
        value = static_cast<T>(one[0]);
    }

    // Throws std::invalid_argument where the state holds an array that nobody asked for.
    void finish() const
    {
        if (taken_ != state_->size())
            throw std::invalid_argument("the state has " + std::to_string(state_->size()) + " arrays; this engine has " +
                                        std::to_string(taken_));
    }

private:
    template <class T>
    [[nodiscard]] const std::vector<T>& find(const std::string& name)
    {
        const auto found = state_->find(name);
        if (found == state_->end())
            throw std::invalid_argument(name + " is missing");
        const auto* const values = std::get_if<std::vector<T>>(&found->second);
        if (values == nullptr)
            throw std::invalid_argument(name + " must have another type of element");
        if constexpr (std::floating_point<T>)
            for (const T value : *values)
                if (!std::isfinite(value))
                    throw std::invalid_argument(name + " must be finite, not " + std::to_string(value));
        ++taken_;
        return *values;
    }

    const EngineState* state_;
    std::size_t taken_ = 0;
};

struct StateAccess {
    // Every array of the state. `Engine` is const where the archive writes.
    template <class Engine, class Archive>
    static void list(Engine& e, Archive& archive)
    {
        for (std::size_t i = 0; i <= e.c_.lora.heads; ++i) {
            auto& adapter = adapter_of(e, i);
            archive.fixed("lora." + std::to_string(i) + ".parameters", adapter.theta_);
            archive.fixed("lora." + std::to_string(i) + ".velocity", adapter.velocity_);
        }
        archive.fixed("accumulated", e.accumulated_);
        archive.fixed("ewc.fisher", e.ewc_.fisher_);
        archive.fixed("ewc.reference", e.ewc_.reference_);
        archive.number("ewc.taskCount", e.ewc_.task_count_);
        archive.number("ewc.batch.examples", e.ewc_.examples_);
        if (e.ewc_.examples_ > 0) // zeros between two batches
            archive.fixed("ewc.batch.squares", e.ewc_.squares_);
        archive.fixed("qualityMeans", e.quality_means_);
        archive.number("epoch", e.epoch_);
        archive.number("steps", e.steps_);
        list_trajectories(e, archive);
        list_patterns(e, archive);
        list_rings(e, "memory.positives.", e.model_.memory().positives_, archive);
        list_rings(e, "memory.negatives.", e.model_.memory().negatives_, archive);
        if (e.model_.associations().on())
            list_associations(e, archive);
    }

    // An engine of the same configuration and tasks that has seen nothing yet.
    [[nodiscard]] static LearningEngine untrained(const LearningEngine& e) { return {*e.k_, *e.source_, e.c_}; }

private:
    static void require(bool holds, const std::string& rule)
    {
        if (!holds)
            throw std::invalid_argument(rule);
    }

    static const MicroLoRA& adapter_of(const LearningEngine& e, std::size_t i) { return e.model_.lora().adapter(i); }
    static MicroLoRA& adapter_of(LearningEngine& e, std::size_t i) { return e.model_.change_lora().adapter(i); }

    template <class Engine, class Archive>
    static void list_trajectories(Engine& e, Archive& archive)
    {
        auto& buffer = e.buffer_;
        std::vector<std::uint32_t> task;
        std::vector<std::uint8_t> resolved;
        std::vector<double> confidence, quality, td_error;
        for (const Trajectory& t : buffer.items_) {
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
        archive.number("replay.beta", buffer.replay_.beta_);
        if constexpr (Archive::reading) {
            const std::size_t n = task.size();
            require(resolved.size() == n && confidence.size() == n && quality.size() == n && td_error.size() == n,
                    "the arrays of trajectories must have one length");
            require(n <= buffer.capacity_, "there must be at most " + std::to_string(buffer.capacity_) +
                                               " trajectories, not " + std::to_string(n));
            require(buffer.replay_.beta_ >= 0.0 && buffer.replay_.beta_ <= 1.0,
                    "replay.beta must lie in [0, 1], not " + std::to_string(buffer.replay_.beta_));
            buffer.items_.clear();
            for (std::size_t i = 0; i < n; ++i)
                buffer.items_.push_back({task[i], e.source_->type(task[i]), resolved[i] != 0, confidence[i], quality[i],
                                         td_error[i]});
            buffer.replay_.reset(td_error);
        }
    }

    template <class Engine, class Archive>
    static void list_patterns(Engine& e, Archive& archive)
    {
        auto& bank = e.model_.patterns();
        archive.list("patterns.queries", bank.queries_);
        archive.list("patterns.solutions", bank.solutions_);
        archive.list("patterns.qualities", bank.qualities_);
        archive.list("patterns.types", bank.types_);
        std::vector<std::uint64_t> sizes, members;
        for (const auto& group : e.pattern_members_) {
            sizes.push_back(group.size());
            members.insert(members.end(), group.begin(), group.end());
        }
        archive.list("patterns.memberCounts", sizes);
        archive.list("patterns.members", members);
        if constexpr (Archive::reading) {
            const std::size_t n = bank.qualities_.size();
            require(n <= bank.capacity() && bank.queries_.size() == n * bank.dim_ &&
                        bank.solutions_.size() == n * bank.dim_ && bank.types_.size() == n,
                    "the arrays of patterns do not fit together");
            restore_members(e, n, sizes, members);
        }
    }

    static void restore_members(LearningEngine& e, std::size_t patterns, const std::vector<std::uint64_t>& sizes,
                                const std::vector<std::uint64_t>& members)
    {
        require(sizes.empty() || sizes.size() == patterns, "patterns.memberCounts must have one count for each pattern");
        e.pattern_members_.clear();
        std::size_t next = 0;
        for (const std::uint64_t size : sizes) {
            require(size > 0 && size <= members.size() - next, "patterns.memberCounts must add up to the members");
            e.pattern_members_.emplace_back(members.begin() + static_cast<std::ptrdiff_t>(next),
                                            members.begin() + static_cast<std::ptrdiff_t>(next + size));
            next += size;
        }
        require(next == members.size(), "patterns.memberCounts must add up to the members");
        for (const std::uint64_t member : members)
            require(member < e.buffer_.size(), "a pattern's member must be a trajectory, not " + std::to_string(member));
    }

    // Of each remembered solution only where it comes from: the tasks give it back.
    template <class Engine, class Rings, class Archive>
    static void list_rings(Engine& e, const std::string& name, Rings& rings, Archive& archive)
    {
        for (std::size_t type = 0; type < rings.size(); ++type) {
            auto& ring = rings[type];
            const std::string path = name + std::to_string(type);
            auto origins = ring.origins_;
            auto oldest = ring.oldest_;
            archive.list(path + ".origins", origins);
            archive.number(path + ".oldest", oldest);
            if constexpr (Archive::reading) {
                require(origins.size() <= ring.capacity_ && oldest < ring.capacity_ &&
                            (oldest == 0 || origins.size() == ring.capacity_),
                        path + " must fit a ring of " + std::to_string(ring.capacity_));
                refill(e, ring, origins);
                ring.oldest_ = oldest;
            }
        }
    }

    // Of each task type its block adapter and its episodes, from which the tasks give the episodic memory back.
    template <class Engine, class Archive>
    static void list_associations(Engine& e, Archive& archive)
    {
        auto& associations = e.model_.associations();
        archive.number("associations.rehearsals", e.rehearsals_);
        std::vector<std::uint64_t> types;
        for (const auto& [type, learned] : associations.learned_)
            types.push_back(type);
        archive.list("associations.types", types);
        for (const std::uint64_t type : types) {
            const std::string path = "associations." + std::to_string(type);
            std::vector<std::uint32_t> told; // task and right candidate of each episode
            std::vector<float> weights;
            if constexpr (!Archive::reading) {
                const auto& learned = associations.learned_.at(type);
                for (const Episode& episode : learned.episodes)
                    told.insert(told.end(), {episode.task, episode.right});
                if (learned.block)
                    weights.assign(learned.block->weights().begin(), learned.block->weights().end());
            }
            archive.list(path + ".episodes", told);
            archive.list(path + ".block", weights);
            if constexpr (Archive::reading)
                restore_associations(e, type, told, weights);
        }
    }

    static void restore_associations(LearningEngine& e, std::size_t type, const std::vector<std::uint32_t>& told,
                                     const std::vector<float>& weights)
    {
        auto& associations = e.model_.associations();
        require(!told.empty() && told.size() % 2 == 0, "episodes must be pairs of a task and a candidate");
        numeric::FloatVector query(e.c_.lora.dim), solution(e.c_.lora.dim);
        for (std::size_t i = 0; i < told.size(); i += 2) {
            require(e.source_->type(told[i]) == type, "an episode's task must be of its type");
            e.source_->load_query(told[i], query.data());
            e.source_->load_candidate(told[i], told[i + 1], solution.data());
            associations.remember({told[i], told[i + 1]}, type, query.data(), solution.data());
        }
        auto& learned = associations.learned_.at(type);
        require(2 * learned.episodes.size() == told.size(), "a task must have one episode");
        const std::size_t size = learned.block ? learned.block->weights().size() : 0;
        require(weights.size() == size, "a block adapter must have " + std::to_string(size) + " weights, not " +
                                            std::to_string(weights.size()));
        if (learned.block)
            std::copy(weights.begin(), weights.end(), learned.block->weights().begin());
    }

    // Into an empty ring.
    template <class Ring>
    static void refill(LearningEngine& e, Ring& ring, const std::vector<std::uint64_t>& origins)
    {
        const ContrastiveMemory& memory = e.model_.memory();
        const std::size_t candidates = e.source_->n_candidates();
        numeric::FloatVector solution(memory.dim_);
        for (const std::uint64_t origin : origins) {
            const std::size_t task = origin / candidates, j = origin % candidates;
            e.source_->load_candidate(task, j, solution.data());
            ring.add(solution.data(), memory.dim_, e.source_->sketch(task, j), origin);
        }
    }
};

// The state of an engine; a copy.
[[nodiscard]] inline EngineState state_of(const LearningEngine& engine)
{
    StateWriter writer;
    StateAccess::list(engine, writer);
    return std::move(writer.state);
}

// Puts a state into an engine, in place of all that it has learned. Throws std::invalid_argument or std::out_of_range,
// and changes nothing, for a state that is not one of an engine of this configuration over these tasks.
inline void restore(LearningEngine& engine, const EngineState& state)
{
    LearningEngine fresh = StateAccess::untrained(engine);
    StateReader reader(state);
    StateAccess::list(fresh, reader);
    reader.finish();
    engine = std::move(fresh);
}

} // namespace ruvllm
