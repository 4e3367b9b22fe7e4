// Numbers, switches and texts as arguments: what each takes, and the one line that says what was wrong.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include <pybind11/pybind11.h>

#include "errors.hpp"

namespace ruvllm::bindings {

// A whole number of 0 ... `most`: int and whatever Python takes for an index, but bool.
[[nodiscard]] inline std::uint64_t whole_number(PyObject* object, const char* name, std::uint64_t most)
{
    if (!PyIndex_Check(object) || is_kind_of_bool(object) || is_array_with_dimensions(object))
        throw wrong_type(name, "an integer", object);
    const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(object));
    if (!number)
        throw py::error_already_set();
    const std::uint64_t value = PyLong_AsUnsignedLongLong(number.ptr());
    const bool outside = value == std::numeric_limits<std::uint64_t>::max() && PyErr_Occurred() != nullptr;
    if (outside)
        PyErr_Clear();
    if (outside || value > most)
        throw std::invalid_argument(std::string(name) + " must be an integer of 0 ... " + std::to_string(most) +
                                    ", not " + shortened(number));
    return value;
}

// A real number: float, int and whatever Python makes a float of, but bool and complex. It may be NaN.
[[nodiscard]] inline double real_number(PyObject* object, const char* name)
{
    if (PyFloat_CheckExact(object))
        return PyFloat_AS_DOUBLE(object);
    const PyNumberMethods* const methods = Py_TYPE(object)->tp_as_number;
    const bool converts = methods != nullptr && (methods->nb_float != nullptr || methods->nb_index != nullptr);
    if (!converts || is_kind_of_bool(object) || is_array_with_dimensions(object) || is_kind_of_complex(object))
        throw wrong_type(name, "a number", object);
    const double value = PyFloat_AsDouble(object);
    if (value == -1.0 && PyErr_Occurred() != nullptr) {
        if (PyErr_ExceptionMatches(PyExc_OverflowError) == 0)
            throw py::error_already_set();
        PyErr_Clear(); // an int beyond every float
        throw std::invalid_argument(std::string(name) + " must fit a float, not be an integer of more than 308 digits");
    }
    return value;
}

[[nodiscard]] inline float narrow(double value, const char* name)
{
    if (std::isfinite(value) && std::abs(value) > static_cast<double>(std::numeric_limits<float>::max()))
        throw std::invalid_argument(std::string(name) + " must lie within 3.4e38 of 0 (float32), not " + shown(value));
    return static_cast<float>(value);
}

[[nodiscard]] inline bool truth(PyObject* object, const char* name)
{
    if (PyBool_Check(object))
        return object == Py_True;
    if (!is_kind_of_bool(object))
        throw wrong_type(name, "True or False", object);
    return PyObject_IsTrue(object) == 1;
}

[[nodiscard]] inline std::string text(PyObject* object, const char* name)
{
    if (!PyUnicode_Check(object))
        throw wrong_type(name, "a str", object);
    return py::cast<std::string>(py::handle(object));
}

} // namespace ruvllm::bindings
