// FeedbackAdapter: a low-rank adapter of queries that learns from one feedback at a time, each step within bounds.
//
// A step is that of MultiHeadLoRA without heads, the same bits where neither bound is reached: forward, a loss of the
// cosines (feedback_losses.hpp), the exact gradient, momentum. Two bounds hold whatever a user says:
// - `clip`: a longer gradient of the parameters is shortened to this length (Pascanu, Mikolov & Bengio 2013), after the
//   feedback's weight. Velocities are averages of gradients, so that no step moves the parameters by more than
//   learning_rate times clip.
// - `largest_change`: |z - q| <= largest_change |q| for the query at hand after the step. Where it is more, B moves to
//   the nearest B for which it is not: B_r -= (1 - f) u_r / |u|^2 y, with y = sum_r u_r B_r = (z - q) / scaling and f
//   the share of y that may stay.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ruvllm/components/cosine_loss.hpp"
#include "ruvllm/components/feedback.hpp"
#include "ruvllm/components/feedback_losses.hpp"
#include "ruvllm/components/multi_head_lora.hpp"
#include "ruvllm/components/safe_range.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

struct FeedbackSettings {
    FeedbackLoss loss = FeedbackLoss::infonce;
    double learning_rate = 0.01; // 0 ... 10
    double momentum = 0.9;       // [0, 1)
    double tau = 0.07;           // 0.001 ... 1000
    double clip = 5.0;           // above 0; infinite: none
    double largest_change = 0.5; // the same
};

namespace detail {

inline void require_setting(bool holds, const char* rule, double value)
{
    if (!holds)
        throw std::invalid_argument(std::string(rule) + ", not " + std::to_string(value));
}

inline void require_settings(const FeedbackSettings& s)
{
    require_setting(s.learning_rate >= 0.0 && s.learning_rate <= 10.0,
                    "learning_rate must lie in 0 ... 10 (0.001 to 0.1 is usual)", s.learning_rate);
    require_setting(s.momentum >= 0.0 && static_cast<float>(s.momentum) < 1.0f, "momentum must lie in [0, 1)",
                    s.momentum);
    require_setting(s.tau >= 1e-3 && s.tau <= 1e3, "tau must lie in 0.001 ... 1000", s.tau);
    require_setting(s.clip > 0.0, "clip must lie above 0 (infinite: no bound)", s.clip);
    require_setting(s.largest_change > 0.0, "largest_change must lie above 0 (infinite: no bound)", s.largest_change);
}

} // namespace detail

// Products of a feedback's candidates that a comparison has computed already, (n,) each; null: not known.
struct KnownProducts {
    const float* with_adapted = nullptr;  // with the adapted query
    const float* with_accepted = nullptr; // with the one that is accepted, where it is one alone
};

class FeedbackAdapter {
public:
    // Throws std::invalid_argument for sizes that no adapter has and for settings out of range.
    FeedbackAdapter(const simd::KernelTable& kernels, std::size_t dim, std::size_t rank, float scaling,
                    const FeedbackSettings& settings, std::uint64_t seed)
        : settings_(settings), lora_(kernels, {dim, rank, 0, 0.5f, scaling}, seed), u_(rank), z_(dim), g_(dim)
    {
        detail::require_settings(settings);
        gradient_.a.resize(rank);
        gradient_.b.resize(rank);
    }

    [[nodiscard]] const FeedbackSettings& settings() const noexcept { return settings_; }
    [[nodiscard]] const MultiHeadLoRA& lora() const noexcept { return lora_; }
    [[nodiscard]] MultiHeadLoRA& lora() noexcept { return lora_; }

    // Starts anew from these parameters (2 rank dim,), finite: the momentum of earlier steps is gone.
    void restart(std::span<const float> parameters)
    {
        MultiHeadLoRA fresh(lora_.kernels(), lora_.config(), 0);
        if (parameters.size() != fresh.parameter_count())
            throw std::invalid_argument("parameters must have " + std::to_string(fresh.parameter_count()) +
                                        " elements, not " + std::to_string(parameters.size()));
        std::ranges::copy(parameters, fresh.adapter(0).parameters().begin());
        lora_ = std::move(fresh);
    }

    // z (dim,) = the adapted query (dim,). Returns its squared norm.
    float adapt(const float* query, float* z) const
    {
        std::vector<float> u(lora_.config().rank);
        return lora_.forward(query, 0, u, z);
    }

    // One step; returns the loss before it. Where there is nobody to compare with, nothing changes and it is 0. Throws
    // std::invalid_argument, and learns nothing, for a feedback that breaks a rule of feedback.hpp.
    double learn(const Feedback& f)
    {
        const simd::KernelTable& k = lora_.kernels();
        dots_.resize(f.n());
        require_judgement(f);
        (void)require_query(k, f.query, f.dim);
        require_candidates(k, f.candidates, f.n(), f.dim, dots_.data());
        return learn_checked(f, {});
    }

