# Finds the xsimd headers, in this order: an installed package, the copy inside the pythran wheel
# (a build requirement of the wheel, so `pip install .` needs no system package), a download.
add_library(ruvllm_xsimd INTERFACE)
if(POLICY CMP0205)
  cmake_policy(SET CMP0205 NEW) # where no symbolic link can be made, copy the folder with what is in it
endif()

find_package(xsimd 13 CONFIG QUIET)
if(xsimd_FOUND)
  message(STATUS "xsimd ${xsimd_VERSION}: installed package")
  target_link_libraries(ruvllm_xsimd INTERFACE xsimd)
else()
  find_package(Python 3.11 COMPONENTS Interpreter)
  if(Python_FOUND)
    execute_process(
      COMMAND "${Python_EXECUTABLE}" -c
        "import importlib.util as u; print(u.find_spec('pythran').submodule_search_locations[0])"
      OUTPUT_VARIABLE RUVLLM_PYTHRAN_DIR OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
  if(RUVLLM_PYTHRAN_DIR AND EXISTS "${RUVLLM_PYTHRAN_DIR}/xsimd/xsimd.hpp")
    message(STATUS "xsimd: headers of the pythran wheel in ${RUVLLM_PYTHRAN_DIR}")
    # Only xsimd/ may come into view, not the rest of pythran: hence a folder with one link in it.
    set(RUVLLM_XSIMD_VIEW "${CMAKE_BINARY_DIR}/xsimd-headers")
    file(MAKE_DIRECTORY "${RUVLLM_XSIMD_VIEW}")
    file(CREATE_LINK "${RUVLLM_PYTHRAN_DIR}/xsimd" "${RUVLLM_XSIMD_VIEW}/xsimd" SYMBOLIC COPY_ON_ERROR)
    target_include_directories(ruvllm_xsimd SYSTEM INTERFACE "${RUVLLM_XSIMD_VIEW}")
  else()
    message(STATUS "xsimd: neither installed nor in a pythran wheel, downloading it")
    include(FetchContent)
    FetchContent_Declare(xsimd
      GIT_REPOSITORY https://github.com/xtensor-stack/xsimd.git
      GIT_TAG 14.0.0
      SYSTEM)
    FetchContent_MakeAvailable(xsimd)
    target_link_libraries(ruvllm_xsimd INTERFACE xsimd)
  endif()
endif()
