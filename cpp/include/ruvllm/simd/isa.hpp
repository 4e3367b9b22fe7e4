// The instruction sets we ship and their names.
#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ruvllm::simd {

enum class Isa { scalar, sse4_1, avx2, avx512, neon };

inline constexpr std::array all_isas{Isa::scalar, Isa::sse4_1, Isa::avx2, Isa::avx512, Isa::neon};

[[nodiscard]] constexpr std::string_view name(Isa isa) noexcept
{
    switch (isa) {
    case Isa::scalar: return "scalar";
    case Isa::sse4_1: return "sse4.1";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
    case Isa::neon: return "neon";
    }
    return "unknown";
}

// Throws std::invalid_argument for a name that is none of ours.
[[nodiscard]] inline Isa parse_isa(std::string_view text)
{
    for (const Isa isa : all_isas)
        if (name(isa) == text)
            return isa;
    throw std::invalid_argument("instruction set must be one of scalar, sse4.1, avx2, avx512, neon, not '" +
                                std::string(text) + "'");
}

} // namespace ruvllm::simd
