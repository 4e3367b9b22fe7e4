// k-means++ with the diversity bonus draws its seeds with the stated probabilities.
#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "counts.hpp"
#include "kmeans_data.hpp"
#include "naive_adapter.hpp"
#include "ruvllm/simd/dispatch.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

// With no iterations the centers are the seeds.
std::vector<std::size_t> seeds_of(const KMeansData& data, double diversity, numeric::RandomStream& stream)
{
    const auto result = SphericalKMeans(simd::default_kernels(), {3, 0, diversity}, data.rows, data.dim, data.weights)
                            .fit(stream);
    std::vector<std::size_t> chosen;
    for (std::size_t c = 0; c < 3; ++c)
        for (std::size_t i = 0; i < data.n(); ++i)
            if (std::equal(data.row(i), data.row(i) + data.dim, result.centers.data() + c * data.dim))
                chosen.push_back(i);
    return chosen;
}

// weight (1 - s)(1 - diversity s), s the largest cosine to what is chosen; and what is chosen is not chosen again.
std::vector<double> chances(const KMeansData& data, double diversity, const std::vector<std::size_t>& chosen)
{
    std::vector<double> out;
    double total = 0.0;
    for (std::size_t i = 0; i < data.n(); ++i) {
        double s = -1.0;
        for (const std::size_t c : chosen)
            s = std::max(s, naive::dot(to_doubles(data.row(i), data.dim), to_doubles(data.row(c), data.dim)));
        double chance = data.weights[i];
        if (!chosen.empty())
            chance *= (1.0 - s) * (1.0 - diversity * s);
        if (std::find(chosen.begin(), chosen.end(), i) != chosen.end())
            chance = 0.0;
        total += out.emplace_back(chance);
    }
    for (double& chance : out)
        chance /= total;
    return out;
}

TEST(KMeansSeeding, DrawsTriplesWithTheStatedProbabilities)
{
    KMeansData data{2, {}, {}};
    data.add({1.0f, 0.0f}, 1.0);
    data.add({0.6f, 0.8f}, 2.0);
    data.add({0.0f, 1.0f}, 0.5);
    data.add({-0.8f, -0.6f}, 0.25);
    data.add({0.8f, -0.6f}, 0.0); // never the seed
    for (const double diversity : {0.0, 0.5}) {
        std::vector<std::size_t> counts(125);
        std::vector<double> expected(125);
        for (std::size_t i = 0; i < 5; ++i)
            for (std::size_t j = 0; j < 5; ++j)
                for (std::size_t k = 0; k < 5; ++k) {
                    const double first = chances(data, diversity, {})[i];
                    const double second = first > 0.0 ? chances(data, diversity, {i})[j] : 0.0;
                    const double third = second > 0.0 ? chances(data, diversity, {i, j})[k] : 0.0;
                    expected[25 * i + 5 * j + k] = first * second * third;
                }
        numeric::RandomStream stream(4, numeric::Purpose::patterns);
        for (int draw = 0; draw < 50'000; ++draw) {
            const auto chosen = seeds_of(data, diversity, stream);
            ASSERT_EQ(chosen.size(), 3u);
            ++counts[25 * chosen[0] + 5 * chosen[1] + chosen[2]];
        }
        expect_counts(counts, expected);
    }
}

// Labels come with the seeding: of equal cosines the first center wins, and a cosine below -1 is one all the same.
TEST(KMeansSeeding, AssignsEachPointToTheFirstOfItsNearestSeeds)
{
    const auto& kernels = simd::default_kernels();
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        KMeansData data{2, {}, {}};
        const float more = 1.0000001f; // (-more) more < -1 in float
        for (const auto& row : {std::vector{1.0f, 0.0f}, {-more, 0.0f}, {more, 0.0f}, {0.0f, 1.0f}, {0.0f, -1.0f}})
            for (int copies = 0; copies < 2; ++copies)
                data.add(row);
        const std::size_t clusters = 1 + seed % 6;
        const auto result = data.fit(kernels, {clusters, 0}, seed);
        double inertia = 0.0;
        for (std::size_t i = 0; i < data.n(); ++i) {
            std::vector<float> cosines;
            for (std::size_t c = 0; c < clusters; ++c)
                cosines.push_back(kernels.dot(result.centers.data() + 2 * c, data.row(i), 2));
            const auto best = std::ranges::max_element(cosines); // the first of equal ones
            ASSERT_EQ(result.labels[i], static_cast<std::size_t>(best - cosines.begin()))
                << "seed " << seed << ", row " << i;
            inertia += 1.0 - static_cast<double>(*best);
        }
        ASSERT_EQ(result.inertia, std::vector<double>{inertia});
    }
}

TEST(KMeansSeeding, WithoutWeightsStartsAnywhere)
{
    KMeansData data{2, {}, {}};
    data.add({1.0f, 0.0f}, 0.0);
    data.add({0.0f, 1.0f}, 0.0);
    data.add({-1.0f, 0.0f}, 0.0);
    std::vector<std::size_t> counts(3);
    numeric::RandomStream stream(5, numeric::Purpose::patterns);
    for (int draw = 0; draw < 20'000; ++draw) {
        const auto result =
            SphericalKMeans(simd::default_kernels(), {1, 0}, data.rows, data.dim, data.weights).fit(stream);
        for (std::size_t i = 0; i < 3; ++i)
            counts[i] += std::equal(data.row(i), data.row(i) + 2, result.centers.begin()) ? 1 : 0;
    }
    expect_uniform(counts);
}

} // namespace
