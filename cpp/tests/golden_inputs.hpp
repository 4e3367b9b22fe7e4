// Golden digests of what a run starts from: random numbers, our exp and log, encoded texts; and of retrieval.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "golden_section.hpp"
#include "ruvllm/components/crowding.hpp"
#include "ruvllm/components/hardest.hpp"
#include "ruvllm/text/ngram_encoder.hpp"
#include "ruvllm/components/retrieval.hpp"
#include "ruvllm/numeric/exp_log.hpp"
#include "ruvllm/numeric/random.hpp"

namespace ruvllm::golden {

inline void random_numbers(const simd::KernelTable&, Digest& digest)
{
    for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{42}, (std::uint64_t{1} << 53) - 1}) {
        numeric::RandomStream stream(seed, numeric::Purpose::user, 3, 4);
        for (std::uint64_t i = 1; i <= 300; ++i) {
            digest.add(stream.next_u64());
            digest.add(stream.uniform());
            digest.add(stream.normal());
            digest.add(stream.below(i));
        }
        std::vector<std::uint32_t> words(37);
        stream.fill_bits(words);
        stream.shuffle(std::span<std::uint32_t>(words));
        digest.add(words);
    }
}

inline void exp_and_log(const simd::KernelTable&, Digest& digest)
{
    numeric::RandomStream stream(1, numeric::Purpose::user);
    for (std::size_t i = 0; i < 4000; ++i) {
        const double x = 1500.0 * (stream.uniform() - 0.5); // beyond the largest and the smallest result as well
        digest.add(numeric::exp(x));
        digest.add(numeric::exp(1e-3 * x));
        const double positive = numeric::exp(0.9 * x);
        digest.add(numeric::log(positive));
        digest.add(numeric::log(1.0 + 1e-6 * x));
        digest.add(numeric::power(0.01 + stream.uniform(), -0.4));
    }
}

// Words of one to eleven letters, some of them beyond ASCII, in texts of some dozen words.
[[nodiscard]] inline std::vector<std::string> golden_texts(std::size_t n)
{
    static const std::string letters[] = {"a", "b", "e", "n", "r", "t", "_", "1", "(", "\xc3\xa9", "\xe2\x82\xac"};
    testing::Random random(14);
    std::vector<std::string> texts{"", "x"};
    while (texts.size() < n) {
        std::string text;
        for (std::uint32_t words = 1 + random.word() % 40; words > 0; --words) {
            for (std::uint32_t length = 1 + random.word() % 11; length > 0; --length)
                text += letters[random.word() % std::size(letters)];
            text += words > 1 ? " " : "";
        }
        texts.push_back(text);
    }
    return texts;
}

inline void ngram_encoder(const simd::KernelTable&, Digest& digest)
{
    const std::vector<std::string> texts = golden_texts(40);
    for (const bool sublinear_tf : {false, true})
        for (const std::size_t dim : {64u, 1000u}) {
            components::NgramEncoder encoder(dim, sublinear_tf);
            std::vector<float> rows(texts.size() * dim);
            for (const bool fitted : {false, true}) { // all n-grams alike, then weighted by rarity
                if (fitted)
                    encoder.fit(texts);
                encoder.encode(texts, rows.data());
                digest.add(rows);
            }
        }
}

inline void retrieval(const simd::KernelTable& kernels, Digest& digest)
{
    constexpr std::size_t dim = 100, n = 60, pool_size = 20;
    testing::Random random(15);
    const std::vector<float> queries = unit_rows(random, n, dim), solutions = unit_rows(random, 90, dim);
    std::vector<std::int32_t> right(n), ranks(n), pool, ordered(n * pool_size);
    std::iota(right.begin(), right.end(), 0);
    components::retrieval_ranks(kernels, {queries.data(), n, dim}, {solutions.data(), 90, dim}, right.data(),
                                ranks.data());
    digest.add(ranks);
    std::vector<float> crowded(90);
    crowding(kernels, 10, {solutions.data(), 90, dim}, {queries.data(), n, dim}, crowded.data());
    digest.add(crowded);
    components::retrieval_ranks(kernels, {queries.data(), n, dim}, {solutions.data(), 90, dim}, right.data(),
                                ranks.data(), crowded.data());
    digest.add(ranks);
    for (std::size_t i = 0; i < n * pool_size; ++i)
        pool.push_back(static_cast<std::int32_t>(random.word() % 90));
    components::hardest(kernels, {queries.data(), n, dim}, {solutions.data(), 90, dim}, pool, pool_size, ordered);
    digest.add(ordered);
}

[[nodiscard]] inline std::vector<Section> input_sections()
{
    return {{"random_numbers", random_numbers},
            {"exp_and_log", exp_and_log},
            {"ngram_encoder", ngram_encoder},
            {"retrieval", retrieval}};
}

} // namespace ruvllm::golden
