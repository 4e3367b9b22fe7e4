// Explicit instantiation only: compiled with the flags of this instruction set (cmake/RuvllmArch.cmake).
#include "ruvllm/simd/kernels.hpp"

namespace ruvllm::simd {

template struct Kernels<xsimd::avx2>;
extern constexpr KernelTable kernels_avx2 = make_kernel_table<xsimd::avx2>(Isa::avx2);

} // namespace ruvllm::simd
