#include "ruvllm/components/prioritized_replay.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "counts.hpp"
#include "every_isa.hpp"

namespace {

using ruvllm::PrioritizedReplay;
using ruvllm::ReplayConfig;
using ruvllm::ReplaySample;
using ruvllm::numeric::Purpose;
using ruvllm::numeric::RandomStream;
using ruvllm::testing::expect_counts;

const std::vector<double> td_errors{0.5, 0.0, -0.3, 0.02, 0.9, -0.9, 0.1};

PrioritizedReplay filled(const ReplayConfig& config = {})
{
    PrioritizedReplay replay(config);
    for (const double td : td_errors)
        replay.add(td);
    return replay;
}

std::vector<double> expected_probabilities(const std::vector<double>& errors, double alpha, double epsilon)
{
    std::vector<double> p;
    double total = 0.0;
    for (const double td : errors)
        total += p.emplace_back(std::pow(std::fabs(td) + epsilon, alpha));
    for (double& value : p)
        value /= total;
    return p;
}

std::vector<std::size_t> count(const std::vector<ReplaySample>& samples, std::size_t n)
{
    std::vector<std::size_t> counts(n);
    for (const ReplaySample& s : samples)
        ++counts[s.item];
    return counts;
}

TEST(PrioritizedReplay, DrawsInProportionToThePriorities)
{
    for (const double alpha : {0.0, 0.6, 1.0}) {
        ReplayConfig config;
        config.alpha = alpha;
        PrioritizedReplay replay = filled(config);
        RandomStream stream(1, Purpose::replay);
        expect_counts(count(replay.sample(50'000, stream), td_errors.size()),
                      expected_probabilities(td_errors, alpha, config.epsilon));
    }
}

TEST(PrioritizedReplay, DrawsInProportionToUpdatedPriorities)
{
    PrioritizedReplay replay = filled();
    replay.update_priority(1, -2.0);
    replay.update_priority(4, 0.0);
    std::vector<double> changed = td_errors;
    changed[1] = -2.0;
    changed[4] = 0.0;
    RandomStream stream(2, Purpose::replay);
    expect_counts(count(replay.sample(50'000, stream), changed.size()), expected_probabilities(changed, 0.6, 0.01));
}

class PrioritizedReplays : public ruvllm::testing::EveryIsa {};
RUVLLM_ON_EVERY_ISA(PrioritizedReplays);

// Also where a batch leaves the range of the kernel for powers, and for exponents that it does not have.
TEST_P(PrioritizedReplays, ABatchOfUpdatesHasTheBitsOfOneAfterTheOther)
{
    for (const double alpha : {0.0, 0.6, 1.0, 1.5})
        for (const double epsilon : {0.01, 1e-305})
            for (const std::size_t n : {0u, 1u, 7u, 64u, 65u}) {
                SCOPED_TRACE("alpha " + std::to_string(alpha) + ", n " + std::to_string(n));
                const ReplayConfig config{1000, alpha, 0.4, 0.001, epsilon};
                PrioritizedReplay single(config), batch(config, kernels);
                RandomStream random(n, Purpose::user), first(1, Purpose::replay), second(1, Purpose::replay);
                for (std::size_t i = 0; i < 1000; ++i) {
                    const double td = random.normal();
                    single.add(td);
                    batch.add(td);
                }
                std::vector<std::int64_t> items;
                std::vector<double> errors;
                for (std::size_t i = 0; i < n; ++i) {
                    items.push_back(static_cast<std::int64_t>(random.below(1000)));
                    errors.push_back(i % 5 == 0 ? 0.0 : 100.0 * random.normal());
                    single.update_priority(static_cast<std::size_t>(items.back()), errors.back());
                }
                batch.update_priorities(items, errors);
                for (std::size_t i = 0; i < 1000; ++i)
                    ASSERT_EQ(single.priority(i), batch.priority(i));
                for (int round = 0; round < 12; ++round) { // 768 draws: beta arrives at 1 on the way
                    const auto a = single.sample(64, first), b = batch.sample(64, second);
                    for (std::size_t i = 0; i < 64; ++i) {
                        ASSERT_EQ(a[i].item, b[i].item);
                        ASSERT_EQ(a[i].probability, b[i].probability);
                        ASSERT_EQ(a[i].weight, b[i].weight);
                    }
                }
                EXPECT_EQ(batch.beta(), 1.0);
            }
}

// Once beta is 1 all weights of a batch come from the kernel; before, each from power().
TEST_P(PrioritizedReplays, WeightsAreThoseOfPower)
{
    for (const double beta : {0.4, 1.0}) {
        PrioritizedReplay replay({100, 0.6, beta, 0.0, 0.01}, kernels);
        RandomStream random(3, Purpose::user), stream(4, Purpose::replay);
        for (std::size_t i = 0; i < 100; ++i)
            replay.add(random.normal());
        const auto samples = replay.sample(50, stream);
        std::vector<double> expected;
        for (const ReplaySample& s : samples)
            expected.push_back(ruvllm::numeric::power(100.0 * replay.probability(s.item), -beta));
        const double largest = *std::max_element(expected.begin(), expected.end());
        for (std::size_t i = 0; i < samples.size(); ++i)
            EXPECT_EQ(samples[i].weight, expected[i] / largest);
    }
}

// Normal numbers over the whole range, around 1, powers of two and where the logarithm changes its branch.
TEST_P(PrioritizedReplays, PowersHaveTheBitsOfPower)
{
    RandomStream random(5, Purpose::user);
    for (const double y : {-1.0, -0.4, 0.0, 0.6, 1.0})
        for (const std::size_t n : {0u, 1u, 15u, 16u, 17u, 1000u}) {
            std::vector<double> x;
            for (std::size_t i = 0; i < n; ++i)
                x.push_back(std::ldexp(1.0 + random.uniform(), static_cast<int>(random.below(i % 2 == 0 ? 5 : 1990)) -
                                                                   (i % 2 == 0 ? 2 : 995)));
            const double edges[] = {1.0, 2.0, 0.5, 1.4142135623730951, std::nextafter(1.4142135623730951, 2.0), 1e300};
            std::copy_n(edges, std::min(n, std::size(edges)), x.begin());
            std::vector<double> out(n + 1, -7.0);
            kernels.powers(x.data(), y, n, out.data());
            for (std::size_t i = 0; i < n; ++i)
                EXPECT_EQ(out[i], ruvllm::numeric::power(x[i], y)) << x[i] << " to the " << y;
            EXPECT_EQ(out[n], -7.0);
            kernels.powers(x.data(), y, n, x.data()); // in place
            out.resize(n);
            EXPECT_EQ(x, out);
        }
}

TEST(PrioritizedReplay, RefusesABatchAsAWhole)
{
    PrioritizedReplay replay = filled();
    const double before = replay.priority(0);
    const std::vector<std::int64_t> items{0, 1};
    EXPECT_THROW(replay.update_priorities(items, std::vector{5.0, std::nan("")}), std::invalid_argument);
    EXPECT_THROW(replay.update_priorities(items, std::vector{5.0}), std::invalid_argument);
    EXPECT_THROW(replay.update_priorities(std::vector<std::int64_t>{0, 7}, std::vector{5.0, 1.0}), std::out_of_range);
    EXPECT_THROW(replay.update_priorities(std::vector<std::int64_t>{0, -1}, std::vector{5.0, 1.0}), std::out_of_range);
    EXPECT_EQ(replay.priority(0), before);
}

TEST(PrioritizedReplay, ReportsPriorityAndProbability)
{
    PrioritizedReplay replay = filled();
    const auto p = expected_probabilities(td_errors, 0.6, 0.01);
    for (std::size_t i = 0; i < td_errors.size(); ++i) {
        EXPECT_NEAR(replay.priority(i), std::pow(std::fabs(td_errors[i]) + 0.01, 0.6), 1e-14);
        EXPECT_NEAR(replay.probability(i), p[i], 1e-14);
    }
    RandomStream stream(3, Purpose::replay);
    for (const ReplaySample& s : replay.sample(100, stream))
        EXPECT_EQ(s.probability, replay.probability(s.item));
}

// (N P)^-beta over the largest of the batch; each draw has the beta it was made at.
TEST(PrioritizedReplay, ImportanceWeightsFollowTheFormula)
{
    PrioritizedReplay replay = filled();
    const auto p = expected_probabilities(td_errors, 0.6, 0.01);
    RandomStream stream(4, Purpose::replay);
    double beta = 0.4;
    for (const std::size_t batch : {1u, 2u, 120u}) {
        const auto samples = replay.sample(batch, stream);
        std::vector<double> expected;
        for (const ReplaySample& s : samples) {
            expected.push_back(std::pow(static_cast<double>(td_errors.size()) * p[s.item], -beta));
            beta = std::min(1.0, beta + 0.001);
        }
        const double largest = *std::max_element(expected.begin(), expected.end());
        double largest_weight = 0.0;
        for (std::size_t i = 0; i < batch; ++i) {
            EXPECT_NEAR(samples[i].weight, expected[i] / largest, 1e-12);
            largest_weight = std::max(largest_weight, samples[i].weight);
        }
        EXPECT_EQ(largest_weight, 1.0);
    }
}

TEST(PrioritizedReplay, BetaRisesByTheIncrementWithEachDrawAndStopsAtOne)
{
    PrioritizedReplay replay = filled();
    RandomStream stream(5, Purpose::replay);
    EXPECT_EQ(replay.beta(), 0.4);
    (void)replay.sample(100, stream);
    EXPECT_NEAR(replay.beta(), 0.5, 1e-12);
    (void)replay.sample(499, stream);
    EXPECT_NEAR(replay.beta(), 0.999, 1e-12);
    (void)replay.sample(2, stream);
    EXPECT_EQ(replay.beta(), 1.0);
    (void)replay.sample(1000, stream);
    EXPECT_EQ(replay.beta(), 1.0);
    (void)replay.sample(0, stream);
    EXPECT_EQ(replay.beta(), 1.0);
}

// At beta = 1 the weighted draws are uniform: that is what the weights are for.
TEST(PrioritizedReplay, FullCorrectionMakesTheWeightedMeanUniform)
{
    ReplayConfig config;
    config.beta = 1.0;
    PrioritizedReplay replay = filled(config);
    RandomStream stream(6, Purpose::replay);
    std::vector<double> mass(td_errors.size());
    double total = 0.0;
    for (const ReplaySample& s : replay.sample(50'000, stream)) {
        mass[s.item] += s.weight;
        total += s.weight;
    }
    for (const double m : mass)
        EXPECT_NEAR(m / total, 1.0 / 7.0, 0.02);
}

TEST(PrioritizedReplay, ResetStartsAgainAndKeepsBeta)
{
    PrioritizedReplay replay = filled();
    RandomStream stream(7, Purpose::replay);
    (void)replay.sample(50, stream);
    const double beta = replay.beta();
    replay.reset({1.0, 0.0});
    EXPECT_EQ(replay.size(), 2u);
    EXPECT_EQ(replay.beta(), beta);
    const auto p = expected_probabilities({1.0, 0.0}, 0.6, 0.01);
    EXPECT_NEAR(replay.probability(0), p[0], 1e-14);
    EXPECT_NEAR(replay.probability(1), p[1], 1e-14);
    EXPECT_THROW((void)replay.priority(2), std::out_of_range);
}

TEST(PrioritizedReplay, SameStreamSameDraws)
{
    PrioritizedReplay a = filled(), b = filled();
    RandomStream first(8, Purpose::replay), second(8, Purpose::replay);
    const auto x = a.sample(200, first), y = b.sample(200, second);
    for (std::size_t i = 0; i < 200; ++i) {
        EXPECT_EQ(x[i].item, y[i].item);
        EXPECT_EQ(x[i].weight, y[i].weight);
    }
}

TEST(PrioritizedReplay, RefusesWhatItCannotDo)
{
    ReplayConfig config;
    config.capacity = 2;
    PrioritizedReplay replay(config);
    RandomStream stream(9, Purpose::replay);
    EXPECT_THROW((void)replay.sample(1, stream), std::logic_error);
    EXPECT_EQ(replay.add(0.1), 0u);
    EXPECT_THROW((void)replay.add(std::nan("")), std::invalid_argument);
    EXPECT_THROW((void)replay.add(std::numeric_limits<double>::infinity()), std::invalid_argument);
    EXPECT_EQ(replay.size(), 1u);
    EXPECT_EQ(replay.add(0.2), 1u);
    EXPECT_THROW((void)replay.add(0.3), std::length_error);
    EXPECT_THROW(replay.update_priority(2, 0.1), std::out_of_range);
    config.epsilon = 0.0;
    EXPECT_THROW(PrioritizedReplay{config}, std::invalid_argument);
    config = {};
    for (const double beta : {-0.1, 1.1, std::nan("")}) {
        config.beta = beta;
        EXPECT_THROW(PrioritizedReplay{config}, std::invalid_argument);
    }
}

} // namespace
