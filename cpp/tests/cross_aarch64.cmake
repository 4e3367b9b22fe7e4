# cmake -DSTEP=build|run -DSOURCE=... -DBINARY=... -DGENERATOR=... -DMAKE_PROGRAM=... -DPYTHON=...
#   -P cross_aarch64.cmake
#
# build: the core and its tests for aarch64; run: those under qemu, golden digests included.

find_program(compiler aarch64-linux-gnu-g++)
find_program(emulator NAMES qemu-aarch64 qemu-aarch64-static)
if(NOT compiler)
  message("skipped: aarch64-linux-gnu-g++ is missing (package g++-aarch64-linux-gnu)")
  return()
endif()

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN} ended with ${status}")
  endif()
endfunction()

if(STEP STREQUAL "build")
  run("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${BINARY}" -G "${GENERATOR}"
    "-DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}" "-DPython_EXECUTABLE=${PYTHON}"
    "-DCMAKE_TOOLCHAIN_FILE=${SOURCE}/cmake/toolchains/aarch64-linux-gnu.cmake"
    -DRUVLLM_BUILD_PYTHON=OFF -DRUVLLM_BUILD_TESTS=ON -DRUVLLM_WARNINGS_AS_ERRORS=ON)
  run("${CMAKE_COMMAND}" --build "${BINARY}")
elseif(NOT emulator)
  message("skipped: the NEON tests are built, but qemu-aarch64 is missing (package qemu-user)")
else()
  run("${CMAKE_CTEST_COMMAND}" --test-dir "${BINARY}" --verbose --no-tests=error --parallel 2)
endif()
