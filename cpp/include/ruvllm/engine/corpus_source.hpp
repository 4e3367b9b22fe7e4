// Tasks over encoded texts: queries, solutions, and for each task a list of candidate solutions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/engine/task.hpp"

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
    explicit CorpusSource(const CorpusTable& table) : t_(table)
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

    void load(std::size_t index, Task& task) const override
    {
        std::copy_n(query(checked(index)), t_.dim, task.query.data());
        for (std::size_t j = 0; j < t_.n_candidates; ++j)
            std::copy_n(solution(index, j), t_.dim, task.candidates.data() + j * t_.dim);
        task.right = static_cast<std::size_t>(t_.right[index]);
        task.type = t_.types[index];
    }

    void load_pair(std::size_t index, float* query_out, float* solution_out) const override
    {
        std::copy_n(query(checked(index)), t_.dim, query_out);
        std::copy_n(solution(index, static_cast<std::size_t>(t_.right[index])), t_.dim, solution_out);
    }

private:
    [[nodiscard]] std::size_t checked(std::size_t index) const
    {
        if (index >= size())
            throw std::out_of_range("task must be below " + std::to_string(size()) + ", not " + std::to_string(index));
        return index;
    }
    [[nodiscard]] const float* query(std::size_t index) const { return t_.queries.data() + index * t_.dim; }
    [[nodiscard]] const float* solution(std::size_t index, std::size_t j) const
    {
        return t_.solutions.data() + static_cast<std::size_t>(t_.candidates[index * t_.n_candidates + j]) * t_.dim;
    }

    CorpusTable t_;
};

} // namespace ruvllm
