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
#include <stdexcept>
#include <string>
#include <utility>
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

    // What the episodes say about a query: their numbers, and the weight of each. Good until the next one is added.
    struct Recalled {
        std::vector<std::size_t> numbers;
        std::vector<float> weights;
    };

    // Of each of n queries h (n, dim); equally similar episodes count in the order they are kept. Several queries at
    // once read the episodes once.
    [[nodiscard]] std::vector<Recalled> recall(const float* h, std::size_t n) const
    {
        std::vector<Recalled> recalled(n);
        if (size() == 0 || config_.strength == 0.0f)
            return recalled;
        std::vector<float> similarities(std::min(n, together) * size());
        for (std::size_t begin = 0; begin < n; begin += together) {
            const std::size_t count = std::min(together, n - begin);
            k_->gemm(queries_.data(), size(), dim_, h + begin * dim_, count, dim_, dim_, similarities.data());
            for (std::size_t q = 0; q < count; ++q)
                recalled[begin + q] = weighed(most_similar(similarities.data() + q * size(), nobody));
        }
        return recalled;
    }

    // z (dim,) += what the episodes say about h (dim,).
    void add_recalled(const float* h, float* z) const { add_recalled(recall(h, 1).front(), z); }

    // The same where it was recalled before.
    void add_recalled(const Recalled& recalled, float* z) const
    {
        for (std::size_t t = 0; t < recalled.numbers.size(); ++t) {
            const std::size_t i = recalled.numbers[t];
            k_->axpy(recalled.weights[t], solutions_.data() + i * dim_, z, dim_);
            k_->axpy(-recalled.weights[t], queries_.data() + i * dim_, z, dim_);
        }
    }

private:
    static constexpr std::size_t nobody = static_cast<std::size_t>(-1);
    static constexpr std::size_t sampled = 64; // past queries from which `typical` is measured
    static constexpr std::size_t together = 20; // queries for which the episodes are read once

    // Past queries most similar to another one, most similar first, and their cosines; those below 0 count as 0.
    struct Nearest {
        std::vector<std::size_t> numbers;
        std::vector<float> cosines;
        float mean = 0.0f, squares = 0.0f;
    };

    [[nodiscard]] Nearest nearest(const float* h, std::size_t left_out) const
    {
        std::vector<float> similarity(size());
        k_->gemv(queries_.data(), size(), dim_, h, dim_, similarity.data());
        return most_similar(similarity.data(), left_out);
    }

    // From the products of all past queries with another one; of equal ones those that came first.
    [[nodiscard]] Nearest most_similar(const float* similarity, std::size_t left_out) const
    {
        const std::size_t n = size(), taken = std::min(config_.neighbours, n - (left_out < n ? 1 : 0));
        Nearest found;
        found.numbers.reserve(taken + 1);
        for (std::size_t i = 0; i < n; ++i) {
            if (i == left_out || taken == 0 ||
                (found.numbers.size() == taken && !(similarity[i] > similarity[found.numbers.back()])))
                continue;
            const auto place = std::upper_bound(found.numbers.begin(), found.numbers.end(), i,
                                                [&](std::size_t a, std::size_t b) { return similarity[a] > similarity[b]; });
            found.numbers.insert(place, i);
            found.numbers.resize(std::min(taken, found.numbers.size()));
        }
        for (const std::size_t i : found.numbers) {
            const float cosine = similarity[i] > 0.0f ? similarity[i] : 0.0f;
            found.cosines.push_back(cosine);
            found.mean += cosine / static_cast<float>(taken);
            found.squares += cosine * cosine;
        }
        return found;
    }

    [[nodiscard]] Recalled weighed(Nearest nearest) const
    {
        if (!(nearest.squares > 0.0f))
            return {};
        const float reach = std::min(1.0f, relative(nearest.mean));
        const float share = config_.strength * reach * reach / nearest.squares;
        for (float& cosine : nearest.cosines)
            cosine = share * cosine * cosine;
        return {std::move(nearest.numbers), std::move(nearest.cosines)};
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
