// A C++ object that Python owns, with the lock that its methods hold, and the way from one to the other.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "errors.hpp"
#include "object_lock.hpp"

namespace ruvllm::bindings {

// What an instance of a Python class holds. `T` is the C++ class; `keeps` are Python objects that it looks at.
template <class T>
struct Shared {
    ObjectLock lock{};
    std::unique_ptr<T> object{};
    py::object keeps{};
};

// The same for a class that is derived from Base, in Python and in C++.
template <class T, class Base>
struct Derived : Shared<Base> {};

// A new object for a Shared.
template <class T>
struct Made {
    template <class U>
    Made(std::unique_ptr<U> made, py::object kept = {}) : object(std::move(made)), keeps(std::move(kept))
    {
    }
    std::unique_ptr<T> object;
    py::object keeps;
};

// The Python class of T, once it is registered, and its name.
template <class T>
inline PyTypeObject* python_type = nullptr;

// A new Python instance of the class, or of a subclass of it, without its __init__.
template <class T>
[[nodiscard]] py::object new_instance(Made<T>&& made, PyTypeObject* type = python_type<T>)
{
    const py::tuple nothing(0);
    auto instance = py::reinterpret_steal<py::object>(type->tp_new(type, nothing.ptr(), nullptr));
    if (!instance)
        throw py::error_already_set();
    auto* const raw = reinterpret_cast<py::detail::instance*>(instance.ptr());
    auto place = raw->get_value_and_holder(py::detail::get_type_info(python_type<T>));
    auto shared = std::make_unique<Shared<T>>();
    shared->object = std::move(made.object);
    shared->keeps = std::move(made.keeps);
    place.value_ptr() = shared.release();
    place.type->init_instance(raw, nullptr);
    return instance;
}

template <class T>
[[nodiscard]] PyObject* to_python(Made<T>&& made)
{
    return new_instance(std::move(made)).release().ptr();
}

template <class T>
[[nodiscard]] Shared<T>& shared_of(PyObject* object, const char* name)
{
    if (!PyObject_TypeCheck(object, python_type<T>))
        throw py::type_error(std::string(name) + " must be a " + python_type<T>->tp_name + ", not " + type_of(object));
    auto* instance = reinterpret_cast<py::detail::instance*>(object);
    auto* shared = static_cast<Shared<T>*>(instance->simple_layout
                                               ? instance->simple_value_holder[0]
                                               : py::cast<Shared<T>*>(py::handle(object)));
    if (shared == nullptr || shared->object == nullptr)
        throw py::type_error(std::string(Py_TYPE(object)->tp_name) + ".__init__() was not called");
    return *shared;
}

} // namespace ruvllm::bindings
