// Saved states: named arrays (n,) that an object gives and takes back, by hand, by pickle and by copy.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "binding.hpp"
#include "ruvllm/numeric/state_archive.hpp"

namespace ruvllm::bindings {

namespace detail {

// Whether it is an array of this type, which is then copied.
template <class T>
bool take(PyObject* array, const std::string& name, SavedState& state)
{
    if (!NumPy::get().has_type<T>(array))
        return false;
    const auto argument = array_argument<T>(array, name.c_str());
    const auto view = vector_view(argument, name.c_str());
    state.emplace(name, std::vector<T>(view.begin(), view.end()));
    return true;
}

} // namespace detail

// A dict of arrays by name. Their types are kept, so that none is converted: TypeError for another one.
template <>
struct Argument<SavedState> : WithoutLock {
    Argument(PyObject* object, const char* name)
    {
        if (!PyDict_Check(object))
            throw wrong_type(name, "a dict of arrays", object);
        using Items = std::vector<std::pair<py::object, py::object>>;
        const py::list items(py::handle(object).attr("items")()); // of now: looking at arrays may run Python code
        for (const auto& [key, array] : py::cast<Items>(items))
            add(text(key.ptr(), "each name in a state"), array.ptr());
    }
    const SavedState& get() const { return value; }
    SavedState value;

private:
    void add(const std::string& name, PyObject* array)
    {
        using detail::take;
        if (!NumPy::get().api.PyArray_Check_(array) ||
            !(take<float>(array, name, value) || take<double>(array, name, value) ||
              take<std::uint8_t>(array, name, value) || take<std::uint32_t>(array, name, value) ||
              take<std::uint64_t>(array, name, value)))
            throw py::type_error(name + " must be an array of float32, float64, uint8, uint32 or uint64, not " +
                                 type_of(array));
    }
};

// What is saved of a T: `kind` names it, write() and read() have the same numbers in the same order. read() throws
// std::invalid_argument for numbers that no T can have: they may come from a stranger's file.
template <class T>
struct State;

template <class T>
[[nodiscard]] SavedState written(const T& object)
{
    StateWriter writer;
    const std::string_view kind = State<T>::kind;
    writer.list("class", std::vector<std::uint8_t>(kind.begin(), kind.end()));
    State<T>::write(object, writer);
    return std::move(writer.state);
}

template <class T>
[[nodiscard]] Made<T> read_from(const SavedState& state)
{
    StateReader reader(state);
    std::vector<std::uint8_t> kind;
    reader.list("class", kind);
    reader.require(std::ranges::equal(kind, std::string_view(State<T>::kind)),
                   "class must be " + std::string(State<T>::kind) + ", not " +
                       shortened(py::bytes(reinterpret_cast<const char*>(kind.data()), kind.size())));
    Made<T> made = State<T>::read(reader);
    reader.finish();
    return made;
}

namespace detail {

// The calls of a class whose objects can be saved; kept together, for they are static.
template <class T>
struct Saving {
    static inline const Signature* signature = nullptr;

    static PyObject* from_state(PyObject* type, PyObject* const* values, Py_ssize_t given, PyObject* keywords)
    {
        return with_python_errors([&] {
            PyObject* slot = nullptr;
            signature->bind(values, given, keywords, &slot);
            const Argument<SavedState> state(slot, "state");
            Made<T> made = numeric::in_standard_environment([&] {
                try {
                    return read_from<T>(state.get());
                } catch (const std::exception& error) { // whatever the rule: these are no numbers of a T
                    if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr)
                        throw;
                    throw std::invalid_argument("the state is not one of a " + std::string(State<T>::kind) + ": " +
                                                error.what());
                }
            });
            return new_instance(std::move(made), reinterpret_cast<PyTypeObject*>(type)).release().ptr();
        });
    }

    // (from_state of the object's own class, (state,), what a subclass keeps beside it)
    static PyObject* reduce(PyObject* self, PyObject* const*, Py_ssize_t, PyObject*)
    {
        return with_python_errors([&] {
            const py::handle object(self);
            const py::object state = object.attr("state")();
            return py::make_tuple(py::type::of(object).attr("from_state"), py::make_tuple(state),
                                  py::getattr(object, "__dict__", py::none()))
                .release()
                .ptr();
        });
    }
};

} // namespace detail

// Adds state(), from_state() and what pickle and copy ask for.
template <class T>
void save_with_state(Class<T>& c)
{
    c.method("state", "",
             "The whole state, configuration included, but for the instruction set: arrays (n,) by name, copies. "
             "from_state() makes an equal object of it, to the bit; pickle, copy and ruvllm.save() use it.",
             [](const T& object) { return written(object); });
    c.class_method("from_state", "state",
                   "An object with the state that state() gave. Raises ValueError, and TypeError for what are no arrays, "
                   "where no such object can have it.",
                   &detail::Saving<T>::from_state, detail::Saving<T>::signature);
    c.raw_method("__reduce__", "For pickle and copy.", &detail::Saving<T>::reduce);
}

} // namespace ruvllm::bindings
