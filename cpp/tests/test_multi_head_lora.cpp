// Adapter, cosine and InfoNCE together: the gradients that an engine learns by. Summed: test_summed_gradients.cpp.
#include "ruvllm/components/multi_head_lora.hpp"

#include <algorithm>

#include "lora_cases.hpp"
#include "ruvllm/components/elastic_weight_consolidation.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class MultiHeadLoras : public MultiHeadCase {};
RUVLLM_ON_EVERY_ISA(MultiHeadLoras);

TEST_P(MultiHeadLoras, ForwardMatchesItsTwin)
{
    Random random(1);
    for (const std::size_t dim : {32u, 37u})
        for (const std::size_t heads : {0u, 1u, 4u}) {
            const MultiHeadLoRA lora = random_lora({dim, 3, heads, 0.5f, 2.0f}, random);
            const auto h = random_unit(random, dim);
            std::vector<float> u(3), z(dim);
            for (std::size_t type = 0; type < std::max<std::size_t>(heads, 1); ++type) {
                lora.forward(h.data(), type, u, z.data());
                const Doubles expected = naive::adapt(lora.config(), parameters(lora), to_doubles(h), type);
                for (std::size_t i = 0; i < dim; ++i)
                    EXPECT_NEAR(z[i], expected[i], 1e-5) << heads << " heads, type " << type;
            }
        }
}

// Shared and head, A and B, through the cosine; with a weight on the gradient and with negatives from a memory.
TEST_P(MultiHeadLoras, StepFollowsTheGradientOfTheWholeLoss)
{
    constexpr float rate = 16.0f;
    Random random(2);
    for (const std::size_t dim : {32u, 37u, 48u})
        for (const std::size_t rank : {1u, 2u, 4u})
            for (const std::size_t heads : {0u, 4u})
                for (const std::size_t n_negatives : {0u, 5u}) {
                    SCOPED_TRACE("dim " + std::to_string(dim) + ", rank " + std::to_string(rank) + ", heads " +
                                 std::to_string(heads) + ", negatives " + std::to_string(n_negatives));
                    MultiHeadLoRA lora = random_lora({dim, rank, heads, 0.5f, 3.0f}, random);
                    Example example(dim, n_negatives, random);
                    const std::size_t type = heads == 0 ? 3 : rank % heads;
                    const Doubles before = parameters(lora);
                    const Doubles expected = naive::gradient(lora.config(), before, to_doubles(example.h), type,
                                                             example.choice());
                    const auto gradient = example.gradient(kernels, lora, type);
                    const float weight = 0.6f; // an importance weight
                    lora.step(type, {&gradient, example.h.data(), example.g.data(), weight, 0.0f, rate, 0.0f, nullptr,
                                     nullptr});
                    expect_step(before, parameters(lora), rate, scaled(0.6, expected), dim);
                }
}

TEST_P(MultiHeadLoras, StepWithEwcFollowsLossAndPenalty)
{
    constexpr float rate = 0.25f, lambda = 40.0f; // lambda times the largest Fisher information is 1 / rate at most
    Random random(3);
    for (const std::size_t heads : {0u, 3u}) {
        MultiHeadLoRA lora = random_lora({37, 2, heads, 0.5f, 3.0f}, random);
        Example example(37, 2, random);
        ElasticWeightConsolidation ewc({lambda, 0.9f, false}, lora.parameter_count());
        for (float& s : ewc.squares())
            s = std::fabs(random.value());
        ewc.example_added();
        ewc.update_fisher();
        std::vector<float> reference(lora.parameter_count());
        for (float& r : reference)
            r = 0.25f * random.value();
        ewc.consolidate(reference);
        const std::size_t type = heads == 0 ? 0 : 2;
        const Doubles before = parameters(lora), fisher = to_doubles(ewc.fisher());
        Doubles expected = naive::derivative(
            [&](const Doubles& theta) {
                return naive::info_nce(naive::adapt(lora.config(), theta, to_doubles(example.h), type),
                                       example.choice()) +
                       naive::ewc_penalty(static_cast<double>(lambda), fisher, to_doubles(reference), theta);
            },
            before);
        for (std::size_t i = 0; i < expected.size(); ++i) // heads of other types stay where they are
            if (const std::size_t adapter = i / lora.parameters_per_adapter(); adapter != 0 && adapter != 1 + type)
                expected[i] = 0.0;
        const auto gradient = example.gradient(kernels, lora, type);
        lora.step(type, {&gradient, example.h.data(), example.g.data(), 1.0f, 0.0f, rate, ewc.active_lambda(),
                         ewc.fisher().data(), ewc.reference().data()});
        expect_step(before, parameters(lora), rate, expected, 37);
    }
}

