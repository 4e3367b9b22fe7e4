#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/numeric/softmax.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;

namespace {

// Throws unless each row has a softmax at this temperature.
MatrixView<double> checked_logits(const Doubles& logits, double temperature)
{
    const auto l = matrix_view(logits, "logits");
    if (l.columns == 0)
        throw std::invalid_argument("logits must have at least 1 column, not 0");
    require(temperature > 0.0 && std::isfinite(temperature), "temperature must be above 0 and finite", temperature);
    for (std::size_t i = 0; i < l.rows * l.columns; ++i)
        finite(l.data[i], "logits");
    return l;
}

Array<double> softmax_of_rows(const Doubles& logits, double temperature)
{
    const auto l = checked_logits(logits, temperature);
    Array<double> probabilities({static_cast<py::ssize_t>(l.rows), static_cast<py::ssize_t>(l.columns)});
    double* const out = probabilities.mutable_data();
    unlocked([&] {
        for (std::size_t begin = 0; begin < l.rows * l.columns; begin += l.columns)
            ruvllm::numeric::softmax({l.data + begin, l.columns}, temperature, {out + begin, l.columns});
    });
    return probabilities;
}

// (n,): number(row's logits, their softmax)
template <class Number>
Array<double> of_each_row(const Doubles& logits, double temperature, Number number)
{
    const auto l = checked_logits(logits, temperature);
    Array<double> numbers(static_cast<py::ssize_t>(l.rows));
    double* const out = numbers.mutable_data();
    unlocked([&] {
        std::vector<double> probabilities(l.columns);
        for (std::size_t r = 0; r < l.rows; ++r) {
            const std::span<const double> row(l.data + r * l.columns, l.columns);
            ruvllm::numeric::softmax(row, temperature, probabilities);
            out[r] = number(row, std::span<const double>(probabilities));
        }
    });
    return numbers;
}

} // namespace

void register_softmax(py::module_& m)
{
    function(m, "softmax", "logits, temperature",
             "exp(l_j / T) / sum_k exp(l_k / T) in each row of finite logits (n, m), float64, T > 0, with the same bits "
             "on every CPU.",
             [](const Doubles& logits, double temperature) { return softmax_of_rows(logits, temperature); });
    function(m, "largest_probabilities", "logits, temperature",
             "The largest number (n,) in each row of softmax(logits, temperature).",
             [](const Doubles& logits, double temperature) {
                 return of_each_row(logits, temperature, [](auto, auto p) { return *std::ranges::max_element(p); });
             });
    function(m, "expected_logits", "logits, temperature",
             "sum_j p_j l_j (n,) in each row, added in the order of j, with p = softmax(logits, temperature).",
             [](const Doubles& logits, double temperature) {
                 return of_each_row(logits, temperature, [](auto row, auto p) {
                     double sum = 0.0;
                     for (std::size_t j = 0; j < row.size(); ++j)
                         sum += p[j] * row[j];
                     return sum;
                 });
             });
}
