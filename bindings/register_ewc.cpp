#include <memory>

#include <pybind11/pybind11.h>

#include "components.hpp"
#include "ruvllm/components/elastic_weight_consolidation.hpp"
#include "ruvllm/simd/dispatch.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using ruvllm::ElasticWeightConsolidation;
using ruvllm::EwcConfig;
using ruvllm::numeric::FloatEnvironmentGuard;

namespace {

std::unique_ptr<ElasticWeightConsolidation> make(std::size_t parameters, float ewc_lambda, float fisher_decay)
{
    return std::make_unique<ElasticWeightConsolidation>(EwcConfig{ewc_lambda, fisher_decay, fisher_decay == 0.0f},
                                                        checked_size("parameters", parameters, std::size_t{1} << 40));
}

void add_example(ElasticWeightConsolidation& ewc, const FloatArray& gradient)
{
    const auto g = vector_view(gradient, "gradient", ewc.fisher().size());
    const FloatEnvironmentGuard guard;
    ruvllm::simd::default_kernels().add_squares(1.0f, g.data(), ewc.squares().data(), g.size());
    ewc.example_added();
}

void register_state(py::class_<ElasticWeightConsolidation>& ewc)
{
    ewc.def_property_readonly(
           "fisher", [](const ElasticWeightConsolidation& e) { return to_array(e.fisher()); },
           "Diagonal Fisher information F (P,), a copy.")
        .def_property_readonly(
            "reference", [](const ElasticWeightConsolidation& e) { return to_array(e.reference()); },
            "Parameters (P,) of the last consolidation, a copy; zeros before the first.")
        .def_property_readonly("task_count", &ElasticWeightConsolidation::task_count, "Consolidations so far.")
        .def_property_readonly("active_lambda", &ElasticWeightConsolidation::active_lambda,
                               "ewc_lambda, but 0 before the first consolidation.");
}

} // namespace

void register_ewc(py::module_& m)
{
    py::class_<ElasticWeightConsolidation> ewc(
        m, "ElasticWeightConsolidation",
        "Keeps P parameters near a reference where they mattered: penalty = lambda / 2 sum_i F_i (theta_i - "
        "reference_i)^2.\n\n"
        "F is the mean of squared per-example gradients, folded in batch by batch: F = decay F + (1 - decay) mean "
        "(Schwarz et al. 2018, \"Progress & Compress\"; Chaudhry et al. 2018), or F = F + mean for fisher_decay 0 "
        "(Kirkpatrick et al. 2017, \"Overcoming catastrophic forgetting\").\n\n"
        "Raises ValueError unless ewc_lambda >= 0 and 0 <= fisher_decay < 1.\n\n"
        ">>> import numpy as np\n"
        ">>> ewc = ruvllm.ElasticWeightConsolidation(2)\n"
        ">>> ewc.add_example(np.array([1, 0], dtype=np.float32))  # only the first parameter mattered\n"
        ">>> ewc.update_fisher()\n"
        ">>> ewc.consolidate(np.zeros(2, dtype=np.float32))\n"
        ">>> ewc.penalty(np.array([0, 5], dtype=np.float32))\n"
        "0.0\n");
    ewc.def(py::init(&make), py::arg("parameters"), py::kw_only(), py::arg("ewc_lambda") = 400.0,
            py::arg("fisher_decay") = 0.92)
        .def("add_example", &add_example, py::arg("gradient").noconvert(),
             "Adds one example's gradient (P,) to the current batch. A gradient of a LoRA adapter is A's rows before "
             "B's; accumulate_fisher() of the adapter does the same without building it.")
        .def(
            "update_fisher",
            [](ElasticWeightConsolidation& e) {
                const FloatEnvironmentGuard guard;
                e.update_fisher();
            },
            "Folds the batch's mean into F and starts a new batch; does nothing for an empty one.")
        .def(
            "consolidate",
            [](ElasticWeightConsolidation& e, const FloatArray& parameters) {
                e.consolidate(vector_view(parameters, "parameters"));
            },
            py::arg("parameters").noconvert(), "Makes these parameters (P,) the reference: a task is over.")
        .def(
            "penalty",
            [](const ElasticWeightConsolidation& e, const FloatArray& parameters) {
                const auto theta = vector_view(parameters, "parameters", e.fisher().size());
                const FloatEnvironmentGuard guard;
                return e.penalty(theta);
            },
            py::arg("parameters").noconvert(),
            "The penalty of parameters (P,); 0 before the first consolidation. Its gradient is active_lambda F (theta "
            "- reference).");
    register_state(ewc);
}
