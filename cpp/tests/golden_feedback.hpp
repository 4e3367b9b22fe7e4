// Golden digests of what learns from feedback: its steps, the scores of states, and the evidence that weighs them.
#pragma once

#include <cstdint>
#include <vector>

#include "golden_section.hpp"
#include "ruvllm/components/betting_evidence.hpp"
#include "ruvllm/components/feedback_step.hpp"
#include "ruvllm/components/published_adapter.hpp"
#include "ruvllm/components/state_scores.hpp"

namespace ruvllm::golden {

struct RandomFeedback {
    std::vector<float> query, candidates, rewards;
    std::vector<std::int8_t> outcomes;

    RandomFeedback(testing::Random& random, std::size_t dim, std::size_t i)
        : query(testing::random_unit(random, dim)), candidates(unit_rows(random, 8, dim))
    {
        static constexpr std::int8_t kinds[4][8] = {
            {1, 0, 0, 0, 0, 0, 0, 0}, {2, 1, -1, 0, 0, 1, 0, 0}, {-1, 0, 2, 0, -1, 0, 0, 0}, {0, 0, 0, 2, 2, 1, -1, 0}};
        outcomes.assign(kinds[i % 4], kinds[i % 4] + 8);
        for (std::size_t j = 0; j < 8; ++j)
            rewards.push_back(0.25f * static_cast<float>((i + j) % 5));
        if (i % 3 == 0) // one that is nearly the accepted one
            std::copy_n(candidates.begin(), dim, candidates.begin() + static_cast<std::ptrdiff_t>(3 * dim));
    }

    [[nodiscard]] Feedback view(std::size_t i) const
    {
        return {query.data(), query.size(), candidates.data(), outcomes,
                i % 2 == 0 ? std::span<const float>() : std::span<const float>(rewards), i % 5 == 0 ? 3.0 : 1.0};
    }
};

// Each loss, with bounds that are reached; before each step the three states are scored.
inline void feedback_steps(const simd::KernelTable& kernels, Digest& digest)
{
    for (const FeedbackLoss loss : {FeedbackLoss::infonce, FeedbackLoss::pairwise, FeedbackLoss::unlikelihood})
        for (const std::size_t dim : {100u, 1536u}) {
            testing::Random random(dim);
            FeedbackAdapter adapter(kernels, dim, 4, 2.0f, {loss, 0.05, 0.9, 0.07, 3.0, 0.2}, 7);
            PublishedAdapter published(kernels, dim, "identity");
            for (std::size_t i = 0; i < 24; ++i) {
                const RandomFeedback feedback(random, dim, i);
                const StateComparison before =
                    compare_states(kernels, *published.state(), adapter, feedback.view(i));
                for (std::size_t s = 0; s < 3; ++s) {
                    digest.add(before.rewards[s]);
                    digest.add(before.best[s]);
                }
                digest.add(adapter.learn(feedback.view(i)));
                if (i % 8 == 7)
                    published.publish(std::make_shared<const AdapterState>(
                        dim, adapter.lora().adapter(0).parameters(), 2.0f, "next"));
                const Ranked ranked = published.rank(feedback.query.data(), feedback.candidates.data(), 8, 5);
                digest.add(ranked.order);
                digest.add(ranked.scores);
            }
            digest.add(adapter.lora().adapter(0).parameters());
        }
}

inline void betting_evidence(const simd::KernelTable&, Digest& digest)
{
    testing::Random random(11);
    BettingEvidence evidence(-1.0);
    for (std::size_t i = 0; i < 500; ++i)
        digest.add(evidence.add(static_cast<double>(random.value())));
    digest.add(evidence.numbers());
}

[[nodiscard]] inline std::vector<Section> feedback_sections()
{
    return {{"feedback_steps", feedback_steps}, {"betting_evidence", betting_evidence}};
}

} // namespace ruvllm::golden
