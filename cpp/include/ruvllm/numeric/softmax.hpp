// Softmax with our own exp, in double precision.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "ruvllm/numeric/exp_log.hpp"

namespace ruvllm::numeric {

// p_j = exp(l_j / T) / sum_k exp(l_k / T); `logits` and `probabilities` have the same size >= 1
// and may be the same memory. T > 0.
inline void softmax(std::span<const double> logits, double temperature, std::span<double> probabilities)
{
    const double largest = *std::max_element(logits.begin(), logits.end());
    bool normal = true;
    for (std::size_t j = 0; j < logits.size(); ++j) {
        probabilities[j] = (logits[j] - largest) / temperature;
        normal = normal && probabilities[j] >= -700.0;
    }
    if (normal)
        for (double& p : probabilities)
            p = simd::ExpLogParts<void>::exp_of_normal(p);
    else
        for (double& p : probabilities)
            p = numeric::exp(p);
    double total = 0.0;
    for (const double p : probabilities)
        total += p;
    for (double& p : probabilities)
        p /= total;
}

} // namespace ruvllm::numeric
