#include "ruvllm/text/json_scan.hpp"

#include <string>

#include <gtest/gtest.h>

using ruvllm::numeric::scan_json;

namespace {

constexpr std::size_t none = 1'000'000'000;

void expect_extent(std::string_view text, std::size_t depth, std::size_t nodes)
{
    const auto extent = scan_json(text, none, none);
    EXPECT_EQ(extent.depth, depth) << text;
    EXPECT_EQ(extent.nodes, nodes) << text;
}

TEST(JsonScan, CountsValuesAndKeys)
{
    expect_extent("", 0, 0);
    expect_extent(" -1.5e+3 ", 0, 1);
    expect_extent("[]", 1, 1);
    expect_extent("[1,2 , true,null]", 1, 5);
    expect_extent("{\"a\":{\"b\":[1,\"c\"]}}", 3, 7);
    expect_extent("[[],[[]],{}]", 3, 5);
}

TEST(JsonScan, IsNotFooledByStrings)
{
    expect_extent(R"(["[[[{,:"])", 1, 2);
    expect_extent(R"(["\"[[[", 1])", 1, 3);
    expect_extent(R"(["\\", [1]])", 2, 4);
    expect_extent(R"(["\\\"[[", 1])", 1, 3);
    expect_extent(R"({"\u005b[":"]"})", 1, 3);
}

TEST(JsonScan, EndsOnBrokenTexts)
{
    expect_extent("\"open", 0, 1);
    expect_extent("\"ends in a backslash\\", 0, 1);
    expect_extent("]]]][", 1, 1);
    expect_extent(std::string_view("[\0]", 3), 1, 2);
}

TEST(JsonScan, SeesNumbersThatMayBeBeyondADouble)
{
    const std::string longest(100, '9');
    for (const std::string& text : {std::string("[1,-2.5,1e-45,1E+21,true,false,null,\"1e999\"]"), longest + "e99"})
        EXPECT_EQ(scan_json(text, none, none).huge_numbers, text.size() > 100) << text;
    for (const std::string text : {"1e999", "[0,1E+309]", "{\"a\":-1e0000999}", "[1e-400"})
        EXPECT_TRUE(scan_json(text, none, none).huge_numbers) << text;
    EXPECT_FALSE(scan_json(longest, none, none).huge_numbers);
    EXPECT_TRUE(scan_json(longest + "9", none, none).huge_numbers);
}

TEST(JsonScan, StopsJustPastALimit)
{
    const std::string deep(1'000'000, '[');
    EXPECT_EQ(scan_json(deep, 64, none).depth, 65U);
    EXPECT_EQ(scan_json(deep, 64, none).nodes, 65U);
    const std::string wide = "[1,2,3,4,5]";
    EXPECT_EQ(scan_json(wide, 64, 3).nodes, 4U);
    EXPECT_EQ(scan_json(wide, 1, 6).nodes, 6U);
}

} // namespace
