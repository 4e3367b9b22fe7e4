// Memory that will be read soon.
#pragma once

#include <cstddef>

namespace ruvllm::numeric {

// Asks for n elements to be in the second-level cache by the time that they are read. Changes nothing else.
template <class T>
void prefetch(const T* begin, std::size_t n) noexcept
{
#if defined(__GNUC__)
    constexpr std::size_t line = 64;
    const char* const first = reinterpret_cast<const char*>(begin);
    for (std::size_t at = 0; at < n * sizeof(T); at += line)
        __builtin_prefetch(first + at, 0, 2);
#else
    (void)begin, (void)n;
#endif
}

} // namespace ruvllm::numeric
