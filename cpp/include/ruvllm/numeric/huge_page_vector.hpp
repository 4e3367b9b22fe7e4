// std::vector for large arrays that are read from end to end: on huge pages where the system gives them.
//
// With pages of 4 KiB a pass over a hundred megabytes looks up tens of thousands of addresses; NumPy asks for huge
// pages in the same way. Small arrays start on a cache line.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace ruvllm::numeric {

template <class T>
struct HugePageAllocator {
    using value_type = T;
    static constexpr std::size_t page = std::size_t{1} << 21; // bytes
    static constexpr std::size_t cache_line = 64;

    HugePageAllocator() noexcept = default;
    template <class U>
    HugePageAllocator(const HugePageAllocator<U>&) noexcept
    {
    }

    [[nodiscard]] T* allocate(std::size_t n)
    {
        void* memory = ::operator new(n * sizeof(T), alignment(n));
#if defined(__linux__) && defined(MADV_HUGEPAGE)
        if (n * sizeof(T) >= page)
            (void)::madvise(memory, n * sizeof(T), MADV_HUGEPAGE); // advice: without it all works as well, but slower
#endif
        return static_cast<T*>(memory);
    }
    void deallocate(T* p, std::size_t n) noexcept { ::operator delete(p, alignment(n)); }

    template <class U>
    bool operator==(const HugePageAllocator<U>&) const noexcept
    {
        return true;
    }

private:
    static std::align_val_t alignment(std::size_t n) noexcept
    {
        return std::align_val_t{n * sizeof(T) >= page ? page : cache_line};
    }
};

template <class T>
using HugePageVector = std::vector<T, HugePageAllocator<T>>;

} // namespace ruvllm::numeric
