#include "ruvllm/components/micro_lora.hpp"

#include <algorithm>

#include "counts.hpp"
#include "every_isa.hpp"
#include "naive_adapter.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

MicroLoRA adapter(std::size_t dim, std::size_t rank, std::uint64_t seed = 1)
{
    return MicroLoRA(dim, rank, 1.0f, numeric::RandomStream(seed, numeric::Purpose::adapter_init));
}

void randomise(MicroLoRA& lora, Random& random)
{
    for (float& p : lora.parameters())
        p = 0.3f * random.value();
}

class MicroLoras : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(MicroLoras);

TEST_P(MicroLoras, ForwardMatchesItsTwin)
{
    Random random(1);
    for (const std::size_t dim : {1u, 32u, 37u, 48u})
        for (std::size_t rank = 1; rank <= std::min<std::size_t>(dim, 4); ++rank) {
            MicroLoRA lora = adapter(dim, rank);
            randomise(lora, random);
            const auto h = random_unit(random, dim);
            std::vector<float> u(rank), z = h;
            lora.project(kernels, h.data(), u.data());
            (void)lora.add_output(kernels, z.data(), u.data(), 3.0f, z.data());
            const auto expected =
                naive::adapt({dim, rank, 0, 0.5f, 3.0f}, to_doubles(lora.parameters()), to_doubles(h), 0);
            for (std::size_t i = 0; i < dim; ++i)
                EXPECT_NEAR(z[i], expected[i], 1e-5) << dim << " " << rank;
        }
}

// Above 16 rows the output is added in parts: in the order of r all the same.
TEST_P(MicroLoras, OutputIsAddedRowByRow)
{
    Random random(6);
    for (const std::size_t rank : {1u, 2u, 5u, 16u, 17u, 40u}) {
        constexpr std::size_t dim = 45;
        MicroLoRA lora = adapter(dim, rank);
        randomise(lora, random);
        const auto u = random.floats(rank).values();
        auto z = random_unit(random, dim);
        std::vector<float> expected = z;
        for (std::size_t r = 0; r < rank; ++r)
            kernels.axpy(3.0f * u[r], lora.b().data() + r * dim, expected.data(), dim);
        (void)lora.add_output(kernels, z.data(), u.data(), 3.0f, z.data());
        EXPECT_EQ(z, expected) << rank;
    }
}

// The formula of the header for L = g . z, every parameter against a central difference.
TEST_P(MicroLoras, StepFollowsTheGradient)
{
    Random random(2);
    constexpr float scaling = 3.0f, rate = 64.0f;
    for (const std::size_t dim : {32u, 37u})
        for (const std::size_t rank : {1u, 2u, 4u}) {
            MicroLoRA lora = adapter(dim, rank);
            randomise(lora, random);
            const auto h = random_unit(random, dim), g = random_unit(random, dim);
            const Doubles before = to_doubles(lora.parameters());
            const Doubles expected = naive::derivative(
                [&](const Doubles& theta) {
                    return naive::dot(naive::adapt({dim, rank, 0, 0.5f, scaling}, theta, to_doubles(h), 0),
                                      to_doubles(g));
                },
                before);
            FactoredGradient gradient{std::vector<float>(rank), std::vector<float>(rank)};
            lora.project_back(kernels, g.data(), gradient.a.data());
            lora.project(kernels, h.data(), gradient.b.data());
            for (std::size_t r = 0; r < rank; ++r) {
                gradient.a[r] *= scaling;
                gradient.b[r] *= scaling;
            }
            std::vector<float> fisher(before.size(), 1.0f); // added to what is there
            lora.add_squared_gradient(kernels, gradient, h.data(), g.data(), 0.5f, fisher.data());
            for (std::size_t i = 0; i < fisher.size(); ++i)
                EXPECT_NEAR(fisher[i], 1.0 + 0.25 * expected[i] * expected[i], 1e-6);
            lora.step(kernels, {&gradient, h.data(), g.data(), 0.7f, 0.0f, rate, 0.0f, nullptr, nullptr});
            expect_step(before, to_doubles(lora.parameters()), rate, scaled(0.7, expected), dim);
        }
}

