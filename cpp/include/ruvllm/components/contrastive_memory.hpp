// Contrastive memory: right and wrong solutions of the past.
//
// Wrong ones (chosen, and not right) are further negatives of the InfoNCE loss. Right ones speak for a candidate that
// resembles one of them: boost_j = strength * max cos(s_j, positive) where that maximum exceeds `threshold`, else 0.
// Both halves are divided evenly among the task types, and a full ring drops its oldest entry.
//
// The maximum is found through sketches (sketch.hpp): only pairs that agree in at least 352 of their 512 bits, and in
// 164 of the first 256, are compared exactly. For dense vectors with cosine 0.7, 382 are expected with a standard
// deviation of 10, and 191 with one of 7, so that about 1 such pair in 1,000 is missed.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/components/sketch.hpp"
#include "ruvllm/components/vector_checks.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/numeric/random.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

struct ContrastiveConfig {
    std::size_t positives = 500, negatives = 500; // at most, over all types
    std::size_t types = 4;
    std::size_t sampled_negatives = 8;            // per learning step
    float threshold = 0.7f;
    double strength = 0.1 / 0.07;                 // in units of a logit
};

class ContrastiveMemory {
public:
    ContrastiveMemory(const simd::KernelTable& kernels, const ContrastiveConfig& config, std::size_t dim)
        : k_(&kernels), config_(config), dim_(dim)
    {
        if (config.types == 0 || config.positives < config.types || config.negatives < config.types)
            throw std::invalid_argument("a contrastive memory needs room for one entry per type, not " +
                                        std::to_string(config.positives) + " and " +
                                        std::to_string(config.negatives) + " for " + std::to_string(config.types) +
                                        " types");
        positives_.assign(config.types, Ring(config.positives / config.types));
        negatives_.assign(config.types, Ring(config.negatives / config.types));
    }

    // solution: (dim,) unit vector, copied. `origin` says where its owner finds it again when the state is restored.
    void add_positive(const float* solution, std::size_t type, std::uint64_t origin = 0)
    {
        add_positive(solution, sketch_of(*k_, solution, dim_), type, origin);
    }
    // The same where its sketch is known.
    void add_positive(const float* solution, const Sketch& sketch, std::size_t type, std::uint64_t origin = 0)
    {
        positives_.at(type).add(solution, dim_, sketch, origin);
    }
    void add_negative(const float* solution, std::size_t type, std::uint64_t origin = 0)
    {
        add_negative(solution, sketch_of(*k_, solution, dim_), type, origin);
    }
    void add_negative(const float* solution, const Sketch& sketch, std::size_t type, std::uint64_t origin = 0)
    {
        negatives_.at(type).add(solution, dim_, sketch, origin);
    }

    // Up to sampled_negatives wrong solutions of this type, drawn with replacement; valid until the next add.
    [[nodiscard]] std::vector<const float*> sample_negatives(std::size_t type, numeric::RandomStream& stream) const
    {
        return sample(negatives_.at(type), stream, [](std::size_t) { return true; });
    }

    // The same without those that equal the right solution (cosine above 0.99): in a corpus the wrong answer of one task
    // can be the right one of another. make() returns where that solution (dim,) is, and is called when one resembles
    // it.
    template <class Make>
    [[nodiscard]] std::vector<const float*> sample_negatives(std::size_t type, numeric::RandomStream& stream,
                                                             const Sketch& right, Make make) const
    {
        const Ring& ring = negatives_.at(type);
        return sample(ring, stream, [&](std::size_t i) {
            return !resembles(ring, i, right) || k_->dot(ring.vector(i, dim_), make(), dim_) <= 0.99f;
        });
    }

    // The right solution that speaks for a candidate, as far as it was looked for: its cosine, above the threshold, and
    // its number. Those of a type are numbered as they come.
    struct Speaker {
        float cosine = -std::numeric_limits<float>::infinity(); // none was found
        std::uint64_t number = 0;
    };

    // boost of one unit candidate with this sketch, in units of a logit; make() returns where the candidate (dim,) is,
    // and is called when one of the past resembles it. `known`: what this gave for the same candidate when all right
    // solutions before number `first` had come, so that only later ones are looked at, unless it was dropped since.
    // positives_added() is the next one's number.
    template <class Make>
    [[nodiscard]] double boost(std::size_t type, const Sketch& sketch, Make make, std::uint64_t first,
                               Speaker& known) const
    {
        const Ring& ring = positives_.at(type);
        if (known.cosine > config_.threshold && known.number < ring.added() - ring.size()) {
            known = {};
            first = 0;
        }
        find_speaker(ring, first, sketch, make, known);
        return known.cosine > config_.threshold ? config_.strength * static_cast<double>(known.cosine) : 0.0;
    }
    // The same of a candidate of which nothing is known.
    template <class Make>
    [[nodiscard]] double boost(std::size_t type, const Sketch& sketch, Make make) const
    {
        Speaker speaker;
        return boost(type, sketch, make, 0, speaker);
    }

