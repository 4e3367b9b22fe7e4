// From a Python object to each kind of parameter that a bound function has. A refused one raises a single line.
#pragma once

#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "array_argument.hpp"
#include "number_arguments.hpp"
#include "ruvllm/simd/dispatch.hpp"
#include "shared_object.hpp"

namespace ruvllm::bindings {

// Argument<P>(object, name).get() is what a parameter of type P gets; want() asks for the lock of what it refers to.
template <class P>
struct Argument;

struct WithoutLock {
    static constexpr bool has_lock = false;
    template <class Locks>
    void want(Locks&) const
    {
    }
};

// An object of a bound class that is changed, or, where it is const, read.
template <class T>
struct Argument<T&> {
    static constexpr bool has_lock = true;
    Argument(PyObject* object, const char* name) : shared(&shared_of<std::remove_const_t<T>>(object, name)) {}
    T& get() const { return *shared->object; }
    template <class Locks>
    void want(Locks& locks) const
    {
        locks.want(shared->lock, !std::is_const_v<T>);
    }
    Shared<std::remove_const_t<T>>* shared;
};

// The same, or None.
template <class T>
struct Argument<T*> {
    static constexpr bool has_lock = true;
    Argument(PyObject* object, const char* name)
        : shared(object == Py_None ? nullptr : &shared_of<std::remove_const_t<T>>(object, name))
    {
    }
    T* get() const { return shared == nullptr ? nullptr : shared->object.get(); }
    template <class Locks>
    void want(Locks& locks) const
    {
        if (shared != nullptr)
            locks.want(shared->lock, !std::is_const_v<T>);
    }
    Shared<std::remove_const_t<T>>* shared;
};

// An object that another one goes on looking at.
template <class T>
struct Kept {
    const T& object;
    py::object python;
};

template <class T>
struct Argument<Kept<T>> : Argument<const T&> {
    Argument(PyObject* given, const char* name) : Argument<const T&>(given, name), object(given) {}
    Kept<T> get() const
    {
        return {Argument<const T&>::get(), py::reinterpret_borrow<py::object>(object)};
    }
    PyObject* object;
};

// The kernels of an instruction set that is given by name; "auto" are the default ones.
template <>
struct Argument<const simd::KernelTable&> : WithoutLock {
    Argument(PyObject* object, const char* name) : kernels(&kernels_of(object, name)) {}
    const simd::KernelTable& get() const { return *kernels; }
    static const simd::KernelTable& kernels_of(PyObject* object, const char* name)
    {
        if (PyUnicode_Check(object) && PyUnicode_CompareWithASCIIString(object, "auto") == 0)
            return simd::default_kernels();
        return simd::kernels_for(simd::parse_isa(text(object, name)));
    }
    const simd::KernelTable* kernels;
};

template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
struct Argument<T> : WithoutLock {
    Argument(PyObject* object, const char* name)
        : value(static_cast<T>(whole_number(object, name, std::numeric_limits<T>::max())))
    {
    }
    T get() const { return value; }
    T value;
};

template <>
struct Argument<double> : WithoutLock {
    Argument(PyObject* object, const char* name) : value(real_number(object, name)) {}
    double get() const { return value; }
    double value;
};

template <>
struct Argument<float> : WithoutLock {
    Argument(PyObject* object, const char* name) : value(narrow(real_number(object, name), name)) {}
    float get() const { return value; }
    float value;
};

template <>
struct Argument<bool> : WithoutLock {
    Argument(PyObject* object, const char* name) : value(truth(object, name)) {}
    bool get() const { return value; }
    bool value;
};

template <>
struct Argument<std::string> : WithoutLock {
    Argument(PyObject* object, const char* name) : value(text(object, name)) {}
    const std::string& get() const { return value; }
    std::string value;
};

template <class T>
struct Argument<ArrayArgument<T>> : WithoutLock {
    Argument(PyObject* object, const char* name) : value(array_argument<T>(object, name)) {}
    const ArrayArgument<T>& get() const { return value; }
    ArrayArgument<T> value;
};

// An array that an object goes on looking at: one that nobody can write to, or a copy.
template <class T>
struct FrozenArray {
    ArrayArgument<T> array; // with its owner
};

template <class T>
struct Argument<FrozenArray<T>> : WithoutLock {
    Argument(PyObject* object, const char* name)
    {
        value.array = array_argument<T>(object, name);
        const py::handle given = value.array.owner ? py::handle(value.array.owner) : py::handle(object);
        const bool ours = value.array.owner && value.array.owner.ptr() != object && !shares_memory(given, object);
        const bool writeable = (py::detail::array_proxy(given.ptr())->flags &
                                py::detail::npy_api::NPY_ARRAY_WRITEABLE_) != 0;
        py::object kept = py::reinterpret_borrow<py::object>(given);
        if (!ours && writeable)
            kept = kept.attr("copy")();
        value.array = array_argument<T>(kept.ptr(), name);
        value.array.owner = std::move(kept);
    }
    const FrozenArray<T>& get() const { return value; }
    FrozenArray<T> value;

private:
    static bool shares_memory(const py::handle& array, PyObject* object)
    {
        return py::cast<bool>(py::module_::import("numpy").attr("may_share_memory")(array, py::handle(object)));
    }
};

// A number that is neither NaN nor infinite.
template <class T>
struct Finite {
    T value;
};

template <class T>
struct Argument<Finite<T>> : Argument<T> {
    Argument(PyObject* object, const char* name) : Argument<T>(object, name)
    {
        if (!std::isfinite(this->value))
            throw std::invalid_argument(std::string(name) + " must be finite, not " +
                                        shown(static_cast<double>(this->value)));
    }
    Finite<T> get() const { return {this->value}; }
};

template <>
struct Argument<OutputArray> : WithoutLock {
    Argument(PyObject* object, const char* name) : value(output_array(object, name)) {}
    const OutputArray& get() const { return value; }
    OutputArray value;
};

// None stands for nothing.
template <class T>
struct Argument<std::optional<T>> : WithoutLock {
    Argument(PyObject* object, const char* name)
    {
        if (object != Py_None)
            value.emplace(object, name);
    }
    std::optional<T> get() const { return value ? std::optional<T>(value->get()) : std::nullopt; }
    std::optional<Argument<T>> value;
};

// bytes, and for the sake of short scripts str in UTF-8.
[[nodiscard]] inline std::string bytes_of(PyObject* object, const char* name)
{
    if (PyUnicode_Check(object))
        return py::cast<std::string>(py::handle(object));
    if (!PyBytes_Check(object))
        throw wrong_type(name, "bytes", object);
    return {PyBytes_AS_STRING(object), static_cast<std::size_t>(PyBytes_GET_SIZE(object))};
}

template <>
struct Argument<py::bytes> : WithoutLock {
    Argument(PyObject* object, const char* name) : value(py::reinterpret_borrow<py::object>(object))
    {
        if (!PyBytes_Check(object))
            throw wrong_type(name, "bytes", object);
    }
    py::bytes get() const { return py::reinterpret_borrow<py::bytes>(value); }
    py::object value;
};

// A list or another sequence of texts, copied.
template <>
struct Argument<std::vector<std::string>> : WithoutLock {
    Argument(PyObject* object, const char* name)
    {
        if (PyUnicode_Check(object) || PyBytes_Check(object) || !PySequence_Check(object))
            throw wrong_type(name, "a list of texts", object);
        for (const py::handle item : py::reinterpret_borrow<py::object>(object))
            value.push_back(bytes_of(item.ptr(), (std::string("each of ") + name).c_str()));
    }
    const std::vector<std::string>& get() const { return value; }
    std::vector<std::string> value;
};

template <>
struct Argument<py::dict> : WithoutLock {
    Argument(PyObject* object, const char* name) : value(py::reinterpret_borrow<py::object>(object))
    {
        if (!PyDict_Check(object))
            throw wrong_type(name, "a dict", object);
    }
    py::dict get() const { return py::reinterpret_borrow<py::dict>(value); }
    py::object value;
};

// The Python class of an enumeration, an enum.IntEnum.
template <class E>
inline PyObject* python_enum = nullptr;

template <class E>
    requires std::is_enum_v<E>
struct Argument<E> : WithoutLock {
    Argument(PyObject* object, const char* name)
    {
        const int is_one = PyObject_IsInstance(object, python_enum<E>);
        if (is_one < 0)
            throw py::error_already_set();
        if (is_one == 0)
            throw wrong_type(name, ("a " + py::cast<std::string>(py::handle(python_enum<E>).attr("__name__"))).c_str(),
                             object);
        value = static_cast<E>(PyLong_AsLong(object));
    }
    E get() const { return value; }
    E value;
};

// Values may be taken by reference; what else is, is an object of a class.
template <class P>
concept TakesValue = requires { sizeof(Argument<std::remove_cvref_t<P>>); };

template <class P>
using ArgumentFor = Argument<std::conditional_t<TakesValue<P>, std::remove_cvref_t<P>, P>>;

} // namespace ruvllm::bindings
