// How good an order of candidates was, by what the user said of them: a number in [0, 1].
//
// With one accepted candidate it is its reciprocal rank. With several it is sum v_a / rank_a over the best such sum.
// With rejections alone it is 1 less the same of the rejected ones, each worth 1: the deeper they stand, the better.
// Candidates of equal score share the worst rank among them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "ruvllm/components/feedback.hpp"

namespace ruvllm {

namespace detail {

// Over the candidates of this outcome; `values` is scratch memory.
[[nodiscard]] inline double reciprocal_share(std::span<const float> scores, const Feedback& f, Verdict wanted,
                                             std::vector<double>& values)
{
    values.clear();
    double got = 0.0, best = 0.0;
    for (std::size_t j = 0; j < f.n(); ++j) {
        if (f.verdict(j) != wanted)
            continue;
        const float own = scores[j];
        const auto rank = std::ranges::count_if(scores, [own](float score) { return score >= own; });
        values.push_back(wanted == Verdict::accepted ? static_cast<double>(f.reward(j)) : 1.0);
        got += values.back() / static_cast<double>(rank);
    }
    if (values.size() > 1)
        std::ranges::sort(values, std::greater<>());
    for (std::size_t i = 0; i < values.size(); ++i)
        best += values[i] / static_cast<double>(i + 1);
    return std::min(1.0, got / best);
}

} // namespace detail

// scores: (n,), finite. The feedback passed require_judgement(). `values` is scratch memory.
[[nodiscard]] inline double feedback_reward(std::span<const float> scores, const Feedback& f,
                                            std::vector<double>& values)
{
    for (std::size_t j = 0; j < f.n(); ++j)
        if (f.verdict(j) == Verdict::accepted)
            return detail::reciprocal_share(scores, f, Verdict::accepted, values);
    return 1.0 - detail::reciprocal_share(scores, f, Verdict::rejected, values);
}

} // namespace ruvllm