    // logits_j += boost_j for the unit candidate rows (m, dim). Returns how many candidates were boosted.
    std::size_t add_boost(std::size_t type, const float* candidates, std::span<double> logits) const
    {
        std::size_t boosted = 0;
        for (std::size_t j = 0; j < logits.size(); ++j) {
            const float* candidate = candidates + j * dim_;
            const double own = boost(type, sketch_of(*k_, candidate, dim_), [=] { return candidate; });
            logits[j] += own;
            boosted += own != 0.0 ? 1 : 0;
        }
        return boosted;
    }

    [[nodiscard]] const ContrastiveConfig& config() const noexcept { return config_; }
    [[nodiscard]] const simd::KernelTable& kernels() const noexcept { return *k_; }
    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
    [[nodiscard]] std::uint64_t positives_added(std::size_t type) const { return positives_.at(type).added(); }
    [[nodiscard]] std::size_t positive_count() const noexcept { return count(positives_); }
    [[nodiscard]] std::size_t negative_count() const noexcept { return count(negatives_); }

    // Of each remembered solution only its origin. A memory that reads must be empty; load(origin, solution) writes a
    // solution (dim,) again and returns its sketch.
    template <class Self, class Archive, class Load>
    static void archive(Self& self, Archive& archive, Load load)
    {
        for (std::size_t type = 0; type < self.positives_.size(); ++type)
            Ring::archive(self.positives_[type], archive, "memory.positives." + std::to_string(type), self.dim_, load);
        for (std::size_t type = 0; type < self.negatives_.size(); ++type)
            Ring::archive(self.negatives_[type], archive, "memory.negatives." + std::to_string(type), self.dim_, load);
    }

    // The same with the solutions themselves, for a memory whose owner cannot find them again.
    template <class Self, class Archive>
    static void archive_whole(Self& self, Archive& archive)
    {
        const auto each = [&](auto& rings, const std::string& name) {
            for (std::size_t type = 0; type < rings.size(); ++type)
                Ring::archive_whole(rings[type], archive, name + "." + std::to_string(type), *self.k_, self.dim_);
        };
        each(self.positives_, "positives");
        each(self.negatives_, "negatives");
    }

private:
    static constexpr std::size_t half = sketch_words / 2; // the words that most pairs are told apart by
    static constexpr std::uint32_t most_different = 64 * sketch_words - 352, most_different_in_half = 64 * half - 164;
    using HalfSketch = std::array<std::uint64_t, half>;

    class Ring {
    public:
        explicit Ring(std::size_t capacity) : capacity_(capacity) {}

        void add(const float* vector, std::size_t dim, const Sketch& sketch, std::uint64_t origin)
        {
            const std::size_t at = place(added_);
            if (at == size()) {
                numeric::make_room(first_halves_, block); // for all first: nothing is left half added where memory ends
                numeric::make_room(second_halves_, 1);
                numeric::make_room(origins_, 1);
                numeric::make_room(vectors_, dim);
                first_halves_.resize((at / block_rows + 1) * block);
                second_halves_.emplace_back();
                origins_.emplace_back();
                vectors_.resize(vectors_.size() + dim);
            }
            origins_[at] = origin;
            for (std::size_t w = 0; w < half; ++w)
                first_halves_[word(at, w)] = sketch[w];
            std::copy_n(sketch.begin() + half, half, second_halves_[at].begin());
            std::copy_n(vector, dim, vectors_.begin() + static_cast<std::ptrdiff_t>(at * dim));
            ++added_;
        }

        [[nodiscard]] std::size_t size() const noexcept { return second_halves_.size(); }
        // The next one's number. After a restored state numbers are smaller, and places are the same.
        [[nodiscard]] std::uint64_t added() const noexcept { return added_; }
        // Of the entry with this number, unless it was dropped.
        [[nodiscard]] std::size_t place(std::uint64_t number) const noexcept { return number % capacity_; }
        // Of all entries, as KernelTable::first_within() reads them.
        [[nodiscard]] const std::uint64_t* first_halves() const noexcept { return first_halves_.data(); }
        [[nodiscard]] HalfSketch first_half(std::size_t i) const
        {
            HalfSketch words;
            for (std::size_t w = 0; w < half; ++w)
                words[w] = first_halves_[word(i, w)];
            return words;
        }
        [[nodiscard]] const std::uint64_t* second_half(std::size_t i) const { return second_halves_[i].data(); }
        [[nodiscard]] const float* vector(std::size_t i, std::size_t dim) const { return vectors_.data() + i * dim; }

