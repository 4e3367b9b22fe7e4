#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "components.hpp"
#include "kernels_by_name.hpp"
#include "ruvllm/components/pattern_bank.hpp"
#include "ruvllm/components/spherical_kmeans.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;
using numeric::FloatEnvironmentGuard;

namespace {

std::vector<double> checked_weights(const std::optional<Array<double>>& weights, std::size_t n)
{
    if (!weights)
        return std::vector<double>(n, 1.0);
    const auto view = vector_view(*weights, "weights", n);
    for (const double w : view)
        require(std::isfinite(w) && w >= 0.0, "weights must be finite and >= 0", w);
    return {view.begin(), view.end()};
}

py::tuple spherical_kmeans(const FloatArray& rows, const std::optional<Array<double>>& weights, std::size_t n_clusters,
                           std::uint64_t seed, std::size_t max_iterations, double diversity, const std::string& isa)
{
    const auto x = matrix_view(rows, "rows");
    const auto w = checked_weights(weights, x.rows);
    require(diversity >= 0.0 && diversity <= 1.0, "diversity must lie in [0, 1]", diversity);
    const auto& kernels = kernels_by_name(isa);
    const KMeansResult result = unlocked([&] {
        numeric::RandomStream stream(seed, numeric::Purpose::user);
        const KMeansConfig config{n_clusters, max_iterations, diversity};
        return SphericalKMeans(kernels, config, {x.data, x.rows * x.columns}, x.columns, w).fit(stream);
    });
    return py::make_tuple(to_matrix(result.centers, x.columns), to_array(std::span<const std::uint32_t>(result.labels)),
                          to_array(std::span<const double>(result.inertia)));
}

// Matches as columns: (pattern int64, similarity float32, weight float32), each (n,).
py::tuple match(const PatternBank& bank, const FloatArray& query, std::uint8_t type)
{
    const auto q = vector_view(query, "query", bank.dim());
    const FloatEnvironmentGuard guard;
    const std::vector<PatternMatch> matches = bank.match(q.data(), type);
    const auto n = static_cast<py::ssize_t>(matches.size());
    Array<std::int64_t> pattern(n);
    FloatArray similarity(n), weight(n);
    for (std::size_t i = 0; i < matches.size(); ++i) {
        pattern.mutable_data()[i] = static_cast<std::int64_t>(matches[i].pattern);
        similarity.mutable_data()[i] = matches[i].similarity;
        weight.mutable_data()[i] = matches[i].weight;
    }
    return py::make_tuple(pattern, similarity, weight);
}

Array<double> evidence(const PatternBank& bank, const FloatArray& query, const FloatArray& candidates,
                       std::uint8_t type)
{
    const auto q = vector_view(query, "query", bank.dim());
    const auto s = matrix_view(candidates, "candidates", bank.dim());
    std::vector<double> logits(s.rows, 0.0);
    const FloatEnvironmentGuard guard;
    bank.add_evidence(q.data(), type, s.data, logits);
    return to_array(std::span<const double>(logits));
}

void add(PatternBank& bank, const FloatArray& query, const FloatArray& solution, double quality, std::uint8_t type)
{
    const auto q = vector_view(query, "query", bank.dim());
    const auto s = vector_view(solution, "solution", bank.dim());
    bank.add(q.data(), s.data(), quality, type);
}

void register_pattern_bank(py::module_& m)
{
    const PatternConfig defaults;
    py::class_<PatternBank>(
        m, "PatternBank",
        "What solved tasks had in common: centroids of queries, the direction of their right solutions, quality and "
        "type.\n\n"
        "A query is matched with the `top` patterns of highest cosine above `threshold`, each with weight cosine "
        "(times same_type_factor for the same type); a candidate's evidence is strength times the weighted mean of "
        "its cosines to their solutions. All vectors are unit vectors (dim,); types are 0 ... 255.\n\n"
        ">>> import numpy as np\n"
        ">>> vectors = np.eye(4, dtype=np.float32)\n"
        ">>> bank = ruvllm.PatternBank(4)\n"
        ">>> bank.add(vectors[0], vectors[2], quality=1.0, type=0)\n"
        ">>> bank.evidence(vectors[0], vectors, 0).round(2).tolist()\n"
        "[0.0, 0.0, 2.86, 0.0]\n")
        .def(py::init([](std::size_t dim, std::size_t capacity, std::size_t top, float threshold,
                         float same_type_factor, double strength, const std::string& isa) {
                 return std::make_unique<PatternBank>(
                     kernels_by_name(isa), PatternConfig{capacity, top, threshold, same_type_factor, strength},
                     checked_dim(dim));
             }),
             py::arg("dim"), py::kw_only(), py::arg("capacity") = defaults.capacity, py::arg("top") = defaults.top,
             py::arg("threshold") = 0.5, py::arg("same_type_factor") = 1.2,
             py::arg("strength") = defaults.strength, py::arg("isa") = "auto")
        .def("add", &add, py::arg("query").noconvert(), py::arg("solution").noconvert(), py::kw_only(),
             py::arg("quality"), py::arg("type"), "Adds a pattern. Raises ValueError beyond the capacity.")
        .def("clear", &PatternBank::clear, "Forgets all patterns.")
        .def("match", &match, py::arg("query").noconvert(), py::arg("type"),
             "The ensemble for a query, nearest first: (pattern int64, similarity float32, weight float32), each (n,).")
        .def("evidence", &evidence, py::arg("query").noconvert(), py::arg("candidates").noconvert(), py::arg("type"),
             "Evidence (m,) float64 for each candidate of (m, dim), in units of a logit; zeros when nothing matches.")
        .def_property_readonly("dim", &PatternBank::dim)
        .def_property_readonly("queries", [](const PatternBank& b) { return to_matrix(b.queries(), b.dim()); },
                               "(n, dim), a copy.")
        .def_property_readonly("solutions", [](const PatternBank& b) { return to_matrix(b.solutions(), b.dim()); },
                               "(n, dim), a copy.")
        .def_property_readonly("qualities", [](const PatternBank& b) { return to_array(b.qualities()); },
                               "(n,) float64, a copy.")
        .def_property_readonly("types", [](const PatternBank& b) { return to_array(b.types()); },
                               "(n,) uint8, a copy.")
        .def("__len__", &PatternBank::size);
}

} // namespace

