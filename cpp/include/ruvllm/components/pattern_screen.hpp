// Patterns that certainly do not speak on a query are not compared with it: the ensemble is the same bits.
//
// Of queries q and patterns p a few coordinates are known, a and b in directions D (m, dim), and how much they leave. By
// Cauchy and Schwarz
//   | q . p - a . b | <= |q - D' a| |p - D' b|
// so that most patterns are too far off, or behind the `top` nearest ones. A task's query is the same whenever it is asked:
// its coordinates are taken once, those of the patterns whenever patterns were made. Patterns that lie in no few
// directions are compared as they would be without this.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "ruvllm/components/pattern_bank.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

class PatternScreen {
public:
    PatternScreen(const simd::KernelTable& kernels, std::size_t dim)
        : k_(&kernels), dim_(dim), margin_(1.6e-5f * (static_cast<float>(dim) / 32.0f + 40.0f))
    {
    }

    // To be called after patterns have changed.
    void forget() noexcept { measured_ = false; }

    // cosines (n, bank.size()) as bank.compare() gives them for the unit queries (n, dim) of these tasks (n,), of
    // `n_tasks` in all; -infinity where a pattern does not speak on a query.
    void compare(const PatternBank& bank, const float* queries, std::span<const std::uint32_t> tasks, std::size_t n_tasks,
                 std::span<float> cosines)
    {
        if (bank.size() >= 2 * most_directions && !measured_)
            measure(bank);
        if (bank.size() < 2 * most_directions || !worth_ || !choose_pairs(bank, queries, tasks, n_tasks, cosines))
            return bank.compare(queries, tasks.size(), cosines);
        products_.resize(left_.size());
        k_->dot_pairs(left_.data(), right_.data(), left_.size(), dim_, products_.data());
        for (std::size_t i = 0; i < products_.size(); ++i)
            *places_[i] = products_[i];
    }

private:
    static constexpr std::size_t most_directions = 8;
    static constexpr std::size_t of_a_task = most_directions + 1; // numbers: its coordinates and what they leave

    // The patterns' coordinates. Directions are chosen anew where the old ones were of no use.
    void measure(const PatternBank& bank)
    {
        if (!worth_ || directions_.empty())
            choose_directions(bank);
        worth_ = true;
        const std::size_t n = bank.size(), m = directions_.size() / dim_;
        std::vector<float> rows(n * m), squared(n);
        k_->gemm(directions_.data(), m, dim_, bank.queries().data(), n, dim_, dim_, rows.data());
        k_->squared_norms(bank.queries().data(), n, dim_, dim_, squared.data());
        coordinates_.assign(most_directions * n, 0.0f);
        leaves_.resize(n);
        for (std::size_t p = 0; p < n; ++p) {
            for (std::size_t d = 0; d < m; ++d)
                coordinates_[d * n + p] = rows[p * m + d];
            leaves_[p] = left_by({rows.data() + p * m, m}, squared[p]);
        }
        lower_.resize(n);
        upper_.resize(n);
        measured_ = true;
    }

    // Orthonormal directions: each is what the earlier ones leave of the pattern that they leave most of.
    void choose_directions(const PatternBank& bank)
    {
        const std::size_t n = bank.size();
        std::vector<float> rest(n), products(n), own(most_directions);
        k_->squared_norms(bank.queries().data(), n, dim_, dim_, rest.data());
        directions_.clear();
        of_tasks_.clear();
        for (std::size_t m = 0; m < most_directions; ++m) {
            const auto farthest = static_cast<std::size_t>(std::ranges::max_element(rest) - rest.begin());
            if (!(rest[farthest] > 0.02f))
                return;
            numeric::FloatVector direction(bank.queries().begin() + static_cast<std::ptrdiff_t>(farthest * dim_),
                                           bank.queries().begin() + static_cast<std::ptrdiff_t>((farthest + 1) * dim_));
            for (int twice = 0; twice < 2; ++twice) {
                k_->gemv(directions_.data(), m, dim_, direction.data(), dim_, own.data());
                for (std::size_t d = 0; d < m; ++d)
                    k_->axpy(-own[d], directions_.data() + d * dim_, direction.data(), dim_);
            }
            k_->scale(1.0f / std::sqrt(k_->squared_norm(direction.data(), dim_)), direction.data(), dim_);
            directions_.insert(directions_.end(), direction.begin(), direction.end());
            k_->gemv(bank.queries().data(), n, dim_, direction.data(), dim_, products.data());
            for (std::size_t p = 0; p < n; ++p)
                rest[p] -= products[p] * products[p];
        }
    }

