// The one adapter that a MultiHeadLoRA is for each task type, kept until it learns again:
//   a = A_shared + w A_type,  b = B_shared + w B_type,  z = h + scaling sum_r (a_r . h) b_r
// Many queries between two learning steps read half as much as through shared adapter and head.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "ruvllm/components/multi_head_lora.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

class CombinedAdapter {
public:
    CombinedAdapter(const simd::KernelTable& kernels, const LoraConfig& config)
        : k_(&kernels), config_(config), sums_(config.heads), rows_(config.rank), factors_(config.rank)
    {
    }

    // To be called after the adapters have changed.
    void forget() noexcept
    {
        for (Sum& sum : sums_)
            sum.known = false;
    }

    // u_i,r = a_r . h_i of queries h (n, dim); u: (n, rank). `lora`: always the same one, here and below.
    void project(const MultiHeadLoRA& lora, const float* h, std::size_t n, std::size_t type, float* u)
    {
        k_->gemm(parameters(lora, type), config_.rank, config_.dim, h, n, config_.dim, config_.dim, u);
    }

    // z (dim,) of h (dim,) with projections u (rank,); returns the squared norm of z.
    float adapt(const MultiHeadLoRA& lora, const float* h, const float* u, std::size_t type, float* z)
    {
        const float* b = parameters(lora, type) + config_.rank * config_.dim;
        for (std::size_t r = 0; r < config_.rank; ++r) {
            rows_[r] = b + r * config_.dim;
            factors_[r] = config_.scaling * u[r];
        }
        return k_->add_rows(h, rows_.data(), factors_.data(), config_.rank, config_.dim, z);
    }

private:
    struct Sum {
        bool known = false;
        numeric::FloatVector parameters;
    };

    // a's rows, then b's.
    [[nodiscard]] const float* parameters(const MultiHeadLoRA& lora, std::size_t type)
    {
        const std::span<const float> shared = lora.adapter(0).parameters();
        if (sums_.empty())
            return shared.data();
        Sum& sum = sums_.at(type);
        if (!sum.known) {
            sum.parameters.resize(shared.size());
            const float* head = lora.adapter(1 + type).parameters().data();
            (void)k_->add_rows(shared.data(), &head, &config_.head_weight, 1, shared.size(), sum.parameters.data());
            sum.known = true;
        }
        return sum.parameters.data();
    }

    const simd::KernelTable* k_;
    LoraConfig config_;
    std::vector<Sum> sums_; // of each type; empty without heads
    std::vector<const float*> rows_;
    std::vector<float> factors_;
};

} // namespace ruvllm
