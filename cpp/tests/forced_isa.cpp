// Which table does this process use? RUVLLM_ISA is read once a process, so each case is a process of its own.
//
// forced_isa NAME: default_kernels() must be that of NAME. NAME "best" is the best available table, "refused" means
// that the variable must be refused. Exit code 77: this CPU has no such instruction set (and it was refused).
#include <cstdio>
#include <stdexcept>
#include <string>

#include "ruvllm/simd/dispatch.hpp"

using namespace ruvllm::simd;

namespace {

bool has(const std::string& isa_name)
{
    for (const Isa isa : available_isas())
        if (name(isa) == isa_name)
            return true;
    return false;
}

} // namespace

int main(int argc, char** argv)
{
    const std::string expected = argc == 2 ? argv[1] : "";
    try {
        const std::string chosen(name(default_kernels().isa));
        std::printf("expected %s, chosen %s\n", expected.c_str(), chosen.c_str());
        const std::string best(name(available_isas().back()));
        return chosen == (expected == "best" ? best : expected) ? 0 : 1;
    } catch (const std::invalid_argument& error) {
        std::printf("expected %s, refused: %s\n", expected.c_str(), error.what());
        if (expected == "refused")
            return 0;
        return expected == "best" || has(expected) ? 1 : 77;
    }
}
