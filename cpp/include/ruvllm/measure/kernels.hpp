// The kernels to be timed, each with data of its own: on(kernels) compares the answer with the naive twin, throws
// WrongAnswerError if it is wrong, and else gives the loop. The data must outlive its loops.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <string>

#include "ruvllm/measure/naive.hpp"
#include "ruvllm/measure/timing.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm::measure {

[[nodiscard]] inline std::string label(const char* kernel, const simd::KernelTable& k)
{
    return std::string(kernel) + " on " + std::string(simd::name(k.isa));
}

// One dot product of two vectors (n,).
class DotProduct {
public:
    using Kernel = float (*)(const float*, const float*, std::size_t);

    explicit DotProduct(std::size_t n)
        : a_(exact_values(n, 0)), b_(exact_values(n, 1)), expected_(naive_dot(to_doubles(a_), to_doubles(b_)))
    {
    }

    [[nodiscard]] Loop on(const simd::KernelTable& k) const { return of(k.dot, label("dot", k)); }

    // `dot` is called through a pointer, as those of the kernel tables are.
    [[nodiscard]] Loop of(Kernel dot, const std::string& name) const
    {
        require_near(name, static_cast<double>(dot(a_.data(), b_.data(), a_.size())), expected_, 0.0);
        return loop_of([this, dot] {
            const float result = dot(a_.data(), b_.data(), a_.size());
            keep(&result);
        });
    }

private:
    numeric::FloatVector a_, b_;
    double expected_;
};

// The cosine of a vector (dim,) with each row of a bank (rows, dim).
class BankCosine {
public:
    BankCosine(std::size_t rows, std::size_t dim)
        : query_(exact_values(dim, 0)), bank_(exact_values(rows * dim, 1)), out_(rows)
    {
        const Doubles query = to_doubles(query_);
        for (std::size_t r = 0; r < rows; ++r) {
            const Doubles row = to_doubles(std::span(bank_).subspan(r * dim, dim));
            expected_.push_back(naive_dot(query, row) / std::sqrt(naive_dot(query, query) * naive_dot(row, row)));
        }
    }

    [[nodiscard]] Loop on(const simd::KernelTable& k)
    {
        run(k);
        const std::string what = label("cosine", k);
        for (std::size_t r = 0; r < out_.size(); ++r) // sums are exact: two roots, their product, the quotient
            require_near(what, static_cast<double>(out_[r]), expected_[r], 4.0 * rounding);
        return loop_of([this, &k] { run(k); });
    }

private:
    void run(const simd::KernelTable& k)
    {
        k.cosine_many(query_.data(), bank_.data(), out_.size(), query_.size(), query_.size(), out_.data());
        keep(out_.data());
    }

    numeric::FloatVector query_, bank_, out_;
    Doubles expected_;
};

// The running diagonal Fisher information of n parameters: f = 0.92 f + 0.08 x^2.
class FisherEma {
public:
    static constexpr std::size_t bytes_per_element = 3 * sizeof(float); // reads x and f, writes f

    explicit FisherEma(std::size_t n) : x_(exact_values(n, 0)), f_(n) {}

    [[nodiscard]] Loop on(const simd::KernelTable& k)
    {
        numeric::FloatVector before = exact_values(x_.size(), 1);
        for (float& f : before)
            f *= 2.0f * f; // never negative, as a Fisher information, nor x^2, which would stay as it is
        f_ = before;
        run(k);
        const std::string what = label("Fisher EMA", k);
        for (std::size_t i = 0; i < x_.size(); ++i) {
            const double x = static_cast<double>(x_[i]);
            const double expected = static_cast<double>(decay) * static_cast<double>(before[i]) +
                                    static_cast<double>(weight) * x * x;
            require_near(what, static_cast<double>(f_[i]), expected, 2.0 * rounding * expected);
        }
        return loop_of([this, &k] { run(k); });
    }

private:
    static constexpr float decay = 0.92f, weight = 0.08f;

    void run(const simd::KernelTable& k)
    {
        k.ema_of_squares(decay, weight, x_.data(), f_.data(), x_.size());
        keep(f_.data());
    }

    numeric::FloatVector x_, f_;
};

} // namespace ruvllm::measure
