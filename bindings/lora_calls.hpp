// What Python asks of an adapter: checks of shapes and values, then the call.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <tuple>
#include <vector>

#include "components.hpp"
#include "ruvllm/components/elastic_weight_consolidation.hpp"
#include "ruvllm/components/multi_head_lora.hpp"

namespace ruvllm::bindings {

inline MultiHeadLoRA make_lora(const LoraConfig& config, std::uint64_t seed, const simd::KernelTable& kernels)
{
    checked_dim(config.dim);
    require(config.heads < 1 << 16, "heads must lie in 0 ... 65535", static_cast<double>(config.heads));
    finite(static_cast<double>(config.scaling), "scaling");
    finite(static_cast<double>(config.head_weight), "head_weight");
    if (config.rank <= config.dim) // otherwise refused below
        require_memory(16.0 * static_cast<double>(1 + config.heads) * static_cast<double>(config.rank) *
                           static_cast<double>(config.dim),
                       "the adapter");
    return MultiHeadLoRA(kernels, config, seed);
}

[[nodiscard]] inline FloatArray forward(const MultiHeadLoRA& lora, const Floats& h, std::size_t type)
{
    const auto query = vector_view(h, "h", lora.config().dim);
    FloatArray z(static_cast<py::ssize_t>(query.size()));
    std::vector<float> u(lora.config().rank);
    float* const out = z.mutable_data();
    const float squared_norm = lora.forward(query.data(), type, u, out);
    if (!std::isfinite(squared_norm)) { // from which one number all is told in the usual case
        require_finite(query, squared_norm, "h");
        require_finite({out, query.size()}, squared_norm, "the adapted vector");
    }
    return z;
}

// One example's gradient with the factors that it is made of. Calls forward(), which also checks the type.
struct Example {
    std::span<const float> h, g;
    double h_squared, g_squared;
    FactoredGradient gradient;
};

[[nodiscard]] inline Example example(const MultiHeadLoRA& lora, const Floats& h, const Floats& g, std::size_t type)
{
    const auto query = vector_view(h, "h", lora.config().dim);
    const auto slope = vector_view(g, "g", lora.config().dim);
    const float h_squared = lora.kernels().squared_norm(query.data(), query.size());
    const float g_squared = lora.kernels().squared_norm(slope.data(), slope.size());
    require_finite(query, h_squared, "h");
    require_finite(slope, g_squared, "g");
    std::vector<float> u(lora.config().rank);
    numeric::FloatVector z(query.size());
    lora.forward(query.data(), type, u, z.data());
    return {query, slope, static_cast<double>(h_squared), static_cast<double>(g_squared),
            lora.gradient(u, slope.data(), type)};
}

// Row r is coefficients[r] * factor.
[[nodiscard]] inline FloatArray outer(const std::vector<float>& coefficients, std::span<const float> factor)
{
    FloatArray out({static_cast<py::ssize_t>(coefficients.size()), static_cast<py::ssize_t>(factor.size())});
    float* at = out.mutable_data();
    for (const float c : coefficients)
        for (const float x : factor)
            *at++ = c * x;
    return out;
}

[[nodiscard]] inline std::tuple<FloatArray, FloatArray> gradient(const MultiHeadLoRA& lora, const Floats& h,
                                                                 const Floats& g, std::size_t type)
{
    const Example e = example(lora, h, g, type);
    return {outer(e.gradient.a, e.h), outer(e.gradient.b, e.g)};
}

inline void check_size(const MultiHeadLoRA& lora, const ElasticWeightConsolidation& ewc)
{
    if (ewc.fisher().size() != lora.parameter_count())
        throw std::invalid_argument("ewc must be for " + std::to_string(lora.parameter_count()) +
                                    " parameters, not " + std::to_string(ewc.fisher().size()));
}

struct Rate {
    double learning_rate, momentum;
};

constexpr double most_learning_rate = 10.0;

// The constants of a step; whose gradient and factors are to be set.
[[nodiscard]] inline GradientStep step_of(const MultiHeadLoRA& lora, const Rate& rate,
                                          const ElasticWeightConsolidation* ewc)
{
    require(std::isfinite(rate.learning_rate) && rate.learning_rate >= 0.0, "learning_rate must be finite and >= 0",
            rate.learning_rate);
    require(rate.learning_rate <= most_learning_rate, "learning_rate must be 10 or less (0.001 to 0.1 is usual)",
            rate.learning_rate);
    require(rate.momentum >= 0.0 && static_cast<float>(rate.momentum) < 1.0f, "momentum must lie in [0, 1)",
            rate.momentum);
    GradientStep s{nullptr, nullptr, nullptr, 1.0f, static_cast<float>(rate.momentum),
                   static_cast<float>(rate.learning_rate), 0.0f, nullptr, nullptr};
    if (ewc != nullptr) {
        check_size(lora, *ewc);
        s.ewc_lambda = ewc->active_lambda();
        s.fisher = ewc->fisher().data();
        s.reference = ewc->reference().data();
    }
    return s;
}

inline void step(MultiHeadLoRA& lora, const Floats& h, const Floats& g, std::size_t type, const Rate& rate,
                 const ElasticWeightConsolidation* ewc)
{
    GradientStep s = step_of(lora, rate, ewc);
    const Example e = example(lora, h, g, type);
    s.gradient = &e.gradient;
    s.h = e.h.data();
    s.g = e.g.data();
    lora.checked_step(type, s, e.h_squared, e.g_squared);
}

[[nodiscard]] inline double learn(MultiHeadLoRA& lora, const Floats& h, const Floats& candidates, std::size_t right,
                                  std::size_t type, double tau, const Rate& rate,
                                  const ElasticWeightConsolidation* ewc)
{
    const auto query = vector_view(h, "h", lora.config().dim);
    const auto rows = matrix_view(candidates, "candidates", lora.config().dim);
    require(std::isfinite(tau) && tau > 0.0, "tau must be finite and > 0", tau);
    const GradientStep s = step_of(lora, rate, ewc);
    // The GIL stays: to let go of it costs as much as a tenth of a step.
    return lora.learn(type, query.data(), {nullptr, 0, rows.data, rows.rows, right, {}, tau}, s);
}

inline void accumulate_fisher(const MultiHeadLoRA& lora, ElasticWeightConsolidation& ewc, const Floats& h,
                              const Floats& g, std::size_t type)
{
    check_size(lora, ewc);
    const Example e = example(lora, h, g, type);
    lora.require_bounded(e.gradient, e.h_squared, e.g_squared);
    lora.add_squared_gradient(type, e.gradient, e.h.data(), e.g.data(), ewc.squares());
    ewc.example_added();
}

[[nodiscard]] inline FloatArray parameters(const MultiHeadLoRA& lora)
{
    FloatArray out(static_cast<py::ssize_t>(lora.parameter_count()));
    lora.copy_parameters({out.mutable_data(), lora.parameter_count()});
    return out;
}

inline void load_parameters(MultiHeadLoRA& lora, const Floats& values)
{
    const auto all = vector_view(values, "parameters", lora.parameter_count());
    require_finite(lora.kernels(), all, "parameters");
    const std::size_t n = lora.parameters_per_adapter();
    for (std::size_t i = 0; i <= lora.config().heads; ++i)
        std::copy_n(all.data() + i * n, n, lora.adapter(i).parameters().data());
}

[[nodiscard]] inline FloatArray matrix_a(const MicroLoRA& lora) { return to_matrix(lora.a(), lora.dim()); }
[[nodiscard]] inline FloatArray matrix_b(const MicroLoRA& lora) { return to_matrix(lora.b(), lora.dim()); }

[[nodiscard]] inline std::tuple<FloatArray, FloatArray> matrices(const MultiHeadLoRA& lora, std::size_t adapter)
{
    if (adapter > lora.config().heads)
        throw std::out_of_range("adapter must be below " + std::to_string(1 + lora.config().heads) + ", not " +
                                std::to_string(adapter));
    return {matrix_a(lora.adapter(adapter)), matrix_b(lora.adapter(adapter))};
}

} // namespace ruvllm::bindings
