// Functions that CPython calls directly (METH_FASTCALL): pybind11's search for an overload and its conversion of arrays
// take longer than the arithmetic on a thousand numbers. Arrays are read where they lie.
#pragma once

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "arrays.hpp"

namespace ruvllm::bindings {

namespace py = pybind11;

// A float32 array (n,), contiguous. Valid during the call.
struct FastVector {
    float* data;
    std::size_t n;
    bool writeable;
};

// Found once. Never released: the last call may come after the interpreter has begun to end.
struct NumPy {
    const py::detail::npy_api& api = py::detail::npy_api::get();
    PyObject* float32 = py::dtype::of<float>().release().ptr();

    static const NumPy& get()
    {
        static const NumPy instance;
        return instance;
    }

    // NumPy's own descriptor is one object; an array may still carry an equal one (after unpickling, for example).
    [[nodiscard]] bool is_float32(PyObject* descriptor) const
    {
        return descriptor == float32 || api.PyArray_EquivTypes_(descriptor, float32);
    }
};

[[nodiscard]] inline FastVector fast_vector(PyObject* object, const char* name)
{
    const NumPy& numpy = NumPy::get();
    if (!numpy.api.PyArray_Check_(object))
        throw py::type_error(std::string(name) + " must be a NumPy array, not " + Py_TYPE(object)->tp_name);
    const auto* array = py::detail::array_proxy(object);
    if (!numpy.is_float32(array->descr))
        throw py::type_error(std::string(name) + " must have dtype float32, not " +
                             std::string(py::str(py::handle(array->descr))));
    require_dimensions(name, static_cast<std::size_t>(array->nd), 1);
    constexpr int layout = py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
    if ((array->flags & layout) != layout)
        throw py::type_error(std::string(name) + " must be contiguous and aligned, not with a stride of " +
                             std::to_string(array->strides[0]) + " bytes");
    return {reinterpret_cast<float*>(array->data), static_cast<std::size_t>(array->dimensions[0]),
            (array->flags & py::detail::npy_api::NPY_ARRAY_WRITEABLE_) != 0};
}

// call(), or nullptr and the Python error that its exception stands for: none may leave a function that C calls.
template <class Call>
[[nodiscard]] PyObject* with_python_errors(Call call) noexcept
{
    try {
        return call();
    } catch (py::error_already_set& error) {
        error.restore();
    } catch (const py::builtin_exception& error) {
        error.set_error();
    } catch (const std::invalid_argument& error) {
        PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
    return nullptr;
}

using FastMethod = PyObject* (*)(PyObject* self, PyObject* const* args, Py_ssize_t n_args, PyObject* keywords) noexcept;

// What CPython stores as a PyCFunction: METH_FASTCALL | METH_KEYWORDS say how it is really called.
[[nodiscard]] inline PyCFunction as_method(FastMethod method) noexcept
{
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(method));
}

} // namespace ruvllm::bindings
