#include "ruvllm/tasks/centred_source.hpp"

#include <cmath>
#include <vector>

#include "cases.hpp"
#include "every_isa.hpp"
#include "ruvllm/engine/learning_engine.hpp"
#include "ruvllm/tasks/corpus_source.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

class CentredSourceTests : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(CentredSourceTests);

constexpr std::size_t dim = 35, n = 12, n_candidates = 3;

std::vector<float> unit_rows(Random& random, std::size_t count)
{
    std::vector<float> rows;
    for (std::size_t i = 0; i < count; ++i) {
        const auto row = random_unit(random, dim);
        rows.insert(rows.end(), row.begin(), row.end());
    }
    return rows;
}

// Twelve tasks of types 0 and 2; the candidates of task i are solutions i to i + 2.
struct Corpus {
    Random random{11};
    std::vector<float> queries = unit_rows(random, n), solutions = unit_rows(random, n + 2);
    std::vector<std::int32_t> candidates, right;
    std::vector<std::uint8_t> types;

    Corpus()
    {
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < n_candidates; ++j)
                candidates.push_back(static_cast<std::int32_t>(i + j));
            right.push_back(static_cast<std::int32_t>(i % n_candidates));
            types.push_back(i % 3 == 0 ? 0 : 2);
        }
    }
    [[nodiscard]] CorpusTable table() const
    {
        return {queries, solutions, candidates, right, types, dim, n_candidates};
    }
};

using Wide = std::vector<double>;

Wide plus(const Wide& x, double factor, const Wide& y) // unit(x + factor y)
{
    Wide sum(dim);
    double squared = 0.0;
    for (std::size_t c = 0; c < dim; ++c) {
        sum[c] = x[c] + factor * y[c];
        squared += sum[c] * sum[c];
    }
    for (double& value : sum)
        value /= std::sqrt(squared);
    return sum;
}

double dot(const Wide& x, const Wide& y)
{
    double sum = 0.0;
    for (std::size_t c = 0; c < dim; ++c)
        sum += x[c] * y[c];
    return sum;
}

Wide row(const std::vector<float>& rows, std::size_t i)
{
    return {rows.begin() + static_cast<std::ptrdiff_t>(i * dim), rows.begin() + static_cast<std::ptrdiff_t>((i + 1) * dim)};
}

TEST_P(CentredSourceTests, ATypesMeansAreTakenFromItsQueriesAndCandidates)
{
    const Corpus corpus;
    const CorpusSource given(kernels, corpus.table());
    const std::vector<std::uint32_t> train = {0, 1, 2, 3, 4, 6}; // 0, 3 and 6 are of type 0
    for (const float intercept : {0.0f, 0.6f}) {
        const CentredSource centred(kernels, given, means_of(kernels, given, train), intercept);
        EXPECT_EQ(centred.means().size(), 2u);
        for (const std::uint32_t task : {3u, 4u, 9u, 11u}) {
            Wide q_mean(dim), s_mean(dim);
            double count = 0.0;
            for (const std::uint32_t i : train)
                if (corpus.types[i] == corpus.types[task]) {
                    const Wide q = row(corpus.queries, i), s = row(corpus.solutions, i + i % n_candidates);
                    for (std::size_t c = 0; c < dim; ++c) {
                        q_mean[c] += q[c];
                        s_mean[c] += s[c];
                    }
                    count += 1.0;
                }
            for (std::size_t c = 0; c < dim; ++c) {
                q_mean[c] /= count;
                s_mean[c] /= count;
            }
            const double length = std::sqrt(dot(q_mean, q_mean)), constant = static_cast<double>(intercept);
            Wide query = plus(row(corpus.queries, task), -1.0, q_mean), solution;
            query = plus(query, constant / length, q_mean);
            std::vector<float> found(dim), scratch(dim);
            centred.load_query(task, found.data());
            for (std::size_t c = 0; c < dim; ++c)
                EXPECT_NEAR(found[c], query[c], 1e-5);
            for (std::size_t j = 0; j < n_candidates; ++j) {
                solution = plus(row(corpus.solutions, task + j), -1.0, s_mean);
                if (intercept > 0.0f)
                    solution = plus(solution, -dot(solution, q_mean) / dot(q_mean, q_mean), q_mean);
                const float* const candidate = centred.candidate(task, j, scratch.data());
                for (std::size_t c = 0; c < dim; ++c)
                    EXPECT_NEAR(candidate[c], solution[c], 1e-5);
            }
        }
    }
}

TEST_P(CentredSourceTests, ATypeWithoutMeansStaysAsItIs)
{
    const Corpus corpus;
    const CorpusSource given(kernels, corpus.table());
    const CentredSource centred(kernels, given, means_of(kernels, given, std::vector<std::uint32_t>{0, 3}), 0.5f);
    std::vector<float> found(dim), scratch(dim);
    centred.load_query(1, found.data());
    EXPECT_EQ(found, std::vector<float>(corpus.queries.begin() + dim, corpus.queries.begin() + 2 * dim));
    const float* const candidate = centred.candidate(1, 0, scratch.data());
    EXPECT_EQ(std::vector<float>(candidate, candidate + dim),
              std::vector<float>(corpus.solutions.begin() + dim, corpus.solutions.begin() + 2 * dim));
}

EngineConfig config_of(Control control, bool centre)
{
    EngineConfig config{};
    config.lora = {dim, 2, 4, 0.5f, 1.0f};
    config.control = control;
    config.centre = centre;
    config.associations.block_size = 8;
    config.associations.episodes.capacity = 100;
    return config;
}

// Before centre() the engine answers by the vectors as they are; the controls always do.
TEST_P(CentredSourceTests, AnEngineCentresOnceItIsToldTo)
{
    const Corpus corpus;
    const CorpusSource given(kernels, corpus.table());
    const std::vector<std::uint32_t> train = {0, 1, 2, 3, 4, 6, 7, 8}, asked = {9, 10};
    const auto logits_of = [&](LearningEngine& engine) {
        std::vector<double> logits(asked.size() * n_candidates);
        std::vector<std::uint32_t> right(asked.size());
        engine.logits(asked, logits, right);
        return logits;
    };
    LearningEngine plain(kernels, given, config_of(Control::none, false));
    const std::vector<double> as_they_are = logits_of(plain);
    plain.centre(train);
    EXPECT_EQ(logits_of(plain), as_they_are);
    for (const Control control : {Control::frozen, Control::random_gradient, Control::shuffled}) {
        LearningEngine controlled(kernels, given, config_of(control, true));
        controlled.centre(train);
        EXPECT_EQ(logits_of(controlled), as_they_are);
    }
    LearningEngine centring(kernels, given, config_of(Control::none, true));
    EXPECT_EQ(logits_of(centring), as_they_are);
    centring.centre(train);
    const std::vector<double> centred = logits_of(centring);
    EXPECT_NE(centred, as_they_are);
    std::vector<float> z(dim), solution(dim);
    for (std::size_t a = 0; a < asked.size(); ++a) { // what an engine says of other vectors is what it says of its tasks'
        const std::size_t task = asked[a], type = corpus.types[task];
        centring.adapt(corpus.queries.data() + task * dim, 1, type, z.data());
        for (std::size_t j = 0; j < n_candidates; ++j) {
            std::copy_n(corpus.solutions.data() + (task + j) * dim, dim, solution.data());
            centring.centre_solution(type, solution.data());
            const float cosine = kernels.cosine(z.data(), solution.data(), dim);
            EXPECT_NEAR(centred[a * n_candidates + j], static_cast<double>(cosine) / 0.07, 1e-4);
        }
    }
}

} // namespace
