#include "ruvllm/components/published_adapter.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>

#include "feedback_cases.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class Published : public FeedbackTest {
protected:
    [[nodiscard]] static std::vector<float> rows(Random& random, std::size_t n, std::size_t dim)
    {
        std::vector<float> all;
        for (std::size_t i = 0; i < n; ++i)
            for (const float x : random_unit(random, dim))
                all.push_back(x);
        return all;
    }
};
RUVLLM_ON_EVERY_ISA(Published);

TEST_P(Published, IdentityRanksByThePlainCosine)
{
    Random random(1);
    const PublishedAdapter published(kernels, 33, "identity");
    std::vector<float> candidates = rows(random, 50, 33);
    std::copy_n(candidates.begin(), 33, candidates.begin() + 33 * 20); // equal scores: the earlier one first
    const std::vector<float> query = random_unit(random, 33);
    std::vector<float> expected(50);
    kernels.cosine_many(query.data(), candidates.data(), 50, 33, 33, expected.data());
    std::vector<std::int32_t> order(50);
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, [&](std::int32_t a, std::int32_t b) {
        return expected[static_cast<std::size_t>(a)] > expected[static_cast<std::size_t>(b)];
    });
    for (const std::size_t top : {0u, 1u, 7u, 49u, 50u, 99u}) {
        const Ranked found = published.rank(query.data(), candidates.data(), 50, top);
        ASSERT_EQ(found.order.size(), std::min<std::size_t>(top, 50));
        for (std::size_t i = 0; i < found.order.size(); ++i) {
            EXPECT_EQ(found.order[i], order[i]);
            EXPECT_TRUE(has_bits(found.scores[i], expected[static_cast<std::size_t>(order[i])]));
        }
        EXPECT_EQ(found.state->name(), "identity");
    }
}

TEST_P(Published, AStateRanksAsTheAdapterThatItWasMadeOf)
{
    Random random(2);
    for (const std::size_t rank : {1u, 4u, 17u, 20u}) {
        const FeedbackAdapter adapter = random_adapter(33, rank, {}, random);
        PublishedAdapter published(kernels, 33, "identity");
        published.publish(std::make_shared<const AdapterState>(33, parameters(adapter), 1.5f, "first"));
        const std::vector<float> candidates = rows(random, 9, 33), query = random_unit(random, 33);
        std::vector<float> z(33), expected(9), found(9);
        static_cast<void>(adapter.adapt(query.data(), z.data()));
        kernels.cosine_many(z.data(), candidates.data(), 9, 33, 33, expected.data());
        EXPECT_EQ(published.scores(query.data(), candidates.data(), 9, found)->name(), "first");
        EXPECT_EQ(found, expected);
    }
}

TEST_P(Published, WhatIsNotFiniteIsRefused)
{
    Random random(3);
    const PublishedAdapter published(kernels, 33, "identity");
    const std::vector<float> candidates = rows(random, 9, 33), query = random_unit(random, 33);
    std::vector<float> bad_query = query, bad_rows = candidates;
    bad_query[32] = bad_rows.back() = std::numeric_limits<float>::quiet_NaN();
    EXPECT_THROW(static_cast<void>(published.rank(bad_query.data(), candidates.data(), 9, 3)), std::invalid_argument);
    EXPECT_THROW(static_cast<void>(published.rank(query.data(), bad_rows.data(), 9, 3)), std::invalid_argument);
}

TEST(PublishedStates, HaveTheWidthOfWhatPublishesThem)
{
    PublishedAdapter published(simd::default_kernels(), 8, "identity");
    EXPECT_THROW(published.publish(std::make_shared<const AdapterState>(9, "other")), std::invalid_argument);
    EXPECT_THROW(AdapterState(8, std::vector<float>(24), 1.0f, "half a row"), std::invalid_argument);
    EXPECT_THROW(AdapterState(8, std::vector<float>(), 1.0f, "nothing"), std::invalid_argument);
    EXPECT_EQ(published.state()->name(), "identity");
}

// Eight readers and a writer: every ranking is that of the one state which it names.
TEST(PublishedStates, ARankingComesFromOneWholeState)
{
    constexpr std::size_t dim = 24, n = 10, n_states = 12, n_readers = 8;
    const simd::KernelTable& k = simd::default_kernels();
    Random random(4);
    std::vector<float> candidates;
    for (std::size_t i = 0; i < n; ++i)
        for (const float x : random_unit(random, dim))
            candidates.push_back(x);
    const std::vector<float> query = random_unit(random, dim);
    std::vector<std::vector<float>> all(n_states, std::vector<float>(4 * dim));
    std::vector<std::vector<float>> expected(n_states);
    for (std::size_t s = 0; s < n_states; ++s) {
        for (float& p : all[s])
            p = random.value();
        PublishedAdapter alone(k, dim, "identity");
        alone.publish(std::make_shared<const AdapterState>(dim, all[s], 1.0f, std::to_string(s)));
        expected[s] = alone.rank(query.data(), candidates.data(), n, n).scores;
    }
    PublishedAdapter published(k, dim, "0");
    published.publish(std::make_shared<const AdapterState>(dim, all[0], 1.0f, "0"));
    std::atomic<bool> stop{false};
    std::atomic<std::size_t> wrong{0}, others{0};
    std::vector<std::jthread> readers;
    for (std::size_t i = 0; i < n_readers; ++i)
        readers.emplace_back([&] {
            do {
                const Ranked found = published.rank(query.data(), candidates.data(), n, n);
                const auto s = static_cast<std::size_t>(std::stoul(found.state->name()));
                wrong += found.scores != expected[s] ? 1 : 0;
                others += s != 0 ? 1 : 0;
            } while (!stop);
        });
    for (std::size_t i = 0; i < 3000 || others < 100; ++i)
        published.publish(std::make_shared<const AdapterState>(dim, all[i % n_states], 1.0f,
                                                               std::to_string(i % n_states)));
    stop = true;
    readers.clear();
    EXPECT_EQ(wrong, 0u);
}

} // namespace
