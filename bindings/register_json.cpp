#include <stdexcept>
#include <string>

#include <tuple>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/text/es_number.hpp"
#include "ruvllm/text/json_scan.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using namespace ruvllm::numeric;

namespace {

template <class T>
std::string format_rows(const T* data, std::size_t rows, std::size_t columns)
{
    std::string text;
    text.reserve(rows * (columns * (sizeof(T) == 4 ? 16 : 24) + 3) + 2);
    text += '[';
    for (std::size_t r = 0; r < rows; ++r) {
        if (r != 0)
            text += ',';
        append_es_list(std::span<const T>(data + r * columns, columns), text);
    }
    text += ']';
    return text;
}

template <class T>
std::string format_vector(std::span<const T> values)
{
    std::string text;
    text.reserve(values.size() * (sizeof(T) == 4 ? 16 : 24) + 2);
    append_es_list(values, text);
    return text;
}

// Releasing the GIL is safe: the caller's argument keeps the array alive, and only its elements are read.
template <class T>
py::bytes format_array(const ArrayArgument<T>& array)
{
    if (array.shape.size() == 1) {
        const auto values = vector_view(array, "array");
        return unlocked([&] { return format_vector(values); });
    }
    if (array.shape.size() == 2) {
        const auto rows = matrix_view(array, "array");
        return unlocked([&] { return format_rows(rows.data, rows.rows, rows.columns); });
    }
    throw std::invalid_argument("array must have 1 or 2 dimensions, not " + std::to_string(array.shape.size()));
}

std::tuple<std::size_t, std::size_t, bool> scan(const py::bytes& data, std::size_t max_depth, std::size_t max_nodes)
{
    const std::string_view text = data;
    const JsonExtent extent = unlocked([&] { return scan_json(text, max_depth, max_nodes); });
    return {extent.depth, extent.nodes, extent.huge_numbers};
}

} // namespace

void register_json(py::module_& m)
{
    function(m, "number_to_string", "x",
             "A double as ECMAScript writes it: 1e-7, 1e+21, 0 for -0. ValueError if it is not finite.",
             [](double x) { return es_number(x); });
    function(m, "format_float32", "array",
             "JSON text, as bytes, of a float32 array (n,) or (m, n): the shortest decimals that give back the same "
             "float32, in ECMAScript's form. ValueError for other shapes and for numbers that are not finite.",
             [](const Floats& array) { return format_array(array); });
    function(m, "format_float64", "array",
             "JSON text, as bytes, of a float64 array (n,) or (m, n), numbers as number_to_string writes them.",
             [](const Doubles& array) { return format_array(array); });
    function(m, "scan_json", "data, *, max_depth, max_nodes",
             "(depth, nodes, huge_numbers) of a JSON text, keys counted, and whether a number may be beyond the range of "
             "a double; stops once depth or nodes passes its limit.",
             [](const py::bytes& data, std::size_t max_depth, std::size_t max_nodes) {
                 return scan(data, max_depth, max_nodes);
             });
}
