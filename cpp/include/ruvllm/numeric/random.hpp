// Streams of random numbers. A stream is named by (seed, purpose, index): two streams with different names are
// independent, and any stream can be started again anywhere, so nothing random is ever stored.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "ruvllm/numeric/exp_log.hpp"
#include "ruvllm/numeric/philox.hpp"

namespace ruvllm::numeric {

// What a stream is for. The numbers are part of the reproducibility contract: never reuse one.
enum class Purpose : std::uint64_t {
    user = 0,
    adapter_init = 1,
    task_choice = 2,     // sampling of an answer while training
    replay = 3,
    patterns = 4,
    control = 5,         // random gradients, shuffled answers
    memory_negatives = 6,
    world = 7,           // directions of a simulated model
    family = 8,          // directions of a task family
    task = 9,            // what is drawn for one task
    task_vectors = 10,   // sign vectors of one task
    dataset = 11,
    split = 12,
    schedule = 13,
    bootstrap = 14,
    encoder = 15,
    sketch = 16,
    rehearsal = 17,      // order and negatives of the block adapters' batches
};

class RandomStream {
public:
    RandomStream(std::uint64_t seed, Purpose purpose, std::uint64_t index = 0, std::uint64_t subindex = 0) noexcept
        : key_{seed, static_cast<std::uint64_t>(purpose)}, counter_{0, 0, index, subindex}
    {
    }

    [[nodiscard]] std::uint64_t next_u64() noexcept
    {
        if (used_ == block_.size()) {
            block_ = philox(counter_, key_);
            ++counter_[0];
            used_ = 0;
        }
        return block_[used_++];
    }

    // Fills with what as many calls of next_u64() return: blocks that do not wait for one another.
    void fill(std::span<std::uint64_t> numbers) noexcept
    {
        std::size_t i = 0;
        while (i < numbers.size() && used_ != block_.size())
            numbers[i++] = next_u64();
        for (; i + block_.size() <= numbers.size(); i += block_.size()) {
            const PhiloxBlock block = philox(counter_, key_);
            ++counter_[0];
            for (std::size_t j = 0; j < block.size(); ++j)
                numbers[i + j] = block[j];
        }
        while (i < numbers.size())
            numbers[i++] = next_u64();
    }

    // In [0, 1): the top 53 bits.
    [[nodiscard]] double uniform() noexcept { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }

    // In [0, n), without bias (rejection). Throws std::invalid_argument for n = 0.
    [[nodiscard]] std::uint64_t below(std::uint64_t n) { return next_below(limit_of(n)) % n; }

    // The largest multiple of n in 64 bits. Throws std::invalid_argument for n = 0.
    [[nodiscard]] static std::uint64_t limit_of(std::uint64_t n)
    {
        if (n == 0)
            throw std::invalid_argument("a random integer below n needs n >= 1, not 0");
        return UINT64_MAX - UINT64_MAX % n;
    }

    // The next number that is below the limit.
    [[nodiscard]] std::uint64_t next_below(std::uint64_t limit) noexcept
    {
        std::uint64_t draw = next_u64();
        while (draw >= limit)
            draw = next_u64();
        return draw;
    }

    // Standard normal: Marsaglia's polar method, one value of the pair (the other is dropped, so that a
    // stream's state is its counter alone).
    [[nodiscard]] double normal() noexcept
    {
        for (;;) {
            const double u = 2.0 * uniform() - 1.0, v = 2.0 * uniform() - 1.0;
            const double square = u * u + v * v;
            if (square > 0.0 && square < 1.0)
                return u * std::sqrt(-2.0 * numeric::log(square) / square);
        }
    }

    // Fills with random bits, for vectors of random signs.
    void fill_bits(std::span<std::uint32_t> words) noexcept
    {
        const std::size_t whole_blocks = words.size() / 8 * 8;
        std::size_t i = 0;
        for (; i < whole_blocks; i += 8) {
            const PhiloxBlock block = philox(counter_, key_);
            ++counter_[0];
            for (std::size_t j = 0; j < 4; ++j) {
                words[i + 2 * j] = static_cast<std::uint32_t>(block[j]);
                words[i + 2 * j + 1] = static_cast<std::uint32_t>(block[j] >> 32);
            }
        }
        for (; i < words.size(); ++i)
            words[i] = static_cast<std::uint32_t>(next_u64());
    }

    // Fisher-Yates.
    template <class T>
    void shuffle(std::span<T> values)
    {
        for (std::size_t i = values.size(); i > 1; --i)
            std::swap(values[i - 1], values[static_cast<std::size_t>(below(i))]);
    }

    // Its name and how many blocks of four numbers were drawn.
    [[nodiscard]] std::string description() const
    {
        return "RandomStream(seed=" + std::to_string(key_[0]) + ", purpose=" + std::to_string(key_[1]) +
               ", index=" + std::to_string(counter_[2]) + ", subindex=" + std::to_string(counter_[3]) + ", " +
               std::to_string(counter_[0]) + " blocks drawn)";
    }

    // Its name and its place.
    template <class Self, class Archive>
    static void archive(Self& self, Archive& archive)
    {
        archive.fixed("key", self.key_);
        archive.fixed("counter", self.counter_);
        archive.number("used", self.used_);
        if constexpr (Archive::reading) {
            archive.require(self.used_ <= self.block_.size(), "used must be 4 at most");
            PhiloxBlock before = self.counter_; // of the block that is in use
            --before[0];
            self.block_ = philox(before, self.key_);
        }
    }

private:
    PhiloxKey key_;
    PhiloxBlock counter_; // {position in the stream, 0, index, subindex}
    PhiloxBlock block_{};
    std::size_t used_ = 4;
};

// RandomStream::below(n) of one n again and again: the same numbers, by a product instead of divisions (Granlund and
// Montgomery, "Division by invariant integers using multiplication", 1994, figure 4.1).
class Below {
public:
    // Throws std::invalid_argument for n = 0.
    explicit Below(std::uint64_t n) : n_(n), limit_(RandomStream::limit_of(n))
    {
        const auto bits = static_cast<int>(std::bit_width(n - 1));
        shifts_[0] = bits > 0 ? 1 : 0;
        shifts_[1] = bits > 0 ? bits - 1 : 0;
        std::uint64_t rest = bits < 64 ? (std::uint64_t{1} << bits) - n : 0 - n; // 2^bits - n
        for (int i = 0; i < 64; ++i) { // factor_ = 2^64 rest / n, by long division
            const bool fits = rest >= n - rest;
            rest = fits ? rest - (n - rest) : rest + rest;
            factor_ = factor_ << 1 | (fits ? 1u : 0u);
        }
        ++factor_;
    }

    [[nodiscard]] std::uint64_t operator()(RandomStream& stream) const noexcept
    {
        return remainder(stream.next_below(limit_));
    }

    // Fills with what as many calls return.
    void fill(RandomStream& stream, std::span<std::uint64_t> numbers) const noexcept
    {
        for (std::size_t done = 0; done < numbers.size();) {
            const auto drawn = numbers.subspan(done);
            stream.fill(drawn);
            for (const std::uint64_t draw : drawn)
                if (draw < limit_)
                    numbers[done++] = remainder(draw);
        }
    }

private:
    [[nodiscard]] std::uint64_t remainder(std::uint64_t draw) const noexcept
    {
        const std::uint64_t high = detail::multiply(draw, factor_).high;
        return draw - n_ * ((high + ((draw - high) >> shifts_[0])) >> shifts_[1]);
    }

    std::uint64_t n_, limit_, factor_ = 0;
    std::array<int, 2> shifts_;
};

} // namespace ruvllm::numeric
