// Losses of a feedback over logits l_j, cosines divided by tau, and their gradients dL/dl_j.
//
// With A the accepted candidates, of reward v_a, R the rejected and N all that are not accepted; those that are left out
// belong to none of them:
// - InfoNCE (van den Oord et al. 2018): mean over A of -v_a log p_a, p a softmax over a and N.
// - Pairwise (Rendle et al., "BPR", 2009): mean over a in A, b in R or passed over, of -v_a log sigmoid(l_a - l_b).
// - Unlikelihood (Welleck et al. 2020): -log(1 - P), P what a softmax over all gives to R together. Its gradient is
//   p_j for a rejected one and at most P for the others: it ends where they are no longer in question, and asks for
//   none of the rejected to rise, as a sum of -log(1 - p_j) would.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "ruvllm/components/feedback.hpp"
#include "ruvllm/numeric/exp_log.hpp"
#include "ruvllm/numeric/softmax.hpp"

namespace ruvllm {

enum class FeedbackLoss { infonce, pairwise, unlikelihood };

struct JudgedLogits {
    std::span<const double> logits;    // (n,)
    std::span<const Verdict> outcomes; // (n,)
    const Feedback* feedback;          // for the rewards

    [[nodiscard]] std::size_t count(auto holds) const
    {
        return static_cast<std::size_t>(std::ranges::count_if(outcomes, holds));
    }
};

[[nodiscard]] inline bool is_accepted(Verdict o) noexcept { return o == Verdict::accepted; }
[[nodiscard]] inline bool is_rejected(Verdict o) noexcept { return o == Verdict::rejected; }
[[nodiscard]] inline bool is_worse(Verdict o) noexcept { return is_rejected(o) || o == Verdict::passed_over; }
[[nodiscard]] inline bool is_not_accepted(Verdict o) noexcept { return !is_accepted(o) && o != Verdict::left_out; }

// Memory of the losses, kept from call to call.
struct LossScratch {
    std::vector<double> p, gradient;
    std::vector<std::size_t> places;
};

namespace detail {

// places = those of which `holds`, p = the softmax over their logits.
inline void softmax_over(std::span<const double> logits, auto holds, LossScratch& s)
{
    s.places.clear();
    s.p.clear();
    for (std::size_t j = 0; j < logits.size(); ++j)
        if (holds(j)) {
            s.places.push_back(j);
            s.p.push_back(logits[j]);
        }
    if (!s.p.empty())
        numeric::softmax(s.p, 1.0, s.p);
}

// log(1 + e^x)
[[nodiscard]] inline double softplus(double x) noexcept
{
    const double e = numeric::exp(x > 0.0 ? -x : x);
    return (x > 0.0 ? x : 0.0) + numeric::log(1.0 + e);
}

[[nodiscard]] inline double sigmoid(double x) noexcept
{
    const double e = numeric::exp(x > 0.0 ? -x : x);
    return (x > 0.0 ? 1.0 : e) / (1.0 + e);
}

} // namespace detail

// Each adds its gradient to s.gradient (n,) and returns its value.

inline double add_infonce(const JudgedLogits& in, LossScratch& s)
{
    const auto accepted = static_cast<double>(in.count(is_accepted));
    double loss = 0.0;
    for (std::size_t a = 0; a < in.logits.size(); ++a) {
        if (!is_accepted(in.outcomes[a]))
            continue;
        const double share = static_cast<double>(in.feedback->reward(a)) / accepted;
        detail::softmax_over(in.logits, [&](std::size_t j) { return j == a || is_not_accepted(in.outcomes[j]); }, s);
        for (std::size_t i = 0; i < s.places.size(); ++i) {
            const bool right = s.places[i] == a;
            if (right)
                loss -= share * numeric::log(std::max(s.p[i], 1e-300));
            s.gradient[s.places[i]] += share * (s.p[i] - (right ? 1.0 : 0.0));
        }
    }
    return loss;
}

inline double add_pairwise(const JudgedLogits& in, LossScratch& s)
{
    const auto pairs = static_cast<double>(in.count(is_accepted) * in.count(is_worse));
    double loss = 0.0;
    for (std::size_t a = 0; a < in.logits.size(); ++a) {
        if (!is_accepted(in.outcomes[a]))
            continue;
        const double share = static_cast<double>(in.feedback->reward(a)) / pairs;
        for (std::size_t b = 0; b < in.logits.size(); ++b) {
            if (!is_worse(in.outcomes[b]))
                continue;
            const double behind = in.logits[b] - in.logits[a];
            loss += share * detail::softplus(behind);
            const double push = share * detail::sigmoid(behind);
            s.gradient[a] -= push;
            s.gradient[b] += push;
        }
    }
    return loss;
}

inline double add_unlikelihood(const JudgedLogits& in, LossScratch& s)
{
    detail::softmax_over(in.logits, [](std::size_t) { return true; }, s);
    double of_rejected = 0.0, of_others = 0.0;
    for (std::size_t j = 0; j < in.logits.size(); ++j) {
        const bool rejected = is_rejected(in.outcomes[j]);
        (rejected ? of_rejected : of_others) += s.p[j];
        if (rejected)
            s.gradient[j] += s.p[j];
    }
    // Of the others each takes its share of what is pushed away: a softmax of their own, which does not underflow.
    detail::softmax_over(in.logits, [&](std::size_t j) { return !is_rejected(in.outcomes[j]); }, s);
    for (std::size_t i = 0; i < s.places.size(); ++i)
        s.gradient[s.places[i]] -= of_rejected * s.p[i];
    return -numeric::log(std::max(of_others, 1e-300));
}

// Which losses a feedback asks for, and whether there is anybody to compare with.
struct LossParts {
    bool infonce, pairwise, unlikelihood;

    // With rejections alone it is unlikelihood whatever was asked for. Pairs need one that is worse.
    LossParts(FeedbackLoss asked, const JudgedLogits& in)
    {
        const bool accepted = in.count(is_accepted) > 0;
        const std::size_t rejected = in.count(is_rejected);
        infonce = accepted && asked != FeedbackLoss::pairwise && in.count(is_not_accepted) > 0;
        pairwise = accepted && asked == FeedbackLoss::pairwise && in.count(is_worse) > 0;
        unlikelihood = (!accepted || asked == FeedbackLoss::unlikelihood) && rejected > 0 &&
                       rejected < in.outcomes.size();
    }

    [[nodiscard]] bool any() const noexcept { return infonce || pairwise || unlikelihood; }
};

// The value; s.gradient: (n,) gets dL/dl_j.
inline double feedback_loss(const LossParts& parts, const JudgedLogits& in, LossScratch& s)
{
    s.gradient.assign(in.logits.size(), 0.0);
    double loss = 0.0;
    if (parts.infonce)
        loss += add_infonce(in, s);
    if (parts.pairwise)
        loss += add_pairwise(in, s);
    if (parts.unlikelihood)
        loss += add_unlikelihood(in, s);
    return loss;
}

} // namespace ruvllm
