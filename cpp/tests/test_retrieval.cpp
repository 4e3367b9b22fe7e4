#include "ruvllm/components/retrieval.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "every_isa.hpp"
#include "ruvllm/components/hardest.hpp"

namespace ruvllm::components {
namespace {

using testing::EveryIsa;
using Indices = std::vector<std::int32_t>;

struct Matrix {
    std::vector<float> values;
    std::size_t rows, columns;

    [[nodiscard]] Rows view() const { return {values.data(), rows, columns}; }
};

Matrix random_matrix(std::size_t rows, std::size_t columns, std::uint64_t seed)
{
    testing::Random random(seed);
    return {random.floats(rows * columns).values(), rows, columns};
}

class Retrieval : public EveryIsa {
protected:
    Indices ranks(const Matrix& queries, const Matrix& solutions, const Indices& right,
                  const float* discount = nullptr) const
    {
        Indices out(queries.rows, -1);
        retrieval_ranks(kernels, queries.view(), solutions.view(), right.data(), out.data(), discount);
        return out;
    }

    Indices ordered(const Matrix& queries, const Matrix& solutions, const Indices& pool) const
    {
        Indices out(pool.size(), -1);
        hardest(kernels, queries.view(), solutions.view(), pool, pool.size() / queries.rows, out);
        return out;
    }

