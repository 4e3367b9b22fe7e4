// Sampling is tested by counts: Pearson's chi-square against the expected probabilities, with fixed seeds.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace ruvllm::testing {

// sum (count - expected)^2 / expected over the cells that can occur.
[[nodiscard]] inline double chi_square(std::span<const std::size_t> counts, std::span<const double> probabilities)
{
    double draws = 0.0, sum = 0.0;
    for (const std::size_t count : counts)
        draws += static_cast<double>(count);
    for (std::size_t i = 0; i < counts.size(); ++i)
        if (probabilities[i] > 0.0) {
            const double expected = draws * probabilities[i], difference = static_cast<double>(counts[i]) - expected;
            sum += difference * difference / expected;
        }
    return sum;
}

// What a right sampler exceeds once in 30,000 times: 4 deviations, after Wilson and Hilferty 1931.
[[nodiscard]] inline double chi_square_bound(std::size_t degrees)
{
    const double k = static_cast<double>(degrees), root = 1.0 - 2.0 / (9.0 * k) + 4.0 * std::sqrt(2.0 / (9.0 * k));
    return k * root * root * root;
}

// Counts fit the probabilities, which sum to 1; what has probability 0 never occurred.
inline void expect_counts(std::span<const std::size_t> counts, std::span<const double> probabilities)
{
    ASSERT_EQ(counts.size(), probabilities.size());
    std::size_t possible = 0;
    double total = 0.0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        total += probabilities[i];
        if (probabilities[i] > 0.0)
            ++possible;
        else
            EXPECT_EQ(counts[i], 0u) << "cell " << i << " has probability 0";
    }
    ASSERT_NEAR(total, 1.0, 1e-9);
    ASSERT_GE(possible, 2u);
    EXPECT_LT(chi_square(counts, probabilities), chi_square_bound(possible - 1));
}

inline void expect_uniform(std::span<const std::size_t> counts)
{
    expect_counts(counts, std::vector<double>(counts.size(), 1.0 / static_cast<double>(counts.size())));
}

} // namespace ruvllm::testing
