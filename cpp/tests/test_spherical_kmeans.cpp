#include "ruvllm/components/spherical_kmeans.hpp"

#include <algorithm>
#include <cmath>

#include "every_isa.hpp"
#include "kmeans_data.hpp"
#include "naive_adapter.hpp"
#include "ruvllm/simd/dispatch.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

// Random unit rows around a few directions, with some rows twice.
KMeansData clustered_data(std::uint64_t seed, std::size_t n, std::size_t dim)
{
    Random random(seed);
    KMeansData data{dim, {}, {}};
    std::vector<std::vector<float>> rows;
    for (std::size_t i = 0; i < n; ++i) {
        if (i % 5 == 4)
            rows.push_back(rows[random.word() % rows.size()]);
        else if (i % 3 != 0 && !rows.empty()) {
            auto near = random_unit(random, dim);
            const auto& other = rows[random.word() % rows.size()];
            double squares = 0.0;
            for (std::size_t j = 0; j < dim; ++j) {
                near[j] = 0.5f * near[j] + other[j];
                squares += static_cast<double>(near[j]) * static_cast<double>(near[j]);
            }
            for (float& v : near)
                v = static_cast<float>(static_cast<double>(v) / std::sqrt(squares));
            rows.push_back(near);
        } else
            rows.push_back(random_unit(random, dim));
        data.add(rows.back(), std::fabs(static_cast<double>(random.value())));
    }
    return data;
}

double cosine_to_center(const KMeansData& data, const KMeansResult& result, std::size_t i, std::size_t c)
{
    return naive::dot(to_doubles(data.row(i), data.dim), to_doubles(result.centers.data() + c * data.dim, data.dim));
}

// What each result promises.
void expect_valid(const KMeansData& data, const KMeansResult& result, std::size_t clusters)
{
    ASSERT_EQ(result.centers.size(), clusters * data.dim);
    ASSERT_EQ(result.labels.size(), data.n());
    for (std::size_t c = 0; c < clusters; ++c) {
        const Doubles center = to_doubles(result.centers.data() + c * data.dim, data.dim);
        ASSERT_NEAR(naive::dot(center, center), 1.0, 1e-5) << "center " << c;
    }
    double inertia = 0.0;
    for (std::size_t i = 0; i < data.n(); ++i) {
        ASSERT_LT(result.labels[i], clusters);
        const double own = cosine_to_center(data, result, i, result.labels[i]);
        for (std::size_t c = 0; c < clusters; ++c)
            ASSERT_GE(own, cosine_to_center(data, result, i, c) - 1e-6) << "row " << i << " is nearer to center " << c;
        inertia += 1.0 - own;
    }
    ASSERT_FALSE(result.inertia.empty());
    ASSERT_NEAR(result.inertia.back(), inertia, 1e-5 * (1.0 + inertia));
    for (std::size_t i = 1; i < result.inertia.size(); ++i)
        ASSERT_LE(result.inertia[i], result.inertia[i - 1]) << "iteration " << i;
}

bool same(const KMeansResult& a, const KMeansResult& b)
{
    return a.centers == b.centers && a.labels == b.labels && a.inertia == b.inertia;
}

class KMeans : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(KMeans);

TEST_P(KMeans, InertiaNeverRisesOnManyDataSets)
{
    for (std::uint64_t seed = 0; seed < 40; ++seed)
        for (const std::size_t clusters : {1u, 2u, 5u, 20u}) {
            SCOPED_TRACE("seed " + std::to_string(seed) + ", clusters " + std::to_string(clusters));
            const KMeansData data = clustered_data(seed, 30, seed % 2 == 0 ? 3 : 37);
            expect_valid(data, data.fit(kernels, {clusters, 20}, seed), clusters);
        }
}

// Means are rounded: here one more iteration would be worse by some units in the last place.
TEST_P(KMeans, InertiaDoesNotRiseThroughRounding)
{
    const KMeansData few = clustered_data(11262, 9, 2), fewer = clustered_data(9672, 5, 2);
    expect_valid(few, few.fit(kernels, {2, 20}, 11262), 2);
    expect_valid(fewer, fewer.fit(kernels, {5, 20}, 9672), 5);
}

