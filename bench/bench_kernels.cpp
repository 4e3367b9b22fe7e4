// How fast are dot, gemv and cosine_many on each instruction set of this CPU?
//
// Each kernel is first compared with a naive sum in double precision; a wrong result ends the program before
// anything is timed.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "cases.hpp"
#include "reference.hpp"
#include "ruvllm/simd/dispatch.hpp"

using namespace ruvllm::testing;
using ruvllm::simd::KernelTable;

namespace {

constexpr std::size_t dimensions[] = {1536, 4096}; // embedding sizes of the smallest and the largest model
constexpr std::size_t n_rows = 150;                // a full pattern bank

struct Data {
    explicit Data(std::size_t size) : Data(size, Random(size)) {}

    std::size_t n;
    GuardedFloats x;
    GuardedRows rows;

private:
    Data(std::size_t size, Random random)
        : n(size), x(random.floats(size)), rows(random, n_rows, size, size, 0)
    {
    }
};

void require_near(const char* what, const KernelTable& kernels, float actual, double expected, double allowed)
{
    if (std::fabs(static_cast<double>(actual) - expected) <= allowed)
        return;
    std::fprintf(stderr, "%s on %s: %.9g is not within %.3g of %.9g\n", what,
                 std::string(name(kernels.isa)).c_str(), static_cast<double>(actual), allowed, expected);
    std::exit(EXIT_FAILURE);
}

void check(const KernelTable& kernels, const Data& data)
{
    std::vector<float> products(n_rows), cosines(n_rows);
    kernels.gemv(data.rows.data(), n_rows, data.rows.stride(), data.x.data(), data.n, products.data());
    kernels.cosine_many(data.x.data(), data.rows.data(), n_rows, data.rows.stride(), data.n, cosines.data());
    for (std::size_t r = 0; r < n_rows; ++r) {
        const Naive product = naive::dot(data.rows.row(r), data.x.data(), data.n);
        const double allowed = tolerance(roundings_of_sum(data.n), product.magnitude);
        require_near("dot", kernels, kernels.dot(data.rows.row(r), data.x.data(), data.n), product.value, allowed);
        require_near("gemv", kernels, products[r], product.value, allowed);
        require_near("cosine_many", kernels, cosines[r], naive::cosine(data.x.data(), data.rows.row(r), data.n),
                     tolerance(3 * roundings_of_sum(data.n) + 4, 1.0));
    }
}

// Registers `kernel(data, out)`; a multiply and an add per element count as two operations.
template <class Kernel>
void add_benchmark(const std::string& kernel_name, const KernelTable& kernels, const Data& data, std::size_t rows,
                   Kernel kernel)
{
    const std::string label =
        kernel_name + "/" + std::string(name(kernels.isa)) + "/n:" + std::to_string(data.n);
    benchmark::RegisterBenchmark(label.c_str(), [&data, rows, kernel](benchmark::State& state) {
        std::vector<float> out(rows);
        for ([[maybe_unused]] auto _ : state) {
            kernel(data, out.data());
            benchmark::DoNotOptimize(out.data());
            benchmark::ClobberMemory();
        }
        state.counters["flop/s"] = benchmark::Counter(2.0 * static_cast<double>(rows * data.n),
                                                      benchmark::Counter::kIsIterationInvariantRate);
    });
}

void add_benchmarks(const KernelTable& kernels, const Data& data)
{
    add_benchmark("dot", kernels, data, 1, [&kernels](const Data& d, float* out) {
        *out = kernels.dot(d.rows.data(), d.x.data(), d.n);
    });
    add_benchmark("gemv", kernels, data, n_rows, [&kernels](const Data& d, float* out) {
        kernels.gemv(d.rows.data(), n_rows, d.rows.stride(), d.x.data(), d.n, out);
    });
    add_benchmark("cosine_many", kernels, data, n_rows, [&kernels](const Data& d, float* out) {
        kernels.cosine_many(d.x.data(), d.rows.data(), n_rows, d.rows.stride(), d.n, out);
    });
}

} // namespace

int main(int argc, char** argv)
{
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return EXIT_FAILURE;
    std::vector<Data> inputs;
    for (const std::size_t n : dimensions)
        inputs.emplace_back(n);
    for (const auto isa : ruvllm::simd::available_isas()) {
        const KernelTable& kernels = ruvllm::simd::kernels_for(isa);
        for (const Data& data : inputs) {
            check(kernels, data);
            add_benchmarks(kernels, data);
        }
    }
    const std::size_t n_run = benchmark::RunSpecifiedBenchmarks();
    return n_run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
