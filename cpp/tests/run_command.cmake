# run(COMMAND...): stops the script where the command fails.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN} ended with ${status}")
  endif()
endfunction()

# configure(ARGUMENT...): the tests of SOURCE in the build folder BINARY, as the scripts are told to build.
function(configure)
  run("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${BINARY}" -G "${GENERATOR}" "-DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}"
    "-DPython_EXECUTABLE=${PYTHON}" -DRUVLLM_BUILD_PYTHON=OFF -DRUVLLM_BUILD_TESTS=ON
    -DRUVLLM_WARNINGS_AS_ERRORS=ON ${ARGN})
endfunction()
