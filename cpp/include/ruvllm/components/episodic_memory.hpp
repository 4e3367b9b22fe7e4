// Episodic memory: what was told about past queries, carried over to a new one that resembles them.
//
//   z += strength reach(h) sum_{i in N(h)} w_i (s_i - q_i)
//   w_i = c_i^2 / sum_j c_j^2       c_i = max(0, q_i . h)       reach(h) = min(1, mean_i c_i / typical)^2
//
// with (q_i, s_i) a past query and the solution that was told to be right, unit vectors, and N(h) the `neighbours`
// past queries most similar to h. Kernel regression of "right solution minus query" (Nadaraya 1964, Watson 1964) over
// nearest neighbours, as kNN-LM does for tokens (Khandelwal et al. 2020). The weights add up to 1 whatever the
// encoder's cosines are, and `typical` is what mean_i c_i is for a past query among the others: the memory has its full
// say where a query is as near as they are to each other, and fades with distance. When full, the oldest entry goes.
#pragma once

#include <algorithm>
#include <bit>
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

    // How near a query h (dim,) is to the past ones: the mean of its largest cosines, as a multiple of what past queries
    // have among themselves. 0 without any.
    [[nodiscard]] float nearness(const float* h) const
    {
        return relative(nearest(h, nobody).mean);
    }

    // query and solution: (dim,) unit vectors, copied.
    void add(const float* query, const float* solution)
    {
        if (config_.capacity == 0)
            return;
        if (size() < config_.capacity) {
            queries_.insert(queries_.end(), query, query + dim_);
            solutions_.insert(solutions_.end(), solution, solution + dim_);
            if (std::has_single_bit(size())) // follows from what was added and in which order, and costs little
                typical_ = measured();
            return;
        }
        std::copy_n(query, dim_, queries_.begin() + static_cast<std::ptrdiff_t>(oldest_ * dim_));
        std::copy_n(solution, dim_, solutions_.begin() + static_cast<std::ptrdiff_t>(oldest_ * dim_));
        oldest_ = (oldest_ + 1) % config_.capacity;
    }

    // z (dim,) += what the episodes say about h (dim,); equally similar ones count in the order they are kept.
    void add_recalled(const float* h, float* z) const
    {
        if (size() == 0 || config_.strength == 0.0f)
            return;
        const Nearest found = nearest(h, nobody);
        if (!(found.squares > 0.0f))
            return;
        const float reach = std::min(1.0f, relative(found.mean));
        const float share = config_.strength * reach * reach / found.squares;
        for (std::size_t t = 0; t < found.numbers.size(); ++t) {
            const std::size_t i = found.numbers[t];
            const float weight = share * found.cosines[t] * found.cosines[t];
            k_->axpy(weight, solutions_.data() + i * dim_, z, dim_);
            k_->axpy(-weight, queries_.data() + i * dim_, z, dim_);
        }
    }

private:
    static constexpr std::size_t nobody = static_cast<std::size_t>(-1);
    static constexpr std::size_t sampled = 64; // past queries from which `typical` is measured

    // Past queries most similar to another one, most similar first, and their cosines; those below 0 count as 0.
    struct Nearest {
        std::vector<std::size_t> numbers;
        std::vector<float> cosines;
        float mean = 0.0f, squares = 0.0f;
    };

    [[nodiscard]] Nearest nearest(const float* h, std::size_t left_out) const
    {
        const std::size_t n = size();
        std::vector<float> similarity(n);
        k_->gemv(queries_.data(), n, dim_, h, dim_, similarity.data());
        Nearest found;
        found.numbers.resize(n);
        std::iota(found.numbers.begin(), found.numbers.end(), std::size_t{0});
        if (left_out < n)
            found.numbers.erase(found.numbers.begin() + static_cast<std::ptrdiff_t>(left_out));
        const std::size_t taken = std::min(config_.neighbours, found.numbers.size());
        std::partial_sort(found.numbers.begin(), found.numbers.begin() + static_cast<std::ptrdiff_t>(taken),
                          found.numbers.end(), [&](std::size_t a, std::size_t b) {
                              return similarity[a] != similarity[b] ? similarity[a] > similarity[b] : a < b;
                          });
        found.numbers.resize(taken);
        for (const std::size_t i : found.numbers) {
            const float cosine = similarity[i] > 0.0f ? similarity[i] : 0.0f;
            found.cosines.push_back(cosine);
            found.mean += cosine / static_cast<float>(taken);
            found.squares += cosine * cosine;
        }
        return found;
    }

    [[nodiscard]] float relative(float mean) const noexcept { return typical_ > 0.0f ? mean / typical_ : 0.0f; }

    // The mean of nearest().mean over past queries, each among the others.
    [[nodiscard]] float measured() const
    {
        const std::size_t n = size(), count = std::min(n, sampled);
        float sum = 0.0f;
        for (std::size_t s = 0; s < count; ++s)
            sum += nearest(query(s * n / count), s * n / count).mean;
        return sum / static_cast<float>(count);
    }

    const simd::KernelTable* k_;
    EpisodicConfig config_;
    std::size_t dim_, oldest_ = 0;
    float typical_ = 0.0f;
    numeric::FloatVector queries_, solutions_; // (size, dim) each
};

} // namespace ruvllm
