#include "ruvllm/text/near_copies.hpp"

#include <cstdint>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace ruvllm::components;
using Words = std::vector<std::string>;

Words words_of(std::string_view text)
{
    Words found;
    for_each_word(text, [&](std::string_view word) { found.emplace_back(word); });
    return found;
}

std::vector<std::string_view> views(const Words& texts) { return {texts.begin(), texts.end()}; }

// Random sentences, and for some of them versions with some words exchanged.
Words make_texts(std::size_t n, std::uint32_t seed)
{
    std::mt19937 random(seed);
    const auto word = [&] {
        std::string text(1, static_cast<char>('a' + random() % 26));
        text += std::to_string(random() % 400);
        return text;
    };
    Words texts;
    while (texts.size() < n) {
        Words sentence(3 + random() % 20);
        for (auto& each : sentence)
            each = word();
        const std::size_t copies = random() % 4, changes = random() % 4;
        for (std::size_t copy = 0; copy <= copies; ++copy) {
            std::string text = "common";
            for (const auto& each : sentence)
                text += ' ' + each;
            if (std::ranges::find(texts, text) == texts.end())
                texts.push_back(text);
            for (std::size_t change = 0; change < changes; ++change)
                sentence[random() % sentence.size()] = word();
        }
    }
    texts.resize(n);
    return texts;
}

TEST(TextPieces, WordsAreRunsOfLettersAndDigitsAndCharactersOfScriptsWithoutSpaces)
{
    EXPECT_EQ(words_of("  def f_1(x):\n return x+2 "), (Words{"def", "f", "1", "x", "return", "x", "2"}));
    EXPECT_EQ(words_of("gr\xc3\xbc\xc3\x9f"
                       "e"),
              (Words{"gr\xc3\xbc\xc3\x9f"
                     "e"}));
    EXPECT_EQ(words_of("ab\xe6\x97\xa5\xe6\x9c\xac"), (Words{"ab", "\xe6\x97\xa5", "\xe6\x9c\xac"}));
    EXPECT_EQ(words_of("\xe6\x97"), (Words{"\xe6\x97"})); // cut off
    EXPECT_TRUE(words_of(" .,; \n").empty());
}

TEST(TextPieces, OneSharedRareWordIsNoCopyAndAllButOneOfTwelveAre)
{
    const Words texts{"how do i frobnicate", "what is frobnicate", "a b c d e f g h i j k l", "a b c d e f x h i j k l"};
    const auto seen = views(texts);
    const TextPieces pieces(seen);
    EXPECT_LT(pieces.similarity(0, 1), 0.5);
    EXPECT_DOUBLE_EQ(pieces.similarity(2, 3), 20.0 / 28.0); // 11 words and 9 pairs of 26, and 2
    EXPECT_DOUBLE_EQ(pieces.similarity(2, 2), 1.0);
}

TEST(TextPieces, WhatVeryManyTextsHaveSaysNothing)
{
    Words texts;
    for (int i = 0; i < 40; ++i)
        texts.push_back("the answer to question number " + std::to_string(i));
    const auto seen = views(texts);
    const TextPieces pieces(seen);
    for (std::size_t i = 1; i < texts.size(); ++i)
        EXPECT_EQ(pieces.shared(0, i), 0u);
}

// Naive twin: every pair.
TEST(NearCopies, FindsExactlyThePairsThatAreSimilar)
{
    for (const std::uint32_t seed : {1u, 2u, 3u}) {
        const Words texts = make_texts(300, seed);
        const auto seen = views(texts);
        const TextPieces pieces(seen);
        std::set<std::pair<std::uint32_t, std::uint32_t>> expected, found;
        for (std::uint32_t i = 0; i < texts.size(); ++i)
            for (std::uint32_t j = 0; j < i; ++j)
                if (pieces.similarity(i, j) >= 0.5)
                    expected.emplace(j, i);
        for_each_similar_pair(pieces, [&](std::uint32_t a, std::uint32_t b) {
            EXPECT_TRUE(found.emplace(std::min(a, b), std::max(a, b)).second);
        });
        EXPECT_GT(expected.size(), 50u);
        EXPECT_EQ(found, expected);
    }
}

