// The kernel table that a Python caller names: "auto" is the default one.
#pragma once

#include <string>

#include "ruvllm/simd/dispatch.hpp"

namespace ruvllm::bindings {

[[nodiscard]] inline const simd::KernelTable& kernels_by_name(const std::string& isa)
{
    return isa == "auto" ? simd::default_kernels() : simd::kernels_for(simd::parse_isa(isa));
}

} // namespace ruvllm::bindings
