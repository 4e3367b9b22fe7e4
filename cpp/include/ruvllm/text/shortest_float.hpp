// The shortest decimal digits that give back a float; among the shortest, those closest to it, as std::to_chars gives them.
// A checkpoint is made of millions of floats: without a text in between, and without the digits of doubles, they take
// half the time.
//
// Giulietti, "The Schubfach way to render doubles", 2020, for floats. With v = c 2^q, and 10^k the largest power of ten
// below the distance of the neighbouring floats, the digits are those of the multiple of 10^k or of 10^(k+1) nearest to v
// within its rounding interval. Products with a power of ten are rounded to odd, which leaves each comparison as it is.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace ruvllm::numeric {

// digits x 10^exponent, 0 < digits < 10^9. Zeros at the end do not count.
struct ShortestFloat {
    std::uint32_t digits;
    int exponent;
};

namespace detail {

// floor(log10(2^e)), floor(log10(3/4 2^e)) and floor(log2(10^e)) for the exponents in question.
[[nodiscard]] constexpr int log10_of_power_of_2(int e) noexcept { return (e * 1262611) >> 22; }
[[nodiscard]] constexpr int log10_of_three_quarters_of_power_of_2(int e) noexcept
{
    return (e * 1262611 - 524031) >> 22;
}
[[nodiscard]] constexpr int log2_of_power_of_10(int e) noexcept { return (e * 1741647) >> 19; }

// The powers of ten by which floats are multiplied: 64 bits each, the first one set, rounded up.
struct PowersOfTen {
    static constexpr int first = -31, last = 45;
    std::array<std::uint64_t, last - first + 1> top{};

    constexpr PowersOfTen()
    {
        for (int e = first; e <= last; ++e)
            top[static_cast<std::size_t>(e - first)] = e < 0 ? top_of_inverse(-e) : top_of_power(e);
    }
    [[nodiscard]] constexpr std::uint64_t of(int e) const { return top[static_cast<std::size_t>(e - first)]; }

private:
    // 192 bits, the least first: 10^45 has 150, and 2^191 is far above 10^31 2^64.
    using Wide = std::array<std::uint32_t, 6>;

    [[nodiscard]] static constexpr Wide power(int e)
    {
        Wide value{1};
        for (; e > 0; --e) {
            std::uint64_t carry = 0;
            for (std::uint32_t& word : value) {
                carry += std::uint64_t{word} * 10;
                word = static_cast<std::uint32_t>(carry);
                carry >>= 32;
            }
        }
        return value;
    }
    [[nodiscard]] static constexpr int length(const Wide& value)
    {
        for (int word = 5; word >= 0; --word)
            if (value[static_cast<std::size_t>(word)] != 0)
                return 32 * word + static_cast<int>(std::bit_width(value[static_cast<std::size_t>(word)]));
        return 0;
    }
    [[nodiscard]] static constexpr bool bit(const Wide& value, int at)
    {
        return at >= 0 && (value[static_cast<std::size_t>(at / 32)] >> (at % 32) & 1u) != 0;
    }
    [[nodiscard]] static constexpr std::uint64_t top_of_power(int e)
    {
        const Wide value = power(e);
        const int bits = length(value);
        std::uint64_t out = 0;
        for (int i = 1; i <= 64; ++i)
            out = out << 1 | (bit(value, bits - i) ? 1u : 0u);
        for (int i = bits - 65; i >= 0; --i)
            if (bit(value, i))
                return out + 1;
        return out;
    }
    // Of 10^-e, by long division of a power of two: no power of ten divides one, so that there is always a rest.
    [[nodiscard]] static constexpr std::uint64_t top_of_inverse(int e)
    {
        const Wide divisor = power(e);
        Wide rest{};
        rest[static_cast<std::size_t>((length(divisor) - 1) / 32)] = 1u << ((length(divisor) - 1) % 32);
        std::uint64_t out = 0;
        for (int i = 0; i < 64; ++i) {
            std::uint32_t carry = 0;
            for (std::uint32_t& word : rest) {
                const std::uint32_t next = word >> 31;
                word = word << 1 | carry;
                carry = next;
            }
            const bool fits = !less(rest, divisor);
            if (fits)
                subtract(rest, divisor);
            out = out << 1 | (fits ? 1u : 0u);
        }
        return out + 1;
    }
    [[nodiscard]] static constexpr bool less(const Wide& a, const Wide& b)
    {
        for (std::size_t word = a.size(); word-- > 0;)
            if (a[word] != b[word])
                return a[word] < b[word];
        return false;
    }
    static constexpr void subtract(Wide& a, const Wide& b)
    {
        std::int64_t carry = 0;
        for (std::size_t word = 0; word < a.size(); ++word) {
            carry += std::int64_t{a[word]} - std::int64_t{b[word]};
            a[word] = static_cast<std::uint32_t>(carry);
            carry >>= 32;
        }
    }
};
inline constexpr PowersOfTen powers_of_ten;

// The integer part of power factor / 2^64, its last bit set as well where more than a rounding of the power is cut off.
[[nodiscard]] constexpr std::uint32_t rounded_to_odd(std::uint64_t power, std::uint32_t factor) noexcept
{
    const std::uint64_t low = (power & 0xffffffffu) * factor >> 32;
    const std::uint64_t product = low + (power >> 32) * factor; // without its lowest 32 bits
    return static_cast<std::uint32_t>(product >> 32) | (static_cast<std::uint32_t>(product) > 1 ? 1u : 0u);
}

} // namespace detail

// Of a positive finite float.
[[nodiscard]] constexpr ShortestFloat shortest_float(float magnitude) noexcept
{
    static_assert(std::numeric_limits<float>::is_iec559);
    const auto bits = std::bit_cast<std::uint32_t>(magnitude);
    const std::uint32_t fraction = bits & 0x7fffffu, biased = bits >> 23;
    const std::uint32_t c = biased == 0 ? fraction : fraction | 0x800000u;
    const int q = (biased == 0 ? 1 : static_cast<int>(biased)) - 150;
    const bool narrow_below = fraction == 0 && biased > 1; // the next float below is half as far as that above
    const int k = narrow_below ? detail::log10_of_three_quarters_of_power_of_2(q) : detail::log10_of_power_of_2(q);
    const int shift = q + detail::log2_of_power_of_10(-k) + 1;
    const std::uint64_t power = detail::powers_of_ten.of(-k);

    // v and the bounds of its interval in quarters of 10^k; the bounds belong to it where c is even.
    const std::uint32_t odd = c & 1u;
    const std::uint32_t lower = detail::rounded_to_odd(power, (4 * c - (narrow_below ? 1 : 2)) << shift) + odd;
    const std::uint32_t middle = detail::rounded_to_odd(power, 4 * c << shift);
    const std::uint32_t upper = detail::rounded_to_odd(power, (4 * c + 2) << shift) - odd;

    // Both are computed, for which one it is cannot be foretold: a wrong guess would cost more.
    const std::uint32_t ones = middle / 4, tens = ones / 10, half = 4 * ones + 2;
    const bool below = (ones >= 10) & (lower <= 40 * tens), above = (ones >= 10) & (40 * tens + 40 <= upper);
    const bool floor = lower <= 4 * ones, ceiling = 4 * ones + 4 <= upper;
    const bool nearer = (middle > half) | ((middle == half) & ((ones & 1u) != 0));
    const bool shorter = below != above;
    return {shorter ? tens + (above ? 1 : 0) : ones + ((floor != ceiling ? ceiling : nearer) ? 1 : 0),
            shorter ? k + 1 : k};
}

} // namespace ruvllm::numeric
