// Listwise weights: how much each of K features of a candidate counts towards its score, learned from lists of
// candidates of which one is right.
//
// Candidate j of a list has features phi_j (K,) and the score w . phi_j; p = softmax(scores) is the chance that it is
// right (ListNet's top-one probability, Cao et al. 2007; conditional logit, McFadden 1974). The weights are
//
//     argmin over w >= 0 of  sum over lists of -log p_right  +  penalty |w - prior|^2
//
// which has one solution, as the sum is convex and the penalty strictly so: without lists it is the prior, and few lists
// move it little. Found by a projected Newton method (Bertsekas 1982, "Projected Newton methods for optimization
// problems with simple constraints"), in double precision, with our own exp and sums in the order of the candidates: the
// same bits on every machine.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/numeric/exp_log.hpp"

namespace ruvllm::components {

// Candidates of all lists, one list after another.
struct CandidateLists {
    std::span<const double> features;    // (all candidates, columns)
    std::size_t columns;                 // K
    std::span<const std::int64_t> sizes; // (lists,), each >= 1; together as many as there are candidates
    std::span<const std::int64_t> right; // (lists,), the right candidate of each, from 0
};

namespace detail {

inline constexpr double largest_feature = 1e6; // squares of larger ones leave no digits for the others

[[nodiscard]] inline double score(const double* features, std::span<const double> weights) noexcept
{
    double sum = 0.0;
    for (std::size_t k = 0; k < weights.size(); ++k)
        sum += weights[k] * features[k];
    return sum;
}

inline void check_features(std::span<const double> features)
{
    for (const double value : features)
        if (!(std::abs(value) <= largest_feature))
            throw std::invalid_argument("features must be finite and within 1e6 of 0, not hold " +
                                        std::to_string(value));
}

// Throws std::invalid_argument with the rule and the offending value.
inline void check_lists(const CandidateLists& lists)
{
    const auto refuse = [](const std::string& rule, const std::string& value) {
        throw std::invalid_argument(rule + ", not " + value);
    };
    if (lists.right.size() != lists.sizes.size())
        refuse("right must have " + std::to_string(lists.sizes.size()) + " elements", std::to_string(lists.right.size()));
    const std::size_t rows = lists.columns == 0 ? 0 : lists.features.size() / lists.columns;
    std::size_t counted = 0;
    for (std::size_t i = 0; i < lists.sizes.size(); ++i) {
        if (lists.sizes[i] < 1 || static_cast<std::uint64_t>(lists.sizes[i]) > rows - counted)
            refuse("sizes must be 1 or more and come up to the " + std::to_string(rows) + " rows of features",
                   std::to_string(lists.sizes[i]) + " (list " + std::to_string(i) + ")");
        counted += static_cast<std::size_t>(lists.sizes[i]);
        if (lists.right[i] < 0 || lists.right[i] >= lists.sizes[i])
            refuse("right must be a candidate from 0 to " + std::to_string(lists.sizes[i]) + " - 1 of its list",
                   std::to_string(lists.right[i]) + " (list " + std::to_string(i) + ")");
    }
    if (counted != rows)
        refuse("sizes must come up to the " + std::to_string(rows) + " rows of features", std::to_string(counted));
    check_features(lists.features);
}

inline void check_weights(std::span<const double> weights, std::size_t columns, const char* name)
{
    if (weights.size() != columns)
        throw std::invalid_argument(std::string(name) + " must have " + std::to_string(columns) + " elements, not " +
                                    std::to_string(weights.size()));
    for (const double value : weights)
        if (!(value >= 0.0 && value <= largest_feature))
            throw std::invalid_argument(std::string(name) + " must lie in 0 ... 1e6, not hold " + std::to_string(value));
}

// A symmetric matrix (n, n) that is positive definite but for rounding: solves for x with A x = b, by Cholesky's
// decomposition in place. Pivots that rounding has eaten up are replaced by a trifle.
inline void solve_in_place(std::vector<double>& a, std::vector<double>& b)
{
    const std::size_t n = b.size();
    for (std::size_t i = 0; i < n; ++i) {
        const double least = 1e-12 * a[i * n + i];
        for (std::size_t j = 0; j <= i; ++j) {
            double sum = a[i * n + j];
            for (std::size_t k = 0; k < j; ++k)
                sum -= a[i * n + k] * a[j * n + k];
            a[i * n + j] = i == j ? std::sqrt(std::max(sum, least)) : sum / a[j * n + j];
        }
    }
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < i; ++k)
            b[i] -= a[i * n + k] * b[k];
        b[i] /= a[i * n + i];
    }
    for (std::size_t i = n; i-- > 0;) {
        for (std::size_t k = i + 1; k < n; ++k)
            b[i] -= a[k * n + i] * b[k];
        b[i] /= a[i * n + i];
    }
}

