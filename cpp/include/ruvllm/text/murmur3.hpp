// MurmurHash3, the 32-bit variant for x86 (Austin Appleby, 2011, public domain algorithm).
//
// Bytes are read in little-endian order on every CPU. The result as a signed number, with seed 0, is what
// scikit-learn's FeatureHasher uses.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ruvllm::components {

namespace detail {

[[nodiscard]] constexpr std::uint32_t byte_at(std::string_view bytes, std::size_t i) noexcept
{
    return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
}

[[nodiscard]] constexpr std::uint32_t murmur3_mix(std::uint32_t k) noexcept
{
    return std::rotl(k * 0xcc9e2d51u, 15) * 0x1b873593u;
}

} // namespace detail

[[nodiscard]] constexpr std::uint32_t murmur3_32(std::string_view bytes, std::uint32_t seed = 0) noexcept
{
    using detail::byte_at;
    std::uint32_t h = seed;
    std::size_t i = 0;
    for (; i + 4 <= bytes.size(); i += 4) {
        const std::uint32_t k = byte_at(bytes, i) | byte_at(bytes, i + 1) << 8 | byte_at(bytes, i + 2) << 16 |
                                byte_at(bytes, i + 3) << 24;
        h = std::rotl(h ^ detail::murmur3_mix(k), 13) * 5u + 0xe6546b64u;
    }
    std::uint32_t tail = 0;
    for (std::size_t shift = 0; i < bytes.size(); ++i, shift += 8)
        tail |= byte_at(bytes, i) << shift;
    h ^= detail::murmur3_mix(tail); // the mix of 0 is 0: nothing happens without a tail
    h ^= static_cast<std::uint32_t>(bytes.size());
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

} // namespace ruvllm::components
