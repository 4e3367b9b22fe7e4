#include <sstream>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include "binding.hpp"
#include "ruvllm/simd/dispatch.hpp"

namespace py = pybind11;
using ruvllm::bindings::function;
using namespace ruvllm::simd;

namespace {

std::vector<std::string> available_names()
{
    std::vector<std::string> names;
    for (const Isa isa : available_isas())
        names.emplace_back(name(isa));
    return names;
}

std::string active_name() { return std::string(name(default_kernels().isa)); }

std::string compiler()
{
#if defined(__clang__)
    return "Clang";
#elif defined(__GNUC__)
    return "GCC";
#elif defined(_MSC_VER)
    return "MSVC";
#else
    return "unknown";
#endif
}

std::string compiler_version()
{
#if defined(__clang__)
    return std::to_string(__clang_major__) + "." + std::to_string(__clang_minor__) + "." +
           std::to_string(__clang_patchlevel__);
#elif defined(__GNUC__)
    return std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__) + "." + std::to_string(__GNUC_PATCHLEVEL__);
#elif defined(_MSC_VER)
    return std::to_string(_MSC_FULL_VER);
#else
    return "unknown";
#endif
}

std::string pybind11_version()
{
    return std::to_string(PYBIND11_VERSION_MAJOR) + "." + std::to_string(PYBIND11_VERSION_MINOR) + "." +
           std::to_string(PYBIND11_VERSION_HEX >> 8 & 0xff);
}

// What CMake hands over as one definition, words between spaces.
std::vector<std::string> words(const char* text)
{
    std::istringstream stream(text);
    std::vector<std::string> found;
    for (std::string word; stream >> word;)
        found.push_back(word);
    return found;
}

py::dict build_info()
{
    using namespace py::literals;
    const std::string python = Py_GetVersion(); // "3.11.2 (main, ...) [GCC 12.2.0]"
    return py::dict("version"_a = RUVLLM_VERSION, "compiler"_a = compiler(), "compiler_version"_a = compiler_version(),
                    "cpp_standard"_a = "C++" + std::to_string(__cplusplus / 100 % 100),
                    "build_type"_a = RUVLLM_BUILD_TYPE, "float_flags"_a = words(RUVLLM_FLOAT_FLAGS),
                    "xsimd"_a = RUVLLM_XSIMD_VERSION, "pybind11"_a = pybind11_version(),
                    "python"_a = python.substr(0, python.find(' ')), "compiled_isas"_a = words(RUVLLM_COMPILED_ISAS),
                    "available_isas"_a = available_names(), "active_isa"_a = active_name());
}

} // namespace

void register_isa(py::module_& m)
{
    function(m, "available_isas", "", "Instruction sets that this build and this CPU have, best last.",
             [] { return available_names(); });
    function(m, "active_isa", "",
             "The instruction set used by default: the best one, or what RUVLLM_ISA names. Raises ValueError where that "
             "is none of this CPU.",
             [] { return active_name(); });
    function(m, "build_info", "",
             "How the extension was built and what it runs on: a dict with the fields of ruvllm.build_types.BuildInfo. "
             "Raises ValueError as active_isa() does.",
             [] { return build_info(); });
}
