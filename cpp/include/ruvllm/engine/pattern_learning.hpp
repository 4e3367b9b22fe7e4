// How a pattern bank is made: good trajectories are clustered by their queries, and each cluster becomes a pattern.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "ruvllm/components/pattern_bank.hpp"
#include "ruvllm/components/spherical_kmeans.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/numeric/random.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

// Queries of good trajectories, with the quality and type of each. Memory is kept from one epoch to the next.
class PatternMaterial {
public:
    explicit PatternMaterial(std::size_t dim) : dim_(dim) {}

    // n trajectories whose queries (dim,), qualities and types are to be written.
    void resize(std::size_t n)
    {
        queries_.resize(n * dim_);
        qualities_.resize(n);
        types_.resize(n);
    }

    void set(std::size_t i, double quality, std::uint8_t type)
    {
        qualities_[i] = quality;
        types_[i] = type;
    }
    [[nodiscard]] float* query(std::size_t i) noexcept { return queries_.data() + i * dim_; }

    [[nodiscard]] std::size_t size() const noexcept { return qualities_.size(); }
    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
    [[nodiscard]] const numeric::FloatVector& queries() const noexcept { return queries_; } // (size, dim)
    [[nodiscard]] const std::vector<double>& qualities() const noexcept { return qualities_; }
    [[nodiscard]] std::uint8_t type(std::size_t i) const noexcept { return types_[i]; }

private:
    std::size_t dim_;
    numeric::FloatVector queries_;
    std::vector<double> qualities_;
    std::vector<std::uint8_t> types_;
};

// Puts at most `clusters` patterns into the bank in place of the old ones: a cluster's centre, the direction of its
// solutions, its mean quality and commonest type. add_solution(i, sum) adds the solution of trajectory i to sum (dim,).
// Returns the members of each, by their number in the material.
template <class AddSolution>
std::vector<std::vector<std::size_t>> cluster_into_bank(const simd::KernelTable& k, const PatternMaterial& material,
                                                        std::size_t clusters, numeric::RandomStream& stream,
                                                        PatternBank& bank, AddSolution add_solution)
{
    const std::size_t dim = material.dim();
    const KMeansResult found = SphericalKMeans(k, {clusters}, material.queries(), dim, material.qualities()).fit(stream);
    const std::size_t n = std::min(found.centers.size() / dim, bank.capacity());
    std::vector<std::vector<std::size_t>> members(n);
    for (std::size_t i = 0; i < material.size(); ++i)
        if (found.labels[i] < n)
            members[found.labels[i]].push_back(i);

    bank.clear();
    std::vector<std::vector<std::size_t>> kept;
    for (std::size_t cluster = 0; cluster < n; ++cluster) {
        numeric::FloatVector solution(dim, 0.0f);
        std::vector<std::size_t> votes(1u + UINT8_MAX, 0);
        double quality = 0.0;
        for (const std::size_t i : members[cluster]) {
            add_solution(i, solution.data());
            ++votes[material.type(i)];
            quality += material.qualities()[i];
        }
        const float norm = std::sqrt(k.squared_norm(solution.data(), dim));
        if (!(norm > 0.0f)) // no member, or solutions that cancel out
            continue;
        k.scale(1.0f / norm, solution.data(), dim);
        const auto type = std::max_element(votes.begin(), votes.end()) - votes.begin();
        bank.add(found.centers.data() + cluster * dim, solution.data(),
                 quality / static_cast<double>(members[cluster].size()), static_cast<std::uint8_t>(type));
        kept.push_back(std::move(members[cluster]));
    }
    return kept;
}

} // namespace ruvllm
