#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "lora_calls.hpp"
#include "ruvllm/engine/learning_engine.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;
using Engine = LearningEngine;

void register_engine_config(py::module_& m);
void register_engine_state(Class<Engine>& engine);

namespace {

using Tasks = ArrayArgument<std::uint32_t>;
using Columns = std::tuple<Array<std::uint32_t>, Array<bool>, Array<double>, Array<double>>;

// Outcomes as columns: (chosen uint32, resolved bool, confidence float64, loss float64), each (n,).
Columns columns(const std::vector<Outcome>& outcomes)
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
    return {std::move(chosen), std::move(resolved), std::move(confidence), std::move(loss)};
}

// A copy, all of which are tasks: nothing is learned of a batch that is refused, and nobody changes it meanwhile.
std::vector<std::uint32_t> checked_tasks(const Engine& e, const Tasks& tasks)
{
    const auto view = vector_view(tasks, "tasks");
    std::vector<std::uint32_t> copy(view.begin(), view.end());
    for (const std::uint32_t task : copy)
        if (task >= e.source().size())
            throw std::out_of_range("task must be below " + std::to_string(e.source().size()) + ", not " +
                                    std::to_string(task));
    return copy;
}

float checked_rate(double learning_rate)
{
    require(std::isfinite(learning_rate) && learning_rate >= 0.0, "learning_rate must be finite and >= 0", learning_rate);
    require(learning_rate <= most_learning_rate, "learning_rate must be 10 or less (0.001 to 0.1 is usual)",
            learning_rate);
    return static_cast<float>(learning_rate);
}

Columns train(Engine& e, const Tasks& tasks, double learning_rate, double temperature)
{
    const auto indices = checked_tasks(e, tasks);
    const float rate = checked_rate(learning_rate);
    return columns(unlocked([&] { return e.train(indices, rate, temperature); }));
}

std::tuple<Array<double>, Array<std::uint32_t>> logits(Engine& e, const Tasks& tasks)
{
    const auto indices = checked_tasks(e, tasks);
    const auto n = static_cast<py::ssize_t>(indices.size());
    Array<double> scores({n, static_cast<py::ssize_t>(e.n_candidates())});
    Array<std::uint32_t> right(n);
    const std::span<double> out(scores.mutable_data(), static_cast<std::size_t>(scores.size()));
    const std::span<std::uint32_t> numbers(right.mutable_data(), indices.size());
    unlocked([&] { e.logits(indices, out, numbers); });
    return {std::move(scores), std::move(right)};
}

FloatArray adapt(Engine& e, const Floats& queries, const ArrayArgument<std::uint8_t>& types)
{
    const auto h = matrix_view(queries, "queries", e.config().lora.dim);
    const auto type = vector_view(types, "types", h.rows);
    for (std::size_t i = 0; i < h.rows; ++i)
        require_finite(e.lora().kernels(), {h.data + i * h.columns, h.columns}, "queries");
    FloatArray z({static_cast<py::ssize_t>(h.rows), static_cast<py::ssize_t>(h.columns)});
    float* out = z.mutable_data();
    unlocked([&] {
        for (std::size_t begin = 0, end = 0; begin < h.rows; begin = end) { // several of a type at once
            for (end = begin; end < h.rows && end - begin < 64 && type[end] == type[begin];)
                ++end;
            e.adapt(h.data + begin * h.columns, end - begin, type[begin], out + begin * h.columns);
        }
    });
    return z;
}

void require_type(const Engine& e, std::size_t type)
{
    if (type >= e.config().contrastive.types)
        throw std::invalid_argument("type must be below " + std::to_string(e.config().contrastive.types) + ", not " +
                                    std::to_string(type));
}

FloatArray centre_solutions(Engine& e, const Floats& solutions, std::size_t type)
{
    const auto s = matrix_view(solutions, "solutions", e.config().lora.dim);
    require_type(e, type);
    FloatArray centred({static_cast<py::ssize_t>(s.rows), static_cast<py::ssize_t>(s.columns)});
    float* const out = centred.mutable_data();
    unlocked([&] {
        std::copy_n(s.data, s.rows * s.columns, out);
        for (std::size_t i = 0; i < s.rows; ++i)
            e.centre_solution(type, out + i * s.columns);
    });
    return centred;
}

