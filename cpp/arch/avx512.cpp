// Explicit instantiation only: compiled with the flags of this instruction set (cmake/RuvllmArch.cmake).
#include "ruvllm/simd/kernels.hpp"

namespace ruvllm::simd {

template struct Kernels<xsimd::avx512bw>;
extern constexpr KernelTable kernels_avx512 = make_kernel_table<xsimd::avx512bw>(Isa::avx512);

} // namespace ruvllm::simd
