#include <memory>
#include <string>
#include <vector>

#include <pybind11/pybind11.h>

#include "components.hpp"
#include "kernels_by_name.hpp"
#include "ruvllm/engine/learning_engine.hpp"
#include "ruvllm/numeric/float_environment.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

void register_engine_state(py::class_<LearningEngine>& engine);

namespace {

// Outcomes as columns: (chosen uint32, resolved bool, confidence float64, loss float64), each (n,).
py::tuple columns(const std::vector<Outcome>& outcomes)
{
    const auto n = static_cast<py::ssize_t>(outcomes.size());
    Array<std::uint32_t> chosen(n);
    Array<bool> resolved(n);
    Array<double> confidence(n), loss(n);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        chosen.mutable_data()[i] = outcomes[i].chosen;
        resolved.mutable_data()[i] = outcomes[i].resolved;
        confidence.mutable_data()[i] = outcomes[i].confidence;
        loss.mutable_data()[i] = outcomes[i].loss;
    }
    return py::make_tuple(chosen, resolved, confidence, loss);
}

void register_enums(py::module_& m)
{
    py::enum_<LearnFrom>(m, "LearnFrom", "Which outcomes the adapter learns from.")
        .value("SUCCESSES", LearnFrom::successes)
        .value("SUCCESSES_AND_CONFIDENT_FAILURES", LearnFrom::successes_and_confident_failures)
        .value("EVERYTHING", LearnFrom::everything);
    py::enum_<ReplayPolicy>(m, "ReplayPolicy", "Which trajectories are learned from again after an epoch.")
        .value("UNIFORM", ReplayPolicy::uniform)
        .value("BEST_PATTERNS", ReplayPolicy::best_patterns)
        .value("PRIORITIZED", ReplayPolicy::prioritized);
    py::enum_<Control>(m, "Control", "The runs that stand beside the result.")
        .value("NONE", Control::none)
        .value("FROZEN", Control::frozen)
        .value("RANDOM_GRADIENT", Control::random_gradient)
        .value("SHUFFLED", Control::shuffled);
}

void register_parts(py::module_& m)
{
    py::class_<LoraConfig>(m, "LoraConfig", "The adapter's sizes.")
        .def_readonly("dim", &LoraConfig::dim)
        .def_readonly("rank", &LoraConfig::rank)
        .def_readonly("heads", &LoraConfig::heads)
        .def_readwrite("head_weight", &LoraConfig::head_weight)
        .def_readwrite("scaling", &LoraConfig::scaling);
    py::class_<ReplayConfig>(m, "ReplayConfig", "Prioritized replay.")
        .def_readwrite("capacity", &ReplayConfig::capacity)
        .def_readwrite("alpha", &ReplayConfig::alpha)
        .def_readwrite("beta", &ReplayConfig::beta)
        .def_readwrite("beta_increment", &ReplayConfig::beta_increment)
        .def_readwrite("epsilon", &ReplayConfig::epsilon);
    py::class_<EwcConfig>(m, "EwcConfig", "The EWC penalty and the Fisher information.")
        .def_readwrite("lambda_", &EwcConfig::lambda)
        .def_readwrite("decay", &EwcConfig::decay)
        .def_readwrite("running_sum", &EwcConfig::running_sum);
    py::class_<PatternConfig>(m, "PatternConfig", "The pattern bank.")
        .def_readwrite("capacity", &PatternConfig::capacity)
        .def_readwrite("top", &PatternConfig::top)
        .def_readwrite("threshold", &PatternConfig::threshold)
        .def_readwrite("same_type_factor", &PatternConfig::same_type_factor)
        .def_readwrite("strength", &PatternConfig::strength);
    py::class_<ContrastiveConfig>(m, "ContrastiveConfig", "The memory of past solutions.")
        .def_readwrite("positives", &ContrastiveConfig::positives)
        .def_readwrite("negatives", &ContrastiveConfig::negatives)
        .def_readonly("types", &ContrastiveConfig::types)
        .def_readwrite("sampled_negatives", &ContrastiveConfig::sampled_negatives)
        .def_readwrite("threshold", &ContrastiveConfig::threshold)
        .def_readwrite("strength", &ContrastiveConfig::strength);
    py::class_<EpisodicConfig>(m, "EpisodicConfig", "The memory of past queries.")
        .def_readwrite("capacity", &EpisodicConfig::capacity)
        .def_readwrite("neighbours", &EpisodicConfig::neighbours)
        .def_readwrite("strength", &EpisodicConfig::strength);
    py::class_<AssociationConfig>(m, "AssociationConfig", "The block adapters and the memory of past queries.")
        .def_readwrite("block_size", &AssociationConfig::block_size)
        .def_readwrite("batch", &AssociationConfig::batch)
        .def_readwrite("batch_negatives", &AssociationConfig::batch_negatives)
        .def_readwrite("block_rate", &AssociationConfig::block_rate)
        .def_readwrite("episodes", &AssociationConfig::episodes);
}

