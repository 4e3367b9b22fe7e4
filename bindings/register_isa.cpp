#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "ruvllm/simd/dispatch.hpp"

namespace py = pybind11;
using namespace ruvllm::simd;

void register_isa(py::module_& m)
{
    m.def(
        "available_isas",
        [] {
            std::vector<std::string> names;
            for (const Isa isa : available_isas())
                names.emplace_back(name(isa));
            return names;
        },
        "Instruction sets that this build and this CPU have, best last.");
    m.def(
        "active_isa", [] { return std::string(name(default_kernels().isa)); },
        "The instruction set used by default: the best one, or what RUVLLM_ISA names.");
}
