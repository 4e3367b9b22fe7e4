# cmake -DSTEP=build|run -DCOMPILER=clang++ -DSOURCE=... -DBINARY=... -DGENERATOR=... -DMAKE_PROGRAM=... -DPYTHON=...
#   -P other_compiler.cmake
#
# build: the core and its golden digests by the other compiler, with flags that ask for other bits and must be undone;
# run: compares the digests, and checks the object files.

find_program(compiler ${COMPILER})
if(NOT compiler)
  message("skipped: ${COMPILER} is missing, so that its digests are not compared")
  return()
endif()

include("${CMAKE_CURRENT_LIST_DIR}/run_command.cmake")

if(STEP STREQUAL "build")
  configure("-DCMAKE_CXX_COMPILER=${compiler}"
    "-DCMAKE_CXX_FLAGS=-funsafe-math-optimizations -ffinite-math-only -march=native")
  run("${CMAKE_COMMAND}" --build "${BINARY}" --target golden_digests)
else()
  run("${CMAKE_CTEST_COMMAND}" --test-dir "${BINARY}" --verbose --no-tests=error
    -R "^(golden_digests|build_flags|arch_object[.].*)$")
endif()
