# cmake -DSTEP=build|run -DCOMPILER=clang++ -DSOURCE=... -DBINARY=... -DGENERATOR=... -DMAKE_PROGRAM=... -DPYTHON=...
#   -P other_compiler.cmake
#
# build: the core and its golden digests by the other compiler; run: compares them, and checks the object files.

find_program(compiler ${COMPILER})
if(NOT compiler)
  message("skipped: ${COMPILER} is missing, so that its digests are not compared")
  return()
endif()

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN} ended with ${status}")
  endif()
endfunction()

if(STEP STREQUAL "build")
  run("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${BINARY}" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${compiler}"
    "-DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}" "-DPython_EXECUTABLE=${PYTHON}"
    -DRUVLLM_BUILD_PYTHON=OFF -DRUVLLM_BUILD_TESTS=ON -DRUVLLM_WARNINGS_AS_ERRORS=ON)
  run("${CMAKE_COMMAND}" --build "${BINARY}" --target golden_digests)
else()
  run("${CMAKE_CTEST_COMMAND}" --test-dir "${BINARY}" --verbose --no-tests=error
    -R "^(golden_digests|build_flags|arch_object[.].*)$")
endif()
