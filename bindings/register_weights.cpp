#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/components/listwise_weights.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

using Numbers = ArrayArgument<std::int64_t>;

MatrixView<double> features_view(const Doubles& features)
{
    const auto view = matrix_view(features, "features");
    checked_size("columns of features", view.columns, 4096);
    return view;
}

// Copies of what is checked and then used while other threads may change the caller's.
struct OwnLists {
    std::vector<double> features;
    std::vector<std::int64_t> sizes, right;
    std::size_t columns;

    OwnLists(const Doubles& given, const Numbers& given_sizes, const Numbers& given_right)
    {
        const auto f = features_view(given);
        const auto s = vector_view(given_sizes, "sizes"), r = vector_view(given_right, "right", s.size());
        features.assign(f.data, f.data + f.rows * f.columns);
        sizes.assign(s.begin(), s.end());
        right.assign(r.begin(), r.end());
        columns = f.columns;
    }

    [[nodiscard]] components::CandidateLists view() const { return {features, columns, sizes, right}; }
};

std::vector<double> copy_of(const Doubles& values, const char* name, std::size_t n)
{
    const auto view = vector_view(values, name, n);
    return {view.begin(), view.end()};
}

Array<double> fit(const Doubles& features, const Numbers& sizes, const Numbers& right, const Doubles& prior,
                  double penalty)
{
    const OwnLists lists(features, sizes, right);
    const std::vector<double> start = copy_of(prior, "prior", lists.columns);
    const std::vector<double> found =
        unlocked([&] { return components::fit_listwise_weights(lists.view(), start, penalty); });
    return to_array(std::span<const double>(found));
}

double loss(const Doubles& features, const Numbers& sizes, const Numbers& right, const Doubles& weights)
{
    const OwnLists lists(features, sizes, right);
    const std::vector<double> w = copy_of(weights, "weights", lists.columns);
    return unlocked([&] { return components::listwise_loss(lists.view(), w); });
}

Array<double> scores(const Doubles& features, const Doubles& weights)
{
    const auto f = features_view(features);
    const std::vector<double> w = copy_of(weights, "weights", f.columns);
    Array<double> found(static_cast<py::ssize_t>(f.rows));
    components::listwise_scores({f.data, f.rows * f.columns}, w, {found.mutable_data(), f.rows});
    return found;
}

} // namespace

void register_weights(py::module_& m)
{
    function(m, "listwise_weights", "features, sizes, right, prior, *, penalty=1.0",
             "The weights (K,) >= 0 that minimise sum over lists of -log softmax(w . features)[right] + penalty "
             "|w - prior|^2, float64, the same bits on every CPU. features (n, K) float64 has the candidates of all "
             "lists, one list after another, within 1e6 of 0; sizes (lists,) int64 says how many each list has, right "
             "(lists,) int64 which of them is right, from 0. prior (K,) in 0 ... 1e6, penalty in 1e-6 ... 1e9. Without "
             "lists the prior is returned. Raises ValueError for anything else.",
             [](const Doubles& features, const Numbers& sizes, const Numbers& right, const Doubles& prior,
                double penalty) { return fit(features, sizes, right, prior, penalty); });
    function(m, "listwise_loss", "features, sizes, right, weights",
             "Mean over lists of -log softmax(weights . features)[right]; 0 without lists. Arguments as those of "
             "listwise_weights.",
             [](const Doubles& features, const Numbers& sizes, const Numbers& right, const Doubles& weights) {
                 return loss(features, sizes, right, weights);
             });
    function(m, "listwise_scores", "features, weights",
             "(n,) float64: weights (K,) . each row of features (n, K), summed in order, so that equal rows tie and "
             "ranks are the same on every CPU.",
             [](const Doubles& features, const Doubles& weights) { return scores(features, weights); });
}
