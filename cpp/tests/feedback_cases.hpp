// Feedback on random candidates, and its losses in double, forward only.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "every_isa.hpp"
#include "naive_adapter.hpp"
#include "ruvllm/components/feedback_step.hpp"

namespace ruvllm::testing {

inline constexpr double no_bound = std::numeric_limits<double>::infinity();

// Owns what a Feedback looks at.
struct FeedbackCase {
    std::vector<float> query, candidates;
    std::vector<std::int8_t> outcomes;
    std::vector<float> rewards;
    double weight = 1.0;

    FeedbackCase(std::size_t dim, std::vector<std::int8_t> said, Random& random)
        : query(random_unit(random, dim)), outcomes(std::move(said))
    {
        for (std::size_t j = 0; j < outcomes.size(); ++j)
            for (const float x : random_unit(random, dim))
                candidates.push_back(x);
    }

    [[nodiscard]] Feedback view() const
    {
        return {query.data(), query.size(), candidates.data(), outcomes, rewards, weight};
    }
};

namespace naive {

// Which of two losses besides, by name, as the header defines them; nobody is left out.
[[nodiscard]] inline double feedback_loss(FeedbackLoss asked, const Doubles& l, const FeedbackCase& f)
{
    const Feedback view = f.view();
    const auto is = [&](std::size_t j, Verdict o) { return view.verdict(j) == o; };
    double accepted = 0.0, worse = 0.0, rejected = 0.0, all = 0.0, others = 0.0, loss = 0.0;
    for (std::size_t j = 0; j < l.size(); ++j) {
        accepted += is(j, Verdict::accepted) ? 1.0 : 0.0;
        rejected += is(j, Verdict::rejected) ? 1.0 : 0.0;
        worse += is(j, Verdict::rejected) || is(j, Verdict::passed_over) ? 1.0 : 0.0;
        all += std::exp(l[j]);
        others += is(j, Verdict::rejected) ? 0.0 : std::exp(l[j]);
    }
    for (std::size_t a = 0; a < l.size(); ++a) {
        if (!is(a, Verdict::accepted))
            continue;
        double against = std::exp(l[a]);
        for (std::size_t b = 0; b < l.size(); ++b) {
            against += is(b, Verdict::accepted) ? 0.0 : std::exp(l[b]);
            if (asked == FeedbackLoss::pairwise && (is(b, Verdict::rejected) || is(b, Verdict::passed_over)))
                loss += double{view.reward(a)} / (accepted * worse) * std::log(1.0 + std::exp(l[b] - l[a]));
        }
        if (asked != FeedbackLoss::pairwise)
            loss -= double{view.reward(a)} / accepted * (l[a] - std::log(against));
    }
    if (rejected > 0.0 && (accepted == 0.0 || asked == FeedbackLoss::unlikelihood))
        loss -= std::log(others / all);
    return loss;
}

// The same for an adapter without heads and its parameters.
[[nodiscard]] inline double feedback_loss(const LoraConfig& c, const FeedbackSettings& s, const Doubles& theta,
                                          const FeedbackCase& f)
{
    const Doubles z = adapt(c, theta, to_doubles(f.query), 0);
    Doubles logits;
    for (std::size_t j = 0; j < f.outcomes.size(); ++j) {
        const Doubles row = to_doubles(f.candidates.data() + j * c.dim, c.dim);
        logits.push_back(dot(row, z) / std::sqrt(dot(z, z)) / s.tau);
    }
    return feedback_loss(s.loss, logits, f);
}

} // namespace naive

// Every kind of feedback: -1 rejected, 0 not judged, 1 accepted, 2 passed over.
inline const std::vector<std::vector<std::int8_t>> kinds_of_feedback = {
    {1, 0, 0, 0, 0, 0},  {2, 2, 1, 0, 0, 0},  {1, -1, 2, 1, 0, 0}, {-1, 0, 0, 0, 0, 0},
    {-1, -1, 0, 2, 0, 0}, {0, 1, 1, 1, -1, -1}, {1, -1},             {-1, 0},
};

inline constexpr FeedbackLoss all_losses[] = {FeedbackLoss::infonce, FeedbackLoss::pairwise,
                                              FeedbackLoss::unlikelihood};

class FeedbackTest : public EveryIsa {
protected:
    // Every parameter random: with B = 0, as it starts, half of the gradients would be 0.
    [[nodiscard]] FeedbackAdapter random_adapter(std::size_t dim, std::size_t rank, const FeedbackSettings& settings,
                                                 Random& random, float scaling = 1.5f) const
    {
        FeedbackAdapter adapter(kernels, dim, rank, scaling, settings, 1);
        for (float& p : adapter.lora().adapter(0).parameters())
            p = 0.25f * random.value();
        return adapter;
    }

    [[nodiscard]] static std::vector<float> parameters(const FeedbackAdapter& adapter)
    {
        std::vector<float> out(adapter.lora().parameter_count());
        adapter.lora().copy_parameters(out);
        return out;
    }
};

} // namespace ruvllm::testing
