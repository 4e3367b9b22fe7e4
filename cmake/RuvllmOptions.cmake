# ruvllm_options: how everything of ours, and whoever includes our headers, is compiled and linked, so that it computes
# the same bits everywhere (docs/reproducibility.md), whatever CXXFLAGS and LDFLAGS ask for.
# ruvllm_warnings: what else our own files are compiled with.

# GCC before 13 and Clang link start-up code (crtfastmath.o) where a flag of the link allows unsafe arithmetic. It makes
# the whole process that loads the library flush subnormal numbers to zero. Link options of a target come last and undo
# that. The optimization level that allows it cannot be undone, so it becomes the level below.
set(RUVLLM_UNSAFE_LEVEL "-Ofas[t]")
set(RUVLLM_COMPILER_FLAGS CMAKE_CXX_FLAGS CMAKE_CXX_FLAGS_RELEASE CMAKE_CXX_FLAGS_DEBUG CMAKE_CXX_FLAGS_RELWITHDEBINFO
  CMAKE_CXX_FLAGS_MINSIZEREL)
foreach(flags ${RUVLLM_COMPILER_FLAGS} CMAKE_SHARED_LINKER_FLAGS CMAKE_MODULE_LINKER_FLAGS CMAKE_EXE_LINKER_FLAGS)
  if(" ${${flags}} " MATCHES " ${RUVLLM_UNSAFE_LEVEL} ")
    message(STATUS "${flags}: ${CMAKE_MATCH_0}allows unsafe arithmetic and becomes -O3")
    string(REGEX REPLACE "(^| )${RUVLLM_UNSAFE_LEVEL}( |$)" "\\1-O3\\2" ${flags} "${${flags}}")
  endif()
endforeach()

# Instruction sets are chosen when a program runs (RuvllmArch.cmake). A flag that chooses them for all files would make
# the library crash on an older CPU, call code SSE4.1 that is not, or, on x87 registers, compute other bits.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND NOT MSVC)
  set(RUVLLM_MACHINE_FLAG
    "-m(arch=[^ ]*|cpu=[^ ]*|fpmath=[^ ]*|avx[^ ]*|sse[^ ]*|ssse3|fma[^ ]*|f16c|popcnt|bmi2?|lzcnt)")
  foreach(flags ${RUVLLM_COMPILER_FLAGS})
    string(REPLACE " " "  " RUVLLM_GIVEN_FLAGS " ${${flags}} ") # a blank of its own on both sides of each flag
    string(REGEX MATCHALL " ${RUVLLM_MACHINE_FLAG} " RUVLLM_LEFT_OUT "${RUVLLM_GIVEN_FLAGS}")
    if(RUVLLM_LEFT_OUT)
      string(REGEX REPLACE " ${RUVLLM_MACHINE_FLAG} " " " RUVLLM_GIVEN_FLAGS "${RUVLLM_GIVEN_FLAGS}")
      string(REGEX REPLACE " +" " " ${flags} "${RUVLLM_GIVEN_FLAGS}")
      string(REGEX REPLACE "[ ;]+" " " RUVLLM_LEFT_OUT "${RUVLLM_LEFT_OUT}")
      message(STATUS "${flags}: left out${RUVLLM_LEFT_OUT}(instruction sets are chosen when a program runs)")
    endif()
  endforeach()
endif()

add_library(ruvllm_options INTERFACE)
add_library(ruvllm_warnings INTERFACE)
if(MSVC)
  if(MSVC_VERSION LESS 1930)
    message(FATAL_ERROR "ruvllm needs Visual Studio 2022 or newer: /fp:precise of older ones fuses multiply and add")
  endif()
  target_compile_options(ruvllm_options INTERFACE /fp:precise)
  target_compile_options(ruvllm_warnings INTERFACE /W4 $<$<BOOL:${RUVLLM_WARNINGS_AS_ERRORS}>:/WX>)
else()
  # No fused multiply-add behind our back: equal bits on every instruction set. The order counts: in Clang
  # -fno-fast-math brings contraction back.
  target_compile_options(ruvllm_options INTERFACE
    -fno-fast-math -ffp-contract=off)
  target_link_options(ruvllm_options INTERFACE -fno-fast-math -fno-unsafe-math-optimizations)
  target_compile_options(ruvllm_warnings INTERFACE
    -Wall -Wextra -Wconversion -Wshadow $<$<BOOL:${RUVLLM_WARNINGS_AS_ERRORS}>:-Werror>)
endif()
