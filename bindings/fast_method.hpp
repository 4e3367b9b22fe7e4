// A method with a fast path in front: what is as it usually is goes to C++ at once, everything else (other types, rarer
// arguments, errors) to the method that pybind11 made, which then says what is wrong. pybind11's matching of keyword
// arguments alone takes a microsecond.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <pybind11/pybind11.h>

#include "array_argument.hpp"
#include "fast_calls.hpp"

namespace ruvllm::bindings {

// The arguments of one call: positional ones, then the values of the keywords.
struct FastArguments {
    PyObject* const* values;
    Py_ssize_t positional;
    PyObject* keywords; // names, or null

    [[nodiscard]] Py_ssize_t named() const { return keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords); }

    template <class T>
    [[nodiscard]] bool array(Py_ssize_t i, ArrayArgument<T>& out) const
    {
        py::detail::make_caster<ArrayArgument<T>> caster;
        if (!caster.load(values[i], false))
            return false;
        out = py::detail::cast_op<ArrayArgument<T>>(caster);
        return true;
    }

    [[nodiscard]] bool index(Py_ssize_t i, std::size_t& out) const
    {
        if (!PyLong_CheckExact(values[i]))
            return false;
        out = PyLong_AsSize_t(values[i]);
        if (out == static_cast<std::size_t>(-1) && PyErr_Occurred() != nullptr) {
            PyErr_Clear();
            return false;
        }
        return true;
    }

    // The keyword number i if it has this name and is a float.
    [[nodiscard]] bool number(Py_ssize_t i, const char* name, double& out) const
    {
        PyObject* value = values[positional + i];
        if (!PyFloat_CheckExact(value) || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, i), name) != 0)
            return false;
        out = PyFloat_AS_DOUBLE(value);
        return true;
    }
};

// Calls pybind11's method with the same arguments.
[[nodiscard]] inline PyObject* call_general(PyObject* general, PyObject* self, const FastArguments& a)
{
    std::vector<PyObject*> all{self};
    all.insert(all.end(), a.values, a.values + a.positional + a.named());
    return PyObject_Vectorcall(general, all.data(), static_cast<std::size_t>(1 + a.positional), a.keywords);
}

// Puts `method` in front of the class's method of this name, and what was there into `general`. All of it lives as long
// as the interpreter.
inline void put_in_front(py::object type, const char* name, FastMethod method, PyObject*& general)
{
    py::object slow = type.attr(name);
    const auto* doc = new std::string(py::str(slow.attr("__doc__")));
    auto* definition = new PyMethodDef{name, as_method(method), METH_FASTCALL | METH_KEYWORDS, doc->c_str()};
    general = slow.release().ptr();
    PyObject* descriptor = PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(type.ptr()), definition);
    if (descriptor == nullptr)
        throw py::error_already_set();
    type.attr(name) = py::reinterpret_steal<py::object>(descriptor);
}

} // namespace ruvllm::bindings
