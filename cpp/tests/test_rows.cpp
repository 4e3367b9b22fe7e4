// gemv, dot_pairs, gemv_transposed and cosine_many: kernels over several vectors.
#include "every_isa.hpp"

using namespace ruvllm::testing;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// Every count around the 4, 3 or 2 rows that a kernel takes at once.
constexpr std::size_t row_counts[] = {0, 1, 2, 3, 4, 5, 7, 9};

class Rows : public EveryIsa {
protected:
    // f(rows, n_rows, x) for every shape; the stride leaves a gap of NaN between rows in half of the cases
    template <class F>
    static void with_random_rows(F f)
    {
        Random random(2);
        for_each_case([&](std::size_t n, std::size_t offset) {
            for (const std::size_t n_rows : row_counts) {
                const std::size_t stride = n + (n_rows % 2 == 0 ? 0 : 5);
                SCOPED_TRACE("n = " + std::to_string(n) + ", offset = " + std::to_string(offset) +
                             ", rows = " + std::to_string(n_rows) + ", stride = " + std::to_string(stride));
                const GuardedRows rows(random, n_rows, n, stride, offset);
                const GuardedFloats x = random.floats(std::max(n, n_rows), (offset + 3) % 8);
                f(rows, n_rows, x.data());
            }
        });
    }
};
RUVLLM_ON_EVERY_ISA(Rows);

TEST_P(Rows, GemvHasTheBitsOfDotAndStaysInside)
{
    with_random_rows([&](const GuardedRows& rows, std::size_t n_rows, const float* x) {
        GuardedFloats out(n_rows, 1);
        kernels.gemv(rows.data(), n_rows, rows.stride(), x, rows.columns(), out.data());
        for (std::size_t r = 0; r < n_rows; ++r) {
            EXPECT_TRUE(has_bits(out[r], kernels.dot(rows.row(r), x, rows.columns()))) << r;
            EXPECT_TRUE(has_bits(out[r], lane_order::dot(rows.row(r), x, rows.columns()))) << r;
        }
        EXPECT_TRUE(out.guards_intact());
    });
}

TEST_P(Rows, DotPairsHaveTheBitsOfDotWhereverVectorsAreAndStayInside)
{
    with_random_rows([&](const GuardedRows& rows, std::size_t n_rows, const float* x) {
        std::vector<const float*> a, b;
        for (std::size_t r = 0; r < n_rows; ++r) { // a vector with itself, rows with others, some of them twice
            a.push_back(rows.row(n_rows - 1 - r));
            b.push_back(r % 3 == 1 ? a[r] : r % 3 == 0 ? x : rows.row(r / 2));
        }
        GuardedFloats out(n_rows, 1);
        kernels.dot_pairs(a.data(), b.data(), n_rows, rows.columns(), out.data());
        for (std::size_t r = 0; r < n_rows; ++r) {
            EXPECT_TRUE(has_bits(out[r], kernels.dot(a[r], b[r], rows.columns()))) << r;
            EXPECT_TRUE(has_bits(out[r], lane_order::dot(a[r], b[r], rows.columns()))) << r;
        }
        EXPECT_TRUE(out.guards_intact());
    });
}

TEST_P(Rows, GemvAgreesWithDoublePrecision)
{
    with_random_rows([&](const GuardedRows& rows, std::size_t n_rows, const float* x) {
        std::vector<float> out(n_rows);
        kernels.gemv(rows.data(), n_rows, rows.stride(), x, rows.columns(), out.data());
        for (std::size_t r = 0; r < n_rows; ++r) {
            const Naive expected = naive::dot(rows.row(r), x, rows.columns());
            EXPECT_NEAR(out[r], expected.value, tolerance(roundings_of_sum(rows.columns()), expected.magnitude)) << r;
        }
    });
}

