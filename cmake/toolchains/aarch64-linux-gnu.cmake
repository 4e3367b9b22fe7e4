# Cross-compiling to 64-bit ARM with GCC; programs run under qemu-aarch64 where it is installed.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH) # xsimd is headers only: the host's copy serves

find_program(RUVLLM_QEMU_AARCH64 NAMES qemu-aarch64 qemu-aarch64-static)
if(RUVLLM_QEMU_AARCH64)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${RUVLLM_QEMU_AARCH64};-L;/usr/aarch64-linux-gnu")
endif()
