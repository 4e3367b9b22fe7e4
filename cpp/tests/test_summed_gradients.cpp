// Gradients of several examples summed, and one step along the sum: MicroLoRA and MultiHeadLoRA.
#include "ruvllm/components/multi_head_lora.hpp"

#include <algorithm>

#include "lora_cases.hpp"
#include "ruvllm/components/elastic_weight_consolidation.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class SummedGradients : public MultiHeadCase {};
RUVLLM_ON_EVERY_ISA(SummedGradients);

std::vector<float> random_numbers(std::size_t n, Random& random)
{
    std::vector<float> x(n);
    std::ranges::generate(x, [&] { return random.value(); });
    return x;
}

// Only what add_gradient() and step_along() may read.
GradientStep plain_step(float share, float momentum, float rate)
{
    return {nullptr, nullptr, nullptr, share, momentum, rate, 0.0f, nullptr, nullptr};
}

TEST_P(SummedGradients, OneAdapterAddsItsGradientToWhatIsThere)
{
    Random random(1);
    constexpr float scaling = 3.0f;
    for (const std::size_t dim : {32u, 37u})
        for (const std::size_t rank : {1u, 3u}) {
            MultiHeadLoRA lora = random_lora({dim, rank, 0, 0.5f, scaling}, random);
            const MicroLoRA& adapter = lora.adapter(0);
            std::vector<float> sum(2 * rank * dim, 1.0f);
            Doubles expected(sum.size(), 1.0);
            for (const float share : {0.7f, -0.3f}) {
                const auto h = random_unit(random, dim), g = random_unit(random, dim);
                const Doubles own = naive::derivative( // of L = g . z
                    [&](const Doubles& theta) {
                        return naive::dot(naive::adapt(lora.config(), theta, to_doubles(h), 0), to_doubles(g));
                    },
                    parameters(lora));
                FactoredGradient gradient{std::vector<float>(rank), std::vector<float>(rank)};
                adapter.project_back(kernels, g.data(), gradient.a.data());
                adapter.project(kernels, h.data(), gradient.b.data());
                for (std::size_t r = 0; r < rank; ++r) {
                    gradient.a[r] *= scaling;
                    gradient.b[r] *= scaling;
                }
                adapter.add_gradient(kernels, gradient, h.data(), g.data(), share, sum.data());
                for (std::size_t i = 0; i < own.size(); ++i)
                    expected[i] += static_cast<double>(share) * own[i];
            }
            for (std::size_t i = 0; i < sum.size(); ++i)
                ASSERT_NEAR(sum[i], expected[i], 1e-6) << "parameter " << i;
        }
}

// Examples of several types with weights of their own: each moves the shared adapter and its type's head.
TEST_P(SummedGradients, SharedAdapterAndHeadsSumTheirOwnShares)
{
    Random random(2);
    for (const std::size_t heads : {0u, 4u}) {
        const MultiHeadLoRA lora = random_lora({37, 2, heads, 0.5f, 3.0f}, random);
        std::vector<float> sum(lora.parameter_count(), 0.0f);
        Doubles expected(sum.size(), 0.0);
        const float weights[] = {1.0f, 0.6f, 0.25f, 2.0f};
        const std::size_t types[] = {0, 3, 3, 1};
        for (std::size_t n = 0; n < 4; ++n) {
            Example example(37, 2, random);
            const auto gradient = example.gradient(kernels, lora, types[n]);
            lora.add_gradient(types[n], gradient, example.h.data(), example.g.data(), weights[n], sum);
            const Doubles own =
                naive::gradient(lora.config(), parameters(lora), to_doubles(example.h), types[n], example.choice());
            for (std::size_t i = 0; i < own.size(); ++i)
                expected[i] += static_cast<double>(weights[n]) * own[i];
        }
        expect_gradient(to_doubles(sum), expected, 37);
        if (heads == 0)
            continue;
        const std::size_t per = lora.parameters_per_adapter();
        EXPECT_TRUE(all_zero(to_doubles(sum.data() + 3 * per, per))); // type 2 had no example
        for (const std::size_t adapter : {0u, 1u, 2u, 4u})
            EXPECT_FALSE(all_zero(to_doubles(sum.data() + adapter * per, per))) << adapter;
    }
}

