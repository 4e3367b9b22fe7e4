// MultiHeadLoRA: one shared adapter plus one head per task type, added with weight w.
//
//   z = h + scaling * sum_r (a_r . h) b_r      a = A_shared + w A_type,  b = B_shared + w B_type
//
// With no heads it is a single MicroLoRA. The gradient of the shared adapter is that of (a, b); a head's is w times it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/components/info_nce.hpp"
#include "ruvllm/components/micro_lora.hpp"

namespace ruvllm {

struct LoraConfig {
    std::size_t dim;
    std::size_t rank;
    std::size_t heads = 0;     // one per task type, or 0
    float head_weight = 0.5f;  // w
    float scaling = 1.0f;
};

class MultiHeadLoRA {
public:
    // Streams (seed, adapter_init, 0) for the shared adapter and 1 + k for head k, which starts at half the scale.
    MultiHeadLoRA(const simd::KernelTable& kernels, const LoraConfig& config, std::uint64_t seed)
        : kernels_(&kernels), config_(config)
    {
        for (std::size_t i = 0; i <= config.heads; ++i)
            adapters_.emplace_back(config.dim, config.rank, i == 0 ? 1.0f : 0.5f,
                                   numeric::RandomStream(seed, numeric::Purpose::adapter_init, i));
    }

    [[nodiscard]] const LoraConfig& config() const noexcept { return config_; }
    [[nodiscard]] std::size_t parameters_per_adapter() const noexcept { return 2 * config_.rank * config_.dim; }
    [[nodiscard]] std::size_t parameter_count() const noexcept { return adapters_.size() * parameters_per_adapter(); }

    // Adapter 0 is the shared one, 1 + k the head of type k.
    [[nodiscard]] const MicroLoRA& adapter(std::size_t i) const { return adapters_.at(i); }
    [[nodiscard]] MicroLoRA& adapter(std::size_t i) { return adapters_.at(i); }

    // u: (rank,) gets a_r . h, which gradient() needs again; z: (dim,) gets the adapted vector. Returns its squared norm.
    float forward(const float* h, std::size_t type, std::span<float> u, float* z) const
    {
        project(h, 1, type, u);
        return adapt(h, u, type, z);
    }

    // u_i,r = a_r . h_i of queries h (n, dim) of one type; u: (n, rank). Many at once read the adapters once.
    void project(const float* h, std::size_t n, std::size_t type, std::span<float> u) const
    {
        scratch_check(u.size(), n);
        adapters_[0].project(*kernels_, h, n, u.data());
        if (const MicroLoRA* head = head_of(type)) {
            std::vector<float> own(u.size());
            head->project(*kernels_, h, n, own.data());
            for (std::size_t i = 0; i < u.size(); ++i)
                u[i] += config_.head_weight * own[i];
        }
    }

    // z (dim,) = the adapted vector of h (dim,), whose projections are u (rank,). Returns its squared norm.
    float adapt(const float* h, std::span<const float> u, std::size_t type, float* z) const
    {
        scratch_check(u.size(), 1);
        const float* from = h;
        if (const MicroLoRA* head = head_of(type)) {
            (void)head->add_output(*kernels_, h, u.data(), config_.scaling * config_.head_weight, z);
            from = z;
        }
        return adapters_[0].add_output(*kernels_, from, u.data(), config_.scaling, z);
    }

    // The gradient with respect to (a, b), from u of forward() and g = dL/dz (dim,).
    [[nodiscard]] FactoredGradient gradient(std::span<const float> u, const float* g, std::size_t type) const
    {
        const std::size_t rank = config_.rank;
        FactoredGradient out{std::vector<float>(rank), std::vector<float>(rank)};
        gradient(u, g, type, out);
        return out;
    }

    // The same into `out`, whose a and b have rank elements.
    void gradient(std::span<const float> u, const float* g, std::size_t type, FactoredGradient& out) const
    {
        const std::size_t rank = config_.rank;
        adapters_[0].project_back(*kernels_, g, out.a.data());
        if (const MicroLoRA* head = head_of(type)) {
            std::vector<float> own(rank);
            head->project_back(*kernels_, g, own.data());
            for (std::size_t r = 0; r < rank; ++r)
                out.a[r] += config_.head_weight * own[r];
        }
        for (std::size_t r = 0; r < rank; ++r) {
            out.a[r] *= config_.scaling;
            out.b[r] = config_.scaling * u[r];
        }
    }

    // Euclidean norm of the gradient of (a, b).
    [[nodiscard]] float gradient_norm(const FactoredGradient& gradient, const float* h, const float* g) const
    {
        float squares_a = 0.0f, squares_b = 0.0f;
        for (std::size_t r = 0; r < config_.rank; ++r) {
            squares_a += gradient.a[r] * gradient.a[r];
            squares_b += gradient.b[r] * gradient.b[r];
        }
        return std::sqrt(squares_a * kernels_->squared_norm(h, config_.dim) +
                         squares_b * kernels_->squared_norm(g, config_.dim));
    }

