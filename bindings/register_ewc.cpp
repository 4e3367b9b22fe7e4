#include <memory>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/components/elastic_weight_consolidation.hpp"
#include "states.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using Ewc = ruvllm::ElasticWeightConsolidation;

namespace {

// Squares of larger elements would soon sum up to infinity.
constexpr float largest_element = 1e15f;

Made<Ewc> make(std::size_t parameters, const ruvllm::EwcConfig& config)
{
    checked_size("parameters", parameters, std::size_t{1} << 40);
    require_memory(12.0 * static_cast<double>(parameters), "the Fisher information");
    finite(static_cast<double>(config.lambda), "ewc_lambda");
    return std::make_unique<Ewc>(config, parameters);
}

void add_example(Ewc& ewc, const Floats& gradient)
{
    const auto g = vector_view(gradient, "gradient", ewc.fisher().size());
    for (const float value : g)
        if (!(std::abs(value) <= largest_element))
            require(false, "gradient must be finite and within 1e15 of 0", static_cast<double>(value));
    ruvllm::simd::default_kernels().add_squares(1.0f, g.data(), ewc.squares().data(), g.size());
    ewc.example_added();
}

std::span<const float> checked_parameters(const Ewc& ewc, const Floats& parameters)
{
    const auto theta = vector_view(parameters, "parameters", ewc.fisher().size());
    ruvllm::require_finite(ruvllm::simd::default_kernels(), theta, "parameters");
    return theta;
}

} // namespace

template <>
struct ruvllm::bindings::State<Ewc> {
    static constexpr const char* kind = "ElasticWeightConsolidation";
    static void write(const Ewc& ewc, ruvllm::StateWriter& writer)
    {
        writer.number("parameters", ewc.fisher().size());
        writer.number("lambda", ewc.config().lambda);
        writer.number("decay", ewc.config().running_sum ? 0.0f : ewc.config().decay);
        Ewc::archive(ewc, writer);
    }
    static Made<Ewc> read(ruvllm::StateReader& reader)
    {
        std::size_t parameters = 0;
        float lambda = 0.0f, decay = 0.0f;
        reader.number("parameters", parameters);
        reader.number("lambda", lambda);
        reader.number("decay", decay);
        Made<Ewc> made = make(parameters, {lambda, decay, decay == 0.0f});
        Ewc::archive(*made.object, reader);
        return made;
    }
};

void register_ewc(py::module_& m)
{
    Class<Ewc> type(
        m, "ElasticWeightConsolidation",
        "Keeps P parameters near a reference where they mattered: penalty = lambda / 2 sum_i F_i (theta_i - "
        "reference_i)^2.\n\n"
        "F is the mean of squared per-example gradients, folded in batch by batch: F = decay F + (1 - decay) mean "
        "(Schwarz et al. 2018, \"Progress & Compress\"; Chaudhry et al. 2018), or F = F + mean for fisher_decay 0 "
        "(Kirkpatrick et al. 2017, \"Overcoming catastrophic forgetting\").\n\n"
        "Raises ValueError unless ewc_lambda is finite and >= 0 and 0 <= fisher_decay < 1, and for arrays of another "
        "length or with numbers that are not finite.\n\n"
        ">>> import numpy as np\n"
        ">>> ewc = ruvllm.ElasticWeightConsolidation(2)\n"
        ">>> ewc.add_example(np.array([1, 0], dtype=np.float32))  # only the first parameter mattered\n"
        ">>> ewc.update_fisher()\n"
        ">>> ewc.consolidate(np.zeros(2, dtype=np.float32))\n"
        ">>> ewc.penalty(np.array([0, 5], dtype=np.float32))\n"
        "0.0\n");
    type.init("parameters, *, ewc_lambda=400.0, fisher_decay=0.92", "For P = `parameters` parameters, 1 ... 2^40.",
              [](std::size_t parameters, float ewc_lambda, float fisher_decay) {
                  return make(parameters, {ewc_lambda, fisher_decay, fisher_decay == 0.0f});
              })
        .method("add_example", "gradient",
                "Adds one example's gradient (P,), within 1e15 of 0, to the current batch. A gradient of a LoRA adapter "
                "is A's rows before B's; accumulate_fisher() of the adapter does the same without building it.",
                [](Ewc& e, const Floats& gradient) { add_example(e, gradient); })
        .method("update_fisher", "",
                "Folds the batch's mean into F and starts a new batch; does nothing for an empty one.",
                [](Ewc& e) { e.update_fisher(); })
        .method("consolidate", "parameters", "Makes these parameters (P,) the reference: a task is over.",
                [](Ewc& e, const Floats& parameters) {
                    const auto theta = vector_view(parameters, "parameters");
                    ruvllm::require_finite(ruvllm::simd::default_kernels(), theta, "parameters");
                    e.consolidate(theta);
                })
        .method("penalty", "parameters",
                "The penalty of parameters (P,); 0 before the first consolidation. Its gradient is active_lambda F "
                "(theta - reference).",
                [](const Ewc& e, const Floats& parameters) { return e.penalty(checked_parameters(e, parameters)); })
        .property("fisher", "Diagonal Fisher information F (P,), a copy.",
                  [](const Ewc& e) { return to_array(e.fisher()); })
        .property("reference", "Parameters (P,) of the last consolidation, a copy; zeros before the first.",
                  [](const Ewc& e) { return to_array(e.reference()); })
        .property("task_count", "Consolidations so far.", [](const Ewc& e) { return e.task_count(); })
        .property("active_lambda", "ewc_lambda, but 0 before the first consolidation.",
                  [](const Ewc& e) { return e.active_lambda(); })
        .method("__repr__", "", "Class, size and consolidations.",
                [](const Ewc& e) {
                    return "ElasticWeightConsolidation(" + std::to_string(e.fisher().size()) + " parameters, " +
                           std::to_string(e.task_count()) + " consolidations)";
                });
    save_with_state(type);
}
