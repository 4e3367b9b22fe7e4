// Tasks kept in a list, and what a naive reader makes of them.
#pragma once

#include <algorithm>
#include <vector>

#include "naive_adapter.hpp"
#include "ruvllm/tasks/task.hpp"
#include "ruvllm/simd/dispatch.hpp"

namespace ruvllm::testing {

class ListSource final : public TaskSource {
public:
    // Random unit vectors; the right candidate leans towards the query. Types 0, 1, ..., n_types - 1, 0, ...
    ListSource(std::size_t n, std::size_t dim, std::size_t n_candidates, std::size_t n_types, std::uint64_t seed)
        : TaskSource(simd::default_kernels()), dim_(dim), n_candidates_(n_candidates)
    {
        Random random(seed);
        for (std::size_t i = 0; i < n; ++i) {
            Task task(dim, n_candidates);
            task.type = static_cast<std::uint8_t>(i % n_types);
            task.right = random.word() % n_candidates;
            std::ranges::copy(random_unit(random, dim), task.query.begin());
            for (std::size_t j = 0; j < n_candidates; ++j)
                std::ranges::copy(random_unit(random, dim), task.candidates.data() + j * dim);
            tasks_.push_back(task);
        }
    }

    [[nodiscard]] std::size_t size() const noexcept override { return tasks_.size(); }
    [[nodiscard]] std::size_t dim() const noexcept override { return dim_; }
    [[nodiscard]] std::size_t n_candidates() const noexcept override { return n_candidates_; }
    [[nodiscard]] std::uint8_t type(std::size_t index) const override { return tasks_.at(index).type; }
    [[nodiscard]] std::size_t right(std::size_t index) const override { return tasks_.at(index).right; }
    void load_query(std::size_t index, float* query) const override
    {
        std::ranges::copy(tasks_.at(index).query, query);
    }
    [[nodiscard]] const float* candidate(std::size_t index, std::size_t j, float*) const override
    {
        return solution(index, j);
    }

    [[nodiscard]] const Task& operator[](std::size_t index) const { return tasks_[index]; }
    [[nodiscard]] const float* solution(std::size_t index, std::size_t j) const
    {
        return tasks_[index].candidates.data() + j * dim_;
    }
    [[nodiscard]] naive::Choice choice(std::size_t index, std::size_t right) const
    {
        naive::Choice c{{}, right, 0.07};
        for (std::size_t j = 0; j < n_candidates_; ++j)
            c.rows.push_back(to_doubles(solution(index, j), dim_));
        return c;
    }
    [[nodiscard]] naive::Choice choice(std::size_t index) const { return choice(index, tasks_[index].right); }

private:
    std::size_t dim_, n_candidates_;
    std::vector<Task> tasks_;
};

} // namespace ruvllm::testing
