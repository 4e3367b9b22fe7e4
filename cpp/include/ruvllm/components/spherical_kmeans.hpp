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
#include <cstring>
#include <limits>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/components/cosine_bounds.hpp"
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
        std::vector<float> squared_norms(n_);
        k_->squared_norms(rows_.data(), n_, dim_, dim_, squared_norms.data());
        const CosineBounds bounds(dim_, CosineBounds::deviation(squared_norms));
        Clustering best = seed(stream, bounds);
        std::vector<double> inertia{best.inertia()};
        numeric::FloatVector sums = config_.max_iterations > 0 ? sums_of(best) : numeric::FloatVector{};
        Cosines cosines{rows_per_block(), std::vector<float>(n_ * config_.clusters, unknown), {}};
        for (std::size_t iteration = 0; iteration < config_.max_iterations; ++iteration) {
            Clustering next{centers_from(std::move(sums), best), best.labels,
                            std::vector<float>(n_, -std::numeric_limits<float>::infinity())};
            cosines.moved = iteration == 0 ? every_cluster() : moved_clusters(best.centers, next.centers);
            sums = iteration + 1 < config_.max_iterations ? zeros() : numeric::FloatVector{};
            assign(next, bounds, cosines, sums);
            const double now = next.inertia();
            if (!(now < inertia.back())) // converged, to the last bit: the better one stays
                break;
            inertia.push_back(now);
            const bool settled = next.labels == best.labels;
            best = std::move(next);
            if (settled)
                break;
        }
        return {std::move(best.centers), std::move(best.labels), std::move(inertia)};
    }

