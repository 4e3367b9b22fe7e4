// Kernels that change an array in place: axpy, scale, ema_of_squares, add_squares, momentum_step, and their joined forms.
#include "every_isa.hpp"

using namespace ruvllm::testing;
using ruvllm::simd::MomentumStep;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

class Updates : public EveryIsa {
protected:
    // Runs `kernel(x, y, n)` on every size and misalignment: y must become float_twin(x_i, y_i) to the bit, agree
    // with double_twin within `roundings` of magnitude(|x_i|, |y_i|), and nothing else may change.
    template <class Kernel, class FloatTwin, class DoubleTwin>
    static void check(std::size_t roundings, Kernel kernel, FloatTwin float_twin, DoubleTwin double_twin)
    {
        Random random(4);
        for_each_case([&](std::size_t n, std::size_t offset) {
            SCOPED_TRACE("n = " + std::to_string(n) + ", offset = " + std::to_string(offset));
            const GuardedFloats x = random.floats(n, offset);
            GuardedFloats y = random.floats(n, (offset + 3) % 8);
            const std::vector<float> x_before = x.values(), y_before = y.values();
            kernel(x.data(), y.data(), n);
            for (std::size_t i = 0; i < n; ++i) {
                const double dx = static_cast<double>(x_before[i]), dy = static_cast<double>(y_before[i]);
                EXPECT_TRUE(has_bits(y[i], float_twin(x_before[i], y_before[i]))) << i;
                EXPECT_NEAR(y[i], double_twin(dx, dy),
                            tolerance(roundings, std::fabs(double_twin(std::fabs(dx), std::fabs(dy)))))
                    << i;
            }
            EXPECT_EQ(x.values(), x_before);
            EXPECT_TRUE(y.guards_intact());
        });
    }
};
RUVLLM_ON_EVERY_ISA(Updates);

TEST_P(Updates, AxpyMatchesItsTwins)
{
    const float a = 0.3f;
    check(
        2, [&](const float* x, float* y, std::size_t n) { kernels.axpy(a, x, y, n); },
        [&](float x, float y) { return axpy_element(a, x, y); },
        [&](double x, double y) { return axpy_element(static_cast<double>(a), x, y); });
}

TEST_P(Updates, ScaleMatchesItsTwins)
{
    const float a = -1.7f;
    check(
        1, [&](const float*, float* y, std::size_t n) { kernels.scale(a, y, n); },
        [&](float, float y) { return a * y; }, [&](double, double y) { return static_cast<double>(a) * y; });
}

// Every number of rows that is unrolled and some that are not, rows apart and misaligned; in place and not.
TEST_P(Updates, AddRowsIsOneAxpyAfterTheOther)
{
    for_each_case([&](std::size_t n, std::size_t offset) {
        for (const std::size_t n_rows : {0u, 1u, 2u, 3u, 4u, 5u, 8u, 9u}) {
            SCOPED_TRACE("n = " + std::to_string(n) + ", offset = " + std::to_string(offset) + ", rows = " +
                         std::to_string(n_rows));
            Random random(n + n_rows);
            const GuardedRows rows(random, n_rows, n, n + 5, offset);
            const std::vector<float> c = random.floats(n_rows).values();
            std::vector<const float*> pointers;
            for (std::size_t r = 0; r < n_rows; ++r)
                pointers.push_back(rows.row(r));
            GuardedFloats x = random.floats(n, (offset + 3) % 8), out(n, offset);
            const std::vector<float> before = x.values();
            const float norm = kernels.add_rows(x.data(), pointers.data(), c.data(), n_rows, n, out.data());
            for (std::size_t i = 0; i < n; ++i) {
                float expected = before[i];
                for (std::size_t r = 0; r < n_rows; ++r)
                    expected = axpy_element(c[r], rows.row(r)[i], expected);
                EXPECT_TRUE(has_bits(out[i], expected)) << i;
            }
            EXPECT_TRUE(has_bits(norm, lane_order::dot(out.data(), out.data(), n)));
            EXPECT_TRUE(out.guards_intact());
            EXPECT_EQ(x.values(), before);
            EXPECT_TRUE(has_bits(kernels.add_rows(x.data(), pointers.data(), c.data(), n_rows, n, x.data()), norm));
            EXPECT_EQ(x.values(), out.values());
            EXPECT_TRUE(x.guards_intact());
        }
    });
}

TEST_P(Updates, EmaOfSquaresMatchesItsTwins)
{
    const float decay = 0.92f, weight = 0.08f;
    check(
        3, [&](const float* x, float* f, std::size_t n) { kernels.ema_of_squares(decay, weight, x, f, n); },
        [&](float x, float f) { return ema_of_squares_element(decay, weight, x, f); },
        [&](double x, double f) {
            return ema_of_squares_element(static_cast<double>(decay), static_cast<double>(weight), x, f);
        });
}

