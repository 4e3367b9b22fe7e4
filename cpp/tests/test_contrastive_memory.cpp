#include "ruvllm/components/contrastive_memory.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "counts.hpp"
#include "every_isa.hpp"
#include "naive_adapter.hpp"
#include "ruvllm/simd/dispatch.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

constexpr double strength = 0.1 / 0.07;

// A dense random direction with normal elements.
std::vector<double> random_direction(numeric::RandomStream& stream, std::size_t dim)
{
    std::vector<double> x(dim);
    for (double& v : x)
        v = stream.normal();
    const double length = std::sqrt(naive::dot(x, x));
    for (double& v : x)
        v /= length;
    return x;
}

std::vector<float> to_floats(const std::vector<double>& x) { return {x.begin(), x.end()}; }

// Two unit vectors with this cosine.
struct Pair {
    Pair(double cosine, std::size_t dim, numeric::RandomStream& stream)
    {
        const auto x = random_direction(stream, dim);
        auto y = random_direction(stream, dim);
        const double along = naive::dot(x, y);
        for (std::size_t i = 0; i < dim; ++i)
            y[i] -= along * x[i];
        const double length = std::sqrt(naive::dot(y, y));
        for (std::size_t i = 0; i < dim; ++i)
            y[i] = cosine * x[i] + std::sqrt(1.0 - cosine * cosine) * y[i] / length;
        first = to_floats(x);
        second = to_floats(y);
    }
    std::vector<float> first, second;
};

std::vector<float> axis(std::size_t i, std::size_t dim = 37)
{
    std::vector<float> x(dim, 0.0f);
    x[i] = 1.0f;
    return x;
}

class Contrastive : public EveryIsa {
protected:
    [[nodiscard]] ContrastiveMemory memory(std::size_t dim, std::size_t room = 500) const
    {
        ContrastiveConfig config;
        config.positives = config.negatives = room;
        return ContrastiveMemory(kernels, config, dim);
    }

    // The boost of one candidate.
    static double boost(const ContrastiveMemory& m, std::size_t type, const std::vector<float>& candidate)
    {
        std::vector<double> logit{0.0};
        const std::size_t boosted = m.add_boost(type, candidate.data(), logit);
        EXPECT_EQ(boosted, logit[0] > 0.0 ? 1u : 0u);
        return logit[0];
    }
};
RUVLLM_ON_EVERY_ISA(Contrastive);

TEST_P(Contrastive, BoostIsTheStrengthTimesTheCosineAboveTheThreshold)
{
    numeric::RandomStream stream(1, numeric::Purpose::user);
    for (const std::size_t dim : {64u, 600u, 1536u})
        for (const double cosine : {-1.0, 0.0, 0.5, 0.69, 0.78, 0.9, 1.0}) {
            const Pair pair(cosine, dim, stream);
            ContrastiveMemory m = memory(dim);
            m.add_positive(pair.first.data(), 2);
            EXPECT_NEAR(boost(m, 2, pair.second), cosine > 0.7 ? strength * cosine : 0.0, 1e-5)
                << "dim " << dim << ", cosine " << cosine;
        }
}

TEST_P(Contrastive, BoostTakesTheLargestCosine)
{
    numeric::RandomStream stream(2, numeric::Purpose::user);
    const auto candidate = random_direction(stream, 600);
    ContrastiveMemory m = memory(600);
    for (const double cosine : {0.78, 0.95, 0.85}) {
        auto other = random_direction(stream, 600);
        const double along = naive::dot(other, candidate);
        for (std::size_t i = 0; i < 600; ++i)
            other[i] -= along * candidate[i];
        const double length = std::sqrt(naive::dot(other, other));
        for (std::size_t i = 0; i < 600; ++i)
            other[i] = cosine * candidate[i] + std::sqrt(1.0 - cosine * cosine) * other[i] / length;
        m.add_positive(to_floats(other).data(), 0);
    }
    EXPECT_NEAR(boost(m, 0, to_floats(candidate)), strength * 0.95, 1e-5);
}

