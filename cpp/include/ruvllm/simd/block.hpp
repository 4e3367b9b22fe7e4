// A block of 32 float lanes in registers: the unit in which every kernel works.
//
// 32 lanes and one reduction tree on every instruction set make a sum the same bits everywhere:
// lane i sums elements i, i + 32, i + 64, ...; the tree then adds lanes 16, 8, 4, 2 and 1 apart.
// Everything here is a template on Arch, so that no function is shared between files compiled with
// different flags (the linker would merge them and put AVX-512 code on the baseline path).
#pragma once

#include <cstddef>
#include <cstdint>

#include <xsimd/xsimd.hpp>

namespace ruvllm::simd {

inline constexpr std::size_t lanes = 32;

struct ScalarArch {}; // tag: plain C++, one lane at a time

template <class Arch>
struct Block {
    using Batch = xsimd::batch<float, Arch>;
    using Words = xsimd::batch<std::uint32_t, Arch>;
    static constexpr std::size_t width = Batch::size;
    static constexpr std::size_t parts = lanes / width;
    // Rows of a matrix that a dot product takes at once, so that their sums fit the registers.
    static constexpr std::size_t rows_at_once = width >= 16 ? 4 : width >= 8 ? 3 : 2;
    // The same for sign vectors, which take no registers of their own.
    static constexpr std::size_t signs_at_once = width >= 16 ? 8 : width >= 8 ? 2 : 1;

    Batch part[parts];

    static Block zero() { return broadcast(0.0f); }

    static Block broadcast(float value)
    {
        Block block;
        for (std::size_t i = 0; i < parts; ++i)
            block.part[i] = Batch(value);
        return block;
    }

    static Block load(const float* p)
    {
        Block block;
        for (std::size_t i = 0; i < parts; ++i)
            block.part[i] = Batch::load_unaligned(p + i * width);
        return block;
    }

    void store(float* p) const
    {
        for (std::size_t i = 0; i < parts; ++i)
            part[i].store_unaligned(p + i * width);
    }

    // Lane i becomes lane i + value's where bit i of `word` is set. With a mask that is one instruction; elsewhere +0 is
    // added to the others, which changes no sum that began at +0.
    void add_where(std::uint32_t word, const Block& value)
    {
        for (std::size_t i = 0; i < parts; ++i)
            if constexpr (masks_are_bits)
                part[i] = xsimd::select(lanes_set(word, i * width), part[i] + value.part[i], part[i]);
            else
                part[i] = part[i] + only(word, i * width, value.part[i]);
    }

    // The same with a minus: where nothing is subtracted, +0 is, which changes nothing.
    void subtract_where(std::uint32_t word, const Block& value)
    {
        for (std::size_t i = 0; i < parts; ++i)
            if constexpr (masks_are_bits)
                part[i] = xsimd::select(lanes_set(word, i * width), part[i] - value.part[i], part[i]);
            else
                part[i] = part[i] - only(word, i * width, value.part[i]);
    }

    // Bit i is set where lane i is below 0.
    [[nodiscard]] std::uint32_t negative_bits() const
    {
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < parts; ++i)
            bits |= static_cast<std::uint64_t>((part[i] < Batch(0.0f)).mask()) << (i * width);
        return static_cast<std::uint32_t>(bits);
    }

    friend Block operator+(const Block& a, const Block& b)
    {
        Block r;
        for (std::size_t i = 0; i < parts; ++i)
            r.part[i] = a.part[i] + b.part[i];
        return r;
    }

    friend Block operator-(const Block& a, const Block& b)
    {
        Block r;
        for (std::size_t i = 0; i < parts; ++i)
            r.part[i] = a.part[i] - b.part[i];
        return r;
    }

    friend Block operator*(const Block& a, const Block& b)
    {
        Block r;
        for (std::size_t i = 0; i < parts; ++i)
            r.part[i] = a.part[i] * b.part[i];
        return r;
    }

    // The smaller of each pair of lanes, neither of them NaN.
    friend Block smaller(const Block& a, const Block& b)
    {
        Block r;
        for (std::size_t i = 0; i < parts; ++i)
            r.part[i] = xsimd::select(a.part[i] < b.part[i], a.part[i], b.part[i]); // GCC 12 warns of min itself
        return r;
    }

    [[nodiscard]] float reduce_add() const
    {
        return add_segments<1>(add_parts()).get(0);
    }

    // reduce_add() of four blocks: their trees side by side in one vector. Every addition is one of reduce_add().
    static void reduce_add_four(const Block* blocks, float* out)
    {
        Batch sums[4];
        for (std::size_t b = 0; b < 4; ++b)
            sums[b] = blocks[b].add_parts();
        const Batch first = add_halves<1>(sums[0], sums[1]), second = add_halves<1>(sums[2], sums[3]);
        alignas(64) float lane[width];
        add_segments<4>(add_halves<2>(first, second)).store_aligned(lane);
        for (std::size_t b = 0; b < 4; ++b)
            out[b] = lane[b];
    }

private:
    // The upper levels of the tree: lanes that lie in different registers. Without a copy of the parts, which compilers
    // make in pieces through memory.
    [[nodiscard]] Batch add_parts() const
    {
        Batch sums[parts / 2];
        for (std::size_t i = 0; i < parts / 2; ++i)
            sums[i] = part[i] + part[i + parts / 2];
        for (std::size_t half = parts / 4; half > 0; half /= 2)
            for (std::size_t i = 0; i < half; ++i)
                sums[i] = sums[i] + sums[i + half];
        return sums[0];
    }

