# cmake -DCPU=Nehalem|kvm64 -DPROGRAM=golden_digests -P emulated_cpu.cmake
#
# All digests on an emulated CPU: Nehalem has SSE4.1 and no AVX, kvm64 has SSE2 and SSE3 alone. An instruction that the
# CPU lacks, wherever it comes from, ends the program.

find_program(emulator NAMES qemu-x86_64 qemu-x86_64-static)
if(NOT emulator)
  message("skipped: qemu-x86_64 is missing (package qemu-user)")
  return()
endif()
execute_process(COMMAND "${emulator}" -cpu ${CPU} "${PROGRAM}" OUTPUT_VARIABLE output RESULT_VARIABLE status
  ERROR_VARIABLE warnings)
message("${output}${warnings}")
if(NOT status EQUAL 0)
  message(FATAL_ERROR "golden_digests on ${CPU} ended with ${status}")
endif()
set(expected_Nehalem sse4.1)
set(expected_kvm64 scalar)
string(REGEX MATCHALL "(scalar|sse4[.]1|avx2|avx512)" isas "${output}")
list(REMOVE_DUPLICATES isas)
list(GET isas -1 best)
if(NOT best STREQUAL expected_${CPU})
  message(FATAL_ERROR "the best instruction set on ${CPU} is '${best}', not '${expected_${CPU}}'")
endif()
