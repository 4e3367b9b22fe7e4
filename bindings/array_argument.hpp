// Arrays as arguments. One rule for all: what is a NumPy array of the wanted type, contiguous, is read where it lies;
// other real numbers (lists, float64, float16, integers, slices, Fortran order, big-endian) are converted to a copy;
// what is no real number (complex, bool, masked, object, text) is refused, and so is a number that the type cannot hold.
//
// Arrays that a call writes to must be as they are: it would write to a copy (see OutputArray).
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "arrays.hpp"
#include "errors.hpp"

namespace ruvllm::bindings {

// Valid during the call. shape: (ndim,)
template <class T>
struct ArrayArgument {
    const T* data = nullptr;
    std::span<const py::ssize_t> shape{};
    py::object owner{}; // of a converted copy
};

using Floats = ArrayArgument<float>;
using Doubles = ArrayArgument<double>;

// An array that is written to: no copy, so the type and the layout must be right.
struct OutputArray {
    float* data = nullptr;
    std::size_t n = 0;
    py::object array{};
};

// Found once. Never released: the last call may come after the interpreter has begun to end.
struct NumPy {
    const py::detail::npy_api& api = py::detail::npy_api::get();
    PyObject* array_type = reinterpret_cast<PyObject*>(api.PyArray_Type_);

    static const NumPy& get()
    {
        static const NumPy* found = nullptr; // the GIL guards it, and costs nothing more
        if (found == nullptr)
            found = new NumPy;
        return *found;
    }

    template <class T>
    static PyObject* descriptor()
    {
        static PyObject* found = nullptr;
        if (found == nullptr)
            found = py::dtype::of<T>().release().ptr();
        return found;
    }

