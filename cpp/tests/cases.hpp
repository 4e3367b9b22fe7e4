// Inputs of the kernel tests: awkward sizes, misaligned starts, and arrays that notice a step outside.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <vector>

namespace ruvllm::testing {

// Around one block of 32 lanes and around several; 100 and 1536 are sizes that users have.
inline constexpr std::size_t sizes[] = {0, 1, 3, 7, 31, 32, 33, 100, 258, 1536};

// Elements between a 64-byte boundary and the first element.
inline constexpr std::size_t offsets[] = {0, 1, 3, 4, 8};

// Any NaN equals any NaN: sign and payload of a NaN differ between instruction sets, and no result promises them.
[[nodiscard]] inline bool same_bits(float a, float b)
{
    if (std::isnan(a) || std::isnan(b))
        return std::isnan(a) && std::isnan(b);
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

// n floats between two guards. Guards are NaN: a kernel that reads them and uses what it read returns NaN,
// and one that writes them is found by guards_intact().
class GuardedFloats {
public:
    explicit GuardedFloats(std::size_t n, std::size_t offset = 0) : n_(n)
    {
        storage_.assign(boundary + guard + offset + n + guard, guard_value());
        const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
        const std::size_t to_boundary = (64 - address % 64) % 64 / sizeof(float);
        start_ = to_boundary + guard + offset;
        for (float& value : span())
            value = 0.0f;
    }

    GuardedFloats(const GuardedFloats&) = delete; // a copy would lose the alignment
    GuardedFloats(GuardedFloats&&) = default;

    [[nodiscard]] float* data() { return storage_.data() + start_; }
    [[nodiscard]] const float* data() const { return storage_.data() + start_; }
    [[nodiscard]] std::size_t size() const { return n_; }
    [[nodiscard]] std::span<float> span() { return {data(), n_}; }
    [[nodiscard]] float& operator[](std::size_t i) { return data()[i]; }
    [[nodiscard]] float operator[](std::size_t i) const { return data()[i]; }
    [[nodiscard]] std::vector<float> values() const { return {data(), data() + n_}; }

    [[nodiscard]] bool guards_intact() const
    {
        for (std::size_t i = 0; i < storage_.size(); ++i)
            if ((i < start_ || i >= start_ + n_) &&
                std::bit_cast<std::uint32_t>(storage_[i]) != std::bit_cast<std::uint32_t>(guard_value()))
                return false;
        return true;
    }

private:
    static constexpr std::size_t boundary = 16, guard = 64; // two blocks of 32: the furthest a stray block reaches

    static float guard_value() { return std::bit_cast<float>(std::uint32_t{0x7fc0beef}); }

    std::vector<float> storage_;
    std::size_t n_, start_ = 0;
};

// Seeded values; std::mt19937_64 is specified to the bit, the standard distributions are not.
class Random {
public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    // uniform in [-1, 1)
    [[nodiscard]] float value()
    {
        return static_cast<float>(static_cast<std::int64_t>(engine_() >> 40) - (1 << 23)) * 0x1p-23f;
    }

    [[nodiscard]] std::uint32_t word() { return static_cast<std::uint32_t>(engine_() >> 32); }

    [[nodiscard]] GuardedFloats floats(std::size_t n, std::size_t offset = 0)
    {
        GuardedFloats result(n, offset);
        for (float& v : result.span())
            v = value();
        return result;
    }

    [[nodiscard]] GuardedFloats non_negative(std::size_t n, std::size_t offset = 0)
    {
        GuardedFloats result = floats(n, offset);
        for (float& v : result.span())
            v = std::fabs(v);
        return result;
    }

private:
    std::mt19937_64 engine_;
};

// A matrix whose rows are `stride` >= n apart; what lies between them is NaN.
class GuardedRows {
public:
    GuardedRows(Random& random, std::size_t n_rows, std::size_t n, std::size_t stride, std::size_t offset)
        : n_(n), stride_(stride), storage_(n_rows * stride, offset)
    {
        for (float& value : storage_.span())
            value = std::numeric_limits<float>::quiet_NaN();
        for (std::size_t r = 0; r < n_rows; ++r)
            for (std::size_t i = 0; i < n; ++i)
                storage_[r * stride + i] = random.value();
    }

    [[nodiscard]] std::size_t columns() const { return n_; }
    [[nodiscard]] std::size_t stride() const { return stride_; }
    [[nodiscard]] const float* row(std::size_t r) const { return storage_.data() + r * stride_; }
    [[nodiscard]] const float* data() const { return storage_.data(); }

private:
    std::size_t n_, stride_;
    GuardedFloats storage_;
};

// Calls f(n, offset) for every size at every misalignment.
template <class F>
void for_each_case(F f)
{
    for (const std::size_t n : sizes)
        for (const std::size_t offset : offsets)
            f(n, offset);
}

// A random vector of length 1 as floats can hold it.
[[nodiscard]] inline std::vector<float> random_unit(Random& random, std::size_t dim)
{
    std::vector<float> x(dim);
    double squares = 0.0;
    for (float& v : x) {
        v = random.value();
        squares += static_cast<double>(v) * static_cast<double>(v);
    }
    for (float& v : x)
        v = static_cast<float>(static_cast<double>(v) / std::sqrt(squares));
    return x;
}

} // namespace ruvllm::testing
