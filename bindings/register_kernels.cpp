// Sums over vectors as IEEE 754 has them: NaN and infinity go in and come out, and nothing is stored.
#include <functional>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/components/retrieval.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

// x, or a copy where it lies partly in what is written to: the result must not depend on the order of writing.
std::span<const float> apart_from(std::span<const float> x, const OutputArray& out, std::vector<float>& copy)
{
    const std::less<const float*> before;
    if (x.data() != out.data && before(x.data(), out.data + out.n) && before(out.data, x.data() + x.size())) {
        copy.assign(x.begin(), x.end());
        return copy;
    }
    return x;
}

void register_pairs(py::module_& m)
{
    function(m, "dot", "a, b, /, *, isa='auto'",
             "Dot product of two vectors (n,) float32: 32 partial sums and one fixed tree, the same bits on every "
             "instruction set. A sum beyond 3.4e38 is infinite, as float32 has it.",
             [](const Floats& a, const Floats& b, const simd::KernelTable& kernels) {
                 const auto x = vector_view(a, "a");
                 return kernels.dot(x.data(), vector_view(b, "b", x.size()).data(), x.size());
             });
    function(m, "cosine", "a, b, /, *, isa='auto'",
             "Cosine of two vectors (n,) float32 of any length, in [-1, 1]: 0 where either is all zeros, NaN where either "
             "holds NaN or infinity; the bits of cosine_similarity().",
             [](const Floats& a, const Floats& b, const simd::KernelTable& kernels) {
                 const auto x = vector_view(a, "a");
                 return kernels.cosine(x.data(), vector_view(b, "b", x.size()).data(), x.size());
             });
}

void register_reductions(py::module_& m)
{
    function(m, "squared_norm", "a, *, isa='auto'", "Sum of the squares of a vector (n,) float32.",
             [](const Floats& a, const simd::KernelTable& kernels) {
                 const auto x = vector_view(a, "a");
                 return kernels.squared_norm(x.data(), x.size());
             });
    function(m, "squared_distance", "a, b, *, isa='auto'", "Squared Euclidean distance of two vectors (n,) float32.",
             [](const Floats& a, const Floats& b, const simd::KernelTable& kernels) {
                 const auto x = vector_view(a, "a");
                 return kernels.squared_distance(x.data(), vector_view(b, "b", x.size()).data(), x.size());
             });
    function(m, "cosine_similarity", "query, rows, *, isa='auto'",
             "Cosine of one vector (n,) against each row of (m, n), float32 of any length, in [-1, 1]: (m,); 0 where "
             "either is all zeros, NaN where either holds NaN or infinity.",
             [](const Floats& query, const Floats& rows, const simd::KernelTable& kernels) {
                 const auto q = vector_view(query, "query");
                 const auto bank = matrix_view(rows, "rows", q.size());
                 FloatArray out(static_cast<py::ssize_t>(bank.rows));
                 kernels.cosine_many(q.data(), bank.data, bank.rows, bank.columns, q.size(), out.mutable_data());
                 return out;
             });
    function(m, "cosine_matrix", "queries, rows, *, isa='auto'",
             "cosine_similarity() of each of (k, n) queries against each row of (m, n), with its bits, several times as "
             "fast: (k, m).",
             [](const Floats& queries, const Floats& rows, const simd::KernelTable& kernels) {
                 const auto q = matrix_view(queries, "queries");
                 const auto bank = matrix_view(rows, "rows", q.columns);
                 FloatArray out({static_cast<py::ssize_t>(q.rows), static_cast<py::ssize_t>(bank.rows)});
                 float* const found = out.mutable_data();
                 unlocked([&] {
                     components::cosine_matrix(kernels, {q.data, q.rows, q.columns}, {bank.data, bank.rows, bank.columns},
                                               found);
                 });
                 return out;
             });
    function(m, "gemv", "rows, x, *, isa='auto'",
             "Matrix (m, n) times vector (n,), float32: m dot products, each with the bits of dot().",
             [](const Floats& rows, const Floats& x, const simd::KernelTable& kernels) {
                 const auto v = vector_view(x, "x");
                 const auto bank = matrix_view(rows, "rows", v.size());
                 FloatArray out(static_cast<py::ssize_t>(bank.rows));
                 kernels.gemv(bank.data, bank.rows, bank.columns, v.data(), v.size(), out.mutable_data());
                 return out;
             });
}

void register_updates(py::module_& m)
{
    function(m, "axpy", "a, x, y, *, isa='auto'",
             "y += a x, in place; x and y have shape (n,). y must be a writeable, contiguous float32 array.",
             [](float a, const Floats& x, const OutputArray& y, const simd::KernelTable& kernels) {
                 std::vector<float> copy;
                 const auto source = apart_from(vector_view(x, "x", y.n), y, copy);
                 kernels.axpy(a, source.data(), y.data, y.n);
             });
    function(m, "ema_of_squares", "decay, weight, x, f, *, isa='auto'",
             "f = decay f + weight x^2, in place; x and f have shape (n,). f must be a writeable, contiguous float32 "
             "array.",
             [](float decay, float weight, const Floats& x, const OutputArray& f, const simd::KernelTable& kernels) {
                 std::vector<float> copy;
                 const auto source = apart_from(vector_view(x, "x", f.n), f, copy);
                 kernels.ema_of_squares(decay, weight, source.data(), f.data, f.n);
             });
}

} // namespace

void register_kernels(py::module_& m)
{
    register_reductions(m);
    register_updates(m);
    register_pairs(m);
}
