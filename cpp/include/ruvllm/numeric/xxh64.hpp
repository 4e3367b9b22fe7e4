// XXH64 with seed 0 (Yann Collet, 2014; specification of xxHash 0.1.1): a fast hash of bytes, not one against attackers.
//
// Words are read in the machine's order: floats have the same hash on every little-endian machine.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ruvllm::numeric {

namespace detail {

inline constexpr std::uint64_t xxh_prime[] = {0, 0x9e3779b185ebca87u, 0xc2b2ae3d27d4eb4fu, 0x165667b19e3779f9u,
                                              0x85ebca77c2b2ae63u, 0x27d4eb2f165667c5u};

template <class Word>
[[nodiscard]] inline std::uint64_t word_at(const std::byte* at) noexcept
{
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

[[nodiscard]] constexpr std::uint64_t xxh_round(std::uint64_t state, std::uint64_t word) noexcept
{
    return std::rotl(state + word * xxh_prime[2], 31) * xxh_prime[1];
}

// The up to 31 bytes that are left, then every bit of the hash depends on all of them.
[[nodiscard]] inline std::uint64_t xxh_finish(std::uint64_t hash, const std::byte* at, const std::byte* end) noexcept
{
    for (; end - at >= 8; at += 8)
        hash = std::rotl(hash ^ xxh_round(0, word_at<std::uint64_t>(at)), 27) * xxh_prime[1] + xxh_prime[4];
    if (end - at >= 4) {
        hash = std::rotl(hash ^ word_at<std::uint32_t>(at) * xxh_prime[1], 23) * xxh_prime[2] + xxh_prime[3];
        at += 4;
    }
    for (; at < end; ++at)
        hash = std::rotl(hash ^ static_cast<std::uint64_t>(*at) * xxh_prime[5], 11) * xxh_prime[1];
    hash = (hash ^ hash >> 33) * xxh_prime[2];
    hash = (hash ^ hash >> 29) * xxh_prime[3];
    return hash ^ hash >> 32;
}

} // namespace detail

[[nodiscard]] inline std::uint64_t xxh64(std::span<const std::byte> bytes) noexcept
{
    using detail::xxh_prime;
    const std::byte* at = bytes.data();
    const std::byte* const end = at + bytes.size();
    std::uint64_t hash = xxh_prime[5];
    if (bytes.size() >= 32) {
        std::uint64_t state[4] = {xxh_prime[1] + xxh_prime[2], xxh_prime[2], 0, 0 - xxh_prime[1]};
        for (; end - at >= 32; at += 32)
            for (std::size_t i = 0; i < 4; ++i)
                state[i] = detail::xxh_round(state[i], detail::word_at<std::uint64_t>(at + 8 * i));
        hash = std::rotl(state[0], 1) + std::rotl(state[1], 7) + std::rotl(state[2], 12) + std::rotl(state[3], 18);
        for (const std::uint64_t each : state)
            hash = (hash ^ detail::xxh_round(0, each)) * xxh_prime[1] + xxh_prime[4];
    }
    return detail::xxh_finish(hash + bytes.size(), at, end);
}

} // namespace ruvllm::numeric
