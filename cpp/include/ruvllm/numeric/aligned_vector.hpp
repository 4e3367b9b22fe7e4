// std::vector whose data starts on a cache line.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

namespace ruvllm::numeric {

template <class T>
struct CacheLineAllocator {
    using value_type = T;
    static constexpr std::align_val_t alignment{64};

    CacheLineAllocator() noexcept = default;
    template <class U>
    CacheLineAllocator(const CacheLineAllocator<U>&) noexcept
    {
    }

    [[nodiscard]] T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), alignment)); }
    void deallocate(T* p, std::size_t) noexcept { ::operator delete(p, alignment); }

    template <class U>
    bool operator==(const CacheLineAllocator<U>&) const noexcept
    {
        return true;
    }
};

template <class T>
using AlignedVector = std::vector<T, CacheLineAllocator<T>>;

using FloatVector = AlignedVector<float>;

// Room for `more` further elements, so that adding them takes no memory and cannot fail. Grows as a vector does by itself.
template <class Vector>
void make_room(Vector& values, std::size_t more)
{
    if (values.capacity() - values.size() < more)
        values.reserve(std::max(values.size() + more, 2 * values.size()));
}

} // namespace ruvllm::numeric
