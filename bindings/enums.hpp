// Enumerations: Python's own enum.IntEnum, whose values are those of C++.
#pragma once

#include <initializer_list>
#include <utility>

#include "arguments.hpp"

namespace ruvllm::bindings {

template <class E>
void enumeration(py::module_& m, const char* name, const char* doc,
                 std::initializer_list<std::pair<const char*, E>> values)
{
    py::dict members;
    for (const auto& [member, value] : values)
        members[member] = static_cast<long>(value);
    const py::object made = py::module_::import("enum").attr("IntEnum")(name, members,
                                                                        py::arg("module") = m.attr("__name__"));
    made.attr("__doc__") = doc;
    m.attr(name) = made;
    python_enum<E> = made.ptr();
    made.inc_ref(); // as long as the interpreter lives
}

} // namespace ruvllm::bindings
