// A task and where tasks come from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "ruvllm/components/sketch.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

struct Task {
    numeric::FloatVector query;      // h: (dim,), unit length
    numeric::FloatVector candidates; // S: (n_candidates, dim), unit rows
    std::size_t right = 0;           // index of the right candidate
    std::uint8_t type = 0;

    Task(std::size_t dim, std::size_t n_candidates) : query(dim), candidates(n_candidates * dim) {}
};

// Tasks by number. Reading is const and safe from several threads at once. Numbers of tasks or candidates that are none
// throw std::out_of_range.
class TaskSource {
public:
    // `kernels` must outlive the source.
    explicit TaskSource(const simd::KernelTable& kernels) : k_(&kernels) {}
    virtual ~TaskSource() = default;

    [[nodiscard]] virtual std::size_t size() const noexcept = 0;
    [[nodiscard]] virtual std::size_t dim() const noexcept = 0;
    [[nodiscard]] virtual std::size_t n_candidates() const noexcept = 0;
    [[nodiscard]] virtual std::uint8_t type(std::size_t index) const = 0;

    // The number of the right candidate.
    [[nodiscard]] virtual std::size_t right(std::size_t index) const = 0;

    // The query of task `index`, or its candidates, will be read soon: a source whose memory is large may ask for them.
    virtual void prefetch_query([[maybe_unused]] std::size_t index) const {}
    virtual void prefetch_candidates([[maybe_unused]] std::size_t index) const {}

    virtual void load_query(std::size_t index, float* query) const = 0; // (dim,), unit length

    // Where candidate j (dim,) is, a unit vector: in the source's own memory, or in `scratch` (dim,), which is then
    // filled with it.
    [[nodiscard]] virtual const float* candidate(std::size_t index, std::size_t j, float* scratch) const = 0;

    // What is asked of all candidates s_j at once, so that a source that makes them from parts need not make them.
    // out (n_candidates,) = s_j . x for x (dim,)
    virtual void dot_candidates(std::size_t index, const float* x, float* out) const
    {
        numeric::FloatVector scratch(dim());
        for (std::size_t j = 0; j < n_candidates(); ++j)
            out[j] = k_->dot(candidate(index, j, scratch.data()), x, dim());
    }
    // out (dim,) = sum_j c_j s_j
    virtual void sum_candidates(std::size_t index, const float* c, float* out) const
    {
        numeric::FloatVector scratch(dim());
        std::fill_n(out, dim(), 0.0f);
        for (std::size_t j = 0; j < n_candidates(); ++j)
            k_->axpy(c[j], candidate(index, j, scratch.data()), out, dim());
    }
    [[nodiscard]] virtual Sketch sketch(std::size_t index, std::size_t j) const
    {
        numeric::FloatVector scratch(dim());
        return sketch_of(*k_, candidate(index, j, scratch.data()), dim());
    }

    void load_candidate(std::size_t index, std::size_t j, float* out) const
    {
        const float* vector = candidate(index, j, out);
        if (vector != out)
            std::copy_n(vector, dim(), out);
    }

    // The whole task.
    void load(std::size_t index, Task& task) const
    {
        task.type = type(index);
        task.right = right(index);
        load_query(index, task.query.data());
        for (std::size_t j = 0; j < n_candidates(); ++j)
            load_candidate(index, j, task.candidates.data() + j * dim());
    }

protected:
    [[nodiscard]] const simd::KernelTable& kernels() const noexcept { return *k_; }

private:
    const simd::KernelTable* k_;
};

} // namespace ruvllm
