// BM25: how much of what is rare in a query a document says (Robertson & Zaragoza 2009, "The probabilistic relevance
// framework: BM25 and beyond").
//
//   score(q, d) = sum_t w_t idf_t tf_t (k1 + 1) / (tf_t + k1 (1 - b + b |d| / mean |d|)) / sum_t w_t
//   w_t = ln(1 + number of t in q)       idf_t = ln(1 + (n - df_t + 1/2) / (df_t + 1/2))
//
// over the subtokens t of q (subtokens.hpp). The idf is Lucene's, which is never negative; the mean over the query's
// subtokens, those that no document has among them, makes scores of short and long queries comparable.
//
// A document is counted once, when it is added. Queries then name documents by number: those to be scored, and those whose
// df, n and mean |d| hold. Sums are taken in double precision, in the order of a query's subtokens, and rounded to float32
// once: the same bits everywhere, whatever else is asked in the same call.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ruvllm/numeric/exp_log.hpp"
#include "ruvllm/text/hash_counts.hpp"
#include "ruvllm/text/murmur3.hpp"
#include "ruvllm/text/subtokens.hpp"

namespace ruvllm::components {

// Numbers of words in the order in which they came up.
class Vocabulary {
public:
    static constexpr std::uint32_t none = 0xffffffffu;

    [[nodiscard]] std::size_t size() const noexcept { return numbers_.size(); }
    [[nodiscard]] std::uint32_t find(std::string_view word) const
    {
        const auto found = numbers_.find(word);
        return found == numbers_.end() ? none : found->second;
    }
    std::uint32_t add(std::string_view word)
    {
        const std::uint32_t number = find(word);
        return number != none ? number
                              : numbers_.emplace(word, static_cast<std::uint32_t>(numbers_.size())).first->second;
    }

private:
    struct Hash {
        using is_transparent = void;
        [[nodiscard]] std::size_t operator()(std::string_view word) const noexcept { return murmur3_32(word); }
    };
    std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers_;
};

class Bm25 {
public:
    // Throws std::invalid_argument unless k1 lies in [0, 1000] and b in [0, 1].
    explicit Bm25(double k1 = 1.2, double b = 0.75) : k1_(k1), b_(b)
    {
        if (!(k1 >= 0.0 && k1 <= 1000.0))
            throw std::invalid_argument("k1 must lie in [0, 1000], not " + std::to_string(k1));
        if (!(b >= 0.0 && b <= 1.0))
            throw std::invalid_argument("b must lie in [0, 1], not " + std::to_string(b));
    }

    [[nodiscard]] double k1() const noexcept { return k1_; }
    [[nodiscard]] double b() const noexcept { return b_; }
    [[nodiscard]] std::size_t size() const noexcept { return lengths_.size(); } // documents
    [[nodiscard]] std::size_t words() const noexcept { return vocabulary_.size(); }
    [[nodiscard]] std::uint64_t length(std::size_t document) const { return lengths_.at(document); } // in subtokens

    // Documents get the next numbers, the first one size().
    void add(std::span<const std::string> texts)
    {
        HashCounts counts;
        for (const std::string& text : texts) {
            counts.clear();
            std::uint64_t length = 0;
            for_each_subtoken(text, [&](std::string_view word) {
                counts.add(vocabulary_.add(word));
                ++length;
            });
            entries_.insert(entries_.end(), counts.entries().begin(), counts.entries().end());
            ends_.push_back(entries_.size());
            lengths_.push_back(length);
        }
    }

    // out (queries, documents) = the score of each document for each query, where df, n and mean |d| are those of the
    // documents `statistics`, not none unless `documents` are none. All numbers are below size().
    void scores(std::span<const std::string> queries, std::span<const std::uint32_t> documents,
                std::span<const std::uint32_t> statistics, float* out) const
    {
        if (documents.empty())
            return;
        if (statistics.empty())
            throw std::invalid_argument("statistics must have at least 1 document, not 0");
        const Asked asked(vocabulary_, queries);
        const std::vector<Match> matches = matching(asked, documents);
        const std::vector<double> idf = std::ranges::equal(documents, statistics)
                                            ? rarity(asked, matches, statistics.size())
                                            : rarity(asked, matching(asked, statistics), statistics.size());
        const Postings found = postings(asked, matches, documents, mean_length(statistics));
        std::vector<double> sums(documents.size());
        for (std::size_t i = 0; i < queries.size(); ++i, out += documents.size()) {
            std::fill(sums.begin(), sums.end(), 0.0);
            for (const auto& [place, weight] : asked.of(i))
                for (const Hit& hit : found.of(place))
                    sums[hit.document] += weight * idf[place] * hit.saturation;
            const double total = asked.total(i);
            for (std::size_t d = 0; d < sums.size(); ++d)
                out[d] = total > 0.0 ? static_cast<float>(sums[d] / total) : 0.0f;
        }
    }

private:
    // The words of queries that documents have, numbered anew, and what each weighs.
    class Asked {
    public:
        struct Word {
            std::uint32_t place;
            double weight;
        };

