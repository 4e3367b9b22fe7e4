// Three states scored on one feedback: the frozen encoder, what is served, and what learns.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/components/adapter_state.hpp"
#include "ruvllm/components/feedback.hpp"
#include "ruvllm/components/feedback_reward.hpp"
#include "ruvllm/components/feedback_step.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

// Of identity, champion and challenger, in this order.
struct StateComparison {
    double rewards[3];    // in [0, 1]
    std::int32_t best[3]; // the candidate with the largest score, the earlier one of equal ones
};

// Throws std::invalid_argument for a feedback that breaks a rule of feedback.hpp, and a state of another width.
inline StateComparison compare_states(const simd::KernelTable& k, const AdapterState& champion,
                                      const FeedbackAdapter& challenger, const Feedback& f)
{
    if (champion.dim() != f.dim)
        throw std::invalid_argument("champion must have dim " + std::to_string(f.dim) + ", not " +
                                    std::to_string(champion.dim()));
    require_judgement(f);
    (void)require_query(k, f.query, f.dim);
    std::vector<float> norms(f.n()), scores(f.n());
    std::vector<double> values;
    require_candidates(k, f.candidates, f.n(), f.dim, norms.data());
    numeric::FloatVector z(f.dim);
    StateComparison out{};
    const auto score = [&](std::size_t state, const float* query) {
        k.cosine_with_norms(query, f.candidates, norms.data(), f.n(), f.dim, f.dim, scores.data());
        for (const float value : scores)
            if (std::isnan(value))
                throw std::invalid_argument("the adapted query must be finite: parameters or scaling are too large");
        out.rewards[state] = feedback_reward(scores, f, values);
        out.best[state] = static_cast<std::int32_t>(std::ranges::max_element(scores) - scores.begin());
    };
    score(0, f.query);
    if (champion.is_identity()) {
        out.rewards[1] = out.rewards[0];
        out.best[1] = out.best[0];
    } else {
        score(1, champion.adapt(k, f.query, z.data()));
    }
    (void)challenger.adapt(f.query, z.data());
    score(2, z.data());
    return out;
}

} // namespace ruvllm
