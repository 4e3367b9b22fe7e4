// Each formula of the simulated workload (docs/equations.md) leaves its mark on the mean over many tasks.
#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "counts.hpp"
#include "world_cases.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

constexpr std::size_t dim = 2048;
constexpr std::size_t n_tasks = 400;

template <class F>
void for_each_task(const SimulatedModel& model, std::uint8_t type, float difficulty, F f, std::uint8_t family = 1)
{
    std::vector<SimulatedTask> tasks;
    for (std::uint64_t key = 0; key < n_tasks; ++key)
        tasks.push_back({1000 + key, difficulty, type, family});
    const SimulatedWorld world(simd::default_kernels(), model, {}, 7, tasks);
    for (std::size_t i = 0; i < n_tasks; ++i)
        f(load(world, i));
}

struct Moments {
    double sum = 0.0, squares = 0.0, n = 0.0;
    void add(double x)
    {
        sum += x;
        squares += x * x;
        n += 1.0;
    }
    [[nodiscard]] double mean() const { return sum / n; }
    [[nodiscard]] double deviation() const { return std::sqrt(squares / n - mean() * mean()); }
    [[nodiscard]] double error() const { return 5.0 * deviation() / std::sqrt(n); } // of the mean
};

// w_j is standard normal, w_y is 5 (1 - 0.4 difficulty) c_k above it; seen as s_j . b_k = v w_j / |s_j|.
TEST(SimulatedFormulas, RightSolutionsFollowTheConvention)
{
    const double visibility = 0.2;
    for (std::uint8_t type = 0; type < 4; ++type)
        for (const float difficulty : {0.0f, 1.0f}) {
            const Doubles b = unit(surface_direction(dim, 3, type));
            Moments right, wrong;
            for_each_task({dim, 3, 1.0, visibility}, type, difficulty, [&](const Task& task) {
                for (std::size_t j = 0; j < 8; ++j) {
                    const double seen = naive::dot(candidate(task, j), b);
                    (j == task.right ? right : wrong).add(seen / std::sqrt(1.0 - seen * seen) / visibility);
                }
            });
            const double convention = SimulatedConstants{}.convention[type];
            EXPECT_GT(right.mean() * convention, 0.0);
            EXPECT_NEAR(right.mean(), 5.0 * (1.0 - 0.4 * static_cast<double>(difficulty)) * convention, 0.4);
            EXPECT_NEAR(wrong.mean(), 0.0, 0.15);
            EXPECT_NEAR(wrong.deviation(), 1.0, 0.1);
        }
}

// h . b_k and h . m_k stand as 1.5 (zeta - g c_k) to 2, and the other directions are not in h.
TEST(SimulatedFormulas, QueriesHaveTheHabitAndTheContext)
{
    for (std::uint8_t type = 0; type < 4; ++type) {
        const Doubles b = unit(surface_direction(dim, 3, type)), m = unit(context_direction(dim, 3, type));
        const Doubles other_b = unit(surface_direction(dim, 3, type ^ 1)),
                      other_m = unit(context_direction(dim, 3, type ^ 2));
        Moments ratio, others;
        for_each_task({dim, 3, 1.3, 0.1}, type, 0.5f, [&](const Task& task) {
            const Doubles h = query(task);
            ratio.add(naive::dot(h, b) / naive::dot(h, m));
            others.add(naive::dot(h, other_b));
            others.add(naive::dot(h, other_m));
        });
        EXPECT_NEAR(ratio.mean(), -0.75 * 1.3 * SimulatedConstants{}.convention[type], ratio.error());
        EXPECT_NEAR(ratio.deviation(), 0.75, 0.1);
        EXPECT_NEAR(others.mean(), 0.0, others.error());
        EXPECT_LT(others.deviation(), 0.03);
    }
}

