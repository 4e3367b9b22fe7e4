// Adapter, cosine, InfoNCE and EWC penalty in double, forward only: the oracle of every gradient.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "cases.hpp"
#include "ruvllm/components/multi_head_lora.hpp"

namespace ruvllm::testing {

using Doubles = std::vector<double>;

template <class Range>
[[nodiscard]] Doubles to_doubles(const Range& values)
{
    return Doubles(std::begin(values), std::end(values));
}

[[nodiscard]] inline Doubles to_doubles(const float* values, std::size_t n) { return Doubles(values, values + n); }

namespace naive {

[[nodiscard]] inline double dot(std::span<const double> a, std::span<const double> b)
{
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += a[i] * b[i];
    return sum;
}

// z for parameters theta: adapter after adapter, A's rows before B's.
[[nodiscard]] inline Doubles adapt(const LoraConfig& c, const Doubles& theta, const Doubles& h, std::size_t type)
{
    const auto effective = [&](std::size_t row) {
        Doubles sum(c.dim);
        for (std::size_t i = 0; i < c.dim; ++i) {
            sum[i] = theta[row * c.dim + i];
            if (c.heads > 0)
                sum[i] += static_cast<double>(c.head_weight) * theta[((1 + type) * 2 * c.rank + row) * c.dim + i];
        }
        return sum;
    };
    Doubles z = h;
    for (std::size_t r = 0; r < c.rank; ++r) {
        const double u = dot(effective(r), h);
        const Doubles b = effective(c.rank + r);
        for (std::size_t i = 0; i < c.dim; ++i)
            z[i] += static_cast<double>(c.scaling) * u * b[i];
    }
    return z;
}

// What is to be told apart: rows[right] from all other rows.
struct Choice {
    std::vector<Doubles> rows;
    std::size_t right = 0;
    double tau = 0.07;
};

[[nodiscard]] inline double info_nce(const Doubles& z, const Choice& choice)
{
    const auto logit = [&](const Doubles& row) { return dot(z, row) / std::sqrt(dot(z, z)) / choice.tau; };
    const double right = logit(choice.rows[choice.right]);
    double others = 0.0;
    for (std::size_t j = 0; j < choice.rows.size(); ++j)
        if (j != choice.right)
            others += std::exp(logit(choice.rows[j]) - right);
    return std::log1p(others); // -log of 1 / (1 + others), exact where the answer is nearly sure
}

[[nodiscard]] inline double ewc_penalty(double lambda, const Doubles& fisher, const Doubles& reference,
                                        const Doubles& theta)
{
    double sum = 0.0;
    for (std::size_t i = 0; i < theta.size(); ++i)
        sum += fisher[i] * (theta[i] - reference[i]) * (theta[i] - reference[i]);
    return lambda / 2.0 * sum;
}

// Central differences of f at x.
template <class F>
[[nodiscard]] Doubles derivative(F f, Doubles x)
{
    constexpr double step = 1e-5;
    Doubles gradient;
    for (double& v : x) {
        const double at = v;
        v = at + step;
        const double above = f(x);
        v = at - step;
        gradient.push_back((above - f(x)) / (2.0 * step));
        v = at;
    }
    return gradient;
}

// d InfoNCE / d theta.
[[nodiscard]] inline Doubles gradient(const LoraConfig& c, const Doubles& theta, const Doubles& h, std::size_t type,
                                      const Choice& choice)
{
    return derivative([&](const Doubles& x) { return info_nce(adapt(c, x, h, type), choice); }, theta);
}

} // namespace naive

// The only tolerance of the gradient tests, relative to the element or, where it is smaller, to the root mean square
// of its row: in float32 an element far below that is what is left of a cancellation.
inline constexpr double gradient_tolerance = 1e-4;

// `reading`, if there is one, is by how much each element may be off because of how it was read.
inline void expect_gradient(const Doubles& actual, const Doubles& expected, std::size_t row_length,
                            const Doubles& reading = {})
{
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t begin = 0; begin < expected.size(); begin += row_length) {
        const std::span row(expected.data() + begin, row_length);
        const double typical = std::sqrt(naive::dot(row, row) / static_cast<double>(row_length));
        for (std::size_t i = begin; i < begin + row_length; ++i)
            ASSERT_NEAR(actual[i], expected[i],
                        gradient_tolerance * std::max(std::fabs(expected[i]), typical) + 1e-12 +
                            (reading.empty() ? 0.0 : reading[i]))
                << "element " << i - begin << " of row " << begin / row_length;
    }
}

// before - after = learning_rate * expected. The parameters are floats: a step is seen to half a unit in their last
// place.
inline void expect_step(const Doubles& before, const Doubles& after, double learning_rate, const Doubles& expected,
                        std::size_t row_length)
{
    Doubles step(before.size()), reading(before.size());
    for (std::size_t i = 0; i < step.size(); ++i) {
        step[i] = (before[i] - after[i]) / learning_rate;
        reading[i] = std::max(std::fabs(before[i]), std::fabs(after[i])) * 0x1p-24 / learning_rate;
    }
    expect_gradient(step, expected, row_length, reading);
}

[[nodiscard]] inline Doubles scaled(double factor, Doubles x)
{
    for (double& v : x)
        v *= factor;
    return x;
}

[[nodiscard]] inline bool all_zero(std::span<const double> x)
{
    return std::all_of(x.begin(), x.end(), [](double v) { return v == 0.0; });
}

} // namespace ruvllm::testing
