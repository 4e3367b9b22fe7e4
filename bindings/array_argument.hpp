// An array argument that is read where it lies.
//
// Calls of a microsecond feel py::array_t: its conversion makes a new reference through NumPy even where nothing is to
// convert (0.1 us each). This one only looks: the array must have the type already, C-contiguous, else TypeError.
#pragma once

#include <cstddef>
#include <span>

#include "arrays.hpp"

namespace ruvllm::bindings {

// Valid during the call. shape: (ndim,)
template <class T>
struct ArrayArgument {
    const T* data = nullptr;
    std::span<const py::ssize_t> shape{};
};

template <class T>
[[nodiscard]] std::span<const T> vector_view(const ArrayArgument<T>& array, const char* name)
{
    require_dimensions(name, array.shape.size(), 1);
    return {array.data, static_cast<std::size_t>(array.shape[0])};
}

// A vector of exactly n elements.
template <class T>
[[nodiscard]] std::span<const T> vector_view(const ArrayArgument<T>& array, const char* name, std::size_t n)
{
    const auto view = vector_view(array, name);
    require_elements(name, view.size(), n);
    return view;
}

template <class T>
[[nodiscard]] MatrixView<T> matrix_view(const ArrayArgument<T>& array, const char* name, std::size_t columns)
{
    require_dimensions(name, array.shape.size(), 2);
    const MatrixView<T> view{array.data, static_cast<std::size_t>(array.shape[0]),
                             static_cast<std::size_t>(array.shape[1])};
    require_columns(name, view.columns, columns);
    return view;
}

} // namespace ruvllm::bindings

namespace pybind11::detail {

template <class T>
struct type_caster<ruvllm::bindings::ArrayArgument<T>> {
    using Array = ruvllm::bindings::Array<T>;

    PYBIND11_TYPE_CASTER(ruvllm::bindings::ArrayArgument<T>, handle_type_name<Array>::name);

    bool load(handle source, bool)
    {
        if (!Array::check_(source))
            return false;
        const auto* array = array_proxy(source.ptr());
        if ((array->flags & npy_api::NPY_ARRAY_ALIGNED_) == 0)
            return false;
        value = {reinterpret_cast<const T*>(array->data),
                 {array->dimensions, static_cast<std::size_t>(array->nd)}};
        return true;
    }
};

} // namespace pybind11::detail
