#include <numeric>
#include <vector>

#include <pybind11/pybind11.h>

#include "arrays.hpp"
#include "ruvllm/numeric/exp_log.hpp"
#include "ruvllm/numeric/float_environment.hpp"
#include "ruvllm/numeric/random.hpp"

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
}