FloatArray nearness(Engine& e, const Floats& queries, const ArrayArgument<std::uint8_t>& types)
{
    const auto h = matrix_view(queries, "queries", e.config().lora.dim);
    const auto type = vector_view(types, "types", h.rows);
    for (std::size_t i = 0; i < h.rows; ++i)
        require_finite(e.lora().kernels(), {h.data + i * h.columns, h.columns}, "queries");
    FloatArray found(static_cast<py::ssize_t>(h.rows));
    float* const out = found.mutable_data();
    unlocked([&] {
        for (std::size_t i = 0; i < h.rows; ++i)
            out[i] = e.nearness(h.data + i * h.columns, type[i]);
    });
    return found;
}

FloatArray crowding(Engine& e, const Floats& solutions, std::size_t type, std::size_t neighbours)
{
    const auto s = matrix_view(solutions, "solutions", e.config().lora.dim);
    require_type(e, type);
    FloatArray found(static_cast<py::ssize_t>(s.rows));
    float* const out = found.mutable_data();
    unlocked([&] { e.crowding(neighbours, {s.data, s.rows, s.columns}, type, out); });
    return found;
}

Columns trajectories(const Engine& e)
{
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
    return {std::move(task), std::move(resolved), std::move(quality), std::move(td_error)};
}

std::map<std::size_t, FloatArray> blocks(const Engine& e)
{
    std::map<std::size_t, FloatArray> found;
    e.associations().for_each([&](std::size_t type, const auto& block, const auto&) {
        if (block)
            found.emplace(type, to_array(block->weights()));
    });
    return found;
}

std::map<std::size_t, Array<std::uint32_t>> episodes(const Engine& e)
{
    std::map<std::size_t, Array<std::uint32_t>> all;
    e.associations().for_each([&](std::size_t type, const auto&, const std::vector<Episode>& found) {
        Array<std::uint32_t> pairs({static_cast<py::ssize_t>(found.size()), py::ssize_t{2}});
        for (std::size_t i = 0; i < found.size(); ++i) {
            pairs.mutable_data()[2 * i] = found[i].task;
            pairs.mutable_data()[2 * i + 1] = found[i].right;
        }
        all.emplace(type, std::move(pairs));
    });
    return all;
}

Made<Engine> make(const Kept<TaskSource>& source, const EngineConfig& config, const simd::KernelTable& kernels)
{
    const double parameters = 2.0 * static_cast<double>(1 + config.lora.heads) *
                              static_cast<double>(config.lora.rank) * static_cast<double>(config.lora.dim);
    require_memory(24.0 * parameters + 16.0 * static_cast<double>(config.replay.capacity), "the engine");
    return {std::make_unique<Engine>(kernels, source.object, config), source.python};
}

void register_answers(Class<Engine>& engine)
{
    engine
        .method("train", "tasks, *, learning_rate, temperature",
                "Attempts tasks (n,) uint32 and learns from each. Returns (chosen uint32, resolved bool, confidence "
                "float64, loss float64), each (n,). ValueError unless 0 <= learning_rate <= 10 and temperature > 0, "
                "IndexError for a task that is none; then nothing is learned.",
                [](Engine& e, const Tasks& tasks, double learning_rate, double temperature) {
                    return train(e, tasks, learning_rate, temperature);
                })
        .method("choose", "task, *, temperature",
                "Draws an answer to a task, as train() does, and changes nothing. Returns (chosen, confidence).",
                [](Engine& e, std::uint32_t task, double temperature) -> std::tuple<std::uint32_t, double> {
                    const Choice choice = unlocked([&] { return e.choose(task, temperature); });
                    return {choice.chosen, choice.confidence};
                })
        .method("told", "task, *, chosen, right, learning_rate, temperature",
                "Learns from an answer to a task, whoever gave it. Returns (chosen, resolved, confidence, loss).",
                [](Engine& e, std::uint32_t task, std::size_t chosen, std::size_t right, double learning_rate,
                   double temperature) -> std::tuple<std::uint32_t, bool, double, double> {
                    const float rate = checked_rate(learning_rate);
                    const Outcome o = unlocked([&] { return e.told(task, chosen, right, rate, temperature); });
                    return {o.chosen, o.resolved, o.confidence, o.loss};
                })
        .method("evaluate", "tasks",
                "Answers tasks (n,) uint32 at temperature 1 without learning. Returns the same columns as train().",
                [](Engine& e, const Tasks& tasks) {
                    const auto indices = checked_tasks(e, tasks);
                    return columns(unlocked([&] { return e.evaluate(indices); }));
                })
        .method("logits", "tasks",
                "Scores (n, M) float64 of tasks (n,) uint32 and their right candidates (n,), without learning: "
                "evaluate() chooses the largest, its confidence is their softmax.",
                [](Engine& e, const Tasks& tasks) { return logits(e, tasks); });
}

