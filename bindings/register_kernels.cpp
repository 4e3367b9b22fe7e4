#include <string>

#include <pybind11/pybind11.h>

#include "arrays.hpp"
#include "kernels_by_name.hpp"
#include "ruvllm/numeric/float_environment.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using ruvllm::numeric::FloatEnvironmentGuard;

namespace {

void register_reductions(py::module_& m)
{
    m.def(
        "squared_norm",
        [](const FloatArray& a, const std::string& isa) {
            const FloatEnvironmentGuard guard;
            const auto x = vector_view(a, "a");
            return kernels_by_name(isa).squared_norm(x.data(), x.size());
        },
        py::arg("a").noconvert(), py::kw_only(), py::arg("isa") = "auto", "Sum of the squares of a vector (n,).");
    m.def(
        "squared_distance",
        [](const FloatArray& a, const FloatArray& b, const std::string& isa) {
            const FloatEnvironmentGuard guard;
            const auto x = vector_view(a, "a");
            const auto y = vector_view(b, "b", x.size());
            return kernels_by_name(isa).squared_distance(x.data(), y.data(), x.size());
        },
        py::arg("a").noconvert(), py::arg("b").noconvert(), py::kw_only(), py::arg("isa") = "auto",
        "Squared Euclidean distance of two vectors (n,).");
    m.def(
        "cosine_similarity",
        [](const FloatArray& query, const FloatArray& rows, const std::string& isa) {
            const FloatEnvironmentGuard guard;
            const auto q = vector_view(query, "query");
            const auto bank = matrix_view(rows, "rows", q.size());
            FloatArray out(static_cast<py::ssize_t>(bank.rows));
            kernels_by_name(isa).cosine_many(q.data(), bank.data, bank.rows, bank.columns, q.size(),
                                             out.mutable_data());
            return out;
        },
        py::arg("query").noconvert(), py::arg("rows").noconvert(), py::kw_only(), py::arg("isa") = "auto",
        "Cosine of one vector (n,) against each row of (m, n), in [-1, 1]; 0 where either is all zeros.");
    m.def(
        "gemv",
        [](const FloatArray& rows, const FloatArray& x, const std::string& isa) {
            const FloatEnvironmentGuard guard;
            const auto v = vector_view(x, "x");
            const auto bank = matrix_view(rows, "rows", v.size());
            FloatArray out(static_cast<py::ssize_t>(bank.rows));
            kernels_by_name(isa).gemv(bank.data, bank.rows, bank.columns, v.data(), v.size(), out.mutable_data());
            return out;
        },
        py::arg("rows").noconvert(), py::arg("x").noconvert(), py::kw_only(), py::arg("isa") = "auto",
        "Matrix (m, n) times vector (n,): m dot products, each with the bits of dot().");
}

void register_updates(py::module_& m)
{
    m.def(
        "axpy",
        [](float a, const FloatArray& x, FloatArray y, const std::string& isa) {
            const FloatEnvironmentGuard guard;
            const auto target = mutable_vector_view(y, "y");
            const auto source = vector_view(x, "x", target.size());
            kernels_by_name(isa).axpy(a, source.data(), target.data(), target.size());
        },
        py::arg("a"), py::arg("x").noconvert(), py::arg("y").noconvert(), py::kw_only(), py::arg("isa") = "auto",
        "y += a x, in place; x and y have shape (n,).");
    m.def(
        "ema_of_squares",
        [](float decay, float weight, const FloatArray& x, FloatArray f, const std::string& isa) {
            const FloatEnvironmentGuard guard;
            const auto target = mutable_vector_view(f, "f");
            const auto source = vector_view(x, "x", target.size());
            kernels_by_name(isa).ema_of_squares(decay, weight, source.data(), target.data(), target.size());
        },
        py::arg("decay"), py::arg("weight"), py::arg("x").noconvert(), py::arg("f").noconvert(), py::kw_only(),
        py::arg("isa") = "auto", "f = decay f + weight x^2, in place; x and f have shape (n,).");
}

} // namespace

void register_kernels(py::module_& m)
{
    register_reductions(m);
    register_updates(m);
}
