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
#include "ruvllm/components/safe_range.hpp"
#include "ruvllm/components/vector_checks.hpp"

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

    [[nodiscard]] const simd::KernelTable& kernels() const noexcept { return *kernels_; }
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
    // step. Not read: z and dim of `example`; gradient, h and g of `step`. The length of h does not matter. Throws
    // std::invalid_argument, and learns nothing, for an h that is not finite, candidates that are no unit rows, and a
    // step that is too large (see checked_step()).
    double learn(std::size_t type, const float* h, InfoNceInput example, GradientStep step)
    {
        const std::size_t dim = config_.dim;
        const SafeVector query(*kernels_, {h, dim}); // times c, z is c times and dL/dz 1 / c times as large: same step
        require_finite({h, dim}, query.squared_norm(), "h");
        u_.resize(config_.rank);
        z_.resize(dim);
        g_.resize(dim);
        gradient_.a.resize(config_.rank);
        gradient_.b.resize(config_.rank);
        const float squared_norm = forward(query.data(), type, u_, z_.data());
        if (!std::isfinite(squared_norm))
            throw std::invalid_argument("the adapted vector must have a finite length, not " + std::to_string(squared_norm) +
                                        ": parameters or scaling are too large");
        example.z = z_.data();
        example.dim = dim;
        const double loss = info_nce(
            *kernels_, example, squared_norm, [&](float* out) { dot_unit_rows(example, out); },
            [&](const float* c, float* out) {
                kernels_->gemv_transposed(example.candidates, example.n, dim, c, dim, out);
            },
            g_);
        if (squared_norm == 0.0f) // nothing was compared
            require_unit_rows(*kernels_, example.candidates, example.n, dim, "candidates");
        gradient(u_, g_.data(), type, gradient_);
        step.gradient = &gradient_;
        step.h = query.data();
        step.g = g_.data();
        // g is a sum of unit vectors whose weights come to 4 / (tau |z|) at most
        const double longest_g = squared_norm == 0.0f ? 0.0 : 4.0 / (example.tau * std::sqrt(double{squared_norm}));
        checked_step(type, step, double{query.squared_norm()}, longest_g * longest_g);
        return loss;
    }

    // Throws std::invalid_argument for a gradient that is longer than `most_gradient` or not a number. The squared norms
    // of h and g: or more.
    void require_bounded(const FactoredGradient& gradient, double h_squared, double g_squared) const
    {
        double a = 0.0, b = 0.0;
        for (std::size_t r = 0; r < config_.rank; ++r) {
            a += double{gradient.a[r]} * double{gradient.a[r]};
            b += double{gradient.b[r]} * double{gradient.b[r]};
        }
        const double squares = a * h_squared + b * g_squared;
        if (!(squares <= most_gradient * most_gradient))
            throw std::invalid_argument("a step needs a gradient of length 1e12 at most, not " +
                                        std::to_string(std::sqrt(squares)) +
                                        ": vectors, parameters, scaling or 1 / tau are too large");
    }

    // step() that throws std::invalid_argument, and changes nothing, where require_bounded() does and where EWC leads to
    // parameters that are not finite.
    void checked_step(std::size_t type, const GradientStep& step, double h_squared, double g_squared)
    {
        require_bounded(*step.gradient, h_squared, g_squared);
        if (step.ewc_lambda == 0.0f)
            return this->step(type, step);
        const std::vector<MicroLoRA> before = adapters_; // EWC's own gradient knows no bound
        this->step(type, step);
        for (const MicroLoRA& adapter : adapters_)
            if (!adapter.is_finite(*kernels_)) {
                adapters_ = before;
                throw std::invalid_argument("the step led to parameters that are not finite: learning_rate times "
                                            "ewc_lambda times the Fisher information is too large");
            }
    }

    static constexpr double most_gradient = 1e12;

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
    // out_j = s_j . z, rows checked a few at a time, so that they are still in the fastest cache when they are used.
    void dot_unit_rows(const InfoNceInput& in, float* out) const
    {
        constexpr std::size_t together = 16;
        for (std::size_t first = 0; first < in.n; first += together) {
            const std::size_t count = std::min(together, in.n - first);
            require_unit_rows(*kernels_, in.candidates + first * in.dim, count, in.dim, "candidates", first);
            kernels_->gemv(in.candidates + first * in.dim, count, in.dim, in.z, in.dim, out + first);
        }
    }

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
