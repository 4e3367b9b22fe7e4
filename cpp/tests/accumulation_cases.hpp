// Engines that sum their gradients, and what one step along the sum must be.
#pragma once

#include "gradient_cases.hpp"

namespace ruvllm::testing {

inline constexpr double sum_clip = 6.0; // some gradients are longer, some are not

[[nodiscard]] inline EngineConfig summing_config(std::size_t heads, LearnFrom learn_from = LearnFrom::everything)
{
    EngineConfig config = plain_config(heads);
    config.accumulate = true;
    config.learn_from = learn_from;
    config.gradient_clip = static_cast<float>(sum_clip);
    return config;
}

inline void add(Doubles& sum, double factor, const Doubles& x)
{
    for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] += factor * x[i];
}

[[nodiscard]] inline Doubles difference(const Doubles& a, Doubles b)
{
    for (std::size_t i = 0; i < b.size(); ++i)
        b[i] = a[i] - b[i];
    return b;
}

// before - after = length * sum / |sum|. Its length is exact but for the rounding of the parameters.
inline void expect_step_along(const Doubles& before, const Doubles& after, float length, const Doubles& sum)
{
    const double exact = static_cast<double>(length);
    expect_step(before, after, exact, scaled(1.0 / norm(sum), sum), list_dim);
    EXPECT_NEAR(norm(difference(before, after)), exact, 1e-6 * exact + 0x1p-24 * (norm(before) + norm(after)));
}

class AccumulationCase : public GradientCase {
protected:
    // Two steps from the start, so that neither A's nor B's gradient is 0.
    [[nodiscard]] LearningEngine moved_engine(const EngineConfig& config) const
    {
        LearningEngine engine(kernels, tasks, config);
        for (const std::uint32_t first : {0u, 10u}) {
            engine.train(numbers(first, 10), 0.0f, 1.0);
            engine.step_along_sum(0.8f);
        }
        return engine;
    }

    // The clipped gradients of tasks first ... first + n - 1 at theta.
    [[nodiscard]] Doubles sum_of(const LoraConfig& lora, const Doubles& theta, std::uint32_t first,
                                 std::uint32_t n) const
    {
        Doubles sum(theta.size(), 0.0);
        for (const std::uint32_t index : numbers(first, n))
            add(sum, 1.0, clipped_gradient(lora, theta, index, sum_clip));
        return sum;
    }
};

} // namespace ruvllm::testing