struct Tasks {
    Words prompts = make_texts(120, 5), solutions = make_texts(90, 5); // alike, so that copies agree in both
    std::vector<std::uint32_t> prompt_of, solution_of, all;

    Tasks()
    {
        for (std::uint32_t i = 0; i < 150; ++i) {
            prompt_of.push_back(i % 120);
            solution_of.push_back(i < 60 ? i : i * 7 % 90);
        }
        all.resize(150);
        std::iota(all.begin(), all.end(), 0u);
    }

    [[nodiscard]] TaskCopies copies(bool by_prompt) const
    {
        const auto p = views(prompts), s = views(solutions);
        return TaskCopies(p, s, {prompt_of, solution_of}, by_prompt);
    }
};

// Naive twin: joins every pair that is similar enough, again and again until nothing changes.
TEST(NearCopies, GroupsAreJoinedByPairsOfTasks)
{
    const Tasks tasks;
    for (const bool by_prompt : {false, true}) {
        const TaskCopies copies = tasks.copies(by_prompt);
        std::vector<std::uint32_t> start = tasks.all; // those with an equal text are joined already
        const auto joins = [&](std::uint32_t i, std::uint32_t j) {
            return tasks.prompt_of[i] == tasks.prompt_of[j] ||
                   (!by_prompt && tasks.solution_of[i] == tasks.solution_of[j]);
        };
        const auto close = [&](std::vector<std::uint32_t> group, auto related) {
            for (bool changed = true; changed;) {
                changed = false;
                for (std::uint32_t i = 0; i < 150; ++i)
                    for (std::uint32_t j = 0; j < 150; ++j)
                        if (group[i] != group[j] && related(i, j)) {
                            const auto [low, high] = std::minmax(group[i], group[j]);
                            std::ranges::replace(group, high, std::uint32_t{low});
                            changed = true;
                        }
            }
            return group;
        };
        start = close(start, joins);
        const auto expected = close(start, [&](auto i, auto j) { return copies.similarity(i, j) >= 0.5; });
        EXPECT_NE(expected, start);
        EXPECT_EQ(copies.groups(start), expected);
    }
}

TEST(NearCopies, TheNearestKnownTaskIsThatOfAllPairs)
{
    const Tasks tasks;
    for (const bool by_prompt : {false, true}) {
        const TaskCopies copies = tasks.copies(by_prompt);
        const std::span<const std::uint32_t> all(tasks.all), asked = all.subspan(0, 70), known = all.subspan(70);
        const auto found = copies.nearest(asked, known);
        ASSERT_EQ(found.size(), asked.size());
        for (std::size_t i = 0; i < asked.size(); ++i) {
            std::uint32_t best = known[0];
            for (const std::uint32_t other : known)
                if (copies.similarity(asked[i], other) > copies.similarity(asked[i], best))
                    best = other;
            EXPECT_EQ(found[i].task, best);
            EXPECT_DOUBLE_EQ(found[i].similarity, copies.similarity(asked[i], best));
        }
    }
}

TEST(NearCopies, NothingIsNearToNothing)
{
    const TaskCopies none({}, {}, {{}, {}}, false);
    EXPECT_TRUE(none.groups({}).empty());
    const Words texts{"", "?!"};
    const auto seen = views(texts);
    const std::vector<std::uint32_t> numbers{0, 1};
    const TaskCopies empty(seen, seen, {numbers, numbers}, false);
    EXPECT_EQ(empty.groups(numbers), numbers);
    const auto found = empty.nearest(std::span(numbers).subspan(0, 1), std::span(numbers).subspan(1));
    EXPECT_EQ(found[0].similarity, 0.0);
}

} // namespace