TEST_P(Rows, GemvTransposedMatchesItsTwinsAndStaysInside)
{
    with_random_rows([&](const GuardedRows& rows, std::size_t n_rows, const float* c) {
        GuardedFloats out(rows.columns(), 3);
        kernels.gemv_transposed(rows.data(), n_rows, rows.stride(), c, rows.columns(), out.data());
        for (std::size_t i = 0; i < rows.columns(); ++i) {
            const auto column = [&](std::size_t r) { return rows.row(r)[i]; };
            EXPECT_TRUE(has_bits(out[i], weighted_sum<float>(n_rows, c, column))) << i;
            // |terms| <= 1, so their sum is at most the number of rows
            EXPECT_NEAR(out[i], weighted_sum<double>(n_rows, c, column),
                        tolerance(n_rows + 1, static_cast<double>(n_rows)))
                << i;
        }
        EXPECT_TRUE(out.guards_intact());
    });
}

TEST_P(Rows, GemvTransposedOfNoRowsOverwritesWithZero)
{
    std::vector<float> out(70, 5.0f);
    kernels.gemv_transposed(nullptr, 0, 70, nullptr, 70, out.data());
    EXPECT_EQ(out, std::vector<float>(70, 0.0f));
}

TEST_P(Rows, GemvTransposedKeepsNanAndInfinityInTheirColumn)
{
    std::vector<float> rows(2 * 70, 1.0f), c{1.0f, 1.0f}, out(70);
    rows[3] = nan;
    rows[66] = infinity;
    kernels.gemv_transposed(rows.data(), 2, 70, c.data(), 70, out.data());
    for (std::size_t i = 0; i < 70; ++i)
        EXPECT_TRUE(has_bits(out[i], i == 3 ? nan : i == 66 ? infinity : 2.0f)) << i;
}

TEST_P(Rows, CosineMatchesItsTwinsAndStaysInside)
{
    with_random_rows([&](const GuardedRows& rows, std::size_t n_rows, const float* query) {
        GuardedFloats out(n_rows, 1);
        kernels.cosine_many(query, rows.data(), n_rows, rows.stride(), rows.columns(), out.data());
        for (std::size_t r = 0; r < n_rows; ++r) {
            EXPECT_TRUE(has_bits(out[r], lane_order::cosine(query, rows.row(r), rows.columns()))) << r;
            // three sums, two roots, a product and a quotient; no term is larger than 1 (Cauchy-Schwarz)
            EXPECT_NEAR(out[r], naive::cosine(query, rows.row(r), rows.columns()),
                        tolerance(3 * roundings_of_sum(rows.columns()) + 4, 1.0))
                << r;
        }
        EXPECT_TRUE(out.guards_intact());
    });
}

TEST_P(Rows, CosineWithAZeroVectorIsZero)
{
    for (const std::size_t n : sizes) {
        const std::vector<float> zeros(n, 0.0f), ones(n, 1.0f);
        float out = 9.0f;
        kernels.cosine_many(zeros.data(), ones.data(), 1, n, n, &out);
        EXPECT_TRUE(has_bits(out, 0.0f)) << n;
        kernels.cosine_many(ones.data(), zeros.data(), 1, n, n, &out);
        EXPECT_TRUE(has_bits(out, 0.0f)) << n;
        kernels.cosine_many(zeros.data(), zeros.data(), 1, n, n, &out);
        EXPECT_TRUE(has_bits(out, 0.0f)) << n;
    }
}

TEST_P(Rows, CosineNeverLeavesItsRange)
{
    Random random(3);
    for (int repeat = 0; repeat < 500; ++repeat) {
        const GuardedFloats x = random.floats(33);
        GuardedFloats opposite(33);
        for (std::size_t i = 0; i < 33; ++i)
            opposite[i] = -3.0f * x[i];
        float same = 0.0f, reverse = 0.0f;
        kernels.cosine_many(x.data(), x.data(), 1, 33, 33, &same);
        kernels.cosine_many(x.data(), opposite.data(), 1, 33, 33, &reverse);
        EXPECT_LE(same, 1.0f);
        EXPECT_GE(reverse, -1.0f);
        EXPECT_NEAR(same, 1.0, tolerance(3 * roundings_of_sum(33) + 4, 1.0));
        EXPECT_NEAR(reverse, -1.0, tolerance(3 * roundings_of_sum(33) + 4, 1.0));
    }
}

