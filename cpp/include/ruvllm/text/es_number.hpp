// Numbers as ECMAScript writes them: Number::toString(x, 10), ECMA-262 section 6.1.6.1.20.
//
// RFC 8785 and JSON.stringify both use this form, so a text made here can be hashed and checked by any JavaScript
// runtime. std::to_chars gives the same shortest digits but another exponent: "1e-07" for "1e-7".
//
// A float is written with the fewest digits that give back the same float. Read as a double and written again, that
// text does not change: it has at most 9 significant digits, doubles keep any 15 apart (std::numeric_limits<double>::
// digits10), and every non-zero float, subnormals included, lies where doubles are normal.
//
// Callers hold a FloatEnvironmentGuard: std::to_chars compares, so that where subnormals count as zero it writes "0".
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>

#include "ruvllm/text/float_text.hpp"

namespace ruvllm::numeric {

// "-0.0000012345678901234567": sign, "0.", five zeros, 17 digits.
inline constexpr std::size_t max_es_number_length = 25;
// What is written is at most that long, and pieces of it are copied with what comes after them.
inline constexpr std::size_t es_number_room = 48;

namespace detail {

// digits[0 .. count) x 10^(point - count), digits[0] not '0': s, k and n of ECMA-262. There is room behind the digits.
struct Decimal {
    static constexpr std::size_t most = 17;
    std::array<char, 2 * most> digits;
    int count;
    int point;
};

// The shortest digits of a positive number; among the shortest, the closest to it.
[[nodiscard]] inline Decimal shortest_decimal(double magnitude)
{
    std::array<char, 32> text; // "d.ddde-308"
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), magnitude,
                                            std::chars_format::scientific);
    if (error != std::errc{})
        throw std::logic_error("32 characters do not hold a number");
    Decimal decimal{};
    const char* p = text.data();
    for (; *p != 'e'; ++p)
        if (*p != '.')
            decimal.digits[static_cast<std::size_t>(decimal.count++)] = *p;
    const bool negative = p[1] == '-';
    int exponent = 0;
    for (p += 2; p != end; ++p)
        exponent = 10 * exponent + (*p - '0');
    decimal.point = (negative ? -exponent : exponent) + 1;
    return decimal;
}

// Digits [from, to), and behind them what is written over.
[[nodiscard]] inline char* write_digits(const Decimal& d, int from, int to, char* out)
{
    std::memcpy(out, d.digits.data() + from, Decimal::most);
    return out + (to - from);
}

[[nodiscard]] inline char* write_zeros(int count, char* out)
{
    std::memset(out, '0', 24); // at most 20 are meant
    return out + count;
}

[[nodiscard]] inline char* write_with_exponent(const Decimal& d, char* out)
{
    *out++ = d.digits[0];
    if (d.count > 1) {
        *out++ = '.';
        out = write_digits(d, 1, d.count, out);
    }
    const int exponent = d.point - 1;
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    return std::to_chars(out, out + 3, exponent < 0 ? -exponent : exponent).ptr;
}

// Steps 6 to 12 of Number::toString.
[[nodiscard]] inline char* write_decimal(const Decimal& d, char* out)
{
    if (d.count <= d.point && d.point <= 21)
        return write_zeros(d.point - d.count, write_digits(d, 0, d.count, out));
    if (0 < d.point && d.point <= 21) {
        out = write_digits(d, 0, d.point, out);
        *out++ = '.';
        return write_digits(d, d.point, d.count, out);
    }
    if (-6 < d.point && d.point <= 0) {
        *out++ = '0';
        *out++ = '.';
        return write_digits(d, 0, d.count, write_zeros(-d.point, out));
    }
    return write_with_exponent(d, out);
}

} // namespace detail

// Writes x at `out`, which has es_number_room; returns the end. -0 is written "0".
// Throws std::invalid_argument if x is not finite: JSON has no such number.
template <std::floating_point T>
    requires(sizeof(T) == 4 || sizeof(T) == 8)
[[nodiscard]] char* write_es_number(T x, char* out)
{
    if (!std::isfinite(x))
        throw std::invalid_argument("a number in JSON must be finite, not " + std::to_string(x));
    if (x == T{0}) {
        *out++ = '0';
        return out;
    }
    if constexpr (sizeof(T) == 4) {
        return detail::write_float(x, out);
    } else {
        if (x < T{0}) {
            *out++ = '-';
            x = -x;
        }
        return detail::write_decimal(detail::shortest_decimal(x), out);
    }
}

template <std::floating_point T>
[[nodiscard]] std::string es_number(T x)
{
    std::array<char, es_number_room> text;
    return {text.data(), write_es_number(x, text.data())};
}

// Appends "[1,2.5,-3e-7]".
template <std::floating_point T>
void append_es_list(std::span<const T> values, std::string& out)
{
    out += '[';
    std::array<char, 4096> text; // several numbers are appended at once
    char *p = text.data(), *const full = text.data() + text.size() - es_number_room - 1;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i != 0)
            *p++ = ',';
        p = write_es_number(values[i], p);
        if (p >= full) {
            out.append(text.data(), p);
            p = text.data();
        }
    }
    out.append(text.data(), p);
    out += ']';
}

} // namespace ruvllm::numeric
