#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/components/pattern_bank.hpp"
#include "ruvllm/components/spherical_kmeans.hpp"
#include "states.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

constexpr double largest_weight = 1e100; // their sum is finite then

std::vector<double> checked_weights(const std::optional<Doubles>& weights, std::size_t n)
{
    if (!weights)
        return std::vector<double>(n, 1.0);
    const auto view = vector_view(*weights, "weights", n);
    for (const double w : view)
        require(w >= 0.0 && w <= largest_weight, "weights must be finite and >= 0, 1e100 at most", w);
    return {view.begin(), view.end()};
}

using Clusters = std::tuple<FloatArray, std::vector<std::uint32_t>, std::vector<double>>;

Clusters clusters_of(const Floats& rows, const std::optional<Doubles>& weights, const KMeansConfig& config,
                     std::uint64_t seed, const simd::KernelTable& kernels)
{
    const auto x = matrix_view(rows, "rows");
    const auto w = checked_weights(weights, x.rows);
    require(config.diversity >= 0.0 && config.diversity <= 1.0, "diversity must lie in [0, 1]", config.diversity);
    require_unit_rows(kernels, x.data, x.rows, x.columns, "rows");
    const auto k = static_cast<double>(std::min(config.clusters, x.rows));
    require_memory(4.0 * k * static_cast<double>(x.rows + 2 * x.columns), "k-means");
    KMeansResult result = unlocked([&] {
        numeric::RandomStream stream(seed, numeric::Purpose::user);
        return SphericalKMeans(kernels, config, {x.data, x.rows * x.columns}, x.columns, w).fit(stream);
    });
    return {to_matrix(result.centers, x.columns), std::move(result.labels), std::move(result.inertia)};
}

// Matches as columns: (pattern int64, similarity float32, weight float32), each (n,).
std::tuple<std::vector<std::int64_t>, std::vector<float>, std::vector<float>>
match(const PatternBank& bank, const Floats& query, std::uint8_t type)
{
    const auto q = vector_view(query, "query", bank.dim());
    require_unit_rows(bank.kernels(), q.data(), 1, bank.dim(), "query");
    std::vector<std::int64_t> pattern;
    std::vector<float> similarity, weight;
    for (const PatternMatch& m : bank.match(q.data(), type)) {
        pattern.push_back(static_cast<std::int64_t>(m.pattern));
        similarity.push_back(m.similarity);
        weight.push_back(m.weight);
    }
    return {std::move(pattern), std::move(similarity), std::move(weight)};
}

std::vector<double> evidence(const PatternBank& bank, const Floats& query, const Floats& candidates, std::uint8_t type)
{
    const auto q = vector_view(query, "query", bank.dim());
    const auto s = matrix_view(candidates, "candidates", bank.dim());
    require_unit_rows(bank.kernels(), q.data(), 1, bank.dim(), "query");
    require_unit_rows(bank.kernels(), s.data, s.rows, s.columns, "candidates");
    std::vector<double> logits(s.rows, 0.0);
    bank.add_evidence(q.data(), type, s.data, logits);
    return logits;
}

void add(PatternBank& bank, const Floats& query, const Floats& solution, double quality, std::uint8_t type)
{
    const auto q = vector_view(query, "query", bank.dim());
    const auto s = vector_view(solution, "solution", bank.dim());
    require_unit_rows(bank.kernels(), q.data(), 1, bank.dim(), "query");
    require_unit_rows(bank.kernels(), s.data(), 1, bank.dim(), "solution");
    bank.add(q.data(), s.data(), finite(quality, "quality"), type);
}

PatternConfig checked(const PatternConfig& config)
{
    finite(static_cast<double>(config.threshold), "threshold");
    require(config.threshold >= 0.0f, "threshold must be >= 0", static_cast<double>(config.threshold));
    require(std::isfinite(config.same_type_factor) && config.same_type_factor > 0.0f,
            "same_type_factor must be finite and > 0", static_cast<double>(config.same_type_factor));
    finite(config.strength, "strength");
    return config;
}

template <class Archive>
void archive(PatternConfig& config, std::size_t& dim, Archive& archive)
{
    archive.number("dim", dim);
    archive.number("capacity", config.capacity);
    archive.number("top", config.top);
    archive.number("threshold", config.threshold);
    archive.number("sameTypeFactor", config.same_type_factor);
    archive.number("strength", config.strength);
}

} // namespace

template <>
struct ruvllm::bindings::State<PatternBank> {
    static constexpr const char* kind = "PatternBank";
    static void write(const PatternBank& bank, StateWriter& writer)
    {
        PatternConfig config = bank.config();
        std::size_t dim = bank.dim();
        archive(config, dim, writer);
        PatternBank::archive(bank, writer);
    }
    static Made<PatternBank> read(StateReader& reader)
    {
        PatternConfig config;
        std::size_t dim = 0;
        archive(config, dim, reader);
        auto bank = std::make_unique<PatternBank>(simd::default_kernels(), checked(config), checked_dim(dim));
        PatternBank::archive(*bank, reader);
        require_unit_rows(bank->kernels(), bank->queries().data(), bank->size(), dim, "patterns.queries");
        require_unit_rows(bank->kernels(), bank->solutions().data(), bank->size(), dim, "patterns.solutions");
        return bank;
    }
};

