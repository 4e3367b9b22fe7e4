// The same bits everywhere: digests of everything the core computes, on every instruction set of this CPU, against
// pinned numbers. No GoogleTest, so that it runs where only a compiler and an emulator are at hand.
//
// golden_digests          compares; one line per section and instruction set; exit code 1 at any difference
// golden_digests --print  prints the table for golden_expected.hpp, if all instruction sets agree on it
//
// The numbers were obtained by running; tests against naive twins say what is right, this one says that it is the
// same. One that changes without a change of what is to be computed is a fault of the change.
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "golden_adapter.hpp"
#include "golden_engine.hpp"
#include "golden_expected.hpp"
#include "golden_feedback.hpp"
#include "golden_inputs.hpp"
#include "golden_kernels.hpp"
#include "golden_memories.hpp"
#include "ruvllm/simd/dispatch.hpp"

using namespace ruvllm;
using namespace ruvllm::golden;

namespace {

void append(std::vector<Section>& all, std::vector<Section> more)
{
    for (Section& section : more)
        all.push_back(std::move(section));
}

std::vector<Section> kernel_sections()
{
    std::vector<Section> all = reduction_sections();
    append(all, update_sections());
    append(all, bit_sections());
    return all;
}

std::vector<Section> all_sections()
{
    std::vector<Section> all = kernel_sections();
    append(all, input_sections());
    append(all, adapter_sections());
    append(all, feedback_sections());
    append(all, memory_sections());
    append(all, engine_sections());
    return all;
}

// A kernel that is added to the table and forgotten here would go unnoticed. The table is an Isa and then pointers.
bool every_kernel_has_a_section()
{
    constexpr std::size_t n_kernels = (sizeof(simd::KernelTable) - offsetof(simd::KernelTable, dot)) / sizeof(void*);
    const std::size_t n_sections = kernel_sections().size();
    if (n_sections != n_kernels)
        std::printf("the table has %zu kernels, golden_kernels.hpp has sections for %zu\n", n_kernels, n_sections);
    return n_sections == n_kernels;
}

std::uint64_t digest_of(const Section& section, simd::Isa isa)
{
    Digest digest;
    section.run(simd::kernels_for(isa), digest);
    return digest.value();
}

const Expected* find_expected(const std::string& name)
{
    for (const Expected& entry : expected_digests)
        if (entry.section == name)
            return &entry;
    return nullptr;
}

bool compare(const Section& section, simd::Isa isa)
{
    const Expected* expected = find_expected(section.name);
    const std::uint64_t digest = digest_of(section, isa);
    const bool same = expected != nullptr && expected->digest == digest;
    std::printf("%-8s %-20s 0x%016" PRIx64 "%s\n", std::string(simd::name(isa)).c_str(), section.name.c_str(), digest,
                same ? "" : expected == nullptr ? "  DIFFERENT: nothing is pinned" : "  DIFFERENT");
    return same;
}

bool compare_all()
{
    bool same = every_kernel_has_a_section();
    const std::vector<Section> sections = all_sections();
    for (const simd::Isa isa : simd::available_isas())
        for (const Section& section : sections)
            same = compare(section, isa) && same;
    if (std::size(expected_digests) != sections.size()) {
        std::printf("%zu digests are pinned for %zu sections\n", std::size(expected_digests), sections.size());
        same = false;
    }
    return same;
}

// One line of the table; a difference between instruction sets takes its place.
bool print_entry(const Section& section)
{
    const std::uint64_t digest = digest_of(section, simd::Isa::scalar);
    for (const simd::Isa isa : simd::available_isas())
        if (digest_of(section, isa) != digest) {
            std::printf("%s: %s differs from scalar\n", section.name.c_str(), std::string(simd::name(isa)).c_str());
            return false;
        }
    std::printf("    {\"%s\", 0x%016" PRIx64 "},\n", section.name.c_str(), digest);
    return true;
}

bool print_all()
{
    bool same = every_kernel_has_a_section();
    for (const Section& section : all_sections())
        same = print_entry(section) && same;
    return same;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc == 1)
        return compare_all() ? 0 : 1;
    if (argc == 2 && std::strcmp(argv[1], "--print") == 0)
        return print_all() ? 0 : 1;
    std::fprintf(stderr, "usage: golden_digests [--print]\n");
    return 2;
}
