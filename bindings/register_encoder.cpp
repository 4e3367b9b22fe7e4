#include <memory>
#include <string>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/text/murmur3.hpp"
#include "ruvllm/text/ngram_encoder.hpp"
#include "states.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using ruvllm::components::NgramEncoder;

namespace {

using Texts = std::vector<std::string>;

FloatArray encode(const NgramEncoder& encoder, const Texts& texts)
{
    require_memory(4.0 * static_cast<double>(texts.size() + 2) * static_cast<double>(encoder.dim()), "so many vectors");
    FloatArray out({static_cast<py::ssize_t>(texts.size()), static_cast<py::ssize_t>(encoder.dim())});
    float* const rows = out.mutable_data();
    unlocked([&] { encoder.encode(texts, rows); });
    return out;
}

} // namespace

template <>
struct ruvllm::bindings::State<NgramEncoder> {
    static constexpr const char* kind = "NgramEncoder";
    static void write(const NgramEncoder& encoder, ruvllm::StateWriter& writer)
    {
        writer.number("dim", encoder.dim());
        writer.number("sublinearTf", std::uint64_t{encoder.sublinear_tf()});
        NgramEncoder::archive(encoder, writer);
    }
    static Made<NgramEncoder> read(ruvllm::StateReader& reader)
    {
        std::size_t dim = 0, sublinear_tf = 0;
        reader.number("dim", dim);
        reader.number("sublinearTf", sublinear_tf);
        auto encoder = std::make_unique<NgramEncoder>(dim, sublinear_tf != 0);
        NgramEncoder::archive(*encoder, reader);
        return encoder;
    }
};

void register_encoder(py::module_& m)
{
    function(m, "murmur3_32", "data, seed=0", "MurmurHash3 (x86, 32 bits) of bytes, as a signed number; seed 0 ... 2^32 - 1.",
             [](const py::bytes& data, std::uint32_t seed) {
                 return static_cast<std::int32_t>(ruvllm::components::murmur3_32(std::string_view(data), seed));
             });
    Class<NgramEncoder> type(m, "NgramEncoder",
                        "Hashed character n-grams. Texts are UTF-8 bytes in lower case, words separated by one space; "
                        "ruvllm.encoders.hashed prepares them.");
    type.init("dim, *, sublinear_tf=False", "An encoder of vectors (dim,), 1 <= dim < 2^32, in which all n-grams weigh 1.",
              [](std::size_t dim, bool sublinear_tf) -> Made<NgramEncoder> {
                  return std::make_unique<NgramEncoder>(dim, sublinear_tf);
              })
        .property("dim", "The number of elements of a vector.", [](const NgramEncoder& e) { return e.dim(); })
        .method("fit", "texts", "IDF weights from these texts, in place of earlier ones.",
                [](NgramEncoder& e, const Texts& texts) { unlocked([&] { e.fit(texts); }); })
        .method("encode", "texts", "Unit rows (n, dim) float32; a text without words gives zeros.",
                [](const NgramEncoder& e, const Texts& texts) { return encode(e, texts); })
        .method("document_frequencies", "",
                "Texts of fit() that each of the 2^18 buckets occurs in, uint32; empty before.",
                [](const NgramEncoder& e) { return to_array(e.document_frequencies()); })
        .method("__repr__", "", "Class and size.",
                [](const NgramEncoder& e) {
                    return "NgramEncoder(dim=" + std::to_string(e.dim()) +
                           (e.document_frequencies().empty() ? ", not fitted)" : ", fitted)");
                });
    save_with_state(type);
}
