#include <optional>
#include <string>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/components/crowding.hpp"
#include "ruvllm/components/hardest.hpp"
#include "ruvllm/components/retrieval.hpp"
#include "ruvllm/components/safe_range.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;
using components::Rows;

namespace {

using Indices = ArrayArgument<std::int32_t>;
using IndexArray = Array<std::int32_t>;

// A copy of indices: they are checked and then used while other threads may change the caller's.
std::vector<std::int32_t> copy_of(const std::int32_t* data, std::size_t n) { return {data, data + n}; }

IndexArray retrieval_ranks(const Floats& queries, const Floats& solutions, const Indices& right,
                           const std::optional<Floats>& discount, const simd::KernelTable& kernels)
{
    const auto q = matrix_view(queries, "queries");
    const auto s = matrix_view(solutions, "solutions", q.columns);
    const auto y = copy_of(vector_view(right, "right", q.rows).data(), q.rows);
    const float* const less = discount ? vector_view(*discount, "discount", s.rows).data() : nullptr;
    IndexArray ranks(static_cast<py::ssize_t>(q.rows));
    std::int32_t* const out = ranks.mutable_data();
    unlocked([&] {
        const SafeRows safe_queries(kernels, q.data, q.rows, q.columns), safe(kernels, s.data, s.rows, s.columns);
        components::retrieval_ranks(kernels, {safe_queries.data(), q.rows, q.columns}, {safe.data(), s.rows, s.columns},
                                    y.data(), out, less);
    });
    return ranks;
}

FloatArray crowding_of(const Floats& solutions, const Floats& queries, std::size_t neighbours,
                       const simd::KernelTable& kernels)
{
    const auto s = matrix_view(solutions, "solutions");
    const auto q = matrix_view(queries, "queries", s.columns);
    FloatArray found(static_cast<py::ssize_t>(s.rows));
    float* const out = found.mutable_data();
    unlocked([&] {
        const SafeRows safe_queries(kernels, q.data, q.rows, q.columns), safe(kernels, s.data, s.rows, s.columns);
        crowding(kernels, neighbours, {safe.data(), s.rows, s.columns}, {safe_queries.data(), q.rows, q.columns}, out);
    });
    return found;
}

IndexArray hardest_of(const Floats& queries, const Floats& solutions, const Indices& pool,
                      const simd::KernelTable& kernels)
{
    const auto q = matrix_view(queries, "queries");
    const auto s = matrix_view(solutions, "solutions", q.columns);
    const auto p = matrix_view(pool, "pool");
    if (p.rows != q.rows)
        throw std::invalid_argument("pool must have one row for each of the " + std::to_string(q.rows) +
                                    " queries, not " + std::to_string(p.rows));
    const auto indices = copy_of(p.data, p.rows * p.columns);
    IndexArray ordered({static_cast<py::ssize_t>(p.rows), static_cast<py::ssize_t>(p.columns)});
    std::int32_t* const out = ordered.mutable_data();
    unlocked([&] {
        const SafeRows safe_queries(kernels, q.data, q.rows, q.columns), safe(kernels, s.data, s.rows, s.columns);
        components::hardest(kernels, {safe_queries.data(), q.rows, q.columns}, {safe.data(), s.rows, s.columns}, indices,
                            p.columns, {out, indices.size()});
    });
    return ordered;
}

} // namespace

void register_retrieval(py::module_& m)
{
    function(m, "retrieval_ranks", "queries, solutions, right, *, discount=None, isa='auto'",
             "Rank (from 1) of solution right[i] for query i among all solutions (m, d), by cosine less the solution's "
             "discount (m,); ties count against, and so does NaN. queries (n, d), right (n,) int32; returns (n,) int32. "
             "Raises IndexError for a right[i] that is no row of the solutions.",
             [](const Floats& queries, const Floats& solutions, const Indices& right, std::optional<Floats> discount,
                const simd::KernelTable& kernels) {
                 return retrieval_ranks(queries, solutions, right, discount, kernels);
             });
    function(m, "crowding", "solutions, queries, *, neighbours=10, isa='auto'",
             "(m,): the mean cosine of each solution (m, d) with the queries (n, d) nearest to it; 0 without queries.",
             [](const Floats& solutions, const Floats& queries, std::size_t neighbours,
                const simd::KernelTable& kernels) { return crowding_of(solutions, queries, neighbours, kernels); });
    function(m, "hardest", "queries, solutions, pool, *, isa='auto'",
             "Each row of pool (n, p) int32, indices into solutions (m, d), by cosine with query i of (n, d), highest "
             "first; equal ones by index. Raises IndexError for an index that is no row of the solutions.",
             [](const Floats& queries, const Floats& solutions, const Indices& pool, const simd::KernelTable& kernels) {
                 return hardest_of(queries, solutions, pool, kernels);
             });
}