    std::vector<float> cosines(const Matrix& queries, std::size_t query, const Matrix& solutions) const
    {
        std::vector<float> out(solutions.rows);
        kernels.cosine_many(queries.view().row(query), solutions.values.data(), solutions.rows, solutions.columns,
                            solutions.columns, out.data());
        return out;
    }
};

// Sizes below, at and above one block of 12 rows (d = 4096), and awkward dimensions.
TEST_P(Retrieval, RankIsOnePlusTheNumberOfBetterOrEqualWrongOnes)
{
    for (const std::size_t d : {1u, 31u, 33u, 4096u})
        for (const std::size_t m : {1u, 11u, 12u, 13u, 50u}) {
            const Matrix queries = random_matrix(7, d, d + m), solutions = random_matrix(m, d, 99);
            Indices right, expected;
            for (std::size_t i = 0; i < queries.rows; ++i) {
                const std::size_t y = i * 5 % m;
                const auto cosine = cosines(queries, i, solutions);
                right.push_back(static_cast<std::int32_t>(y));
                std::int32_t rank = 1;
                for (std::size_t j = 0; j < m; ++j)
                    rank += j != y && cosine[j] >= cosine[y];
                expected.push_back(rank);
            }
            EXPECT_EQ(ranks(queries, solutions, right), expected) << "d " << d << ", m " << m;
        }
}

TEST_P(Retrieval, ADiscountIsTakenFromEveryCosineOfASolution)
{
    const Matrix queries{{1, 0, 0, 1}, 2, 2}, solutions{{1, 0, 0, 1, 3, 4}, 3, 2}; // cosines 1 0 0.6, 0 1 0.8
    const std::vector<float> none{0, 0, 0}, some{0.5f, 0, 0}, more{0.5f, 0.5f, -0.5f};
    EXPECT_EQ(ranks(queries, solutions, {0, 1}, none.data()), (Indices{1, 1}));
    EXPECT_EQ(ranks(queries, solutions, {0, 1}, some.data()), (Indices{2, 1}));
    EXPECT_EQ(ranks(queries, solutions, {0, 2}, more.data()), (Indices{2, 1}));
}

TEST_P(Retrieval, TiesCountAgainst)
{
    const Matrix query{{1, 2}, 1, 2}, solutions{{2, 1, 1, 2, 2, 4, 1, 2}, 4, 2};
    EXPECT_EQ(ranks(query, solutions, {1}), (Indices{3}));
    EXPECT_EQ(ranks(query, solutions, {0}), (Indices{4}));
}

TEST_P(Retrieval, NanNeverHelps)
{
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const Matrix query{{1, 0}, 1, 2}, solutions{{1, 0, nan, 0, -1, 0}, 3, 2};
    EXPECT_EQ(ranks(query, solutions, {0}), (Indices{2}));
    EXPECT_EQ(ranks(query, solutions, {1}), (Indices{3}));
    EXPECT_EQ(ranks({{nan, 0}, 1, 2}, solutions, {0}), (Indices{3}));
}

TEST_P(Retrieval, ZeroVectorsHaveCosineZero)
{
    const Matrix solutions{{0, 0, 1, 0, -1, 0}, 3, 2};
    EXPECT_EQ(ranks({{1, 0}, 1, 2}, solutions, {0}), (Indices{2}));
    EXPECT_EQ(ranks({{0, 0}, 1, 2}, solutions, {1}), (Indices{3}));
}

TEST_P(Retrieval, RefusesAnIndexThatIsNoSolution)
{
    const Matrix query = random_matrix(1, 4, 1), solutions = random_matrix(3, 4, 2);
    for (const std::int32_t bad : {-1, 3}) {
        EXPECT_THROW(ranks(query, solutions, {bad}), std::out_of_range);
        EXPECT_THROW(ordered(query, solutions, {0, bad}), std::out_of_range);
    }
}

// More queries than a block (48 at d = 4096), each with its own pool; solutions of different lengths and a tie.
TEST_P(Retrieval, HardestIsTheOrderByCosine)
{
    for (const std::size_t d : {1u, 33u, 4096u}) {
        const std::size_t n = 101, m = 20, p = 6;
        const Matrix queries = random_matrix(n, d, 5);
        Matrix solutions = random_matrix(m, d, 6);
        for (std::size_t i = 0; i < solutions.values.size(); ++i)
            solutions.values[i] *= static_cast<float>(1u << (i / d % 4));
        std::copy_n(solutions.values.begin(), d, solutions.values.begin() + static_cast<std::ptrdiff_t>(2 * d));
        Indices pool, expected;
        for (std::size_t i = 0; i < n; ++i) {
            Indices row(p);
            for (std::size_t k = 0; k < p; ++k)
                row[k] = static_cast<std::int32_t>((i + k * (k + 1)) % m);
            pool.insert(pool.end(), row.begin(), row.end());
            // cosine without the query's length, which all share: its rounding could make other ties
            const auto key = [&](std::int32_t j) {
                const float* s = solutions.view().row(static_cast<std::size_t>(j));
                return kernels.dot(s, queries.view().row(i), d) / std::sqrt(kernels.squared_norm(s, d));
            };
            std::ranges::sort(row, [&](auto a, auto b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
            expected.insert(expected.end(), row.begin(), row.end());
        }
        EXPECT_EQ(ordered(queries, solutions, pool), expected) << "d " << d;
    }
}

TEST_P(Retrieval, HardestSortsNanLast)
{
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const Matrix solutions{{nan, 0, -1, 0, 1, 0}, 3, 2};
    EXPECT_EQ(ordered({{1, 0}, 1, 2}, solutions, {0, 1, 2}), (Indices{2, 1, 0}));
}

TEST_P(Retrieval, IsTheSameOnEveryInstructionSet)
{
    const Matrix queries = random_matrix(60, 1000, 1), solutions = random_matrix(60, 1000, 2);
    Indices right(60);
    std::iota(right.begin(), right.end(), 0);
    Indices expected(60), all_pools, order(3600);
    retrieval_ranks(simd::kernels_for(simd::Isa::scalar), queries.view(), solutions.view(), right.data(),
                    expected.data());
    EXPECT_EQ(ranks(queries, solutions, right), expected);

    for (int i = 0; i < 60; ++i)
        all_pools.insert(all_pools.end(), right.begin(), right.end());
    hardest(simd::kernels_for(simd::Isa::scalar), queries.view(), solutions.view(), all_pools, 60, order);
    EXPECT_EQ(ordered(queries, solutions, all_pools), order);
}

RUVLLM_ON_EVERY_ISA(Retrieval);

} // namespace
} // namespace ruvllm::components
