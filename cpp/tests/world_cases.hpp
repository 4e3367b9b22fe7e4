// How the tests look into a simulated world: whole tasks, rows as doubles, and the directions of a model.
#pragma once

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "naive_adapter.hpp"
#include "ruvllm/tasks/simulated_world.hpp"
#include "ruvllm/simd/dispatch.hpp"

namespace ruvllm::testing {

[[nodiscard]] inline Task load(const SimulatedWorld& world, std::size_t index)
{
    Task task(world.dim(), world.n_candidates());
    world.load(index, task);
    return task;
}

[[nodiscard]] inline Doubles query(const Task& task) { return to_doubles(task.query); }

[[nodiscard]] inline Doubles candidate(const Task& task, std::size_t j)
{
    return to_doubles(task.candidates.data() + j * task.query.size(), task.query.size());
}

// One of the six directions of a model, as +1 and -1: with one coefficient of the query far above the others only
// that direction is left in it. `habit` large makes the sign that of -convention.
[[nodiscard]] inline std::vector<int> direction(const SimulatedModel& model, const SimulatedConstants& constants,
                                                std::uint8_t type)
{
    const SimulatedWorld world(simd::default_kernels(), model, constants, 1, {{1, 0.0f, type, 0}});
    const Task task = load(world, 0);
    std::vector<int> signs;
    for (const float x : task.query) {
        EXPECT_EQ(std::fabs(x), std::fabs(task.query[0])); // nothing else is left
        signs.push_back(x > 0.0f ? 1 : -1);
    }
    return signs;
}

[[nodiscard]] inline std::vector<int> surface_direction(std::size_t dim, std::uint64_t model, std::uint8_t type)
{
    SimulatedConstants constants;
    constants.response = 1e6;
    auto signs = direction({dim, model, 1e4, 0.0}, constants, type);
    for (int& s : signs)
        s *= -static_cast<int>(constants.convention[type]);
    return signs;
}

[[nodiscard]] inline std::vector<int> context_direction(std::size_t dim, std::uint64_t model, std::uint8_t type)
{
    SimulatedConstants constants;
    constants.context = 1e10;
    return direction({dim, model, 0.0, 0.0}, constants, type);
}

[[nodiscard]] inline Doubles unit(const std::vector<int>& signs)
{
    Doubles x(signs.begin(), signs.end());
    return scaled(1.0 / std::sqrt(static_cast<double>(x.size())), x);
}

} // namespace ruvllm::testing
