// What the benchmark programs share: how a loop is registered, which rates it reports, how a wrong answer ends it.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <utility>

#include <benchmark/benchmark.h>

#include "ruvllm/measure/naive.hpp"
#include "ruvllm/measure/timing.hpp"
#include "ruvllm/simd/dispatch.hpp"

namespace ruvllm::bench {

using measure::Loop;

// What one call does, as far as it is to be reported as a rate; 0 is left out.
struct Work {
    double bytes = 0.0; // read and written: of a byte that is read and then written, two
    double items = 0.0;
};

// Makes the data, compares the answer with the naive twin's, and returns the loop, which owns the data.
// Throws measure::WrongAnswerError.
using MakeLoop = std::function<Loop()>;

[[nodiscard]] inline double bytes_of_floats(std::size_t n) { return static_cast<double>(n * sizeof(float)); }

// "what/instruction set/detail"
[[nodiscard]] inline std::string label(const std::string& what, const simd::KernelTable& k, const std::string& detail)
{
    return what + "/" + std::string(simd::name(k.isa)) + "/" + detail;
}

// The loop of one benchmark at a time: google-benchmark calls its function again for each repetition, and all data of
// all benchmarks would not fit into memory.
inline Loop& loop_of(const std::string& name, const MakeLoop& make)
{
    static std::string present;
    static Loop loop;
    if (present != name) {
        loop = {};
        loop = make();
        present = name;
    }
    return loop;
}

// Registers a benchmark. Calls of some nanoseconds go in batches, so that what google-benchmark does between two of
// them does not show. Benchmarks that a filter leaves out make no data.
inline void add(const std::string& name, const MakeLoop& make, const Work& work, std::size_t batch = 1)
{
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
        Loop& loop = loop_of(name, make);
        while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(batch)))
            loop(batch);
        const auto rate = benchmark::Counter::kIsIterationInvariantRate;
        if (work.bytes > 0.0)
            state.counters["GB/s"] = benchmark::Counter(work.bytes * 1e-9, rate);
        if (work.items > 0.0)
            state.counters["items/s"] = benchmark::Counter(work.items, rate);
    });
}

// main() of a benchmark program. What registration or a check throws is one line, and exit code 1.
template <class RegisterAll>
[[nodiscard]] int run(int argc, char** argv, RegisterAll register_all)
{
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return EXIT_FAILURE;
    try {
        register_all();
        return benchmark::RunSpecifiedBenchmarks() > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return EXIT_FAILURE;
    }
}

} // namespace ruvllm::bench
