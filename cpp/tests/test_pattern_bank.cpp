#include "ruvllm/components/pattern_bank.hpp"

#include <algorithm>
#include <cmath>

#include "every_isa.hpp"
#include "naive_adapter.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

// A unit vector with this cosine to the first axis; the rest lies along axis `other`.
std::vector<float> at_cosine(double cosine, std::size_t other, std::size_t dim = 37)
{
    std::vector<float> x(dim, 0.0f);
    x[0] = static_cast<float>(cosine);
    x[other] = static_cast<float>(std::sqrt(1.0 - cosine * cosine));
    return x;
}

struct Pattern {
    std::vector<float> query, solution;
    std::uint8_t type;
};

// The formula again: nearest `top` above the threshold, weighted mean of the cosines.
Doubles naive_evidence(const std::vector<Pattern>& patterns, const PatternConfig& config,
                       const std::vector<float>& query, std::uint8_t type,
                       const std::vector<std::vector<float>>& candidates)
{
    std::vector<std::pair<double, const Pattern*>> near;
    for (const Pattern& p : patterns)
        if (const double similarity = naive::dot(to_doubles(p.query), to_doubles(query));
            similarity > static_cast<double>(config.threshold))
            near.emplace_back(similarity, &p);
    std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    near.resize(std::min(near.size(), config.top));
    Doubles evidence;
    for (const auto& candidate : candidates) {
        double sum = 0.0, weights = 0.0;
        for (const auto& [similarity, pattern] : near) {
            const double weight = similarity * (pattern->type == type ? 1.2 : 1.0);
            sum += weight * naive::dot(to_doubles(candidate), to_doubles(pattern->solution));
            weights += weight;
        }
        evidence.push_back(near.empty() ? 0.0 : config.strength * sum / weights);
    }
    return evidence;
}

class Patterns : public EveryIsa {
protected:
    [[nodiscard]] PatternBank bank(const std::vector<Pattern>& patterns, const PatternConfig& config = {}) const
    {
        PatternBank out(kernels, config, 37);
        for (const Pattern& p : patterns)
            out.add(p.query.data(), p.solution.data(), 0.5, p.type);
        return out;
    }
};
RUVLLM_ON_EVERY_ISA(Patterns);

TEST_P(Patterns, TheNearestFiveAboveTheThresholdMatch)
{
    std::vector<Pattern> patterns;
    const double cosines[] = {0.55, 0.95, 0.3, 0.7, 0.499, 0.6, 0.51, 0.8, -0.9};
    for (std::size_t i = 0; i < std::size(cosines); ++i)
        patterns.push_back({at_cosine(cosines[i], i + 1), at_cosine(0.0, i + 1), static_cast<std::uint8_t>(i % 2)});
    const auto matches = bank(patterns).match(at_cosine(1.0, 1).data(), 1);
    const std::size_t expected[] = {1, 7, 3, 5, 0}; // 0.51 is the sixth
    ASSERT_EQ(matches.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(matches[i].pattern, expected[i]);
        EXPECT_NEAR(matches[i].similarity, cosines[expected[i]], 1e-6);
        EXPECT_NEAR(matches[i].weight, cosines[expected[i]] * (expected[i] % 2 == 1 ? 1.2 : 1.0), 1e-6);
    }
}

TEST_P(Patterns, ASimilarityAtTheThresholdIsNotAboveIt)
{
    EXPECT_TRUE(bank({{at_cosine(0.5, 1), at_cosine(0.0, 1), 0}}).match(at_cosine(1.0, 1).data(), 0).empty());
}

TEST_P(Patterns, EqualSimilaritiesKeepTheirOrder)
{
    std::vector<Pattern> patterns;
    for (std::size_t i = 0; i < 7; ++i)
        patterns.push_back({at_cosine(0.75, i + 1), at_cosine(0.0, i + 1), static_cast<std::uint8_t>(i == 6)});
    const auto matches = bank(patterns).match(at_cosine(1.0, 1).data(), 1);
    ASSERT_EQ(matches.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i)
        EXPECT_EQ(matches[i].pattern, i);
}