void register_config(py::module_& m)
{
    register_parts(m);
    py::class_<EngineConfig> config(m, "EngineConfig", "How an engine learns; the defaults are those of protocol v3.");
    config
        .def(py::init([](std::size_t dim, std::size_t rank, std::size_t heads, float scaling) {
                 EngineConfig made{};
                 made.lora = {checked_dim(dim), checked_size("rank", rank, dim), heads, 0.5f, scaling};
                 return made;
             }),
             py::kw_only(), py::arg("dim"), py::arg("rank"), py::arg("heads"), py::arg("scaling"))
        .def_readwrite("lora", &EngineConfig::lora)
        .def_readwrite("learn_from", &EngineConfig::learn_from)
        .def_readwrite("replay_policy", &EngineConfig::replay_policy)
        .def_readwrite("control", &EngineConfig::control)
        .def_readwrite("replay", &EngineConfig::replay)
        .def_readwrite("ewc", &EngineConfig::ewc)
        .def_readwrite("patterns", &EngineConfig::patterns)
        .def_readwrite("contrastive", &EngineConfig::contrastive)
        .def_readwrite("associations", &EngineConfig::associations)
        .def_readwrite("use_patterns", &EngineConfig::use_patterns)
        .def_readwrite("use_contrastive", &EngineConfig::use_contrastive)
        .def_readwrite("pattern_quality", &EngineConfig::pattern_quality)
        .def_readwrite("pattern_minimum", &EngineConfig::pattern_minimum)
        .def_readwrite("pattern_clusters", &EngineConfig::pattern_clusters)
        .def_readwrite("pattern_trajectories", &EngineConfig::pattern_trajectories)
        .def_readwrite("replay_patterns", &EngineConfig::replay_patterns)
        .def_readwrite("tau", &EngineConfig::tau)
        .def_readwrite("accumulate", &EngineConfig::accumulate)
        .def_readwrite("momentum", &EngineConfig::momentum)
        .def_readwrite("gradient_clip", &EngineConfig::gradient_clip)
        .def_readwrite("confident", &EngineConfig::confident)
        .def_readwrite("failure_quality", &EngineConfig::failure_quality)
        .def_readwrite("quality_memory", &EngineConfig::quality_memory)
        .def_readwrite("seed", &EngineConfig::seed);
}

