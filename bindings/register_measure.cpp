#include <cmath>
#include <string>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "kernels_by_name.hpp"
#include "ruvllm/measure/kernels.hpp"
#include "ruvllm/measure/kmeans.hpp"
#include "ruvllm/measure/lora_step.hpp"
#include "ruvllm/measure/plain_reference.hpp"
#include "ruvllm/measure/timing.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;
using measure::Loop;

namespace {

using Seconds = std::vector<std::vector<double>>;
using Names = std::vector<std::string>;

constexpr const char* plain = "plain loop";
constexpr std::size_t most = std::size_t{1} << 24; // elements of a vector

struct Effort {
    std::size_t repetitions;
    double least_seconds;

    Effort(std::size_t n, double seconds) : repetitions(checked_size("repetitions", n, 10'000)), least_seconds(seconds)
    {
        require(seconds > 0.0 && seconds <= 10.0, "least_seconds must lie in (0, 10]", seconds);
    }
};

// Ctrl-C ends a measurement between two loops.
void check_signals()
{
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0)
        throw py::error_already_set();
}

// Checks and times one loop for each name; loop_on(name) gives it.
template <class LoopOn>
Seconds time_each(const Names& isas, const Effort& effort, LoopOn loop_on)
{
    std::vector<Loop> loops;
    for (const std::string& isa : isas) {
        check_signals();
        loops.push_back(loop_on(isa));
    }
    return measure::take_turns(std::span<const Loop>(loops), effort.repetitions, effort.least_seconds, check_signals);
}

// The same for work whose loop depends on nothing but the kernel table.
template <class Work, class... Sizes>
Seconds time_work(const Names& isas, const Effort& effort, Sizes... sizes)
{
    return unlocked([&] {
        Work work(sizes...);
        return time_each(isas, effort, [&](const std::string& isa) { return work.on(kernels_by_name(isa)); });
    });
}

Seconds measure_dot(const Names& isas, std::size_t n, std::size_t repetitions, double least_seconds)
{
    const Effort effort(repetitions, least_seconds);
    checked_size("n", n, most);
    return unlocked([&] {
        const measure::DotProduct work(n);
        return time_each(isas, effort, [&](const std::string& isa) {
            return isa == plain ? work.of(measure::plain_dot, plain) : work.on(kernels_by_name(isa));
        });
    });
}

Seconds measure_cosine(const Names& isas, std::size_t rows, std::size_t dim,
                       std::size_t repetitions, double least_seconds)
{
    checked_size("rows", rows, std::size_t{1} << 16);
    require_memory(4.0 * static_cast<double>(rows) * static_cast<double>(dim), "the bank");
    return time_work<measure::BankCosine>(isas, {repetitions, least_seconds}, rows, checked_dim(dim));
}

Seconds measure_lora_step(const Names& isas, std::size_t dim, std::size_t rank,
                          std::size_t candidates, std::size_t repetitions, double least_seconds)
{
    checked_size("candidates", candidates, std::size_t{1} << 16);
    checked_size("rank", rank, std::size_t{1} << 16);
    require_memory(4.0 * static_cast<double>(candidates + 4 * rank) * static_cast<double>(dim), "the adapter");
    return time_work<measure::LoraStep>(isas, {repetitions, least_seconds}, checked_dim(dim), rank, candidates);
}

Seconds measure_fisher_ema(const Names& isas, std::size_t n, std::size_t repetitions,
                           double least_seconds)
{
    return time_work<measure::FisherEma>(isas, {repetitions, least_seconds}, checked_size("n", n, most));
}

Seconds measure_kmeans(const Names& isas, std::size_t n, std::size_t dim, std::size_t n_clusters,
                       std::size_t max_iterations, std::size_t repetitions, double least_seconds)
{
    checked_size("n", n, std::size_t{1} << 16);
    checked_size("n_clusters", n_clusters, n);
    require_memory(8.0 * static_cast<double>(n) * static_cast<double>(dim + n_clusters), "k-means");
    return time_work<measure::KMeans>(isas, {repetitions, least_seconds}, n, checked_dim(dim), n_clusters,
                                      max_iterations);
}

} // namespace

void register_measure(py::module_& m)
{
    const std::string rest =
        "\n\nSeconds per call: for each of `isas` a list of `repetitions` figures, from loops that last `least_seconds` "
        "or more and take turns. Raises RuntimeError where an answer is not that of a naive twin in double precision: "
        "that is checked first.";
    function(m, "measure_dot", "isas, *, n, repetitions, least_seconds",
             "One dot product of two vectors (n,). \"plain loop\" among `isas` is a loop with one accumulator, compiled "
             "without vectorization." + rest,
             [](const Names& isas, std::size_t n, std::size_t repetitions, double least_seconds) {
                 return measure_dot(isas, n, repetitions, least_seconds);
             });
    function(m, "measure_cosine", "isas, *, rows, dim, repetitions, least_seconds",
             "The cosines of a vector (dim,) with a bank (rows, dim)." + rest,
             [](const Names& isas, std::size_t rows, std::size_t dim, std::size_t repetitions, double least_seconds) {
                 return measure_cosine(isas, rows, dim, repetitions, least_seconds);
             });
    function(m, "measure_lora_step", "isas, *, dim, rank, candidates, repetitions, least_seconds",
             "One learning step of an adapter: forward, InfoNCE over the candidates, gradient, momentum step." + rest,
             [](const Names& isas, std::size_t dim, std::size_t rank, std::size_t candidates, std::size_t repetitions,
                double least_seconds) {
                 return measure_lora_step(isas, dim, rank, candidates, repetitions, least_seconds);
             });
    function(m, "measure_fisher_ema", "isas, *, n, repetitions, least_seconds",
             "One update f = 0.92 f + 0.08 x^2 of n parameters: 12 n bytes are read or written." + rest,
             [](const Names& isas, std::size_t n, std::size_t repetitions, double least_seconds) {
                 return measure_fisher_ema(isas, n, repetitions, least_seconds);
             });
    function(m, "measure_kmeans", "isas, *, n, dim, n_clusters, max_iterations, repetitions, least_seconds",
             "One spherical k-means, seeding included, on random unit rows (n, dim)." + rest,
             [](const Names& isas, std::size_t n, std::size_t dim, std::size_t n_clusters, std::size_t max_iterations,
                std::size_t repetitions, double least_seconds) {
                 return measure_kmeans(isas, n, dim, n_clusters, max_iterations, repetitions, least_seconds);
             });
}