// m = beta m + (1 - beta) share x; theta -= rate m, with no row taken for another, in every adapter.
TEST_P(SummedGradients, AStepAlongAGradientFollowsTheMomentumFormula)
{
    Random random(3);
    for (const std::size_t heads : {0u, 3u}) {
        MultiHeadLoRA lora = random_lora({37, 2, heads, 0.5f, 3.0f}, random);
        Doubles theta = parameters(lora), m(theta.size(), 0.0);
        for (int step = 0; step < 5; ++step) {
            const auto gradient = random_numbers(theta.size(), random);
            const float rate = 0.1f * static_cast<float>(1 + step % 3), share = random.value();
            lora.step_along(plain_step(share, 0.9f, rate), gradient);
            for (std::size_t i = 0; i < theta.size(); ++i) {
                m[i] = 0.9 * m[i] + 0.1 * static_cast<double>(share) * static_cast<double>(gradient[i]);
                theta[i] -= static_cast<double>(rate) * m[i];
                ASSERT_NEAR(parameters(lora)[i], theta[i], 1e-6) << "step " << step << ", parameter " << i;
            }
        }
    }
}

// One adapter's velocity, whichever of the two steps it is.
TEST_P(SummedGradients, BothKindsOfStepShareTheirMomentum)
{
    Random random(4);
    MultiHeadLoRA lora = random_lora({37, 2, 0, 0.5f, 3.0f}, random), twin = lora;
    for (int step = 0; step < 4; ++step) {
        Example example(37, 0, random);
        const auto gradient = example.gradient(kernels, lora, 0);
        const GradientStep own{
            &gradient, example.h.data(), example.g.data(), 0.5f, 0.9f, 0.25f, 0.0f, nullptr, nullptr};
        lora.step(0, own);
        if (step % 2 == 0) {
            twin.step(0, own);
            continue;
        }
        std::vector<float> sum(lora.parameter_count(), 0.0f);
        lora.add_gradient(0, gradient, example.h.data(), example.g.data(), 1.0f, sum);
        twin.step_along(plain_step(0.5f, 0.9f, 0.25f), sum);
    }
    for (std::size_t i = 0; i < lora.parameter_count(); ++i)
        ASSERT_NEAR(parameters(twin)[i], parameters(lora)[i], 1e-6) << i;
}

// Every adapter is pulled back, heads without an example among them: one step stands for the whole stage.
TEST_P(SummedGradients, AStepAlongAGradientAddsThePenaltyOfEveryAdapter)
{
    constexpr float rate = 0.25f, lambda = 40.0f;
    Random random(5);
    for (const std::size_t heads : {0u, 3u}) {
        MultiHeadLoRA lora = random_lora({37, 2, heads, 0.5f, 3.0f}, random);
        ElasticWeightConsolidation ewc({lambda, 0.9f, false}, lora.parameter_count());
        for (float& s : ewc.squares())
            s = std::fabs(random.value());
        ewc.example_added();
        ewc.update_fisher();
        ewc.consolidate(random_numbers(lora.parameter_count(), random));
        const auto gradient = random_numbers(lora.parameter_count(), random);
        const Doubles before = parameters(lora);
        const Doubles penalty = naive::derivative(
            [&](const Doubles& theta) {
                return naive::ewc_penalty(static_cast<double>(lambda), to_doubles(ewc.fisher()),
                                          to_doubles(ewc.reference()), theta);
            },
            before);
        Doubles expected(before.size());
        for (std::size_t i = 0; i < expected.size(); ++i)
            expected[i] = 0.5 * static_cast<double>(gradient[i]) + penalty[i];
        lora.step_along({nullptr, nullptr, nullptr, 0.5f, 0.0f, rate, ewc.active_lambda(), ewc.fisher().data(),
                         ewc.reference().data()},
                        gradient);
        expect_step(before, parameters(lora), rate, expected, 37);
    }
}

TEST_P(SummedGradients, SumsAndStepsHaveTheScalarBits)
{
    const auto run = [](const simd::KernelTable& k) {
        Random random(6);
        MultiHeadLoRA lora(k, {45, 3, 4, 0.5f, 3.0f}, 2);
        for (std::uint32_t step = 0; step < 3; ++step) {
            std::vector<float> sum(lora.parameter_count(), 0.0f);
            for (std::size_t n = 0; n < 5; ++n) {
                Example example(45, 1, random);
                const auto gradient = example.gradient(k, lora, n % 4);
                lora.add_gradient(n % 4, gradient, example.h.data(), example.g.data(), 0.3f, sum);
            }
            lora.step_along(plain_step(1.0f, 0.9f, 0.25f), sum);
        }
        return parameters(lora);
    };
    EXPECT_EQ(run(kernels), run(simd::kernels_for(simd::Isa::scalar)));
}

} // namespace
