// How a pattern bank is made: good trajectories are clustered by their queries, and each cluster becomes a pattern.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ruvllm/components/pattern_bank.hpp"
#include "ruvllm/components/spherical_kmeans.hpp"
#include "ruvllm/engine/pattern_material.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/numeric/random.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

// For each pattern the positions, in the trajectory buffer, of what it was made of.
using PatternMembers = std::vector<std::vector<std::size_t>>;

// There are `patterns` patterns and `trajectories` trajectories.
template <class Members, class Archive>
void archive_members(Members& groups, Archive& archive, std::size_t patterns, std::size_t trajectories)
{
    std::vector<std::uint64_t> sizes, members;
    for (const auto& group : groups) {
        sizes.push_back(group.size());
        members.insert(members.end(), group.begin(), group.end());
    }
    archive.list("patterns.memberCounts", sizes);
    archive.list("patterns.members", members);
    if constexpr (Archive::reading) {
        archive.require(sizes.empty() || sizes.size() == patterns,
                        "patterns.memberCounts must have one count for each pattern");
        groups.clear();
        std::size_t next = 0;
        for (const std::uint64_t size : sizes) {
            archive.require(size > 0 && size <= members.size() - next,
                            "patterns.memberCounts must add up to the members");
            groups.emplace_back(members.begin() + static_cast<std::ptrdiff_t>(next),
                                members.begin() + static_cast<std::ptrdiff_t>(next + size));
            next += size;
        }
        archive.require(next == members.size(), "patterns.memberCounts must add up to the members");
        for (const std::uint64_t member : members)
            archive.require(member < trajectories, "a pattern's member must be a trajectory, not " +
                                                       std::to_string(member));
    }
}

// Puts at most `clusters` patterns into the bank in place of the old ones: a cluster's centre, the direction of its
// solutions, its mean quality and commonest type. add_solution(i, sum) adds the solution of trajectory i to sum (dim,).
// Returns the members of each, by their number in the material.
template <class AddSolution>
PatternMembers cluster_into_bank(const simd::KernelTable& k, const PatternMaterial& material, std::size_t clusters,
                                 numeric::RandomStream& stream, PatternBank& bank, AddSolution add_solution)
{
    const std::size_t dim = material.dim();
    const KMeansResult found = SphericalKMeans(k, {clusters}, material.queries(), dim, material.qualities()).fit(stream);
    const std::size_t n = std::min(found.centers.size() / dim, bank.capacity());
    PatternMembers members(n);
    for (std::size_t i = 0; i < material.size(); ++i)
        if (found.labels[i] < n)
            members[found.labels[i]].push_back(i);

    bank.clear();
    PatternMembers kept;
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