TEST_P(Contrastive, EachCandidateGetsItsOwnBoost)
{
    ContrastiveMemory m = memory(37);
    m.add_positive(axis(3).data(), 1);
    std::vector<float> rows = axis(5);
    const auto right = axis(3);
    rows.insert(rows.end(), right.begin(), right.end());
    std::vector<double> logits{1.0, 2.0};
    EXPECT_EQ(m.add_boost(1, rows.data(), logits), 1u);
    EXPECT_EQ(logits[0], 1.0);
    EXPECT_NEAR(logits[1], 2.0 + strength, 1e-12);
}

// Those of a type are numbered as they come; three are held.
TEST_P(Contrastive, FromANumberOnOnlyLaterOnesSpeak)
{
    ContrastiveMemory m = memory(37, 12);
    for (std::uint64_t added = 0; added < 9; ++added) {
        EXPECT_EQ(m.positives_added(0), added);
        for (std::uint64_t number = 0; number < added; ++number)
            for (std::uint64_t first = 0; first <= added + 1; ++first) {
                const auto candidate = axis(number);
                ContrastiveMemory::Speaker none;
                const double own = m.boost(
                    0, sketch_of(kernels, candidate.data(), 37), [&] { return candidate.data(); }, first, none);
                EXPECT_EQ(own > 0.0, number + 3 >= added && number >= first) << number << " of " << added << ", " << first;
            }
        m.add_positive(axis(added).data(), 0);
        m.add_positive(axis(30).data(), 1);
    }
}

// Candidates and past solutions lie around one direction, so that the nearest one changes, stays and is dropped.
TEST_P(Contrastive, AKnownSpeakerChangesNothing)
{
    constexpr std::size_t dim = 37;
    numeric::RandomStream stream(8, numeric::Purpose::memory_negatives);
    const auto near_one = [&] {
        std::vector<double> v = random_direction(stream, dim);
        v[0] += 1.5;
        const double length = std::sqrt(naive::dot(v, v));
        for (double& x : v)
            x /= length;
        return to_floats(v);
    };
    ContrastiveMemory m = memory(dim, 20); // five of each type
    const std::vector<std::vector<float>> candidates{near_one(), near_one(), near_one()};
    std::vector<ContrastiveMemory::Speaker> known(candidates.size());
    std::uint64_t compared = 0;
    std::size_t lost = 0, gained = 0;
    for (int added = 0; added < 200; ++added) {
        m.add_positive(near_one().data(), 0);
        if (stream.uniform() < 0.5)
            continue; // several may come before it is asked again
        for (std::size_t j = 0; j < candidates.size(); ++j) {
            const float* const candidate = candidates[j].data();
            const float before = known[j].cosine;
            const double own = m.boost(
                0, sketch_of(kernels, candidate, dim), [=] { return candidate; }, compared, known[j]);
            EXPECT_EQ(own, boost(m, 0, candidates[j]));
            lost += known[j].cosine < before ? 1 : 0;
            gained += known[j].cosine > before ? 1 : 0;
        }
        compared = m.positives_added(0);
    }
    EXPECT_GT(lost, 10u);
    EXPECT_GT(gained, 10u);
}

TEST_P(Contrastive, TypesAreKeptApart)
{
    ContrastiveMemory m = memory(37);
    m.add_positive(axis(3).data(), 1);
    m.add_negative(axis(4).data(), 2);
    for (std::size_t type = 0; type < 4; ++type) {
        EXPECT_EQ(boost(m, type, axis(3)) > 0.0, type == 1);
        numeric::RandomStream stream(3, numeric::Purpose::memory_negatives);
        EXPECT_EQ(m.sample_negatives(type, stream).size(), type == 2 ? 8u : 0u);
    }
    EXPECT_EQ(boost(m, 1, axis(4)), 0.0); // a wrong solution speaks for nobody
    EXPECT_THROW(m.add_positive(axis(0).data(), 4), std::out_of_range);
    EXPECT_THROW(m.add_negative(axis(0).data(), 4), std::out_of_range);
}

