#include "ruvllm/components/listwise_weights.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "cases.hpp"

namespace ruvllm::components {
namespace {

struct Example {
    std::vector<double> features;
    std::vector<std::int64_t> sizes, right;
    std::size_t columns;

    [[nodiscard]] CandidateLists lists() const { return {features, columns, sizes, right}; }
};

// Lists of 1 to 9 candidates; the right one is mostly that with the largest first feature.
Example example(std::uint64_t seed, std::size_t n, std::size_t columns)
{
    testing::Random random(seed);
    Example made{{}, {}, {}, columns};
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t size = 1 + i % 9, begin = made.features.size();
        std::size_t best = 0;
        for (std::size_t j = 0; j < size; ++j) {
            for (std::size_t k = 0; k < columns; ++k)
                made.features.push_back(static_cast<double>(random.value()));
            if (made.features[begin + j * columns] > made.features[begin + best * columns])
                best = j;
        }
        made.sizes.push_back(static_cast<std::int64_t>(size));
        made.right.push_back(static_cast<std::int64_t>(i % 5 == 0 ? 0 : best));
    }
    return made;
}

// Straight from the definition, with the C library's exp and log.
double objective(const Example& given, const std::vector<double>& prior, double penalty, const std::vector<double>& w)
{
    double sum = 0.0;
    const double* row = given.features.data();
    for (std::size_t i = 0; i < given.sizes.size(); ++i) {
        double total = 0.0, right = 0.0;
        for (std::int64_t j = 0; j < given.sizes[i]; ++j, row += given.columns) {
            double score = 0.0;
            for (std::size_t k = 0; k < given.columns; ++k)
                score += w[k] * row[k];
            total += std::exp(score);
            if (j == given.right[i])
                right = score;
        }
        sum += std::log(total) - right;
    }
    for (std::size_t k = 0; k < w.size(); ++k)
        sum += penalty * (w[k] - prior[k]) * (w[k] - prior[k]);
    return sum;
}

TEST(ListwiseWeights, NoNeighbourIsBetter)
{
    for (const std::size_t columns : {1u, 2u, 5u})
        for (const double penalty : {0.01, 1.0, 100.0}) {
            const Example given = example(columns, 70, columns);
            const std::vector<double> prior(columns, 0.5);
            const std::vector<double> found = fit_listwise_weights(given.lists(), prior, penalty);
            const double least = objective(given, prior, penalty, found);
            for (std::size_t k = 0; k < columns; ++k)
                for (const double step : {-1e-3, 1e-3}) {
                    std::vector<double> other = found;
                    other[k] += step;
                    if (other[k] >= 0.0) {
                        EXPECT_GT(objective(given, prior, penalty, other), least) << "weight " << k;
                    }
                }
            EXPECT_GT(found[0], 0.5) << "what says which is right counts more than before";
        }
}

TEST(ListwiseWeights, TheLossIsThatOfTheDefinition)
{
    const Example given = example(3, 40, 4);
    const std::vector<double> w{1.0, 0.0, 2.5, 0.25};
    EXPECT_NEAR(listwise_loss(given.lists(), w), objective(given, w, 0.0, w) / 40.0, 1e-12);
}

TEST(ListwiseWeights, WithoutListsThePriorStays)
{
    const Example nothing{{}, {}, {}, 3};
    EXPECT_EQ(fit_listwise_weights(nothing.lists(), std::vector<double>{1.0, 0.0, 2.0}, 1.0),
              (std::vector<double>{1.0, 0.0, 2.0}));
    EXPECT_EQ(listwise_loss(nothing.lists(), std::vector<double>{1.0, 0.0, 2.0}), 0.0);
}

TEST(ListwiseWeights, AFeatureThatMisleadsIsHeldAtZero)
{
    const Example given{{1.0, 0.0, 1.0, 0.0}, {2, 2}, {1, 1}, 1};
    EXPECT_EQ(fit_listwise_weights(given.lists(), std::vector<double>{0.3}, 0.01), std::vector<double>{0.0});
}

TEST(ListwiseWeights, RefusesWhatDoesNotFit)
{
    const std::vector<double> prior{0.5};
    const auto refused = [&](const Example& given) {
        EXPECT_THROW(static_cast<void>(fit_listwise_weights(given.lists(), prior, 1.0)), std::invalid_argument);
    };
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    refused({{1.0, nan}, {2}, {0}, 1});
    refused({{1.0, 2e6}, {2}, {0}, 1});
    refused({{1.0, 2.0}, {2}, {2}, 1});
    refused({{1.0, 2.0}, {1}, {0}, 1});
    refused({{1.0, 2.0}, {3}, {0}, 1});
    refused({{1.0, 2.0}, {2}, {}, 1});
    refused({{1.0, 2.0}, {1}, {0}, 2});
    const Example good{{1.0, 2.0}, {2}, {0}, 1};
    for (const double penalty : {0.0, nan, 1e10})
        EXPECT_THROW(static_cast<void>(fit_listwise_weights(good.lists(), prior, penalty)), std::invalid_argument);
}

} // namespace
} // namespace ruvllm::components
