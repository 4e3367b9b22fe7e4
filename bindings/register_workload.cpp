#include <memory>
#include <vector>

#include <pybind11/pybind11.h>

#include "components.hpp"
#include "kernels_by_name.hpp"
#include "ruvllm/tasks/corpus_source.hpp"
#include "ruvllm/tasks/simulated_world.hpp"
#include "ruvllm/numeric/float_environment.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

struct SimulatedColumns {
    Array<std::uint64_t> keys;
    FloatArray difficulty;
    Array<std::uint8_t> types, families;
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

py::tuple load(const TaskSource& source, std::size_t index)
{
    Task task(source.dim(), source.n_candidates());
    unlocked([&] { source.load(index, task); });
    const auto rows = static_cast<py::ssize_t>(source.n_candidates());
    const auto columns = static_cast<py::ssize_t>(source.dim());
    return py::make_tuple(FloatArray(columns, task.query.data()),
                          FloatArray({rows, columns}, task.candidates.data()), task.right, task.type);
}

} // namespace

void register_workload(py::module_& m)
{
    py::class_<TaskSource>(m, "TaskSource", "Tasks by number.")
        .def("__len__", &TaskSource::size)
        .def_property_readonly("dim", &TaskSource::dim)
        .def_property_readonly("n_candidates", &TaskSource::n_candidates)
        .def("load", &load, py::arg("index"),
             "Task `index` as (query (d,), candidates (M, d), index of the right one, type).");

    py::class_<SimulatedWorld, TaskSource>(m, "SimulatedWorld",
                                           "The simulated workload: each task is generated from its key (see "
                                           "docs/equations.md).")
        .def(py::init([](std::size_t dim, std::uint64_t model, double habit, double visibility, std::uint64_t seed,
                         Array<std::uint64_t> keys, FloatArray difficulty, Array<std::uint8_t> types,
                         Array<std::uint8_t> families, std::size_t n_candidates, std::size_t families_per_type,
                         double family_share, const std::string& isa) {
                 const numeric::FloatEnvironmentGuard guard;
                 SimulatedConstants constants;
                 constants.n_candidates = n_candidates;
                 constants.families = families_per_type;
                 constants.family_share = family_share;
                 const auto tasks = simulated_tasks(
                     {std::move(keys), std::move(difficulty), std::move(types), std::move(families)});
                 const simd::KernelTable& kernels = kernels_by_name(isa);
                 return unlocked([&] {
                     return std::make_unique<SimulatedWorld>(
                         kernels, SimulatedModel{dim, model, habit, visibility}, constants, seed, tasks);
                 });
             }),
             py::kw_only(), py::arg("dim"), py::arg("model"), py::arg("habit"), py::arg("visibility"), py::arg("seed"),
             py::arg("keys").noconvert(), py::arg("difficulty").noconvert(), py::arg("types").noconvert(),
             py::arg("families").noconvert(), py::arg("n_candidates") = 8, py::arg("families_per_type") = 5,
             py::arg("family_share") = 0.5, py::arg("isa") = "auto");

    py::class_<CorpusSource, TaskSource>(m, "CorpusSource", "Tasks over encoded texts.")
        .def(py::init([](const FloatArray& queries, const FloatArray& solutions, const Array<std::int32_t>& candidates,
                         const Array<std::int32_t>& right, const Array<std::uint8_t>& types, const std::string& isa) {
                 const auto q = matrix_view(queries, "queries");
                 const auto s = matrix_view(solutions, "solutions", q.columns);
                 const auto c = matrix_view(candidates, "candidates");
                 return std::make_unique<CorpusSource>(
                     kernels_by_name(isa),
                     CorpusTable{{q.data, q.rows * q.columns}, {s.data, s.rows * s.columns}, {c.data, c.rows * c.columns},
                                 vector_view(right, "right"), vector_view(types, "types"), q.columns, c.columns});
             }),
             py::kw_only(), py::arg("queries").noconvert(), py::arg("solutions").noconvert(),
             py::arg("candidates").noconvert(), py::arg("right").noconvert(), py::arg("types").noconvert(),
             py::arg("isa") = "auto",
             // the source looks at the arrays, so they live as long as it does
             py::keep_alive<1, 2>(), py::keep_alive<1, 3>(), py::keep_alive<1, 4>(), py::keep_alive<1, 5>(),
             py::keep_alive<1, 6>());
}
