#include "ruvllm/tasks/corpus_source.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "ruvllm/simd/dispatch.hpp"

namespace {

using ruvllm::CorpusSource;
using ruvllm::CorpusTable;
using ruvllm::Task;

// Three tasks over four solutions; element i of row r is 10 r + i.
struct Tables {
    std::vector<float> queries, solutions;
    std::vector<std::int32_t> candidates{0, 1, 3, 2, 3, 0}, right{1, 0, 1};
    std::vector<std::uint8_t> types{0, 3, 1};

    Tables()
    {
        for (std::size_t r = 0; r < 4; ++r)
            for (std::size_t i = 0; i < 5; ++i) {
                const auto value = static_cast<float>(10 * r + i);
                solutions.push_back(value);
                if (r < 3)
                    queries.push_back(-value);
            }
    }
    [[nodiscard]] CorpusTable table() const { return {queries, solutions, candidates, right, types, 5, 2}; }
};

TEST(CorpusSource, LoadsTheRowsOfATask)
{
    const Tables tables;
    const CorpusSource source(ruvllm::simd::default_kernels(), tables.table());
    EXPECT_EQ(source.size(), 3u);
    EXPECT_EQ(source.dim(), 5u);
    EXPECT_EQ(source.n_candidates(), 2u);
    Task task(5, 2);
    for (std::size_t index = 0; index < 3; ++index) {
        source.load(index, task);
        EXPECT_EQ(task.type, tables.types[index]);
        EXPECT_EQ(source.type(index), tables.types[index]);
        EXPECT_EQ(task.right, static_cast<std::size_t>(tables.right[index]));
        for (std::size_t i = 0; i < 5; ++i) {
            EXPECT_EQ(task.query[i], tables.queries[5 * index + i]);
            for (std::size_t j = 0; j < 2; ++j)
                EXPECT_EQ(task.candidates[5 * j + i],
                          tables.solutions[5 * static_cast<std::size_t>(tables.candidates[2 * index + j]) + i]);
        }
    }
}

TEST(CorpusSource, PartsAreThoseOfTheWholeTask)
{
    const Tables tables;
    const CorpusSource source(ruvllm::simd::default_kernels(), tables.table());
    Task task(5, 2);
    for (std::size_t index = 0; index < 3; ++index) {
        source.load(index, task);
        EXPECT_EQ(source.right(index), task.right);
        std::vector<float> query(5), scratch(5);
        source.load_query(index, query.data());
        EXPECT_TRUE(std::ranges::equal(query, task.query));
        for (std::size_t j = 0; j < 2; ++j) {
            const float* candidate = source.candidate(index, j, scratch.data());
            EXPECT_TRUE(std::equal(candidate, candidate + 5, task.candidates.data() + 5 * j));
            EXPECT_NE(candidate, scratch.data()); // its own memory: nothing is copied
        }
    }
}

TEST(CorpusSource, RefusesATaskThatIsNone)
{
    const Tables tables;
    const CorpusSource source(ruvllm::simd::default_kernels(), tables.table());
    Task task(5, 2);
    std::vector<float> x(5), y(5);
    EXPECT_THROW(source.load(3, task), std::out_of_range);
    EXPECT_THROW(source.load_query(3, x.data()), std::out_of_range);
    EXPECT_THROW((void)source.candidate(3, 0, y.data()), std::out_of_range);
    EXPECT_THROW((void)source.candidate(0, 2, y.data()), std::out_of_range);
    EXPECT_THROW((void)source.right(3), std::out_of_range);
    EXPECT_THROW((void)source.type(3), std::out_of_range);
}

template <class Change>
void expect_refused(Change change)
{
    Tables tables;
    CorpusTable table = tables.table();
    change(tables, table);
    EXPECT_THROW(CorpusSource(ruvllm::simd::default_kernels(), table), std::invalid_argument);
}

TEST(CorpusSource, RefusesTablesThatDoNotFit)
{
    expect_refused([](Tables&, CorpusTable& t) { t.dim = 0; });
    expect_refused([](Tables&, CorpusTable& t) { t.dim = 4; });
    expect_refused([](Tables&, CorpusTable& t) { t.n_candidates = 1; });
    expect_refused([](Tables&, CorpusTable& t) { t.n_candidates = 3; });
    expect_refused([](Tables&, CorpusTable& t) { t.queries = t.queries.first(10); });
    expect_refused([](Tables&, CorpusTable& t) { t.solutions = t.solutions.first(19); });
    expect_refused([](Tables&, CorpusTable& t) { t.types = t.types.first(2); });
    expect_refused([](Tables&, CorpusTable& t) { t.right = t.right.first(2); });
}

TEST(CorpusSource, RefusesNumbersOutOfRange)
{
    for (const std::int32_t bad : {-1, 4})
        expect_refused([&](Tables& tables, CorpusTable&) { tables.candidates[3] = bad; });
    for (const std::int32_t bad : {-1, 2})
        expect_refused([&](Tables& tables, CorpusTable&) { tables.right[2] = bad; });
}

} // namespace