        // Into an empty ring: load(origin, solution) writes a solution (dim,) again and returns its sketch.
        template <class Self, class Archive, class Load>
        static void archive(Self& self, Archive& archive, const std::string& path, std::size_t dim, Load load)
        {
            auto origins = self.origins_;
            std::size_t oldest = self.size() < self.capacity_ ? 0 : self.place(self.added_);
            archive.list(path + ".origins", origins);
            archive.number(path + ".oldest", oldest);
            if constexpr (Archive::reading) {
                archive.require(origins.size() <= self.capacity_ && oldest < self.capacity_ &&
                                    (oldest == 0 || origins.size() == self.capacity_),
                                path + " must fit a ring of " + std::to_string(self.capacity_));
                numeric::FloatVector solution(dim);
                for (const std::uint64_t origin : origins) {
                    const Sketch sketch = load(origin, solution.data());
                    self.add(solution.data(), dim, sketch, origin);
                }
                self.added_ += oldest;
            }
        }

        // The same with the solutions.
        template <class Self, class Archive>
        static void archive_whole(Self& self, Archive& archive, const std::string& path, const simd::KernelTable& k,
                                  std::size_t dim)
        {
            auto vectors = self.vectors_;
            archive.list(path + ".solutions", vectors);
            std::size_t row = 0;
            Ring::archive(self, archive, path, dim, [&]([[maybe_unused]] std::uint64_t origin, float* solution) {
                if constexpr (Archive::reading)
                    archive.require(vectors.size() >= (row + 1) * dim, path + " must have a solution for each origin");
                std::copy_n(vectors.begin() + static_cast<std::ptrdiff_t>(dim * row++), dim, solution);
                return sketch_of(k, solution, dim);
            });
            if constexpr (Archive::reading) {
                archive.require(vectors.size() == row * dim, path + " must have an origin for each solution");
                require_unit_rows(k, vectors.data(), row, dim, (path + ".solutions").c_str());
            }
        }

    private:
        static constexpr std::size_t block_rows = simd::block_rows, block = block_rows * half;
        static_assert(half == simd::row_words);

        [[nodiscard]] static std::size_t word(std::size_t i, std::size_t w) noexcept
        {
            return i / block_rows * block + block_rows * w + i % block_rows;
        }

        std::size_t capacity_;
        std::uint64_t added_ = 0;
        std::vector<std::uint64_t> first_halves_; // in blocks
        std::vector<HalfSketch> second_halves_;
        std::vector<std::uint64_t> origins_;
        numeric::FloatVector vectors_;
    };

    template <class Keep>
    [[nodiscard]] std::vector<const float*> sample(const Ring& ring, numeric::RandomStream& stream, Keep keep) const
    {
        std::vector<const float*> drawn;
        for (std::size_t i = 0; i < config_.sampled_negatives && ring.size() > 0; ++i)
            if (const auto place = static_cast<std::size_t>(stream.below(ring.size())); keep(place))
                drawn.push_back(ring.vector(place, dim_));
        return drawn;
    }

    [[nodiscard]] bool resembles(const Ring& ring, std::size_t i, const Sketch& sketch) const
    {
        return k_->first_within(sketch.data(), ring.first_halves(), i, i + 1, most_different_in_half) == i;
    }

    // Puts the nearest of the entries from number `first` on in the place of a speaker that is less near.
    template <class Make>
    void find_speaker(const Ring& ring, std::uint64_t first, const Sketch& sketch, Make make, Speaker& speaker) const
    {
        const float* candidate = nullptr;
        const std::uint64_t end = ring.added();
        for (std::uint64_t number = std::max(first, end - ring.size()), n = 0; number < end; number += n) {
            const std::size_t begin = ring.place(number);
            n = std::min(end - number, std::uint64_t{ring.size() - begin}); // to the ring's last place
            const std::size_t stop = begin + static_cast<std::size_t>(n);
            const auto next = [&](std::size_t from) {
                return k_->first_within(sketch.data(), ring.first_halves(), from, stop, most_different_in_half);
            };
            for (std::size_t i = next(begin); i < stop; i = next(i + 1)) {
                if (differing_bits(ring, i, sketch) > most_different)
                    continue;
                if (candidate == nullptr)
                    candidate = make();
                const float cosine = k_->dot(ring.vector(i, dim_), candidate, dim_);
                if (cosine > config_.threshold && cosine >= speaker.cosine)
                    speaker = {cosine, number + (i - begin)};
            }
        }
    }

    [[nodiscard]] std::uint32_t differing_bits(const Ring& ring, std::size_t i, const Sketch& sketch) const
    {
        const HalfSketch first_half = ring.first_half(i);
        std::uint32_t first, second;
        k_->hamming_many(sketch.data(), first_half.data(), 1, half, &first);
        k_->hamming_many(sketch.data() + half, ring.second_half(i), 1, half, &second);
        return first + second;
    }

    [[nodiscard]] static std::size_t count(const std::vector<Ring>& rings) noexcept
    {
        std::size_t total = 0;
        for (const Ring& ring : rings)
            total += ring.size();
        return total;
    }

    const simd::KernelTable* k_;
    ContrastiveConfig config_;
    std::size_t dim_;
    std::vector<Ring> positives_, negatives_;
};

} // namespace ruvllm