TEST_P(KMeans, FewerRowsThanClustersGiveOneClusterEach)
{
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Random random(seed);
        KMeansData data{37, {}, {}};
        for (int i = 0; i < 4; ++i)
            data.add(random_unit(random, 37));
        const auto result = data.fit(kernels, {20}, seed);
        expect_valid(data, result, 4);
        EXPECT_NEAR(result.inertia.back(), 0.0, 1e-5);
        auto labels = result.labels;
        std::ranges::sort(labels);
        EXPECT_EQ(labels, (std::vector<std::uint32_t>{0, 1, 2, 3}));
    }
}

TEST_P(KMeans, IdenticalRowsAreOnePoint)
{
    Random random(1);
    KMeansData data{37, {}, {}};
    const auto row = random_unit(random, 37);
    for (int i = 0; i < 10; ++i)
        data.add(row);
    const auto result = data.fit(kernels, {3}, 1);
    expect_valid(data, result, 3);
    EXPECT_NEAR(result.inertia.back(), 0.0, 1e-5);
}

// Two places, three clusters: one stays without members, and nothing may break.
TEST_P(KMeans, EmptyClustersAreSurvived)
{
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        KMeansData data{2, {}, {}};
        for (int i = 0; i < 4; ++i) {
            data.add({1.0f, 0.0f});
            data.add({0.0f, 1.0f});
        }
        const auto result = data.fit(kernels, {3}, seed);
        expect_valid(data, result, 3);
        EXPECT_EQ(result.inertia.back(), 0.0);
    }
}

// x and -x have no mean direction.
TEST_P(KMeans, OppositeRowsInOneClusterAreSurvived)
{
    KMeansData data{2, {}, {}};
    data.add({1.0f, 0.0f});
    data.add({-1.0f, 0.0f});
    expect_valid(data, data.fit(kernels, {1}, 1), 1);
}

// What fit() keeps, reuses and fuses, written out: one kernel call for each cosine and each member.
class PlainKMeans {
public:
    PlainKMeans(const simd::KernelTable& k, const KMeansData& d, const KMeansResult& seeds) : k_(k), d_(d)
    {
        result = seeds;
        result.inertia = {assign(result)};
    }

    // One iteration; false when it changes nothing or is no better.
    bool step()
    {
        KMeansResult next = result;
        std::ranges::fill(next.centers, 0.0f);
        for (std::size_t i = 0; i < d_.n(); ++i)
            k_.axpy(1.0f, d_.row(i), next.centers.data() + result.labels[i] * d_.dim, d_.dim);
        std::vector<bool> taken(d_.n());
        for (std::size_t c = 0; c < next.centers.size() / d_.dim; ++c) {
            float* center = next.centers.data() + c * d_.dim;
            const float norm = std::sqrt(k_.squared_norm(center, d_.dim));
            if (norm > 0.0f)
                k_.scale(1.0f / norm, center, d_.dim);
            else
                std::copy_n(d_.row(worst(taken)), d_.dim, center);
        }
        const double inertia = assign(next);
        if (!(inertia < result.inertia.back()))
            return false;
        next.inertia.push_back(inertia);
        std::swap(result, next);
        return result.labels != next.labels;
    }

    KMeansResult result;

private:
    double assign(KMeansResult& r) const
    {
        double inertia = 0.0;
        for (std::size_t i = 0; i < d_.n(); ++i) {
            float best = 0.0f;
            for (std::size_t c = 0; c < r.centers.size() / d_.dim; ++c) {
                const float cosine = k_.dot(r.centers.data() + c * d_.dim, d_.row(i), d_.dim);
                if (c == 0 || best < cosine) {
                    best = cosine;
                    r.labels[i] = static_cast<std::uint32_t>(c);
                }
            }
            inertia += 1.0 - static_cast<double>(best);
        }
        return inertia;
    }

