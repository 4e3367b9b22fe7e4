// Shapes of arrays: right, or a ValueError that says which was wanted and which given. And new arrays.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

namespace ruvllm::bindings {

namespace py = pybind11;

template <class T>
using Array = py::array_t<T, py::array::c_style>;
using FloatArray = Array<float>;

inline void require_dimensions(const char* name, std::size_t found, std::size_t wanted)
{
    if (found != wanted)
        throw std::invalid_argument(std::string(name) + " must have " + std::to_string(wanted) +
                                    (wanted == 1 ? " dimension, not " : " dimensions, not ") + std::to_string(found));
}

inline void require_elements(const char* name, std::size_t found, std::size_t wanted)
{
    if (found != wanted)
        throw std::invalid_argument(std::string(name) + " must have " + std::to_string(wanted) + " elements, not " +
                                    std::to_string(found));
}

inline void require_columns(const char* name, std::size_t found, std::size_t wanted)
{
    if (found != wanted)
        throw std::invalid_argument(std::string(name) + " must have " + std::to_string(wanted) + " columns, not " +
                                    std::to_string(found));
}

template <class T>
struct MatrixView {
    const T* data;
    std::size_t rows, columns;
};

// A new NumPy array holding a copy of `values`.
template <class T>
[[nodiscard]] Array<T> to_array(std::span<const T> values)
{
    return Array<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

} // namespace ruvllm::bindings
