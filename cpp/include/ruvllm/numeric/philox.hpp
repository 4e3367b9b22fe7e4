// Philox 4x64-10, a counter-based generator: block i of a stream is a pure function of (key, i).
//
// Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. It is the generator
// behind numpy.random.Philox, which is the oracle in our tests.
#pragma once

#include <array>
#include <cstdint>

namespace ruvllm::numeric {

using PhiloxBlock = std::array<std::uint64_t, 4>;
using PhiloxKey = std::array<std::uint64_t, 2>;

namespace detail {

struct Product128 {
    std::uint64_t high, low;
};

[[nodiscard]] inline Product128 multiply(std::uint64_t a, std::uint64_t b) noexcept
{
#if defined(__SIZEOF_INT128__)
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return {static_cast<std::uint64_t>(product >> 64), static_cast<std::uint64_t>(product)};
#else
    const std::uint64_t a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
    const std::uint64_t p00 = a0 * b0, p01 = a0 * b1, p10 = a1 * b0;
    const std::uint64_t middle = (p00 >> 32) + (p01 & 0xffffffffu) + (p10 & 0xffffffffu);
    return {a1 * b1 + (p01 >> 32) + (p10 >> 32) + (middle >> 32), a * b};
#endif
}

} // namespace detail

[[nodiscard]] inline PhiloxBlock philox(PhiloxBlock counter, PhiloxKey key) noexcept
{
    for (int round = 0; round < 10; ++round) {
        if (round > 0) {
            key[0] += 0x9E3779B97F4A7C15u;
            key[1] += 0xBB67AE8584CAA73Bu;
        }
        const auto p0 = detail::multiply(0xD2E7470EE14C6C93u, counter[0]);
        const auto p1 = detail::multiply(0xCA5A826395121157u, counter[2]);
        counter = {p1.high ^ counter[1] ^ key[0], p1.low, p0.high ^ counter[3] ^ key[1], p0.low};
    }
    return counter;
}

} // namespace ruvllm::numeric