        Asked(const Vocabulary& vocabulary, std::span<const std::string> queries)
            : place_(vocabulary.size(), Vocabulary::none), known_(vocabulary.size() / 64 + 1, 0)
        {
            HashCounts counts;
            ends_.push_back(0);
            for (const std::string& query : queries) {
                counts.clear();
                Vocabulary others;
                for_each_subtoken(query, [&](std::string_view word) {
                    const std::uint32_t number = vocabulary.find(word);
                    counts.add(number != Vocabulary::none
                                   ? number
                                   : static_cast<std::uint32_t>(vocabulary.size() + others.add(word)));
                });
                double total = 0.0;
                for (const auto& [number, count] : counts.entries()) {
                    const double weight = numeric::log(1.0 + count);
                    total += weight;
                    if (number < place_.size())
                        words_.push_back({place(number), weight});
                }
                totals_.push_back(total);
                ends_.push_back(words_.size());
            }
        }

        [[nodiscard]] std::size_t places() const noexcept { return n_; }
        [[nodiscard]] bool has(std::uint32_t number) const noexcept { return known_[number / 64] >> number % 64 & 1u; }
        [[nodiscard]] std::uint32_t place_of(std::uint32_t number) const noexcept { return place_[number]; }
        [[nodiscard]] double total(std::size_t query) const noexcept { return totals_[query]; }
        [[nodiscard]] std::span<const Word> of(std::size_t query) const noexcept
        {
            return std::span(words_).subspan(ends_[query], ends_[query + 1] - ends_[query]);
        }

    private:
        std::uint32_t place(std::uint32_t number)
        {
            if (place_[number] == Vocabulary::none)
                place_[number] = n_++;
            known_[number / 64] |= std::uint64_t{1} << number % 64;
            return place_[number];
        }

        std::vector<std::uint32_t> place_; // of each word of the vocabulary
        std::vector<std::uint64_t> known_; // one bit each: most words of a document are none that was asked for
        std::uint32_t n_ = 0;
        std::vector<Word> words_; // of all queries, one after another
        std::vector<std::size_t> ends_;
        std::vector<double> totals_;
    };

    // A word that was asked for, in a document.
    struct Match {
        std::uint32_t document, place, count; // the document's place among those that are asked
    };

    struct Hit {
        std::uint32_t document; // its place among those that are scored
        double saturation;      // what its number of the word counts
    };

    // For each word that was asked for, the documents that have it.
    struct Postings {
        std::vector<std::size_t> ends;
        std::vector<Hit> hits;
        [[nodiscard]] std::span<const Hit> of(std::size_t place) const noexcept
        {
            return std::span(hits).subspan(ends[place], ends[place + 1] - ends[place]);
        }
    };

    [[nodiscard]] std::span<const HashCounts::Entry> of(std::uint32_t document) const noexcept
    {
        const std::size_t begin = document == 0 ? 0 : ends_[document - 1];
        return std::span(entries_).subspan(begin, ends_[document] - begin);
    }

    [[nodiscard]] double mean_length(std::span<const std::uint32_t> documents) const noexcept
    {
        std::uint64_t sum = 0;
        for (const std::uint32_t document : documents)
            sum += lengths_[document];
        return sum == 0 ? 1.0 : static_cast<double>(sum) / static_cast<double>(documents.size());
    }

    // What documents have of the words that were asked for, in their order.
    [[nodiscard]] std::vector<Match> matching(const Asked& asked, std::span<const std::uint32_t> documents) const
    {
        std::vector<Match> found;
        std::size_t n = 0;
        for (std::size_t i = 0; i < documents.size(); ++i) {
            const auto words = of(documents[i]);
            if (found.size() < n + words.size())
                found.resize(2 * (n + words.size()));
            for (const HashCounts::Entry& entry : words) { // without a branch, which could not be predicted
                found[n] = {static_cast<std::uint32_t>(i), entry.hash, entry.count};
                n += asked.has(entry.hash);
            }
        }
        found.resize(n);
        for (Match& match : found)
            match.place = asked.place_of(match.place);
        return found;
    }

    [[nodiscard]] static std::vector<double> rarity(const Asked& asked, std::span<const Match> matches,
                                                    std::size_t documents)
    {
        std::vector<double> idf(asked.places(), 0.0);
        for (const Match& match : matches)
            idf[match.place] += 1.0;
        const auto n = static_cast<double>(documents);
        for (double& df : idf)
            df = numeric::log(1.0 + (n - df + 0.5) / (df + 0.5));
        return idf;
    }

    [[nodiscard]] Postings postings(const Asked& asked, std::span<const Match> matches,
                                    std::span<const std::uint32_t> documents, double mean) const
    {
        std::vector<double> scales(documents.size());
        for (std::size_t i = 0; i < documents.size(); ++i)
            scales[i] = k1_ * (1.0 - b_ + b_ * static_cast<double>(lengths_[documents[i]]) / mean);
        Postings made{std::vector<std::size_t>(asked.places() + 1, 0), std::vector<Hit>(matches.size())};
        for (const Match& match : matches)
            ++made.ends[match.place + 1];
        for (std::size_t i = 1; i < made.ends.size(); ++i)
            made.ends[i] += made.ends[i - 1];
        std::vector<std::size_t> next(made.ends.begin(), made.ends.end());
        for (const auto& [document, place, count] : matches) {
            const double tf = count;
            made.hits[next[place]++] = {document, tf * (k1_ + 1.0) / (tf + scales[document])};
        }
        return made;
    }

    double k1_, b_;
    Vocabulary vocabulary_;
    std::vector<HashCounts::Entry> entries_; // words of all documents with their numbers, one document after another
    std::vector<std::size_t> ends_;
    std::vector<std::uint64_t> lengths_;
};

} // namespace ruvllm::components
