#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include <pybind11/pybind11.h>

#include "arrays.hpp"
#include "components.hpp"
#include "ruvllm/numeric/exp_log.hpp"
#include "ruvllm/numeric/float_environment.hpp"
#include "ruvllm/numeric/random.hpp"
#include "ruvllm/numeric/resample.hpp"
#include "ruvllm/numeric/softmax.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using namespace ruvllm::numeric;

namespace {

Array<double> draw(RandomStream& stream, std::size_t n, double (RandomStream::*next)() noexcept)
{
    Array<double> out(static_cast<py::ssize_t>(n));
    in_standard_environment([&] {
        for (double& value : std::span<double>(out.mutable_data(), n))
            value = (stream.*next)();
    });
    return out;
}

Array<std::int64_t> totals_of_resamples(const Array<std::int64_t>& values, RandomStream& stream, std::size_t n_rows)
{
    const auto v = matrix_view(values, "values");
    Array<std::int64_t> totals({static_cast<py::ssize_t>(n_rows), static_cast<py::ssize_t>(v.rows)});
    const std::span<std::int64_t> out(totals.mutable_data(), n_rows * v.rows);
    RandomStream own = stream; // another thread may use the caller's while the GIL is free
    unlocked([&] { ruvllm::numeric::resampled_totals({v.data, v.rows * v.columns}, v.rows, own, out); });
    stream = own;
    return totals;
}

Array<double> softmax_of_rows(const Array<double>& logits, double temperature)
{
    const auto l = matrix_view(logits, "logits");
    if (l.columns == 0)
        throw std::invalid_argument("logits must have at least 1 column, not 0");
    require(temperature > 0.0 && std::isfinite(temperature), "temperature must be above 0 and finite", temperature);
    Array<double> probabilities({static_cast<py::ssize_t>(l.rows), static_cast<py::ssize_t>(l.columns)});
    double* const out = probabilities.mutable_data();
    unlocked([&] {
        for (std::size_t begin = 0; begin < l.rows * l.columns; begin += l.columns)
            ruvllm::numeric::softmax({l.data + begin, l.columns}, temperature, {out + begin, l.columns});
    });
    return probabilities;
}

} // namespace

void register_random(py::module_& m)
{
    py::enum_<Purpose>(m, "Purpose", "What a random stream is for: streams of different purposes are independent.")
        .value("USER", Purpose::user)
        .value("DATASET", Purpose::dataset)
        .value("SPLIT", Purpose::split)
        .value("SCHEDULE", Purpose::schedule)
        .value("BOOTSTRAP", Purpose::bootstrap)
        .value("ENCODER", Purpose::encoder);

    py::class_<RandomStream>(m, "RandomStream",
                             "Counter-based random numbers (Philox 4x64-10), named by (seed, purpose, index).")
        .def(py::init<std::uint64_t, Purpose, std::uint64_t, std::uint64_t>(), py::arg("seed"),
             py::arg("purpose") = Purpose::user, py::arg("index") = 0, py::arg("subindex") = 0)
        .def("next_u64", &RandomStream::next_u64, "The next 64 random bits.")
        .def("below", &RandomStream::below, py::arg("n"), "A random integer in [0, n).")
        .def(
            "uniform", [](RandomStream& s, std::size_t n) { return draw(s, n, &RandomStream::uniform); },
            py::arg("n"), "n float64 in [0, 1).")
        .def(
            "normal", [](RandomStream& s, std::size_t n) { return draw(s, n, &RandomStream::normal); },
            py::arg("n"), "n standard normal float64.")
        .def(
            "integers",
            [](RandomStream& s, std::uint64_t below, std::size_t n) {
                Array<std::int64_t> out(static_cast<py::ssize_t>(n));
                for (std::int64_t& value : std::span<std::int64_t>(out.mutable_data(), n))
                    value = static_cast<std::int64_t>(s.below(below));
                return out;
            },
            py::arg("below"), py::arg("n"), "n int64 in [0, below).")
        .def(
            "permutation",
            [](RandomStream& s, std::size_t n) {
                Array<std::int64_t> out(static_cast<py::ssize_t>(n));
                const std::span<std::int64_t> values(out.mutable_data(), n);
                std::iota(values.begin(), values.end(), std::int64_t{0});
                s.shuffle(values);
                return out;
            },
            py::arg("n"), "The numbers 0 ... n-1 in random order, int64.");
    m.def("resampled_totals", &totals_of_resamples, py::arg("values").noconvert(), py::arg("stream"),
          py::arg("n_rows"),
          "Totals of n_rows resamples of values (n_metrics, n) int64: each is n draws with replacement, "
          "stream.integers(n, n), the same for all metrics. Returns (n_rows, n_metrics) int64, exact; OverflowError "
          "where n times a value may not fit.");

    m.def(
        "exp",
        [](double x) {
            return in_standard_environment([x] { return ruvllm::numeric::exp(x); });
        },
        py::arg("x"), "e^x with the same bits on every CPU; error below 1 ulp.");
    m.def(
        "log",
        [](double x) {
            return in_standard_environment([x] { return ruvllm::numeric::log(x); });
        },
        py::arg("x"), "Natural logarithm with the same bits on every CPU; error below 1 ulp.");
    m.def("softmax", &softmax_of_rows, py::arg("logits").noconvert(), py::arg("temperature"),
          "exp(l_j / T) / sum_k exp(l_k / T) in each row of finite logits (n, m), float64, T > 0, with the same bits on "
          "every CPU.");
}