void register_epoch(Class<Engine>& engine)
{
    engine
        .method("replay", "n, *, learning_rate",
                "Learns again from n trajectories chosen by the replay policy; returns the mean loss.",
                [](Engine& e, std::size_t n, double learning_rate) {
                    require_memory(64.0 * static_cast<double>(n), "so many draws");
                    const float rate = checked_rate(learning_rate);
                    return unlocked([&] { return e.replay(n, rate); });
                })
        .method("rehearse", "",
                "One pass of the block adapters over all episodes so far; returns the number of examples learned from.",
                [](Engine& e) { return unlocked([&] { return e.rehearse(); }); })
        .method("step_along_sum", "*, length",
                "One step of this length, 0 ... 1e6, along the gradients summed since the last one, where they are "
                "accumulated.",
                [](Engine& e, double length) {
                    require(length >= 0.0 && length <= 1e6, "length must lie in [0, 1e6]", length);
                    unlocked([&] { e.step_along_sum(static_cast<float>(length)); });
                })
        .method("learn_patterns", "", "Clusters the latest good trajectories into the pattern bank.",
                [](Engine& e) { unlocked([&] { e.learn_patterns(); }); })
        .method("end_epoch", "", "Folds the replayed gradients into the Fisher information.",
                [](Engine& e) { unlocked([&] { e.end_epoch(); }); })
        .method("consolidate", "", "The present parameters become EWC's reference.",
                [](Engine& e) { unlocked([&] { e.consolidate(); }); })
        .method("adapt", "queries, types", "Adapted queries (n, d) of finite queries (n, d) with task types (n,) uint8.",
                [](Engine& e, const Floats& queries, const ArrayArgument<std::uint8_t>& types) {
                    return adapt(e, queries, types);
                })
        .method("centre", "tasks",
                "Learns and answers from now on without the mean query and the mean right solution of these tasks (n,) "
                "uint32, those of each type by themselves. Once, and first of all. Nothing for a control, or if the "
                "configuration does not ask for it.",
                [](Engine& e, const Tasks& tasks) {
                    const auto indices = checked_tasks(e, tasks);
                    unlocked([&] { e.centre(indices); });
                })
        .method("centre_solutions", "solutions, type",
                "What adapted queries of a type are to be compared with: solutions (n, d) without the mean, of length 1; "
                "as they are where there are no means.",
                [](Engine& e, const Floats& solutions, std::size_t type) { return centre_solutions(e, solutions, type); })
        .method("nearness", "queries, types",
                "(n,): how near finite queries (n, d) are to the past ones of their types (n,) uint8, as a multiple of what "
                "those have among themselves; 0 where nothing is remembered.",
                [](Engine& e, const Floats& queries, const ArrayArgument<std::uint8_t>& types) {
                    return nearness(e, queries, types);
                })
        .method("crowding", "solutions, type, *, neighbours=10",
                "(m,): the mean cosine of each solution (m, d) with the past queries of a task type, adapted, that are "
                "nearest to it; 0 where nothing is remembered.",
                [](Engine& e, const Floats& solutions, std::size_t type, std::size_t neighbours) {
                    return crowding(e, solutions, type, neighbours);
                });
}

