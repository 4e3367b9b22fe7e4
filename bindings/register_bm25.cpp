#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/text/bm25.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using ruvllm::components::Bm25;

namespace {

using Texts = std::vector<std::string>;
using Numbers = ArrayArgument<std::uint32_t>;

// A copy of numbers of documents, which nobody changes between the check and the use.
std::vector<std::uint32_t> checked(const Numbers& array, const char* name, const Bm25& index)
{
    const auto view = vector_view(array, name);
    std::vector<std::uint32_t> numbers(view.begin(), view.end());
    for (const std::uint32_t number : numbers)
        if (number >= index.size())
            throw std::invalid_argument(std::string(name) + " must be below " + std::to_string(index.size()) + ", not " +
                                        std::to_string(number));
    return numbers;
}

FloatArray scores(const Bm25& index, const Texts& queries, const Numbers& documents,
                  const std::optional<Numbers>& statistics)
{
    const auto which = checked(documents, "documents", index);
    const auto counted = statistics ? checked(*statistics, "statistics", index) : which;
    require_memory(4.0 * static_cast<double>(queries.size()) * static_cast<double>(which.size()), "so many scores");
    FloatArray out({static_cast<py::ssize_t>(queries.size()), static_cast<py::ssize_t>(which.size())});
    float* const rows = out.mutable_data();
    unlocked([&] { index.scores(queries, which, counted, rows); });
    return out;
}

} // namespace

void register_bm25(py::module_& m)
{
    function(m, "subtokens", "text", "The subtokens of UTF-8 bytes: parseHTTPHeaders gives parse, http and header.",
             [](const py::bytes& text) {
                 py::list found;
                 ruvllm::components::for_each_subtoken(std::string_view(text), [&](std::string_view word) {
                     found.append(py::bytes(word.data(), word.size()));
                 });
                 return found;
             });
    Class<Bm25>(m, "Bm25",
                "Documents that are scored for queries by the subtokens they have in common, in [0, ...): BM25 with "
                "Lucene's IDF, as a mean over the query's subtokens. Texts are UTF-8 bytes; ruvllm.encoders.lexical "
                "prepares them.")
        .init("*, k1=1.2, b=0.75", "Without documents. k1 lies in [0, 1000], b in [0, 1].",
              [](double k1, double b) -> Made<Bm25> { return std::make_unique<Bm25>(k1, b); })
        .method("add", "texts", "Adds documents, whose numbers go on from the last one's; returns the first one's.",
                [](Bm25& index, const Texts& texts) {
                    const std::size_t first = index.size();
                    unlocked([&] { index.add(texts); });
                    return first;
                })
        .method("scores", "queries, documents, *, statistics=None",
                "(n, m) float32: the scores of documents (m,) uint32, by number, for n queries. How many documents have a "
                "subtoken, and their mean length, are taken from the documents `statistics` (k,), k >= 1, or from those "
                "that are scored.",
                [](const Bm25& index, const Texts& queries, const Numbers& documents,
                   const std::optional<Numbers>& statistics) { return scores(index, queries, documents, statistics); })
        .property("k1", "How slowly further ones of a subtoken count less.", [](const Bm25& index) { return index.k1(); })
        .property("b", "How much a document's length counts.", [](const Bm25& index) { return index.b(); })
        .method("__len__", "", "The number of documents.", [](const Bm25& index) { return index.size(); })
        .method("__repr__", "", "Class and size.", [](const Bm25& index) {
            return "Bm25(" + std::to_string(index.size()) + " documents, " + std::to_string(index.words()) +
                   " subtokens)";
        });
}
