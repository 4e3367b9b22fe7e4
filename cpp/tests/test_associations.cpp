#include "ruvllm/engine/associations.hpp"

#include <cmath>
#include <vector>

#include "cases.hpp"
#include "every_isa.hpp"
#include "naive_adapter.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class AssociationTests : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(AssociationTests);

constexpr std::size_t dim = 21, size = 8, n = 3, m = 5;

std::vector<float> unit_rows(Random& random, std::size_t count)
{
    std::vector<float> rows;
    for (std::size_t i = 0; i < count; ++i) {
        const auto row = random_unit(random, dim);
        rows.insert(rows.end(), row.begin(), row.end());
    }
    return rows;
}

// In double precision, from the formula.
double naive_loss(const std::vector<float>& h, const std::vector<float>& s, const std::vector<double>& w, double tau)
{
    double loss = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
        std::vector<double> z(h.begin() + static_cast<std::ptrdiff_t>(i * dim),
                              h.begin() + static_cast<std::ptrdiff_t>((i + 1) * dim));
        std::size_t at = 0;
        for (std::size_t begin = 0; begin < dim; begin += size) {
            const std::size_t rows = std::min(size, dim - begin);
            for (std::size_t r = 0; r < rows; ++r)
                for (std::size_t c = 0; c < rows; ++c)
                    z[begin + r] += w[at++] * static_cast<double>(h[i * dim + begin + c]);
        }
        double norm = 0.0, total = 0.0, own = 0.0;
        for (const double x : z)
            norm += x * x;
        for (std::size_t j = 0; j < m; ++j) {
            double dot = 0.0;
            for (std::size_t c = 0; c < dim; ++c)
                dot += z[c] * static_cast<double>(s[j * dim + c]);
            const double logit = dot / std::sqrt(norm) / tau;
            total += std::exp(logit);
            own = j == i ? logit : own;
        }
        loss += std::log(total) - own;
    }
    return loss;
}

TEST_P(AssociationTests, ABlockAdaptersStepIsTheGradientOfTheLoss)
{
    Random random(3);
    const auto h = unit_rows(random, n), s = unit_rows(random, m);
    BlockAdapter adapter(dim, size);
    for (float& w : adapter.weights())
        w = 0.2f * random.value();
    const std::vector<double> start(adapter.weights().begin(), adapter.weights().end());
    ASSERT_EQ(start.size(), 8u * 8 + 8 * 8 + 5 * 5);

    std::vector<float> z = h, g(n * dim);
    adapter.add_output(kernels, h.data(), n, z.data());
    const double loss = batch_info_nce(kernels, {h, s, dim, 0.3}, z.data(), g.data());
    EXPECT_NEAR(loss, naive_loss(h, s, start, 0.3), 1e-4);
    adapter.step(kernels, h.data(), g.data(), n, 1.0f);
    for (std::size_t i = 0; i < start.size(); ++i) {
        auto more = start, less = start;
        more[i] += 1e-5;
        less[i] -= 1e-5;
        const double slope = (naive_loss(h, s, more, 0.3) - naive_loss(h, s, less, 0.3)) / 2e-5;
        EXPECT_NEAR(start[i] - static_cast<double>(adapter.weights()[i]), slope, 1e-4) << i;
    }
}

TEST_P(AssociationTests, ManyVectorsAreAdaptedAsOne)
{
    Random random(4);
    const auto h = unit_rows(random, n);
    BlockAdapter adapter(dim, size);
    for (float& w : adapter.weights())
        w = random.value();
    std::vector<float> together = h, alone = h;
    adapter.add_output(kernels, h.data(), n, together.data());
    for (std::size_t i = 0; i < n; ++i)
        adapter.add_output(kernels, h.data() + i * dim, alone.data() + i * dim);
    EXPECT_EQ(together, alone);
}

TEST_P(AssociationTests, ASolutionThatIsTheRightOneIsNoNegative)
{
    Random random(5);
    const auto h = unit_rows(random, 1);
    auto s = unit_rows(random, 2);
    std::copy_n(s.begin(), dim, s.begin() + dim);
    std::vector<float> g(dim);
    EXPECT_NEAR(batch_info_nce(kernels, {h, s, dim, 0.07}, h.data(), g.data()), 0.0, 1e-6);
    for (const float x : g)
        EXPECT_NEAR(x, 0.0f, 1e-5f);
}

TEST_P(AssociationTests, TheMemoryMovesAQueryAsItsNearestNeighboursWereMoved)
{
    Random random(6);
    const auto q = unit_rows(random, m), s = unit_rows(random, m);
    const auto h = random_unit(random, dim);
    EpisodicMemory memory(kernels, {m, 2, 0.5f}, dim);
    for (std::size_t i = 0; i < m; ++i)
        memory.add(q.data() + i * dim, s.data() + i * dim);
    std::vector<std::pair<double, std::size_t>> similar;
    for (std::size_t i = 0; i < m; ++i) {
        double dot = 0.0;
        for (std::size_t c = 0; c < dim; ++c)
            dot += static_cast<double>(q[i * dim + c]) * static_cast<double>(h[c]);
        similar.emplace_back(-dot, i);
    }
    std::sort(similar.begin(), similar.end());
    std::vector<float> z = h;
    memory.add_recalled(h.data(), z.data());
    for (std::size_t c = 0; c < dim; ++c) {
        double expected = static_cast<double>(h[c]);
        for (std::size_t t = 0; t < 2; ++t) {
            const auto [negative, i] = similar[t];
            const double w = 0.5 * std::pow(std::max(-negative, 0.0), 2);
            expected += w * (static_cast<double>(s[i * dim + c]) - static_cast<double>(q[i * dim + c]));
        }
        EXPECT_NEAR(z[c], expected, 1e-5) << c;
    }
}

TEST_P(AssociationTests, AFullMemoryDropsItsOldestEntry)
{
    Random random(7);
    const auto q = unit_rows(random, 3), s = unit_rows(random, 3);
    EpisodicMemory memory(kernels, {2, 1, 1.0f}, dim);
    for (std::size_t i = 0; i < 3; ++i)
        memory.add(q.data() + i * dim, s.data() + i * dim);
    EXPECT_EQ(memory.size(), 2u);
    std::vector<float> z(q.begin() + dim, q.begin() + 2 * dim); // the second is kept
    memory.add_recalled(q.data() + dim, z.data());
    for (std::size_t c = 0; c < dim; ++c)
        EXPECT_NEAR(z[c], s[dim + c], 1e-5f);
}

TEST_P(AssociationTests, WhatCannotBeIsRefused)
{
    EXPECT_THROW(BlockAdapter(4, 0), std::invalid_argument);
    EXPECT_THROW(BlockAdapter(4, 5), std::invalid_argument);
    EXPECT_THROW(EpisodicMemory(kernels, {1, 0, 0.5f}, 4), std::invalid_argument);
}

} // namespace