void register_learning(py::class_<LearningEngine>& engine)
{
    engine
        .def(
            "train",
            [](LearningEngine& e, const Array<std::uint32_t>& tasks, float learning_rate, double temperature) {
                const auto indices = vector_view(tasks, "tasks");
                return columns(unlocked([&] { return e.train(indices, learning_rate, temperature); }));
            },
            py::arg("tasks").noconvert(), py::kw_only(), py::arg("learning_rate"), py::arg("temperature"),
            "Attempts tasks (n,) uint32 and learns from each. Returns (chosen, resolved, confidence, loss), each (n,).")
        .def(
            "choose",
            [](LearningEngine& e, std::uint32_t task, double temperature) {
                const Choice choice = unlocked([&] { return e.choose(task, temperature); });
                return py::make_tuple(choice.chosen, choice.confidence);
            },
            py::arg("task"), py::kw_only(), py::arg("temperature"),
            "Draws an answer to a task, as train() does, and changes nothing. Returns (chosen, confidence).")
        .def(
            "told",
            [](LearningEngine& e, std::uint32_t task, std::size_t chosen, std::size_t right, float learning_rate,
               double temperature) {
                const Outcome outcome =
                    unlocked([&] { return e.told(task, chosen, right, learning_rate, temperature); });
                return py::make_tuple(outcome.chosen, outcome.resolved, outcome.confidence, outcome.loss);
            },
            py::arg("task"), py::kw_only(), py::arg("chosen"), py::arg("right"), py::arg("learning_rate"),
            py::arg("temperature"),
            "Learns from an answer to a task, whoever gave it. Returns (chosen, resolved, confidence, loss).")
        .def(
            "evaluate",
            [](LearningEngine& e, const Array<std::uint32_t>& tasks) {
                const auto indices = vector_view(tasks, "tasks");
                return columns(unlocked([&] { return e.evaluate(indices); }));
            },
            py::arg("tasks").noconvert(),
            "Answers tasks (n,) uint32 at temperature 1 without learning. Returns the same columns as train().")
        .def(
            "logits",
            [](LearningEngine& e, const Array<std::uint32_t>& tasks) {
                const auto indices = vector_view(tasks, "tasks");
                const auto n = static_cast<py::ssize_t>(indices.size());
                Array<double> logits({n, static_cast<py::ssize_t>(e.n_candidates())});
                Array<std::uint32_t> right(n);
                const std::span<double> scores(logits.mutable_data(), static_cast<std::size_t>(logits.size()));
                const std::span<std::uint32_t> numbers(right.mutable_data(), indices.size());
                unlocked([&] { e.logits(indices, scores, numbers); });
                return py::make_tuple(logits, right);
            },
            py::arg("tasks").noconvert(),
            "Scores (n, M) float64 of tasks (n,) uint32 and their right candidates (n,), without learning: evaluate() "
            "chooses the largest, its confidence is their softmax.")
        .def(
            "replay",
            [](LearningEngine& e, std::size_t n, float learning_rate) {
                return unlocked([&] { return e.replay(n, learning_rate); });
            },
            py::arg("n"), py::kw_only(), py::arg("learning_rate"),
            "Learns again from n trajectories chosen by the replay policy; returns the mean loss.")
        .def("rehearse", [](LearningEngine& e) { return unlocked([&] { return e.rehearse(); }); },
             "One pass of the block adapters over all episodes so far; returns the number of examples learned from.")
        .def(
            "step_along_sum", [](LearningEngine& e, float length) { unlocked([&] { e.step_along_sum(length); }); },
            py::kw_only(), py::arg("length"),
            "One step of this length along the gradients summed since the last one, where they are accumulated.")
        .def("learn_patterns", [](LearningEngine& e) { unlocked([&] { e.learn_patterns(); }); },
             "Clusters the latest good trajectories into the pattern bank.")
        .def("end_epoch", [](LearningEngine& e) { unlocked([&] { e.end_epoch(); }); },
             "Folds the replayed gradients into the Fisher information.")
        .def("consolidate", [](LearningEngine& e) { unlocked([&] { e.consolidate(); }); },
             "The present parameters become EWC's reference.")
        .def(
            "adapt",
            [](LearningEngine& e, const FloatArray& queries, const Array<std::uint8_t>& types) {
                const auto h = matrix_view(queries, "queries", e.config().lora.dim);
                const auto type = vector_view(types, "types", h.rows);
                FloatArray z({static_cast<py::ssize_t>(h.rows), static_cast<py::ssize_t>(h.columns)});
                float* out = z.mutable_data();
                unlocked([&] {
                    for (std::size_t i = 0; i < h.rows; ++i)
                        e.adapt(h.data + i * h.columns, type[i], out + i * h.columns);
                });
                return z;
            },
            py::arg("queries").noconvert(), py::arg("types").noconvert(),
            "Adapted queries (n, d) of queries (n, d) with task types (n,) uint8.")
        .def(
            "crowding",
            [](LearningEngine& e, const FloatArray& solutions, std::size_t type, std::size_t neighbours) {
                const auto s = matrix_view(solutions, "solutions", e.config().lora.dim);
                if (type >= e.config().contrastive.types)
                    throw std::invalid_argument("type must be below " + std::to_string(e.config().contrastive.types) +
                                                ", not " + std::to_string(type));
                FloatArray found(static_cast<py::ssize_t>(s.rows));
                float* const out = found.mutable_data();
                unlocked([&] { e.crowding(neighbours, {s.data, s.rows, s.columns}, type, out); });
                return found;
            },
            py::arg("solutions").noconvert(), py::arg("type"), py::kw_only(), py::arg("neighbours") = 10,
            "(m,): the mean cosine of each solution (m, d) with the past queries of a task type, adapted, that are nearest "
            "to it; 0 where nothing is remembered.");
}

