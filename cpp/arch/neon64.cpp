// Explicit instantiation only: compiled with the flags of this instruction set (cmake/RuvllmArch.cmake).
#include "ruvllm/simd/kernels.hpp"

namespace ruvllm::simd {

template struct Kernels<xsimd::neon64>;
extern constexpr KernelTable kernels_neon64 = make_kernel_table<xsimd::neon64>(Isa::neon);

} // namespace ruvllm::simd
