// Totals of resamples against a twin that draws one index after the other.
#include "ruvllm/numeric/resample.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "counts.hpp"

namespace {

using ruvllm::numeric::Purpose;
using ruvllm::numeric::RandomStream;
using ruvllm::numeric::resampled_totals;
using Integers = std::vector<std::int64_t>;

RandomStream stream_of(std::uint64_t seed) { return {seed, Purpose::bootstrap, 3, 1}; }

// (n_metrics, n): values of both signs that are all different.
Integers some_values(std::size_t n_metrics, std::size_t n)
{
    Integers values(n_metrics * n);
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<std::int64_t>(i * i) * (i % 3 == 0 ? -7 : 5) + 1;
    return values;
}

Integers totals_of(const Integers& values, std::size_t n_metrics, std::size_t n_resamples, RandomStream& stream)
{
    Integers totals(n_resamples * n_metrics, -1); // what was there before must not count
    resampled_totals(values, n_metrics, stream, totals);
    return totals;
}

Integers naive_totals(const Integers& values, std::size_t n_metrics, std::size_t n_resamples, RandomStream& stream)
{
    const std::size_t n = values.size() / n_metrics;
    Integers totals(n_resamples * n_metrics);
    for (std::size_t row = 0; row < n_resamples; ++row)
        for (std::size_t i = 0; i < n; ++i) {
            const auto drawn = static_cast<std::size_t>(stream.below(n));
            for (std::size_t metric = 0; metric < n_metrics; ++metric)
                totals[row * n_metrics + metric] += values[metric * n + drawn];
        }
    return totals;
}

// Lengths around one and two blocks of draws, powers of two and their neighbours.
TEST(ResampledTotals, AreThoseOfOneDrawAfterAnotherAndLeaveTheStreamWhereThoseWould)
{
    for (const std::size_t n : {1u, 2u, 3u, 7u, 8u, 486u, 511u, 512u, 513u, 1023u, 1024u, 1025u, 1500u})
        for (const std::size_t n_metrics : {1u, 2u, 5u}) {
            const Integers values = some_values(n_metrics, n);
            RandomStream stream = stream_of(n), twin = stream_of(n);
            EXPECT_EQ(totals_of(values, n_metrics, 9, stream), naive_totals(values, n_metrics, 9, twin))
                << n << " values, " << n_metrics << " metrics";
            EXPECT_EQ(stream.next_u64(), twin.next_u64()) << n;
        }
}

TEST(ResampledTotals, StartInTheMiddleOfABlockOfRandomNumbers)
{
    const Integers values = some_values(1, 10);
    RandomStream stream = stream_of(1), twin = stream_of(1);
    EXPECT_EQ(stream.next_u64(), twin.next_u64());
    EXPECT_EQ(totals_of(values, 1, 3, stream), naive_totals(values, 1, 3, twin));
}

TEST(ResampledTotals, OfAMetricDoNotDependOnTheOthers)
{
    const Integers values = some_values(3, 40);
    RandomStream together = stream_of(2);
    const Integers totals = totals_of(values, 3, 20, together);
    for (std::size_t metric = 0; metric < 3; ++metric) {
        RandomStream alone = stream_of(2);
        const auto begin = values.begin() + static_cast<std::ptrdiff_t>(40 * metric);
        const Integers of_metric = totals_of(Integers(begin, begin + 40), 1, 20, alone);
        for (std::size_t row = 0; row < 20; ++row)
            EXPECT_EQ(totals[3 * row + metric], of_metric[row]) << metric << " " << row;
    }
}

TEST(ResampledTotals, DrawEachValueEquallyOften)
{
    constexpr std::size_t n = 12, n_resamples = 5000;
    Integers counters(n * n); // metric k counts the draws of value k
    for (std::size_t k = 0; k < n; ++k)
        counters[k * n + k] = 1;
    RandomStream stream = stream_of(3);
    const Integers totals = totals_of(counters, n, n_resamples, stream);
    std::vector<std::size_t> counts(n);
    for (std::size_t i = 0; i < totals.size(); ++i)
        counts[i % n] += static_cast<std::size_t>(totals[i]);
    ruvllm::testing::expect_uniform(counts);
}

TEST(ResampledTotals, AreExactUpToTheLastBit)
{
    const std::int64_t largest = INT64_MAX / 2;
    RandomStream stream = stream_of(4);
    for (const std::int64_t total : totals_of({largest, largest, -largest, -largest}, 2, 4, stream))
        EXPECT_TRUE(total == 2 * largest || total == -2 * largest);
}

TEST(ResampledTotals, OfNoResamplesAreNoneAndDrawNothing)
{
    RandomStream stream = stream_of(5);
    EXPECT_TRUE(totals_of({1, 2, 3}, 1, 0, stream).empty());
    EXPECT_EQ(stream.next_u64(), stream_of(5).next_u64());
}

template <class Error>
std::string refusal(const Integers& values, std::size_t n_metrics, std::size_t n_totals)
{
    RandomStream stream = stream_of(6);
    Integers totals(n_totals);
    try {
        resampled_totals(values, n_metrics, stream, totals);
    } catch (const Error& error) {
        EXPECT_EQ(stream.next_u64(), stream_of(6).next_u64());
        return error.what();
    }
    return "accepted";
}

TEST(ResampledTotals, RefuseWhatHasNoTotals)
{
    EXPECT_EQ(refusal<std::invalid_argument>({1, 2}, 0, 2),
              "resampling needs at least 1 metric of at least 1 value, not 0 metrics and 2 values");
    EXPECT_EQ(refusal<std::invalid_argument>({}, 2, 2),
              "resampling needs at least 1 metric of at least 1 value, not 2 metrics and 0 values");
    EXPECT_EQ(refusal<std::invalid_argument>({1, 2, 3}, 2, 2),
              "values and totals need a multiple of 2 elements, one for each metric, not 3 and 2");
    EXPECT_EQ(refusal<std::invalid_argument>({1, 2}, 2, 3),
              "values and totals need a multiple of 2 elements, one for each metric, not 2 and 3");
}

TEST(ResampledTotals, RefuseValuesWhoseTotalsMayNotFit)
{
    const std::string rule = "totals of 2 draws need values of magnitude at most 4611686018427387903, not ";
    EXPECT_EQ(refusal<std::overflow_error>({1, INT64_MAX / 2 + 1}, 1, 1), rule + "4611686018427387904");
    EXPECT_EQ(refusal<std::overflow_error>({-INT64_MAX / 2 - 1, 1}, 1, 1), rule + "-4611686018427387904");
    EXPECT_EQ(refusal<std::overflow_error>({INT64_MIN, 0}, 1, 1), rule + "-9223372036854775808");
}

} // namespace
