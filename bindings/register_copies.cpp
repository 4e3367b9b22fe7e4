#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/text/near_copies.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using ruvllm::components::TaskCopies;

namespace {

using Texts = std::vector<std::string>;
using Numbers = ArrayArgument<std::uint32_t>;

// A copy of numbers, all below `limit`, which nobody changes between the check and the use. Throws
// std::invalid_argument for others.
std::vector<std::uint32_t> numbers_below(const Numbers& array, const char* name, std::size_t limit)
{
    const auto view = vector_view(array, name);
    for (const std::uint32_t number : view)
        if (number >= limit)
            throw std::invalid_argument(std::string(name) + " must be below " + std::to_string(limit) + ", not " +
                                        std::to_string(number));
    return {view.begin(), view.end()};
}

Made<TaskCopies> make_copies(const Texts& prompts, const Texts& solutions, const Numbers& prompt_of,
                             const Numbers& solution_of, bool by_prompt)
{
    const auto of_prompts = numbers_below(prompt_of, "prompt_of", prompts.size());
    const auto of_solutions = numbers_below(solution_of, "solution_of", solutions.size());
    require_elements("solution_of", of_solutions.size(), of_prompts.size());
    return unlocked([&] {
        const std::vector<std::string_view> a(prompts.begin(), prompts.end()), b(solutions.begin(), solutions.end());
        return std::make_unique<TaskCopies>(a, b, ruvllm::components::TaskTexts{of_prompts, of_solutions}, by_prompt);
    });
}

std::vector<std::uint32_t> groups(const TaskCopies& copies, const Numbers& start)
{
    const auto view = vector_view(start, "start", copies.size());
    const std::vector<std::uint32_t> begin(view.begin(), view.end());
    for (std::size_t i = 0; i < begin.size(); ++i)
        if (begin[i] > i || begin[begin[i]] != begin[i])
            throw std::invalid_argument("start must name the smallest member of each group, not " +
                                        std::to_string(begin[i]) + " for " + std::to_string(i));
    return unlocked([&] { return copies.groups(begin); });
}

double similarity(const TaskCopies& copies, std::uint32_t i, std::uint32_t j)
{
    for (const std::uint32_t task : {i, j})
        if (task >= copies.size())
            throw std::out_of_range("a task must be below " + std::to_string(copies.size()) + ", not " +
                                    std::to_string(task));
    return copies.similarity(i, j);
}

std::tuple<std::vector<std::uint32_t>, std::vector<double>> nearest(const TaskCopies& copies, const Numbers& tasks,
                                                                    const Numbers& known)
{
    const auto of_tasks = numbers_below(tasks, "tasks", copies.size());
    const auto of_known = numbers_below(known, "known", copies.size());
    if (of_known.empty())
        throw std::invalid_argument("known must have at least 1 task, not 0");
    std::vector<std::uint32_t> which;
    std::vector<double> similarities;
    unlocked([&] {
        for (const auto& [task, similarity] : copies.nearest(of_tasks, of_known)) {
            which.push_back(task);
            similarities.push_back(similarity);
        }
    });
    return {std::move(which), std::move(similarities)};
}

} // namespace

void register_copies(py::module_& m)
{
    Class<TaskCopies>(m, "TaskCopies",
                      "Tasks of which some are near copies of others. Texts are UTF-8 bytes in a normal form, no two "
                      "alike; tasks are pairs of numbers of texts. ruvllm.workloads.repeats prepares them.")
        .init("prompts, solutions, prompt_of, solution_of, *, by_prompt=False",
              "`prompt_of` and `solution_of` are uint32 (n,). With `by_prompt` solutions do not count.",
              [](const Texts& prompts, const Texts& solutions, const Numbers& prompt_of, const Numbers& solution_of,
                 bool by_prompt) { return make_copies(prompts, solutions, prompt_of, solution_of, by_prompt); })
        .method("similarity", "i, j", "Of two tasks, in [0, 1]. Raises IndexError for a task that is none.",
                [](const TaskCopies& c, std::uint32_t i, std::uint32_t j) { return similarity(c, i, j); })
        .method("groups", "start", "The smallest member (n,) of each task's group: `start`, and near copies joined.",
                [](const TaskCopies& c, const Numbers& start) { return groups(c, start); })
        .method("nearest", "tasks, known", "For each of `tasks` the most similar of `known`, and how similar it is.",
                [](const TaskCopies& c, const Numbers& tasks, const Numbers& known) { return nearest(c, tasks, known); })
        .method("__repr__", "", "Class and size.",
                [](const TaskCopies& c) { return "TaskCopies(" + std::to_string(c.size()) + " tasks)"; });
}
