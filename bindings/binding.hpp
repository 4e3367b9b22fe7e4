// How functions and classes are put into the module: from a signature as text, a docstring and a C++ function.
//
// One way for all calls: arguments are matched with the signature and converted (Argument<>), the locks of the objects
// among them are taken - `T&` to change an object, `const T&` to read it -, the function runs in the standard
// floating-point environment, locks are released, and only then its result becomes a Python object. CPython calls it
// directly (vectorcall): a search for overloads takes longer than the arithmetic on a thousand numbers.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "arguments.hpp"
#include "object_lock.hpp"
#include "results.hpp"
#include "ruvllm/numeric/float_environment.hpp"
#include "shared_object.hpp"
#include "signature.hpp"

namespace ruvllm::bindings {

namespace detail {

template <class F>
struct Call : Call<decltype(&F::operator())> {};

template <class F, class R, class... A>
struct Call<R (F::*)(A...) const> {
    static constexpr std::size_t parameters = sizeof...(A);
    static constexpr std::size_t locks = (std::size_t{ArgumentFor<A>::has_lock} + ... + 0);

    // What the function returns for these values of its parameters, in C++.
    static R run(const auto& function, const char* const* names, PyObject* const* values)
    {
        return run(function, names, values, std::make_index_sequence<parameters>());
    }

    // The same as a Python object.
    static PyObject* run_for_python(const auto& function, const char* const* names, PyObject* const* values)
    {
        if constexpr (std::is_void_v<R>) {
            run(function, names, values);
            return Py_NewRef(Py_None);
        } else {
            return to_python(run(function, names, values));
        }
    }

private:
    template <std::size_t... I>
    static R run(const auto& function, [[maybe_unused]] const char* const* names,
                 [[maybe_unused]] PyObject* const* values, std::index_sequence<I...>)
    {
        std::tuple<ArgumentFor<A>...> arguments{ArgumentFor<A>(values[I], names[I])...};
        LockSet<locks> set;
        if constexpr (locks > 0) {
            (std::get<I>(arguments).want(set), ...);
            set.take();
        }
        return numeric::in_standard_environment([&] { return function(std::get<I>(arguments).get()...); });
    }
};

// One bound function: F has no state, so that a plain C function can call it.
template <class F, bool Method>
struct Bound {
    using Traits = Call<F>;
    static constexpr std::size_t own = Method ? 1 : 0; // self
    static constexpr std::size_t n = Traits::parameters - own;

    static inline const Signature* signature = nullptr;
    static inline std::array<const char*, Traits::parameters + 1> names{};

    static void set(const Signature* made)
    {
        if (made->size() != n)
            throw std::logic_error(std::string(made->name()) + " has another number of parameters than its signature");
        signature = made;
        names[0] = "self";
        for (std::size_t i = 0; i < n; ++i)
            names[own + i] = made->name_of(i);
    }

    static PyObject* call(PyObject* self, PyObject* const* values, Py_ssize_t given, PyObject* keywords)
    {
        return with_python_errors([&] {
            std::array<PyObject*, Traits::parameters + 1> slots;
            slots[0] = self;
            signature->bind(values, given, keywords, slots.data() + own);
            return Traits::run_for_python(F{}, names.data(), slots.data());
        });
    }
};

using FastCall = PyObject* (*)(PyObject* self, PyObject* const* values, Py_ssize_t given, PyObject* keywords);

// What CPython stores as a PyCFunction: METH_FASTCALL | METH_KEYWORDS say how it is really called. Both live as long as
// the interpreter.
inline PyMethodDef* definition_of(const Signature* signature, FastCall call, int flags = 0)
{
    return new PyMethodDef{signature->name(), reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call)),
                           METH_FASTCALL | METH_KEYWORDS | flags, signature->doc()};
}

inline py::object checked(PyObject* made)
{
    if (made == nullptr)
        throw py::error_already_set();
    return py::reinterpret_steal<py::object>(made);
}

} // namespace detail

// Adds a function to the module.
template <class F>
void function(py::module_& m, const char* name, const char* parameters, const std::string& doc, F)
{
    using Bound = detail::Bound<F, false>;
    Bound::set(new Signature("", name, "$module", parameters, doc.c_str()));
    const py::object module_name = m.attr("__name__");
    m.attr(name) = detail::checked(
        PyCFunction_NewEx(detail::definition_of(Bound::signature, &Bound::call), m.ptr(), module_name.ptr()));
}

