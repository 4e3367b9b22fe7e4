// A task and where tasks come from.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ruvllm/numeric/aligned_vector.hpp"

namespace ruvllm {

struct Task {
    numeric::FloatVector query;      // h: (dim,), unit length
    numeric::FloatVector candidates; // S: (n_candidates, dim), unit rows
    std::size_t right = 0;           // index of the right candidate
    std::uint8_t type = 0;

    Task(std::size_t dim, std::size_t n_candidates) : query(dim), candidates(n_candidates * dim) {}
};

// Tasks by number. Reading is const and safe from several threads at once: an engine has its own Task to read into.
class TaskSource {
public:
    virtual ~TaskSource() = default;

    [[nodiscard]] virtual std::size_t size() const noexcept = 0;
    [[nodiscard]] virtual std::size_t dim() const noexcept = 0;
    [[nodiscard]] virtual std::size_t n_candidates() const noexcept = 0;
    [[nodiscard]] virtual std::uint8_t type(std::size_t index) const = 0;

    // The whole task `index`. Throws std::out_of_range.
    virtual void load(std::size_t index, Task& task) const = 0;

    // Its query and its right solution only, (dim,) each: all that a pattern is made of.
    virtual void load_pair(std::size_t index, float* query, float* solution) const = 0;
};

} // namespace ruvllm
