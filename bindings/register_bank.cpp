#include <memory>
#include <stdexcept>
#include <string>

#include <pybind11/pybind11.h>

#include "components.hpp"
#include "fast_calls.hpp"
#include "kernels_by_name.hpp"
#include "ruvllm/components/vector_bank.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

// Below so many floats the lock costs more than others could do meanwhile.
constexpr std::size_t worth_unlocking = std::size_t{1} << 18;

VectorBank& bank_of(PyObject* self)
{
    auto* instance = reinterpret_cast<py::detail::instance*>(self); // of VectorBank: the descriptor looked
    if (!instance->simple_layout)
        return py::cast<VectorBank&>(py::handle(self));
    auto* bank = static_cast<VectorBank*>(instance->simple_value_holder[0]);
    if (bank == nullptr)
        throw py::type_error("VectorBank.__init__() was not called");
    return *bank;
}

// The arguments of (query, out=None).
struct QueryArguments {
    PyObject *query = nullptr, *out = nullptr; // borrowed; out may be None

    QueryArguments(PyObject* const* args, Py_ssize_t n_args, PyObject* keywords)
    {
        if (n_args > 2)
            throw py::type_error("takes at most 2 arguments (query, out), not " + std::to_string(n_args));
        if (n_args > 0)
            query = args[0];
        if (n_args > 1)
            out = args[1];
        for (Py_ssize_t i = 0; keywords != nullptr && i < PyTuple_GET_SIZE(keywords); ++i) {
            PyObject* name = PyTuple_GET_ITEM(keywords, i);
            PyObject** place = PyUnicode_CompareWithASCIIString(name, "query") == 0 ? &query
                               : PyUnicode_CompareWithASCIIString(name, "out") == 0 ? &out
                                                                                     : nullptr;
            if (place == nullptr || *place != nullptr)
                throw py::type_error("the arguments are (query, out=None), each once; '" +
                                     std::string(py::str(py::handle(name))) + "' is none or given twice");
            *place = args[n_args + i];
        }
        if (query == nullptr)
            throw py::type_error("the argument query is missing");
        if (out == nullptr)
            out = Py_None;
    }
};

FastVector output_of(PyObject* out, const VectorBank& bank)
{
    const FastVector results = fast_vector(out, "out");
    require_elements("out", results.n, bank.size());
    if (!results.writeable)
        throw std::invalid_argument("out must be writeable, not read-only");
    return results;
}

using Method = void (VectorBank::*)(const float*, float*) const;

template <Method method>
PyObject* each_row(PyObject* self, PyObject* const* args, Py_ssize_t n_args, PyObject* keywords) noexcept
{
    return with_python_errors([&] {
        const VectorBank& bank = bank_of(self);
        const QueryArguments arguments(args, n_args, keywords);
        const FastVector query = fast_vector(arguments.query, "query");
        require_elements("query", query.n, bank.dim());
        py::object out = py::reinterpret_borrow<py::object>(arguments.out);
        if (out.is_none())
            out = FloatArray(static_cast<py::ssize_t>(bank.size()));
        float* results = output_of(out.ptr(), bank).data;
        if (bank.size() * bank.dim() >= worth_unlocking) {
            unlocked([&] { (bank.*method)(query.data, results); });
        } else {
            const numeric::FloatEnvironmentGuard guard;
            (bank.*method)(query.data, results);
        }
        return out.release().ptr();
    });
}

PyMethodDef methods[] = {
    {"dot", as_method(&each_row<&VectorBank::dot>), METH_FASTCALL | METH_KEYWORDS,
     "dot($self, query, out=None)\n--\n\nDot product of a query (dim,) with each row: (size,)."},
    {"cosine", as_method(&each_row<&VectorBank::cosine>), METH_FASTCALL | METH_KEYWORDS,
     "cosine($self, query, out=None)\n--\n\n"
     "Cosine of a query (dim,) to each row, in [-1, 1]: (size,); 0 where either is all zeros, NaN where either holds "
     "NaN or infinity."},
};

void add(VectorBank& bank, const FloatArray& rows)
{
    const auto x = matrix_view(rows, "rows", bank.dim());
    const numeric::FloatEnvironmentGuard guard;
    bank.add({x.data, x.rows * x.columns});
}

} // namespace

void register_bank(py::module_& m)
{
    py::class_<VectorBank> type(
        m, "VectorBank",
        "Vectors that many queries are compared with: a copy of rows (m, dim) on cache lines, and their norms.\n\n"
        "Results have the bits of dot() and of cosine_similarity() on every instruction set. With out=, a float32 "
        "array (size,), they are written there and it is returned: no array is made. Raises TypeError for another "
        "type or layout and ValueError for another shape. No thread may add rows while another computes.\n\n"
        ">>> import numpy as np\n"
        ">>> rows = np.eye(3, dtype=np.float32)\n"
        ">>> ruvllm.VectorBank(rows).cosine(rows[2]).tolist()\n"
        "[0.0, 0.0, 1.0]\n");
    type.def(py::init([](const FloatArray& rows, const std::string& isa) {
                 auto bank = std::make_unique<VectorBank>(kernels_by_name(isa), matrix_view(rows, "rows").columns);
                 add(*bank, rows);
                 return bank;
             }),
             py::arg("rows").noconvert(), py::kw_only(), py::arg("isa") = "auto")
        .def("add", &add, py::arg("rows").noconvert(), "Adds rows (m, dim) behind the others.")
        .def_property_readonly("size", &VectorBank::size)
        .def_property_readonly("dim", &VectorBank::dim)
        .def("__len__", &VectorBank::size);
    for (PyMethodDef& method : methods)
        type.attr(method.ml_name) = py::reinterpret_steal<py::object>(
            PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(type.ptr()), &method));
}