    // One momentum step of the shared adapter and of the type's head. `fisher` and `reference` of `step` start at
    // adapter 0 and hold parameter_count() numbers; `share` is the factor of the shared adapter.
    void step(std::size_t type, const GradientStep& step)
    {
        adapters_[0].step(*kernels_, step);
        if (config_.heads == 0)
            return;
        GradientStep own = step;
        own.share = step.share * config_.head_weight;
        if (step.ewc_lambda != 0.0f) {
            own.fisher = step.fisher + (1 + type) * parameters_per_adapter();
            own.reference = step.reference + (1 + type) * parameters_per_adapter();
        }
        adapters_[1 + type].step(*kernels_, own);
    }

    // forward(), info_nce(), gradient() and step() on one query h (dim,), with their bits; returns the loss before the
    // step. Not read: z and dim of `example`; gradient, h and g of `step`.
    double learn(std::size_t type, const float* h, InfoNceInput example, GradientStep step)
    {
        u_.resize(config_.rank);
        z_.resize(config_.dim);
        g_.resize(config_.dim);
        gradient_.a.resize(config_.rank);
        gradient_.b.resize(config_.rank);
        const float squared_norm = forward(h, type, u_, z_.data());
        example.z = z_.data();
        example.dim = config_.dim;
        const double loss = info_nce(*kernels_, example, squared_norm, g_);
        gradient(u_, g_.data(), type, gradient_);
        step.gradient = &gradient_;
        step.h = h;
        step.g = g_.data();
        this->step(type, step);
        return loss;
    }

    // sum (parameter_count(),) += share times the gradient of one example.
    void add_gradient(std::size_t type, const FactoredGradient& gradient, const float* h, const float* g, float share,
                      std::span<float> sum) const
    {
        adapters_[0].add_gradient(*kernels_, gradient, h, g, share, sum.data());
        if (config_.heads > 0)
            adapters_[1 + type].add_gradient(*kernels_, gradient, h, g, share * config_.head_weight,
                                             sum.data() + (1 + type) * parameters_per_adapter());
    }

    // One momentum step of every adapter along a gradient (parameter_count(),) that add_gradient() summed.
    void step_along(const GradientStep& step, std::span<const float> gradient)
    {
        for (std::size_t i = 0; i < adapters_.size(); ++i) {
            const std::size_t at = i * parameters_per_adapter();
            GradientStep own = step;
            if (step.ewc_lambda != 0.0f) {
                own.fisher = step.fisher + at;
                own.reference = step.reference + at;
            }
            adapters_[i].step_along(*kernels_, own, gradient.data() + at);
        }
    }

    // squares (parameter_count(),) += the squared gradient of one example.
    void add_squared_gradient(std::size_t type, const FactoredGradient& gradient, const float* h, const float* g,
                              std::span<float> squares) const
    {
        adapters_[0].add_squared_gradient(*kernels_, gradient, h, g, 1.0f, squares.data());
        if (config_.heads > 0)
            adapters_[1 + type].add_squared_gradient(*kernels_, gradient, h, g, config_.head_weight,
                                                     squares.data() + (1 + type) * parameters_per_adapter());
    }

    // All parameters, adapter after adapter, A's rows before B's.
    void copy_parameters(std::span<float> out) const
    {
        std::size_t at = 0;
        for (const MicroLoRA& adapter : adapters_)
            for (const float value : adapter.parameters())
                out[at++] = value;
    }

    // All adapters.
    template <class Self, class Archive>
    static void archive(Self& self, Archive& archive)
    {
        for (std::size_t i = 0; i < self.adapters_.size(); ++i)
            MicroLoRA::archive(self.adapters_[i], archive, "lora." + std::to_string(i));
    }

private:
    [[nodiscard]] const MicroLoRA* head_of(std::size_t type) const
    {
        if (config_.heads == 0)
            return nullptr;
        if (type >= config_.heads)
            throw std::invalid_argument("task type must be below " + std::to_string(config_.heads) + ", not " +
                                        std::to_string(type));
        return &adapters_[1 + type];
    }

    void scratch_check(std::size_t size, std::size_t n) const
    {
        if (size != n * config_.rank)
            throw std::invalid_argument("u must have rank = " + std::to_string(config_.rank) +
                                        " elements for each of " + std::to_string(n) + " queries, not " +
                                        std::to_string(size));
    }

    const simd::KernelTable* kernels_;
    LoraConfig config_;
    std::vector<MicroLoRA> adapters_;
    std::vector<float> u_; // of learn(), kept from call to call: a step takes microseconds, new memory a tenth of them
    numeric::FloatVector z_, g_;
    FactoredGradient gradient_;
};

} // namespace ruvllm
