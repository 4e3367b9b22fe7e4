#include <string>
#include <vector>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "ruvllm/text/murmur3.hpp"
#include "ruvllm/text/ngram_encoder.hpp"
#include "ruvllm/numeric/float_environment.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using ruvllm::components::NgramEncoder;
using ruvllm::numeric::FloatEnvironmentGuard;

namespace {

using Texts = std::vector<std::string>;

FloatArray encode(const NgramEncoder& encoder, const Texts& texts)
{
    FloatArray out({static_cast<py::ssize_t>(texts.size()), static_cast<py::ssize_t>(encoder.dim())});
    float* const rows = out.mutable_data();
    const py::gil_scoped_release release;
    const FloatEnvironmentGuard guard;
    encoder.encode(texts, rows);
    return out;
}

void fit(NgramEncoder& encoder, const Texts& texts)
{
    const py::gil_scoped_release release;
    const FloatEnvironmentGuard guard;
    encoder.fit(texts);
}

} // namespace

void register_encoder(py::module_& m)
{
    m.def(
        "murmur3_32",
        [](const py::bytes& data, std::uint32_t seed) {
            return static_cast<std::int32_t>(ruvllm::components::murmur3_32(std::string_view(data), seed));
        },
        py::arg("data"), py::arg("seed") = 0, "MurmurHash3 (x86, 32 bits) of bytes, as a signed number.");

    py::class_<NgramEncoder>(m, "NgramEncoder",
                             "Hashed character n-grams. Texts are UTF-8 bytes in lower case, words separated by one "
                             "space; ruvllm.encoders.hashed prepares them.")
        .def(py::init<std::size_t, bool>(), py::arg("dim"), py::kw_only(), py::arg("sublinear_tf") = false)
        .def_property_readonly("dim", &NgramEncoder::dim)
        .def("fit", &fit, py::arg("texts"), "IDF weights from these texts, in place of earlier ones.")
        .def("encode", &encode, py::arg("texts"), "Unit rows (n, dim) float32; a text without words gives zeros.")
        .def(
            "document_frequencies", [](const NgramEncoder& e) { return to_array(e.document_frequencies()); },
            "Texts of fit() that each of the 2^18 buckets occurs in, uint32; empty before.");
}