// A class whose instances hold a T. Base: the class that it is derived from, in Python and in C++.
template <class T, class Base = void>
class Class {
public:
    Class(py::module_& m, const char* name, const std::string& doc) : name_(name), type_(make(m, name, doc))
    {
        python_type<T> = reinterpret_cast<PyTypeObject*>(type_.ptr());
    }

    [[nodiscard]] py::object type() const { return type_; }

    // make(...) returns a Made<T>.
    template <class F>
    Class& init(const char* parameters, const char* doc, F)
    {
        using Maker = detail::Bound<F, false>;
        Maker::set(new Signature(name_, "__init__", "$self", parameters, doc));
        add(Maker::signature, &construct<F>);
        return *this;
    }

    template <class F>
    Class& method(const char* name, const char* parameters, const char* doc, F)
    {
        using Bound = detail::Bound<F, true>;
        Bound::set(new Signature(name_, name, "$self", parameters, doc));
        add(Bound::signature, &Bound::call);
        return *this;
    }

    template <class F>
    Class& property(const char* name, const char* doc, F)
    {
        auto* definition = new PyGetSetDef{name, &get<F>, nullptr, doc, nullptr};
        type_.attr(name) = detail::checked(PyDescr_NewGetSet(python_type<T>, definition));
        return *this;
    }

    // A property that can be assigned to: set(object, value) checks the value.
    template <class F, class G>
    Class& property(const char* name, const char* doc, F, G)
    {
        auto* definition = new PyGetSetDef{name, &get<F>, &set<G>, doc, const_cast<char*>(name)};
        type_.attr(name) = detail::checked(PyDescr_NewGetSet(python_type<T>, definition));
        return *this;
    }

    // Of the class itself: `call` gets it in place of self, and `signature` what it is called with.
    void class_method(const char* name, const char* parameters, const char* doc, detail::FastCall call,
                      const Signature*& signature)
    {
        signature = new Signature(name_, name, "$type", parameters, doc);
        type_.attr(name) = detail::checked(
            PyDescr_NewClassMethod(python_type<T>, detail::definition_of(signature, call, METH_CLASS)));
    }

    // A method without arguments that does everything itself.
    void raw_method(const char* name, const char* doc, detail::FastCall call)
    {
        add(new Signature(name_, name, "$self", "", doc), call);
    }

private:
    using Held = std::conditional_t<std::is_void_v<Base>, Shared<T>, Derived<T, Base>>;

    static py::object make(py::module_& m, const char* name, const std::string& doc)
    {
        if constexpr (std::is_void_v<Base>)
            return py::class_<Held>(m, name, doc.c_str());
        else
            return py::class_<Held, Shared<Base>>(m, name, doc.c_str());
    }

    void add(const Signature* signature, detail::FastCall call)
    {
        type_.attr(signature->name()) =
            detail::checked(PyDescr_NewMethod(python_type<T>, detail::definition_of(signature, call)));
    }

    // __init__: the second one of an object does nothing, for others may be using what the first one made.
    template <class F>
    static PyObject* construct(PyObject* self, PyObject* const* values, Py_ssize_t given, PyObject* keywords)
    {
        using Maker = detail::Bound<F, false>;
        return with_python_errors([&] {
            auto* const instance = reinterpret_cast<py::detail::instance*>(self);
            auto place = instance->get_value_and_holder(py::detail::get_type_info(python_type<T>));
            std::array<PyObject*, Maker::n + 1> slots;
            Maker::signature->bind(values, given, keywords, slots.data());
            if (!place.instance_registered()) {
                auto made = Maker::Traits::run(F{}, Maker::names.data(), slots.data());
                auto shared = std::make_unique<Held>();
                shared->object = std::move(made.object);
                shared->keeps = std::move(made.keeps);
                if (!place.instance_registered()) { // another thread may have been faster
                    place.value_ptr() = shared.release();
                    place.type->init_instance(instance, nullptr);
                }
            }
            return Py_NewRef(Py_None);
        });
    }

    template <class F>
    static PyObject* get(PyObject* self, void*)
    {
        static constexpr const char* name = "self";
        return with_python_errors([&] { return detail::Call<F>::run_for_python(F{}, &name, &self); });
    }

    template <class G>
    static int set(PyObject* self, PyObject* value, void* name)
    {
        return with_python_errors_as_status([&] {
            if (value == nullptr)
                throw py::attribute_error(std::string(static_cast<const char*>(name)) + " cannot be deleted");
            const std::array<const char*, 2> names{"self", static_cast<const char*>(name)};
            const std::array<PyObject*, 2> values{self, value};
            detail::Call<G>::run(G{}, names.data(), values.data());
        });
    }

    std::string name_;
    py::object type_;
};

} // namespace ruvllm::bindings
