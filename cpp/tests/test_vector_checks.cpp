// What is refused before anything is computed from it: see vector_checks.hpp and safe_range.hpp.
#include "ruvllm/components/vector_checks.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "every_isa.hpp"
#include "ruvllm/components/safe_range.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class VectorChecks : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(VectorChecks);

constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();

TEST_P(VectorChecks, FiniteVectorsOfAnyLengthPass)
{
    for (const float value : {0.0f, 1e-45f, 1.0f, 1e20f, 3e38f}) // the squares of the last two overflow
        EXPECT_NO_THROW(require_finite(kernels, std::vector<float>(70, value), "h"));
    EXPECT_NO_THROW(require_finite(kernels, std::vector<float>{}, "h"));
}

TEST_P(VectorChecks, OneBadElementIsFoundWhereverItIs)
{
    for (const std::size_t n : {1u, 31u, 32u, 33u, 70u})
        for (std::size_t at = 0; at < n; ++at)
            for (const float bad : {nan, infinity, -infinity}) {
                std::vector<float> x(n, 1.0f);
                x[at] = bad;
                EXPECT_THROW(require_finite(kernels, x, "h"), std::invalid_argument);
                EXPECT_THROW(require_unit_rows(kernels, x.data(), 1, n, "h"), std::invalid_argument);
            }
}

TEST_P(VectorChecks, RowsMustHaveLengthOneOrBeZeros)
{
    constexpr std::size_t dim = 33, n = 40;
    std::vector<float> rows(n * dim, 1.0f / std::sqrt(float{dim}));
    std::fill_n(rows.begin() + 5 * dim, dim, 0.0f);
    EXPECT_NO_THROW(require_unit_rows(kernels, rows.data(), n, dim, "rows"));
    for (const std::size_t row : {0u, 15u, 16u, 39u})
        for (const float factor : {0.99f, 1.01f, 3.0f, 1e-20f, 1e20f}) {
            std::vector<float> changed = rows;
            for (std::size_t i = 0; i < dim; ++i)
                changed[row * dim + i] *= factor;
            try {
                require_unit_rows(kernels, changed.data(), n, dim, "rows");
                ADD_FAILURE() << "row " << row << " times " << factor;
            } catch (const std::invalid_argument& error) {
                EXPECT_NE(std::string(error.what()).find("(row " + std::to_string(row) + ")"), std::string::npos);
            }
        }
    for (float& value : rows)
        value *= 1.0005f; // as float16 rounds
    EXPECT_NO_THROW(require_unit_rows(kernels, rows.data(), n, dim, "rows"));
}

TEST_P(VectorChecks, AVectorComesIntoTheSafeRangeByAPowerOfTwo)
{
    for (const float value : {1e-45f, 1e-40f, 1e-23f, 1e20f, 3e38f}) {
        const std::vector<float> x{value, -value, 0.0f};
        const SafeVector safe(kernels, x);
        int exponent = 0;
        EXPECT_EQ(std::frexp(safe.factor(), &exponent), 0.5f) << "no power of two";
        EXPECT_TRUE(is_safe_square(safe.squared_norm())) << value;
        for (std::size_t i = 0; i < x.size(); ++i)
            EXPECT_EQ(safe.data()[i], safe.factor() * x[i]);
    }
}

TEST_P(VectorChecks, OrdinaryZeroAndBrokenVectorsStayWhereTheyAre)
{
    for (const std::vector<float>& x : {std::vector<float>{1.0f, 2.0f}, {0.0f, 0.0f}, {nan, 1.0f}, {1e30f, infinity}}) {
        const SafeVector safe(kernels, x);
        EXPECT_EQ(safe.data(), x.data());
        EXPECT_EQ(safe.factor(), 1.0f);
    }
}

TEST_P(VectorChecks, OnlyRowsThatNeedItAreScaled)
{
    const std::vector<float> usual{1.0f, 2.0f, 3.0f, 4.0f}, mixed{1.0f, 2.0f, 3e20f, 4e20f};
    EXPECT_EQ(SafeRows(kernels, usual.data(), 2, 2).data(), usual.data());
    const SafeRows safe(kernels, mixed.data(), 2, 2);
    EXPECT_EQ(safe.data()[0], 1.0f);
    EXPECT_EQ(safe.data()[1], 2.0f);
    EXPECT_TRUE(is_safe_square(kernels.squared_norm(safe.data() + 2, 2)));
    EXPECT_FLOAT_EQ(safe.data()[3] / safe.data()[2], 4.0f / 3.0f);
}

} // namespace
