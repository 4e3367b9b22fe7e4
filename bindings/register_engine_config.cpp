#include <type_traits>

#include "binding.hpp"
#include "components.hpp"
#include "enums.hpp"
#include "ruvllm/engine/engine_config.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

// What is assigned to a setting: a finite number where it is one.
template <class V>
using Assigned = std::conditional_t<std::is_floating_point_v<V>, Finite<V>, V>;

template <class V>
V value_of(const Finite<V>& given)
{
    return given.value;
}
template <class V>
V value_of(const V& given)
{
    return given;
}

template <auto member>
struct MemberOf;
template <class C, class V, V C::*member>
struct MemberOf<member> {
    using Whole = C;
    using Value = V;
};

// A part of an EngineConfig, which stays where it is.
template <class C>
struct Part {
    C* at;
};

// All settings by name: "ReplayConfig(alpha=0.6, ...)".
PyObject* describe(PyObject* self, PyObject* const*, Py_ssize_t, PyObject*)
{
    return with_python_errors([&] {
        const py::object type = py::type::of(py::handle(self));
        std::string text;
        for (const auto& item : py::dict(type.attr("__dict__")))
            if (Py_IS_TYPE(item.second.ptr(), &PyGetSetDescr_Type)) {
                const auto name = py::cast<std::string>(item.first);
                if (!name.starts_with("_"))
                    text += (text.empty() ? "" : ", ") + name + "=" +
                            py::cast<std::string>(py::repr(py::handle(self).attr(name.c_str())));
            }
        return py::str(py::cast<std::string>(type.attr("__name__")) + "(" + text + ")").release().ptr();
    });
}

// A setting of the whole.
template <auto member>
void setting(Class<EngineConfig>& c, const char* name, const char* doc)
{
    using V = typename MemberOf<member>::Value;
    c.property(
        name, doc, [](const EngineConfig& config) { return config.*member; },
        [](EngineConfig& config, Assigned<V> value) { config.*member = value_of<V>(value); });
}

// A setting of a part; `fixed`: one that is only read.
template <auto member, bool fixed = false>
void part_setting(Class<Part<typename MemberOf<member>::Whole>>& c, const char* name, const char* doc)
{
    using C = typename MemberOf<member>::Whole;
    using V = typename MemberOf<member>::Value;
    const auto get = [](const Part<C>& part) { return part.at->*member; };
    if constexpr (fixed)
        c.property(name, doc, get);
    else
        c.property(name, doc, get, [](Part<C>& part, Assigned<V> value) { part.at->*member = value_of<V>(value); });
}

// Kept objects are read-only, and a part of a configuration is there to be changed.
template <class C>
C& changeable(const C& part)
{
    return const_cast<C&>(part);
}

// A part as a setting of what it is part of: reading it gives an object that looks into the whole.
template <auto member>
void part_of_whole(Class<EngineConfig>& c, const char* name, const char* doc)
{
    using P = typename MemberOf<member>::Value;
    c.property(
        name, doc,
        [](Kept<EngineConfig> config) -> Made<Part<P>> {
            return {std::make_unique<Part<P>>(&changeable(config.object.*member)), config.python};
        },
        [](EngineConfig& config, const Part<P>& part) { config.*member = *part.at; });
}

void register_memories(py::module_& m)
{
    Class<Part<ReplayConfig>> replay(m, "ReplayConfig", "Prioritized replay: part of an EngineConfig.");
    replay.raw_method("__repr__", "Class and settings.", &describe);
    part_setting<&ReplayConfig::capacity>(replay, "capacity", "Trajectories that are kept, 1 ... 2^32.");
    part_setting<&ReplayConfig::alpha>(replay, "alpha", "Exponent of the priorities, in [0, 1].");
    part_setting<&ReplayConfig::beta>(replay, "beta", "Exponent of the importance weights at the start, in [0, 1].");
    part_setting<&ReplayConfig::beta_increment>(replay, "beta_increment", "What beta grows by with each draw, >= 0.");
    part_setting<&ReplayConfig::epsilon>(replay, "epsilon", "Smallest TD error that counts, in [1e-100, 1e100].");
    Class<Part<PatternConfig>> patterns(m, "PatternConfig", "The pattern bank: part of an EngineConfig.");
    patterns.raw_method("__repr__", "Class and settings.", &describe);
    part_setting<&PatternConfig::capacity>(patterns, "capacity", "Patterns that are kept.");
    part_setting<&PatternConfig::top>(patterns, "top", "Patterns that speak at most.");
    part_setting<&PatternConfig::threshold>(patterns, "threshold", "Cosine from which a pattern speaks, >= 0.");
    part_setting<&PatternConfig::same_type_factor>(patterns, "same_type_factor", "Weight of the same task type, > 0.");
    part_setting<&PatternConfig::strength>(patterns, "strength", "Of the evidence, in units of a logit.");
    Class<Part<ContrastiveConfig>> memory(m, "ContrastiveConfig",
                                          "The memory of past solutions: part of an EngineConfig.");
    memory.raw_method("__repr__", "Class and settings.", &describe);
    part_setting<&ContrastiveConfig::positives>(memory, "positives", "Right solutions that are kept, of all types.");
    part_setting<&ContrastiveConfig::negatives>(memory, "negatives", "Wrong solutions that are kept, of all types.");
    part_setting<&ContrastiveConfig::types, true>(memory, "types", "Task types.");
    part_setting<&ContrastiveConfig::sampled_negatives>(memory, "sampled_negatives", "Wrong solutions of each step.");
    part_setting<&ContrastiveConfig::threshold>(memory, "threshold", "Cosine from which a right solution speaks.");
    part_setting<&ContrastiveConfig::strength>(memory, "strength", "Of the boost, in units of a logit.");
}

