// A loss of cosines, and its gradient through them to the vector that they are taken with.
//
// With unit rows s_j, zhat = z / |z|, logits l_j = (s_j . zhat) / tau and w_j = dL/dl_j:
//   dL/dz = (v - zhat (zhat . v)) / (tau |z|),  v = sum_j w_j s_j.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory_resource>
#include <span>
#include <vector>

#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

struct CosineLossInput {
    const float* z; // (dim,)
    std::size_t dim;
    float squared_norm;                      // of z
    std::size_t n;                           // rows that dot_all() and weighted_sum() know
    std::span<const float* const> more_rows; // unit vectors (dim,) that come after them
    double tau;
};

// The loss; gradient: (dim,) gets dL/dz. Both are 0 for z = 0, where the cosine has no direction.
//
// dot_all(out) gives out (n,) = s_j . z, weighted_sum(c, out) gives out (dim,) = sum_j c_j s_j. loss(logits) returns L
// and puts dL/dl_j in place of each logit.
template <class DotAll, class WeightedSum, class Loss>
double cosine_loss(const simd::KernelTable& k, const CosineLossInput& in, DotAll dot_all, WeightedSum weighted_sum,
                   Loss loss, std::span<float> gradient)
{
    const float norm = std::sqrt(in.squared_norm);
    if (!(norm > 0.0f)) {
        std::fill(gradient.begin(), gradient.end(), 0.0f);
        return 0.0;
    }
    const std::size_t total = in.n + in.more_rows.size();
    std::byte room[2048]; // enough for dozens of candidates: a step must not wait for the heap
    std::pmr::monotonic_buffer_resource memory(room, sizeof room);
    std::pmr::vector<float> dots(total, &memory);
    dot_all(dots.data());
    const std::pmr::vector<const float*> zs(in.more_rows.size(), in.z, &memory);
    k.dot_pairs(in.more_rows.data(), zs.data(), zs.size(), in.dim, dots.data() + in.n);
    std::pmr::vector<double> logits(total, &memory);
    for (std::size_t j = 0; j < total; ++j)
        logits[j] = static_cast<double>(dots[j]) / (static_cast<double>(norm) * in.tau);
    const double value = loss(std::span<double>(logits));

    // v and zhat's share of it in one sum, for zhat . v follows from products that are known.
    const double shrink = 1.0 / (in.tau * static_cast<double>(norm));
    double along = 0.0; // z . v
    std::pmr::vector<float> weights(total + 1, &memory);
    for (std::size_t j = 0; j < total; ++j) {
        along += logits[j] * static_cast<double>(dots[j]);
        weights[j] = static_cast<float>(shrink * logits[j]);
    }
    weights[total] = static_cast<float>(-shrink * along / static_cast<double>(in.squared_norm));
    weighted_sum(weights.data(), gradient.data());
    std::pmr::vector<const float*> rows(in.more_rows.begin(), in.more_rows.end(), &memory);
    rows.push_back(in.z);
    (void)k.add_rows(gradient.data(), rows.data(), weights.data() + in.n, rows.size(), in.dim, gradient.data());
    return value;
}

} // namespace ruvllm
