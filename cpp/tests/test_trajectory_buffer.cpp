#include "ruvllm/engine/trajectory_buffer.hpp"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace {

using ruvllm::PrioritizedReplay;
using ruvllm::ReplayConfig;
using ruvllm::Trajectory;
using ruvllm::TrajectoryBuffer;

ReplayConfig of_capacity(std::size_t capacity)
{
    ReplayConfig config;
    config.capacity = capacity;
    return config;
}

Trajectory trajectory(std::uint32_t task, double quality)
{
    return {task, static_cast<std::uint8_t>(task % 4), true, quality, quality, quality - 0.5};
}

std::vector<std::uint32_t> tasks(const TrajectoryBuffer& buffer)
{
    std::vector<std::uint32_t> out;
    for (std::size_t i = 0; i < buffer.size(); ++i)
        out.push_back(buffer[i].task);
    return out;
}

// (|TD error| + 0.01)^0.6 of each, and nothing else in the tree.
void expect_priorities_follow(const TrajectoryBuffer& buffer)
{
    ASSERT_EQ(buffer.replay().size(), buffer.size());
    double total = 0.0;
    for (std::size_t i = 0; i < buffer.size(); ++i) {
        EXPECT_NEAR(buffer.replay().priority(i), std::pow(std::fabs(buffer[i].td_error) + 0.01, 0.6), 1e-13) << i;
        total += buffer.replay().probability(i);
    }
    EXPECT_NEAR(total, 1.0, 1e-12);
}

TEST(TrajectoryBuffer, KeepsTheBestFourFifthsInTheirOrder)
{
    TrajectoryBuffer buffer(of_capacity(10));
    const double qualities[] = {0.9, 0.1, 0.5, 0.7, 0.2, 0.8, 0.3, 0.6, 0.4, 0.55};
    for (std::uint32_t i = 0; i < 10; ++i)
        buffer.add(trajectory(i, qualities[i]));
    EXPECT_EQ(buffer.size(), 10u);
    buffer.add(trajectory(10, 0.05));
    EXPECT_EQ(tasks(buffer), (std::vector<std::uint32_t>{0, 2, 3, 5, 6, 7, 8, 9, 10}));
    expect_priorities_follow(buffer);
    buffer.add(trajectory(11, 0.0)); // there is room again
    EXPECT_EQ(buffer.size(), 10u);
}

TEST(TrajectoryBuffer, OfEqualQualitiesTheOldestStay)
{
    TrajectoryBuffer buffer(of_capacity(5));
    for (std::uint32_t i = 0; i < 6; ++i)
        buffer.add(trajectory(i, 0.5));
    EXPECT_EQ(tasks(buffer), (std::vector<std::uint32_t>{0, 1, 2, 3, 5}));
}

TEST(TrajectoryBuffer, SmallCapacitiesWork)
{
    for (const std::size_t capacity : {1u, 2u, 3u}) {
        TrajectoryBuffer buffer(of_capacity(capacity));
        for (std::uint32_t i = 0; i < 10; ++i) {
            buffer.add(trajectory(i, 0.1 * i));
            ASSERT_LE(buffer.size(), capacity);
            ASSERT_EQ(tasks(buffer).back(), i);
            expect_priorities_follow(buffer);
        }
    }
    EXPECT_THROW(TrajectoryBuffer{of_capacity(0)}, std::invalid_argument);
}

TEST(TrajectoryBuffer, PrioritiesFollowThroughAddsUpdatesAndPruning)
{
    std::mt19937_64 random(1);
    TrajectoryBuffer buffer(of_capacity(23));
    for (std::uint32_t i = 0; i < 200; ++i) {
        buffer.add(trajectory(i, static_cast<double>(random() % 1000) / 1000.0));
        const std::size_t at = random() % buffer.size();
        buffer.update(at, trajectory(buffer[at].task, static_cast<double>(random() % 1000) / 1000.0));
        expect_priorities_follow(buffer);
    }
}

TEST(TrajectoryBuffer, PruningKeepsBeta)
{
    TrajectoryBuffer buffer(of_capacity(5));
    buffer.add(trajectory(0, 0.5));
    ruvllm::numeric::RandomStream stream(1, ruvllm::numeric::Purpose::replay);
    (void)buffer.replay().sample(20, stream);
    for (std::uint32_t i = 1; i < 20; ++i)
        buffer.add(trajectory(i, 0.5));
    EXPECT_NEAR(buffer.replay().beta(), 0.42, 1e-12);
}

// A refused trajectory leaves no half of itself behind.
TEST(TrajectoryBuffer, RefusesAnErrorThatIsNoNumber)
{
    TrajectoryBuffer buffer(of_capacity(5));
    buffer.add(trajectory(0, 0.5));
    Trajectory bad = trajectory(1, 0.5);
    bad.td_error = std::nan("");
    EXPECT_THROW(buffer.add(bad), std::invalid_argument);
    EXPECT_THROW(buffer.update(0, bad), std::invalid_argument);
    EXPECT_EQ(tasks(buffer), (std::vector<std::uint32_t>{0}));
    expect_priorities_follow(buffer);
    EXPECT_THROW(buffer.update(1, trajectory(1, 0.5)), std::out_of_range);
}

} // namespace
