#include "ruvllm/text/bm25.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace ruvllm::components;
using Words = std::vector<std::string>;
using Numbers = std::vector<std::uint32_t>;

Words subtokens_of(std::string_view text)
{
    Words found;
    for_each_subtoken(text, [&](std::string_view word) { found.emplace_back(word); });
    return found;
}

std::vector<float> scores(const Bm25& index, const Words& queries, const Numbers& documents, const Numbers& statistics)
{
    std::vector<float> out(queries.size() * documents.size());
    index.scores(queries, documents, statistics, out.data());
    return out;
}

TEST(Subtokens, IdentifiersComeApart)
{
    EXPECT_EQ(subtokens_of("parseHTTPHeader2(x)"), (Words{"parse", "http", "header", "2", "x"}));
    EXPECT_EQ(subtokens_of("__max_UINT8"), (Words{"max", "uint", "8"}));
    EXPECT_EQ(subtokens_of("ABc"), (Words{"a", "bc"}));
    EXPECT_TRUE(subtokens_of(" .,;_ \n").empty());
}

TEST(Subtokens, PluralsLoseTheirS)
{
    EXPECT_EQ(subtokens_of("headers entries classes class bus was"),
              (Words{"header", "entry", "classe", "class", "bus", "was"}));
}

TEST(Subtokens, OtherScripts)
{
    EXPECT_EQ(subtokens_of("gr\xc3\xb6\xc3\x9f"
                           "er \xe6\x97\xa5\xe6\x9c\xac\xe3\x80\x82"),
              (Words{"gr\xc3\xb6\xc3\x9f"
                     "er",
                     "\xe6\x97\xa5", "\xe6\x9c\xac"}));
    EXPECT_EQ(subtokens_of("\xe2\x80\x9cone\xe2\x80\x9d"), (Words{"one"}));
    EXPECT_EQ(subtokens_of("a\xe6"), (Words{"a", "\xe6"})); // cut off
}

TEST(Bm25, OneWordByHand)
{
    Bm25 index;
    index.add(Words{"one two", "two two three four"});
    const auto found = scores(index, {"two", "one"}, {0, 1}, {0, 1});
    const double idf = std::log(1.0 + 0.5 / 2.5), rare = std::log(1.0 + 1.5 / 1.5);
    const double shorter = 2.2 / (1.0 + 1.2 * (0.25 + 0.75 * 2 / 3)), longer = 4.4 / (2.0 + 1.2 * (0.25 + 0.75 * 4 / 3));
    EXPECT_FLOAT_EQ(found[0], static_cast<float>(idf * shorter));
    EXPECT_FLOAT_EQ(found[1], static_cast<float>(idf * longer));
    EXPECT_FLOAT_EQ(found[2], static_cast<float>(rare * shorter));
    EXPECT_EQ(found[3], 0.0f);
}

TEST(Bm25, WordsThatNoDocumentHasMakeScoresSmaller)
{
    Bm25 index;
    index.add(Words{"one", "two"});
    const auto found = scores(index, {"one", "one other"}, {0}, {0, 1});
    EXPECT_FLOAT_EQ(found[1], found[0] / 2);
}

TEST(Bm25, RarityIsThatOfTheGivenDocuments)
{
    Bm25 index;
    index.add(Words{"one a", "one b", "c d"});
    const auto common = scores(index, {"one"}, {0}, {0, 1}), rare = scores(index, {"one"}, {0}, {0, 2});
    EXPECT_LT(common[0], rare[0]);
    EXPECT_EQ(scores(index, {"one"}, {1, 0}, {0, 2})[1], rare[0]);
}

TEST(Bm25, EmptyTextsAndQueries)
{
    Bm25 index;
    index.add(Words{"", ""});
    EXPECT_EQ(scores(index, {"", "one"}, {0, 1}, {0, 1}), (std::vector<float>(4, 0.0f)));
    EXPECT_TRUE(scores(index, {"one"}, {}, {}).empty());
    const Numbers first{0};
    std::array<float, 1> out{};
    EXPECT_THROW(index.scores(Words{"one"}, first, {}, out.data()), std::invalid_argument);
    EXPECT_EQ(index.length(1), 0u);
}

TEST(Bm25, ConstantsOutsideTheirBoundsAreRefused)
{
    EXPECT_THROW(Bm25(-0.1), std::invalid_argument);
    EXPECT_THROW(Bm25(1.2, 1.5), std::invalid_argument);
    EXPECT_THROW(Bm25(std::nan(""), 0.5), std::invalid_argument);
}

} // namespace
