#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/components/vector_bank.hpp"
#include "states.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

// Below so many floats the GIL costs more than others could do meanwhile.
constexpr std::size_t worth_unlocking = std::size_t{1} << 18;

bool overlap(std::span<const float> a, std::span<const float> b)
{
    const std::less<const float*> before;
    return !a.empty() && !b.empty() && before(a.data(), b.data() + b.size()) && before(b.data(), a.data() + a.size());
}

template <void (VectorBank::*method)(const float*, float*) const>
py::object each_row(const VectorBank& bank, const Floats& query, std::optional<OutputArray> out)
{
    std::span<const float> q = vector_view(query, "query", bank.dim());
    require_finite(bank.kernels(), q, "query");
    py::object array = out ? std::move(out->array) : FloatArray(static_cast<py::ssize_t>(bank.size()));
    float* const results = out ? out->data : reinterpret_cast<float*>(py::detail::array_proxy(array.ptr())->data);
    if (out)
        require_elements("out", out->n, bank.size());
    std::vector<float> copy;
    if (overlap(q, {results, bank.size()})) {
        copy.assign(q.begin(), q.end());
        q = copy;
    }
    if (bank.size() * bank.dim() >= worth_unlocking)
        unlocked([&] { (bank.*method)(q.data(), results); });
    else
        (bank.*method)(q.data(), results);
    return array;
}

void add(VectorBank& bank, const Floats& rows)
{
    const auto x = matrix_view(rows, "rows", bank.dim());
    for (std::size_t i = 0; i < x.rows; ++i)
        require_finite(bank.kernels(), {x.data + i * x.columns, x.columns}, "rows");
    bank.add({x.data, x.rows * x.columns});
}

FloatArray rows_of(const VectorBank& bank)
{
    FloatArray rows({static_cast<py::ssize_t>(bank.size()), static_cast<py::ssize_t>(bank.dim())});
    float* to = rows.mutable_data();
    for (std::size_t i = 0; i < bank.size(); ++i)
        to = std::copy_n(bank.row(i), bank.dim(), to);
    return rows;
}

} // namespace

template <>
struct ruvllm::bindings::State<VectorBank> {
    static constexpr const char* kind = "VectorBank";
    static void write(const VectorBank& bank, StateWriter& writer)
    {
        std::vector<float> rows;
        rows.reserve(bank.size() * bank.dim());
        for (std::size_t i = 0; i < bank.size(); ++i)
            rows.insert(rows.end(), bank.row(i), bank.row(i) + bank.dim());
        writer.number("dim", bank.dim());
        writer.list("rows", rows);
    }
    static Made<VectorBank> read(StateReader& reader)
    {
        std::size_t dim = 0;
        std::vector<float> rows;
        reader.number("dim", dim);
        reader.list("rows", rows);
        auto bank = std::make_unique<VectorBank>(simd::default_kernels(), checked_dim(dim));
        StateReader::require(rows.size() % dim == 0, "rows must be a multiple of dim");
        bank->add(rows);
        return bank;
    }
};

void register_bank(py::module_& m)
{
    Class<VectorBank> type(
        m, "VectorBank",
        "Vectors that many queries are compared with: a copy of rows (m, dim) on cache lines, and their norms.\n\n"
        "Results have the bits of dot() and of cosine_similarity() on every instruction set. With out=, a float32 "
        "array (size,), they are written there and it is returned: no array is made. Threads may share a bank: add() "
        "waits for those who compute, and they for it. Raises ValueError for another shape and for rows and queries "
        "that are not finite; a refused add() adds nothing.\n\n"
        ">>> import numpy as np\n"
        ">>> rows = np.eye(3, dtype=np.float32)\n"
        ">>> ruvllm.VectorBank(rows).cosine(rows[2]).tolist()\n"
        "[0.0, 0.0, 1.0]\n");
    type.init("rows, *, isa='auto'", "Copies rows (m, dim); m may be 0, dim must be 1 or more.",
              [](const Floats& rows, const simd::KernelTable& kernels) -> Made<VectorBank> {
                  auto bank = std::make_unique<VectorBank>(kernels, matrix_view(rows, "rows").columns);
                  add(*bank, rows);
                  return bank;
              })
        .method("add", "rows", "Adds rows (m, dim) behind the others.",
                [](VectorBank& bank, const Floats& rows) { add(bank, rows); })
        .method("dot", "query, out=None", "Dot product of a query (dim,) with each row: (size,) float32.",
                [](const VectorBank& bank, const Floats& query, std::optional<OutputArray> out) {
                    return each_row<&VectorBank::dot>(bank, query, std::move(out));
                })
        .method("cosine", "query, out=None",
                "Cosine of a query (dim,) to each row, in [-1, 1]: (size,) float32; 0 where either is all zeros.",
                [](const VectorBank& bank, const Floats& query, std::optional<OutputArray> out) {
                    return each_row<&VectorBank::cosine>(bank, query, std::move(out));
                })
        .property("rows", "All rows (size, dim) float32, a copy.", [](const VectorBank& bank) { return rows_of(bank); })
        .property("size", "The number of rows.", [](const VectorBank& bank) { return bank.size(); })
        .property("dim", "The number of elements of a row.", [](const VectorBank& bank) { return bank.dim(); })
        .method("__len__", "", "The number of rows.", [](const VectorBank& bank) { return bank.size(); })
        .method("__repr__", "", "Class and shape.",
                [](const VectorBank& bank) {
                    return "VectorBank(" + std::to_string(bank.size()) + " rows of " + std::to_string(bank.dim()) + ")";
                });
    save_with_state(type);
}
