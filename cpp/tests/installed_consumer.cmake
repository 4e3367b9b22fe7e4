# cmake -DBUILD=... -DBINARY=... -DGENERATOR=... -DMAKE_PROGRAM=... -DCOMPILER=... -DEXAMPLE=examples/cpp -DCONFIG=...
#   -P installed_consumer.cmake
#
# Installs the core from BUILD, then builds and runs the example against nothing but what was installed: with the flags
# that the example would have by itself, and with fast ones, which must be undone.
include("${CMAKE_CURRENT_LIST_DIR}/run_command.cmake")

file(REMOVE_RECURSE "${BINARY}")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${BINARY}/prefix" --component development --config "${CONFIG}")

# What is installed is whole: a header includes only headers that are there, and no other library's.
file(GLOB_RECURSE headers RELATIVE "${BINARY}/prefix/include" "${BINARY}/prefix/include/*")
list(LENGTH headers n_headers)
if(n_headers LESS 50)
  message(FATAL_ERROR "only ${n_headers} headers were installed")
endif()
foreach(header IN LISTS headers)
  file(STRINGS "${BINARY}/prefix/include/${header}" includes REGEX "^ *# *include +[\"<].*[/.]")
  foreach(line IN LISTS includes)
    string(REGEX REPLACE "^ *# *include +[\"<]([^\">]*)[\">].*" "\\1" name "${line}")
    if(NOT EXISTS "${BINARY}/prefix/include/${name}" AND NOT name MATCHES "^(sys/mman|xmmintrin)[.]h$")
      message(FATAL_ERROR "${header} includes ${name}, which is not installed")
    endif()
  endforeach()
endforeach()

foreach(flags "" "-Ofast -ffast-math -march=native")
  string(MAKE_C_IDENTIFIER "build${flags}" folder)
  run("${CMAKE_COMMAND}" -S "${EXAMPLE}" -B "${BINARY}/${folder}" -G "${GENERATOR}"
    "-DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}" "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_BUILD_TYPE=${CONFIG}"
    "-DCMAKE_PREFIX_PATH=${BINARY}/prefix" "-DCMAKE_CXX_FLAGS=${flags}")
  run("${CMAKE_COMMAND}" --build "${BINARY}/${folder}" --config "${CONFIG}")
  find_program(program adapt_queries PATHS "${BINARY}/${folder}" "${BINARY}/${folder}/${CONFIG}" NO_DEFAULT_PATH
    NO_CACHE REQUIRED)
  run("${program}")
  unset(program)
endforeach()

# Another minor version is refused, and the message is CMake's own.
file(WRITE "${BINARY}/other/CMakeLists.txt"
  "cmake_minimum_required(VERSION 3.24)\nproject(other LANGUAGES NONE)\nfind_package(ruvllm 99.0 REQUIRED)\n")
execute_process(COMMAND "${CMAKE_COMMAND}" -S "${BINARY}/other" -B "${BINARY}/other/build" -G "${GENERATOR}"
    "-DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}" "-DCMAKE_PREFIX_PATH=${BINARY}/prefix"
  RESULT_VARIABLE status ERROR_VARIABLE message OUTPUT_QUIET)
if(status EQUAL 0 OR NOT message MATCHES "version \"99.0\"")
  message(FATAL_ERROR "version 99.0 was not refused: ${message}")
endif()
message("${n_headers} headers; the example was built and run, and another version was refused")