void register_associations(py::module_& m)
{
    Class<Part<EpisodicConfig>> episodic(m, "EpisodicConfig", "The memory of past queries: part of an EngineConfig.");
    episodic.raw_method("__repr__", "Class and settings.", &describe);
    part_setting<&EpisodicConfig::capacity>(episodic, "capacity", "Episodes kept for each task type; 0: none.");
    part_setting<&EpisodicConfig::neighbours>(episodic, "neighbours", "Past queries that speak at most.");
    part_setting<&EpisodicConfig::strength>(episodic, "strength", "The sum of their weights where a query is near.");
    Class<Part<AssociationConfig>> associations(
        m, "AssociationConfig", "The block adapters and the memory of past queries: part of an EngineConfig.");
    associations.raw_method("__repr__", "Class and settings.", &describe);
    part_setting<&AssociationConfig::block_size>(associations, "block_size", "Of the block adapters, 0: none.");
    part_setting<&AssociationConfig::batch>(associations, "batch", "Examples of one of their steps.");
    part_setting<&AssociationConfig::batch_negatives>(associations, "batch_negatives",
                                                      "Solutions of other episodes among its negatives.");
    part_setting<&AssociationConfig::block_rate>(associations, "block_rate", "Their learning rate, >= 0.");
    associations.property(
        "episodes", "The memory of past queries, an EpisodicConfig.",
        [](Kept<Part<AssociationConfig>> part) -> Made<Part<EpisodicConfig>> {
            return {std::make_unique<Part<EpisodicConfig>>(&part.object.at->episodes), part.python};
        },
        [](Part<AssociationConfig>& part, const Part<EpisodicConfig>& given) { part.at->episodes = *given.at; });
}

void register_parts(py::module_& m)
{
    Class<Part<LoraConfig>> lora(m, "LoraConfig", "The adapter's sizes: part of an EngineConfig.");
    lora.raw_method("__repr__", "Class and settings.", &describe);
    part_setting<&LoraConfig::dim, true>(lora, "dim", "Elements of a vector.");
    part_setting<&LoraConfig::rank, true>(lora, "rank", "Rank of each adapter.");
    part_setting<&LoraConfig::heads, true>(lora, "heads", "Task types with an adapter of their own, or 0.");
    part_setting<&LoraConfig::head_weight>(lora, "head_weight", "The factor of a head's matrices.");
    part_setting<&LoraConfig::scaling>(lora, "scaling", "The factor of what the adapter adds.");
    Class<Part<EwcConfig>> ewc(m, "EwcConfig", "The EWC penalty and the Fisher information: part of an EngineConfig.");
    ewc.raw_method("__repr__", "Class and settings.", &describe);
    part_setting<&EwcConfig::lambda>(ewc, "lambda_", "The factor of the penalty, >= 0.");
    part_setting<&EwcConfig::decay>(ewc, "decay", "Of the moving average, in (0, 1).");
    part_setting<&EwcConfig::running_sum>(ewc, "running_sum", "Whether the Fisher information is a sum instead.");
    register_memories(m);
    register_associations(m);
}

