#include "ruvllm/tasks/simulated_world.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

#include "counts.hpp"
#include "engine_cases.hpp"
#include "every_isa.hpp"
#include "ruvllm/simd/dispatch.hpp"
#include "world_cases.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

bool same(const Task& a, const Task& b)
{
    return a.query == b.query && a.candidates == b.candidates && a.right == b.right && a.type == b.type;
}

TEST(SimulatedWorld, DirectionsOfAModelAreExactlyOrthogonal)
{
    for (const std::size_t dim : {32u, 96u, 1536u})
        for (const std::uint64_t model : {0u, 1u, 5u}) {
            std::vector<std::vector<int>> directions;
            for (std::uint8_t type = 0; type < 2; ++type)
                directions.push_back(surface_direction(dim, model, type));
            for (std::uint8_t type = 0; type < 4; ++type)
                directions.push_back(context_direction(dim, model, type));
            for (std::size_t i = 0; i < 6; ++i)
                for (std::size_t j = 0; j < i; ++j)
                    EXPECT_EQ(std::inner_product(directions[i].begin(), directions[i].end(), directions[j].begin(), 0),
                              0)
                        << i << " and " << j;
        }
}

TEST(SimulatedWorld, TypesInPairsShareTheirSurface)
{
    EXPECT_EQ(surface_direction(96, 1, 0), surface_direction(96, 1, 2));
    EXPECT_EQ(surface_direction(96, 1, 1), surface_direction(96, 1, 3));
    EXPECT_NE(surface_direction(96, 1, 0), surface_direction(96, 2, 0)); // another model
    const SimulatedConstants constants;
    EXPECT_EQ(constants.convention[0], -constants.convention[2]);
    EXPECT_EQ(constants.convention[1], -constants.convention[3]);
}

class Worlds : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(Worlds);

TEST_P(Worlds, RowsHaveLengthOne)
{
    const SimulatedWorld world = small_world(kernels, 40);
    for (std::size_t i = 0; i < world.size(); ++i) {
        const Task task = load(world, i);
        EXPECT_NEAR(naive::dot(query(task), query(task)), 1.0, 1e-6);
        for (std::size_t j = 0; j < world.n_candidates(); ++j)
            EXPECT_NEAR(naive::dot(candidate(task, j), candidate(task, j)), 1.0, 1e-6);
    }
}

TEST_P(Worlds, SameKeySameTaskOnEveryIsa)
{
    const SimulatedWorld here = small_world(kernels, 60);
    const SimulatedWorld scalar = small_world(simd::kernels_for(simd::Isa::scalar), 60);
    for (std::size_t i = 0; i < here.size(); ++i)
        EXPECT_TRUE(same(load(here, i), load(scalar, i))) << i;
}

TEST_P(Worlds, PartsAreThoseOfTheWholeTask)
{
    const SimulatedWorld whole = small_world(kernels, 60), parts = small_world(kernels, 60);
    numeric::FloatVector h(world_dim), solution(world_dim);
    for (std::size_t i = 0; i < whole.size(); ++i) {
        const Task task = load(whole, i);
        for (std::size_t j = whole.n_candidates(); j-- > 0;) { // in another order
            EXPECT_EQ(parts.candidate(i, j, solution.data()), solution.data());
            EXPECT_TRUE(std::equal(solution.begin(), solution.end(), task.candidates.data() + j * world_dim));
        }
        parts.load_query(i, h.data());
        EXPECT_EQ(h, task.query);
        EXPECT_EQ(parts.right(i), task.right);
        EXPECT_EQ(parts.type(i), task.type);
    }
}

// The first reading of a vector finds its length, later ones know it.
TEST_P(Worlds, ReadAgainATaskIsTheSame)
{
    const SimulatedWorld world = small_world(kernels, 60);
    for (std::size_t i = 0; i < world.size(); ++i) {
        const Task first = load(world, i);
        EXPECT_TRUE(same(first, load(world, i))) << i;
    }
}