    // learn() of a feedback that keeps all rules, with the same bits.
    double learn_checked(const Feedback& f, KnownProducts known)
    {
        const simd::KernelTable& k = lora_.kernels();
        dots_.resize(f.n());
        outcomes_.resize(f.n());
        const SafeVector query(k, {f.query, f.dim}); // times c, z is c times and dL/dz 1 / c times as large: same step
        if (query.factor() != 1.0f)
            known.with_adapted = nullptr; // they are of the query as it is
        const float squared_norm = lora_.forward(query.data(), 0, u_, z_.data());
        if (!std::isfinite(squared_norm))
            throw std::invalid_argument("the adapted query must have a finite length, not " +
                                        std::to_string(squared_norm) + ": parameters or scaling are too large");
        prepare_outcomes(k, f, outcomes_, dots_, known.with_accepted);
        const LossParts parts(settings_.loss, {{}, outcomes_, &f});
        if (!parts.any() || squared_norm == 0.0f)
            return 0.0;
        const double loss = loss_and_gradient(f, parts, squared_norm, known.with_adapted);
        step(f.weight, query, squared_norm);
        bound_change(query);
        return loss;
    }

private:
    // g_ = dL/dz. dots: (n,) products with z, null where they are not known
    double loss_and_gradient(const Feedback& f, const LossParts& parts, float squared_norm, const float* dots)
    {
        const simd::KernelTable& k = lora_.kernels();
        const std::size_t n = f.n(), dim = f.dim;
        return cosine_loss(
            k, {z_.data(), dim, squared_norm, n, {}, settings_.tau},
            [&](float* out) {
                if (dots != nullptr)
                    std::copy(dots, dots + n, out);
                else
                    k.gemv(f.candidates, n, dim, z_.data(), dim, out);
            },
            [&](const float* c, float* out) { k.gemv_transposed(f.candidates, n, dim, c, dim, out); },
            [&](std::span<double> logits) {
                const double loss = feedback_loss(parts, {logits, outcomes_, &f}, scratch_);
                std::ranges::copy(scratch_.gradient, logits.begin());
                return loss;
            },
            g_);
    }

    void step(double weight, const SafeVector& query, float squared_norm)
    {
        lora_.gradient(u_, g_.data(), 0, gradient_);
        // g is a sum of unit vectors whose weights come to 8 / (tau |z|) at most: two losses of 4
        const double longest_g = 8.0 / (settings_.tau * std::sqrt(double{squared_norm}));
        lora_.require_bounded(gradient_, double{query.squared_norm()}, longest_g * longest_g);
        const double length =
            weight * static_cast<double>(lora_.gradient_norm(gradient_, query.data(), g_.data()));
        const double share = length > settings_.clip ? weight * settings_.clip / length : weight;
        lora_.step(0, {&gradient_, query.data(), g_.data(), static_cast<float>(share),
                       static_cast<float>(settings_.momentum), static_cast<float>(settings_.learning_rate), 0.0f,
                       nullptr, nullptr});
    }

    void bound_change(const SafeVector& query)
    {
        if (std::isinf(settings_.largest_change))
            return;
        const simd::KernelTable& k = lora_.kernels();
        MicroLoRA& adapter = lora_.adapter(0);
        const std::size_t rank = adapter.rank(), dim = adapter.dim();
        adapter.project(k, query.data(), u_.data());
        k.gemv_transposed(adapter.b().data(), rank, dim, u_.data(), dim, z_.data()); // y
        const double change = std::abs(double{lora_.config().scaling}) *
                              std::sqrt(static_cast<double>(k.squared_norm(z_.data(), dim)));
        const double most = settings_.largest_change * std::sqrt(static_cast<double>(query.squared_norm()));
        if (!(change > most))
            return;
        double u_squared = 0.0;
        for (const float u : u_)
            u_squared += double{u} * double{u};
        const double taken = (1.0 - most / change) / u_squared;
        float* const b = adapter.parameters().data() + rank * dim;
        for (std::size_t r = 0; r < rank; ++r)
            k.axpy(static_cast<float>(-taken * double{u_[r]}), z_.data(), b + r * dim, dim);
    }

    FeedbackSettings settings_;
    MultiHeadLoRA lora_;
    std::vector<float> u_, dots_; // of learn(), kept from call to call: a step takes microseconds
    numeric::FloatVector z_, g_;
    std::vector<Verdict> outcomes_;
    LossScratch scratch_;
    FactoredGradient gradient_;
};

} // namespace ruvllm