TEST_P(Updates, AddSquaresMatchesItsTwins)
{
    const float c = 2.3f;
    check(
        4, [&](const float* x, float* f, std::size_t n) { kernels.add_squares(c, x, f, n); },
        [&](float x, float f) { return add_squares_element(c, x, f); },
        [&](double x, double f) { return add_squares_element(static_cast<double>(c), x, f); });
}

TEST_P(Updates, NanAndInfinityStayAtTheirPlace)
{
    std::vector<float> x(70, 1.0f), y(70, 1.0f);
    x[2] = nan;
    x[65] = infinity;
    y[40] = nan;
    kernels.axpy(2.0f, x.data(), y.data(), 70);
    for (std::size_t i = 0; i < 70; ++i)
        EXPECT_TRUE(has_bits(y[i], i == 2 || i == 40 ? nan : i == 65 ? infinity : 3.0f)) << i;
    std::vector<float> f(70, 0.5f);
    kernels.ema_of_squares(0.5f, 1.0f, x.data(), f.data(), 70);
    for (std::size_t i = 0; i < 70; ++i)
        EXPECT_TRUE(has_bits(f[i], i == 2 ? nan : i == 65 ? infinity : 1.25f)) << i;
    kernels.add_squares(0.0f, x.data(), f.data(), 70); // 0 * inf
    EXPECT_TRUE(std::isnan(f[65]));
    EXPECT_EQ(f[0], 1.25f);
}

TEST_P(Updates, ScaleByZeroKeepsTheSign)
{
    std::vector<float> x{1.0f, -1.0f, 0.0f, -0.0f, infinity};
    kernels.scale(0.0f, x.data(), x.size());
    const float expected[] = {0.0f, -0.0f, 0.0f, -0.0f, nan};
    for (std::size_t i = 0; i < x.size(); ++i)
        EXPECT_TRUE(has_bits(x[i], expected[i])) << i;
}

// One momentum step on random arrays; fisher and reference are passed on only where asked for.
class MomentumStepCase {
public:
    MomentumStepCase(std::size_t n, std::size_t offset) : MomentumStepCase(n, offset, Random(n + 100 * offset)) {}

    void run(const ruvllm::simd::KernelTable& kernels, const MomentumStep& step, bool with_ewc)
    {
        kernels.momentum_step(step, x.data(), with_ewc ? fisher.data() : nullptr,
                              with_ewc ? reference.data() : nullptr, m.data(), theta.data(), x.size());
    }

    GuardedFloats x, fisher, reference, m, theta;

private:
    MomentumStepCase(std::size_t n, std::size_t offset, Random random)
        : x(random.floats(n, offset)), fisher(random.non_negative(n, (offset + 1) % 8)),
          reference(random.floats(n, (offset + 2) % 8)), m(random.floats(n, (offset + 3) % 8)),
          theta(random.floats(n, (offset + 4) % 8))
    {
    }
};

void expect_twins(const MomentumStepCase& before, const MomentumStepCase& after, const MomentumStep& step)
{
    const float take = 1.0f - step.momentum;
    const double c = static_cast<double>(step.coefficient), beta = static_cast<double>(step.momentum),
                 rate = static_cast<double>(step.learning_rate), lambda = static_cast<double>(step.ewc_lambda);
    for (std::size_t i = 0; i < before.x.size(); ++i) {
        const auto exact = momentum_element(step.coefficient, step.momentum, take, step.learning_rate, step.ewc_lambda,
                                            before.x[i], before.fisher[i], before.reference[i], before.m[i],
                                            before.theta[i]);
        EXPECT_TRUE(has_bits(after.m[i], exact.velocity)) << i;
        EXPECT_TRUE(has_bits(after.theta[i], exact.theta)) << i;
        const double x = static_cast<double>(before.x[i]), fisher = static_cast<double>(before.fisher[i]),
                     reference = static_cast<double>(before.reference[i]), m = static_cast<double>(before.m[i]),
                     theta = static_cast<double>(before.theta[i]);
        const auto naive = momentum_element(c, beta, 1.0 - beta, rate, lambda, x, fisher, reference, m, theta);
        // the same formula with every term positive: its magnitude
        const auto size = momentum_element(std::fabs(c), beta, 1.0 - beta, -rate, lambda, std::fabs(x), fisher,
                                           -std::fabs(reference), std::fabs(m), std::fabs(theta));
        EXPECT_NEAR(after.m[i], naive.velocity, tolerance(8, size.velocity)) << i;
        EXPECT_NEAR(after.theta[i], naive.theta, tolerance(10, size.theta)) << i;
    }
}