namespace {

void register_pattern_bank(py::module_& m)
{
    Class<PatternBank> made(
        m, "PatternBank",
        "What solved tasks had in common: centroids of queries, the direction of their right solutions, quality and "
        "type.\n\n"
        "A query is matched with the `top` patterns of highest cosine above `threshold` (0 or more), each with weight "
        "cosine (times same_type_factor, above 0, for the same type); a candidate's evidence is strength times the "
        "weighted mean of its cosines to their solutions. All vectors are float32 (dim,), of length 1 to within 0.001 "
        "or all zeros, else ValueError; types are 0 ... 255.\n\n"
        ">>> import numpy as np\n"
        ">>> vectors = np.eye(4, dtype=np.float32)\n"
        ">>> bank = ruvllm.PatternBank(4)\n"
        ">>> bank.add(vectors[0], vectors[2], quality=1.0, type=0)\n"
        ">>> bank.evidence(vectors[0], vectors, 0).round(2).tolist()\n"
        "[0.0, 0.0, 2.86, 0.0]\n");
    made.init("dim, *, capacity=150, top=5, threshold=0.5, same_type_factor=1.2, strength=2.857142857142857, isa='auto'",
              "An empty bank of patterns of vectors (dim,).",
              [](std::size_t dim, std::size_t capacity, std::size_t top, float threshold, float same_type_factor,
                 double strength, const simd::KernelTable& kernels) -> Made<PatternBank> {
                  return std::make_unique<PatternBank>(
                      kernels, checked({capacity, top, threshold, same_type_factor, strength}), checked_dim(dim));
              })
        .method("add", "query, solution, *, quality, type",
                "Adds a pattern; a finite quality. Raises ValueError beyond the capacity. A refused one adds nothing.",
                [](PatternBank& b, const Floats& query, const Floats& solution, double quality, std::uint8_t type) {
                    add(b, query, solution, quality, type);
                })
        .method("clear", "", "Forgets all patterns.", [](PatternBank& b) { b.clear(); })
        .method("match", "query, type",
                "The ensemble for a query, nearest first: (pattern int64, similarity float32, weight float32), each (n,).",
                [](const PatternBank& b, const Floats& query, std::uint8_t type) { return match(b, query, type); })
        .method("evidence", "query, candidates, type",
                "Evidence (m,) float64 for each candidate of (m, dim), in units of a logit; zeros when nothing matches.",
                [](const PatternBank& b, const Floats& query, const Floats& candidates, std::uint8_t type) {
                    return evidence(b, query, candidates, type);
                })
        .property("dim", "The number of elements of a vector.", [](const PatternBank& b) { return b.dim(); })
        .property("queries", "(n, dim) float32, a copy.",
                  [](const PatternBank& b) { return to_matrix(b.queries(), b.dim()); })
        .property("solutions", "(n, dim) float32, a copy.",
                  [](const PatternBank& b) { return to_matrix(b.solutions(), b.dim()); })
        .property("qualities", "(n,) float64, a copy.", [](const PatternBank& b) { return to_array(b.qualities()); })
        .property("types", "(n,) uint8, a copy.", [](const PatternBank& b) { return to_array(b.types()); })
        .method("__len__", "", "The number of patterns.", [](const PatternBank& b) { return b.size(); })
        .method("__repr__", "", "Class, sizes and how full it is.",
                [](const PatternBank& b) {
                    return "PatternBank(dim=" + std::to_string(b.dim()) + ", " + std::to_string(b.size()) + " of " +
                           std::to_string(b.capacity()) + " patterns)";
                });
    save_with_state(made);
}

} // namespace

void register_clusters(py::module_& m)
{
    function(
        m, "spherical_kmeans", "rows, weights, n_clusters, *, seed=0, max_iterations=5, diversity=0.5, isa='auto'",
        "Clusters unit rows (n, d) by cosine: (centers (k, d), labels (n,) uint32, inertia float64).\n\n"
        "Spherical k-means (Dhillon and Modha 2001) from a k-means++ start (Arthur and Vassilvitskii 2007): a next "
        "center is drawn with probability proportional to weight (1 - s) (1 - diversity s), s being the cosine to "
        "the nearest center so far. weights (n,) float64 >= 0, or None for equal ones, count in that start alone. "
        "Inertia, sum of 1 - cosine to the own center, is given after the start and after each iteration; it never "
        "grows. k is n_clusters, or n if that is less. Raises ValueError for no rows, for no clusters and for rows that "
        "are neither of length 1, to within 0.001, nor all zeros.\n\n"
        ">>> import numpy as np\n"
        ">>> rows = np.repeat(np.eye(2, 4, dtype=np.float32), 3, axis=0)\n"
        ">>> centers, labels, inertia = ruvllm.spherical_kmeans(rows, None, 2)\n"
        ">>> len(set(labels[:3].tolist())), len(set(labels.tolist())), float(inertia[-1])\n"
        "(1, 2, 0.0)\n",
        [](const Floats& rows, std::optional<Doubles> weights, std::size_t n_clusters, std::uint64_t seed,
           std::size_t max_iterations, double diversity, const simd::KernelTable& kernels) {
            return clusters_of(rows, weights, {n_clusters, max_iterations, diversity}, seed, kernels);
        });
    register_pattern_bank(m);
}
