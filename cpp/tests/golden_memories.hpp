// Golden digests of what remembers: clusters, patterns, contrastive memory, prioritized replay, learned weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "golden_section.hpp"
#include "ruvllm/components/block_adapter.hpp"
#include "ruvllm/components/contrastive_memory.hpp"
#include "ruvllm/components/episodic_memory.hpp"
#include "ruvllm/components/listwise_weights.hpp"
#include "ruvllm/components/pattern_bank.hpp"
#include "ruvllm/components/prioritized_replay.hpp"
#include "ruvllm/components/spherical_kmeans.hpp"
#include "ruvllm/numeric/random.hpp"

namespace ruvllm::golden {

inline void spherical_kmeans(const simd::KernelTable& kernels, Digest& digest)
{
    for (const std::size_t dim : {64u, 100u, 1536u})
        for (const std::size_t clusters : {1u, 7u, 20u}) {
            testing::Random random(dim + clusters);
            const std::size_t n = 90;
            const std::vector<float> rows = unit_rows(random, n, dim);
            numeric::FloatVector aligned(rows.begin(), rows.end());
            for (std::size_t i = 0; i < dim; ++i) // some points are one point
                aligned[3 * dim + i] = aligned[40 * dim + i] = aligned[i];
            std::vector<double> weights;
            for (std::size_t i = 0; i < n; ++i)
                weights.push_back(0.5 + 0.5 * static_cast<double>(random.value()));
            numeric::RandomStream stream(clusters, numeric::Purpose::patterns);
            const KMeansResult result =
                SphericalKMeans(kernels, {clusters, 5, 0.5}, aligned, dim, weights).fit(stream);
            digest.add(result.centers);
            digest.add(result.labels);
            digest.add(result.inertia);
        }
}

// What the bank says about candidates near its patterns.
inline void pattern_bank(const simd::KernelTable& kernels, Digest& digest)
{
    constexpr std::size_t dim = 100, n_candidates = 8;
    testing::Random random(11);
    PatternBank bank(kernels, {150, 5, 0.05f, 1.2f, 0.2 / 0.07}, dim);
    for (std::size_t i = 0; i < 70; ++i) {
        // one after another: compilers evaluate the arguments of a call in different orders
        const std::vector<float> query = testing::random_unit(random, dim);
        const std::vector<float> solution = testing::random_unit(random, dim);
        const auto quality = static_cast<double>(random.value());
        bank.add(query.data(), solution.data(), quality, static_cast<std::uint8_t>(i % 4));
    }
    for (std::size_t i = 0; i < 30; ++i) {
        const auto type = static_cast<std::uint8_t>(i % 4);
        const std::vector<float> query = testing::random_unit(random, dim);
        const std::vector<float> candidates = unit_rows(random, n_candidates, dim);
        std::vector<double> logits(n_candidates, 0.5);
        digest.add(bank.add_evidence(query.data(), type, candidates.data(), logits));
        digest.add(logits);
        for (const PatternMatch& match : bank.match(query.data(), type)) {
            digest.add(match.pattern);
            digest.add(match.similarity);
            digest.add(match.weight);
        }
    }
    digest.add(bank.best(20));
}

// More solutions than there is room for; candidates are copies of some of them with noise on top, so that sketches
// agree and cosines fall on both sides of the threshold.
inline void contrastive_memory(const simd::KernelTable& kernels, Digest& digest)
{
    constexpr std::size_t dim = 1536, n_candidates = 8;
    testing::Random random(12);
    ContrastiveMemory memory(kernels, {40, 24, 4, 8, 0.7f, 0.1 / 0.07}, dim);
    const std::vector<float> solutions = unit_rows(random, 60, dim);
    for (std::size_t i = 0; i < 60; ++i) {
        memory.add_positive(solutions.data() + i * dim, i % 4);
        memory.add_negative(solutions.data() + (59 - i) * dim, i % 4);
    }
    for (std::size_t task = 0; task < 20; ++task) {
        std::vector<float> candidates = unit_rows(random, n_candidates, dim);
        for (std::size_t j = 0; j < n_candidates; ++j)
            kernels.axpy(0.3f * static_cast<float>(j), solutions.data() + (7 * task + j) % 60 * dim,
                         candidates.data() + j * dim, dim);
        std::vector<double> logits(n_candidates, 0.0);
        digest.add(memory.add_boost(task % 4, candidates.data(), logits));
        digest.add(logits);
        numeric::RandomStream stream(3, numeric::Purpose::memory_negatives, task);
        for (const float* negative : memory.sample_negatives(task % 4, stream))
            digest.add(kernels.dot(negative, candidates.data(), dim));
    }
    digest.add(memory.positive_count());
    digest.add(memory.negative_count());
}

// No kernel takes part, but exp, log and sums in double do: a matter of compilers and their flags.
inline void prioritized_replay(const simd::KernelTable&, Digest& digest)
{
    testing::Random random(13);
    PrioritizedReplay replay({1000, 0.6, 0.4, 0.001, 0.01});
    for (std::size_t i = 0; i < 700; ++i)
        replay.add(static_cast<double>(random.value()));
    numeric::RandomStream stream(5, numeric::Purpose::replay);
    for (std::size_t batch = 0; batch < 20; ++batch) {
        for (const ReplaySample& sample : replay.sample(64, stream)) {
            digest.add(sample.item);
            digest.add(sample.probability);
            digest.add(sample.weight);
            replay.update_priority(sample.item, 2.0 * static_cast<double>(random.value()));
        }
        digest.add(replay.beta());
    }
    for (std::size_t i = 0; i < replay.size(); ++i)
        digest.add(replay.priority(i));
}

// A block adapter that learns from batches, and a memory that is full.
inline void associations(const simd::KernelTable& kernels, Digest& digest)
{
    constexpr std::size_t dim = 100, n = 8, m = 12;
    testing::Random random(14);
    BlockAdapter adapter(dim, 32);
    EpisodicMemory memory(kernels, {20, 4, 0.5f}, dim);
    std::vector<float> g(n * dim);
    for (std::size_t batch = 0; batch < 6; ++batch) {
        const std::vector<float> queries = unit_rows(random, n, dim), solutions = unit_rows(random, m, dim);
        std::vector<float> z = queries;
        adapter.add_output(kernels, queries.data(), n, z.data());
        digest.add(batch_info_nce(kernels, {queries, solutions, dim, 0.07}, z.data(), g.data()));
        adapter.step(kernels, queries.data(), g.data(), n, 0.01f);
        for (std::size_t i = 0; i < n; ++i) {
            memory.add_recalled(queries.data() + i * dim, z.data() + i * dim);
            memory.add(queries.data() + i * dim, solutions.data() + i * dim);
        }
        digest.add(z);
    }
    digest.add(std::vector<float>(adapter.weights().begin(), adapter.weights().end()));
}

// The same on every instruction set by construction; the digest holds compilers to it.
inline void listwise_weights(const simd::KernelTable&, Digest& digest)
{
    testing::Random random(15);
    constexpr std::size_t columns = 9;
    std::vector<double> features, prior(columns, 0.25);
    std::vector<std::int64_t> sizes, right;
    for (std::int64_t i = 0; i < 60; ++i) {
        sizes.push_back(1 + i % 13);
        right.push_back(sizes.back() / 2);
        for (std::size_t j = 0; j < columns * static_cast<std::size_t>(sizes.back()); ++j)
            features.push_back(static_cast<double>(random.value()));
    }
    const components::CandidateLists lists{features, columns, sizes, right};
    for (const double penalty : {0.001, 1.0, 50.0}) {
        const std::vector<double> found = components::fit_listwise_weights(lists, prior, penalty);
        digest.add(found);
        digest.add(components::listwise_loss(lists, found));
    }
}

[[nodiscard]] inline std::vector<Section> memory_sections()
{
    return {{"spherical_kmeans", spherical_kmeans},
            {"pattern_bank", pattern_bank},
            {"contrastive_memory", contrastive_memory},
            {"associations", associations},
            {"listwise_weights", listwise_weights},
            {"prioritized_replay", prioritized_replay}};
}

} // namespace ruvllm::golden