    // A vector is `Segments` sums under way, each of width / Segments lanes; of two such vectors, those of both, each
    // of half as many lanes.
    template <std::uint32_t Segments, bool Upper>
    struct Halves {
        static constexpr std::uint32_t get(std::uint32_t i, std::uint32_t n)
        {
            const std::uint32_t length = n / Segments, half = length / 2, segment = i / half;
            return (segment / Segments) * n + (segment % Segments) * length + i % half + (Upper ? half : 0);
        }
    };

    template <std::uint32_t Segments>
    static Batch add_halves(const Batch& a, const Batch& b)
    {
        return xsimd::shuffle(a, b, xsimd::make_batch_constant<std::uint32_t, Halves<Segments, false>, Arch>()) +
               xsimd::shuffle(a, b, xsimd::make_batch_constant<std::uint32_t, Halves<Segments, true>, Arch>());
    }

    // Lane i becomes the sum of segment i.
    template <std::uint32_t Segments>
    static Batch add_segments(const Batch& a)
    {
        if constexpr (Segments < width)
            return add_segments<2 * Segments>(add_halves<Segments>(a, a));
        else
            return a;
    }

    static constexpr bool masks_are_bits = width == 16; // AVX-512

    // Lane j is true where bit first + j of `word` is set: a move.
    static xsimd::batch_bool<float, Arch> lanes_set(std::uint32_t word, std::size_t first)
        requires masks_are_bits
    {
        return xsimd::batch_bool<float, Arch>::from_mask((word >> first) & 0xffffu);
    }

    // Lane j is value's where bit first + j of `word` is set, else +0.
    static Batch only(std::uint32_t word, std::size_t first, const Batch& value)
    {
        alignas(64) std::uint32_t lane_bits[width];
        for (std::size_t j = 0; j < width; ++j)
            lane_bits[j] = std::uint32_t{1} << (first + j);
        const auto lane_bit = Words::load_aligned(lane_bits);
        const Words all_ones_where_set(((Words(word) & lane_bit) == lane_bit).data);
        return xsimd::bitwise_cast<float>(all_ones_where_set & xsimd::bitwise_cast<std::uint32_t>(value));
    }
};

template <>
struct Block<ScalarArch> {
    static constexpr std::size_t rows_at_once = 1, signs_at_once = 1;

    float lane[lanes];

    static Block zero() { return broadcast(0.0f); }

    static Block broadcast(float value)
    {
        Block block;
        for (std::size_t i = 0; i < lanes; ++i)
            block.lane[i] = value;
        return block;
    }

    static Block load(const float* p)
    {
        Block block;
        for (std::size_t i = 0; i < lanes; ++i)
            block.lane[i] = p[i];
        return block;
    }

    void store(float* p) const
    {
        for (std::size_t i = 0; i < lanes; ++i)
            p[i] = lane[i];
    }

    void add_where(std::uint32_t word, const Block& value)
    {
        for (std::size_t i = 0; i < lanes; ++i)
            lane[i] = lane[i] + ((word >> i) & 1u ? value.lane[i] : 0.0f);
    }

    void subtract_where(std::uint32_t word, const Block& value)
    {
        for (std::size_t i = 0; i < lanes; ++i)
            lane[i] = lane[i] - ((word >> i) & 1u ? value.lane[i] : 0.0f);
    }

    [[nodiscard]] std::uint32_t negative_bits() const
    {
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < lanes; ++i)
            bits |= static_cast<std::uint32_t>(lane[i] < 0.0f) << i;
        return bits;
    }

    friend Block operator+(const Block& a, const Block& b)
    {
        Block r;
        for (std::size_t i = 0; i < lanes; ++i)
            r.lane[i] = a.lane[i] + b.lane[i];
        return r;
    }

    friend Block operator-(const Block& a, const Block& b)
    {
        Block r;
        for (std::size_t i = 0; i < lanes; ++i)
            r.lane[i] = a.lane[i] - b.lane[i];
        return r;
    }

    friend Block operator*(const Block& a, const Block& b)
    {
        Block r;
        for (std::size_t i = 0; i < lanes; ++i)
            r.lane[i] = a.lane[i] * b.lane[i];
        return r;
    }

    friend Block smaller(const Block& a, const Block& b)
    {
        Block r;
        for (std::size_t i = 0; i < lanes; ++i)
            r.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i];
        return r;
    }

    [[nodiscard]] float reduce_add() const
    {
        float sums[lanes];
        for (std::size_t i = 0; i < lanes; ++i)
            sums[i] = lane[i];
        for (std::size_t half = lanes / 2; half > 0; half /= 2)
            for (std::size_t i = 0; i < half; ++i)
                sums[i] = sums[i] + sums[i + half];
        return sums[0];
    }
};

// The last n < 32 elements: missing lanes are 0, so they add nothing to a sum.
template <class Arch>
Block<Arch> load_partial(const float* p, std::size_t n)
{
    float buffer[lanes] = {};
    for (std::size_t i = 0; i < n; ++i)
        buffer[i] = p[i];
    return Block<Arch>::load(buffer);
}

template <class Arch>
void store_partial(const Block<Arch>& block, float* p, std::size_t n)
{
    float buffer[lanes];
    block.store(buffer);
    for (std::size_t i = 0; i < n; ++i)
        p[i] = buffer[i];
}

} // namespace ruvllm::simd
