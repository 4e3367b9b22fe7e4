// A whole k-means to be timed: seeding and iterations, on rows without any structure to find.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "ruvllm/components/spherical_kmeans.hpp"
#include "ruvllm/measure/kernels.hpp"
#include "ruvllm/measure/naive.hpp"
#include "ruvllm/measure/timing.hpp"

namespace ruvllm::measure {

// Spherical k-means in double, with the random draws of the core. It knows no cluster without members, and random rows
// of a dimension above their number give none.
class NaiveKMeans {
public:
    NaiveKMeans(std::span<const float> rows, std::size_t dim, const KMeansConfig& config, numeric::RandomStream stream)
    {
        for (std::size_t at = 0; at < rows.size(); at += dim)
            rows_.push_back(to_doubles(rows.subspan(at, dim)));
        seed(config, stream);
        inertia = assign();
        for (std::size_t i = 0; i < config.max_iterations; ++i) {
            const auto [old_centers, old_labels, old_inertia] = std::tuple(centers, labels, inertia);
            update();
            inertia = assign();
            if (!(inertia < old_inertia)) {
                centers = old_centers;
                labels = old_labels;
                inertia = old_inertia;
                break;
            }
            if (labels == old_labels)
                break;
        }
    }

    std::vector<Doubles> centers;
    std::vector<std::uint32_t> labels;
    double inertia = 0.0;

private:
    // Each next center with probability proportional to (1 - s) (1 - diversity s), s the nearest center's cosine.
    void seed(const KMeansConfig& config, numeric::RandomStream& stream)
    {
        Doubles chances(rows_.size(), 1.0), nearest(rows_.size(), -1.0);
        while (centers.size() < config.clusters) {
            double total = 0.0, target = 0.0;
            for (const double chance : chances)
                total += chance;
            target = stream.uniform() * total;
            std::size_t chosen = 0;
            while (chosen + 1 < rows_.size() && target >= chances[chosen])
                target -= chances[chosen++];
            centers.push_back(rows_[chosen]);
            for (std::size_t i = 0; i < rows_.size(); ++i) {
                nearest[i] = std::max(nearest[i], naive_dot(rows_[i], rows_[chosen]));
                chances[i] = std::max(0.0, 1.0 - nearest[i]) * (1.0 - config.diversity * nearest[i]);
            }
            chances[chosen] = 0.0;
        }
    }

    double assign()
    {
        double sum = 0.0;
        labels.assign(rows_.size(), 0);
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            double best = -2.0;
            for (std::size_t c = 0; c < centers.size(); ++c) {
                const double cosine = naive_dot(rows_[i], centers[c]);
                if (cosine > best) {
                    best = cosine;
                    labels[i] = static_cast<std::uint32_t>(c);
                }
            }
            sum += 1.0 - best;
        }
        return sum;
    }

    void update()
    {
        for (Doubles& center : centers)
            center.assign(center.size(), 0.0);
        for (std::size_t i = 0; i < rows_.size(); ++i)
            for (std::size_t j = 0; j < rows_[i].size(); ++j)
                centers[labels[i]][j] += rows_[i][j];
        for (Doubles& center : centers) {
            const double norm = std::sqrt(naive_dot(center, center));
            for (double& x : center)
                x /= norm;
        }
    }

    std::vector<Doubles> rows_;
};

// k-means++ and Lloyd iterations on random unit rows (n, dim).
class KMeans {
public:
    KMeans(std::size_t n, std::size_t dim, std::size_t clusters, std::size_t max_iterations)
        : dim_(dim), rows_(unit_rows(n, dim, 0)), weights_(n, 1.0), config_{clusters, max_iterations},
          twin_(rows_, dim, config_, stream())
    {
    }

    [[nodiscard]] Loop on(const simd::KernelTable& k) const
    {
        check(k);
        return loop_of([this, &k] {
            const KMeansResult result = fit(k);
            keep(result.centers.data());
        });
    }

private:
    [[nodiscard]] static numeric::RandomStream stream() { return {0, numeric::Purpose::user, 1}; }

    [[nodiscard]] KMeansResult fit(const simd::KernelTable& k) const
    {
        numeric::RandomStream random = stream();
        return SphericalKMeans(k, config_, rows_, dim_, weights_).fit(random);
    }

    void check(const simd::KernelTable& k) const
    {
        const KMeansResult result = fit(k);
        if (result.labels != twin_.labels)
            throw WrongAnswerError(label("k-means", k) + " is wrong: its clusters are not those of the naive twin");
        const std::string what = label("center of k-means", k);
        for (std::size_t i = 0; i < result.centers.size(); ++i)
            require_near(what, static_cast<double>(result.centers[i]),
                         twin_.centers[i / dim_][i % dim_], 1e-6);
        require_near(label("inertia of k-means", k), result.inertia.back(), twin_.inertia, 1e-6 * twin_.inertia);
    }

    std::size_t dim_;
    numeric::FloatVector rows_;
    std::vector<double> weights_;
    KMeansConfig config_;
    NaiveKMeans twin_;
};

} // namespace ruvllm::measure