// What is made small, with its derivatives.
class ListwiseObjective {
public:
    ListwiseObjective(const CandidateLists& lists, std::span<const double> prior, double penalty)
        : lists_(lists), prior_(prior), penalty_(penalty)
    {
    }

    // sum over lists of -log p_right
    [[nodiscard]] double loss(std::span<const double> w)
    {
        double sum = 0.0;
        for_each_list([&](const double* features, std::size_t n, std::size_t right) {
            sum += list_loss(features, n, right, w);
        }, lists_);
        return sum;
    }

    [[nodiscard]] double value(std::span<const double> w)
    {
        double distance = 0.0;
        for (std::size_t k = 0; k < w.size(); ++k)
            distance += (w[k] - prior_[k]) * (w[k] - prior_[k]);
        return loss(w) + penalty_ * distance;
    }

    // gradient (K,), hessian (K, K): its lower triangle alone.
    void derivatives(std::span<const double> w, std::vector<double>& gradient, std::vector<double>& hessian)
    {
        const std::size_t columns = w.size();
        gradient.assign(columns, 0.0);
        hessian.assign(columns * columns, 0.0);
        std::vector<double> mean(columns), centred(columns);
        for_each_list([&](const double* features, std::size_t n, std::size_t right) {
            static_cast<void>(list_loss(features, n, right, w)); // fills probabilities_
            std::fill(mean.begin(), mean.end(), 0.0);
            for (std::size_t j = 0; j < n; ++j)
                for (std::size_t k = 0; k < columns; ++k)
                    mean[k] += probabilities_[j] * features[j * columns + k];
            for (std::size_t k = 0; k < columns; ++k)
                gradient[k] += mean[k] - features[right * columns + k];
            for (std::size_t j = 0; j < n; ++j) {
                for (std::size_t k = 0; k < columns; ++k)
                    centred[k] = features[j * columns + k] - mean[k];
                for (std::size_t k = 0; k < columns; ++k) {
                    const double share = probabilities_[j] * centred[k];
                    for (std::size_t l = 0; l <= k; ++l)
                        hessian[k * columns + l] += share * centred[l];
                }
            }
        }, lists_);
        for (std::size_t k = 0; k < columns; ++k) {
            gradient[k] += 2.0 * penalty_ * (w[k] - prior_[k]);
            hessian[k * columns + k] += 2.0 * penalty_;
        }
    }

private:
    template <class F>
    static void for_each_list(F f, const CandidateLists& lists)
    {
        const double* features = lists.features.data();
        for (std::size_t i = 0; i < lists.sizes.size(); ++i) {
            const auto n = static_cast<std::size_t>(lists.sizes[i]);
            f(features, n, static_cast<std::size_t>(lists.right[i]));
            features += n * lists.columns;
        }
    }

    // -log p_right; leaves p in probabilities_.
    double list_loss(const double* features, std::size_t n, std::size_t right, std::span<const double> w)
    {
        probabilities_.resize(n);
        for (std::size_t j = 0; j < n; ++j)
            probabilities_[j] = score(features + j * w.size(), w);
        const double largest = *std::max_element(probabilities_.begin(), probabilities_.end());
        const double below = largest - probabilities_[right];
        double total = 0.0;
        for (double& p : probabilities_)
            total += p = numeric::exp(p - largest);
        for (double& p : probabilities_)
            p /= total;
        return below + numeric::log(total);
    }

    const CandidateLists& lists_;
    std::span<const double> prior_;
    double penalty_;
    std::vector<double> probabilities_;
};

// Newton's step from w where no weight is held at 0, and the gradient's where it is. Which are held: those at 0, or
// within `margin` of it, that would get smaller.
struct ProjectedStep {
    std::vector<double> direction;
    std::vector<bool> held;

