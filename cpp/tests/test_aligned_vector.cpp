#include "ruvllm/numeric/aligned_vector.hpp"

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>

#include <gtest/gtest.h>

namespace {

using ruvllm::numeric::AlignedVector;
using ruvllm::numeric::FloatVector;

template <class Vector>
bool on_a_cache_line(const Vector& v)
{
    return reinterpret_cast<std::uintptr_t>(v.data()) % 64 == 0;
}

TEST(AlignedVector, StartsOnACacheLineHoweverItGrows)
{
    FloatVector floats;
    AlignedVector<std::uint8_t> bytes;
    for (int i = 1; i < 3000; ++i) {
        floats.push_back(static_cast<float>(i));
        bytes.push_back(static_cast<std::uint8_t>(i));
        ASSERT_TRUE(on_a_cache_line(floats)) << i;
        ASSERT_TRUE(on_a_cache_line(bytes)) << i;
    }
    EXPECT_EQ(floats[2998], 2999.0f);
}

TEST(AlignedVector, IsAVector)
{
    FloatVector a(5, 1.5f);
    const FloatVector b = a;
    const float* data = a.data();
    const FloatVector c = std::move(a);
    EXPECT_EQ(b, c);
    EXPECT_EQ(c.data(), data); // moved, not copied: any two allocators are equal
    EXPECT_THROW(FloatVector(std::numeric_limits<std::size_t>::max() / 4), std::length_error);
}

} // namespace
