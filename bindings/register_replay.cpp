#include <algorithm>
#include <cmath>
#include <memory>
#include <tuple>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/components/prioritized_replay.hpp"
#include "ruvllm/components/sum_tree.hpp"
#include "states.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using ruvllm::PrioritizedReplay;
using ruvllm::ReplayConfig;
using ruvllm::ReplaySample;
using ruvllm::SumTree;
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

std::span<const double> checked_errors(std::span<const double> td_errors)
{
    if (!all_within_limit(td_errors)) // which one is bad matters only if there is one
        std::for_each(td_errors.begin(), td_errors.end(), checked_error);
    return td_errors;
}

std::size_t checked_capacity(std::size_t capacity)
{
    checked_size("capacity", capacity, most_items);
    require_memory(16.0 * static_cast<double>(std::bit_ceil(capacity)), "a tree of this capacity");
    return capacity;
}

// Samples as columns: (item int64, probability float64, weight float64), each (n,).
std::tuple<Array<std::int64_t>, Array<double>, Array<double>> columns(const std::vector<ReplaySample>& samples)
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
    return {std::move(item), std::move(probability), std::move(weight)};
}

Made<PrioritizedReplay> make(const ReplayConfig& c)
{
    require(c.alpha >= 0.0 && c.alpha <= 1.0, "alpha must lie in [0, 1]", c.alpha);
    require(c.beta_increment >= 0.0, "beta_increment must be >= 0", finite(c.beta_increment, "beta_increment"));
    require(c.epsilon >= least_epsilon && c.epsilon <= largest_error, "epsilon must lie in [1e-100, 1e100]", c.epsilon);
    checked_capacity(c.capacity);
    return std::make_unique<PrioritizedReplay>(c);
}

template <class Archive>
void archive(ReplayConfig& config, Archive& archive)
{
    archive.number("capacity", config.capacity);
    archive.number("alpha", config.alpha);
    archive.number("betaAtStart", config.beta);
    archive.number("betaIncrement", config.beta_increment);
    archive.number("epsilon", config.epsilon);
}

} // namespace

template <>
struct ruvllm::bindings::State<SumTree> {
    static constexpr const char* kind = "SumTree";
    static void write(const SumTree& tree, ruvllm::StateWriter& writer)
    {
        writer.number("capacity", tree.capacity());
        SumTree::archive(tree, writer);
    }
    static Made<SumTree> read(ruvllm::StateReader& reader)
    {
        std::size_t capacity = 0;
        reader.number("capacity", capacity);
        auto tree = std::make_unique<SumTree>(checked_capacity(capacity));
        SumTree::archive(*tree, reader);
        return tree;
    }
};

template <>
struct ruvllm::bindings::State<PrioritizedReplay> {
    static constexpr const char* kind = "PrioritizedReplay";
    static void write(const PrioritizedReplay& replay, ruvllm::StateWriter& writer)
    {
        ReplayConfig config = replay.config();
        archive(config, writer);
        PrioritizedReplay::archive_whole(replay, writer);
    }
    static Made<PrioritizedReplay> read(ruvllm::StateReader& reader)
    {
        ReplayConfig config;
        archive(config, reader);
        Made<PrioritizedReplay> made = make(config);
        PrioritizedReplay::archive_whole(*made.object, reader);
        return made;
    }
};

