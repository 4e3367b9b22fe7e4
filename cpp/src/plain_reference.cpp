// Compiled without vectorization (cmake/RuvllmArch.cmake), and in a file of its own so that no caller inlines it.
#include "ruvllm/measure/plain_reference.hpp"

namespace ruvllm::measure {

float plain_dot(const float* a, const float* b, std::size_t n) noexcept
{
    float sum = 0.0f;
    for (std::size_t i = 0; i < n; ++i)
        sum += a[i] * b[i];
    return sum;
}

} // namespace ruvllm::measure
