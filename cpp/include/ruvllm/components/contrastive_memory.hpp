// Contrastive memory: right and wrong solutions of the past.
//
// Wrong ones (chosen, and not right) are further negatives of the InfoNCE loss. Right ones speak for a candidate that
// resembles one of them: boost_j = strength * max cos(s_j, positive) where that maximum exceeds `threshold`, else 0.
// Both halves are divided evenly among the task types, and a full ring drops its oldest entry.
//
// The maximum is found through sketches: the signs of 512 sums, each of every 512th coordinate
// (SimHash, Charikar 2002, with sparse hyperplanes; sums, because single coordinates of sparse vectors are 0). Only
// pairs that agree in at least 352 of them are compared exactly; for dense vectors with cosine 0.7, 382 are expected
// with a standard deviation of 10, so that about 1 such pair in 1,000 is missed.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/numeric/random.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

struct ContrastiveConfig {
    std::size_t positives = 500, negatives = 500; // at most, over all types
    std::size_t types = 4;
    std::size_t sampled_negatives = 8;            // per learning step
    float threshold = 0.7f;
    double strength = 0.1 / 0.07;                 // in units of a logit
};

class ContrastiveMemory {
public:
    ContrastiveMemory(const simd::KernelTable& kernels, const ContrastiveConfig& config, std::size_t dim)
        : k_(&kernels), config_(config), dim_(dim)
    {
        if (config.types == 0 || config.positives < config.types || config.negatives < config.types)
            throw std::invalid_argument("a contrastive memory needs room for one entry per type, not " +
                                        std::to_string(config.positives) + " and " +
                                        std::to_string(config.negatives) + " for " + std::to_string(config.types) +
                                        " types");
        positives_.assign(config.types, Ring(config.positives / config.types));
        negatives_.assign(config.types, Ring(config.negatives / config.types));
    }

    // solution: (dim,) unit vector, copied.
    void add_positive(const float* solution, std::size_t type)
    {
        positives_.at(type).add(solution, dim_, sketch_of(solution));
    }
    void add_negative(const float* solution, std::size_t type) { negatives_.at(type).add(solution, dim_, {}); }

    // Up to sampled_negatives wrong solutions of this type, drawn with replacement; valid until the next add.
    [[nodiscard]] std::vector<const float*> sample_negatives(std::size_t type, numeric::RandomStream& stream) const
    {
        std::vector<const float*> drawn;
        const Ring& ring = negatives_.at(type);
        for (std::size_t i = 0; i < config_.sampled_negatives && ring.size() > 0; ++i)
            drawn.push_back(ring.vector(static_cast<std::size_t>(stream.below(ring.size())), dim_));
        return drawn;
    }

    // boost of one unit candidate (dim,), in units of a logit.
    [[nodiscard]] double boost(std::size_t type, const float* candidate) const
    {
        const float best = largest_cosine(positives_.at(type), candidate);
        return best > config_.threshold ? config_.strength * static_cast<double>(best) : 0.0;
    }

    // logits_j += boost_j for the unit candidate rows (m, dim). Returns how many candidates were boosted.
    std::size_t add_boost(std::size_t type, const float* candidates, std::span<double> logits) const
    {
        const Ring& ring = positives_.at(type);
        std::size_t boosted = 0;
        for (std::size_t j = 0; j < logits.size(); ++j) {
            const float best = largest_cosine(ring, candidates + j * dim_);
            if (best > config_.threshold) {
                logits[j] += config_.strength * static_cast<double>(best);
                ++boosted;
            }
        }
        return boosted;
    }

    [[nodiscard]] std::size_t positive_count() const noexcept { return count(positives_); }
    [[nodiscard]] std::size_t negative_count() const noexcept { return count(negatives_); }

private:
    static constexpr std::size_t sketch_words = 8;
    static constexpr std::uint32_t most_different_signs = 64 * sketch_words - 352;
    using Sketch = std::array<std::uint64_t, sketch_words>;

    class Ring {
    public:
        explicit Ring(std::size_t capacity) : capacity_(capacity) {}

        void add(const float* vector, std::size_t dim, const Sketch& sketch)
        {
            if (sketches_.size() < capacity_) {
                sketches_.push_back(sketch);
                vectors_.insert(vectors_.end(), vector, vector + dim);
            } else {
                sketches_[oldest_] = sketch;
                std::copy_n(vector, dim, vectors_.begin() + static_cast<std::ptrdiff_t>(oldest_ * dim));
                oldest_ = (oldest_ + 1) % capacity_;
            }
        }

        [[nodiscard]] std::size_t size() const noexcept { return sketches_.size(); }
        [[nodiscard]] const std::uint64_t* sketches() const { return sketches_.data()->data(); }
        [[nodiscard]] const float* vector(std::size_t i, std::size_t dim) const { return vectors_.data() + i * dim; }

    private:
        std::size_t capacity_, oldest_ = 0;
        std::vector<Sketch> sketches_;
        numeric::FloatVector vectors_;
    };

    [[nodiscard]] Sketch sketch_of(const float* x) const
    {
        Sketch sketch;
        k_->folded_sign_bits(x, dim_, 64 * sketch_words, sketch.data());
        return sketch;
    }

    // -infinity for an empty ring.
    [[nodiscard]] float largest_cosine(const Ring& ring, const float* candidate) const
    {
        float best = -std::numeric_limits<float>::infinity();
        if (ring.size() == 0)
            return best;
        const Sketch sketch = sketch_of(candidate);
        std::vector<std::uint32_t> different(ring.size());
        k_->hamming_many(sketch.data(), ring.sketches(), ring.size(), sketch_words, different.data());
        for (std::size_t i = 0; i < ring.size(); ++i)
            if (different[i] <= most_different_signs)
                best = std::max(best, k_->dot(ring.vector(i, dim_), candidate, dim_));
        return best;
    }

    [[nodiscard]] static std::size_t count(const std::vector<Ring>& rings) noexcept
    {
        std::size_t total = 0;
        for (const Ring& ring : rings)
            total += ring.size();
        return total;
    }

    const simd::KernelTable* k_;
    ContrastiveConfig config_;
    std::size_t dim_;
    std::vector<Ring> positives_, negatives_;
};

} // namespace ruvllm
