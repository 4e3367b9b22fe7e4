#include <memory>
#include <string>
#include <vector>

#include <pybind11/pybind11.h>

#include "array_argument.hpp"
#include "fast_method.hpp"
#include "components.hpp"
#include "kernels_by_name.hpp"
#include "ruvllm/components/elastic_weight_consolidation.hpp"
#include "ruvllm/components/multi_head_lora.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;
using numeric::FloatEnvironmentGuard;

namespace {

// Python's MicroLoRA: the shared adapter of a MultiHeadLoRA without heads.
struct SingleLora {
    MultiHeadLoRA lora;
};

MultiHeadLoRA make(const LoraConfig& config, std::uint64_t seed, const std::string& isa)
{
    checked_dim(config.dim);
    require(config.heads < 1 << 16, "heads must lie in 0 ... 65535", static_cast<double>(config.heads));
    const FloatEnvironmentGuard guard;
    return MultiHeadLoRA(kernels_by_name(isa), config, seed);
}

FloatArray forward(const MultiHeadLoRA& lora, const FloatArray& h, std::size_t type)
{
    const auto query = vector_view(h, "h", lora.config().dim);
    FloatArray z(static_cast<py::ssize_t>(query.size()));
    std::vector<float> u(lora.config().rank);
    const FloatEnvironmentGuard guard;
    lora.forward(query.data(), type, u, z.mutable_data());
    return z;
}

// One example's gradient with the factors that it is made of. Calls forward(), which also checks the type.
struct Example {
    std::span<const float> h, g;
    FactoredGradient gradient;
};

Example example(const MultiHeadLoRA& lora, const FloatArray& h, const FloatArray& g, std::size_t type)
{
    const auto query = vector_view(h, "h", lora.config().dim);
    const auto slope = vector_view(g, "g", lora.config().dim);
    std::vector<float> u(lora.config().rank);
    numeric::FloatVector z(query.size());
    const FloatEnvironmentGuard guard;
    lora.forward(query.data(), type, u, z.data());
    return {query, slope, lora.gradient(u, slope.data(), type)};
}

// Row r is coefficients[r] * factor.
FloatArray outer(const std::vector<float>& coefficients, std::span<const float> factor)
{
    FloatArray out({static_cast<py::ssize_t>(coefficients.size()), static_cast<py::ssize_t>(factor.size())});
    float* at = out.mutable_data();
    for (const float c : coefficients)
        for (const float x : factor)
            *at++ = c * x;
    return out;
}

py::tuple gradient(const MultiHeadLoRA& lora, const FloatArray& h, const FloatArray& g, std::size_t type)
{
    const Example e = example(lora, h, g, type);
    const FloatEnvironmentGuard guard;
    return py::make_tuple(outer(e.gradient.a, e.h), outer(e.gradient.b, e.g));
}

void check_size(const MultiHeadLoRA& lora, const ElasticWeightConsolidation& ewc)
{
    if (ewc.fisher().size() != lora.parameter_count())
        throw std::invalid_argument("ewc must be for " + std::to_string(lora.parameter_count()) +
                                    " parameters, not " + std::to_string(ewc.fisher().size()));
}

// The constants of a step; whose gradient and factors are to be set.
GradientStep step_of(const MultiHeadLoRA& lora, float learning_rate, float momentum,
                     const ElasticWeightConsolidation* ewc)
{
    require(std::isfinite(learning_rate) && learning_rate >= 0.0f, "learning_rate must be finite and >= 0",
            static_cast<double>(learning_rate));
    require(momentum >= 0.0f && momentum < 1.0f, "momentum must lie in [0, 1)", static_cast<double>(momentum));
    GradientStep s{nullptr, nullptr, nullptr, 1.0f, momentum, learning_rate, 0.0f, nullptr, nullptr};
    if (ewc != nullptr) {
        check_size(lora, *ewc);
        s.ewc_lambda = ewc->active_lambda();
        s.fisher = ewc->fisher().data();
        s.reference = ewc->reference().data();
    }
    return s;
}

void step(MultiHeadLoRA& lora, const FloatArray& h, const FloatArray& g, std::size_t type, float learning_rate,
          float momentum, const ElasticWeightConsolidation* ewc)
{
    GradientStep s = step_of(lora, learning_rate, momentum, ewc);
    const Example e = example(lora, h, g, type);
    s.gradient = &e.gradient;
    s.h = e.h.data();
    s.g = e.g.data();
    const FloatEnvironmentGuard guard;
    lora.step(type, s);
}

double learn(MultiHeadLoRA& lora, ArrayArgument<float> h, ArrayArgument<float> candidates, std::size_t right,
             std::size_t type, double tau, float learning_rate, float momentum, const ElasticWeightConsolidation* ewc)
{
    const auto query = vector_view(h, "h", lora.config().dim);
    const auto rows = matrix_view(candidates, "candidates", lora.config().dim);
    require(std::isfinite(tau) && tau > 0.0, "tau must be finite and > 0", tau);
    const GradientStep s = step_of(lora, learning_rate, momentum, ewc);
    // The GIL stays: the adapter changes, and to let go of it costs as much as a tenth of a step.
    return numeric::in_standard_environment(
        [&] { return lora.learn(type, query.data(), {nullptr, 0, rows.data, rows.rows, right, {}, tau}, s); });
}

void accumulate_fisher(const MultiHeadLoRA& lora, ElasticWeightConsolidation& ewc, const FloatArray& h,
                       const FloatArray& g, std::size_t type)
{
    check_size(lora, ewc);
    const Example e = example(lora, h, g, type);
    const FloatEnvironmentGuard guard;
    lora.add_squared_gradient(type, e.gradient, e.h.data(), e.g.data(), ewc.squares());
    ewc.example_added();
}

PyObject* general_learn = nullptr;

// MicroLoRA.learn() without ewc.
PyObject* fast_learn(PyObject* self, PyObject* const* values, Py_ssize_t positional, PyObject* keywords) noexcept
{
    return with_python_errors([&] {
        const FastArguments a{values, positional, keywords};
        ArrayArgument<float> h, candidates;
        std::size_t right = 0;
        double tau = 0.07, learning_rate = -1.0, momentum = 0.9;
        bool usual = positional == 3 && a.array(0, h) && a.array(1, candidates) && a.index(2, right);
        for (Py_ssize_t i = 0; usual && i < a.named(); ++i)
            usual = a.number(i, "tau", tau) || a.number(i, "learning_rate", learning_rate) ||
                    a.number(i, "momentum", momentum);
        if (!usual || learning_rate < 0.0) // not given, or wrong
            return call_general(general_learn, self, a);
        return PyFloat_FromDouble(learn(py::cast<SingleLora&>(py::handle(self)).lora, h, candidates, right, 0, tau,
                                        static_cast<float>(learning_rate), static_cast<float>(momentum), nullptr));
    });
}

FloatArray parameters(const MultiHeadLoRA& lora)
{
    FloatArray out(static_cast<py::ssize_t>(lora.parameter_count()));
    lora.copy_parameters({out.mutable_data(), lora.parameter_count()});
    return out;
}

void load_parameters(MultiHeadLoRA& lora, const FloatArray& values)
{
    const auto all = vector_view(values, "parameters", lora.parameter_count());
    const std::size_t n = lora.parameters_per_adapter();
    for (std::size_t i = 0; i <= lora.config().heads; ++i)
        std::copy_n(all.data() + i * n, n, lora.adapter(i).parameters().data());
}

FloatArray matrix_a(const MicroLoRA& lora) { return to_matrix(lora.a(), lora.dim()); }
FloatArray matrix_b(const MicroLoRA& lora) { return to_matrix(lora.b(), lora.dim()); }

py::tuple matrices(const MultiHeadLoRA& lora, std::size_t adapter)
{
    if (adapter > lora.config().heads)
        throw std::out_of_range("adapter must be below " + std::to_string(1 + lora.config().heads) + ", not " +
                                std::to_string(adapter));
    return py::make_tuple(matrix_a(lora.adapter(adapter)), matrix_b(lora.adapter(adapter)));
}

constexpr const char* step_doc =
    "One step down the gradient of a loss whose dL/dz is g (d,): m = momentum m + (1 - momentum) gradient, theta = "
    "theta - learning_rate m. With ewc, the gradient of its penalty is added. Raises ValueError unless learning_rate "
    ">= 0 and 0 <= momentum < 1.";
constexpr const char* learn_doc =
    "One learning step on h (d,) with InfoNCE over candidates (n, d), unit rows, of which number `right` is the right "
    "one; returns the loss before the step. The same to the bit as z = forward(h), (loss, g) = info_nce(z, candidates, "
    "right, tau=tau), step(h, g, ...), in one call. Raises ValueError as these do.";
constexpr const char* fisher_doc =
    "Adds the squared gradient of one example, with dL/dz = g (d,), to the current batch of ewc.";
constexpr const char* load_doc = "Puts values (P,) in place of the parameters; the momentum of earlier steps stays.";

void register_micro_lora(py::module_& m)
{
    py::class_<SingleLora> lora(
        m, "MicroLoRA",
        "Low-rank adapter of a vector: z = h + scaling * sum_r (A_r . h) B_r, with A and B (rank, d).\n\n"
        "A is random normal with variance 1 / d, B is zero, so that it starts as the identity (Hu et al. 2021, "
        "\"LoRA\"). Raises ValueError unless 1 <= rank <= dim.\n\n"
        ">>> import numpy as np\n"
        ">>> vectors = np.eye(4, dtype=np.float32)\n"
        ">>> adapter = ruvllm.MicroLoRA(dim=4, rank=1)\n"
        ">>> losses = [adapter.learn(vectors[0], vectors, 2, learning_rate=0.1) for _ in range(20)]\n"
        ">>> losses[-1] < losses[0]\n"
        "True\n");
    lora.def(py::init([](std::size_t dim, std::size_t rank, float scaling, std::uint64_t seed, const std::string& isa) {
                 return std::make_unique<SingleLora>(SingleLora{make({dim, rank, 0, 0.5f, scaling}, seed, isa)});
             }),
             py::arg("dim"), py::arg("rank"), py::kw_only(), py::arg("scaling") = 1.0, py::arg("seed") = 0,
             py::arg("isa") = "auto")
        .def("forward", [](const SingleLora& s, const FloatArray& h) { return forward(s.lora, h, 0); },
             py::arg("h").noconvert(), "The adapted vector z (d,) of h (d,).")
        .def(
            "gradient",
            [](const SingleLora& s, const FloatArray& h, const FloatArray& g) { return gradient(s.lora, h, g, 0); },
            py::arg("h").noconvert(), py::arg("g").noconvert(),
            "(dL/dA, dL/dB), each (rank, d), at h (d,) for a loss with dL/dz = g (d,).")
        .def(
            "step",
            [](SingleLora& s, const FloatArray& h, const FloatArray& g, float learning_rate, float momentum,
               const ElasticWeightConsolidation* ewc) { step(s.lora, h, g, 0, learning_rate, momentum, ewc); },
            py::arg("h").noconvert(), py::arg("g").noconvert(), py::kw_only(), py::arg("learning_rate"),
            py::arg("momentum") = 0.9, py::arg("ewc") = py::none(), step_doc)
        .def(
            "learn",
            [](SingleLora& s, ArrayArgument<float> h, ArrayArgument<float> candidates, std::size_t right, double tau,
               float learning_rate, float momentum, const ElasticWeightConsolidation* ewc) {
                return learn(s.lora, h, candidates, right, 0, tau, learning_rate, momentum, ewc);
            },
            py::arg("h"), py::arg("candidates"), py::arg("right"), py::kw_only(),
            py::arg("tau") = 0.07, py::arg("learning_rate"), py::arg("momentum") = 0.9, py::arg("ewc") = py::none(),
            learn_doc)
        .def(
            "accumulate_fisher",
            [](const SingleLora& s, ElasticWeightConsolidation& ewc, const FloatArray& h, const FloatArray& g) {
                accumulate_fisher(s.lora, ewc, h, g, 0);
            },
            py::arg("ewc"), py::arg("h").noconvert(), py::arg("g").noconvert(), fisher_doc)
        .def_property_readonly("dim", [](const SingleLora& s) { return s.lora.config().dim; })
        .def_property_readonly("rank", [](const SingleLora& s) { return s.lora.config().rank; })
        .def_property_readonly("scaling", [](const SingleLora& s) { return s.lora.config().scaling; })
        .def_property_readonly("a", [](const SingleLora& s) { return matrix_a(s.lora.adapter(0)); },
                               "A (rank, d), a copy.")
        .def_property_readonly("b", [](const SingleLora& s) { return matrix_b(s.lora.adapter(0)); },
                               "B (rank, d), a copy.")
        .def_property_readonly("parameters", [](const SingleLora& s) { return parameters(s.lora); },
                               "All parameters (P = 2 rank d,), A's rows before B's, a copy.")
        .def("load_parameters", [](SingleLora& s, const FloatArray& values) { load_parameters(s.lora, values); },
             py::arg("parameters").noconvert(), load_doc);
    put_in_front(lora, "learn", fast_learn, general_learn);
}

void register_multi_head_lora(py::module_& m)
{
    py::class_<MultiHeadLoRA>(
        m, "MultiHeadLoRA",
        "A shared adapter and one head per task type: z = h + scaling * sum_r (a_r . h) b_r with a = A_shared + "
        "head_weight A_type and b likewise.\n\n"
        "Without heads every type uses the shared adapter. Heads start like MicroLoRA, at half the deviation. Raises "
        "ValueError unless 1 <= rank <= dim, and for a type that has no head.")
        .def(py::init([](std::size_t dim, std::size_t rank, std::size_t heads, float head_weight, float scaling,
                         std::uint64_t seed, const std::string& isa) {
                 return std::make_unique<MultiHeadLoRA>(make({dim, rank, heads, head_weight, scaling}, seed, isa));
             }),
             py::arg("dim"), py::arg("rank"), py::arg("heads"), py::kw_only(), py::arg("head_weight") = 0.5,
             py::arg("scaling") = 1.0, py::arg("seed") = 0, py::arg("isa") = "auto")
        .def("forward", &forward, py::arg("h").noconvert(), py::arg("type"),
             "The adapted vector z (d,) of h (d,) for a task of type 0 ... heads - 1.")
        .def("gradient", &gradient, py::arg("h").noconvert(), py::arg("g").noconvert(), py::arg("type"),
             "(dL/da, dL/db), each (rank, d), at h (d,) for a loss with dL/dz = g (d,): the gradient of the shared "
             "adapter; that of the type's head is head_weight times it.")
        .def("step", &step, py::arg("h").noconvert(), py::arg("g").noconvert(), py::arg("type"), py::kw_only(),
             py::arg("learning_rate"), py::arg("momentum") = 0.9, py::arg("ewc") = py::none(), step_doc)
        .def("learn", &learn, py::arg("h"), py::arg("candidates"), py::arg("right"), py::arg("type"), py::kw_only(),
             py::arg("tau") = 0.07, py::arg("learning_rate"), py::arg("momentum") = 0.9, py::arg("ewc") = py::none(),
             learn_doc)
        .def("accumulate_fisher", &accumulate_fisher, py::arg("ewc"), py::arg("h").noconvert(),
             py::arg("g").noconvert(), py::arg("type"), fisher_doc)
        .def("lora_matrices", &matrices, py::arg("adapter"),
             "(A, B), each (rank, d), of adapter 0 (shared) or 1 + k (head of type k), copies.")
        .def_property_readonly("dim", [](const MultiHeadLoRA& lora) { return lora.config().dim; })
        .def_property_readonly("rank", [](const MultiHeadLoRA& lora) { return lora.config().rank; })
        .def_property_readonly("heads", [](const MultiHeadLoRA& lora) { return lora.config().heads; })
        .def_property_readonly("head_weight", [](const MultiHeadLoRA& lora) { return lora.config().head_weight; })
        .def_property_readonly("scaling", [](const MultiHeadLoRA& lora) { return lora.config().scaling; })
        .def_property_readonly("parameters", &parameters,
                               "All parameters (P,), adapter after adapter, A's rows before B's, a copy.")
        .def("load_parameters", &load_parameters, py::arg("parameters").noconvert(), load_doc);
}

} // namespace

void register_lora(py::module_& m)
{
    register_micro_lora(m);
    register_multi_head_lora(m);
}
