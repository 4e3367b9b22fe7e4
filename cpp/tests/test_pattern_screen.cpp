// PatternScreen: the cosines of patterns that speak have the bits of PatternBank::compare(), the others cannot speak.
#include "ruvllm/components/pattern_screen.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "every_isa.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

constexpr std::size_t dim = 200, n_tasks = 64, together = 8;

class PatternScreens : public EveryIsa {
protected:
    // A unit vector near one of four directions; noise 1 leaves little of them.
    [[nodiscard]] std::vector<float> unit(Random& random, std::size_t kind, float noise) const
    {
        std::vector<float> x(dim);
        for (float& value : x)
            value = noise * random.value() / std::sqrt(static_cast<float>(dim));
        for (std::size_t i = kind % 4; i < 64; i += 4)
            x[i] += 0.25f;
        const float norm = std::sqrt(kernels.squared_norm(x.data(), dim));
        for (float& value : x)
            value /= norm;
        return x;
    }

    void fill(PatternBank& bank, Random& random, std::size_t n, float noise) const
    {
        bank.clear();
        for (std::size_t p = 0; p < n; ++p) {
            const auto query = unit(random, p, noise), solution = unit(random, p, 1.0f);
            bank.add(query.data(), solution.data(), 0.5, static_cast<std::uint8_t>(p % 4));
        }
    }

    // Whether a pattern speaks on each query, and, if it does, its cosine. Returns how many cosines were left out.
    std::size_t expect_same_ensembles(const PatternBank& bank, std::span<const float> screened,
                                      std::span<const float> all) const
    {
        std::size_t left_out = 0;
        const std::size_t n = bank.size();
        for (std::size_t q = 0; q < all.size() / n; ++q) {
            std::vector<std::size_t> order(n);
            std::iota(order.begin(), order.end(), std::size_t{0});
            const float* const own = all.data() + q * n;
            std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return own[a] > own[b]; });
            for (std::size_t place = 0; place < n; ++place) {
                const std::size_t p = order[place];
                const float found = screened[q * n + p];
                if (place < bank.config().top && own[p] > bank.config().threshold)
                    EXPECT_TRUE(has_bits(found, own[p])) << q << " " << p;
                else
                    EXPECT_TRUE(has_bits(found, own[p]) || found == -std::numeric_limits<float>::infinity());
                left_out += std::isinf(found) ? 1 : 0;
            }
        }
        return left_out;
    }

    // Compares all tasks twice, groups of different sizes. Returns the share of cosines that were left out.
    double compare(PatternScreen& screen, const PatternBank& bank, std::span<const float> queries) const
    {
        std::size_t left_out = 0, total = 0;
        for (int again = 0; again < 2; ++again)
            for (std::uint32_t first = 0, count = 1; first < n_tasks; first += count, count = count % together + 1) {
                const std::size_t n = std::min<std::size_t>(count, n_tasks - first);
                std::vector<std::uint32_t> tasks(n);
                std::iota(tasks.begin(), tasks.end(), first);
                std::vector<float> screened(n * bank.size()), all(n * bank.size());
                screen.compare(bank, queries.data() + first * dim, tasks, n_tasks, screened);
                bank.compare(queries.data() + first * dim, n, all);
                left_out += expect_same_ensembles(bank, screened, all);
                total += all.size();
            }
        return static_cast<double>(left_out) / static_cast<double>(total);
    }
};
RUVLLM_ON_EVERY_ISA(PatternScreens);

TEST_P(PatternScreens, EnsemblesAreTheSameWhetherPatternsLieInFewDirectionsOrInNone)
{
    Random random(5);
    for (const float noise : {0.1f, 0.5f, 2.0f, 20.0f}) {
        std::vector<float> queries;
        for (std::size_t task = 0; task < n_tasks; ++task) {
            const auto query = unit(random, task, noise);
            queries.insert(queries.end(), query.begin(), query.end());
        }
        for (const float threshold : {0.5f, 0.0f, -2.0f}) {
            PatternConfig config;
            config.threshold = threshold;
            PatternBank bank(kernels, config, dim);
            PatternScreen screen(kernels, dim);
            for (const std::size_t n : {3u, 20u, 40u, 20u}) { // too few to be screened, then others, and others again
                fill(bank, random, n, noise);
                screen.forget();
                const double left_out = compare(screen, bank, queries);
                const bool few_directions = noise == 0.1f && n >= 20, none = noise == 20.0f || n == 3;
                EXPECT_TRUE(!few_directions || left_out > 0.5) << n << " " << left_out;
                EXPECT_TRUE(!none || left_out < 0.1) << n << " " << left_out;
            }
        }
    }
}

TEST_P(PatternScreens, EqualPatternsAndQueriesThatArePatternsAreFound)
{
    Random random(6);
    PatternBank bank(kernels, {}, dim);
    std::vector<float> queries;
    for (std::size_t p = 0; p < 24; ++p) {
        const auto query = unit(random, p / 6, 0.0f), solution = unit(random, p, 1.0f);
        bank.add(query.data(), solution.data(), 0.5, 0);
    }
    for (std::size_t task = 0; task < n_tasks; ++task) {
        const auto query = unit(random, task, 0.0f);
        queries.insert(queries.end(), query.begin(), query.end());
    }
    PatternScreen screen(kernels, dim);
    EXPECT_GT(compare(screen, bank, queries), 0.5);
}

} // namespace
