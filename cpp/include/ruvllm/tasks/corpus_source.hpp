// Tasks over encoded texts: queries, solutions, and for each task a list of candidate solutions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/tasks/task.hpp"

namespace ruvllm {

struct CorpusTable {
    std::span<const float> queries;           // (n, dim), unit rows
    std::span<const float> solutions;         // (m, dim), unit rows
    std::span<const std::int32_t> candidates; // (n, n_candidates), rows of `solutions`
    std::span<const std::int32_t> right;      // (n,), position of the right one among the candidates
    std::span<const std::uint8_t> types;      // (n,)
    std::size_t dim, n_candidates;
};

// Looks at memory that somebody else keeps alive.
class CorpusSource final : public TaskSource {
public:
    CorpusSource(const simd::KernelTable& kernels, const CorpusTable& table) : TaskSource(kernels), t_(table)
    {
        const std::size_t n = t_.right.size();
        if (t_.dim == 0 || t_.n_candidates < 2 || t_.queries.size() != n * t_.dim ||
            t_.solutions.size() % t_.dim != 0 || t_.candidates.size() != n * t_.n_candidates || t_.types.size() != n)
            throw std::invalid_argument("corpus tables do not fit together: " + std::to_string(n) + " tasks, dim " +
                                        std::to_string(t_.dim) + ", " + std::to_string(t_.n_candidates) +
                                        " candidates");
        const auto solutions = static_cast<std::int64_t>(t_.solutions.size() / t_.dim);
        for (const std::int32_t c : t_.candidates)
            if (c < 0 || c >= solutions)
                throw std::invalid_argument("a candidate must be a row below " + std::to_string(solutions) + ", not " +
                                            std::to_string(c));
        for (const std::int32_t y : t_.right)
            if (y < 0 || static_cast<std::size_t>(y) >= t_.n_candidates)
                throw std::invalid_argument("the right candidate must be below " + std::to_string(t_.n_candidates) +
                                            ", not " + std::to_string(y));
    }

    [[nodiscard]] std::size_t size() const noexcept override { return t_.right.size(); }
    [[nodiscard]] std::size_t dim() const noexcept override { return t_.dim; }
    [[nodiscard]] std::size_t n_candidates() const noexcept override { return t_.n_candidates; }
    [[nodiscard]] std::uint8_t type(std::size_t index) const override { return t_.types[checked(index)]; }

    [[nodiscard]] std::size_t right(std::size_t index) const override
    {
        return static_cast<std::size_t>(t_.right[checked(index)]);
    }

    void load_query(std::size_t index, float* query) const override
    {
        std::copy_n(t_.queries.data() + checked(index) * t_.dim, t_.dim, query);
    }

    [[nodiscard]] const float* candidate(std::size_t index, std::size_t j, float*) const override
    {
        if (j >= t_.n_candidates)
            throw std::out_of_range("candidate must be below " + std::to_string(t_.n_candidates) + ", not " +
                                    std::to_string(j));
        const auto row = static_cast<std::size_t>(t_.candidates[checked(index) * t_.n_candidates + j]);
        return t_.solutions.data() + row * t_.dim;
    }

private:
    [[nodiscard]] std::size_t checked(std::size_t index) const
    {
        if (index >= size())
            throw std::out_of_range("task must be below " + std::to_string(size()) + ", not " + std::to_string(index));
        return index;
    }

    CorpusTable t_;
};

} // namespace ruvllm
