#include "ruvllm/components/vector_bank.hpp"

#include <cstdint>
#include <stdexcept>
#include <utility>

#include "every_isa.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// Around the multiple of 16 that rows are padded to, and around a block of 32.
constexpr std::size_t dims[] = {1, 7, 15, 16, 17, 31, 32, 33, 48, 100, 258};

std::vector<float> random_values(Random& random, std::size_t n)
{
    std::vector<float> values(n);
    for (float& value : values)
        value = random.value();
    return values;
}

class Banks : public EveryIsa {
protected:
    VectorBank bank_of(const std::vector<float>& rows, std::size_t dim) const
    {
        VectorBank bank(kernels, dim);
        bank.add(rows);
        return bank;
    }

    // Both results of a bank beside those of the kernels on the rows as they were given.
    void expect_kernel_bits(const std::vector<float>& rows, const std::vector<float>& query) const
    {
        const std::size_t dim = query.size(), n = rows.size() / dim;
        const VectorBank bank = bank_of(rows, dim);
        GuardedFloats dots(n, 1), cosines(n, 3);
        bank.dot(query.data(), dots.data());
        bank.cosine(query.data(), cosines.data());
        for (std::size_t i = 0; i < n; ++i) {
            const float* row = rows.data() + i * dim;
            ASSERT_TRUE(has_bits(dots[i], lane_order::dot(row, query.data(), dim))) << i;
            float expected = 0.0f;
            kernels.cosine_many(query.data(), row, 1, dim, dim, &expected);
            ASSERT_TRUE(has_bits(cosines[i], expected)) << i;
            ASSERT_TRUE(has_bits(kernels.cosine(query.data(), row, dim), expected)) << i;
        }
        EXPECT_TRUE(dots.guards_intact());
        EXPECT_TRUE(cosines.guards_intact());
    }
};
RUVLLM_ON_EVERY_ISA(Banks);

TEST_P(Banks, ResultsHaveTheBitsOfTheKernels)
{
    Random random(1);
    for (const std::size_t dim : dims)
        for (const std::size_t n : {0u, 1u, 2u, 3u, 4u, 5u, 9u}) {
            SCOPED_TRACE("dim " + std::to_string(dim) + ", rows " + std::to_string(n));
            expect_kernel_bits(random_values(random, n * dim), random_values(random, dim));
        }
}

// Beyond the second-level cache rows are taken in another order, and long rows are asked for ahead of time.
TEST_P(Banks, LargeBanksHaveTheBitsOfTheKernels)
{
    Random random(2);
    constexpr std::pair<std::size_t, std::size_t> shapes[] = {{270, 1000}, {2055, 2060}};
    for (const auto& [n, dim] : shapes) {
        SCOPED_TRACE("dim " + std::to_string(dim) + ", rows " + std::to_string(n));
        expect_kernel_bits(random_values(random, n * dim), random_values(random, dim));
    }
}

TEST_P(Banks, CosineAgreesWithDoublePrecision)
{
    Random random(3);
    for (const std::size_t dim : dims) {
        const auto rows = random_values(random, 5 * dim), query = random_values(random, dim);
        float cosines[5];
        bank_of(rows, dim).cosine(query.data(), cosines);
        for (std::size_t i = 0; i < 5; ++i) {
            const float* row = rows.data() + i * dim;
            const double squares = naive::dot(row, row, dim).value * naive::dot(query.data(), query.data(), dim).value;
            EXPECT_NEAR(cosines[i], naive::dot(row, query.data(), dim).value / std::sqrt(squares), 1e-5);
        }
    }
}

TEST_P(Banks, SpecialRowsFollowTheKernelsRules)
{
    const std::vector<float> rows{0, 0, 0, 1, nan, 0, infinity, 1, 0, 1e-30f, 0, 0, -3, 0, 0};
    expect_kernel_bits(rows, {1.0f, 2.0f, 3.0f});
    expect_kernel_bits(rows, {0.0f, 0.0f, 0.0f});
    expect_kernel_bits(rows, {nan, 0.0f, 0.0f});
    float cosines[5];
    bank_of(rows, 3).cosine(std::vector<float>{2.0f, 0.0f, 0.0f}.data(), cosines);
    EXPECT_EQ(cosines[0], 0.0f);
    EXPECT_TRUE(std::isnan(cosines[1]));
    EXPECT_TRUE(std::isnan(cosines[2]));
    EXPECT_EQ(cosines[4], -1.0f);
}