// m = beta m + (1 - beta) g; theta -= lr m, over several steps with different gradients and rates.
TEST_P(MicroLoras, MomentumFollowsTheFormula)
{
    Random random(3);
    constexpr std::size_t dim = 37, rank = 2;
    MicroLoRA lora = adapter(dim, rank);
    randomise(lora, random);
    Doubles theta = to_doubles(lora.parameters()), m(theta.size(), 0.0);
    for (int step = 0; step < 6; ++step) {
        const auto h = random_unit(random, dim), g = random_unit(random, dim);
        const FactoredGradient gradient{{random.value(), random.value()}, {random.value(), random.value()}};
        const float rate = 0.1f * static_cast<float>(1 + step % 3), share = random.value();
        lora.step(kernels, {&gradient, h.data(), g.data(), share, 0.9f, rate, 0.0f, nullptr, nullptr});
        for (std::size_t r = 0; r < 2 * rank; ++r)
            for (std::size_t i = 0; i < dim; ++i) {
                const std::size_t at = r * dim + i;
                const double own = r < rank ? static_cast<double>(gradient.a[r]) * static_cast<double>(h[i])
                                            : static_cast<double>(gradient.b[r - rank]) * static_cast<double>(g[i]);
                m[at] = 0.9 * m[at] + 0.1 * static_cast<double>(share) * own;
                theta[at] -= static_cast<double>(rate) * m[at];
            }
        for (std::size_t i = 0; i < theta.size(); ++i)
            ASSERT_NEAR(lora.parameters()[i], theta[i], 1e-6) << "step " << step << ", parameter " << i;
    }
}

TEST(MicroLoRA, StartsAsTheIdentity)
{
    const MicroLoRA lora = adapter(64, 3);
    EXPECT_TRUE(std::all_of(lora.b().begin(), lora.b().end(), [](float b) { return b == 0.0f; }));
    EXPECT_FALSE(std::any_of(lora.a().begin(), lora.a().end(), [](float a) { return a == 0.0f; }));
    EXPECT_EQ(lora.a().size(), 3u * 64u);
    EXPECT_EQ(lora.a().data(), lora.parameters().data());
    EXPECT_EQ(lora.b().data(), lora.parameters().data() + 3 * 64);
}

TEST(MicroLoRA, StartsNormalWithTheStatedVariance)
{
    const MicroLoRA lora(2048, 4, 0.5f, numeric::RandomStream(3, numeric::Purpose::adapter_init));
    double sum = 0.0, squares = 0.0;
    for (const float a : lora.a()) {
        sum += static_cast<double>(a);
        squares += static_cast<double>(a) * static_cast<double>(a);
    }
    const double n = 2048 * 4, variance = 0.25 / 2048;
    EXPECT_NEAR(sum / n, 0.0, 4.0 * std::sqrt(variance / n));
    EXPECT_NEAR(squares / n, variance, 4.0 * variance * std::sqrt(2.0 / n));
}

TEST(MicroLoRA, OtherStreamOtherStart)
{
    const auto first = adapter(32, 1, 1), again = adapter(32, 1, 1), other = adapter(32, 1, 2);
    EXPECT_TRUE(std::ranges::equal(first.parameters(), again.parameters()));
    EXPECT_FALSE(std::ranges::equal(first.parameters(), other.parameters()));
}

TEST(MicroLoRA, RefusesSizesThatAreNone)
{
    EXPECT_THROW(adapter(0, 1), std::invalid_argument);
    EXPECT_THROW(adapter(8, 0), std::invalid_argument);
    EXPECT_THROW(adapter(8, 9), std::invalid_argument);
    EXPECT_NO_THROW(adapter(8, 8));
}

} // namespace