void register_clusters(py::module_& m)
{
    m.def("spherical_kmeans", &spherical_kmeans, py::arg("rows").noconvert(), py::arg("weights").noconvert(),
          py::arg("n_clusters"), py::kw_only(), py::arg("seed") = 0, py::arg("max_iterations") = 5,
          py::arg("diversity") = 0.5, py::arg("isa") = "auto",
          "Clusters unit rows (n, d) by cosine: (centers (k, d), labels (n,) uint32, inertia float64).\n\n"
          "Spherical k-means (Dhillon and Modha 2001) from a k-means++ start (Arthur and Vassilvitskii 2007): a next "
          "center is drawn with probability proportional to weight (1 - s) (1 - diversity s), s being the cosine to "
          "the nearest center so far. weights (n,) float64 >= 0, or None for equal ones, count in that start alone. "
          "Inertia, sum of 1 - cosine to the own center, is given after the start and after each iteration; it never "
          "grows. k is n_clusters, or n if that is less. Raises ValueError for no rows and for no clusters.\n\n"
        ">>> import numpy as np\n"
        ">>> rows = np.repeat(np.eye(2, 4, dtype=np.float32), 3, axis=0)\n"
        ">>> centers, labels, inertia = ruvllm.spherical_kmeans(rows, None, 2)\n"
        ">>> len(set(labels[:3].tolist())), len(set(labels.tolist())), float(inertia[-1])\n"
        "(1, 2, 0.0)\n");
    register_pattern_bank(m);
}