// Without a visible surface s_j . s_y = rho for another family; 0.5 (1 and rho) are in h . s_y and h . s_j.
TEST(SimulatedFormulas, DifficultyIsWhatCandidatesHaveInCommon)
{
    for (const float difficulty : {0.0f, 0.5f, 1.0f}) {
        const double rho = 0.2 + 0.4 * static_cast<double>(difficulty);
        Moments right_and_wrong, query_and_right, query_and_wrong;
        const Doubles m = unit(context_direction(dim, 3, 2));
        for_each_task({dim, 3, 1.0, 0.0}, 2, difficulty, [&](const Task& task) {
            const double scale = naive::dot(query(task), m) / 2.0; // 1 / |h| before it was normalised
            for (std::size_t j = 0; j < 8; ++j) {
                const double seen = naive::dot(query(task), candidate(task, j)) / scale;
                (j == task.right ? query_and_right : query_and_wrong).add(seen);
                if (j != task.right)
                    right_and_wrong.add(naive::dot(candidate(task, j), candidate(task, task.right)));
            }
        });
        EXPECT_NEAR(right_and_wrong.mean(), rho, 0.02); // of another family
        EXPECT_NEAR(query_and_right.mean(), 0.5, 0.05);
        EXPECT_NEAR(query_and_wrong.mean(), 0.5 * rho, 0.05);
    }
}

// Half of n is the family's: right solutions of two tasks share 0.5 (1 - rho) within a family, nothing otherwise.
TEST(SimulatedFormulas, FamiliesAreWhatTasksHaveInCommon)
{
    std::vector<Doubles> first, second, other_type;
    const auto keep = [](std::vector<Doubles>& out) {
        return [&out](const Task& task) { out.push_back(candidate(task, task.right)); };
    };
    for_each_task({dim, 3, 1.0, 0.0}, 0, 0.0f, keep(first), 1);
    for_each_task({dim, 3, 1.0, 0.0}, 0, 0.0f, keep(second), 2);
    for_each_task({dim, 3, 1.0, 0.0}, 1, 0.0f, keep(other_type), 1);
    Moments same_family, other_family, same_number_of_other_type;
    for (std::size_t i = 0; i + 1 < n_tasks; ++i) { // neighbours: the same key would share x
        same_family.add(naive::dot(first[i], first[i + 1]));
        other_family.add(naive::dot(first[i], second[i + 1]));
        same_number_of_other_type.add(naive::dot(first[i], other_type[i + 1]));
    }
    EXPECT_NEAR(same_family.mean(), 0.4, 0.02);
    EXPECT_NEAR(other_family.mean(), 0.0, 0.06); // two fixed directions are orthogonal up to 1 / sqrt(dim)
    EXPECT_NEAR(same_number_of_other_type.mean(), 0.0, 0.06);
}

// A wrong candidate is from each of the type's other families equally often, never from the task's own.
TEST(SimulatedFormulas, WrongCandidatesComeFromTheOtherFamilies)
{
    std::vector<Doubles> centers; // the mean of right solutions points at the family
    for (std::uint8_t family = 0; family < 5; ++family) {
        Doubles sum(dim, 0.0);
        for_each_task(
            {dim, 3, 1.0, 0.0}, 0, 0.0f,
            [&](const Task& task) {
                const Doubles s = candidate(task, task.right);
                for (std::size_t i = 0; i < dim; ++i)
                    sum[i] += s[i];
            },
            family);
        centers.push_back(sum);
    }
    std::vector<std::size_t> counts(5);
    for_each_task({dim, 3, 1.0, 0.0}, 0, 0.0f, [&](const Task& task) {
        for (std::size_t j = 0; j < 8; ++j) {
            std::vector<double> cosines;
            for (const Doubles& center : centers)
                cosines.push_back(naive::dot(candidate(task, j), center));
            const auto family = static_cast<std::size_t>(std::ranges::max_element(cosines) - cosines.begin());
            if (j == task.right)
                EXPECT_EQ(family, 1u);
            else
                ++counts[family];
        }
    });
    expect_counts(counts, Doubles{0.25, 0.0, 0.25, 0.25, 0.25});
}

} // namespace
