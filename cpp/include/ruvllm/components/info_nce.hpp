// InfoNCE: -log p_y with p = softmax over cosines divided by tau, and its gradient through the cosine.
//
// van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018. dL/dl_j = p_j, less 1 for y;
// see cosine_loss.hpp for the rest.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/components/cosine_loss.hpp"
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
    const auto loss = [&](std::span<double> p) {
        numeric::softmax(p, 1.0, p);
        const double value = -numeric::log(std::max(p[in.right], 1e-300));
        p[in.right] -= 1.0; // in double: p may be nearly 1
        return value;
    };
    return cosine_loss(k, {in.z, in.dim, squared_norm, in.n, in.negatives, in.tau}, dot_all, weighted_sum, loss,
                       gradient);
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
