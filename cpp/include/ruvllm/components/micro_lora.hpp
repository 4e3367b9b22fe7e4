// MicroLoRA: a low-rank adapter of a vector, with its exact gradient and momentum.
//
//   z = h + scaling * sum_r (A_r . h) B_r        A, B: (rank, dim)
//
// Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021; B starts at zero, so the adapter starts
// as the identity. For a loss L with g = dL/dz the gradient of one example is an outer product,
//   dL/dA_r = scaling (B_r . g) h      dL/dB_r = scaling (A_r . h) g,
// and is kept in that factored form: 2 rank numbers instead of 2 rank dim.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/numeric/random.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

// dL/dA_r = a[r] h and dL/dB_r = b[r] g.
struct FactoredGradient {
    std::vector<float> a, b;
};

// Where the factors of a gradient and, with EWC, the anchors of the same parameters are.
struct GradientStep {
    const FactoredGradient* gradient;
    const float* h;         // (dim,)
    const float* g;         // (dim,)
    float share;            // factor on the gradient: 1, a head's weight, a clip, an importance weight
    float momentum;         // beta of m = beta m + (1 - beta) gradient
    float learning_rate;
    float ewc_lambda;       // 0: the next two are not read
    const float* fisher;    // (2 rank dim,)
    const float* reference; // (2 rank dim,)
};

class MicroLoRA {
public:
    // A is normal with variance init_scale^2 / dim, B is zero. Throws std::invalid_argument for rank or dim 0.
    MicroLoRA(std::size_t dim, std::size_t rank, float init_scale, numeric::RandomStream stream)
        : dim_(dim), rank_(rank), theta_(checked_size(dim, rank), 0.0f), velocity_(theta_.size(), 0.0f)
    {
        const double deviation = static_cast<double>(init_scale) / std::sqrt(static_cast<double>(dim));
        for (std::size_t i = 0; i < rank * dim; ++i)
            theta_[i] = static_cast<float>(deviation * stream.normal());
    }

    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
    [[nodiscard]] std::size_t rank() const noexcept { return rank_; }

    // A's rows, then B's.
    [[nodiscard]] std::span<float> parameters() noexcept { return theta_; }
    [[nodiscard]] std::span<const float> parameters() const noexcept { return theta_; }
    [[nodiscard]] std::span<const float> a() const noexcept { return parameters().first(rank_ * dim_); }
    [[nodiscard]] std::span<const float> b() const noexcept { return parameters().last(rank_ * dim_); }

    // u_r = A_r . h
    void project(const simd::KernelTable& k, const float* h, float* u) const
    {
        k.gemv(a().data(), rank_, dim_, h, dim_, u);
    }

    // The same for n vectors h (n, dim), reading A once for several; u: (n, rank)
    void project(const simd::KernelTable& k, const float* h, std::size_t n, float* u) const
    {
        if (n == 1)
            return project(k, h, u);
        k.gemm(a().data(), rank_, dim_, h, n, dim_, dim_, u);
    }

    // v_r = B_r . g
    void project_back(const simd::KernelTable& k, const float* g, float* v) const
    {
        k.gemv(b().data(), rank_, dim_, g, dim_, v);
    }

    // z = x + factor * sum_r u_r B_r; z may be x. Returns the squared norm of z.
    float add_output(const simd::KernelTable& k, const float* x, const float* u, float factor, float* z) const
    {
        float squared_norm = 0.0f, c[16]; // on the stack: a call must not wait for the heap
        const float* rows[std::size(c)];
        for (std::size_t first = 0; first < rank_; first += std::size(c)) {
            const std::size_t n_rows = std::min(std::size(c), rank_ - first);
            for (std::size_t r = 0; r < n_rows; ++r) {
                c[r] = factor * u[first + r];
                rows[r] = b().data() + (first + r) * dim_;
            }
            squared_norm = k.add_rows(first == 0 ? x : z, rows, c, n_rows, dim_, z);
        }
        return squared_norm;
    }

    // One momentum step on A and B.
    void step(const simd::KernelTable& k, const GradientStep& s)
    {
        step_rows(k, s, rank_, rank_, s.gradient->b.data(), s.g); // B first: it and g were read last
        step_rows(k, s, 0, rank_, s.gradient->a.data(), s.h);
    }

    // One momentum step along a whole gradient (2 rank dim,): s.h, s.g and s.gradient are not read.
    void step_along(const simd::KernelTable& k, const GradientStep& s, const float* gradient)
    {
        const float itself = 1.0f;
        for (std::size_t row = 0; row < 2 * rank_; ++row)
            step_rows(k, s, row, 1, &itself, gradient + row * dim_);
    }

    // sum += share * gradient; sum: (2 rank dim,)
    void add_gradient(const simd::KernelTable& k, const FactoredGradient& gradient, const float* h, const float* g,
                      float share, float* sum) const
    {
        for (std::size_t r = 0; r < rank_; ++r) {
            k.axpy(share * gradient.a[r], h, sum + r * dim_, dim_);
            k.axpy(share * gradient.b[r], g, sum + (rank_ + r) * dim_, dim_);
        }
    }

    // squares += (share * gradient)^2, for the Fisher information; squares: (2 rank dim,)
    void add_squared_gradient(const simd::KernelTable& k, const FactoredGradient& gradient, const float* h,
                              const float* g, float share, float* squares) const
    {
        for (std::size_t r = 0; r < rank_; ++r) {
            k.add_squares(share * gradient.a[r], h, squares + r * dim_, dim_);
            k.add_squares(share * gradient.b[r], g, squares + (rank_ + r) * dim_, dim_);
        }
    }

    // Whether all parameters, and the velocity of their momentum, are.
    [[nodiscard]] bool is_finite(const simd::KernelTable& k) const
    {
        const auto all = [&](const numeric::FloatVector& x) {
            return std::isfinite(k.squared_norm(x.data(), x.size())) ||
                   std::all_of(x.begin(), x.end(), [](float value) { return std::isfinite(value); });
        };
        return all(theta_) && all(velocity_);
    }

    // The parameters and the velocity of their momentum.
    template <class Self, class Archive>
    static void archive(Self& self, Archive& archive, const std::string& path)
    {
        archive.fixed(path + ".parameters", self.theta_);
        archive.fixed(path + ".velocity", self.velocity_);
    }

private:
    static std::size_t checked_size(std::size_t dim, std::size_t rank)
    {
        if (dim == 0 || rank == 0 || rank > dim)
            throw std::invalid_argument("a LoRA adapter needs 1 <= rank <= dim, not rank " + std::to_string(rank) +
                                        " and dim " + std::to_string(dim));
        return 2 * rank * dim;
    }

    // `rows` rows of parameters from `first` on, whose gradients are coefficients[r] * factor.
    void step_rows(const simd::KernelTable& k, const GradientStep& s, std::size_t first, std::size_t rows,
                   const float* coefficients, const float* factor)
    {
        const std::size_t at = first * dim_;
        const bool ewc = s.ewc_lambda != 0.0f;
        k.momentum_rows({s.share, s.momentum, s.learning_rate, s.ewc_lambda}, coefficients, rows, dim_, factor,
                        ewc ? s.fisher + at : nullptr, ewc ? s.reference + at : nullptr, velocity_.data() + at,
                        theta_.data() + at, dim_);
    }

    std::size_t dim_, rank_;
    numeric::FloatVector theta_, velocity_;
};

} // namespace ruvllm
