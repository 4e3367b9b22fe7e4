# cmake -DNM=... -DOBJDUMP=... -DTAG=xsimd::avx2 -DWIDEST=ymm -DOBJECT=avx2.cpp.o -P check_arch_object.cmake
#
# Three promises about an object file that is compiled for one instruction set; its weak symbols are listed:
# 1. Every weak symbol carries the tag of that instruction set. The linker keeps one copy of a weak symbol, so an
#    untagged one may put AVX-512 code on the baseline path. (TAG empty: it is the baseline, and nothing can go wrong.)
# 2. No fused multiply-add: it rounds once where other instruction sets round twice. But in functions that are compiled
#    for it, members of FusedSignKernels, whose products are exact.
# 3. On x86, registers up to WIDEST are used and no wider ones: what is called AVX2 is AVX2, whatever CXXFLAGS say.
#    (WIDEST empty: not x86.)

foreach(tool NM OBJDUMP)
  if(NOT ${tool})
    message("skipped: ${tool} is missing (package binutils)")
    return()
  endif()
endforeach()

function(read_output variable)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN} ended with ${status}")
  endif()
  string(REGEX REPLACE "[][;]" "_" output "${output}") # brackets and semicolons would break a list of lines
  string(REPLACE "\n" ";" output "${output}")
  set(${variable} "${output}" PARENT_SCOPE)
endfunction()

set(problems "")

# nm leaves some names of lambdas mangled. There the tag is its last part with the length in front: I...4avx2E.
string(REGEX REPLACE "^.*::" "" mangled_tag "${TAG}")
string(LENGTH "${mangled_tag}" length)
string(PREPEND mangled_tag "${length}")

read_output(symbols "${NM}" -C --defined-only "${OBJECT}")
set(n_tagged 0)
foreach(symbol IN LISTS symbols)
  if(NOT symbol MATCHES "^[0-9a-fA-F]+ [WVu] (.*)$")
    continue()
  endif()
  set(name "${CMAKE_MATCH_1}")
  message("weak: ${name}")
  if(NOT TAG OR name MATCHES "<[^()]*${TAG}[>,]" OR name MATCHES "^_Z[^ ]*I[^ ]*${mangled_tag}E")
    math(EXPR n_tagged "${n_tagged} + 1")
  elseif(NOT name STREQUAL "DW.ref.__gxx_personality_v0") # a pointer of the exception tables, no code
    string(APPEND problems "weak symbol without ${TAG}: ${name}\n")
  endif()
endforeach()
if(n_tagged EQUAL 0)
  string(APPEND problems "no weak symbol with ${TAG}: is this the object of another instruction set?\n")
endif()

read_output(instructions "${OBJDUMP}" -d -C --no-show-raw-insn "${OBJECT}")
set(n_instructions 0)
set(n_exact 0)
set(function "")
set(widest "")
foreach(instruction IN LISTS instructions)
  if(instruction MATCHES "^[0-9a-f]+ <(.*)>:$")
    set(function "${CMAKE_MATCH_1}")
  endif()
  if(NOT instruction MATCHES "^ *[0-9a-f]+:[ \t]+([a-z0-9.]+)")
    continue()
  endif()
  math(EXPR n_instructions "${n_instructions} + 1")
  # x86: vfmadd213ps, vfnmsub231ss, vfmaddsub...; ARM: fmadd, fnmsub, fmla, fmls
  if(CMAKE_MATCH_1 MATCHES "^(vfn?m(add|sub)|fn?m(add|sub)|fml[as])")
    if(function MATCHES "FusedSignKernels<${TAG}>::")
      math(EXPR n_exact "${n_exact} + 1")
    else()
      string(APPEND problems "fused: ${instruction} in ${function}\n")
    endif()
  endif()
  if(instruction MATCHES "%([xyz]mm)" AND CMAKE_MATCH_1 STRGREATER widest) # x < y < z
    set(widest "${CMAKE_MATCH_1}")
  endif()
endforeach()
if(NOT widest STREQUAL WIDEST)
  string(APPEND problems "the widest registers are '${widest}', not '${WIDEST}'\n")
endif()
if(n_instructions EQUAL 0)
  string(APPEND problems "no instructions found\n")
endif()

if(problems)
  message(FATAL_ERROR "${OBJECT}:\n${problems}")
endif()
message("${n_tagged} weak symbols, all with tag '${TAG}'; ${n_instructions} instructions, ${n_exact} of exact "
  "products fused, no other; "
  "widest registers '${widest}'")