TEST_P(Contrastive, AFullRingDropsItsOldest)
{
    ContrastiveMemory m = memory(37, 12); // three of each type
    for (std::size_t i = 0; i < 8; ++i) {
        m.add_positive(axis(i).data(), 0);
        m.add_negative(axis(i).data(), 0);
        for (std::size_t old = 0; old < 8; ++old)
            EXPECT_EQ(boost(m, 0, axis(old)) > 0.0, old <= i && old + 3 > i) << old << " after " << i;
    }
    EXPECT_EQ(m.positive_count(), 3u);
    EXPECT_EQ(m.negative_count(), 3u);
    std::set<std::size_t> seen;
    numeric::RandomStream stream(4, numeric::Purpose::memory_negatives);
    for (int i = 0; i < 20; ++i)
        for (const float* x : m.sample_negatives(0, stream))
            seen.insert(static_cast<std::size_t>(std::max_element(x, x + 37) - x));
    EXPECT_EQ(seen, (std::set<std::size_t>{5, 6, 7}));
}

TEST_P(Contrastive, SharesItsRoomAmongTheTypes)
{
    ContrastiveMemory m = memory(37, 500);
    for (std::size_t i = 0; i < 300; ++i)
        for (std::size_t type = 0; type < 2; ++type)
            m.add_positive(axis(i % 37).data(), type);
    EXPECT_EQ(m.positive_count(), 250u);
    EXPECT_EQ(m.negative_count(), 0u);
}

TEST_P(Contrastive, NegativesAreDrawnUniformly)
{
    ContrastiveMemory m = memory(37);
    for (std::size_t i = 0; i < 10; ++i)
        m.add_negative(axis(i).data(), 3);
    std::vector<std::size_t> counts(10);
    numeric::RandomStream stream(5, numeric::Purpose::memory_negatives);
    for (int draw = 0; draw < 6'250; ++draw)
        for (const float* x : m.sample_negatives(3, stream))
            ++counts[static_cast<std::size_t>(std::max_element(x, x + 37) - x)];
    expect_uniform(counts);
}

TEST_P(Contrastive, SameBitsOnEveryIsa)
{
    ContrastiveMemory here = memory(600), scalar(simd::kernels_for(simd::Isa::scalar), {}, 600);
    numeric::RandomStream stream(6, numeric::Purpose::user);
    for (int i = 0; i < 40; ++i) {
        const Pair pair(0.65 + 0.005 * i, 600, stream);
        here.add_positive(pair.first.data(), 0);
        scalar.add_positive(pair.first.data(), 0);
        EXPECT_EQ(boost(here, 0, pair.second), boost(scalar, 0, pair.second));
    }
}

TEST_P(Contrastive, RefusesLessThanOneEntryPerType)
{
    EXPECT_THROW((void)memory(37, 3), std::invalid_argument);
    EXPECT_NO_THROW((void)memory(37, 4));
    ContrastiveConfig config;
    config.types = 0;
    EXPECT_THROW(ContrastiveMemory(kernels, config, 37), std::invalid_argument);
}

// How many of n pairs with this cosine are not found.
std::size_t misses(double low, double high, std::size_t dim, std::size_t n, std::uint64_t seed)
{
    const auto& kernels = simd::default_kernels();
    numeric::RandomStream stream(seed, numeric::Purpose::user);
    std::size_t missed = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const double cosine = low + (high - low) * (static_cast<double>(i) + 0.5) / static_cast<double>(n);
        const Pair pair(cosine, dim, stream);
        ContrastiveMemory m(kernels, {4, 4}, dim);
        m.add_positive(pair.first.data(), 0);
        std::vector<double> logit{0.0};
        missed += m.add_boost(0, pair.second.data(), logit) == 0 ? 1 : 0;
    }
    return missed;
}

TEST(ContrastiveSketch, MissesOneInAThousandJustAboveTheThreshold)
{
    constexpr std::size_t n = 10'000;
    const std::size_t missed = misses(0.7001, 0.7002, 600, n, 1);
    EXPECT_LT(missed, 25u); // the header says 10
    EXPECT_GT(missed, 0u);  // the sketch does something
}

TEST(ContrastiveSketch, MissesFewerFurtherUp)
{
    EXPECT_LT(misses(0.7, 0.75, 600, 5'000, 2), 5u);
    EXPECT_EQ(misses(0.8, 1.0, 600, 2'000, 3), 0u);
}

// Fewer coordinates than the sketch has bits say less about the cosine: there nothing may rest on the sketch.
TEST(ContrastiveSketch, MissesNothingInFewDimensions)
{
    for (const std::size_t dim : {8u, 37u, 128u, 384u})
        EXPECT_EQ(misses(0.701, 0.72, dim, 2'000, dim), 0u) << dim;
}

} // namespace
