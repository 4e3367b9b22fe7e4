// Golden digests of what learns: the adapter with its loss, and EWC.
#pragma once

#include <cstddef>
#include <vector>

#include "golden_section.hpp"
#include "ruvllm/components/elastic_weight_consolidation.hpp"
#include "ruvllm/components/info_nce.hpp"
#include "ruvllm/components/multi_head_lora.hpp"

namespace ruvllm::golden {

// An adapter with four heads that learns from random examples, each with eight candidates and three negatives.
class Learner {
public:
    Learner(const simd::KernelTable& kernels, std::size_t dim, std::size_t rank)
        : k_(&kernels), lora_(kernels, {dim, rank, 4, 0.5f, 16.0f}, 3), random_(dim + rank), u_(rank), z_(dim), g_(dim)
    {
        for (std::size_t i = 0; i <= 4; ++i) // B starts at 0, and with it half of the gradients
            for (float& p : lora_.adapter(i).parameters())
                p += 0.02f * random_.value();
    }

    // Forward, loss and gradient of the next example.
    FactoredGradient next(std::size_t type, Digest& digest)
    {
        const std::size_t dim = z_.size();
        h_ = testing::random_unit(random_, dim);
        const std::vector<float> candidates = unit_rows(random_, 8, dim), negatives = unit_rows(random_, 3, dim);
        lora_.forward(h_.data(), type, u_, z_.data());
        digest.add(z_);
        InfoNceInput input{z_.data(), dim, candidates.data(), 8, type, {}, 0.07};
        for (std::size_t i = 0; i < 3; ++i)
            input.negatives.push_back(negatives.data() + i * dim);
        digest.add(info_nce(*k_, input, g_));
        digest.add(g_);
        FactoredGradient gradient = lora_.gradient(u_, g_.data(), type);
        digest.add(lora_.gradient_norm(gradient, h_.data(), g_.data()));
        return gradient;
    }

    [[nodiscard]] std::vector<float> parameters() const
    {
        std::vector<float> out(lora_.parameter_count());
        lora_.copy_parameters(out);
        return out;
    }

    [[nodiscard]] MultiHeadLoRA& lora() { return lora_; }
    [[nodiscard]] const float* h() const { return h_.data(); }
    [[nodiscard]] const float* g() const { return g_.data(); }

private:
    const simd::KernelTable* k_;
    MultiHeadLoRA lora_;
    testing::Random random_;
    std::vector<float> u_, z_, g_, h_;
};

// Each example is a step; from the middle on EWC pulls back to where the adapter was then.
inline void lora_steps(const simd::KernelTable& kernels, Digest& digest)
{
    for (const std::size_t dim : {100u, 1536u}) {
        Learner learner(kernels, dim, 2);
        const std::vector<float> fisher(learner.lora().parameter_count(), 0.125f);
        std::vector<float> reference;
        for (std::size_t i = 0; i < 16; ++i) {
            if (i == 8)
                reference = learner.parameters();
            const FactoredGradient gradient = learner.next(i % 4, digest);
            learner.lora().step(i % 4, {&gradient, learner.h(), learner.g(), 0.7f, 0.9f, 0.003f, i < 8 ? 0.0f : 30.0f,
                                        fisher.data(), reference.data()});
        }
        digest.add(learner.parameters());
    }
}

// Gradients are summed, and one step goes along the sum.
inline void lora_sums(const simd::KernelTable& kernels, Digest& digest)
{
    for (const std::size_t dim : {100u, 1536u}) {
        Learner learner(kernels, dim, 4);
        std::vector<float> sum(learner.lora().parameter_count());
        for (std::size_t i = 0; i < 8; ++i) {
            const FactoredGradient gradient = learner.next(i % 4, digest);
            learner.lora().add_gradient(i % 4, gradient, learner.h(), learner.g(), 0.3f, sum);
        }
        learner.lora().step_along({nullptr, nullptr, nullptr, 0.5f, 0.0f, 0.01f, 0.0f, nullptr, nullptr}, sum);
        digest.add(sum);
        digest.add(learner.parameters());
    }
}

// Squared gradients of several batches folded into the Fisher information, as an average and as a sum.
inline void fisher_and_ewc(const simd::KernelTable& kernels, Digest& digest)
{
    for (const bool running_sum : {false, true}) {
        Learner learner(kernels, 100, 2);
        ElasticWeightConsolidation ewc({400.0f, 0.92f, running_sum}, learner.lora().parameter_count());
        for (std::size_t batch = 0; batch < 3; ++batch) {
            for (std::size_t i = 0; i < 5; ++i) {
                const FactoredGradient gradient = learner.next(i % 4, digest);
                learner.lora().add_squared_gradient(i % 4, gradient, learner.h(), learner.g(), ewc.squares());
                ewc.example_added();
            }
            ewc.update_fisher();
            digest.add(ewc.fisher());
        }
        ewc.consolidate(std::vector<float>(learner.lora().parameter_count(), 0.01f));
        digest.add(ewc.reference());
        digest.add(ewc.penalty(learner.parameters()));
    }
}

[[nodiscard]] inline std::vector<Section> adapter_sections()
{
    return {{"lora_steps", lora_steps}, {"lora_sums", lora_sums}, {"fisher_and_ewc", fisher_and_ewc}};
}

} // namespace ruvllm::golden
