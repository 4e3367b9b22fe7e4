// The scalar loop that speed-ups are quoted against: one accumulator, one element after the other, compiled without
// vectorization. It is not the library's `scalar` instruction set: that one has the 32 partial sums of all the others,
// because its bits are theirs, and so it does not wait for the sum before each addition.
#pragma once

#include <cstddef>

namespace ruvllm::measure {

// sum_i a_i b_i, added from left to right in float32.
[[nodiscard]] float plain_dot(const float* a, const float* b, std::size_t n) noexcept;

} // namespace ruvllm::measure