TEST_P(MultiHeadLoras, GradientNormIsThatOfTheSharedAdapter)
{
    Random random(4);
    for (const std::size_t heads : {0u, 4u}) {
        const MultiHeadLoRA lora = random_lora({37, 2, heads, 0.5f, 3.0f}, random);
        Example example(37, 0, random);
        const auto gradient = example.gradient(kernels, lora, 1);
        Doubles expected =
            naive::gradient(lora.config(), parameters(lora), to_doubles(example.h), 1, example.choice());
        expected.resize(lora.parameters_per_adapter());
        const double norm = std::sqrt(naive::dot(expected, expected));
        EXPECT_NEAR(lora.gradient_norm(gradient, example.h.data(), example.g.data()), norm,
                    gradient_tolerance * norm);
    }
}

TEST_P(MultiHeadLoras, SquaredGradientsAreThoseOfEachExample)
{
    Random random(5);
    const MultiHeadLoRA lora = random_lora({37, 2, 3, 0.5f, 3.0f}, random);
    std::vector<float> squares(lora.parameter_count(), 0.0f);
    Doubles expected(lora.parameter_count(), 0.0);
    for (const std::size_t type : {0u, 2u, 2u}) {
        Example example(37, 1, random);
        const auto gradient = example.gradient(kernels, lora, type);
        lora.add_squared_gradient(type, gradient, example.h.data(), example.g.data(), squares);
        const Doubles own =
            naive::gradient(lora.config(), parameters(lora), to_doubles(example.h), type, example.choice());
        for (std::size_t i = 0; i < own.size(); ++i)
            expected[i] += own[i] * own[i];
    }
    expect_gradient(to_doubles(squares), expected, 37);
    const std::size_t per = lora.parameters_per_adapter();
    EXPECT_TRUE(all_zero(std::span(expected).subspan(2 * per, per))); // type 1 had no example
    EXPECT_FALSE(all_zero(std::span(expected).subspan(3 * per, per)));
}

// Also their momentum: a head that waited moves by its own first gradient alone.
TEST_P(MultiHeadLoras, AStepOfOneTypeLeavesTheOtherHeadsAlone)
{
    Random random(6);
    MultiHeadLoRA lora = random_lora({37, 2, 4, 0.5f, 3.0f}, random);
    const std::size_t per = lora.parameters_per_adapter();
    constexpr float rate = 0.0625f;
    for (const std::size_t type : {1u, 3u}) {
        Example example(37, 0, random);
        const Doubles before = parameters(lora);
        Doubles expected = scaled(
            0.1, naive::gradient(lora.config(), before, to_doubles(example.h), type, example.choice()));
        const auto factored = example.gradient(kernels, lora, type);
        lora.step(type, {&factored, example.h.data(), example.g.data(), 1.0f, 0.9f, rate, 0.0f, nullptr, nullptr});
        const Doubles after = parameters(lora);
        for (std::size_t i = 0; i < after.size(); ++i)
            if (i >= per && i / per != 1 + type) {
                EXPECT_EQ(after[i], before[i]);
            }
        const auto head = [&](const Doubles& x) { return Doubles(&x[(1 + type) * per], &x[(1 + type) * per] + per); };
        expect_step(head(before), head(after), rate, head(expected), 37);
    }
}

