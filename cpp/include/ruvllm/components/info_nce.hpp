// InfoNCE: -log p_y with p = softmax over cosines divided by tau, and its gradient through the cosine.
//
// van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018. For unit rows s_j and
// zhat = z / |z|:  dL/dz = (v - zhat (zhat . v)) / (tau |z|),  v = sum_j p_j s_j - s_y.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory_resource>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/numeric/exp_log.hpp"
#include "ruvllm/numeric/softmax.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

struct InfoNceInput {
    const float* z;                         // (dim,)
    std::size_t dim;
    const float* candidates;                // (n, dim), unit rows
    std::size_t n;
    std::size_t right;                      // the positive, below n
    std::vector<const float*> negatives{};  // further unit vectors (dim,), from a memory
    double tau = 0.07;
};

// The loss; gradient: (dim,) gets dL/dz. Both are 0 for z = 0, where the cosine has no direction.
//
// Candidates need not be rows in memory (`in.candidates` is not read): dot_all(out) gives out (n,) = s_j . z, and
// weighted_sum(c, out) gives out (dim,) = sum_j c_j s_j. squared_norm: that of z.
template <class DotAll, class WeightedSum>
double info_nce(const simd::KernelTable& k, const InfoNceInput& in, float squared_norm, DotAll dot_all,
                WeightedSum weighted_sum, std::span<float> gradient)
{
    if (in.right >= in.n)
        throw std::invalid_argument("the right candidate must be below " + std::to_string(in.n) + ", not " +
                                    std::to_string(in.right));
    const float norm = std::sqrt(squared_norm);
    if (!(norm > 0.0f)) {
        std::fill(gradient.begin(), gradient.end(), 0.0f);
        return 0.0;
    }
    const std::size_t total = in.n + in.negatives.size();
    std::byte room[2048]; // enough for dozens of candidates: a step must not wait for the heap
    std::pmr::monotonic_buffer_resource memory(room, sizeof room);
    std::pmr::vector<float> dots(total, &memory);
    dot_all(dots.data());
    for (std::size_t i = 0; i < in.negatives.size(); ++i)
        dots[in.n + i] = k.dot(in.negatives[i], in.z, in.dim);
    std::pmr::vector<double> p(total, &memory);
    for (std::size_t j = 0; j < total; ++j)
        p[j] = static_cast<double>(dots[j]) / (static_cast<double>(norm) * in.tau);
    numeric::softmax(p, 1.0, p);
    const double loss = -numeric::log(std::max(p[in.right], 1e-300));

    // v and zhat's share of it in one sum, for zhat . v follows from products that are known.
    const double shrink = 1.0 / (in.tau * static_cast<double>(norm));
    double along = 0.0; // z . v
    std::pmr::vector<float> weights(total + 1, &memory);
    for (std::size_t j = 0; j < total; ++j) {
        const double weight = p[j] - (j == in.right ? 1.0 : 0.0); // in double: p may be nearly 1
        along += weight * static_cast<double>(dots[j]);
        weights[j] = static_cast<float>(shrink * weight);
    }
    weights[total] = static_cast<float>(-shrink * along / static_cast<double>(squared_norm));
    weighted_sum(weights.data(), gradient.data());
    std::pmr::vector<const float*> rows(in.negatives.begin(), in.negatives.end(), &memory);
    rows.push_back(in.z);
    (void)k.add_rows(gradient.data(), rows.data(), weights.data() + in.n, rows.size(), in.dim, gradient.data());
    return loss;
}

// The same for rows in memory.
inline double info_nce(const simd::KernelTable& k, const InfoNceInput& in, float squared_norm,
                       std::span<float> gradient)
{
    return info_nce(
        k, in, squared_norm, [&](float* out) { k.gemv(in.candidates, in.n, in.dim, in.z, in.dim, out); },
        [&](const float* c, float* out) { k.gemv_transposed(in.candidates, in.n, in.dim, c, in.dim, out); }, gradient);
}

// The same where the norm of z is not known.
inline double info_nce(const simd::KernelTable& k, const InfoNceInput& in, std::span<float> gradient)
{
    return info_nce(k, in, k.squared_norm(in.z, in.dim), gradient);
}

} // namespace ruvllm
