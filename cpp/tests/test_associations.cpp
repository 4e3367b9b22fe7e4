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

// sum (h_n . h_m)^2 / sum |h_n|^2 over a block of the queries.
double naive_scale(const std::vector<float>& h, std::size_t begin, std::size_t rows)
{
    double squares = 0.0, trace = 0.0;
    for (std::size_t a = 0; a < n; ++a)
        for (std::size_t b = 0; b < n; ++b) {
            double dot = 0.0;
            for (std::size_t c = begin; c < begin + rows; ++c)
                dot += static_cast<double>(h[a * dim + c]) * static_cast<double>(h[b * dim + c]);
            squares += dot * dot;
            trace += a == b ? dot : 0.0;
        }
    return squares / trace;
}

TEST_P(AssociationTests, ABlockAdaptersStepIsTheGradientOfTheLossOverItsScale)
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
    std::size_t i = 0;
    for (std::size_t begin = 0; begin < dim; begin += size) {
        const std::size_t rows = std::min(size, dim - begin);
        const double scale = naive_scale(h, begin, rows);
        for (const std::size_t end = i + rows * rows; i < end; ++i) {
            auto more = start, less = start;
            more[i] += 1e-5;
            less[i] -= 1e-5;
            const double slope = (naive_loss(h, s, more, 0.3) - naive_loss(h, s, less, 0.3)) / 2e-5;
            EXPECT_NEAR(start[i] - static_cast<double>(adapter.weights()[i]), slope / scale, 1e-4 / scale) << i;
        }
    }
}

// Queries that are twice as long, or all of them twice, make a step that moves each z as far as before.
TEST_P(AssociationTests, AStepMovesAsFarWhateverTheQueriesAreLike)
{
    Random random(8);
    const auto h = unit_rows(random, n), g = unit_rows(random, n);
    const auto moved = [&](const std::vector<float>& queries, const std::vector<float>& gradients, std::size_t count) {
        BlockAdapter adapter(dim, size);
        adapter.step(kernels, queries.data(), gradients.data(), count, 0.1f);
        std::vector<float> z(dim);
        adapter.add_output(kernels, queries.data(), z.data());
        return z;
    };
    std::vector<float> longer = h, twice = h, twice_g = g;
    for (float& x : longer)
        x *= 2.0f;
    twice.insert(twice.end(), h.begin(), h.end());
    twice_g.insert(twice_g.end(), g.begin(), g.end());
    const auto once = moved(h, g, n), other = moved(longer, g, n), doubled = moved(twice, twice_g, 2 * n);
    for (std::size_t c = 0; c < dim; ++c) {
        EXPECT_NEAR(other[c], once[c], 1e-5f);
        EXPECT_NEAR(doubled[c], once[c], 1e-5f);
    }
}

