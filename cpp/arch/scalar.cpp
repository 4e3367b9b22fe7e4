// Explicit instantiation only: compiled with the flags of this instruction set (cmake/RuvllmArch.cmake).
#include "ruvllm/simd/kernels.hpp"

namespace ruvllm::simd {

template struct Kernels<ScalarArch>;
extern constexpr KernelTable kernels_scalar = make_kernel_table<ScalarArch>(Isa::scalar);

} // namespace ruvllm::simd
