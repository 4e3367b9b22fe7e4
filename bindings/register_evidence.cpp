#include <memory>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/components/betting_evidence.hpp"
#include "states.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

template <>
struct ruvllm::bindings::State<BettingEvidence> {
    static constexpr const char* kind = "BettingEvidence";
    static void write(const BettingEvidence& evidence, StateWriter& writer)
    {
        writer.list("numbers", evidence.numbers());
    }
    static Made<BettingEvidence> read(StateReader& reader)
    {
        std::vector<double> numbers;
        reader.list("numbers", numbers);
        return std::make_unique<BettingEvidence>(BettingEvidence::of_numbers(numbers));
    }
};

void register_evidence(py::module_& m)
{
    Class<BettingEvidence> made(
        m, "BettingEvidence",
        "Evidence, at any time, that gains have a mean above 0: the wealth of a gambler who bets on them, in a mixture "
        "of 24 shares. The same gains give the same bits on every machine.\n\n"
        ">>> evidence = ruvllm.BettingEvidence()\n"
        ">>> [round(evidence.add(gain), 2) for gain in (1.0, 0.0, 1.0)]\n"
        "[1.35, 1.35, 1.85]\n");
    made.init("low=-1.0", "Gains are at least `low`, below 0. Raises ValueError otherwise.",
              [](double low) -> Made<BettingEvidence> { return std::make_unique<BettingEvidence>(low); })
        .method("add", "gain",
                "Adds a gain and returns the evidence. Raises ValueError, and adds nothing, for one out of bounds.",
                [](BettingEvidence& e, double gain) { return e.add(gain); })
        .property("evidence", "The e-value: it comes to 1 / alpha at any time with probability alpha at most.",
                  [](const BettingEvidence& e) { return e.evidence(); })
        .property("largest", "Largest evidence so far, at least 1.", [](const BettingEvidence& e) { return e.largest(); })
        .property("n", "Number of gains so far.", [](const BettingEvidence& e) { return e.n(); })
        .property("low", "The smallest gain.", [](const BettingEvidence& e) { return e.low(); })
        .property("numbers", "All that it is, float64 (51,): low, n, largest, then each bet's mantissa and exponent.",
                  [](const BettingEvidence& e) { return e.numbers(); })
        .method("restore", "numbers", "Goes on from the numbers (51,) of another one. Raises ValueError for what are none.",
                [](BettingEvidence& e, const Doubles& numbers) {
                    const auto all = vector_view(numbers, "numbers");
                    e = BettingEvidence::of_numbers(all);
                })
        .method("__repr__", "", "Class and number of gains.", [](const BettingEvidence& e) {
            return "BettingEvidence(n=" + std::to_string(e.n()) + ")";
        });
    save_with_state(made);
}
