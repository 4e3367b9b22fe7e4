# What `cmake --install` gives to C++ programs: find_package(ruvllm) and its target ruvllm::core (docs/how-to/cpp.md).
include(CMakePackageConfigHelpers)

# The kernels themselves stay inside the library, compiled once for each instruction set: programs call them through
# the table of simd/kernel_table.hpp. Hence no program needs xsimd.
set(RUVLLM_KERNEL_HEADERS block cosine_kernels dot_kernels fused_sign_kernels hamming_kernels kernels
  power sign_kernels sign_order sign_sum_kernels)
list(TRANSFORM RUVLLM_KERNEL_HEADERS APPEND ".hpp")
list(JOIN RUVLLM_KERNEL_HEADERS "|" RUVLLM_KERNEL_HEADERS)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/cpp/include/ruvllm" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  COMPONENT development FILES_MATCHING PATTERN "*.hpp" REGEX "/simd/(${RUVLLM_KERNEL_HEADERS})$" EXCLUDE)

set_target_properties(ruvllm_core PROPERTIES EXPORT_NAME core)
set_target_properties(ruvllm_options PROPERTIES EXPORT_NAME options)
install(TARGETS ruvllm_core ruvllm_options EXPORT ruvllmTargets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)

set(RUVLLM_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/ruvllm")
install(EXPORT ruvllmTargets NAMESPACE ruvllm:: DESTINATION "${RUVLLM_CMAKE_DIR}" COMPONENT development)
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/ruvllmConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/ruvllmConfig.cmake" INSTALL_DESTINATION "${RUVLLM_CMAKE_DIR}")
# Before 1.0 a minor version may change an interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/ruvllmConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/ruvllmConfig.cmake" "${PROJECT_BINARY_DIR}/ruvllmConfigVersion.cmake"
  DESTINATION "${RUVLLM_CMAKE_DIR}" COMPONENT development)