void register_numbers(Class<EngineConfig>& c)
{
    setting<&EngineConfig::centre>(c, "centre", "Whether centre() takes the means of tasks away.");
    setting<&EngineConfig::intercept>(c, "intercept", "Length of what is constant in a centred query, in [0, 100].");
    setting<&EngineConfig::use_patterns>(c, "use_patterns", "Whether patterns speak.");
    setting<&EngineConfig::use_contrastive>(c, "use_contrastive", "Whether past solutions speak.");
    setting<&EngineConfig::pattern_quality>(c, "pattern_quality", "Trajectories below it make no pattern.");
    setting<&EngineConfig::pattern_minimum>(c, "pattern_minimum", "Trajectories needed before there are patterns.");
    setting<&EngineConfig::pattern_clusters>(c, "pattern_clusters", "Clusters that become patterns.");
    setting<&EngineConfig::pattern_trajectories>(c, "pattern_trajectories", "The latest so many are clustered.");
    setting<&EngineConfig::replay_patterns>(c, "replay_patterns", "Of the policy BEST_PATTERNS.");
    setting<&EngineConfig::tau>(c, "tau", "What cosines are divided by, > 0.");
    setting<&EngineConfig::accumulate>(c, "accumulate", "Whether gradients wait for step_along_sum().");
    setting<&EngineConfig::momentum>(c, "momentum", "Of the steps, in [0, 1).");
    setting<&EngineConfig::gradient_clip>(c, "gradient_clip", "Longest gradient.");
    setting<&EngineConfig::confident>(c, "confident", "A failure of higher confidence is a confident one.");
    setting<&EngineConfig::failure_quality>(c, "failure_quality", "Quality of a failure, as a share of confidence.");
    setting<&EngineConfig::quality_memory>(c, "quality_memory", "Weight of a new quality in its type's mean, in [0, 1].");
    setting<&EngineConfig::seed>(c, "seed", "Of all random streams, 0 ... 2^64 - 1.");
}

void register_enums(py::module_& m)
{
    enumeration<LearnFrom>(m, "LearnFrom", "Which outcomes the adapter learns from.",
                           {{"SUCCESSES", LearnFrom::successes},
                            {"SUCCESSES_AND_CONFIDENT_FAILURES", LearnFrom::successes_and_confident_failures},
                            {"EVERYTHING", LearnFrom::everything}});
    enumeration<ReplayPolicy>(m, "ReplayPolicy", "Which trajectories are learned from again after an epoch.",
                              {{"UNIFORM", ReplayPolicy::uniform},
                               {"BEST_PATTERNS", ReplayPolicy::best_patterns},
                               {"PRIORITIZED", ReplayPolicy::prioritized}});
    enumeration<Control>(m, "Control", "The runs that stand beside the result.",
                         {{"NONE", Control::none},
                          {"FROZEN", Control::frozen},
                          {"RANDOM_GRADIENT", Control::random_gradient},
                          {"SHUFFLED", Control::shuffled}});
}

} // namespace

void register_engine_config(py::module_& m)
{
    register_enums(m);
    register_parts(m);
    Class<EngineConfig> config(m, "EngineConfig",
                               "How an engine learns; the defaults are those of protocol v3. Numbers must be finite; the "
                               "other ranges are checked when an engine is made, which raises ValueError.");
    config.init("*, dim, rank, heads, scaling", "An adapter of vectors (dim,), 1 <= rank <= dim, and heads 0 ... 65535.",
                [](std::size_t dim, std::size_t rank, std::size_t heads, Finite<float> scaling) -> Made<EngineConfig> {
                    auto made = std::make_unique<EngineConfig>();
                    made->lora = {checked_dim(dim), checked_size("rank", rank, dim), heads, 0.5f, scaling.value};
                    return made;
                });
    part_of_whole<&EngineConfig::lora>(config, "lora", "The adapter, a LoraConfig.");
    setting<&EngineConfig::lora_types>(config, "lora_types",
                                       "Types that the adapter is for, bit k for type k; those from 64 on always.");
    setting<&EngineConfig::learn_from>(config, "learn_from", "Which outcomes the adapter learns from.");
    setting<&EngineConfig::replay_policy>(config, "replay_policy", "Which trajectories are replayed.");
    setting<&EngineConfig::control>(config, "control", "The control that this run is, or NONE.");
    part_of_whole<&EngineConfig::replay>(config, "replay", "Prioritized replay, a ReplayConfig.");
    part_of_whole<&EngineConfig::ewc>(config, "ewc", "EWC, an EwcConfig.");
    part_of_whole<&EngineConfig::patterns>(config, "patterns", "The pattern bank, a PatternConfig.");
    part_of_whole<&EngineConfig::contrastive>(config, "contrastive", "Past solutions, a ContrastiveConfig.");
    part_of_whole<&EngineConfig::associations>(config, "associations", "Block adapters, an AssociationConfig.");
    register_numbers(config);
    config.raw_method("__repr__", "Class and settings.", &describe);
}
