// Texts as sets of pieces, and how much of them two texts share.
//
// The pieces of a text are its words and its pairs of neighbouring words, as hashes (MurmurHash3). Pieces that very many
// texts have are boilerplate and say nothing of a copy: they are left out. What remains is compared by
//     similarity(a, b) = |a and b| / (|a or b| + 2)
// which is Jaccard's index but for the 2: two texts with one rare word in common, and no other, are no copies.
//
// Counts are whole numbers, and the order of texts decides nothing: the same results on every CPU.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ruvllm/text/murmur3.hpp"

namespace ruvllm::components {

// Calls f(word) for each word of `text`, UTF-8: runs of letters and digits. A character of three or four bytes is a word
// of its own, because scripts without spaces are among them. Punctuation is none.
template <class F>
void for_each_word(std::string_view text, F f)
{
    const auto is_part = [](unsigned char c) {
        return c >= 0x80u || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        std::size_t end = i + 1;
        if (lead >= 0xe0u)
            end = std::min(text.size(), i + (lead >= 0xf0u ? 4 : 3));
        else if (is_part(lead))
            while (end < text.size() && is_part(static_cast<unsigned char>(text[end])) &&
                   static_cast<unsigned char>(text[end]) < 0xe0u)
                ++end;
        if (is_part(lead))
            f(text.substr(i, end - i));
        i = end;
    }
}

// The pieces of a text in `out`, ascending, each once.
inline void pieces_of(std::string_view text, std::vector<std::uint32_t>& out)
{
    out.clear();
    std::uint32_t before = 0;
    bool first = true;
    for_each_word(text, [&](std::string_view word) {
        const std::uint32_t hash = murmur3_32(word);
        out.push_back(hash);
        if (!first) // any mix of the two will do that tells their order
            out.push_back(detail::murmur3_mix(before) ^ std::rotl(hash, 7));
        before = hash;
        first = false;
    });
    std::ranges::sort(out);
    out.erase(std::unique(out.begin(), out.end()), out.end());
}

class TextPieces {
public:
    // Added to the pieces of two texts in all.
    static constexpr std::size_t smoothing = 2;
    // A piece is boilerplate if more than one text in 20 has it, or more than `most`, but for fewer than `least` texts.
    static constexpr std::size_t share = 20, least = 10, most = 200;

    explicit TextPieces(std::span<const std::string_view> texts)
    {
        ends_.push_back(0);
        std::vector<std::uint32_t> found;
        for (const std::string_view text : texts) {
            pieces_of(text, found);
            pieces_.insert(pieces_.end(), found.begin(), found.end());
            ends_.push_back(pieces_.size());
        }
        count();
        drop_boilerplate(std::clamp(texts.size() / share, least, most));
    }

    [[nodiscard]] std::size_t size() const noexcept { return ends_.size() - 1; }

    // Of one text, ascending.
    [[nodiscard]] std::span<const std::uint32_t> of(std::size_t text) const noexcept
    {
        return std::span(pieces_).subspan(ends_[text], ends_[text + 1] - ends_[text]);
    }

    // In how many texts a piece occurs; pieces that share a place in the table count together.
    [[nodiscard]] std::uint32_t frequency(std::uint32_t piece) const noexcept { return counts_[piece & mask_]; }

    // Number of pieces that both texts have.
    [[nodiscard]] std::size_t shared(std::size_t a, std::size_t b) const noexcept
    {
        const auto x = of(a), y = of(b);
        std::size_t n = 0;
        for (std::size_t i = 0, j = 0; i < x.size() && j < y.size();) {
            n += x[i] == y[j];
            const bool forward = x[i] <= y[j];
            j += y[j] <= x[i];
            i += forward;
        }
        return n;
    }

    // From the number of shared pieces; 1 for a text and itself.
    [[nodiscard]] double similarity(std::size_t a, std::size_t b, std::size_t n_shared) const noexcept
    {
        if (a == b)
            return 1.0;
        const std::size_t all = of(a).size() + of(b).size() - n_shared;
        return static_cast<double>(n_shared) / static_cast<double>(all + smoothing);
    }

    [[nodiscard]] double similarity(std::size_t a, std::size_t b) const noexcept
    {
        return similarity(a, b, a == b ? 0 : shared(a, b));
    }

private:
    void count()
    {
        const std::size_t places = std::bit_ceil(std::clamp<std::size_t>(2 * pieces_.size(), 1024, max_places));
        mask_ = static_cast<std::uint32_t>(places - 1);
        counts_.assign(places, 0);
        for (const std::uint32_t piece : pieces_)
            ++counts_[piece & mask_];
    }

    void drop_boilerplate(std::size_t limit)
    {
        std::size_t kept = 0, begin = 0;
        for (std::size_t text = 0; text < size(); ++text) {
            const std::size_t end = ends_[text + 1];
            for (std::size_t i = begin; i < end; ++i)
                if (frequency(pieces_[i]) <= limit)
                    pieces_[kept++] = pieces_[i];
            begin = end;
            ends_[text + 1] = kept;
        }
        pieces_.resize(kept);
    }

    static constexpr std::size_t max_places = std::size_t{1} << 25;

    std::vector<std::uint32_t> pieces_; // of all texts, one after another
    std::vector<std::size_t> ends_;
    std::vector<std::uint32_t> counts_;
    std::uint32_t mask_ = 0;
};

} // namespace ruvllm::components