    ProjectedStep(std::span<const double> w, const std::vector<double>& gradient, const std::vector<double>& hessian,
                  double margin)
        : direction(w.size()), held(w.size())
    {
        std::vector<std::size_t> free;
        for (std::size_t k = 0; k < w.size(); ++k) {
            held[k] = w[k] <= margin && gradient[k] > 0.0;
            direction[k] = -gradient[k] / hessian[k * w.size() + k];
            if (!held[k])
                free.push_back(k);
        }
        std::vector<double> a(free.size() * free.size()), b(free.size());
        for (std::size_t i = 0; i < free.size(); ++i) {
            b[i] = -gradient[free[i]];
            for (std::size_t j = 0; j <= i; ++j)
                a[i * free.size() + j] = hessian[free[i] * w.size() + free[j]];
        }
        solve_in_place(a, b);
        for (std::size_t i = 0; i < free.size(); ++i)
            direction[free[i]] = b[i];
    }

    [[nodiscard]] std::vector<double> taken(std::span<const double> w, double length) const
    {
        std::vector<double> next(w.begin(), w.end());
        for (std::size_t k = 0; k < next.size(); ++k)
            next[k] = std::max(0.0, next[k] + length * direction[k]);
        return next;
    }

    // By how much the objective would fall to first order.
    [[nodiscard]] double fall(std::span<const double> w, std::span<const double> next, double length,
                              const std::vector<double>& gradient) const
    {
        double sum = 0.0;
        for (std::size_t k = 0; k < w.size(); ++k)
            sum += held[k] ? gradient[k] * (w[k] - next[k]) : -length * gradient[k] * direction[k];
        return sum;
    }
};

// How far a step of the gradient's own would move w: 0 at the solution.
[[nodiscard]] inline double distance_to_solution(std::span<const double> w, const std::vector<double>& gradient)
{
    double largest = 0.0;
    for (std::size_t k = 0; k < w.size(); ++k)
        largest = std::max(largest, std::abs(w[k] - std::max(0.0, w[k] - gradient[k])));
    return largest;
}

} // namespace detail

// out[j] = weights . features[j], for features (n, K), weights (K,) and out (n,).
inline void listwise_scores(std::span<const double> features, std::span<const double> weights, std::span<double> out)
{
    detail::check_features(features);
    detail::check_weights(weights, weights.size(), "weights");
    for (std::size_t j = 0; j < out.size(); ++j)
        out[j] = detail::score(features.data() + j * weights.size(), weights);
}

// Mean of -log p_right over the lists; 0 without lists.
[[nodiscard]] inline double listwise_loss(const CandidateLists& lists, std::span<const double> weights)
{
    detail::check_lists(lists);
    detail::check_weights(weights, lists.columns, "weights");
    if (lists.sizes.empty())
        return 0.0;
    return detail::ListwiseObjective(lists, weights, 0.0).loss(weights) / static_cast<double>(lists.sizes.size());
}

// The weights (K,) for a prior (K,) of numbers >= 0 and a penalty > 0.
// Throws std::invalid_argument for lists that do not fit together and numbers out of range.
[[nodiscard]] inline std::vector<double> fit_listwise_weights(const CandidateLists& lists, std::span<const double> prior,
                                                              double penalty)
{
    detail::check_lists(lists);
    detail::check_weights(prior, lists.columns, "prior");
    if (!(penalty >= 1e-6 && penalty <= 1e9))
        throw std::invalid_argument("penalty must lie in 1e-6 ... 1e9, not " + std::to_string(penalty));
    constexpr int most_steps = 200, most_halvings = 60;
    constexpr double share_of_fall = 1e-4, visible = 1e-11; // of the objective's size: less is lost in rounding

    detail::ListwiseObjective objective(lists, prior, penalty);
    std::vector<double> w(prior.begin(), prior.end()), gradient, hessian;
    double value = objective.value(w);
    for (int step = 0; step < most_steps; ++step) {
        objective.derivatives(w, gradient, hessian);
        const double distance = detail::distance_to_solution(w, gradient);
        if (distance == 0.0)
            break;
        const detail::ProjectedStep newton(w, gradient, hessian, std::min(1e-6, distance));
        std::vector<double> next = newton.taken(w, 1.0);
        if (newton.fall(w, next, 1.0, gradient) <= visible * (std::abs(value) + 1.0))
            return next; // the value cannot tell any more, and a last step of Newton's is right to all digits
        double length = 1.0, found = objective.value(next);
        for (int i = 0; i < most_halvings && !(found <= value - share_of_fall * newton.fall(w, next, length, gradient));
             ++i) {
            length /= 2.0;
            next = newton.taken(w, length);
            found = objective.value(next);
        }
        if (!(found < value))
            break;
        w = std::move(next);
        value = found;
    }
    return w;
}

} // namespace ruvllm::components
