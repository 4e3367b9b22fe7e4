#include "ruvllm/components/crowding.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

#include "every_isa.hpp"

namespace ruvllm {
namespace {

using components::Rows;
using testing::EveryIsa;

class Crowding : public EveryIsa {
protected:
    std::vector<float> crowding_of(const std::vector<float>& candidates, const std::vector<float>& queries,
                                   std::size_t dim, std::size_t neighbours) const
    {
        std::vector<float> out(candidates.size() / dim, -7.0f);
        crowding(kernels, neighbours, {candidates.data(), out.size(), dim},
                 {queries.data(), queries.size() / dim, dim}, out.data());
        return out;
    }
};
RUVLLM_ON_EVERY_ISA(Crowding);

// Around the 64 candidates that are taken together, and more queries than fit a block at d = 4096.
TEST_P(Crowding, IsTheMeanOfTheLargestCosines)
{
    for (const std::size_t dim : {1u, 33u, 4096u})
        for (const std::size_t m : {1u, 63u, 65u})
            for (const std::size_t n : {1u, 13u, 40u}) {
                testing::Random random(dim + m + n);
                const auto candidates = random.floats(m * dim).values(), queries = random.floats(n * dim).values();
                const auto found = crowding_of(candidates, queries, dim, 10);
                for (std::size_t i = 0; i < m; ++i) {
                    std::vector<float> cosines(n);
                    kernels.cosine_many(candidates.data() + i * dim, queries.data(), n, dim, dim, cosines.data());
                    std::ranges::sort(cosines, std::greater<>());
                    double sum = 0.0;
                    for (std::size_t j = 0; j < std::min<std::size_t>(n, 10); ++j)
                        sum += static_cast<double>(cosines[j]);
                    EXPECT_NEAR(found[i], sum / static_cast<double>(std::min<std::size_t>(n, 10)), 1e-6)
                        << "d " << dim << ", m " << m << ", n " << n;
                }
            }
}

TEST_P(Crowding, IsNothingWithoutQueriesOrNeighbours)
{
    EXPECT_EQ(crowding_of({1, 2, 3, 4}, {}, 2, 10), (std::vector<float>{0, 0}));
    EXPECT_EQ(crowding_of({1, 2, 3, 4}, {1, 2}, 2, 0), (std::vector<float>{0, 0}));
    EXPECT_EQ(crowding_of({}, {1, 2}, 2, 10), (std::vector<float>{}));
}

TEST_P(Crowding, NaNCountsAsTheNearest)
{
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(crowding_of({1, 0, nan, 0}, {0, 1, 0, -1, nan, 1}, 2, 2), (std::vector<float>{0.5f, 1.0f}));
}

} // namespace
} // namespace ruvllm