TEST_P(MultiHeadLoras, AdaptersStartApartAndHeadsAtHalfTheScale)
{
    const MultiHeadLoRA lora(kernels, {512, 2, 4, 0.5f, 1.0f}, 3);
    for (std::size_t i = 0; i <= 4; ++i) {
        const Doubles a = to_doubles(lora.adapter(i).a());
        EXPECT_NEAR(naive::dot(a, a) / 2.0, i == 0 ? 1.0 : 0.25, i == 0 ? 0.2 : 0.05) << i;
        for (std::size_t j = 0; j < i; ++j)
            EXPECT_FALSE(std::ranges::equal(lora.adapter(i).a(), lora.adapter(j).a()));
    }
    EXPECT_EQ(lora.parameter_count(), 5u * 2u * 2u * 512u);
    Random random(7);
    const auto h = random_unit(random, 512);
    std::vector<float> u(2), z(512);
    lora.forward(h.data(), 2, u, z.data());
    EXPECT_EQ(z, h); // B is 0
}

TEST_P(MultiHeadLoras, RefusesTypesAndScratchThatDoNotFit)
{
    const MultiHeadLoRA lora(kernels, {32, 2, 4, 0.5f, 1.0f}, 3);
    std::vector<float> h(32, 0.1f), z(32), u(2), wrong(3);
    EXPECT_THROW(lora.forward(h.data(), 4, u, z.data()), std::invalid_argument);
    EXPECT_THROW(lora.forward(h.data(), 0, wrong, z.data()), std::invalid_argument);
    EXPECT_THROW((void)lora.gradient(u, h.data(), 4), std::invalid_argument);
    EXPECT_THROW(MultiHeadLoRA(kernels, {0, 2, 4, 0.5f, 1.0f}, 3), std::invalid_argument);
}

// One call, and the four calls that it stands for, over several steps: the same bits everywhere.
TEST_P(MultiHeadLoras, LearnIsForwardLossGradientAndStep)
{
    Random random(9);
    for (const std::size_t dim : {32u, 37u, 1536u})
        for (const std::size_t rank : {1u, 2u, 4u, 17u}) // 17: more rows than add_output() takes at once
            for (const std::size_t heads : {0u, 3u}) {
                SCOPED_TRACE("dim " + std::to_string(dim) + ", rank " + std::to_string(rank) + ", heads " +
                             std::to_string(heads));
                MultiHeadLoRA one_call = random_lora({dim, rank, heads, 0.5f, 3.0f}, random), four_calls = one_call;
                const Doubles start = parameters(one_call);
                for (std::size_t i = 0; i < 4; ++i) {
                    const std::size_t type = heads == 0 ? 0 : i % heads;
                    const Example example(dim, i, random);
                    InfoNceInput in{nullptr, 0, example.candidates.data(), 6, example.right, {}, 0.07};
                    for (const auto& negative : example.negatives)
                        in.negatives.push_back(negative.data());
                    const GradientStep step{nullptr, nullptr, nullptr, 1.0f, 0.9f, 0.05f, 0.0f, nullptr, nullptr};
                    const double loss = one_call.learn(type, example.h.data(), in, step);

                    std::vector<float> u(rank), z(dim), g(dim);
                    four_calls.forward(example.h.data(), type, u, z.data());
                    in.z = z.data();
                    in.dim = dim;
                    EXPECT_EQ(loss, info_nce(kernels, in, g));
                    const FactoredGradient gradient = four_calls.gradient(u, g.data(), type);
                    four_calls.step(type, {&gradient, example.h.data(), g.data(), 1.0f, 0.9f, 0.05f, 0.0f, nullptr,
                                           nullptr});
                    ASSERT_EQ(parameters(one_call), parameters(four_calls)) << "step " << i;
                }
                EXPECT_NE(parameters(one_call), start);
            }
}

} // namespace