TEST_P(Worlds, ThreadsMayReadAtOnce)
{
    const SimulatedWorld world = small_world(kernels, 60), alone = small_world(kernels, 60);
    std::array<bool, 2> equal{true, true};
    const auto read = [&](bool& all) {
        for (std::size_t i = 0; i < world.size(); ++i)
            all = all && same(load(world, i), load(alone, i));
    };
    std::thread other([&] { read(equal[1]); });
    read(equal[0]);
    other.join();
    EXPECT_TRUE(equal[0] && equal[1]);
}

TEST_P(Worlds, ATaskDoesNotDependOnTheOthers)
{
    const auto tasks = random_tasks(10, 3);
    const SimulatedModel model{world_dim, 1, 1.0, 0.15};
    const SimulatedWorld all(kernels, model, {}, 7, tasks), one(kernels, model, {}, 7, {tasks[6]});
    (void)load(all, 2);
    EXPECT_TRUE(same(load(all, 6), load(one, 0)));
    EXPECT_TRUE(same(load(all, 6), load(all, 6)));
}

TEST_P(Worlds, KeySeedAndModelEachMakeAnotherTask)
{
    const SimulatedTask spec{11, 0.5f, 1, 2};
    const auto task = [&](std::uint64_t key, std::uint64_t seed, std::uint64_t model) {
        return load(SimulatedWorld(kernels, {world_dim, model, 1.0, 0.15}, {}, seed, {{key, 0.5f, 1, 2}}), 0);
    };
    EXPECT_TRUE(same(task(11, 7, 1), task(spec.key, 7, 1)));
    for (const Task& other : {task(12, 7, 1), task(11, 8, 1), task(11, 7, 2)})
        EXPECT_FALSE(other.query == task(11, 7, 1).query);
}

TEST_P(Worlds, RefusesWhatItCannotMake)
{
    const auto make = [&](std::size_t dim, SimulatedConstants constants, SimulatedTask task) {
        return SimulatedWorld(kernels, {dim, 1, 1.0, 0.1}, constants, 7, {task});
    };
    const SimulatedTask good{1, 1.0f, 3, 4};
    EXPECT_NO_THROW(make(32, {}, good));
    for (const std::size_t dim : {0u, 31u, 33u, 100u})
        EXPECT_THROW(make(dim, {}, good), std::invalid_argument) << dim;
    SimulatedConstants constants;
    constants.n_candidates = 1;
    EXPECT_THROW(make(32, constants, good), std::invalid_argument);
    constants = {};
    constants.families = 1;
    EXPECT_THROW(make(32, constants, {1, 0.5f, 0, 0}), std::invalid_argument);
    constants = {};
    for (const double share : {-0.1, 1.1, std::nan("")}) {
        constants.family_share = share;
        EXPECT_THROW(make(32, constants, good), std::invalid_argument);
    }
    for (const SimulatedTask& bad : {SimulatedTask{1, 0.5f, 4, 0}, SimulatedTask{1, 0.5f, 0, 5},
                                     SimulatedTask{1, -0.1f, 0, 0}, SimulatedTask{1, 1.1f, 0, 0},
                                     SimulatedTask{1, std::nanf(""), 0, 0}})
        EXPECT_THROW(make(32, {}, bad), std::invalid_argument);
    const SimulatedWorld world = make(32, {}, good);
    Task task(32, 8);
    EXPECT_THROW(world.load(1, task), std::out_of_range);
    EXPECT_THROW((void)world.type(1), std::out_of_range);
    EXPECT_THROW(world.load_query(1, task.query.data()), std::out_of_range);
    EXPECT_THROW((void)world.candidate(1, 0, task.query.data()), std::out_of_range);
    EXPECT_THROW((void)world.candidate(0, 8, task.query.data()), std::out_of_range);
    EXPECT_THROW((void)world.right(1), std::out_of_range);
}

TEST(SimulatedWorld, TheRightIndexIsUniform)
{
    const SimulatedWorld world(simd::default_kernels(), {32, 1, 1.0, 0.1}, {}, 7, random_tasks(16'000, 9));
    std::vector<std::size_t> counts(8);
    for (std::size_t i = 0; i < world.size(); ++i)
        ++counts[load(world, i).right];
    expect_uniform(counts);
}

} // namespace
