#include <optional>
#include <string>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "kernels_by_name.hpp"
#include "ruvllm/components/crowding.hpp"
#include "ruvllm/components/hardest.hpp"
#include "ruvllm/components/retrieval.hpp"
#include "ruvllm/numeric/float_environment.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using ruvllm::components::Rows;
using ruvllm::numeric::FloatEnvironmentGuard;

namespace {

using IndexArray = Array<std::int32_t>;

Rows rows_of(const MatrixView<float>& view)
{
    return {view.data, view.rows, view.columns};
}

IndexArray retrieval_ranks(const FloatArray& queries, const FloatArray& solutions, const IndexArray& right,
                           const std::optional<FloatArray>& discount, const std::string& isa)
{
    const auto q = matrix_view(queries, "queries");
    const auto s = matrix_view(solutions, "solutions", q.columns);
    const auto y = vector_view(right, "right", q.rows);
    const float* const less = discount ? vector_view(*discount, "discount", s.rows).data() : nullptr;
    IndexArray ranks(static_cast<py::ssize_t>(q.rows));
    std::int32_t* const out = ranks.mutable_data();
    const auto& kernels = kernels_by_name(isa);
    const py::gil_scoped_release release;
    const FloatEnvironmentGuard guard;
    ruvllm::components::retrieval_ranks(kernels, rows_of(q), rows_of(s), y.data(), out, less);
    return ranks;
}

FloatArray crowding(const FloatArray& solutions, const FloatArray& queries, std::size_t neighbours,
                    const std::string& isa)
{
    const auto s = matrix_view(solutions, "solutions");
    const auto q = matrix_view(queries, "queries", s.columns);
    FloatArray found(static_cast<py::ssize_t>(s.rows));
    float* const out = found.mutable_data();
    const auto& kernels = kernels_by_name(isa);
    const py::gil_scoped_release release;
    const FloatEnvironmentGuard guard;
    ruvllm::crowding(kernels, neighbours, rows_of(s), rows_of(q), out);
    return found;
}

IndexArray hardest(const FloatArray& queries, const FloatArray& solutions, const IndexArray& pool,
                   const std::string& isa)
{
    const auto q = matrix_view(queries, "queries");
    const auto s = matrix_view(solutions, "solutions", q.columns);
    const auto p = matrix_view(pool, "pool");
    if (p.rows != q.rows)
        throw std::invalid_argument("pool must have one row for each of the " + std::to_string(q.rows) +
                                    " queries, not " + std::to_string(p.rows));
    IndexArray ordered({static_cast<py::ssize_t>(p.rows), static_cast<py::ssize_t>(p.columns)});
    std::int32_t* const out = ordered.mutable_data();
    const auto& kernels = kernels_by_name(isa);
    const py::gil_scoped_release release;
    const FloatEnvironmentGuard guard;
    const std::size_t size = p.rows * p.columns;
    ruvllm::components::hardest(kernels, rows_of(q), rows_of(s), {p.data, size}, p.columns, {out, size});
    return ordered;
}

} // namespace

void register_retrieval(py::module_& m)
{
    m.def("retrieval_ranks", &retrieval_ranks, py::arg("queries").noconvert(), py::arg("solutions").noconvert(),
          py::arg("right").noconvert(), py::kw_only(), py::arg("discount").noconvert() = py::none(),
          py::arg("isa") = "auto",
          "Rank (from 1) of solution right[i] for query i among all solutions (m, d), by cosine less the solution's "
          "discount (m,); ties count against. queries (n, d), right (n,) int32; returns (n,) int32.");
    m.def("crowding", &crowding, py::arg("solutions").noconvert(), py::arg("queries").noconvert(), py::kw_only(),
          py::arg("neighbours") = 10, py::arg("isa") = "auto",
          "(m,): the mean cosine of each solution (m, d) with the queries (n, d) nearest to it; 0 without queries.");
    m.def("hardest", &hardest, py::arg("queries").noconvert(), py::arg("solutions").noconvert(),
          py::arg("pool").noconvert(), py::kw_only(), py::arg("isa") = "auto",
          "Each row of pool (n, p) int32, indices into solutions (m, d), by cosine with query i of (n, d), highest "
          "first; equal ones by index.");
}
