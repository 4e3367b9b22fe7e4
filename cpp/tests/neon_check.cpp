// The NEON kernels against the scalar ones, bit by bit, without GoogleTest: it runs where only a compiler for
// aarch64 and an emulator are at hand. Prints what it compared; exit code 1 at any difference.
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "arranged_signs.hpp"
#include "cases.hpp"
#include "reference.hpp"
#include "ruvllm/simd/dispatch.hpp"

using namespace ruvllm::testing;
using ruvllm::simd::KernelTable;

namespace {

constexpr std::size_t n_rows = 7; // more than any kernel takes at once, and not a multiple
constexpr float broken_guard = std::numeric_limits<float>::infinity(); // no kernel returns it on these inputs

struct Result {
    const char* kernel;
    std::vector<float> values;
};

// Vectors of n elements for all kernels; the same seed gives the same inputs.
struct Inputs {
    Inputs(std::size_t n, std::size_t offset) : Inputs(n, offset, Random(n + 100 * offset)) {}

    GuardedFloats a, b, f, m;
    GuardedRows rows;
    GuardedFloats c;
    std::vector<std::uint32_t> bits;
    std::vector<std::uint64_t> words; // n_rows of n

private:
    Inputs(std::size_t n, std::size_t offset, Random random)
        : a(random.floats(n, offset)), b(random.floats(n, offset + 1)), f(random.non_negative(n, offset + 2)),
          m(random.floats(n, offset + 3)), rows(random, n_rows, n, n + 3, offset), c(random.floats(n_rows))
    {
        for (std::size_t i = 0; i < n_rows * ((n + 31) / 32); ++i)
            bits.push_back(random.word());
        for (std::size_t i = 0; i < n_rows * n; ++i)
            words.push_back((std::uint64_t{random.word()} << 32) | random.word());
    }
};

std::vector<Result> reductions(const KernelTable& kernels, const Inputs& in, std::size_t n)
{
    const float* a = in.a.data();
    const float* b = in.b.data();
    Result gemv{"gemv", std::vector<float>(n_rows)}, cosine{"cosine_many", std::vector<float>(n_rows)},
        transposed{"gemv_transposed", std::vector<float>(n)};
    kernels.gemv(in.rows.data(), n_rows, in.rows.stride(), a, n, gemv.values.data());
    kernels.cosine_many(a, in.rows.data(), n_rows, in.rows.stride(), n, cosine.values.data());
    kernels.gemv_transposed(in.rows.data(), n_rows, in.rows.stride(), in.c.data(), n, transposed.values.data());
    std::uint32_t different[n_rows - 1]; // counts of at most 64 n bits: exact as floats
    kernels.hamming_many(in.words.data(), in.words.data() + n, n_rows - 1, n, different);
    std::vector<std::uint64_t> signs(n / 64 + 1);
    kernels.sign_bits(a, n, signs.data());
    std::vector<float> sign_halves; // 16 bits at a time: exact as float
    for (const std::uint64_t word : signs)
        for (unsigned shift = 0; shift < 64; shift += 16)
            sign_halves.push_back(static_cast<float>((word >> shift) & 0xffffu));
    return {{"dot", {kernels.dot(a, b, n)}},
            {"sign_bits", std::move(sign_halves)},
            {"hamming_many", {different, different + n_rows - 1}},
            {"squared_norm", {kernels.squared_norm(a, n)}},
            {"squared_distance", {kernels.squared_distance(a, b, n)}},
            std::move(gemv),
            std::move(cosine),
            std::move(transposed)};
}

// Each kernel works on what the one before it left, and writes into guarded arrays.
std::vector<Result> updates(const KernelTable& kernels, Inputs& in, std::size_t n)
{
    std::vector<Result> results;
    float* a = in.a.data();
    const float* b = in.b.data();
    kernels.axpy(0.3f, b, a, n);
    results.push_back({"axpy", in.a.values()});
    kernels.scale(-1.7f, a, n);
    results.push_back({"scale", in.a.values()});
    kernels.ema_of_squares(0.92f, 0.08f, b, in.f.data(), n);
    results.push_back({"ema_of_squares", in.f.values()});
    kernels.add_squares(2.3f, b, in.f.data(), n);
    results.push_back({"add_squares", in.f.values()});
    for (const float ewc_lambda : {0.0f, 40.0f}) {
        kernels.momentum_step({0.4f, 0.9f, 0.01f, ewc_lambda}, b, in.f.data(), in.rows.data(), in.m.data(), a, n);
        results.push_back({"momentum_step", in.m.values()});
        results.push_back({"momentum_step", in.a.values()});
    }
    std::vector<const std::uint32_t*> bits;
    for (std::size_t t = 0; t < n_rows; ++t)
        bits.push_back(in.bits.data() + t * ((n + 31) / 32));
    const ArrangedSigns signs(kernels, bits, n);
    const float norm = kernels.combine_signs(in.c.data(), signs.data(), n_rows, a, n);
    results.push_back({"combine_signs", in.a.values()});
    results.push_back({"combine_signs", {norm}});
    std::vector<float> products(n_rows);
    kernels.dot_signs(signs.data(), n_rows, b, n, products.data());
    results.push_back({"dot_signs", products});
    const bool intact = in.a.guards_intact() && in.f.guards_intact() && in.m.guards_intact();
    results.push_back({"guards", {intact ? 1.0f : broken_guard}});
    return results;
}

std::vector<Result> all_results(const KernelTable& kernels, std::size_t n, std::size_t offset)
{
    Inputs inputs(n, offset);
    std::vector<Result> results = reductions(kernels, inputs, n);
    for (Result& result : updates(kernels, inputs, n))
        results.push_back(std::move(result));
    return results;
}

std::size_t count_differences(const Result& neon, const Result& scalar)
{
    std::size_t differences = 0;
    for (std::size_t i = 0; i < scalar.values.size(); ++i)
        differences += !same_bits(neon.values[i], scalar.values[i]) || neon.values[i] == broken_guard;
    return differences;
}

} // namespace

int main()
{
    const KernelTable& neon = ruvllm::simd::kernels_for(ruvllm::simd::Isa::neon);
    const KernelTable& scalar = ruvllm::simd::kernels_for(ruvllm::simd::Isa::scalar);
    std::size_t values = 0, differences = 0, cases = 0, kernels = 0;
    for_each_case([&](std::size_t n, std::size_t offset) {
        const auto from_neon = all_results(neon, n, offset), from_scalar = all_results(scalar, n, offset);
        for (std::size_t k = 0; k < from_scalar.size(); ++k) {
            const std::size_t wrong = count_differences(from_neon[k], from_scalar[k]);
            if (wrong > 0)
                std::printf("%s, n = %zu, offset = %zu: %zu values differ\n", from_scalar[k].kernel, n, offset, wrong);
            values += from_scalar[k].values.size();
            differences += wrong;
        }
        const Inputs inputs(n, offset);
        const float expected = lane_order::dot(inputs.a.data(), inputs.b.data(), n);
        differences += !same_bits(from_neon[0].values[0], expected); // the order that every instruction set shares
        kernels = from_scalar.size();
        ++cases;
    });
    std::printf("neon against scalar: %zu results a case, %zu cases (sizes x misalignments), %zu values, "
                "%zu differences\n",
                kernels, cases, values, differences);
    return differences == 0 ? 0 : 1;
}
