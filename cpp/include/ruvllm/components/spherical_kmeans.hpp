// Spherical k-means: clusters of unit vectors by cosine, seeded by k-means++ with a diversity bonus.
//
// Dhillon and Modha, "Concept decompositions for large sparse text data using clustering", 2001; seeding after
// Arthur and Vassilvitskii 2007 in the spherical form of Endo and Miyamoto 2015. With s_i the largest cosine of
// point i to a centre chosen so far, the next centre is drawn with probability proportional to
//   weight_i (1 - s_i) (1 - 0.5 s_i):
// D^2-sampling (1 - s is half the squared distance of unit vectors) times the report's diversity bonus.
#pragma once

#include <algorithm>
#include <cmath>
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

struct KMeansConfig {
    std::size_t clusters;
    std::size_t max_iterations = 5;
    double diversity = 0.5; // 0: plain k-means++
};

struct KMeansResult {
    numeric::FloatVector centers;       // (clusters, dim), unit rows
    std::vector<std::uint32_t> labels;  // (n,)
    std::vector<double> inertia;        // sum_i 1 - cos(x_i, its centre), after seeding and after each iteration
};

class SphericalKMeans {
public:
    // rows: (n, dim), unit length; weights: (n,) >= 0, used by the seeding only. Fewer than `clusters` rows give
    // as many clusters as there are rows. Throws std::invalid_argument for no rows or no clusters.
    SphericalKMeans(const simd::KernelTable& kernels, const KMeansConfig& config, std::span<const float> rows,
                    std::size_t dim, std::span<const double> weights)
        : k_(&kernels), config_(config), rows_(rows), dim_(dim), n_(weights.size()), weights_(weights)
    {
        if (n_ == 0 || config.clusters == 0 || dim == 0 || rows.size() != n_ * dim)
            throw std::invalid_argument("k-means needs clusters >= 1 and rows of shape (n >= 1, dim >= 1), not " +
                                        std::to_string(config.clusters) + " clusters and " +
                                        std::to_string(rows.size()) + " numbers for " + std::to_string(n_) +
                                        " rows of " + std::to_string(dim));
        config_.clusters = std::min(config_.clusters, n_);
    }

    [[nodiscard]] KMeansResult fit(numeric::RandomStream& stream)
    {
        KMeansResult best{seed(stream), std::vector<std::uint32_t>(n_), {}};
        best.inertia.push_back(assign(best.centers, best.labels));
        for (std::size_t iteration = 0; iteration < config_.max_iterations; ++iteration) {
            KMeansResult next{update(best.centers, best.labels), std::vector<std::uint32_t>(n_), {}};
            const double inertia = assign(next.centers, next.labels);
            if (!(inertia < best.inertia.back())) // converged, to the last bit: the better one stays
                break;
            best.inertia.push_back(inertia);
            const bool settled = next.labels == best.labels;
            best.centers = std::move(next.centers);
            best.labels = std::move(next.labels);
            if (settled)
                break;
        }
        return best;
    }

private:
    [[nodiscard]] const float* row(std::size_t i) const { return rows_.data() + i * dim_; }

    [[nodiscard]] numeric::FloatVector seed(numeric::RandomStream& stream) const
    {
        numeric::FloatVector centers(config_.clusters * dim_);
        std::vector<float> cosines(n_), nearest(n_, -1.0f);
        std::vector<double> chances(weights_.begin(), weights_.end());
        for (std::size_t c = 0; c < config_.clusters; ++c) {
            const std::size_t chosen = draw(chances, stream);
            std::copy_n(row(chosen), dim_, centers.begin() + static_cast<std::ptrdiff_t>(c * dim_));
            k_->gemv(rows_.data(), n_, dim_, row(chosen), dim_, cosines.data());
            for (std::size_t i = 0; i < n_; ++i) {
                nearest[i] = std::max(nearest[i], cosines[i]);
                const double s = static_cast<double>(nearest[i]);
                chances[i] = weights_[i] * std::max(0.0, 1.0 - s) * (1.0 - config_.diversity * s);
            }
            chances[chosen] = 0.0;
        }
        return centers;
    }

    // An index drawn with probability proportional to chances; uniform when all are 0 (equal points).
    [[nodiscard]] static std::size_t draw(const std::vector<double>& chances, numeric::RandomStream& stream)
    {
        double total = 0.0;
        for (const double c : chances)
            total += c;
        if (!(total > 0.0))
            return static_cast<std::size_t>(stream.below(chances.size()));
        const double target = stream.uniform() * total;
        double running = 0.0;
        std::size_t last = 0;
        for (std::size_t i = 0; i < chances.size(); ++i) {
            if (chances[i] <= 0.0)
                continue;
            running += chances[i];
            last = i;
            if (target < running)
                return i;
        }
        return last; // rounding of the running sum
    }

    double assign(const numeric::FloatVector& centers, std::vector<std::uint32_t>& labels) const
    {
        std::vector<float> cosines(config_.clusters);
        double inertia = 0.0;
        for (std::size_t i = 0; i < n_; ++i) {
            k_->gemv(centers.data(), config_.clusters, dim_, row(i), dim_, cosines.data());
            const auto best = std::max_element(cosines.begin(), cosines.end());
            labels[i] = static_cast<std::uint32_t>(best - cosines.begin());
            inertia += 1.0 - static_cast<double>(*best);
        }
        return inertia;
    }

    // Normalised means of the members. A cluster without members moves to the point that its centre serves worst.
    [[nodiscard]] numeric::FloatVector update(const numeric::FloatVector& old,
                                              const std::vector<std::uint32_t>& labels) const
    {
        numeric::FloatVector centers(config_.clusters * dim_, 0.0f);
        for (std::size_t i = 0; i < n_; ++i)
            k_->axpy(1.0f, row(i), centers.data() + labels[i] * dim_, dim_);
        std::vector<bool> taken(n_, false);
        for (std::size_t c = 0; c < config_.clusters; ++c) {
            float* center = centers.data() + c * dim_;
            const float norm = std::sqrt(k_->squared_norm(center, dim_));
            if (norm > 0.0f)
                k_->scale(1.0f / norm, center, dim_);
            else
                std::copy_n(row(worst_served(old, labels, taken)), dim_, center);
        }
        return centers;
    }

    [[nodiscard]] std::size_t worst_served(const numeric::FloatVector& centers,
                                           const std::vector<std::uint32_t>& labels, std::vector<bool>& taken) const
    {
        std::size_t worst = 0;
        float lowest = std::numeric_limits<float>::infinity();
        for (std::size_t i = 0; i < n_; ++i) {
            const float cosine = k_->dot(row(i), centers.data() + labels[i] * dim_, dim_);
            if (!taken[i] && cosine < lowest) {
                lowest = cosine;
                worst = i;
            }
        }
        taken[worst] = true;
        return worst;
    }

    const simd::KernelTable* k_;
    KMeansConfig config_;
    std::span<const float> rows_;
    std::size_t dim_, n_;
    std::span<const double> weights_;
};

} // namespace ruvllm
