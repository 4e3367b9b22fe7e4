# ruvllm_options: how everything of ours is compiled and linked, so that it computes the same bits everywhere
# (docs/reproducibility.md), whatever CXXFLAGS and LDFLAGS ask for.

# GCC before 13 and Clang link start-up code (crtfastmath.o) where a flag of the link allows unsafe arithmetic. It makes
# the whole process that loads the library flush subnormal numbers to zero. Link options of a target come last and undo
# that. The optimization level that allows it cannot be undone, so it becomes the level below.
set(RUVLLM_UNSAFE_LEVEL "-Ofas[t]")
foreach(flags CMAKE_CXX_FLAGS CMAKE_SHARED_LINKER_FLAGS CMAKE_MODULE_LINKER_FLAGS CMAKE_EXE_LINKER_FLAGS)
  if(" ${${flags}} " MATCHES " ${RUVLLM_UNSAFE_LEVEL} ")
    message(STATUS "${flags}: ${CMAKE_MATCH_0}allows unsafe arithmetic and becomes -O3")
    string(REGEX REPLACE "(^| )${RUVLLM_UNSAFE_LEVEL}( |$)" "\\1-O3\\2" ${flags} "${${flags}}")
  endif()
endforeach()

add_library(ruvllm_options INTERFACE)
if(MSVC)
  target_compile_options(ruvllm_options INTERFACE /W4 /fp:precise)
else()
  # No fused multiply-add behind our back: equal bits on every instruction set. The order counts: in Clang
  # -fno-fast-math brings contraction back.
  target_compile_options(ruvllm_options INTERFACE
    -fno-fast-math -ffp-contract=off -Wall -Wextra -Wconversion -Wshadow)
  target_link_options(ruvllm_options INTERFACE -fno-fast-math -fno-unsafe-math-optimizations)
  if(RUVLLM_WARNINGS_AS_ERRORS)
    target_compile_options(ruvllm_options INTERFACE -Werror)
  endif()
endif()
