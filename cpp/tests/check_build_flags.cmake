# cmake -DCOMMANDS=compile_commands.json -DSOURCE=... -DARCHS=scalar;avx2;... -P check_build_flags.cmake
#
# Promises about every command line that compiles something of ours, wherever its flags come from (CMake files, build
# type, CXXFLAGS):
# 1. -fno-fast-math, then -ffp-contract=off, and nothing after them that changes arithmetic.
# 2. Instruction sets beyond the baseline are chosen in cpp/arch/ only, and there exactly as written below: AVX-512 by
#    the full name of a CPU, because xsimd refuses half-sets.

set(FLAGS_scalar "")
set(FLAGS_sse4_1 "-msse4.1")
set(FLAGS_avx2 "-mavx2 -mpopcnt")
set(FLAGS_avx512 "-march=skylake-avx512")
set(FLAGS_neon64 "")

if(NOT EXISTS "${COMMANDS}")
  message("skipped: this generator writes no compile_commands.json")
  return()
endif()
file(READ "${COMMANDS}" json)
string(JSON n_entries LENGTH "${json}")
math(EXPR last "${n_entries} - 1")

set(problems "")
set(seen_archs "")
set(n_checked 0)
foreach(i RANGE ${last})
  string(JSON file GET "${json}" ${i} file)
  string(FIND "${file}" "${SOURCE}/" at)
  if(NOT at EQUAL 0)
    continue() # not ours: GoogleTest
  endif()
  math(EXPR n_checked "${n_checked} + 1")
  string(JSON command GET "${json}" ${i} command)
  separate_arguments(arguments UNIX_COMMAND "${command}")

  set(arithmetic "${arguments}")
  list(FILTER arithmetic INCLUDE REGEX
    "^(-Ofast|-ffp-|-f(no-)?(fast-math|unsafe-math|associative-math|reciprocal-math|finite-math|rounding-math))")
  list(JOIN arithmetic " " arithmetic)
  if(NOT arithmetic MATCHES "-fno-fast-math -ffp-contract=off$")
    string(APPEND problems "${file}: arithmetic flags '${arithmetic}' do not end in what they should\n")
  endif()

  set(machine "${arguments}")
  list(FILTER machine INCLUDE REGEX "^-m")
  list(JOIN machine " " machine)
  set(expected "")
  if(file MATCHES "/cpp/arch/([a-z0-9_]+)[.]cpp$")
    set(expected "${FLAGS_${CMAKE_MATCH_1}}")
    list(APPEND seen_archs "${CMAKE_MATCH_1}")
  endif()
  if(NOT machine STREQUAL expected)
    string(APPEND problems "${file}: machine flags '${machine}' are not '${expected}'\n")
  endif()
endforeach()

list(SORT seen_archs)
list(SORT ARCHS)
if(NOT seen_archs STREQUAL ARCHS)
  string(APPEND problems "compiled for '${seen_archs}', not for '${ARCHS}'\n")
endif()
if(problems)
  message(FATAL_ERROR "${problems}")
endif()
message("${n_checked} command lines; compiled for ${seen_archs}")