void register_parameters(Class<Engine>& engine)
{
    engine
        .method("lora_matrices", "adapter",
                "(A, B), each (rank, d), of adapter 0 (shared) or 1 + k (head of type k), copies.",
                [](const Engine& e, std::size_t adapter) { return matrices(e.lora(), adapter); })
        .property("parameters", "All parameters (P,) float32, adapter after adapter, A before B, a copy.",
                  [](const Engine& e) { return to_array(std::span<const float>(e.parameters())); })
        .property("fisher", "Diagonal Fisher information (P,) float32, a copy.",
                  [](const Engine& e) { return to_array(e.ewc().fisher()); })
        .property("reference", "EWC's reference (P,) float32, a copy.",
                  [](const Engine& e) { return to_array(e.ewc().reference()); })
        .property("heads", "The number of task types that have an adapter of their own.",
                  [](const Engine& e) { return e.config().lora.heads; })
        .property("scaling", "The factor of what the adapter adds.",
                  [](const Engine& e) { return e.config().lora.scaling; })
        .property("ewc_lambda", "The factor of EWC's penalty.", [](const Engine& e) { return e.config().ewc.lambda; })
        .property("ewc_penalty", "lambda / 2 sum F (theta - reference)^2; 0 before the first consolidation.",
                  [](const Engine& e) { return unlocked([&] { return e.ewc().penalty(e.parameters()); }); })
        .property("ewc_task_count", "Consolidations so far.", [](const Engine& e) { return e.ewc().task_count(); })
        .property("blocks", "Weights of the block adapter of each task type that has one: block after block, row after row.",
                  [](const Engine& e) { return blocks(e); });
}

void register_memories(Class<Engine>& engine)
{
    engine.property("pattern_count", "The number of patterns.", [](const Engine& e) { return e.patterns().size(); })
        .property("pattern_queries", "Of each pattern (n, d) float32, a copy.",
                  [](const Engine& e) { return to_matrix(e.patterns().queries(), e.patterns().dim()); })
        .property("pattern_solutions", "Of each pattern (n, d) float32, a copy.",
                  [](const Engine& e) { return to_matrix(e.patterns().solutions(), e.patterns().dim()); })
        .property("pattern_qualities", "Of each pattern (n,) float64, a copy.",
                  [](const Engine& e) { return to_array(e.patterns().qualities()); })
        .property("pattern_types", "Of each pattern (n,) uint8, a copy.",
                  [](const Engine& e) { return to_array(e.patterns().types()); })
        .property("replay_beta", "The present exponent of the replay's importance weights.",
                  [](const Engine& e) { return e.trajectories().replay().beta(); })
        .property("trajectory_count", "The number of trajectories that are kept.",
                  [](const Engine& e) { return e.trajectories().size(); })
        .property("trajectories", "(task uint32, resolved bool, quality float64, td_error float64), each (n,).",
                  [](const Engine& e) { return trajectories(e); })
        .property("episodes",
                  "For each task type that has some (n, 2) uint32: tasks, in the order they came, and the candidates told "
                  "right.",
                  [](const Engine& e) { return episodes(e); })
        .property("memory_size", "(right, wrong) solutions that are remembered, of all types.",
                  [](const Engine& e) -> std::tuple<std::size_t, std::size_t> {
                      return {e.memory().positive_count(), e.memory().negative_count()};
                  })
        .method("__repr__", "", "Class, sizes and what is remembered.", [](const Engine& e) {
            const LoraConfig& c = e.config().lora;
            return "LearningEngine(dim=" + std::to_string(c.dim) + ", rank=" + std::to_string(c.rank) +
                   ", heads=" + std::to_string(c.heads) + ", " + std::to_string(e.source().size()) + " tasks, " +
                   std::to_string(e.trajectories().size()) + " trajectories)";
        });
}

} // namespace

void register_engine(py::module_& m)
{
    register_engine_config(m);
    Class<Engine> engine(m, "LearningEngine",
                         "One model learning from tasks: adapter, replay, EWC, patterns, memory. Threads may share one: "
                         "each call waits for the one before.");
    engine.init("source, config, *, isa='auto'",
                "An engine that has learned nothing yet. Raises ValueError where dimensions or types disagree and for a "
                "setting out of its range.",
                [](Kept<TaskSource> source, const EngineConfig& config, const simd::KernelTable& kernels) {
                    return make(source, config, kernels);
                });
    register_answers(engine);
    register_epoch(engine);
    register_parameters(engine);
    register_memories(engine);
    register_engine_state(engine);
}
