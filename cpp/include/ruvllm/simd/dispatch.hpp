// Which kernel table to use. The choice is made once; nothing else in the core asks which CPU it runs on.
#pragma once

#include <vector>

#include "ruvllm/simd/isa.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm::simd {

// Instruction sets that were compiled in and that this CPU has, best last.
[[nodiscard]] std::vector<Isa> available_isas();

// The table for one instruction set. Throws std::invalid_argument when it is not in available_isas().
[[nodiscard]] const KernelTable& kernels_for(Isa isa);

// The best table this CPU can run, or the one that the environment variable RUVLLM_ISA names
// (scalar, sse4.1, avx2, avx512, neon, auto). Chosen at the first call; throws std::invalid_argument as above.
[[nodiscard]] const KernelTable& default_kernels();

} // namespace ruvllm::simd
