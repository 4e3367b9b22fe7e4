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

include("${CMAKE_CURRENT_LIST_DIR}/run_command.cmake")

if(STEP STREQUAL "build")
  configure("-DCMAKE_TOOLCHAIN_FILE=${SOURCE}/cmake/toolchains/aarch64-linux-gnu.cmake")
  run("${CMAKE_COMMAND}" --build "${BINARY}")
elseif(NOT emulator)
  message("skipped: the NEON tests are built, but qemu-aarch64 is missing (package qemu-user)")
else()
  run("${CMAKE_CTEST_COMMAND}" --test-dir "${BINARY}" --verbose --no-tests=error --parallel 2)
endif()
