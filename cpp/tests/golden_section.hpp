// A section of the golden digests, and the digest itself.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "cases.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm::golden {

// FNV-1a with 64 bits (Fowler, Noll, Vo) over the little-endian bytes of all values. It is there to notice accidents,
// not attacks, and needs no library where a cross-compiler is all there is. That is enough: each step maps the state
// one to one, so that sequences which differ in a single byte never agree, and others do with a chance of 2^-64.
class Digest {
public:
    template <class T>
        requires std::integral<T> || std::floating_point<T>
    void add(T value)
    {
        if constexpr (std::floating_point<T>) {
            if (std::isnan(value)) // its sign and payload differ between instruction sets, and nobody promises them
                value = std::numeric_limits<T>::quiet_NaN();
            using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
            add_bytes(std::bit_cast<Bits>(value), sizeof(T));
        } else {
            add_bytes(static_cast<std::uint64_t>(value), sizeof(T));
        }
    }

    template <class Range>
        requires requires(const Range& range) { range.begin(); }
    void add(const Range& range)
    {
        for (const auto value : range)
            add(value);
    }

    [[nodiscard]] std::uint64_t value() const noexcept { return state_; }

private:
    void add_bytes(std::uint64_t bits, std::size_t n_bytes) noexcept
    {
        for (std::size_t i = 0; i < n_bytes; ++i) {
            state_ ^= (bits >> (8 * i)) & 0xffu;
            state_ *= 0x100000001b3u;
        }
    }

    std::uint64_t state_ = 0xcbf29ce484222325u;
};

// Something to compute with one kernel table; everything that comes out goes into the digest.
struct Section {
    std::string name;
    std::function<void(const simd::KernelTable&, Digest&)> run;
};

// n random vectors of length 1, one after another: (n, dim).
[[nodiscard]] inline std::vector<float> unit_rows(testing::Random& random, std::size_t n, std::size_t dim)
{
    std::vector<float> rows;
    for (std::size_t i = 0; i < n; ++i) {
        const std::vector<float> row = testing::random_unit(random, dim);
        rows.insert(rows.end(), row.begin(), row.end());
    }
    return rows;
}

} // namespace ruvllm::golden