void check_momentum_step(const ruvllm::simd::KernelTable& kernels, const MomentumStep& step)
{
    for_each_case([&](std::size_t n, std::size_t offset) {
        SCOPED_TRACE("n = " + std::to_string(n) + ", offset = " + std::to_string(offset));
        const MomentumStepCase before(n, offset);
        MomentumStepCase after(n, offset);
        after.run(kernels, step, step.ewc_lambda != 0.0f);
        expect_twins(before, after, step);
        EXPECT_EQ(after.x.values(), before.x.values());
        EXPECT_EQ(after.fisher.values(), before.fisher.values());
        EXPECT_EQ(after.reference.values(), before.reference.values());
        EXPECT_TRUE(after.m.guards_intact());
        EXPECT_TRUE(after.theta.guards_intact());
    });
}

TEST_P(Updates, MomentumStepWithoutEwcReadsNeitherFisherNorReference)
{
    check_momentum_step(kernels, {.coefficient = -0.7f, .momentum = 0.9f, .learning_rate = 0.05f, .ewc_lambda = 0.0f});
}

TEST_P(Updates, MomentumStepWithEwcPullsTowardsTheReference)
{
    check_momentum_step(kernels, {.coefficient = 0.4f, .momentum = 0.9f, .learning_rate = 0.01f, .ewc_lambda = 40.0f});
}

TEST_P(Updates, MomentumStepWithEwcNeverPassesTheReference)
{
    const MomentumStep step{.coefficient = 0.0f, .momentum = 0.0f, .learning_rate = 0.5f, .ewc_lambda = 1e9f};
    check_momentum_step(kernels, step);
    const MomentumStepCase before(40, 0);
    MomentumStepCase after(40, 0);
    after.run(kernels, step, true);
    for (std::size_t i = 0; i < before.x.size(); ++i)
        EXPECT_NEAR(after.theta[i], before.reference[i], 1e-6) << i;
}

// Rows that share x; what lies between the rows is NaN and stays.
TEST_P(Updates, MomentumRowsIsOneStepAfterTheOther)
{
    for (const float ewc_lambda : {0.0f, 40.0f})
        for (const std::size_t n : sizes) {
            SCOPED_TRACE("n = " + std::to_string(n) + ", lambda = " + std::to_string(ewc_lambda));
            constexpr std::size_t n_rows = 3;
            const std::size_t stride = n + 3;
            const MomentumStep step{.coefficient = -0.7f, .momentum = 0.9f, .learning_rate = 0.05f,
                                    .ewc_lambda = ewc_lambda};
            Random random(n);
            const std::vector<float> c = random.floats(n_rows).values();
            const GuardedFloats x = random.floats(n, 1), fisher = random.non_negative(n_rows * stride),
                                reference = random.floats(n_rows * stride, 2);
            GuardedFloats m = random.floats(n_rows * stride, 3), theta = random.floats(n_rows * stride, 4);
            std::vector<float> expected_m = m.values(), expected_theta = theta.values();
            for (std::size_t r = 0; r < n_rows; ++r) {
                MomentumStep own = step;
                own.coefficient = step.coefficient * c[r];
                kernels.momentum_step(own, x.data(), fisher.data() + r * stride, reference.data() + r * stride,
                                      expected_m.data() + r * stride, expected_theta.data() + r * stride, n);
            }
            const bool with_ewc = ewc_lambda != 0.0f;
            kernels.momentum_rows(step, c.data(), n_rows, stride, x.data(), with_ewc ? fisher.data() : nullptr,
                                  with_ewc ? reference.data() : nullptr, m.data(), theta.data(), n);
            EXPECT_EQ(m.values(), expected_m);
            EXPECT_EQ(theta.values(), expected_theta);
            EXPECT_TRUE(m.guards_intact());
            EXPECT_TRUE(theta.guards_intact());
        }
}

TEST_P(Updates, MomentumStepByHand)
{
    // gradient = 2 * 3 + 4 * 0.5 * (1 - 2) = 4; m = 0.5 * 8 + 0.5 * 4 = 6; theta = 1 - 0.25 * 6
    const float x = 3.0f, fisher = 0.5f, reference = 2.0f;
    float m = 8.0f, theta = 1.0f;
    kernels.momentum_step({.coefficient = 2.0f, .momentum = 0.5f, .learning_rate = 0.25f, .ewc_lambda = 4.0f}, &x,
                          &fisher, &reference, &m, &theta, 1);
    EXPECT_EQ(m, 6.0f);
    EXPECT_EQ(theta, -0.5f);
}

} // namespace
