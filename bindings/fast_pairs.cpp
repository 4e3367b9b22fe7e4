// dot() and cosine() of two vectors, called through CPython's vectorcall: pybind11's search for an overload takes
// longer than the arithmetic on a thousand numbers. The arrays are read where they lie.
#include <stdexcept>
#include <string>

#include <pybind11/pybind11.h>

#include "fast_calls.hpp"
#include "kernels_by_name.hpp"
#include "ruvllm/numeric/float_environment.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

const simd::KernelTable& kernels_of(PyObject* isa)
{
    if (!PyUnicode_Check(isa))
        throw py::type_error(std::string("isa must be a str, not ") + Py_TYPE(isa)->tp_name);
    return kernels_by_name(py::cast<std::string>(py::handle(isa)));
}

// The two vectors and the table that a call names: (a, b, /, *, isa="auto").
struct Arguments {
    FastVector a, b;
    const simd::KernelTable* kernels;

    Arguments(PyObject* const* args, Py_ssize_t n_args, PyObject* keywords)
    {
        if (n_args != 2)
            throw py::type_error("takes 2 positional arguments, not " + std::to_string(n_args));
        a = fast_vector(args[0], "a");
        b = fast_vector(args[1], "b");
        require_elements("b", b.n, a.n);
        if (keywords == nullptr) {
            kernels = &simd::default_kernels();
            return;
        }
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keywords); ++i) {
            PyObject* name = PyTuple_GET_ITEM(keywords, i);
            if (PyUnicode_CompareWithASCIIString(name, "isa") != 0)
                throw py::type_error("there is no keyword argument '" + std::string(py::str(py::handle(name))) + "'");
            kernels = &kernels_of(args[n_args + i]);
        }
    }
};

using PairKernel = float (*simd::KernelTable::*)(const float*, const float*, std::size_t);

template <PairKernel kernel>
PyObject* pair(PyObject*, PyObject* const* args, Py_ssize_t n_args, PyObject* keywords) noexcept
{
    return with_python_errors([&] {
        const Arguments arguments(args, n_args, keywords);
        const numeric::FloatEnvironmentGuard guard;
        const float result = (arguments.kernels->*kernel)(arguments.a.data, arguments.b.data, arguments.a.n);
        return PyFloat_FromDouble(static_cast<double>(result));
    });
}

PyMethodDef methods[] = {
    {"dot", as_method(&pair<&simd::KernelTable::dot>), METH_FASTCALL | METH_KEYWORDS,
     "dot($module, a, b, /, *, isa='auto')\n--\n\n"
     "Dot product of two vectors (n,): 32 partial sums and one fixed tree, the same bits on every instruction set."},
    {"cosine", as_method(&pair<&simd::KernelTable::cosine>), METH_FASTCALL | METH_KEYWORDS,
     "cosine($module, a, b, /, *, isa='auto')\n--\n\n"
     "Cosine of two vectors (n,), in [-1, 1]: 0 where either is all zeros, NaN where either holds NaN or infinity; the "
     "bits of cosine_similarity()."},
    {nullptr, nullptr, 0, nullptr}};

} // namespace

void register_pairs(py::module_& m)
{
    if (PyModule_AddFunctions(m.ptr(), methods) != 0)
        throw py::error_already_set();
}
