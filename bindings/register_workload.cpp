#include <cmath>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/tasks/corpus_source.hpp"
#include "ruvllm/tasks/simulated_world.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

constexpr std::size_t most_choices = std::size_t{1} << 16;

struct SimulatedColumns {
    const ArrayArgument<std::uint64_t>& keys;
    const Floats& difficulty;
    const ArrayArgument<std::uint8_t>&types, &families;
};

std::vector<SimulatedTask> simulated_tasks(const SimulatedColumns& columns)
{
    const auto keys = vector_view(columns.keys, "keys");
    const auto difficulty = vector_view(columns.difficulty, "difficulty", keys.size());
    const auto types = vector_view(columns.types, "types", keys.size());
    const auto families = vector_view(columns.families, "families", keys.size());
    std::vector<SimulatedTask> tasks;
    tasks.reserve(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i)
        tasks.push_back({keys[i], difficulty[i], types[i], families[i]});
    return tasks;
}

// Within these limits no sum of a task's parts leaves the range of float32, and no size wraps around.
void check(const SimulatedModel& model, const SimulatedConstants& constants, std::size_t n_tasks)
{
    checked_dim(model.dim);
    checked_size("n_candidates", constants.n_candidates, most_choices);
    checked_size("families_per_type", constants.families, most_choices);
    require(std::abs(model.habit) <= 1e6, "habit must be finite and within 1e6 of 0", model.habit);
    require(std::abs(model.visibility) <= 1e6, "visibility must be finite and within 1e6 of 0", model.visibility);
    const auto bits = static_cast<double>(n_tasks) * static_cast<double>(constants.n_candidates + 2) +
                      4.0 * static_cast<double>(constants.families);
    require_memory(bits * static_cast<double>(model.dim) / 8.0, "the workload");
}

std::tuple<FloatArray, FloatArray, std::size_t, std::uint8_t> load(const TaskSource& source, std::size_t index)
{
    if (index >= source.size())
        throw std::out_of_range("task must be below " + std::to_string(source.size()) + ", not " +
                                std::to_string(index));
    Task task(source.dim(), source.n_candidates());
    unlocked([&] { source.load(index, task); });
    return {FloatArray(static_cast<py::ssize_t>(source.dim()), task.query.data()),
            to_matrix(task.candidates, source.dim()), task.right, task.type};
}

Made<TaskSource> corpus(const FrozenArray<float>& queries, const FrozenArray<float>& solutions,
                        const FrozenArray<std::int32_t>& candidates, const FrozenArray<std::int32_t>& right,
                        const FrozenArray<std::uint8_t>& types, const simd::KernelTable& kernels)
{
    const auto q = matrix_view(queries.array, "queries");
    const auto s = matrix_view(solutions.array, "solutions", q.columns);
    const auto c = matrix_view(candidates.array, "candidates");
    auto source = std::make_unique<CorpusSource>(
        kernels, CorpusTable{{q.data, q.rows * q.columns},
                             {s.data, s.rows * s.columns},
                             {c.data, c.rows * c.columns},
                             vector_view(right.array, "right"),
                             vector_view(types.array, "types"),
                             q.columns,
                             c.columns});
    require_unit_rows(kernels, q.data, q.rows, q.columns, "queries");
    require_unit_rows(kernels, s.data, s.rows, s.columns, "solutions");
    return {std::move(source), py::make_tuple(queries.array.owner, solutions.array.owner, candidates.array.owner,
                                              right.array.owner, types.array.owner)};
}

} // namespace

void register_workload(py::module_& m)
{
    Class<TaskSource>(m, "TaskSource", "Tasks by number. Its subclasses can be made: SimulatedWorld, CorpusSource.")
        .method("__len__", "", "The number of tasks.", [](const TaskSource& s) { return s.size(); })
        .property("dim", "The number of elements of a vector.", [](const TaskSource& s) { return s.dim(); })
        .property("n_candidates", "The number of candidates of each task, M.",
                  [](const TaskSource& s) { return s.n_candidates(); })
        .method("load", "index",
                "Task `index` as (query (d,), candidates (M, d), index of the right one, type). Raises IndexError for a "
                "task that there is not.",
                [](const TaskSource& s, std::size_t index) { return load(s, index); })
        .method("__repr__", "", "Kind and sizes.", [](const TaskSource& s) {
            const bool simulated = dynamic_cast<const SimulatedWorld*>(&s) != nullptr;
            return std::string(simulated ? "SimulatedWorld(" : "CorpusSource(") + std::to_string(s.size()) +
                   " tasks of " + std::to_string(s.n_candidates()) + " candidates, dim=" + std::to_string(s.dim()) + ")";
        });

    Class<SimulatedWorld, TaskSource>(m, "SimulatedWorld",
                                      "The simulated workload: each task is generated from its key (see "
                                      "docs/equations.md). Raises ValueError for arrays that do not fit together and for "
                                      "numbers outside their ranges.")
        .init("*, dim, model, habit, visibility, seed, keys, difficulty, types, families, n_candidates=8, "
              "families_per_type=5, family_share=0.5, isa='auto'",
              "Tasks from keys (n,) uint64, difficulty (n,) float32 in [0, 1], types (n,) uint8 below 4 and families (n,) "
              "uint8 below families_per_type; dim is a multiple of 32.",
              [](std::size_t dim, std::uint64_t model, double habit, double visibility, std::uint64_t seed,
                 const ArrayArgument<std::uint64_t>& keys, const Floats& difficulty,
                 const ArrayArgument<std::uint8_t>& types, const ArrayArgument<std::uint8_t>& families,
                 std::size_t n_candidates, std::size_t families_per_type, double family_share,
                 const simd::KernelTable& kernels) -> Made<TaskSource> {
                  SimulatedConstants constants;
                  constants.n_candidates = n_candidates;
                  constants.families = families_per_type;
                  constants.family_share = family_share;
                  const SimulatedModel frozen{dim, model, habit, visibility};
                  const auto tasks = simulated_tasks({keys, difficulty, types, families});
                  check(frozen, constants, tasks.size());
                  return unlocked(
                      [&] { return std::make_unique<SimulatedWorld>(kernels, frozen, constants, seed, tasks); });
              });

    Class<CorpusSource, TaskSource>(m, "CorpusSource",
                                    "Tasks over encoded texts. Read-only arrays of the right type are looked at, others "
                                    "are copied. Raises ValueError for arrays that do not fit together, for rows that are "
                                    "neither of length 1, to within 0.001, nor all zeros, and for indices out of range.")
        .init("*, queries, solutions, candidates, right, types, isa='auto'",
              "Tasks with queries (n, d) and, among solutions (m, d), rows candidates (n, M) int32, of which number "
              "right (n,) int32 is the right one; types (n,) uint8.",
              [](const FrozenArray<float>& queries, const FrozenArray<float>& solutions,
                 const FrozenArray<std::int32_t>& candidates, const FrozenArray<std::int32_t>& right,
                 const FrozenArray<std::uint8_t>& types, const simd::KernelTable& kernels) {
                  return corpus(queries, solutions, candidates, right, types, kernels);
              });
}