    // NumPy's own descriptor is one object; an array may still carry an equal one (after unpickling, for example).
    template <class T>
    [[nodiscard]] bool has_type(PyObject* array) const
    {
        PyObject* const found = py::detail::array_proxy(array)->descr;
        return found == descriptor<T>() || api.PyArray_EquivTypes_(found, descriptor<T>());
    }
};

namespace detail {

constexpr int usable_layout = py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;

[[nodiscard]] inline char kind_of(const py::object& array)
{
    return py::cast<std::string>(array.attr("dtype").attr("kind"))[0];
}

// A NumPy array of any type with the object's elements. Raises TypeError for a masked array with masked elements.
[[nodiscard]] inline py::object any_array(PyObject* object, const char* name)
{
    const py::module_ numpy = py::module_::import("numpy");
    if (NumPy::get().api.PyArray_Check_(object) && py::cast<bool>(numpy.attr("ma").attr("is_masked")(py::handle(object))))
        throw py::type_error(std::string(name) + " must have no masked elements: fill them (numpy.ma.filled) or leave "
                                                 "their rows out");
    try {
        return numpy.attr("asarray")(py::handle(object));
    } catch (py::error_already_set& error) { // rows of different lengths
        if (!error.matches(PyExc_ValueError) || !(PyList_Check(object) || PyTuple_Check(object)))
            throw;
        throw std::invalid_argument(std::string(name) + " must be a regular array of numbers, not rows of different "
                                                        "lengths");
    }
}

template <class T>
[[nodiscard]] py::object converted_by_numpy(const py::object& array)
{
    return py::module_::import("numpy").attr("asarray")(array, py::dtype::of<T>(), "C");
}

[[nodiscard]] inline std::size_t size_of(const py::object& array) { return py::cast<std::size_t>(array.attr("size")); }

template <class T>
[[nodiscard]] Array<T> empty_like(const py::object& array)
{
    const auto* proxy = py::detail::array_proxy(array.ptr());
    return Array<T>(std::vector<py::ssize_t>(proxy->dimensions, proxy->dimensions + proxy->nd));
}

// Numbers of a wider type, each checked: "h must lie within ..., not ...".
template <class T, class Wide>
[[nodiscard]] py::object narrowed(const py::object& array, const char* name)
{
    const py::object wide = converted_by_numpy<Wide>(array);
    Array<T> out = empty_like<T>(wide);
    const auto* from = static_cast<const Wide*>(static_cast<const void*>(py::detail::array_proxy(wide.ptr())->data));
    T* to = out.mutable_data();
    for (std::size_t i = 0, n = size_of(wide); i < n; ++i) {
        if constexpr (std::floating_point<T>) {
            if (std::isfinite(from[i]) && std::abs(from[i]) > static_cast<Wide>(std::numeric_limits<T>::max()))
                throw std::invalid_argument(std::string(name) + " must lie within 3.4e38 of 0 (float32), not hold " +
                                            shown(static_cast<double>(from[i])));
        } else if (!std::in_range<T>(from[i])) {
            throw std::invalid_argument(std::string(name) + " must hold integers of " +
                                        std::to_string(std::numeric_limits<T>::min()) + " ... " +
                                        std::to_string(std::numeric_limits<T>::max()) + ", not " +
                                        std::to_string(from[i]));
        }
        to[i] = static_cast<T>(from[i]);
    }
    return out;
}

[[nodiscard]] inline py::type_error no_numbers(const char* name, const char* wanted, PyObject* given,
                                               const py::object& array)
{
    std::string what = type_of(given);
    if (!NumPy::get().api.PyArray_Check_(given) && size_of(array) > 0 && kind_of(array) != 'O')
        what += " of " + py::cast<std::string>(py::str(array.attr("dtype")));
    return py::type_error(std::string(name) + " must have dtype " + wanted + " or numbers that convert to it, not be " +
                          what);
}

template <class T>
[[nodiscard]] py::object converted(PyObject* object, const char* name)
{
    const py::object array = any_array(object, name);
    const char kind = kind_of(array);
    const bool integers = kind == 'i' || kind == 'u';
    const std::string wanted = py::cast<std::string>(py::str(py::dtype::of<T>()));
    if constexpr (std::floating_point<T>) {
        if (!integers && kind != 'f')
            throw no_numbers(name, wanted.c_str(), object, array);
        const bool wide = kind == 'f' && py::cast<std::size_t>(array.attr("itemsize")) > sizeof(T);
        return wide && sizeof(T) < sizeof(double) ? narrowed<T, double>(array, name) : converted_by_numpy<T>(array);
    } else {
        const bool nothing = kind == 'f' && size_of(array) == 0 && !NumPy::get().api.PyArray_Check_(object); // [] 
        if (!integers && !nothing)
            throw no_numbers(name, wanted.c_str(), object, array);
        return kind == 'u' ? narrowed<T, std::uint64_t>(array, name) : narrowed<T, std::int64_t>(array, name);
    }
}

} // namespace detail

template <class T>
[[nodiscard]] ArrayArgument<T> array_argument(PyObject* object, const char* name)
{
    const NumPy& numpy = NumPy::get();
    const auto as_it_lies = [](PyObject* array) -> ArrayArgument<T> {
        const auto* proxy = py::detail::array_proxy(array);
        return {reinterpret_cast<const T*>(proxy->data), {proxy->dimensions, static_cast<std::size_t>(proxy->nd)}, {}};
    };
    if (reinterpret_cast<PyObject*>(Py_TYPE(object)) == numpy.array_type && numpy.has_type<T>(object) &&
        (py::detail::array_proxy(object)->flags & detail::usable_layout) == detail::usable_layout)
        return as_it_lies(object);
    py::object copy = detail::converted<T>(object, name);
    const bool usable = numpy.has_type<T>(copy.ptr()) &&
                        (py::detail::array_proxy(copy.ptr())->flags & detail::usable_layout) == detail::usable_layout;
    if (!usable) // unaligned
        copy = copy.attr("copy")();
    ArrayArgument<T> argument = as_it_lies(copy.ptr());
    argument.owner = std::move(copy);
    return argument;
}

[[nodiscard]] inline OutputArray output_array(PyObject* object, const char* name)
{
    const NumPy& numpy = NumPy::get();
    if (!numpy.api.PyArray_Check_(object))
        throw py::type_error(std::string(name) + " must be a NumPy array, for it is written to, not " +
                             type_of(object));
    const auto* array = py::detail::array_proxy(object);
    if (!numpy.has_type<float>(object))
        throw py::type_error(std::string(name) + " must have dtype float32, for it is written to, not " +
                             py::cast<std::string>(py::str(py::handle(array->descr))));
    require_dimensions(name, static_cast<std::size_t>(array->nd), 1);
    if ((array->flags & detail::usable_layout) != detail::usable_layout)
        throw py::type_error(std::string(name) + " must be contiguous and aligned, for it is written to, not with a "
                                                 "stride of " + std::to_string(array->strides[0]) + " bytes");
    if ((array->flags & py::detail::npy_api::NPY_ARRAY_WRITEABLE_) == 0)
        throw std::invalid_argument(std::string(name) + " must be writeable, not read-only");
    return {reinterpret_cast<float*>(array->data), static_cast<std::size_t>(array->dimensions[0]),
            py::reinterpret_borrow<py::object>(object)};
}

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
[[nodiscard]] MatrixView<T> matrix_view(const ArrayArgument<T>& array, const char* name)
{
    require_dimensions(name, array.shape.size(), 2);
    return {array.data, static_cast<std::size_t>(array.shape[0]), static_cast<std::size_t>(array.shape[1])};
}

template <class T>
[[nodiscard]] MatrixView<T> matrix_view(const ArrayArgument<T>& array, const char* name, std::size_t columns)
{
    const auto view = matrix_view(array, name);
    require_columns(name, view.columns, columns);
    return view;
}

} // namespace ruvllm::bindings
