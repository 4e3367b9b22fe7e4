// Rows to be clustered, and how.
#pragma once

#include <cstdint>
#include <vector>

#include "ruvllm/components/spherical_kmeans.hpp"

namespace ruvllm::testing {

struct KMeansData {
    std::size_t dim;
    numeric::FloatVector rows;
    std::vector<double> weights;

    [[nodiscard]] std::size_t n() const { return weights.size(); }
    [[nodiscard]] const float* row(std::size_t i) const { return rows.data() + i * dim; }
    void add(const std::vector<float>& row, double weight = 1.0)
    {
        rows.insert(rows.end(), row.begin(), row.end());
        weights.push_back(weight);
    }
    [[nodiscard]] KMeansResult fit(const simd::KernelTable& kernels, const KMeansConfig& config,
                                   std::uint64_t seed) const
    {
        numeric::RandomStream stream(seed, numeric::Purpose::patterns);
        return SphericalKMeans(kernels, config, rows, dim, weights).fit(stream);
    }
};

} // namespace ruvllm::testing
