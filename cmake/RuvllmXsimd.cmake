# Finds the xsimd headers, in this order: an installed package, the copy inside the pythran wheel
# (a build requirement of the wheel, so `pip install .` needs no system package), a download.
add_library(ruvllm_xsimd INTERFACE)
if(POLICY CMP0205)
  cmake_policy(SET CMP0205 NEW) # where no symbolic link can be made, copy the folder with what is in it
endif()

find_package(xsimd 14 CONFIG QUIET)
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
    set(RUVLLM_XSIMD_HEADERS "${RUVLLM_PYTHRAN_DIR}")
  else()
    set(RUVLLM_XSIMD_URL https://github.com/xtensor-stack/xsimd.git)
    message(STATUS "xsimd: neither installed nor in a pythran wheel, downloading it")
    # Asked first, because a download that fails ends in an error that says nothing of the other two ways.
    find_package(Git QUIET)
    if(NOT FETCHCONTENT_SOURCE_DIR_XSIMD AND NOT EXISTS "${CMAKE_BINARY_DIR}/_deps/xsimd-src/include")
      set(RUVLLM_NO_ANSWER "no Git")
      if(GIT_FOUND)
        execute_process(COMMAND "${GIT_EXECUTABLE}" ls-remote --exit-code "${RUVLLM_XSIMD_URL}" 14.0.0
          RESULT_VARIABLE RUVLLM_NO_ANSWER OUTPUT_QUIET ERROR_QUIET TIMEOUT 60)
      endif()
      if(RUVLLM_NO_ANSWER)
        set(RUVLLM_PYTHON_FOUND "${Python_EXECUTABLE}")
        if(NOT RUVLLM_PYTHON_FOUND)
          set(RUVLLM_PYTHON_FOUND "none")
        endif()
        message(FATAL_ERROR "The xsimd headers were not found, nor can they be downloaded from ${RUVLLM_XSIMD_URL}. "
          "Do one of these: `pip install pythran` (its wheel holds them) for the Python that CMake finds "
          "(${RUVLLM_PYTHON_FOUND}; another: -DPython_EXECUTABLE=...); or install xsimd >= 14 and name the folder of "
          "its xsimdConfig.cmake in -Dxsimd_DIR=...")
      endif()
    endif()
    include(FetchContent)
    FetchContent_Declare(xsimd GIT_REPOSITORY "${RUVLLM_XSIMD_URL}" GIT_TAG 14.0.0)
    FetchContent_MakeAvailable(xsimd)
    set(RUVLLM_XSIMD_HEADERS "${xsimd_SOURCE_DIR}/include")
    # By folder, not by target: FetchContent's own SYSTEM garbles the clone in CMake 3.25.
    target_include_directories(ruvllm_xsimd SYSTEM INTERFACE "${RUVLLM_XSIMD_HEADERS}")
  endif()
endif()

# For build_info(): what the package says, or else the header.
set(RUVLLM_XSIMD_VERSION "${xsimd_VERSION}")
if(RUVLLM_XSIMD_HEADERS)
  file(STRINGS "${RUVLLM_XSIMD_HEADERS}/xsimd/config/xsimd_config.hpp" RUVLLM_XSIMD_VERSION
    REGEX "^#define XSIMD_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
  list(TRANSFORM RUVLLM_XSIMD_VERSION REPLACE ".* ([0-9]+).*" "\\1")
  string(REPLACE ";" "." RUVLLM_XSIMD_VERSION "${RUVLLM_XSIMD_VERSION}")
endif()
