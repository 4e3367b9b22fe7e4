// Adapters with random parameters, and examples to learn from.
#pragma once

#include "every_isa.hpp"
#include "naive_adapter.hpp"
#include "ruvllm/components/info_nce.hpp"
#include "ruvllm/components/multi_head_lora.hpp"

namespace ruvllm::testing {

[[nodiscard]] inline Doubles parameters(const MultiHeadLoRA& lora)
{
    std::vector<float> out(lora.parameter_count());
    lora.copy_parameters(out);
    return to_doubles(out);
}

class MultiHeadCase : public EveryIsa {
protected:
    // Every parameter random: with B = 0, as it starts, half of the gradients would be 0.
    [[nodiscard]] MultiHeadLoRA random_lora(const LoraConfig& config, Random& random) const
    {
        MultiHeadLoRA lora(kernels, config, 1);
        for (std::size_t i = 0; i <= config.heads; ++i)
            for (float& p : lora.adapter(i).parameters())
                p = 0.25f * random.value();
        return lora;
    }
};

// One query with its candidates, and the step of an adapter on it.
struct Example {
    Example(std::size_t dim, std::size_t n_negatives, Random& random) : h(random_unit(random, dim))
    {
        for (std::size_t j = 0; j < 6; ++j)
            for (const float x : random_unit(random, dim))
                candidates.push_back(x);
        for (std::size_t j = 0; j < n_negatives; ++j)
            negatives.push_back(random_unit(random, dim));
    }

    [[nodiscard]] naive::Choice choice() const
    {
        naive::Choice c{{}, right, 0.07};
        for (std::size_t j = 0; j < 6; ++j)
            c.rows.push_back(to_doubles(candidates.data() + j * h.size(), h.size()));
        for (const auto& negative : negatives)
            c.rows.push_back(to_doubles(negative));
        return c;
    }

    // u_, g_ and the factored gradient at the present parameters.
    FactoredGradient gradient(const simd::KernelTable& kernels, const MultiHeadLoRA& lora, std::size_t type)
    {
        std::vector<float> z(h.size());
        u.assign(lora.config().rank, 0.0f);
        g.assign(h.size(), 0.0f);
        lora.forward(h.data(), type, u, z.data());
        InfoNceInput in{z.data(), h.size(), candidates.data(), 6, right, {}, 0.07};
        for (const auto& negative : negatives)
            in.negatives.push_back(negative.data());
        (void)info_nce(kernels, in, g);
        return lora.gradient(u, g.data(), type);
    }

    std::vector<float> h, candidates, u, g;
    std::vector<std::vector<float>> negatives;
    std::size_t right = 2;
};

} // namespace ruvllm::testing
