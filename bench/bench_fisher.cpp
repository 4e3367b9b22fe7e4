// Is the running average of squares f = decay f + weight x^2 as fast as plain C++ can be?
//
// "plain" is that one loop, compiled by the compiler for the widest vectors that this CPU has. 10^6 parameters are
// 12 MB read or written in each call: memory sets the limit. 10^4 fit the second-level cache.
#include <cmath>
#include <memory>

#include "bench_support.hpp"
#include "ruvllm/measure/kernels.hpp"

// What the compiler makes of the loop, for one set of instructions.
#define RUVLLM_PLAIN_LOOP(name, attributes)                                                                            \
    attributes void name(float decay, float weight, const float* __restrict x, float* __restrict f, std::size_t n)     \
    {                                                                                                                  \
        for (std::size_t i = 0; i < n; ++i)                                                                            \
            f[i] = decay * f[i] + weight * (x[i] * x[i]);                                                              \
    }

namespace {

using namespace ruvllm;
using namespace ruvllm::bench;

using Ema = void (*)(float, float, const float*, float*, std::size_t);

RUVLLM_PLAIN_LOOP(plain_baseline, )
#if defined(__GNUC__) && defined(__x86_64__)
RUVLLM_PLAIN_LOOP(plain_avx2, __attribute__((target("avx2"))))
RUVLLM_PLAIN_LOOP(plain_avx512, __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq"))))
#endif

[[nodiscard]] Ema best_plain_loop()
{
#if defined(__GNUC__) && defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return plain_avx512;
    if (__builtin_cpu_supports("avx2"))
        return plain_avx2;
#endif
    return plain_baseline;
}

// The check and the memory are those of the kernels' own loop; only the function differs.
[[nodiscard]] MakeLoop ema_loop(Ema ema, const simd::KernelTable& rest, std::size_t n)
{
    return [=] {
        auto table = std::make_shared<simd::KernelTable>(rest);
        table->ema_of_squares = ema;
        auto fisher = std::make_shared<measure::FisherEma>(n);
        return [table, fisher, loop = fisher->on(*table)](std::size_t calls) { loop(calls); };
    };
}

} // namespace

int main(int argc, char** argv)
{
    return run(argc, argv, [] {
        for (const std::size_t n : {10'000u, 1'000'000u}) {
            const std::string size = "n:" + std::to_string(n);
            const Work work{.bytes = static_cast<double>(n * measure::FisherEma::bytes_per_element)};
            for (const auto isa : simd::available_isas()) {
                const simd::KernelTable& k = simd::kernels_for(isa);
                add(label("fisher_ema", k, size), ema_loop(k.ema_of_squares, k, n), work);
            }
            add("fisher_ema/plain/" + size, ema_loop(best_plain_loop(), simd::default_kernels(), n), work);
        }
    });
}
