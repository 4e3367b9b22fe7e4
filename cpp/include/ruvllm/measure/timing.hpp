// Seconds per call of some loops that take turns.
//
// A loop is as long as needed for the clock to be exact beside it. Loops that are to be compared take turns, one
// repetition each: what disturbs the machine for a while then disturbs all of them, not the one that was at work.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace ruvllm::measure {

// Runs the work so many times. The indirection is paid once a loop, not once a call.
using Loop = std::function<void(std::size_t calls)>;

// To the compiler, something unknown reads and writes what p points to and all other memory: a result that nobody
// uses is computed all the same, and in each round again.
inline void keep(const void* p) noexcept
{
#if defined(__GNUC__)
    __asm__ volatile("" : : "r"(p) : "memory");
#else
    static const void* volatile seen;
    seen = p;
#endif
}

template <class Call>
[[nodiscard]] Loop loop_of(Call call)
{
    return [call = std::move(call)](std::size_t calls) mutable {
        for (std::size_t i = 0; i < calls; ++i)
            call();
    };
}

[[nodiscard]] inline double seconds_of(const Loop& loop, std::size_t calls)
{
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    loop(calls);
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The first power of two that takes `least_seconds`. Looking for it warms up caches and vector units.
[[nodiscard]] inline std::size_t calls_lasting(const Loop& loop, double least_seconds)
{
    std::size_t calls = 1;
    while (seconds_of(loop, calls) < least_seconds)
        calls *= 2;
    return calls;
}

// result[i][j]: seconds per call of loop i in repetition j. between() runs before each timed loop; what it throws ends
// the measurement.
template <class Between>
[[nodiscard]] std::vector<std::vector<double>> take_turns(std::span<const Loop> loops, std::size_t repetitions,
                                                          double least_seconds, Between between)
{
    std::vector<std::size_t> calls;
    for (const Loop& loop : loops) {
        between();
        calls.push_back(calls_lasting(loop, least_seconds));
    }
    std::vector<std::vector<double>> seconds(loops.size());
    for (std::size_t j = 0; j < repetitions; ++j) {
        for (std::size_t i = 0; i < loops.size(); ++i) {
            between();
            loops[i](1); // brings back its data after the others' turns
            seconds[i].push_back(seconds_of(loops[i], calls[i]) / static_cast<double>(calls[i]));
        }
    }
    return seconds;
}

} // namespace ruvllm::measure
