// Episodic memory: what was told about past queries, carried over to a new one that resembles them.
//
//   z += strength sum_{i in N(h)} w_i (s_i - q_i)      w_i = max(0, q_i . h)^2
//
// with (q_i, s_i) a past query and the solution that was told to be right, unit vectors, and N(h) the `neighbours`
// past queries most similar to h. Kernel regression of "right solution minus query" (Nadaraya 1964, Watson 1964) over
// nearest neighbours, as kNN-LM does for tokens (Khandelwal et al. 2020). When full, the oldest entry goes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

struct EpisodicConfig {
    std::size_t capacity = 0;   // episodes kept per task type; 0: no memory
    std::size_t neighbours = 8;
    float strength = 0.5f;
};

class EpisodicMemory {
public:
    // Throws std::invalid_argument for dim or neighbours 0.
    EpisodicMemory(const simd::KernelTable& kernels, const EpisodicConfig& config, std::size_t dim)
        : k_(&kernels), config_(config), dim_(dim)
    {
        if (dim == 0 || config.neighbours == 0)
            throw std::invalid_argument("an episodic memory needs dim >= 1 and neighbours >= 1, not " +
                                        std::to_string(dim) + " and " + std::to_string(config.neighbours));
    }

    [[nodiscard]] std::size_t size() const noexcept { return queries_.size() / dim_; }
    [[nodiscard]] const float* query(std::size_t i) const noexcept { return queries_.data() + i * dim_; } // (dim,)

    // query and solution: (dim,) unit vectors, copied.
    void add(const float* query, const float* solution)
    {
        if (config_.capacity == 0)
            return;
        if (size() < config_.capacity) {
            queries_.insert(queries_.end(), query, query + dim_);
            solutions_.insert(solutions_.end(), solution, solution + dim_);
            return;
        }
        std::copy_n(query, dim_, queries_.begin() + static_cast<std::ptrdiff_t>(oldest_ * dim_));
        std::copy_n(solution, dim_, solutions_.begin() + static_cast<std::ptrdiff_t>(oldest_ * dim_));
        oldest_ = (oldest_ + 1) % config_.capacity;
    }

    // z (dim,) += what the episodes say about h (dim,); equally similar ones count in the order they are kept.
    void add_recalled(const float* h, float* z) const
    {
        const std::size_t n = size(), taken = std::min(config_.neighbours, n);
        if (taken == 0)
            return;
        std::vector<float> similarity(n);
        k_->gemv(queries_.data(), n, dim_, h, dim_, similarity.data());
        std::vector<std::size_t> order(n);
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(taken), order.end(),
                          [&](std::size_t a, std::size_t b) {
                              return similarity[a] != similarity[b] ? similarity[a] > similarity[b] : a < b;
                          });
        for (std::size_t t = 0; t < taken; ++t) {
            const std::size_t i = order[t];
            if (!(similarity[i] > 0.0f))
                break;
            const float weight = config_.strength * similarity[i] * similarity[i];
            k_->axpy(weight, solutions_.data() + i * dim_, z, dim_);
            k_->axpy(-weight, queries_.data() + i * dim_, z, dim_);
        }
    }

private:
    const simd::KernelTable* k_;
    EpisodicConfig config_;
    std::size_t dim_, oldest_ = 0;
    numeric::FloatVector queries_, solutions_; // (size, dim) each
};

} // namespace ruvllm