TEST_P(AssociationTests, QueriesWithoutABlockLeaveItAsItIs)
{
    BlockAdapter adapter(dim, size);
    const std::vector<float> nothing(dim, 0.0f), g(dim, 1.0f);
    adapter.step(kernels, nothing.data(), g.data(), 1, 1.0f);
    for (const float w : adapter.weights())
        EXPECT_EQ(w, 0.0f);
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

double dot_of(const float* a, const float* b)
{
    double sum = 0.0;
    for (std::size_t c = 0; c < dim; ++c)
        sum += static_cast<double>(a[c]) * static_cast<double>(b[c]);
    return sum;
}

// (cosine, number) of the past queries nearest to h, without number `left_out`; cosines below 0 count as 0.
std::vector<std::pair<double, std::size_t>> naive_nearest(const std::vector<float>& q, const float* h,
                                                          std::size_t neighbours, std::size_t left_out)
{
    std::vector<std::pair<double, std::size_t>> found;
    for (std::size_t i = 0; i < q.size() / dim; ++i)
        if (i != left_out)
            found.emplace_back(-dot_of(q.data() + i * dim, h), i);
    std::sort(found.begin(), found.end());
    found.resize(std::min(neighbours, found.size()));
    for (auto& [negative, i] : found)
        negative = std::max(-negative, 0.0);
    return found;
}

double mean_of(const std::vector<std::pair<double, std::size_t>>& found)
{
    double sum = 0.0;
    for (const auto& [cosine, i] : found)
        sum += cosine / static_cast<double>(found.size());
    return sum;
}

// So many past queries around one direction that `typical` is measured on all of them, and then on 64 of 128.
TEST_P(AssociationTests, TheMemoryMovesAQueryAsItsNearestNeighboursWereMoved)
{
    for (const std::size_t count : {4u, 6u, 128u}) {
        Random random(6);
        const std::vector<float> common = random_unit(random, dim);
        std::vector<float> q = unit_rows(random, count);
        const std::vector<float> s = unit_rows(random, count);
        for (std::size_t i = 0; i < count; ++i) {
            float* const row = q.data() + i * dim;
            for (std::size_t c = 0; c < dim; ++c)
                row[c] = 0.7f * row[c] + 0.7f * common[c];
            const auto length = static_cast<float>(std::sqrt(dot_of(row, row)));
            for (std::size_t c = 0; c < dim; ++c)
                row[c] /= length;
        }
        EpisodicMemory memory(kernels, {count, 3, 0.5f}, dim);
        for (std::size_t i = 0; i < count; ++i)
            memory.add(q.data() + i * dim, s.data() + i * dim);
        const std::size_t measured = count == 6 ? 4 : count; // at powers of two
        const std::vector<float> then(q.begin(), q.begin() + static_cast<std::ptrdiff_t>(measured * dim));
        double typical = 0.0;
        const std::size_t sampled = std::min<std::size_t>(measured, 64);
        for (std::size_t i = 0; i < sampled; ++i) {
            const std::size_t at = i * measured / sampled;
            typical += mean_of(naive_nearest(then, then.data() + at * dim, 3, at)) / static_cast<double>(sampled);
        }
        for (const std::vector<float>& query : {common, random_unit(random, dim)}) {
            const auto nearest = naive_nearest(q, query.data(), 3, count);
            const double near = mean_of(nearest) / typical, reach = std::min(1.0, near);
            EXPECT_NEAR(memory.nearness(query.data()), near, 1e-5);
            double squares = 0.0;
            for (const auto& [cosine, i] : nearest)
                squares += cosine * cosine;
            std::vector<float> z = query;
            memory.add_recalled(query.data(), z.data());
            for (std::size_t c = 0; c < dim; ++c) {
                double expected = static_cast<double>(query[c]);
                for (const auto& [cosine, i] : nearest)
                    expected += 0.5 * reach * reach * cosine * cosine / squares *
                                (static_cast<double>(s[i * dim + c]) - static_cast<double>(q[i * dim + c]));
                EXPECT_NEAR(z[c], expected, 1e-5) << c;
            }
        }
    }
}

// What nothing past is near to is not moved, and one that is opposite to all neither.
TEST_P(AssociationTests, TheMemoryFadesWithDistance)
{
    Random random(9);
    EpisodicMemory memory(kernels, {8, 3, 0.5f}, dim);
    std::vector<float> q(dim, 0.0f), s = random_unit(random, dim);
    EXPECT_EQ(memory.nearness(q.data()), 0.0f);
    q[0] = 1.0f;
    for (std::size_t i = 0; i < 4; ++i)
        memory.add(q.data(), s.data());
    EXPECT_NEAR(memory.nearness(q.data()), 1.0f, 1e-6f);
    for (const float side : {0.0f, -1.0f}) {
        std::vector<float> far(dim, 0.0f);
        far[0] = side;
        far[1] = side == 0.0f ? 1.0f : 0.0f;
        std::vector<float> z = far;
        memory.add_recalled(far.data(), z.data());
        EXPECT_EQ(z, far);
        EXPECT_EQ(memory.nearness(far.data()), 0.0f);
    }
}

TEST_P(AssociationTests, AFullMemoryDropsItsOldestEntry)
{
    Random random(7);
    const auto q = unit_rows(random, 3), s = unit_rows(random, 3);
    EpisodicMemory memory(kernels, {2, 1, 1.0f}, dim);
    std::vector<float> alike(q.begin() + dim, q.begin() + 2 * dim); // as near as past queries are to each other
    memory.add(alike.data(), s.data());
    memory.add(alike.data(), s.data() + dim);
    memory.add(q.data() + 2 * dim, s.data() + 2 * dim);
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