void register_state(py::class_<LearningEngine>& engine)
{
    engine
        .def(
            "lora_matrices",
            [](const LearningEngine& e, std::size_t adapter) {
                const MicroLoRA& lora = e.lora().adapter(adapter);
                return py::make_tuple(to_matrix(lora.a(), lora.dim()), to_matrix(lora.b(), lora.dim()));
            },
            py::arg("adapter"), "(A, B), each (rank, d), of adapter 0 (shared) or 1 + k (head of type k).")
        .def_property_readonly(
            "parameters", [](const LearningEngine& e) { return to_array(std::span<const float>(e.parameters())); },
            "All parameters (P,), adapter after adapter, A before B.")
        .def_property_readonly("fisher", [](const LearningEngine& e) { return to_array(e.ewc().fisher()); })
        .def_property_readonly("reference", [](const LearningEngine& e) { return to_array(e.ewc().reference()); })
        .def_property_readonly("heads", [](const LearningEngine& e) { return e.config().lora.heads; })
        .def_property_readonly("scaling", [](const LearningEngine& e) { return e.config().lora.scaling; })
        .def_property_readonly("ewc_lambda", [](const LearningEngine& e) { return e.config().ewc.lambda; })
        .def_property_readonly(
            "ewc_penalty",
            [](LearningEngine& e) { return unlocked([&] { return e.ewc().penalty(e.parameters()); }); },
            "lambda / 2 sum F (theta - reference)^2; 0 before the first consolidation.")
        .def_property_readonly("ewc_task_count", [](const LearningEngine& e) { return e.ewc().task_count(); })
        .def_property_readonly("pattern_count", [](const LearningEngine& e) { return e.patterns().size(); })
        .def_property_readonly(
            "pattern_queries",
            [](const LearningEngine& e) { return to_matrix(e.patterns().queries(), e.patterns().dim()); })
        .def_property_readonly(
            "pattern_solutions",
            [](const LearningEngine& e) { return to_matrix(e.patterns().solutions(), e.patterns().dim()); })
        .def_property_readonly("pattern_qualities",
                               [](const LearningEngine& e) { return to_array(e.patterns().qualities()); })
        .def_property_readonly("pattern_types", [](const LearningEngine& e) { return to_array(e.patterns().types()); })
        .def_property_readonly("replay_beta", [](const LearningEngine& e) { return e.trajectories().replay().beta(); })
        .def_property_readonly("trajectory_count", [](const LearningEngine& e) { return e.trajectories().size(); })
        .def_property_readonly(
            "trajectories",
            [](const LearningEngine& e) {
                const auto n = static_cast<py::ssize_t>(e.trajectories().size());
                Array<std::uint32_t> task(n);
                Array<bool> resolved(n);
                Array<double> quality(n), td_error(n);
                for (py::ssize_t i = 0; i < n; ++i) {
                    const Trajectory& t = e.trajectories()[static_cast<std::size_t>(i)];
                    task.mutable_data()[i] = t.task;
                    resolved.mutable_data()[i] = t.resolved;
                    quality.mutable_data()[i] = t.quality;
                    td_error.mutable_data()[i] = t.td_error;
                }
                return py::make_tuple(task, resolved, quality, td_error);
            },
            "(task uint32, resolved bool, quality float64, td_error float64), each (n,).")
        .def_property_readonly(
            "blocks",
            [](const LearningEngine& e) {
                py::dict blocks;
                e.associations().for_each([&](std::size_t type, const auto& block, const auto&) {
                    if (block)
                        blocks[py::int_(type)] = to_array(block->weights());
                });
                return blocks;
            },
            "Weights of the block adapter of each task type that has one: block after block, row after row.")
        .def_property_readonly(
            "episodes",
            [](const LearningEngine& e) {
                py::dict episodes;
                e.associations().for_each([&](std::size_t type, const auto&, const std::vector<Episode>& found) {
                    Array<std::uint32_t> pairs({static_cast<py::ssize_t>(found.size()), py::ssize_t{2}});
                    for (std::size_t i = 0; i < found.size(); ++i) {
                        pairs.mutable_data()[2 * i] = found[i].task;
                        pairs.mutable_data()[2 * i + 1] = found[i].right;
                    }
                    episodes[py::int_(type)] = pairs;
                });
                return episodes;
            },
            "For each task type that has some (n, 2) uint32: tasks, in the order they came, and the candidates told right.")
        .def_property_readonly("memory_size", [](const LearningEngine& e) {
            return py::make_tuple(e.memory().positive_count(), e.memory().negative_count());
        });
}

} // namespace

void register_engine(py::module_& m)
{
    register_enums(m);
    register_config(m);
    py::class_<LearningEngine> engine(m, "LearningEngine",
                                      "One model learning from tasks: adapter, replay, EWC, patterns, memory. Not for two "
                                      "threads at once; two engines in two threads are fine.");
    engine.def(py::init([](const TaskSource& source, const EngineConfig& config, const std::string& isa) {
                   const numeric::FloatEnvironmentGuard guard;
                   return std::make_unique<LearningEngine>(kernels_by_name(isa), source, config);
               }),
               py::arg("source"), py::arg("config"), py::kw_only(), py::arg("isa") = "auto",
               py::keep_alive<1, 2>());
    register_learning(engine);
    register_state(engine);
    register_engine_state(engine);
}
