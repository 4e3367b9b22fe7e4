// One learning step to be timed: adapter forward, InfoNCE over some candidates, gradient, momentum step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ruvllm/components/info_nce.hpp"
#include "ruvllm/components/multi_head_lora.hpp"
#include "ruvllm/measure/kernels.hpp"
#include "ruvllm/measure/naive.hpp"
#include "ruvllm/measure/timing.hpp"

namespace ruvllm::measure {

// The query, the candidates and the constants of all steps.
struct LoraProblem {
    static constexpr double tau = 0.07;
    static constexpr float momentum = 0.9f, learning_rate = 0.05f;

    std::size_t dim, rank, candidates;
    numeric::FloatVector h, rows, b;

    LoraProblem(std::size_t d, std::size_t r, std::size_t n)
        : dim(d), rank(r), candidates(n), h(unit_rows(1, d, 0)), rows(unit_rows(n, d, 1)), b(unit_rows(r, d, 2))
    {
    }

    // Each candidate in turn is the right one, so that the adapter never ends up certain: steps stay alike for ever.
    [[nodiscard]] std::size_t right(std::size_t step) const { return step % candidates; }
};

// The same step in double: parameters and velocity (2 rank, dim), A's rows before B's.
class NaiveLora {
public:
    NaiveLora(const LoraProblem& problem, Doubles theta)
        : p_(problem), h_(to_doubles(problem.h)), theta_(std::move(theta)), velocity_(theta_.size())
    {
        for (std::size_t j = 0; j < p_.candidates; ++j)
            rows_.push_back(to_doubles(std::span(p_.rows).subspan(j * p_.dim, p_.dim)));
    }

    [[nodiscard]] const Doubles& theta() const { return theta_; }

    // The loss before the step.
    double step(std::size_t right)
    {
        Doubles z = h_, u;
        for (std::size_t r = 0; r < p_.rank; ++r) {
            u.push_back(naive_dot(row(r), h_));
            for (std::size_t i = 0; i < p_.dim; ++i)
                z[i] += u[r] * row(p_.rank + r)[i];
        }
        double loss = 0.0;
        const Doubles g = loss_gradient(z, right, loss);
        for (std::size_t r = 0; r < p_.rank; ++r) {
            const double along = naive_dot(row(p_.rank + r), g); // of B before it moves
            move(r, along, h_);
            move(p_.rank + r, u[r], g);
        }
        return loss;
    }

private:
    [[nodiscard]] std::span<const double> row(std::size_t r) const
    {
        return std::span(theta_).subspan(r * p_.dim, p_.dim);
    }

    // dL/dz = (v - zhat (zhat . v)) / (tau |z|) with v = sum_j p_j s_j - s_right
    Doubles loss_gradient(const Doubles& z, std::size_t right, double& loss) const
    {
        const double norm = std::sqrt(naive_dot(z, z));
        Doubles p;
        double total = 0.0;
        for (const Doubles& s : rows_) {
            p.push_back(std::exp(naive_dot(s, z) / norm / LoraProblem::tau));
            total += p.back();
        }
        Doubles v(p_.dim);
        for (std::size_t j = 0; j < rows_.size(); ++j) {
            p[j] /= total;
            for (std::size_t i = 0; i < p_.dim; ++i)
                v[i] += (p[j] - (j == right ? 1.0 : 0.0)) * rows_[j][i];
        }
        loss = -std::log(p[right]);
        const double along = naive_dot(z, v) / (norm * norm);
        for (std::size_t i = 0; i < p_.dim; ++i)
            v[i] = (v[i] - z[i] * along) / (LoraProblem::tau * norm);
        return v;
    }

    void move(std::size_t r, double coefficient, const Doubles& factor)
    {
        constexpr double keep = LoraProblem::momentum, rate = LoraProblem::learning_rate;
        for (std::size_t i = 0; i < p_.dim; ++i) {
            double& velocity = velocity_[r * p_.dim + i];
            velocity = keep * velocity + (1.0 - keep) * coefficient * factor[i];
            theta_[r * p_.dim + i] -= rate * velocity;
        }
    }

    const LoraProblem& p_;
    Doubles h_, theta_, velocity_;
    std::vector<Doubles> rows_;
};

// A learner that makes one step after the other.
class LoraLearner {
public:
    LoraLearner(const simd::KernelTable& k, const LoraProblem& problem)
        : p_(problem), lora_(k, {problem.dim, problem.rank}, 0)
    {
        // B starts at 0, where A has no gradient: nothing of it would be compared.
        std::copy(p_.b.begin(), p_.b.end(), lora_.adapter(0).parameters().last(p_.rank * p_.dim).begin());
    }

    [[nodiscard]] Doubles parameters() const { return to_doubles(lora_.adapter(0).parameters()); }

    // The loss before the step.
    double step()
    {
        const double loss = lora_.learn(
            0, p_.h.data(), {nullptr, 0, p_.rows.data(), p_.candidates, p_.right(steps_++), {}, p_.tau},
            {nullptr, nullptr, nullptr, 1.0f, p_.momentum, p_.learning_rate, 0.0f, nullptr, nullptr});
        keep(lora_.adapter(0).parameters().data());
        return loss;
    }

private:
    const LoraProblem& p_;
    MultiHeadLoRA lora_;
    std::size_t steps_ = 0;
};

// One learning step of an adapter (dim, rank) without heads, over some candidates.
class LoraStep {
public:
    LoraStep(std::size_t dim, std::size_t rank, std::size_t candidates) : problem_(dim, rank, candidates) {}

    [[nodiscard]] Loop on(const simd::KernelTable& k) const
    {
        check(k);
        return loop_of([learner = LoraLearner(k, problem_)]() mutable { learner.step(); });
    }

private:
    // The losses of a few steps, and how far each parameter has moved by then.
    void check(const simd::KernelTable& k) const
    {
        LoraLearner learner(k, problem_);
        const Doubles start = learner.parameters();
        NaiveLora twin(problem_, start);
        constexpr std::size_t steps = 3;
        for (std::size_t i = 0; i < steps; ++i)
            require_near(label("loss of a LoRA step", k), learner.step(), twin.step(problem_.right(i)), 1e-4);
        const Doubles end = learner.parameters();
        const std::string what = label("LoRA step", k);
        for (std::size_t row = 0; row < 2 * problem_.rank; ++row) {
            double squares = 0.0; // of the row's moves
            for (std::size_t i = row * problem_.dim; i < (row + 1) * problem_.dim; ++i)
                squares += (twin.theta()[i] - start[i]) * (twin.theta()[i] - start[i]);
            const double typical = std::sqrt(squares / static_cast<double>(problem_.dim));
            for (std::size_t i = row * problem_.dim; i < (row + 1) * problem_.dim; ++i)
                require_near(what, end[i] - start[i], twin.theta()[i] - start[i],
                             1e-4 * typical + static_cast<double>(steps) * rounding * std::fabs(end[i]));
        }
    }

    LoraProblem problem_;
};

} // namespace ruvllm::measure
