// Strict views of NumPy arrays: right type, right shape, contiguous, or a TypeError / ValueError that says which.
//
// Arguments bind with py::arg(...).noconvert(): a silent conversion would hand an in-place function a hidden copy.
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
[[nodiscard]] std::span<const T> vector_view(const Array<T>& array, const char* name)
{
    require_dimensions(name, static_cast<std::size_t>(array.ndim()), 1);
    return {array.data(), static_cast<std::size_t>(array.size())};
}

// A vector of exactly n elements.
template <class T>
[[nodiscard]] std::span<const T> vector_view(const Array<T>& array, const char* name, std::size_t n)
{
    const auto view = vector_view(array, name);
    require_elements(name, view.size(), n);
    return view;
}

template <class T>
[[nodiscard]] std::span<T> mutable_vector_view(Array<T>& array, const char* name)
{
    require_dimensions(name, static_cast<std::size_t>(array.ndim()), 1);
    return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

template <class T>
struct MatrixView {
    const T* data;
    std::size_t rows, columns;
};

template <class T>
[[nodiscard]] MatrixView<T> matrix_view(const Array<T>& array, const char* name)
{
    require_dimensions(name, static_cast<std::size_t>(array.ndim()), 2);
    return {array.data(), static_cast<std::size_t>(array.shape(0)), static_cast<std::size_t>(array.shape(1))};
}

template <class T>
[[nodiscard]] MatrixView<T> matrix_view(const Array<T>& array, const char* name, std::size_t columns)
{
    const auto view = matrix_view(array, name);
    require_columns(name, view.columns, columns);
    return view;
}

// A new NumPy array holding a copy of `values`.
template <class T>
[[nodiscard]] Array<T> to_array(std::span<const T> values)
{
    return Array<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

} // namespace ruvllm::bindings
