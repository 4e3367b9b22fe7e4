// What each kernel must return, written again in obvious lines.
//
// Reductions twice: `naive` sums in double, `lane_order` adds in exactly the order that simd/block.hpp fixes.
// Element-wise formulas are templates: with T = float they are the exact twin, with T = double the naive one.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm::testing {

// The only tolerance of the kernel tests: each of `roundings` steps may be off by one unit in the last place of
// `magnitude`, the sum of the absolute values of all terms. The last term covers results below the normal range.
[[nodiscard]] inline double tolerance(std::size_t roundings, double magnitude)
{
    return static_cast<double>(roundings) * static_cast<double>(std::numeric_limits<float>::epsilon()) * magnitude +
           static_cast<double>(roundings) * static_cast<double>(std::numeric_limits<float>::denorm_min());
}

// Roundings on the way of one term into a sum of n: product, one lane's additions, tree of depth 5.
[[nodiscard]] inline std::size_t roundings_of_sum(std::size_t n) { return 1 + (n + 31) / 32 + 5; }

// A naive result and the sum of the absolute values of its terms.
struct Naive {
    double value = 0.0, magnitude = 0.0;

    void add(double term)
    {
        value += term;
        magnitude += std::fabs(term);
    }
};

namespace naive {

[[nodiscard]] inline Naive dot(const float* a, const float* b, std::size_t n)
{
    Naive sum;
    for (std::size_t i = 0; i < n; ++i)
        sum.add(static_cast<double>(a[i]) * static_cast<double>(b[i]));
    return sum;
}

[[nodiscard]] inline Naive squared_distance(const float* a, const float* b, std::size_t n)
{
    Naive sum;
    for (std::size_t i = 0; i < n; ++i) {
        const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
        sum.add(difference * difference);
    }
    return sum;
}

[[nodiscard]] inline double cosine(const float* a, const float* b, std::size_t n)
{
    const double norms = std::sqrt(dot(a, a, n).value) * std::sqrt(dot(b, b, n).value);
    return norms == 0.0 ? 0.0 : dot(a, b, n).value / norms;
}

} // namespace naive

namespace lane_order {

using Lanes = std::array<float, 32>;

// 32 partial sums, lane i of elements i, i + 32, i + 64, ...; missing lanes are 0.
template <class Term>
[[nodiscard]] Lanes partial_sums(std::size_t n, Term term)
{
    Lanes lane{};
    for (std::size_t i = 0; i < n; ++i)
        lane[i % 32] = lane[i % 32] + term(i);
    return lane;
}

// Lanes 16, 8, 4, 2, 1 apart.
[[nodiscard]] inline float tree(Lanes lane)
{
    for (const std::size_t apart : {16u, 8u, 4u, 2u, 1u})
        for (std::size_t i = 0; i < apart; ++i)
            lane[i] = lane[i] + lane[i + apart];
    return lane[0];
}

template <class Term>
[[nodiscard]] float sum(std::size_t n, Term term)
{
    return tree(partial_sums(n, term));
}

[[nodiscard]] inline float dot(const float* a, const float* b, std::size_t n)
{
    return sum(n, [&](std::size_t i) { return a[i] * b[i]; });
}

[[nodiscard]] inline float squared_distance(const float* a, const float* b, std::size_t n)
{
    return sum(n, [&](std::size_t i) {
        const float difference = a[i] - b[i];
        return difference * difference;
    });
}

[[nodiscard]] inline float cosine(const float* a, const float* b, std::size_t n)
{
    const float norms = std::sqrt(dot(a, a, n)) * std::sqrt(dot(b, b, n));
    const float cosine = norms == 0.0f ? 0.0f : dot(a, b, n) / norms;
    return cosine > 1.0f ? 1.0f : cosine < -1.0f ? -1.0f : cosine;
}

// The sum of all minus twice the sum of those whose bit is set, lane by lane.
[[nodiscard]] inline float dot_signs(const std::uint32_t* words, const float* x, std::size_t n)
{
    Lanes all = partial_sums(n, [&](std::size_t i) { return x[i]; });
    const Lanes set = partial_sums(n, [&](std::size_t i) { return (words[i / 32] >> (i % 32)) & 1u ? x[i] : 0.0f; });
    for (std::size_t i = 0; i < all.size(); ++i)
        all[i] = all[i] - (set[i] + set[i]);
    return tree(all);
}

} // namespace lane_order

template <class T>
[[nodiscard]] T axpy_element(T a, T x, T y)
{
    return y + a * x;
}

template <class T>
[[nodiscard]] T ema_of_squares_element(T decay, T weight, T x, T f)
{
    return decay * f + weight * (x * x);
}

template <class T>
[[nodiscard]] T add_squares_element(T c, T x, T f)
{
    return f + (c * x) * (c * x);
}

template <class T>
struct MomentumElement {
    T velocity, theta;
};

// `take` is 1 - momentum as the kernel rounds it: in float.
template <class T>
[[nodiscard]] MomentumElement<T> momentum_element(T coefficient, T momentum, T take, T learning_rate, T ewc_lambda,
                                                  T x, T fisher, T reference, T m, T theta)
{
    T gradient = coefficient * x;
    if (ewc_lambda != T{0})
        gradient = gradient + std::min(ewc_lambda * fisher, static_cast<T>(simd::stiffest_pull(
                                                                static_cast<float>(learning_rate)))) *
                                  (theta - reference);
    const T velocity = momentum * m + take * gradient;
    return {velocity, theta - learning_rate * velocity};
}

// sum_r c_r column(r), added in the order of r.
template <class T, class Column>
[[nodiscard]] T weighted_sum(std::size_t n_terms, const float* c, Column column)
{
    T sum{0};
    for (std::size_t r = 0; r < n_terms; ++r)
        sum = sum + static_cast<T>(c[r]) * static_cast<T>(column(r));
    return sum;
}

// Element i of sum_t c_t s_t as the kernel has it: the sum of all c_t, minus 2 c_t for each whose bit is set.
template <class Words>
[[nodiscard]] float combined_signs(std::size_t n_terms, const float* c, const Words& words, std::size_t i)
{
    float sum = 0.0f;
    for (std::size_t t = 0; t < n_terms; ++t)
        sum = sum + c[t];
    for (std::size_t t = 0; t < n_terms; ++t)
        if ((words[t][i / 32] >> (i % 32)) & 1u)
            sum = sum - 2.0f * c[t];
    return sum;
}

// -1 where bit i % 32 of word i / 32 is set, else +1.
[[nodiscard]] inline float sign_at(const std::uint32_t* words, std::size_t i)
{
    return ((words[i / 32] >> (i % 32)) & 1u) != 0 ? -1.0f : 1.0f;
}

} // namespace ruvllm::testing
