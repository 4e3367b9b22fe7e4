// What a user calls candidates, texts or whole numbers, and a ranking that says them in its order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "arrays.hpp"
#include "results.hpp"

namespace ruvllm::bindings {

// A tuple, so that nobody changes it meanwhile; nothing: candidates are called by their places.
struct CandidateNames {
    py::object tuple{};

    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(PyTuple_GET_SIZE(tuple.ptr())); }
};

namespace detail {

// A number of NumPy's becomes one of Python's.
[[nodiscard]] inline py::object plain_name(PyObject* name)
{
    py::object plain = py::reinterpret_borrow<py::object>(name);
    if (!PyUnicode_Check(name) && !PyLong_Check(name) &&
        py::isinstance(plain, py::module_::import("numpy").attr("generic")))
        plain = plain.attr("item")();
    if (PyBool_Check(plain.ptr()) || !(PyUnicode_Check(plain.ptr()) || PyLong_Check(plain.ptr())))
        throw py::type_error("an id must be a text or a whole number, not " + type_of(name));
    return plain;
}

[[nodiscard]] inline py::object checked_names(PyObject* given)
{
    py::object all = py::reinterpret_steal<py::object>(PySequence_Tuple(given));
    if (!all)
        throw py::error_already_set();
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(all.ptr()); ++i) {
        PyObject* const name = PyTuple_GET_ITEM(all.ptr(), i);
        if (PyUnicode_CheckExact(name) || PyLong_CheckExact(name))
            continue;
        py::list plain; // rare: all once more
        for (const py::handle each : all)
            plain.append(plain_name(each.ptr()));
        all = py::tuple(plain);
        break;
    }
    const auto different = py::reinterpret_steal<py::object>(PySet_New(all.ptr()));
    if (!different)
        throw py::error_already_set();
    if (PySet_GET_SIZE(different.ptr()) != PyTuple_GET_SIZE(all.ptr()))
        throw std::invalid_argument("each candidate must have an id of its own");
    return all;
}

} // namespace detail

template <>
struct Argument<CandidateNames> : WithoutLock {
    Argument(PyObject* object, const char*)
    {
        if (object != Py_None)
            value.tuple = detail::checked_names(object);
    }
    const CandidateNames& get() const { return value; }
    CandidateNames value;
};

struct NamedRanking {
    CandidateNames names;
    std::vector<std::int32_t> order;
    std::vector<float> scores;
    std::string state;
};

[[nodiscard]] inline PyObject* to_python(NamedRanking&& ranking)
{
    py::tuple shown(ranking.order.size());
    for (std::size_t i = 0; i < ranking.order.size(); ++i) {
        const std::int32_t place = ranking.order[i];
        PyObject* const name = ranking.names.tuple ? Py_NewRef(PyTuple_GET_ITEM(ranking.names.tuple.ptr(), place))
                                                   : PyLong_FromLong(place);
        if (name == nullptr)
            throw py::error_already_set();
        PyTuple_SET_ITEM(shown.ptr(), static_cast<Py_ssize_t>(i), name);
    }
    return py::make_tuple(std::move(shown), to_array(std::span<const std::int32_t>(ranking.order)),
                          to_array(std::span<const float>(ranking.scores)), py::str(ranking.state))
        .release()
        .ptr();
}

} // namespace ruvllm::bindings