namespace {

void register_sum_tree(py::module_& m)
{
    Class<SumTree> type(m, "SumTree",
                   "Weights of `capacity` leaves, all 0 at first, with their running sums in a binary tree. Raises "
                   "IndexError for a leaf that there is not, ValueError for a weight that is not finite or below 0.");
    type.init("capacity", "A tree of 1 ... 2^32 leaves; 16 bytes for each, rounded up to a power of two.",
              [](std::size_t capacity) -> Made<SumTree> {
                  return std::make_unique<SumTree>(checked_capacity(capacity));
              })
        .property("capacity", "The number of leaves.", [](const SumTree& t) { return t.capacity(); })
        .property("total", "Sum of all weights.", [](const SumTree& t) { return t.total(); })
        .method("get", "leaf", "The weight of a leaf. Raises IndexError from capacity on.",
                [](const SumTree& t, std::size_t leaf) { return t.get(leaf); })
        .method("set", "leaf, weight",
                "Sets the weight of a leaf, from 0 to 1e290 (so that sums are finite), in O(log capacity).",
                [](SumTree& t, std::size_t leaf, double weight) {
                    require(weight >= 0.0 && weight <= 1e290, "a weight must be finite and >= 0, 1e290 at most", weight);
                    t.set(leaf, weight);
                })
        .method("find", "target",
                "The first leaf whose running sum exceeds target, 0 <= target < total; never one of weight 0.",
                [](const SumTree& t, double target) { return t.find(target); })
        .method("check_valid", "", "Raises RuntimeError unless every inner node is the sum of its children.",
                [](const SumTree& t) { t.check_valid(); })
        .method("__repr__", "", "Class, size and sum.",
                [](const SumTree& t) {
                    return "SumTree(capacity=" + std::to_string(t.capacity()) + ", total=" + std::to_string(t.total()) +
                           ")";
                });
    save_with_state(type);
}

void register_prioritized_replay(py::module_& m)
{
    Class<PrioritizedReplay> type(
        m, "PrioritizedReplay",
        "Which of N stored items to learn from again (Schaul et al. 2016, proportional variant).\n\n"
        "Priority p_i = (|TD error| + epsilon)^alpha, P(i) = p_i / sum p, importance weight w_i = (N P(i))^-beta / max "
        "w. beta grows by beta_increment with each draw, up to 1. The items themselves are the caller's; replay knows "
        "their numbers 0 ... N - 1.\n\n"
        "Raises ValueError unless 1 <= capacity <= 2^32, alpha and beta lie in [0, 1], beta_increment >= 0 and epsilon "
        "in [1e-100, 1e100], and for TD errors beyond 1e100; IndexError for an item that there is not. What is refused "
        "changes nothing.\n\n"
        ">>> replay = ruvllm.PrioritizedReplay(capacity=10)\n"
        ">>> dull, surprising = replay.add(0.1), replay.add(0.9)\n"
        ">>> replay.probability(surprising) > replay.probability(dull)\n"
        "True\n");
    type.init("capacity=10000, *, alpha=0.6, beta=0.4, beta_increment=0.001, epsilon=0.01", "An empty buffer.",
              [](std::size_t capacity, double alpha, double beta, double beta_increment, double epsilon) {
                  return make({capacity, alpha, beta, beta_increment, epsilon});
              })
        .method("add", "td_error", "Adds an item and returns its number. Raises ValueError when full.",
                [](PrioritizedReplay& r, double td_error) { return r.add(checked_error(td_error)); })
        .method("update_priority", "item, td_error", "Gives an item the priority of another TD error.",
                [](PrioritizedReplay& r, std::size_t item, double td_error) {
                    r.update_priority(item, checked_error(td_error));
                })
        .method("update_priorities", "items, td_errors",
                "update_priority() of each of items (n,) int64 with td_errors (n,) float64, in turn and to the bit, in "
                "one call. Nothing is updated when one of them is refused.",
                [](PrioritizedReplay& r, const ArrayArgument<std::int64_t>& items, const Doubles& td_errors) {
                    const auto numbers = vector_view(items, "items");
                    const auto errors = vector_view(td_errors, "td_errors", numbers.size());
                    r.update_priorities(numbers, checked_errors(errors));
                })
        .method("reset", "td_errors",
                "Starts again with these TD errors (n,) float64, n no more than the capacity; beta goes on.",
                [](PrioritizedReplay& r, const Doubles& td_errors) {
                    const auto errors = checked_errors(vector_view(td_errors, "td_errors"));
                    r.reset({errors.begin(), errors.end()});
                })
        .method("sample", "n, stream",
                "n independent draws with replacement: (item int64, probability float64, weight float64), each (n,). "
                "Raises RuntimeError when there is nothing to draw from.",
                [](PrioritizedReplay& r, std::size_t n, RandomStream& stream) {
                    require_memory(64.0 * static_cast<double>(n), "so many draws");
                    return columns(r.sample(n, stream));
                })
        .method("priority", "item", "p of an item.",
                [](const PrioritizedReplay& r, std::size_t item) { return r.priority(item); })
        .method("probability", "item", "P(item).",
                [](const PrioritizedReplay& r, std::size_t item) { return r.probability(item); })
        .property("beta", "The present exponent of the importance weights, in [0, 1].",
                  [](const PrioritizedReplay& r) { return r.beta(); })
        .method("__len__", "", "The number of items.", [](const PrioritizedReplay& r) { return r.size(); })
        .method("__repr__", "", "Class and how full it is.",
                [](const PrioritizedReplay& r) {
                    return "PrioritizedReplay(" + std::to_string(r.size()) + " of " +
                           std::to_string(r.config().capacity) + " items, beta=" + std::to_string(r.beta()) + ")";
                });
    save_with_state(type);
}

} // namespace

void register_replay(py::module_& m)
{
    register_sum_tree(m);
    register_prioritized_replay(m);
}
