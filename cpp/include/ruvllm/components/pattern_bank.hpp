// Pattern bank: what solved tasks had in common, and what that says about a new task's candidates.
//
// A pattern is a cluster of past queries with the direction of their right solutions. For a query the ensemble takes
// the `top` nearest patterns with cosine above `threshold`, with weight = cosine (x 1.2 for the same task type), and
//   evidence_j = strength * sum_p weight_p cos(s_j, solution_p) / sum_p weight_p.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

struct PatternConfig {
    std::size_t capacity = 150;
    std::size_t top = 5;
    float threshold = 0.5f;
    float same_type_factor = 1.2f;
    double strength = 0.2 / 0.07; // in units of a logit
};

struct PatternMatch {
    std::size_t pattern;
    float similarity, weight;
};

class PatternBank {
public:
    PatternBank(const simd::KernelTable& kernels, const PatternConfig& config, std::size_t dim)
        : k_(&kernels), config_(config), dim_(dim)
    {
    }

    // query and solution: (dim,) unit vectors. Throws std::length_error beyond the capacity.
    void add(const float* query, const float* solution, double quality, std::uint8_t type)
    {
        if (size() == config_.capacity)
            throw std::length_error("the pattern bank is full: capacity " + std::to_string(config_.capacity));
        numeric::make_room(queries_, dim_); // for all of it first: nothing is left half added where memory ends
        numeric::make_room(solutions_, dim_);
        numeric::make_room(qualities_, 1);
        numeric::make_room(types_, 1);
        queries_.insert(queries_.end(), query, query + dim_);
        solutions_.insert(solutions_.end(), solution, solution + dim_);
        qualities_.push_back(quality);
        types_.push_back(type);
    }

    void clear() noexcept
    {
        queries_.clear();
        solutions_.clear();
        qualities_.clear();
        types_.clear();
    }

    // The ensemble for a unit query (dim,), nearest first.
    [[nodiscard]] std::vector<PatternMatch> match(const float* query, std::uint8_t type) const
    {
        std::vector<float> cosines(size());
        compare(query, 1, cosines);
        std::vector<PatternMatch> matches;
        choose(cosines, type, matches);
        return matches;
    }

    // cosines (n, size()) of unit queries (n, dim) with the patterns' queries.
    void compare(const float* queries, std::size_t n, std::span<float> cosines) const
    {
        if (n == 1) // the same bits, sooner
            k_->gemv(queries_.data(), size(), dim_, queries, dim_, cosines.data());
        else
            k_->gemm(queries_.data(), size(), dim_, queries, n, dim_, dim_, cosines.data());
    }

    // out (dim,) = z (dim,) + weight e, with e = sum_p weight_p solution_p / sum_p weight_p over the ensemble that these
    // cosines (size(),) choose: evidence_j = strength * s_j . e, for cosines are linear in it. Returns how many patterns
    // speak; with 0 nothing is written.
    std::size_t add_direction(std::span<const float> cosines, std::uint8_t type, float weight, const float* z,
                              float* out) const
    {
        std::byte room[2048]; // enough for dozens of patterns: an answer must not wait for the heap
        std::pmr::monotonic_buffer_resource memory(room, sizeof room);
        std::pmr::vector<PatternMatch> matches(&memory);
        choose(cosines, type, matches);
        float total = 0.0f;
        for (const PatternMatch& m : matches)
            total += m.weight;
        std::pmr::vector<const float*> rows(&memory);
        std::pmr::vector<float> factors(&memory);
        rows.reserve(matches.size());
        factors.reserve(matches.size());
        for (const PatternMatch& m : matches) {
            rows.push_back(solutions_.data() + m.pattern * dim_);
            factors.push_back(weight * (m.weight / total));
        }
        if (!matches.empty())
            (void)k_->add_rows(z, rows.data(), factors.data(), rows.size(), dim_, out);
        return matches.size();
    }

    [[nodiscard]] double strength() const noexcept { return config_.strength; }

    // logits_j += evidence_j for the unit candidate rows (m, dim). Returns how many patterns spoke.
    std::size_t add_evidence(const float* query, std::uint8_t type, const float* candidates,
                             std::span<double> logits) const
    {
        std::vector<float> to_patterns(size());
        compare(query, 1, to_patterns);
        numeric::FloatVector direction(dim_, 0.0f);
        const std::size_t speak = add_direction(to_patterns, type, 1.0f, direction.data(), direction.data());
        if (speak == 0)
            return 0;
        std::vector<float> cosines(logits.size());
        k_->gemv(candidates, logits.size(), dim_, direction.data(), dim_, cosines.data());
        for (std::size_t j = 0; j < logits.size(); ++j)
            logits[j] += config_.strength * static_cast<double>(cosines[j]);
        return speak;
    }

    // The numbers of the n patterns of highest quality, best first.
    [[nodiscard]] std::vector<std::size_t> best(std::size_t n) const
    {
        std::vector<std::size_t> order(size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return qualities_[a] > qualities_[b]; });
        order.resize(std::min(n, order.size()));
        return order;
    }

    [[nodiscard]] std::size_t size() const noexcept { return qualities_.size(); }
    [[nodiscard]] std::size_t capacity() const noexcept { return config_.capacity; }
    [[nodiscard]] const PatternConfig& config() const noexcept { return config_; }
    [[nodiscard]] const simd::KernelTable& kernels() const noexcept { return *k_; }
    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
    [[nodiscard]] std::span<const float> queries() const noexcept { return queries_; }     // (size, dim)
    [[nodiscard]] std::span<const float> solutions() const noexcept { return solutions_; } // (size, dim)
    [[nodiscard]] std::span<const double> qualities() const noexcept { return qualities_; }
    [[nodiscard]] std::span<const std::uint8_t> types() const noexcept { return types_; }

    // All patterns.
    template <class Self, class Archive>
    static void archive(Self& self, Archive& archive)
    {
        archive.list("patterns.queries", self.queries_);
        archive.list("patterns.solutions", self.solutions_);
        archive.list("patterns.qualities", self.qualities_);
        archive.list("patterns.types", self.types_);
        if constexpr (Archive::reading) {
            const std::size_t n = self.qualities_.size();
            archive.require(n <= self.capacity() && self.queries_.size() == n * self.dim_ &&
                                self.solutions_.size() == n * self.dim_ && self.types_.size() == n,
                            "the arrays of patterns do not fit together");
        }
    }

private:
    // The ensemble that these cosines choose, nearest first, equally near ones by number.
    template <class Matches>
    void choose(std::span<const float> cosines, std::uint8_t type, Matches& matches) const
    {
        matches.reserve(size());
        for (std::size_t i = 0; i < size(); ++i)
            if (cosines[i] > config_.threshold)
                matches.push_back({i, cosines[i], cosines[i] * (types_[i] == type ? config_.same_type_factor : 1.0f)});
        const std::size_t n = std::min(config_.top, matches.size());
        std::ranges::partial_sort(matches, matches.begin() + static_cast<std::ptrdiff_t>(n),
                                  [](const PatternMatch& a, const PatternMatch& b) {
                                      return a.similarity != b.similarity ? a.similarity > b.similarity
                                                                          : a.pattern < b.pattern;
                                  });
        matches.resize(n);
    }

    const simd::KernelTable* k_;
    PatternConfig config_;
    std::size_t dim_;
    numeric::FloatVector queries_, solutions_;
    std::vector<double> qualities_;
    std::vector<std::uint8_t> types_;
};

} // namespace ruvllm