    // The most that coordinates leave of a vector with this squared norm.
    [[nodiscard]] float left_by(std::span<const float> coordinates, float squared_norm) const
    {
        for (const float c : coordinates)
            squared_norm -= c * c;
        return std::sqrt(std::max(squared_norm, 0.0f) + margin_);
    }

    // The pairs that must be compared. Returns false where they are too many.
    [[nodiscard]] bool choose_pairs(const PatternBank& bank, const float* queries, std::span<const std::uint32_t> tasks,
                                    std::size_t n_tasks, std::span<float> cosines)
    {
        left_.clear();
        right_.clear();
        places_.clear();
        of_tasks_.resize(n_tasks * of_a_task, std::numeric_limits<float>::quiet_NaN());
        const std::size_t n = bank.size();
        for (std::size_t q = 0; q < tasks.size(); ++q) {
            float* const own = of_tasks_.data() + tasks[q] * of_a_task;
            if (std::isnan(own[most_directions]))
                take_coordinates(queries + q * dim_, own);
            bound(own, n);
            const float needed = least_that_speaks(bank.config());
            for (std::size_t p = 0; p < n; ++p) {
                cosines[q * n + p] = -std::numeric_limits<float>::infinity();
                if (upper_[p] >= needed) {
                    left_.push_back(bank.queries().data() + p * dim_);
                    right_.push_back(queries + q * dim_);
                    places_.push_back(&cosines[q * n + p]);
                }
            }
        }
        worth_ = 2 * left_.size() <= n * tasks.size();
        return worth_;
    }

    void take_coordinates(const float* query, float* own) const
    {
        const std::size_t m = directions_.size() / dim_;
        std::fill_n(own, most_directions, 0.0f);
        k_->gemv(directions_.data(), m, dim_, query, dim_, own);
        own[most_directions] = left_by({own, m}, k_->squared_norm(query, dim_));
    }

    // Bounds of the products of a query and all n patterns.
    void bound(const float* own, std::size_t n)
    {
        products_.assign(n, 0.0f);
        for (std::size_t d = 0; d < most_directions; ++d) {
            const float* const theirs = coordinates_.data() + d * n;
            for (std::size_t p = 0; p < n; ++p)
                products_[p] += own[d] * theirs[p];
        }
        for (std::size_t p = 0; p < n; ++p) {
            const float most = own[most_directions] * leaves_[p] + margin_;
            upper_[p] = products_[p] + most;
            lower_[p] = products_[p] - most;
        }
    }

    // A pattern whose product is certainly smaller does not speak: it is below the threshold, or `top` others are nearer.
    [[nodiscard]] float least_that_speaks(const PatternConfig& config)
    {
        if (config.top == 0 || config.top > lower_.size())
            return config.threshold;
        const auto last = lower_.begin() + static_cast<std::ptrdiff_t>(config.top - 1);
        std::nth_element(lower_.begin(), last, lower_.end(), std::greater<>{});
        return std::max(config.threshold, *last);
    }

    const simd::KernelTable* k_;
    std::size_t dim_;
    float margin_; // what rounding may add: 64 times that of a product of unit vectors
    bool measured_ = false, worth_ = true;
    numeric::FloatVector directions_; // (m, dim)
    std::vector<float> of_tasks_;     // (tasks, of_a_task); NaN where they are not known
    std::vector<float> coordinates_, leaves_; // of the patterns: (most_directions, patterns), (patterns,)
    std::vector<float> products_, lower_, upper_;
    std::vector<const float*> left_, right_;
    std::vector<float*> places_;
};

} // namespace ruvllm