    std::size_t worst(std::vector<bool>& taken) const
    {
        std::size_t worst = 0;
        float lowest = 2.0f;
        for (std::size_t i = 0; i < d_.n(); ++i) {
            const float cosine = k_.dot(d_.row(i), result.centers.data() + result.labels[i] * d_.dim, d_.dim);
            if (!taken[i] && cosine < lowest) {
                lowest = cosine;
                worst = i;
            }
        }
        taken[worst] = true;
        return worst;
    }

    const simd::KernelTable& k_;
    const KMeansData& d_;
};

TEST_P(KMeans, HasTheBitsOfThePlainAlgorithm)
{
    std::size_t iterations = 0;
    for (std::uint64_t seed = 0; seed < 12; ++seed)
        for (const std::size_t n : {7u, 40u, 333u}) { // 333 rows of 290 are more than one block of assign()
            const std::size_t dim = n == 333 ? 290 : seed % 2 == 0 ? 3 : 37;
            SCOPED_TRACE("seed " + std::to_string(seed) + ", rows " + std::to_string(n));
            const KMeansData data = clustered_data(seed, n, dim);
            PlainKMeans plain(kernels, data, data.fit(kernels, {6, 0}, seed));
            for (std::size_t more = 1; more <= 12; ++more) {
                const bool moved = plain.step();
                const KMeansResult result = data.fit(kernels, {6, more}, seed);
                ASSERT_TRUE(same(result, plain.result)) << more << " iterations";
                iterations += moved ? 1 : 0;
                if (!moved)
                    break;
            }
        }
    EXPECT_GT(iterations, 60u); // else the data would be too easy to say much
}

TEST_P(KMeans, FindsClearClusters)
{
    Random random(2);
    KMeansData data{48, {}, {}};
    std::vector<std::vector<float>> directions;
    for (int c = 0; c < 4; ++c)
        directions.push_back(random_unit(random, 48));
    for (std::size_t i = 0; i < 80; ++i) {
        std::vector<float> row(48);
        const auto noise = random_unit(random, 48);
        for (std::size_t j = 0; j < 48; ++j)
            row[j] = directions[i % 4][j] + 0.1f * noise[j];
        const double length = std::sqrt(naive::dot(to_doubles(row), to_doubles(row)));
        for (float& v : row)
            v = static_cast<float>(static_cast<double>(v) / length);
        data.add(row);
    }
    const auto result = data.fit(kernels, {4}, 3);
    for (std::size_t i = 4; i < 80; ++i)
        EXPECT_EQ(result.labels[i], result.labels[i % 4]) << i;
    EXPECT_LT(result.inertia.back(), 80 * 0.006);
}

TEST_P(KMeans, SameStreamSameBitsOnEveryIsa)
{
    const auto& scalar = simd::kernels_for(simd::Isa::scalar);
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        const KMeansData data = clustered_data(seed, 60, 37);
        const auto result = data.fit(kernels, {7}, seed);
        EXPECT_TRUE(same(result, data.fit(kernels, {7}, seed)));
        EXPECT_TRUE(same(result, data.fit(scalar, {7}, seed)));
    }
}

TEST(KMeansErrors, RefusesNothing)
{
    const std::vector<float> rows(6, 1.0f);
    const std::vector<double> weights(3, 1.0);
    const auto& kernels = simd::default_kernels();
    EXPECT_NO_THROW(SphericalKMeans(kernels, {1}, rows, 2, weights));
    EXPECT_THROW(SphericalKMeans(kernels, {0}, rows, 2, weights), std::invalid_argument);
    EXPECT_THROW(SphericalKMeans(kernels, {1}, rows, 3, weights), std::invalid_argument);
    EXPECT_THROW(SphericalKMeans(kernels, {1}, {}, 0, weights), std::invalid_argument);
    EXPECT_THROW(SphericalKMeans(kernels, {1}, {}, 2, {}), std::invalid_argument);
}

} // namespace
