// Texts as vectors: hashed character n-grams, weighted by rarity, folded to d dimensions by a signed projection.
//
// The n-grams are scikit-learn's analyzer "char_wb" with n from 3 to 5: substrings of each word with one space
// on either side; a word too short for n counts once, whole. N-grams with hash H (MurmurHash3, signed) add
//     sign(H) * tf * idf(|H| mod 2^18)   to element   |H| mod d
// where tf is their number or, sublinear, 1 + ln(number); the row is then scaled to length 1 (feature hashing:
// Weinberger et al. 2009). With the number and without IDF that is HashingVectorizer(analyzer="char_wb",
// ngram_range=(3, 5), n_features=d).
//
// Sums are taken in double precision, in the order of first occurrence, and rounded to float32 once: the same bits
// everywhere.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ruvllm/text/hash_counts.hpp"
#include "ruvllm/text/murmur3.hpp"
#include "ruvllm/numeric/exp_log.hpp"

namespace ruvllm::components {

inline constexpr std::size_t min_ngram = 3, max_ngram = 5;

// Calls f(ngram) for each n-gram of `text`: UTF-8, words separated by one space.
// Words with n-grams longer than they are count once, for the shortest such n.
template <class F>
void for_each_ngram(std::string_view text, F f)
{
    std::string padded;
    std::vector<std::size_t> starts; // of each code point in `padded`, and its end
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find(' ', begin), text.size());
        if (end > begin) {
            padded.assign(1, ' ').append(text, begin, end - begin).push_back(' ');
            starts.clear();
            for (std::size_t i = 0; i < padded.size(); ++i)
                if ((static_cast<unsigned char>(padded[i]) & 0xc0u) != 0x80u) // not a continuation byte
                    starts.push_back(i);
            const std::size_t length = starts.size();
            starts.push_back(padded.size());
            for (std::size_t n = min_ngram; n <= max_ngram; ++n) {
                const std::size_t taken = std::min(n, length);
                for (std::size_t i = 0; i + taken <= length; ++i)
                    f(std::string_view(padded).substr(starts[i], starts[i + taken] - starts[i]));
                if (length <= n)
                    break;
            }
        }
        begin = end + 1;
    }
}

class NgramEncoder {
public:
    static constexpr std::size_t n_buckets = std::size_t{1} << 18;

    // sublinear_tf: see above. Throws std::invalid_argument unless 1 <= dim < 2^32.
    explicit NgramEncoder(std::size_t dim, bool sublinear_tf = false) : dim_(dim), sublinear_tf_(sublinear_tf)
    {
        if (dim == 0 || dim > UINT32_MAX)
            throw std::invalid_argument("an encoder's dim must be from 1 to 2^32 - 1, not " + std::to_string(dim));
    }

    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }

    // Number of texts that each bucket occurs in, over the texts of fit(); empty before.
    [[nodiscard]] std::span<const std::uint32_t> document_frequencies() const noexcept { return frequencies_; }

    // Weights of n-grams from `texts`, in place of earlier ones: ln((1 + n) / (1 + df)) + 1 for each bucket
    // (scikit-learn's TfidfTransformer with smooth_idf). Without a call every weight is 1.
    void fit(std::span<const std::string> texts)
    {
        std::vector<std::uint32_t> frequencies(n_buckets, 0), last_seen(n_buckets, 0);
        std::uint32_t number = 0;
        for (const std::string& text : texts) {
            ++number;
            for_each_ngram(text, [&](std::string_view ngram) {
                const std::size_t bucket = magnitude(murmur3_32(ngram)) % n_buckets;
                frequencies[bucket] += last_seen[bucket] != number;
                last_seen[bucket] = number;
            });
        }
        std::vector<double> weights(n_buckets);
        for (std::size_t i = 0; i < n_buckets; ++i)
            weights[i] = numeric::log((1.0 + number) / (1.0 + frequencies[i])) + 1.0;
        frequencies_ = std::move(frequencies);
        weights_ = std::move(weights);
    }

    // One row of dim() float32 for each text, at rows + i * dim(): length 1, or all 0 for a text without words.
    void encode(std::span<const std::string> texts, float* rows) const
    {
        HashCounts counts;
        std::vector<double> sums(dim_);
        for (std::size_t i = 0; i < texts.size(); ++i) {
            counts.clear();
            for_each_ngram(texts[i], [&](std::string_view ngram) { counts.add(murmur3_32(ngram)); });
            fold(counts.entries(), sums);
            write_unit(sums, rows + i * dim_);
        }
    }

    // What fit() learned.
    template <class Self, class Archive>
    static void archive(Self& self, Archive& archive)
    {
        archive.list("frequencies", self.frequencies_);
        archive.list("weights", self.weights_);
        if constexpr (Archive::reading)
            archive.require(self.frequencies_.size() == self.weights_.size() &&
                                (self.weights_.empty() || self.weights_.size() == n_buckets),
                            "frequencies and weights must be of no bucket or of all");
    }

    [[nodiscard]] bool sublinear_tf() const noexcept { return sublinear_tf_; }

private:
    // The hash is a signed number. 2^31 for the one number that has no absolute value among them.
    [[nodiscard]] static bool is_negative(std::uint32_t hash) noexcept { return (hash >> 31) != 0; }
    [[nodiscard]] static std::uint32_t magnitude(std::uint32_t hash) noexcept
    {
        return is_negative(hash) ? 0u - hash : hash;
    }

    void fold(std::span<const HashCounts::Entry> ngrams, std::span<double> sums) const
    {
        std::fill(sums.begin(), sums.end(), 0.0);
        const auto dim = static_cast<std::uint32_t>(sums.size());
        for (const auto& [hash, count] : ngrams) {
            const double tf = sublinear_tf_ && count > 1 ? 1.0 + numeric::log(count) : count;
            const double idf = weights_.empty() ? 1.0 : weights_[magnitude(hash) % n_buckets];
            sums[magnitude(hash) % dim] += is_negative(hash) ? -(tf * idf) : tf * idf;
        }
    }

    static void write_unit(std::span<const double> sums, float* row)
    {
        double squares = 0.0;
        for (const double value : sums)
            squares += value * value;
        const double norm = squares > 0.0 ? std::sqrt(squares) : 1.0;
        for (std::size_t i = 0; i < sums.size(); ++i)
            row[i] = static_cast<float>(sums[i] / norm);
    }

    std::size_t dim_;
    bool sublinear_tf_;
    std::vector<std::uint32_t> frequencies_;
    std::vector<double> weights_; // by bucket; empty: all 1
};

} // namespace ruvllm::components
