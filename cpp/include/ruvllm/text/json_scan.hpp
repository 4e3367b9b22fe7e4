// How deep and how big a JSON text is, in one pass and without memory, so that limits hold before a parser takes any.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace ruvllm::numeric {

struct JsonExtent {
    std::size_t depth; // 0 for a scalar, 1 for [] and {}
    std::size_t nodes; // values of every kind, and keys
    bool huge_numbers = false; // whether a number has so many digits, or such an exponent, that it may be no double
};

namespace detail {

// What a number or a literal ends before, by character: a table, as most of a checkpoint is digits.
inline constexpr auto ends_scalar = [] {
    std::array<bool, 256> ends{};
    for (const char c : std::string_view(" \t\n\r,:[]{}\""))
        ends[static_cast<unsigned char>(c)] = true;
    return ends;
}();

// The position after the closing quote of a string whose first character is at `i`.
[[nodiscard]] constexpr std::size_t end_of_string(std::string_view text, std::size_t i) noexcept
{
    while (i < text.size() && text[i] != '"')
        i += text[i] == '\\' ? 2 : 1; // whatever follows a backslash closes nothing
    return std::min(i + 1, text.size());
}

[[nodiscard]] constexpr std::size_t end_of_scalar(std::string_view text, std::size_t i) noexcept
{
    while (i < text.size() && !ends_scalar[static_cast<unsigned char>(text[i])])
        ++i;
    return i;
}

// With at most 100 characters and an exponent of at most two digits, a number is within the range of a double.
[[nodiscard]] constexpr bool may_overflow(std::string_view scalar) noexcept
{
    std::size_t digits = scalar.find_first_of("eE");
    if (digits == std::string_view::npos)
        return scalar.size() > 100;
    digits += digits + 1 < scalar.size() && (scalar[digits + 1] == '+' || scalar[digits + 1] == '-') ? 2 : 1;
    return scalar.size() > 100 || scalar.size() - digits > 2;
}

} // namespace detail

// Exact for JSON. For other texts it is exact up to the first mistake, which is where a parser stops.
// The scan stops as soon as a limit is passed: then depth > max_depth or nodes > max_nodes, by one.
[[nodiscard]] constexpr JsonExtent scan_json(std::string_view text, std::size_t max_depth,
                                             std::size_t max_nodes) noexcept
{
    JsonExtent extent{0, 0};
    std::size_t open = 0;
    for (std::size_t i = 0; i < text.size() && extent.nodes <= max_nodes && extent.depth <= max_depth;) {
        switch (text[i]) {
        case ' ': case '\t': case '\n': case '\r': case ',': case ':':
            ++i;
            break;
        case ']': case '}':
            open -= open > 0;
            ++i;
            break;
        case '[': case '{':
            ++extent.nodes;
            extent.depth = std::max(extent.depth, ++open);
            ++i;
            break;
        case '"':
            ++extent.nodes;
            i = detail::end_of_string(text, i + 1);
            break;
        default:
            ++extent.nodes;
            const std::size_t end = detail::end_of_scalar(text, i + 1);
            extent.huge_numbers |= detail::may_overflow(text.substr(i, end - i));
            i = end;
        }
    }
    return extent;
}

} // namespace ruvllm::numeric