TEST_P(Banks, RowsAddedInPartsAreTheSameBank)
{
    Random random(4);
    const std::size_t dim = 33;
    const auto rows = random_values(random, 7 * dim), query = random_values(random, dim);
    VectorBank parts(kernels, dim);
    constexpr std::size_t ends[] = {1, 1, 6, 7};
    for (std::size_t begin = 0; const std::size_t end : ends) {
        parts.add(std::span(rows).subspan(begin * dim, (end - begin) * dim));
        begin = end;
    }
    ASSERT_EQ(parts.size(), 7u);
    std::vector<float> expected(7), actual(7);
    bank_of(rows, dim).cosine(query.data(), expected.data());
    parts.cosine(query.data(), actual.data());
    EXPECT_EQ(actual, expected);
}

TEST_P(Banks, RowsBeginOnCacheLines)
{
    for (const std::size_t dim : dims) {
        const VectorBank bank = bank_of(std::vector<float>(3 * dim, 1.0f), dim);
        EXPECT_EQ(bank.stride() % 16, 0u);
        EXPECT_LT(bank.stride() - dim, 16u);
        for (std::size_t i = 0; i < 3; ++i) {
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bank.row(i)) % 64, 0u);
            for (std::size_t j = 0; j < bank.stride(); ++j)
                EXPECT_EQ(bank.row(i)[j], j < dim ? 1.0f : 0.0f);
        }
    }
}

TEST(BankErrors, RefusesRowsOfAnotherLength)
{
    const auto& kernels = simd::default_kernels();
    EXPECT_THROW(VectorBank(kernels, 0), std::invalid_argument);
    VectorBank bank(kernels, 4);
    EXPECT_THROW(bank.add(std::vector<float>(6)), std::invalid_argument);
    EXPECT_EQ(bank.size(), 0u);
}

// The kernel of one pair and that of a matrix: every size, offset and number of rows and columns around a tile.
class Products : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(Products);

TEST_P(Products, CosineOfAPairHasTheBitsOfCosineMany)
{
    Random random(5);
    for (const std::size_t n : sizes)
        for (const std::size_t offset : offsets) {
            const GuardedFloats a = random.floats(n, offset), b = random.floats(n, (offset + 3) % 8);
            float expected = 0.0f;
            kernels.cosine_many(a.data(), b.data(), 1, n, n, &expected);
            EXPECT_TRUE(has_bits(kernels.cosine(a.data(), b.data(), n), expected)) << n;
        }
}

TEST_P(Products, GemmHasTheBitsOfDotAndStaysInside)
{
    Random random(6);
    for (const std::size_t n : {0u, 1u, 31u, 32u, 33u, 100u, 1024u, 1100u, 2113u})
        for (const std::size_t n_rows : {0u, 1u, 3u, 4u, 5u, 8u, 13u})
            for (const std::size_t n_xs : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 9u, 20u, 43u}) {
                SCOPED_TRACE(std::to_string(n_rows) + " rows and " + std::to_string(n_xs) + " columns of " +
                             std::to_string(n));
                const GuardedFloats rows = random.floats(n_rows * n, 1), xs = random.floats(n_xs * n, 4);
                GuardedFloats out(n_rows * n_xs, 3);
                kernels.gemm(rows.data(), n_rows, n, xs.data(), n_xs, n, n, out.data());
                for (std::size_t c = 0; c < n_xs; ++c)
                    for (std::size_t r = 0; r < n_rows; ++r)
                        ASSERT_TRUE(has_bits(out[c * n_rows + r],
                                             lane_order::dot(rows.data() + r * n, xs.data() + c * n, n)))
                            << "row " << r << ", column " << c;
                ASSERT_TRUE(out.guards_intact());
            }
}

} // namespace
