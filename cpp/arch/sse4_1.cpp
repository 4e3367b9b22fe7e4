// Explicit instantiation only: compiled with the flags of this instruction set (cmake/RuvllmArch.cmake).
#include "ruvllm/simd/kernels.hpp"

namespace ruvllm::simd {

template struct Kernels<xsimd::sse4_1>;
extern constexpr KernelTable kernels_sse4_1 = make_kernel_table<xsimd::sse4_1>(Isa::sse4_1);

} // namespace ruvllm::simd
