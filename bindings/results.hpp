// From what a bound function returns to a Python object. No lock is held by then: this may run Python's collector.
#pragma once

#include <concepts>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "arguments.hpp"
#include "arrays.hpp"
#include "ruvllm/numeric/state_archive.hpp"

namespace ruvllm::bindings {

[[nodiscard]] inline PyObject* to_python(py::object&& object) { return object.release().ptr(); }
[[nodiscard]] inline PyObject* to_python(std::floating_point auto value)
{
    return PyFloat_FromDouble(static_cast<double>(value));
}
[[nodiscard]] inline PyObject* to_python(bool value) { return PyBool_FromLong(value ? 1 : 0); }
[[nodiscard]] PyObject* to_python(std::unsigned_integral auto value)
    requires(!std::same_as<decltype(value), bool>)
{
    return PyLong_FromUnsignedLongLong(value);
}
[[nodiscard]] PyObject* to_python(std::signed_integral auto value) { return PyLong_FromLongLong(value); }
[[nodiscard]] inline PyObject* to_python(const std::string& text) { return py::str(text).release().ptr(); }

template <class E>
    requires std::is_enum_v<E>
[[nodiscard]] PyObject* to_python(E value)
{
    return py::handle(python_enum<E>)(static_cast<long>(value)).release().ptr();
}

template <class T>
[[nodiscard]] PyObject* to_python(const std::vector<T>& values)
{
    return to_array(std::span<const T>(values)).release().ptr();
}
[[nodiscard]] inline PyObject* to_python(const std::vector<std::string>& texts)
{
    py::list all;
    for (const std::string& text : texts)
        all.append(py::str(text));
    return all.release().ptr();
}
[[nodiscard]] inline PyObject* to_python(const std::vector<std::vector<double>>& rows)
{
    py::list all;
    for (const auto& row : rows) {
        py::list one;
        for (const double value : row)
            one.append(py::float_(value));
        all.append(std::move(one));
    }
    return all.release().ptr();
}

template <class... T>
[[nodiscard]] PyObject* to_python(std::tuple<T...>&& values)
{
    return std::apply(
        [](auto&&... each) {
            return py::make_tuple(py::reinterpret_steal<py::object>(to_python(std::move(each)))...).release().ptr();
        },
        std::move(values));
}

[[nodiscard]] inline PyObject* to_python(StateArray&& array)
{
    return std::visit([](const auto& values) { return to_python(values); }, array);
}

template <class Key, class Value>
[[nodiscard]] PyObject* to_python(std::map<Key, Value>&& values)
{
    py::dict all;
    for (auto& [key, value] : values)
        all[py::reinterpret_steal<py::object>(to_python(key))] = py::reinterpret_steal<py::object>(
            to_python(std::move(value)));
    return all.release().ptr();
}

} // namespace ruvllm::bindings
