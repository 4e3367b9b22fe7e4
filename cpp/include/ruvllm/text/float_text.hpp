// The text of a float as ECMAScript writes it (ECMA-262, section 6.1.6.1.20), its digits side by side in one register.
//
// Nine digits at most: the first of nine by itself, the other eight as the bytes of a number, which are made with few
// multiplications, moved by shifts, and written at once. Nothing that was written is read again.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "ruvllm/text/shortest_float.hpp"

namespace ruvllm::numeric::detail {

// Digits d_1 ... d_count of the number 0.d_1 d_2 ... x 10^point: n of ECMA-262 is point, and k is count.
struct FloatDigits {
    char first;         // of nine
    bool nine;          // whether there is a first one
    std::uint64_t rest; // characters of the others, the next one in the lowest byte
    int count, point;
};

// Characters are bytes in the order of memory, which is not that of every machine's numbers.
inline void put_characters(std::uint64_t characters, char* out) noexcept
{
    if constexpr (std::endian::native == std::endian::little)
        std::memcpy(out, &characters, 8);
    else
        for (int i = 0; i < 8; ++i)
            out[i] = static_cast<char>(characters >> (8 * i));
}

// The eight digits of a number below 10^8, a byte each, the first one in the lowest byte.
[[nodiscard]] constexpr std::uint64_t eight_digits(std::uint32_t number) noexcept
{
    const std::uint64_t high = number / 10'000, low = number % 10'000;
    const std::uint64_t fours = high | low << 32; // in halves
    const std::uint64_t hundreds = (fours * 10'486 >> 20) & 0x0000'007f'0000'007fu; // x 10486 / 2^20: / 100 up to 10^4
    const std::uint64_t twos = hundreds + ((fours - 100 * hundreds) << 16);
    const std::uint64_t tens = (twos * 103 >> 10) & 0x000f'000f'000f'000fu; // / 10 up to 100
    return tens + ((twos - 10 * tens) << 8);
}

// Of a positive finite float.
[[nodiscard]] inline FloatDigits float_digits(float magnitude) noexcept
{
    const auto [digits, exponent] = shortest_float(magnitude);
    const std::uint32_t first = digits / 100'000'000;
    const std::uint64_t others = eight_digits(digits - first * 100'000'000);
    const bool nine = first != 0;
    const int leading_zeros = nine ? 0 : std::countr_zero(others) / 8, zeros_at_the_end = std::countl_zero(others) / 8;
    const int written = 8 + (nine ? 1 : 0) - leading_zeros;
    return {static_cast<char>('0' + first), nine, (others + 0x3030'3030'3030'3030u) >> (8 * leading_zeros),
            written - zeros_at_the_end, exponent + written};
}

// All digits, and behind them what is written over.
inline void put_digits(const FloatDigits& d, char* out) noexcept
{
    *out = d.first;
    put_characters(d.rest, out + (d.nine ? 1 : 0));
}

// All digits with a point behind the first `at` of them, fewer than there are. Returns the end.
[[nodiscard]] inline char* put_digits_with_point(const FloatDigits& d, int at, char* out) noexcept
{
    put_digits(d, out);
    put_characters(d.rest >> (8 * (at - (d.nine ? 1 : 0))), out + at + 1);
    out[at] = '.';
    return out + d.count + 1;
}

[[nodiscard]] inline char* put_with_exponent(const FloatDigits& d, char* out) noexcept
{
    if (d.count > 1) {
        out = put_digits_with_point(d, 1, out);
    } else {
        put_digits(d, out);
        ++out;
    }
    const int exponent = d.point - 1, magnitude = exponent < 0 ? -exponent : exponent;
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    if (magnitude >= 10)
        *out++ = static_cast<char>('0' + magnitude / 10);
    *out++ = static_cast<char>('0' + magnitude % 10);
    return out;
}

// Steps 3 and 6 to 12 of Number::toString, of a finite float other than 0. `out` has room for 48 characters.
[[nodiscard]] inline char* write_float(float x, char* out) noexcept
{
    const auto bits = std::bit_cast<std::uint32_t>(x);
    *out = '-';
    out += bits >> 31; // half of a model's weights are negative: a branch would be wrong for half of them
    const FloatDigits d = float_digits(std::bit_cast<float>(bits & 0x7fff'ffffu));
    if (-6 < d.point && d.point <= 0) {
        std::memset(out, '0', 8);
        out[1] = '.';
        out += 2 - d.point;
        put_digits(d, out);
        return out + d.count;
    }
    if (d.point <= 0 || d.point > 21)
        return put_with_exponent(d, out);
    if (d.point < d.count)
        return put_digits_with_point(d, d.point, out);
    put_digits(d, out);
    std::memset(out + d.count, '0', 24); // at most 20 are meant
    return out + d.point;
}

} // namespace ruvllm::numeric::detail
