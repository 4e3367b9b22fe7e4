#include "ruvllm/simd/dispatch.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

#include <xsimd/xsimd.hpp>

namespace ruvllm::simd {

extern const KernelTable kernels_scalar, kernels_sse4_1, kernels_avx2, kernels_avx512, kernels_neon64;

namespace {

std::vector<const KernelTable*> available_tables()
{
    std::vector<const KernelTable*> tables{&kernels_scalar};
    [[maybe_unused]] const auto cpu = xsimd::available_architectures();
#if RUVLLM_HAS_SSE4_1
    if (cpu.has(xsimd::sse4_1{}))
        tables.push_back(&kernels_sse4_1);
#endif
#if RUVLLM_HAS_AVX2
    if (cpu.has(xsimd::avx2{}))
        tables.push_back(&kernels_avx2);
#endif
#if RUVLLM_HAS_AVX512
    // The file is compiled with -march=skylake-avx512: F, CD, DQ, BW (and VL, which comes with them on every CPU).
    if (cpu.has(xsimd::avx512bw{}) && cpu.has(xsimd::avx512dq{}) && cpu.has(xsimd::avx512cd{}))
        tables.push_back(&kernels_avx512);
#endif
#if RUVLLM_HAS_NEON64
    tables.push_back(&kernels_neon64);
#endif
    return tables;
}

std::string available_names()
{
    std::string names;
    for (const KernelTable* table : available_tables())
        names += (names.empty() ? "" : ", ") + std::string(name(table->isa));
    return names;
}

const KernelTable& choose_default()
{
    const char* forced = std::getenv("RUVLLM_ISA");
    if (forced == nullptr || *forced == '\0' || std::string_view(forced) == "auto")
        return *available_tables().back();
    for (const KernelTable* table : available_tables())
        if (name(table->isa) == forced)
            return *table;
    throw std::invalid_argument("RUVLLM_ISA: '" + std::string(forced) +
                                "' is not available on this CPU; there is auto, " + available_names());
}

} // namespace

std::vector<Isa> available_isas()
{
    std::vector<Isa> isas;
    for (const KernelTable* table : available_tables())
        isas.push_back(table->isa);
    return isas;
}

const KernelTable& kernels_for(Isa isa)
{
    for (const KernelTable* table : available_tables())
        if (table->isa == isa)
            return *table;
    throw std::invalid_argument("instruction set '" + std::string(name(isa)) +
                                "' is not available on this CPU; there is " + available_names());
}

const KernelTable& default_kernels()
{
    static const KernelTable& table = choose_default();
    return table;
}

} // namespace ruvllm::simd
