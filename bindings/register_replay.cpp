#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include <pybind11/pybind11.h>

#include "array_argument.hpp"
#include "components.hpp"
#include "fast_method.hpp"
#include "ruvllm/components/prioritized_replay.hpp"
#include "ruvllm/components/sum_tree.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using ruvllm::PrioritizedReplay;
using ruvllm::ReplayConfig;
using ruvllm::ReplaySample;
using ruvllm::SumTree;
using ruvllm::numeric::FloatEnvironmentGuard;
using ruvllm::numeric::RandomStream;

namespace {

constexpr std::size_t most_items = std::size_t{1} << 32;

// With these limits the priorities' sum is neither 0 nor infinite, so that there is always something to draw.
constexpr double least_epsilon = 1e-100, largest_error = 1e100;

double checked_error(double td_error)
{
    require(std::abs(td_error) <= largest_error, "a TD error must be finite and within 1e100 of 0", td_error);
    return td_error;
}

// Counted, not searched: without a branch it takes nanoseconds.
bool all_within_limit(std::span<const double> td_errors)
{
    std::size_t good = 0;
    for (const double error : td_errors)
        good += static_cast<std::size_t>(std::abs(error) <= largest_error);
    return good == td_errors.size();
}

// Samples as columns: (item int64, probability float64, weight float64), each (n,).
py::tuple columns(const std::vector<ReplaySample>& samples)
{
    const auto n = static_cast<py::ssize_t>(samples.size());
    Array<std::int64_t> item(n);
    Array<double> probability(n), weight(n);
    std::int64_t* items = item.mutable_data(); // each call of mutable_data() checks the array again
    double *probabilities = probability.mutable_data(), *weights = weight.mutable_data();
    for (std::size_t i = 0; i < samples.size(); ++i) {
        items[i] = static_cast<std::int64_t>(samples[i].item);
        probabilities[i] = samples[i].probability;
        weights[i] = samples[i].weight;
    }
    return py::make_tuple(item, probability, weight);
}

void update_priorities(PrioritizedReplay& replay, ArrayArgument<std::int64_t> items, ArrayArgument<double> td_errors)
{
    const auto numbers = vector_view(items, "items");
    const auto errors = vector_view(td_errors, "td_errors", numbers.size());
    const FloatEnvironmentGuard guard;
    if (!all_within_limit(errors)) // which one is bad matters only if there is one
        std::for_each(errors.begin(), errors.end(), checked_error);
    replay.update_priorities(numbers, errors);
}

PyObject* general_update = nullptr;

PyObject* fast_update(PyObject* self, PyObject* const* values, Py_ssize_t positional, PyObject* keywords) noexcept
{
    return with_python_errors([&] {
        const FastArguments a{values, positional, keywords};
        ArrayArgument<std::int64_t> items;
        ArrayArgument<double> td_errors;
        auto& replay = py::cast<PrioritizedReplay&>(py::handle(self));
        const bool usual = positional == 2 && a.named() == 0 && a.array(0, items) && a.array(1, td_errors);
        if (!usual || items.shape.size() != 1 || td_errors.shape.size() != 1)
            return call_general(general_update, self, a);
        try {
            update_priorities(replay, items, td_errors);
        } catch (const std::exception&) { // nothing was changed: pybind11 knows Python's word for it
            return call_general(general_update, self, a);
        }
        return Py_NewRef(Py_None);
    });
}

py::tuple sample(PrioritizedReplay& replay, std::size_t n, RandomStream& stream)
{
    const FloatEnvironmentGuard guard;
    return columns(replay.sample(n, stream));
}

void register_sum_tree(py::module_& m)
{
    py::class_<SumTree>(m, "SumTree",
                        "Weights of `capacity` leaves, all 0 at first, with their running sums in a binary tree.")
        .def(py::init([](std::size_t capacity) { return SumTree(checked_size("capacity", capacity, most_items)); }),
             py::arg("capacity"))
        .def_property_readonly("capacity", &SumTree::capacity)
        .def_property_readonly("total", &SumTree::total, "Sum of all weights.")
        .def("get", &SumTree::get, py::arg("leaf"), "The weight of a leaf. Raises IndexError from capacity on.")
        .def(
            "set",
            [](SumTree& tree, std::size_t leaf, double weight) {
                const FloatEnvironmentGuard guard;
                tree.set(leaf, weight);
            },
            py::arg("leaf"), py::arg("weight"), "Sets the weight of a leaf, finite and >= 0, in O(log capacity).")
        .def(
            "find",
            [](const SumTree& tree, double target) {
                const FloatEnvironmentGuard guard;
                return tree.find(target);
            },
            py::arg("target"),
            "The first leaf whose running sum exceeds target, 0 <= target < total; never one of weight 0.")
        .def(
            "check_valid",
            [](const SumTree& tree) {
                const FloatEnvironmentGuard guard;
                tree.check_valid();
            },
            "Raises RuntimeError unless every inner node is the sum of its children.");
}

void register_prioritized_replay(py::module_& m)
{
    py::class_<PrioritizedReplay> type(
        m, "PrioritizedReplay",
        "Which of N stored items to learn from again (Schaul et al. 2016, proportional variant).\n\n"
        "Priority p_i = (|TD error| + epsilon)^alpha, P(i) = p_i / sum p, importance weight w_i = (N P(i))^-beta / max "
        "w. beta grows by beta_increment with each draw, up to 1. The items themselves are the caller's; replay knows "
        "their numbers 0 ... N - 1.\n\n"
        "Raises ValueError unless 1 <= capacity <= 2^32, alpha and beta lie in [0, 1], beta_increment >= 0 and epsilon "
        "in [1e-100, 1e100], and for TD errors beyond 1e100.\n\n"
        ">>> replay = ruvllm.PrioritizedReplay(capacity=10)\n"
        ">>> dull, surprising = replay.add(0.1), replay.add(0.9)\n"
        ">>> replay.probability(surprising) > replay.probability(dull)\n"
        "True\n");
    type.def(py::init([](std::size_t capacity, double alpha, double beta, double beta_increment, double epsilon) {
                 require(alpha >= 0.0 && alpha <= 1.0, "alpha must lie in [0, 1]", alpha);
                 require(beta_increment >= 0.0, "beta_increment must be >= 0", beta_increment);
                 require(epsilon >= least_epsilon && epsilon <= largest_error, "epsilon must lie in [1e-100, 1e100]",
                         epsilon);
                 checked_size("capacity", capacity, most_items);
                 return std::make_unique<PrioritizedReplay>(
                     ReplayConfig{capacity, alpha, beta, beta_increment, epsilon});
             }),
             py::arg("capacity") = 10'000, py::kw_only(), py::arg("alpha") = 0.6, py::arg("beta") = 0.4,
             py::arg("beta_increment") = 0.001, py::arg("epsilon") = 0.01)
        .def(
            "add",
            [](PrioritizedReplay& replay, double td_error) {
                const FloatEnvironmentGuard guard;
                return replay.add(checked_error(td_error));
            },
            py::arg("td_error"), "Adds an item and returns its number. Raises ValueError when full.")
        .def(
            "update_priority",
            [](PrioritizedReplay& replay, std::size_t item, double td_error) {
                const FloatEnvironmentGuard guard;
                replay.update_priority(item, checked_error(td_error));
            },
            py::arg("item"), py::arg("td_error"))
        .def(
            "update_priorities", &update_priorities, py::arg("items"), py::arg("td_errors"),
            "update_priority() of each of items (n,) int64 with td_errors (n,) float64, in turn and to the bit, in one "
            "call. Nothing is updated when one of them is refused.")
        .def(
            "reset",
            [](PrioritizedReplay& replay, const Array<double>& td_errors) {
                const auto errors = vector_view(td_errors, "td_errors");
                const FloatEnvironmentGuard guard;
                std::for_each(errors.begin(), errors.end(), checked_error);
                replay.reset({errors.begin(), errors.end()});
            },
            py::arg("td_errors").noconvert(), "Starts again with these TD errors (n,) float64; beta goes on.")
        .def("sample", &sample, py::arg("n"), py::arg("stream"),
             "n independent draws with replacement: (item int64, probability float64, weight float64), each (n,). "
             "Raises RuntimeError when there is nothing to draw from.")
        .def("priority", &PrioritizedReplay::priority, py::arg("item"))
        .def("probability", &PrioritizedReplay::probability, py::arg("item"), "P(item).")
        .def_property_readonly("beta", &PrioritizedReplay::beta)
        .def("__len__", &PrioritizedReplay::size);
    put_in_front(type, "update_priorities", fast_update, general_update);
}

} // namespace

void register_replay(py::module_& m)
{
    register_sum_tree(m);
    register_prioritized_replay(m);
}