private:
    struct Clustering {
        numeric::FloatVector centers;      // (clusters, dim)
        std::vector<std::uint32_t> labels; // (n,) the center of highest cosine, the first of equal ones
        std::vector<float> cosines;        // (n,) to that center

        [[nodiscard]] double inertia() const
        {
            double sum = 0.0;
            for (const float cosine : cosines)
                sum += 1.0 - static_cast<double>(cosine);
            return sum;
        }

        // Center c, of cosine `cosine` to point i, comes after the centers 0 ... c - 1.
        void compare(std::size_t i, std::size_t c, float cosine)
        {
            if (cosines[i] < cosine) {
                cosines[i] = cosine;
                labels[i] = static_cast<std::uint32_t>(c);
            }
        }
    };

    static constexpr float unknown = std::numeric_limits<float>::quiet_NaN(); // is never the largest

    // Of each point to each center, from one iteration to the next: a center that stays needs no new ones.
    struct Cosines {
        std::size_t block;                // points to a block, but for the last
        std::vector<float> values;        // the blocks, each (clusters, points of the block), or `unknown`
        std::vector<std::uint32_t> moved; // the centers that are not where they were
    };

    struct Pair {
        std::size_t point, center; // the point counted from the first one of a block
    };

    [[nodiscard]] const float* row(std::size_t i) const { return rows_.data() + i * dim_; }
    [[nodiscard]] numeric::FloatVector zeros() const { return numeric::FloatVector(config_.clusters * dim_, 0.0f); }

    // Chooses centers; each point is assigned on the way, since its cosine to a center that may be the nearest is needed
    // all the same.
    [[nodiscard]] Clustering seed(numeric::RandomStream& stream, const CosineBounds& bounds) const
    {
        Clustering seeds{numeric::FloatVector(config_.clusters * dim_), std::vector<std::uint32_t>(n_),
                         std::vector<float>(n_, -std::numeric_limits<float>::infinity())};
        std::vector<float> cosines(n_), to_seeds(config_.clusters);
        std::vector<double> chances(weights_.begin(), weights_.end());
        std::vector<Pair> needed;
        for (std::size_t c = 0; c < config_.clusters; ++c) {
            const std::size_t chosen = draw(chances, stream);
            k_->gemv(seeds.centers.data(), c, dim_, row(chosen), dim_, to_seeds.data());
            std::copy_n(row(chosen), dim_, seeds.centers.begin() + static_cast<std::ptrdiff_t>(c * dim_));
            needed.clear();
            for (std::size_t i = 0; i < n_; ++i)
                if (c == 0 || !bounds.is_farther(seeds.cosines[i], to_seeds[seeds.labels[i]]))
                    needed.push_back({i, c});
            if (2 * needed.size() > n_) { // bounds leave out too little: in their order, rows are read faster
                k_->gemv(rows_.data(), n_, dim_, row(chosen), dim_, cosines.data());
                for (const Pair& pair : needed)
                    seeds.compare(pair.point, c, cosines[pair.point]);
            } else {
                each_cosine(needed, 0, seeds.centers,
                            [&](const Pair& pair, float cosine) { seeds.compare(pair.point, c, cosine); });
            }
            for (std::size_t i = 0; i < n_; ++i) {
                const double s = static_cast<double>(std::max(seeds.cosines[i], -1.0f));
                chances[i] = weights_[i] * std::max(0.0, 1.0 - s) * (1.0 - config_.diversity * s);
            }
            chances[chosen] = 0.0;
        }
        return seeds;
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

    [[nodiscard]] std::vector<std::uint32_t> every_cluster() const
    {
        std::vector<std::uint32_t> all(config_.clusters);
        std::iota(all.begin(), all.end(), 0u);
        return all;
    }

    // Those that are not the same bits: whatever is computed from the others would be the same bits too.
    [[nodiscard]] std::vector<std::uint32_t> moved_clusters(const numeric::FloatVector& before,
                                                            const numeric::FloatVector& after) const
    {
        std::vector<std::uint32_t> moved;
        for (std::uint32_t c = 0; c < config_.clusters; ++c)
            if (std::memcmp(before.data() + c * dim_, after.data() + c * dim_, dim_ * sizeof(float)) != 0)
                moved.push_back(c);
        return moved;
    }

    // Labels and cosines for the centers. The labels that are there are where each point begins: what is certainly
    // farther than that center is not compared. Unless sums is empty, it gains the rows of each cluster, in their order:
    // while they are still in the cache from the assignment.
    void assign(Clustering& clusters, const CosineBounds& bounds, Cosines& cosines, numeric::FloatVector& sums) const
    {
        const std::size_t n_clusters = config_.clusters, n_moved = cosines.moved.size();
        std::vector<float> between(n_clusters * n_clusters); // cosines of centers
        k_->gemm(clusters.centers.data(), n_clusters, dim_, clusters.centers.data(), n_clusters, dim_, dim_,
                 between.data());
        numeric::FloatVector moved(n_moved * dim_);
        for (std::size_t j = 0; j < n_moved; ++j)
            std::copy_n(clusters.centers.data() + cosines.moved[j] * dim_, dim_, moved.data() + j * dim_);
        std::vector<float> fresh(n_moved * cosines.block);
        std::vector<Pair> needed;
        bool at_once = false; // bounds leave out too little: all products of a block take less than half of them one by one
        for (std::size_t begin = 0; begin < n_; begin += cosines.block) {
            const std::size_t count = std::min(cosines.block, n_ - begin);
            float* values = cosines.values.data() + begin * n_clusters;
            const auto compare_moved = [&] {
                k_->gemm(row(begin), count, dim_, moved.data(), n_moved, dim_, dim_, fresh.data());
                for (std::size_t j = 0; j < n_moved; ++j)
                    std::copy_n(fresh.data() + j * count, count, values + cosines.moved[j] * count);
            };
            for (const std::size_t c : cosines.moved)
                std::fill_n(values + c * count, count, unknown);
            if (at_once)
                compare_moved();
            find_needed(clusters, bounds, between, begin, count, values, needed);
            if (!at_once && 2 * needed.size() > n_moved * count) {
                compare_moved();
                at_once = true;
            }
            std::erase_if(needed, [&](const Pair& pair) { return !std::isnan(values[pair.center * count + pair.point]); });
            const auto keep = [&](const Pair& pair, float cosine) { values[pair.center * count + pair.point] = cosine; };
            each_cosine(needed, begin, clusters.centers, keep);
            for (std::size_t c = 0; c < n_clusters; ++c)
                for (std::size_t i = 0; i < count; ++i)
                    clusters.compare(begin + i, c, values[c * count + i]);
            if (!sums.empty())
                add_members(clusters.labels, begin, begin + count, sums);
        }
    }

    // Points of a block and centers of which the cosine is unknown and may be the point's largest; that to the center
    // where a point begins is computed.
    void find_needed(const Clustering& clusters, const CosineBounds& bounds, const std::vector<float>& between,
                     std::size_t begin, std::size_t count, float* values, std::vector<Pair>& needed) const
    {
        needed.clear();
        for (std::size_t i = 0; i < count; ++i)
            if (const std::size_t own = clusters.labels[begin + i]; std::isnan(values[own * count + i]))
                needed.push_back({i, own});
        each_cosine(needed, begin, clusters.centers,
                    [&](const Pair& pair, float cosine) { values[pair.center * count + pair.point] = cosine; });
        needed.clear();
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t own = clusters.labels[begin + i];
            const float cosine = values[own * count + i];
            for (std::size_t c = 0; c < config_.clusters; ++c)
                if (std::isnan(values[c * count + i]) &&
                    !bounds.is_farther(cosine, between[own * config_.clusters + c]))
                    needed.push_back({i, c});
        }
    }

    // use(pair, cosine) for each pair of a point, counted from `begin`, and a center (dim,) of `centers`: several at once.
    template <class Use>
    void each_cosine(std::span<const Pair> pairs, std::size_t begin, const numeric::FloatVector& centers, Use use) const
    {
        constexpr std::size_t together = 16;
        const float *points[together], *their_centers[together];
        float cosines[together];
        for (; !pairs.empty(); pairs = pairs.subspan(std::min(together, pairs.size()))) {
            const std::size_t n = std::min(together, pairs.size());
            for (std::size_t p = 0; p < n; ++p) {
                points[p] = row(begin + pairs[p].point);
                their_centers[p] = centers.data() + pairs[p].center * dim_;
            }
            k_->dot_pairs(points, their_centers, n, dim_, cosines);
            for (std::size_t p = 0; p < n; ++p)
                use(pairs[p], cosines[p]);
        }
    }

    // Rows that stay in the second level beside the centers and their sums.
    [[nodiscard]] std::size_t rows_per_block() const
    {
        constexpr std::size_t floats = (std::size_t{1} << 18) / sizeof(float), group = 4;
        return std::max(2 * group, floats / dim_ / group * group);
    }

    void add_members(const std::vector<std::uint32_t>& labels, std::size_t begin, std::size_t end,
                     numeric::FloatVector& sums) const
    {
        for (std::size_t i = begin; i < end; ++i)
            k_->axpy(1.0f, row(i), sums.data() + labels[i] * dim_, dim_);
    }

    [[nodiscard]] numeric::FloatVector sums_of(const Clustering& clusters) const
    {
        numeric::FloatVector sums = zeros();
        add_members(clusters.labels, 0, n_, sums);
        return sums;
    }

    // Normalised means of the members. A cluster without members moves to the point that its centre serves worst.
    [[nodiscard]] numeric::FloatVector centers_from(numeric::FloatVector sums, const Clustering& old) const
    {
        std::vector<bool> taken(n_, false);
        for (std::size_t c = 0; c < config_.clusters; ++c) {
            float* center = sums.data() + c * dim_;
            const float norm = std::sqrt(k_->squared_norm(center, dim_));
            if (norm > 0.0f)
                k_->scale(1.0f / norm, center, dim_);
            else
                std::copy_n(row(worst_served(old.cosines, taken)), dim_, center);
        }
        return sums;
    }

    [[nodiscard]] std::size_t worst_served(const std::vector<float>& cosines, std::vector<bool>& taken) const
    {
        std::size_t worst = 0;
        float lowest = std::numeric_limits<float>::infinity();
        for (std::size_t i = 0; i < n_; ++i) {
            if (!taken[i] && cosines[i] < lowest) {
                lowest = cosines[i];
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
