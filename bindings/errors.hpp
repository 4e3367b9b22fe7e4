// What a refused argument raises: one line with its name, what is wanted and what was given.
#pragma once

#include <cstdint>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

namespace ruvllm::bindings {

namespace py = pybind11;

// A Python value's text, but its beginning only where it is long: an integer may have a million digits.
[[nodiscard]] inline std::string shortened(const py::handle& value)
{
    constexpr std::size_t most = 60;
    std::string text;
    try {
        text = py::cast<std::string>(py::repr(value));
    } catch (py::error_already_set&) { // Python writes no integer of more than 4300 digits
        return std::string("a ") + Py_TYPE(value.ptr())->tp_name + " that is too long to show";
    }
    return text.size() <= most ? text : text.substr(0, most) + "...";
}

[[nodiscard]] inline std::string shown(double value) { return py::cast<std::string>(py::repr(py::float_(value))); }

// The name of an object's type, and of its elements where it is a NumPy array.
[[nodiscard]] inline std::string type_of(PyObject* object)
{
    if (py::detail::npy_api::get().PyArray_Check_(object))
        return "an array of " + py::cast<std::string>(py::str(py::handle(object).attr("dtype")));
    return object == Py_None ? "None" : Py_TYPE(object)->tp_name;
}

[[nodiscard]] inline py::type_error wrong_type(const char* name, const char* wanted, PyObject* given)
{
    return py::type_error(std::string(name) + " must be " + wanted + ", not " + type_of(given));
}

// Whether an object is a bool, or NumPy's.
[[nodiscard]] inline bool is_kind_of_bool(PyObject* object)
{
    if (PyBool_Check(object))
        return true;
    const std::string_view name = Py_TYPE(object)->tp_name;
    return name == "numpy.bool_" || name == "numpy.bool";
}

[[nodiscard]] inline bool is_kind_of_complex(PyObject* object)
{
    return PyComplex_Check(object) || PyObject_HasAttrString(object, "__complex__") != 0
               ? std::string_view(Py_TYPE(object)->tp_name).find("complex") != std::string_view::npos
               : false;
}

[[nodiscard]] inline bool is_array_with_dimensions(PyObject* object)
{
    return py::detail::npy_api::get().PyArray_Check_(object) && py::detail::array_proxy(object)->nd > 0;
}

// call(), or nullptr and the Python error that its exception stands for. C calls the functions that use it.
template <class Call>
[[nodiscard]] PyObject* with_python_errors(Call call)
{
    try {
        return call();
    } catch (py::error_already_set& error) {
        error.restore();
    } catch (const py::builtin_exception& error) {
        error.set_error();
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::out_of_range& error) {
        PyErr_SetString(PyExc_IndexError, error.what());
    } catch (const std::overflow_error& error) {
        PyErr_SetString(PyExc_OverflowError, error.what());
    } catch (const std::invalid_argument& error) {
        PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const std::length_error& error) {
        PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const std::domain_error& error) {
        PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const std::range_error& error) {
        PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
    return nullptr;
}

// The same for functions that say with -1 that there is an error.
template <class Call>
[[nodiscard]] int with_python_errors_as_status(Call call)
{
    PyObject* const none = with_python_errors([&]() -> PyObject* {
        call();
        return Py_None;
    });
    return none == nullptr ? -1 : 0;
}

} // namespace ruvllm::bindings
