// Tasks whose queries and candidates are centred: what all of a type have in common is taken away.
//
//   h' = unit(unit(h - m) + intercept unit(m))      s' = unit(s - mean of the type's right solutions)
//
// with m the mean of the type's queries. What is constant is kept at a length of its own, `intercept`: through it a linear
// map learns what all right solutions of a type have and wrong ones have not, a fix beside bugs for one. Where there is
// an intercept, solutions lose their part along m, so that what is constant says nothing by itself.
// Sentence encoders put all texts into a narrow cone (Ethayarajh 2019), so that cosines say as much about the encoder as
// about two texts; without the mean they say what the texts share (Mu & Viswanath 2018). A type without means stays as
// it is.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/simd/kernel_table.hpp"
#include "ruvllm/tasks/task.hpp"

namespace ruvllm {

// Of the queries and of the right solutions of one type, (dim,) each.
struct Means {
    numeric::FloatVector query, solution;
};

class CentredSource final : public TaskSource {
public:
    // `source` and `kernels` must outlive it.
    CentredSource(const simd::KernelTable& kernels, const TaskSource& source, std::map<std::size_t, Means> means,
                  float intercept)
        : TaskSource(kernels), source_(&source), means_(std::move(means)), intercept_(intercept)
    {
    }

    [[nodiscard]] const std::map<std::size_t, Means>& means() const noexcept { return means_; } // by type

    // x (dim,), a query or a solution of a type, becomes what the engine learns from. In place.
    void centre_query(std::size_t type, float* x) const
    {
        const auto found = means_.find(type);
        if (found == means_.end())
            return;
        const numeric::FloatVector& mean = found->second.query;
        add(mean, -1.0f, x);
        const float length = std::sqrt(kernels().squared_norm(mean.data(), dim()));
        if (intercept_ > 0.0f && length > 0.0f)
            add(mean, intercept_ / length, x);
    }
    void centre_solution(std::size_t type, float* x) const
    {
        const auto found = means_.find(type);
        if (found == means_.end())
            return;
        add(found->second.solution, -1.0f, x);
        const numeric::FloatVector& mean = found->second.query;
        const float squared = kernels().squared_norm(mean.data(), dim());
        if (intercept_ > 0.0f && squared > 0.0f)
            add(mean, -kernels().dot(mean.data(), x, dim()) / squared, x);
    }

    [[nodiscard]] std::size_t size() const noexcept override { return source_->size(); }
    [[nodiscard]] std::size_t dim() const noexcept override { return source_->dim(); }
    [[nodiscard]] std::size_t n_candidates() const noexcept override { return source_->n_candidates(); }
    [[nodiscard]] std::uint8_t type(std::size_t index) const override { return source_->type(index); }
    [[nodiscard]] std::size_t right(std::size_t index) const override { return source_->right(index); }

    void prefetch_query(std::size_t index) const override { source_->prefetch_query(index); }
    void prefetch_candidates(std::size_t index) const override { source_->prefetch_candidates(index); }
    void load_query(std::size_t index, float* query) const override
    {
        source_->load_query(index, query);
        centre_query(type(index), query);
    }
    [[nodiscard]] const float* candidate(std::size_t index, std::size_t j, float* scratch) const override
    {
        source_->load_candidate(index, j, scratch);
        centre_solution(type(index), scratch);
        return scratch;
    }

private:
    // x = unit(x + factor mean)
    void add(const numeric::FloatVector& mean, float factor, float* x) const
    {
        const float* const row = mean.data();
        const float length = std::sqrt(kernels().add_rows(x, &row, &factor, 1, dim(), x));
        if (length > 0.0f)
            kernels().scale(1.0f / length, x, dim());
    }

    const TaskSource* source_;
    std::map<std::size_t, Means> means_;
    float intercept_;
};

// Means over these tasks by type, as many of each type as there are.
[[nodiscard]] inline std::map<std::size_t, Means> means_of(const simd::KernelTable& kernels, const TaskSource& source,
                                                           std::span<const std::uint32_t> tasks)
{
    std::map<std::size_t, Means> means;
    std::map<std::size_t, std::size_t> counts;
    const std::size_t dim = source.dim();
    numeric::FloatVector x(dim);
    for (const std::uint32_t task : tasks) {
        const std::size_t type = source.type(task);
        Means& sum = means.try_emplace(type, Means{numeric::FloatVector(dim), numeric::FloatVector(dim)}).first->second;
        source.load_query(task, x.data());
        kernels.axpy(1.0f, x.data(), sum.query.data(), dim);
        kernels.axpy(1.0f, source.candidate(task, source.right(task), x.data()), sum.solution.data(), dim);
        ++counts[type];
    }
    for (auto& [type, sum] : means) {
        const float share = 1.0f / static_cast<float>(counts[type]);
        kernels.scale(share, sum.query.data(), dim);
        kernels.scale(share, sum.solution.data(), dim);
    }
    return means;
}

// What is learned from: given tasks as they are, and once there are means, without them.
class Centring {
public:
    // `given` and `kernels` must outlive it.
    Centring(const simd::KernelTable& kernels, const TaskSource& given, float intercept)
        : k_(&kernels), given_(&given), intercept_(intercept)
    {
    }

    [[nodiscard]] const TaskSource& given() const noexcept { return *given_; }
    [[nodiscard]] const TaskSource& source() const noexcept { return centred_ == nullptr ? *given_ : *centred_; }
    void measure(std::span<const std::uint32_t> tasks) { set(means_of(*k_, *given_, tasks)); }

    // x (dim,), any query or solution of a type, becomes what is learned from. In place.
    void centre_query(std::size_t type, float* x) const
    {
        if (centred_ != nullptr)
            centred_->centre_query(type, x);
    }
    // A copy (n, dim) of queries h (n, dim) of a type, as they are learned from.
    [[nodiscard]] numeric::FloatVector centred_queries(const float* h, std::size_t n, std::size_t type) const
    {
        const std::size_t dim = given_->dim();
        numeric::FloatVector x(h, h + n * dim);
        for (std::size_t i = 0; i < n; ++i)
            centre_query(type, x.data() + i * dim);
        return x;
    }
    void centre_solution(std::size_t type, float* x) const
    {
        if (centred_ != nullptr)
            centred_->centre_solution(type, x);
    }

    // The types that have means, and for each the mean query and the mean solution, (dim,) each.
    template <class Self, class Archive>
    static void archive(Self& self, Archive& archive)
    {
        std::map<std::size_t, Means> means;
        if (self.centred_ != nullptr)
            means = self.centred_->means();
        std::vector<std::uint64_t> types;
        for (const auto& [type, of_type] : means)
            types.push_back(type);
        archive.list("centre.types", types);
        const std::size_t dim = self.given_->dim();
        for (const std::uint64_t type : types) {
            const std::string path = "centre." + std::to_string(type);
            Means& of_type =
                means.try_emplace(type, Means{numeric::FloatVector(dim), numeric::FloatVector(dim)}).first->second;
            archive.fixed(path + ".query", of_type.query);
            archive.fixed(path + ".solution", of_type.solution);
        }
        if constexpr (Archive::reading)
            if (!means.empty())
                self.set(std::move(means));
    }

private:
    void set(std::map<std::size_t, Means> means)
    {
        centred_ = std::make_unique<CentredSource>(*k_, *given_, std::move(means), intercept_);
    }

    const simd::KernelTable* k_;
    const TaskSource* given_;
    std::unique_ptr<CentredSource> centred_;
    float intercept_;
};

} // namespace ruvllm
