// Feedback: what a user said of the candidates that were shown for a query.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/components/vector_checks.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

enum class Verdict : std::int8_t {
    rejected = -1,
    not_judged = 0, // shown, and nothing is known of it
    accepted = 1,
    passed_over = 2, // it stood above one that was accepted
    left_out = 3,    // nearly the same as an accepted one; nobody says so, prepare_outcomes() finds out
};

struct Feedback {
    const float* query; // (dim,)
    std::size_t dim;
    const float* candidates;                // (n, dim), unit rows
    std::span<const std::int8_t> outcomes;  // (n,), those that an Verdict below left_out has
    std::span<const float> rewards{};       // (n,) in [0, 1], read for accepted ones; empty: all 1
    double weight = 1.0;

    [[nodiscard]] std::size_t n() const noexcept { return outcomes.size(); }
    [[nodiscard]] float reward(std::size_t j) const noexcept { return rewards.empty() ? 1.0f : rewards[j]; }

    // An accepted one that is worth nothing is a rejected one.
    [[nodiscard]] Verdict verdict(std::size_t j) const noexcept
    {
        const auto said = static_cast<Verdict>(outcomes[j]);
        return said == Verdict::accepted && !(reward(j) > 0.0f) ? Verdict::rejected : said;
    }
};

inline constexpr double most_feedback_weight = 1e6;

// Throws std::invalid_argument for labels and numbers that no feedback has. Vectors are not looked at.
inline void require_judgement(const Feedback& f)
{
    if (!(f.weight > 0.0 && f.weight <= most_feedback_weight))
        throw std::invalid_argument("weight must lie above 0 and at most at 1e6, not be " + std::to_string(f.weight));
    bool judged = false;
    for (std::size_t j = 0; j < f.n(); ++j) {
        if (f.outcomes[j] < -1 || f.outcomes[j] > 2)
            throw std::invalid_argument("outcomes must be -1, 0, 1 or 2, not " + std::to_string(f.outcomes[j]) +
                                        " (candidate " + std::to_string(j) + ")");
        if (!(f.reward(j) >= 0.0f && f.reward(j) <= 1.0f))
            throw std::invalid_argument("rewards must lie in [0, 1], not be " + std::to_string(f.reward(j)) +
                                        " (candidate " + std::to_string(j) + ")");
        judged = judged || f.outcomes[j] == 1 || f.outcomes[j] == -1;
    }
    if (!judged)
        throw std::invalid_argument("a feedback must accept or reject a candidate; none of " + std::to_string(f.n()) +
                                    " is");
}

// Squared norm of the query. Throws std::invalid_argument for one that is not finite or all zeros.
inline float require_query(const simd::KernelTable& k, const float* query, std::size_t dim)
{
    const float squared_norm = k.squared_norm(query, dim);
    require_finite({query, dim}, squared_norm, "query");
    if (squared_norm == 0.0f)
        for (std::size_t i = 0;; ++i) { // its squares may underflow
            if (i == dim)
                throw std::invalid_argument("query must not be all zeros: it has no direction");
            if (query[i] != 0.0f)
                break;
        }
    return squared_norm;
}

// norms (n,) of candidates (n, dim). Throws std::invalid_argument unless each is finite and of length 1 or all zeros,
// as a text without words is.
inline void require_candidates(const simd::KernelTable& k, const float* candidates, std::size_t n, std::size_t dim,
                               float* norms)
{
    k.squared_norms(candidates, n, dim, dim, norms);
    for (std::size_t j = 0; j < n; ++j) {
        if (!detail::is_unit(norms[j])) {
            require_finite({candidates + j * dim, dim}, norms[j], "candidates");
            detail::throw_not_unit("candidates", std::sqrt(static_cast<double>(norms[j])), j);
        }
        norms[j] = std::sqrt(norms[j]);
    }
}

// From so large a cosine with an accepted one on, a candidate is no wrong answer.
inline constexpr float nearly_accepted = 0.95f;

// outcomes (n,) = those of the feedback, except that what is nearly the same as an accepted one is left out, whatever was
// said of it. dots (n,) is scratch memory; known (n,) are the products with the accepted one, where it is one alone.
inline void prepare_outcomes(const simd::KernelTable& k, const Feedback& f, std::span<Verdict> outcomes,
                             std::span<float> dots, const float* known = nullptr)
{
    std::size_t others = 0;
    for (std::size_t j = 0; j < f.n(); ++j) {
        outcomes[j] = f.verdict(j);
        others += outcomes[j] != Verdict::accepted ? 1 : 0;
    }
    for (std::size_t a = 0; a < f.n() && others > 0; ++a) {
        if (outcomes[a] != Verdict::accepted)
            continue;
        if (known == nullptr)
            k.gemv(f.candidates, f.n(), f.dim, f.candidates + a * f.dim, f.dim, dots.data());
        const float* const products = known != nullptr ? known : dots.data();
        for (std::size_t j = 0; j < f.n(); ++j)
            if (products[j] > nearly_accepted && outcomes[j] != Verdict::accepted)
                outcomes[j] = Verdict::left_out;
    }
}

} // namespace ruvllm
