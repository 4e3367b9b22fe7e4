// Three states scored on one feedback: the frozen encoder, what is served, and what learns.
//
// All products with the candidates come from one pass over them, and what learns goes on with its own.
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

namespace detail {

// Queries (columns, dim) and their products with the candidates (columns, n).
class FeedbackProducts {
public:
    static constexpr std::size_t most = 4;

    explicit FeedbackProducts(const Feedback& f) : f_(&f), columns_(most * f.dim) {}

    // The next column (dim,), to be written to.
    [[nodiscard]] float* add() { return columns_.data() + n_columns_++ * f_->dim; }
    [[nodiscard]] const float* column(std::size_t c) const { return columns_.data() + c * f_->dim; }

    void multiply(const simd::KernelTable& k)
    {
        dots_.resize(n_columns_ * f_->n());
        k.gemm(f_->candidates, f_->n(), f_->dim, columns_.data(), n_columns_, f_->dim, f_->dim, dots_.data());
    }
    [[nodiscard]] const float* dots(std::size_t c) const { return dots_.data() + c * f_->n(); }

    // out (n,) = cosines of a column, from norms (n,) of the candidates: the bits of cosine_with_norms().
    void cosines(const simd::KernelTable& k, std::size_t c, std::span<const float> norms, std::span<float> out) const
    {
        const float norm = std::sqrt(k.squared_norm(column(c), f_->dim));
        if (!(norm >= 1e-15f && norm <= 1e15f)) // squares overflow or vanish
            return k.cosine_with_norms(column(c), f_->candidates, norms.data(), f_->n(), f_->dim, f_->dim, out.data());
        for (std::size_t j = 0; j < f_->n(); ++j) { // norms are 1, nearly, or 0
            const float cosine = dots(c)[j] / (norm * norms[j]);
            out[j] = norms[j] == 0.0f ? 0.0f : cosine > 1.0f ? 1.0f : cosine < -1.0f ? -1.0f : cosine;
        }
    }

private:
    const Feedback* f_;
    numeric::FloatVector columns_;
    std::vector<float> dots_;
    std::size_t n_columns_ = 0;
};

// The place of the accepted candidate, where it is one alone; n if not.
[[nodiscard]] inline std::size_t only_accepted(const Feedback& f)
{
    std::size_t found = f.n();
    for (std::size_t j = 0; j < f.n(); ++j)
        if (f.verdict(j) == Verdict::accepted) {
            if (found != f.n())
                return f.n();
            found = j;
        }
    return found;
}

// Compares, then calls learn(known products) for a feedback that keeps all rules.
template <class Learn>
StateComparison compare_then(const simd::KernelTable& k, const AdapterState& champion,
                             const FeedbackAdapter& challenger, const Feedback& f, Learn learn)
{
    if (champion.dim() != f.dim)
        throw std::invalid_argument("champion must have dim " + std::to_string(f.dim) + ", not " +
                                    std::to_string(champion.dim()));
    require_judgement(f);
    (void)require_query(k, f.query, f.dim);
    std::vector<float> norms(f.n()), scores(f.n());
    require_candidates(k, f.candidates, f.n(), f.dim, norms.data());
    FeedbackProducts products(f);
    std::copy(f.query, f.query + f.dim, products.add());
    (void)challenger.adapt(f.query, products.add());
    if (!champion.is_identity())
        (void)champion.adapt(k, f.query, products.add());
    const std::size_t accepted = only_accepted(f), column_of_accepted = champion.is_identity() ? 2 : 3;
    if (accepted < f.n())
        std::copy(f.candidates + accepted * f.dim, f.candidates + (accepted + 1) * f.dim, products.add());
    products.multiply(k);
    std::vector<double> values;
    StateComparison out{};
    const auto score = [&](std::size_t state, std::size_t column) {
        products.cosines(k, column, norms, scores);
        for (const float value : scores)
            if (std::isnan(value))
                throw std::invalid_argument("the adapted query must be finite: parameters or scaling are too large");
        out.rewards[state] = feedback_reward(scores, f, values);
        out.best[state] = static_cast<std::int32_t>(std::ranges::max_element(scores) - scores.begin());
    };
    score(0, 0);
    if (champion.is_identity()) {
        out.rewards[1] = out.rewards[0];
        out.best[1] = out.best[0];
    } else {
        score(1, 2);
    }
    score(2, 1);
    learn(KnownProducts{products.dots(1), accepted < f.n() ? products.dots(column_of_accepted) : nullptr});
    return out;
}

} // namespace detail

// Throws std::invalid_argument for a feedback that breaks a rule of feedback.hpp, and a state of another width.
inline StateComparison compare_states(const simd::KernelTable& k, const AdapterState& champion,
                                      const FeedbackAdapter& challenger, const Feedback& f)
{
    return detail::compare_then(k, champion, challenger, f, [](const KnownProducts&) {});
}

// compare_states(), then challenger.learn(): the same bits as one call after the other.
inline StateComparison take_feedback(const simd::KernelTable& k, const AdapterState& champion,
                                     FeedbackAdapter& challenger, const Feedback& f)
{
    return detail::compare_then(k, champion, challenger, f, [&](const KnownProducts& known) {
        static_cast<void>(challenger.learn_checked(f, known));
    });
}

} // namespace ruvllm
