#include <string>
#include <utility>
#include <variant>

#include <pybind11/pybind11.h>

#include "components.hpp"
#include "ruvllm/engine/engine_state.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

py::dict arrays_of(const LearningEngine& engine)
{
    const EngineState state = unlocked([&] { return state_of(engine); });
    py::dict arrays;
    for (const auto& [name, values] : state)
        arrays[py::str(name)] = std::visit(
            []<class T>(const std::vector<T>& v) -> py::object { return to_array(std::span<const T>(v)); }, values);
    return arrays;
}

// Whether it is an array of this type, which is then copied.
template <class T>
bool take(const py::handle& array, const std::string& name, EngineState& state)
{
    if (!py::isinstance<Array<T>>(array))
        return false;
    const auto view = vector_view(py::reinterpret_borrow<Array<T>>(array), name.c_str());
    state.emplace(name, std::vector<T>(view.begin(), view.end()));
    return true;
}

void restore_from(LearningEngine& engine, const py::dict& arrays)
{
    EngineState state;
    for (const auto& [key, array] : arrays) {
        const auto name = py::cast<std::string>(key);
        if (!(take<float>(array, name, state) || take<double>(array, name, state) ||
              take<std::uint8_t>(array, name, state) || take<std::uint32_t>(array, name, state) ||
              take<std::uint64_t>(array, name, state)))
            throw py::type_error(name + " must be a contiguous array of float32, float64, uint8, uint32 or uint64");
    }
    unlocked([&] { restore(engine, state); });
}

} // namespace

void register_engine_state(py::class_<LearningEngine>& engine)
{
    engine
        .def("state", &arrays_of,
             "All that the next steps depend on: arrays (n,) by name, copies. restore() takes them back.")
        .def("restore", &restore_from, py::arg("state"),
             "Puts a state() into an engine of the same configuration over the same tasks, in place of all that it has "
             "learned: it then goes on as the other would have done, to the bit. ValueError or IndexError, and no "
             "change, for arrays that are not such a state.");
}
