# ruvllm_core: the header-only core plus one object file per instruction set.
# Only cpp/arch/*.cpp are compiled for more than the baseline; they hold explicit instantiations only.

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(RUVLLM_ARCHS scalar sse4_1 avx2 avx512)
  # really scalar: the comparison between instruction sets would otherwise be one of SSE2 with SSE4.1
  set(RUVLLM_FLAGS_scalar -fno-tree-vectorize -fno-tree-slp-vectorize)
  set(RUVLLM_FLAGS_sse4_1 -msse4.1)
  set(RUVLLM_FLAGS_avx2 -mavx2 -mpopcnt)
  set(RUVLLM_FLAGS_avx512 -march=skylake-avx512) # xsimd refuses half-sets such as -mavx512dq alone
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  set(RUVLLM_ARCHS scalar neon64)
else()
  set(RUVLLM_ARCHS scalar)
endif()

add_library(ruvllm_core STATIC cpp/src/dispatch.cpp cpp/src/plain_reference.cpp)
# what speed-ups are quoted against; optimised in Debug builds too, as the kernels are
set_source_files_properties(cpp/src/plain_reference.cpp PROPERTIES
  COMPILE_OPTIONS "-fno-tree-vectorize;-fno-tree-slp-vectorize;$<$<CONFIG:Debug>:-O2>")
foreach(arch IN LISTS RUVLLM_ARCHS)
  add_library(ruvllm_arch_${arch} OBJECT cpp/arch/${arch}.cpp)
  target_include_directories(ruvllm_arch_${arch} PRIVATE cpp/include)
  target_link_libraries(ruvllm_arch_${arch} PRIVATE ruvllm_options ruvllm_xsimd)
  # Optimised in Debug builds too: at -O0 small functions of xsimd and the standard library that carry no Arch
  # become symbols of their own, which the linker merges between instruction sets.
  target_compile_options(ruvllm_arch_${arch} PRIVATE ${RUVLLM_FLAGS_${arch}} $<$<CONFIG:Debug>:-O2>)
  target_sources(ruvllm_core PRIVATE $<TARGET_OBJECTS:ruvllm_arch_${arch}>)
  string(TOUPPER ${arch} ARCH_UPPER)
  target_compile_definitions(ruvllm_core PRIVATE RUVLLM_HAS_${ARCH_UPPER}=1)
endforeach()
target_include_directories(ruvllm_core PUBLIC cpp/include)
target_link_libraries(ruvllm_core PUBLIC ruvllm_options PRIVATE ruvllm_xsimd)