TEST_P(Patterns, EvidenceMatchesItsTwin)
{
    Random random(1);
    for (int trial = 0; trial < 50; ++trial) {
        std::vector<Pattern> patterns;
        for (std::size_t i = 0; i < 12; ++i)
            patterns.push_back({at_cosine(0.5 + 0.5 * std::fabs(static_cast<double>(random.value())), i + 1),
                                random_unit(random, 37), static_cast<std::uint8_t>(random.word() % 4)});
        std::vector<std::vector<float>> candidates;
        std::vector<float> rows;
        for (int j = 0; j < 8; ++j) {
            candidates.push_back(random_unit(random, 37));
            rows.insert(rows.end(), candidates.back().begin(), candidates.back().end());
        }
        const auto query = at_cosine(1.0, 1);
        Doubles logits{1, 2, 3, 4, 5, 6, 7, 8};
        const PatternConfig config;
        EXPECT_EQ(bank(patterns).add_evidence(query.data(), 2, rows.data(), logits), 5u);
        const Doubles evidence = naive_evidence(patterns, config, query, 2, candidates);
        for (std::size_t j = 0; j < 8; ++j)
            EXPECT_NEAR(logits[j], static_cast<double>(j + 1) + evidence[j], 1e-5);
    }
}

// One pattern whose solution is a candidate: 0.2 / 0.07 for it, whatever the weight.
TEST_P(Patterns, EvidenceOfOnePatternIsTheStrengthTimesTheCosine)
{
    const auto one = bank({{at_cosine(0.8, 1), at_cosine(1.0, 1), 0}});
    std::vector<float> rows = at_cosine(1.0, 1);
    const auto half = at_cosine(0.5, 3);
    rows.insert(rows.end(), half.begin(), half.end());
    Doubles logits{0.0, 0.0};
    EXPECT_EQ(one.add_evidence(at_cosine(1.0, 1).data(), 0, rows.data(), logits), 1u);
    EXPECT_NEAR(logits[0], 0.2 / 0.07, 1e-5);
    EXPECT_NEAR(logits[1], 0.1 / 0.07, 1e-5);
}

TEST_P(Patterns, NothingNearSaysNothing)
{
    const Doubles before{1.0, 2.0};
    const std::vector<float> rows(2 * 37, 0.1f);
    Doubles logits = before;
    EXPECT_EQ(bank({}).add_evidence(at_cosine(1.0, 1).data(), 0, rows.data(), logits), 0u);
    EXPECT_EQ(bank({{at_cosine(0.4, 1), at_cosine(1.0, 1), 0}})
                  .add_evidence(at_cosine(1.0, 1).data(), 0, rows.data(), logits),
              0u);
    EXPECT_EQ(logits, before);
}

TEST_P(Patterns, KeepsWhatWasAddedUntilItIsCleared)
{
    PatternBank b = bank({{at_cosine(0.8, 1), at_cosine(0.1, 2), 3}, {at_cosine(0.7, 1), at_cosine(0.2, 2), 1}});
    EXPECT_EQ(b.size(), 2u);
    EXPECT_TRUE(std::ranges::equal(b.queries().first(37), at_cosine(0.8, 1)));
    EXPECT_TRUE(std::ranges::equal(b.solutions().last(37), at_cosine(0.2, 2)));
    EXPECT_EQ(b.types()[0], 3);
    EXPECT_EQ(b.qualities()[1], 0.5);
    b.clear();
    EXPECT_EQ(b.size(), 0u);
    EXPECT_TRUE(b.queries().empty() && b.solutions().empty() && b.types().empty());
    EXPECT_TRUE(b.match(at_cosine(1.0, 1).data(), 0).empty());
}

TEST_P(Patterns, TheBestComeByQualityAndEqualOnesInTheirOrder)
{
    using Order = std::vector<std::size_t>;
    PatternBank b(kernels, {}, 37);
    EXPECT_TRUE(b.best(10).empty());
    for (const double quality : {0.4, 0.9, 0.4, 0.7, 0.9, 0.4})
        b.add(at_cosine(0.8, 1).data(), at_cosine(0.1, 2).data(), quality, 0);
    EXPECT_EQ(b.best(6), (Order{1, 4, 3, 0, 2, 5}));
    EXPECT_EQ(b.best(99), (Order{1, 4, 3, 0, 2, 5}));
    EXPECT_EQ(b.best(4), (Order{1, 4, 3, 0}));
    EXPECT_EQ(b.best(1), (Order{1}));
    EXPECT_TRUE(b.best(0).empty());
    b.clear();
    EXPECT_TRUE(b.best(10).empty());
}

TEST_P(Patterns, RefusesMoreThanItsCapacity)
{
    PatternConfig config;
    config.capacity = 2;
    const Pattern p{at_cosine(0.8, 1), at_cosine(0.1, 2), 3};
    PatternBank b = bank({p, p}, config);
    EXPECT_THROW(b.add(p.query.data(), p.solution.data(), 0.5, 0), std::length_error);
    EXPECT_EQ(b.size(), 2u);
    EXPECT_EQ(PatternConfig{}.capacity, 150u);
}

} // namespace
