#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "ruvllm/text/near_copies.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using ruvllm::components::TaskCopies;

namespace {

using Texts = std::vector<std::string>;
using Numbers = Array<std::uint32_t>;

// Throws std::invalid_argument unless all numbers are below `limit`.
std::span<const std::uint32_t> numbers_below(const Numbers& array, const char* name, std::size_t limit)
{
    const auto view = vector_view(array, name);
    for (const std::uint32_t number : view)
        if (number >= limit)
            throw std::invalid_argument(std::string(name) + " must be below " + std::to_string(limit) + ", not " +
                                        std::to_string(number));
    return view;
}

TaskCopies make_copies(const Texts& prompts, const Texts& solutions, const Numbers& prompt_of,
                       const Numbers& solution_of, bool by_prompt)
{
    const auto of_prompts = numbers_below(prompt_of, "prompt_of", prompts.size());
    const auto of_solutions = numbers_below(solution_of, "solution_of", solutions.size());
    require_elements("solution_of", of_solutions.size(), of_prompts.size());
    const py::gil_scoped_release release;
    const std::vector<std::string_view> a(prompts.begin(), prompts.end()), b(solutions.begin(), solutions.end());
    return TaskCopies(a, b, {of_prompts, of_solutions}, by_prompt);
}

py::array groups(const TaskCopies& copies, const Numbers& start)
{
    const auto begin = vector_view(start, "start", copies.size());
    for (std::size_t i = 0; i < begin.size(); ++i)
        if (begin[i] > i || begin[begin[i]] != begin[i])
            throw std::invalid_argument("start must name the smallest member of each group, not " +
                                        std::to_string(begin[i]) + " for " + std::to_string(i));
    std::vector<std::uint32_t> found;
    {
        const py::gil_scoped_release release;
        found = copies.groups(begin);
    }
    return to_array<std::uint32_t>(found);
}

double similarity(const TaskCopies& copies, std::uint32_t i, std::uint32_t j)
{
    for (const std::uint32_t task : {i, j})
        if (task >= copies.size())
            throw py::index_error("a task must be below " + std::to_string(copies.size()) + ", not " +
                                  std::to_string(task));
    return copies.similarity(i, j);
}

py::tuple nearest(const TaskCopies& copies, const Numbers& tasks, const Numbers& known)
{
    const auto of_tasks = numbers_below(tasks, "tasks", copies.size());
    const auto of_known = numbers_below(known, "known", copies.size());
    if (of_known.empty())
        throw std::invalid_argument("known must have at least 1 task, not 0");
    std::vector<std::uint32_t> which;
    std::vector<double> similarities;
    {
        const py::gil_scoped_release release;
        for (const auto& [task, similarity] : copies.nearest(of_tasks, of_known)) {
            which.push_back(task);
            similarities.push_back(similarity);
        }
    }
    return py::make_tuple(to_array<std::uint32_t>(which), to_array<double>(similarities));
}

} // namespace

void register_copies(py::module_& m)
{
    py::class_<TaskCopies>(m, "TaskCopies",
                           "Tasks of which some are near copies of others. Texts are UTF-8 bytes in a normal form, no "
                           "two alike; tasks are pairs of numbers of texts. ruvllm.workloads.repeats prepares them.")
        .def(py::init(&make_copies), py::arg("prompts"), py::arg("solutions"), py::arg("prompt_of").noconvert(),
             py::arg("solution_of").noconvert(), py::kw_only(), py::arg("by_prompt") = false,
             "`prompt_of` and `solution_of` are uint32 (n,). With `by_prompt` solutions do not count.")
        .def("similarity", &similarity, py::arg("i"), py::arg("j"), "Of two tasks, in [0, 1].")
        .def("groups", &groups, py::arg("start").noconvert(),
             "The smallest member (n,) of each task's group: `start`, and near copies joined.")
        .def("nearest", &nearest, py::arg("tasks").noconvert(), py::arg("known").noconvert(),
             "For each of `tasks` the most similar of `known`, and how similar it is.");
}
