// Subtokens: the words that prose and identifiers of code have in common.
//
// Letters and digits part from one another, and identifiers at their humps: parseHTTPHeader2 gives parse, http, header and
// 2, as parse_http_header_2 does. Letters of ASCII become small; others have to be small already, and have no humps. A
// plural loses its s by the rules of Harman (1991, "How effective is suffixing?"), words of four letters and more. Characters
// of three or four bytes are subtokens of their own, because scripts without spaces are among them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace ruvllm::components {

namespace detail {

enum class Letter : std::uint8_t { none, small, capital, digit, alone };

// What the character that begins at `i` is, and how many bytes it has. Punctuation and symbols of U+0080 ... U+00BF,
// U+2000 ... U+2BFF and U+3000 ... U+303F are none.
[[nodiscard]] inline std::pair<Letter, std::size_t> letter_at(std::string_view text, std::size_t i) noexcept
{
    const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
    const unsigned lead = byte(i);
    if (lead < 0x80u) {
        if (lead >= 'a' && lead <= 'z')
            return {Letter::small, 1};
        if (lead >= 'A' && lead <= 'Z')
            return {Letter::capital, 1};
        return {lead >= '0' && lead <= '9' ? Letter::digit : Letter::none, 1};
    }
    const std::size_t size = std::min<std::size_t>(text.size() - i, lead >= 0xf0u ? 4 : lead >= 0xe0u ? 3 : 2);
    if (lead < 0xe0u)
        return {lead < 0xc3u ? Letter::none : Letter::small, lead < 0xc0u ? 1 : size};
    const bool symbol = (lead == 0xe2u && byte(i + 1) < 0xb0u) || (lead == 0xe3u && byte(i + 1) == 0x80u);
    return {symbol ? Letter::none : Letter::alone, size};
}

inline void drop_plural(std::string& word)
{
    const auto ends = [&](std::string_view end) { return word.ends_with(end); };
    if (word.size() < 4 || !ends("s") || ends("us") || ends("ss"))
        return;
    if (ends("ies") && !ends("eies") && !ends("aies"))
        word.replace(word.size() - 3, 3, "y");
    else
        word.pop_back();
}

} // namespace detail

// Calls f(subtoken) for each subtoken of `text`, UTF-8, one after another.
template <class F>
void for_each_subtoken(std::string_view text, F f)
{
    using detail::Letter;
    std::string word;
    std::size_t i = 0;
    const auto take_while = [&](Letter kind) {
        const std::size_t begin = i;
        while (i < text.size()) {
            const auto [letter, size] = detail::letter_at(text, i);
            if (letter != kind)
                break;
            i += size;
        }
        return text.substr(begin, i - begin);
    };
    const auto give = [&](std::string_view taken) {
        word.assign(taken);
        for (char& c : word)
            if (c >= 'A' && c <= 'Z')
                c = static_cast<char>(c - 'A' + 'a');
        detail::drop_plural(word);
        f(std::string_view(word));
    };
    while (i < text.size()) {
        const auto [letter, size] = detail::letter_at(text, i);
        if (letter == Letter::small || letter == Letter::digit) {
            give(take_while(letter));
        } else if (letter == Letter::capital) {
            const std::size_t begin = i;
            take_while(Letter::capital);
            if (i < text.size() && detail::letter_at(text, i).first == Letter::small) {
                if (i - 1 > begin) // the last capital belongs to what follows
                    give(text.substr(begin, i - 1 - begin));
                const std::size_t hump = i - 1;
                take_while(Letter::small);
                give(text.substr(hump, i - hump));
            } else {
                give(text.substr(begin, i - begin));
            }
        } else {
            if (letter == Letter::alone)
                give(text.substr(i, size));
            i += size;
        }
    }
}

} // namespace ruvllm::components
