# ruvllm_core: the header-only core plus one object file per instruction set.
# Only cpp/arch/*.cpp are compiled for more than the baseline; they hold explicit instantiations only.

set(RUVLLM_PROCESSOR "${CMAKE_SYSTEM_PROCESSOR}")
if(APPLE AND CMAKE_OSX_ARCHITECTURES) # may be another one than this machine's
  set(RUVLLM_PROCESSOR "${CMAKE_OSX_ARCHITECTURES}")
  list(LENGTH CMAKE_OSX_ARCHITECTURES RUVLLM_N_ARCHITECTURES)
  if(RUVLLM_N_ARCHITECTURES GREATER 1)
    message(FATAL_ERROR "ruvllm is built for one architecture at a time, not for ${CMAKE_OSX_ARCHITECTURES}")
  endif()
endif()

if(RUVLLM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(RUVLLM_ARCHS scalar sse4_1 avx2 avx512)
  if(MSVC) # untested; it has no flags for SSE4.1, which any file may use, and does not vectorize sums in this mode
    set(RUVLLM_FLAGS_sse4_1 /D__SSE3__ /D__SSSE3__ /D__SSE4_1__)
    set(RUVLLM_FLAGS_avx2 /arch:AVX2)
    set(RUVLLM_FLAGS_avx512 /arch:AVX512)
  else()
    # really scalar: the comparison between instruction sets would otherwise be one of SSE2 with SSE4.1
    set(RUVLLM_FLAGS_scalar -fno-tree-vectorize -fno-tree-slp-vectorize)
    set(RUVLLM_FLAGS_sse4_1 -msse4.1)
    set(RUVLLM_FLAGS_avx2 -mavx2 -mpopcnt)
    set(RUVLLM_FLAGS_avx512 -march=skylake-avx512) # xsimd refuses half-sets such as -mavx512dq alone
  endif()
elseif(RUVLLM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  set(RUVLLM_ARCHS scalar neon64)
else()
  set(RUVLLM_ARCHS scalar)
endif()

add_library(ruvllm_core STATIC cpp/src/dispatch.cpp cpp/src/plain_reference.cpp)
if(NOT MSVC)
  # what speed-ups are quoted against; optimised in Debug builds too, as the kernels are
  set_source_files_properties(cpp/src/plain_reference.cpp PROPERTIES
    COMPILE_OPTIONS "-fno-tree-vectorize;-fno-tree-slp-vectorize;$<$<CONFIG:Debug>:-O2>")
  set(RUVLLM_DEBUG_LEVEL $<$<CONFIG:Debug>:-O2>)
endif()
foreach(arch IN LISTS RUVLLM_ARCHS)
  add_library(ruvllm_arch_${arch} OBJECT cpp/arch/${arch}.cpp)
  target_include_directories(ruvllm_arch_${arch} PRIVATE cpp/include)
  target_link_libraries(ruvllm_arch_${arch} PRIVATE ruvllm_options ruvllm_warnings ruvllm_xsimd)
  # Optimised in Debug builds too: at -O0 small functions of xsimd and the standard library that carry no Arch
  # become symbols of their own, which the linker merges between instruction sets.
  target_compile_options(ruvllm_arch_${arch} PRIVATE ${RUVLLM_FLAGS_${arch}} ${RUVLLM_DEBUG_LEVEL})
  target_sources(ruvllm_core PRIVATE $<TARGET_OBJECTS:ruvllm_arch_${arch}>)
  string(TOUPPER ${arch} ARCH_UPPER)
  target_compile_definitions(ruvllm_core PRIVATE RUVLLM_HAS_${ARCH_UPPER}=1)
endforeach()
target_include_directories(ruvllm_core PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/cpp/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(ruvllm_core PUBLIC cxx_std_20)
target_link_libraries(ruvllm_core PUBLIC ruvllm_options
  PRIVATE $<BUILD_INTERFACE:ruvllm_xsimd> $<BUILD_INTERFACE:ruvllm_warnings>)
if(PROJECT_IS_TOP_LEVEL) # bindings, tests and benchmarks; not the project that includes this one
  target_link_libraries(ruvllm_core INTERFACE $<BUILD_INTERFACE:ruvllm_warnings>)
endif()
add_library(ruvllm::core ALIAS ruvllm_core)