TEST_P(Rows, CosineWithNanIsNan)
{
    std::vector<float> query(70, 1.0f), rows(2 * 70, 1.0f);
    rows[69] = nan;
    float out[2];
    kernels.cosine_many(query.data(), rows.data(), 2, 70, 70, out);
    EXPECT_TRUE(std::isnan(out[0]));
    EXPECT_NEAR(out[1], 1.0, tolerance(3 * roundings_of_sum(70) + 4, 1.0));
    query[0] = nan;
    kernels.cosine_many(query.data(), rows.data(), 2, 70, 70, out);
    EXPECT_TRUE(std::isnan(out[0]));
    EXPECT_TRUE(std::isnan(out[1]));
}

TEST_P(Rows, CosineWithInfinityIsNan)
{
    std::vector<float> query(70, 1.0f), row(70, 1.0f);
    row[2] = infinity; // infinite dot over infinite norm
    float out = 0.0f;
    kernels.cosine_many(query.data(), row.data(), 1, 70, 70, &out);
    EXPECT_TRUE(std::isnan(out));
}

// Squares of 1e20 overflow, those of 1e-23 vanish: the direction is as good as any other's.
TEST_P(Rows, CosineKnowsNoLength)
{
    Random random(4);
    for (const std::size_t n : {1u, 8u, 33u, 70u}) {
        const GuardedFloats x = random.floats(n), y = random.floats(n);
        const double expected = naive::cosine(x.data(), y.data(), n);
        for (const float length_x : {1e-40f, 1e-23f, 1e-18f, 1.0f, 1e18f, 1e20f, 1e37f})
            for (const float length_y : {1e-40f, 1e-23f, 1.0f, 1e20f, 1e37f}) {
                std::vector<float> a(n), b(n), out(2);
                for (std::size_t i = 0; i < n; ++i) {
                    a[i] = length_x * x[i];
                    b[i] = length_y * y[i];
                }
                // subnormal numbers have few digits themselves
                const double near = std::min(length_x, length_y) < 1e-37f ? 1e-3 : 1e-5;
                kernels.cosine_many(a.data(), b.data(), 1, n, n, out.data());
                EXPECT_NEAR(out[0], expected, near) << length_x << " and " << length_y;
                EXPECT_TRUE(has_bits(kernels.cosine(a.data(), b.data(), n), out[0]));
                const float norm = std::sqrt(kernels.squared_norm(b.data(), n));
                kernels.cosine_with_norms(a.data(), b.data(), &norm, 1, n, n, &out[1]);
                EXPECT_TRUE(has_bits(out[1], out[0]));
            }
    }
}

TEST_P(Rows, CosineOfAVectorWithItselfIsOneAtAnyLength)
{
    for (const float value : {1e-45f, 1e-40f, 1e-23f, 1e-10f, 1.0f, 1e20f, 3e38f})
        for (const std::size_t n : {1u, 8u, 40u}) {
            std::vector<float> x(n, value), zeros(n, 0.0f), broken(n, nan);
            EXPECT_NEAR(kernels.cosine(x.data(), x.data(), n), 1.0f, 1e-6) << value;
            EXPECT_TRUE(has_bits(kernels.cosine(x.data(), zeros.data(), n), 0.0f));
            EXPECT_TRUE(std::isnan(kernels.cosine(x.data(), broken.data(), n)));
            EXPECT_TRUE(std::isnan(kernels.cosine(zeros.data(), broken.data(), n)));
        }
}

TEST_P(Rows, SquaredNormsAreThoseOfOneRowEach)
{
    with_random_rows([&](const GuardedRows& rows, std::size_t n_rows, const float*) {
        GuardedFloats out(n_rows, 1);
        kernels.squared_norms(rows.data(), n_rows, rows.stride(), rows.columns(), out.data());
        for (std::size_t r = 0; r < n_rows; ++r)
            EXPECT_TRUE(has_bits(out[r], lane_order::dot(rows.row(r), rows.row(r), rows.columns()))) << r;
        EXPECT_TRUE(out.guards_intact());
    });
}

} // namespace
