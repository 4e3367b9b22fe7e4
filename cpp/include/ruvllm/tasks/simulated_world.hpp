// The simulated workload: tasks for one frozen model, each generated from its 64-bit key (docs/equations.md).
//
// With random sign vectors, each divided by sqrt(dim) so that its length is 1:
//   n_j = sqrt(share) f_(family of j) + sqrt(1 - share) own_j
//   s_j = normalize( sqrt(rho) x + sqrt(1 - rho) n_j + v w_j b_k )
//   h   = normalize( 0.5 (sqrt(rho) x + sqrt(1 - rho) n_y) + 1.5 (zeta - g c_k) b_k + 2 m_k + eps )
// rho = 0.2 + 0.4 difficulty; w_j and zeta are standard normal, w_y += 5 (1 - 0.4 difficulty) c_k. The common factor
// 1 / sqrt(dim) cancels in normalize() and is left out.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory_resource>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/tasks/task.hpp"
#include "ruvllm/numeric/huge_page_vector.hpp"
#include "ruvllm/numeric/prefetch.hpp"
#include "ruvllm/numeric/random.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

inline constexpr std::size_t task_types = 4;

struct SimulatedModel {
    std::size_t dim;         // a multiple of 32
    std::uint64_t model;     // number of the model: its frozen directions are drawn from it
    double habit;            // g: how strongly the frozen model prefers the opposite of the convention
    double visibility;       // v: how far the surface feature shows in the candidates
};

struct SimulatedConstants {
    std::size_t n_candidates = 8;
    std::size_t families = 5;      // per type
    double family_share = 0.5;     // of the variance of n
    double signal = 0.5, response = 1.5, context = 2.0, shift = 5.0;
    std::array<double, task_types> convention{1.0, 1.0, -1.0, -1.0}; // c_k, opposite within the pairs (0, 2), (1, 3)
};

struct SimulatedTask {
    std::uint64_t key;
    float difficulty; // in [0, 1]
    std::uint8_t type;
    std::uint8_t family;
};

class SimulatedWorld final : public TaskSource {
public:
    // `seed` names the code base: its families. The model's own directions do not depend on it.
    SimulatedWorld(const simd::KernelTable& kernels, const SimulatedModel& model, const SimulatedConstants& constants,
                   std::uint64_t seed, const std::vector<SimulatedTask>& tasks)
        : TaskSource(kernels), model_(model), c_(constants), words_(simd::sign_words(model.dim))
    {
        check(tasks);
        Scratch scratch{numeric::FloatVector(model.dim), std::vector<std::uint32_t>(model.dim / 32)};
        draw_model_directions(scratch);
        family_bits_.resize(task_types * c_.families * words_);
        for (std::size_t f = 0; f < task_types * c_.families; ++f)
            draw({seed, numeric::Purpose::family, model.model, f}, scratch, family_bits_, f);
        reserve(tasks.size());
        for (const SimulatedTask& spec : tasks)
            draw_task(spec, scratch);
    }

    SimulatedWorld(const SimulatedWorld&) = delete; // its tasks point into its bits
    SimulatedWorld& operator=(const SimulatedWorld&) = delete;

    [[nodiscard]] std::size_t size() const noexcept override { return types_.size(); }
    [[nodiscard]] std::size_t dim() const noexcept override { return model_.dim; }
    [[nodiscard]] std::size_t n_candidates() const noexcept override { return c_.n_candidates; }
    [[nodiscard]] std::uint8_t type(std::size_t index) const override { return types_.at(index); }
    [[nodiscard]] std::size_t right(std::size_t index) const override { return rights_.at(index); }

    void prefetch_query(std::size_t index) const override
    {
        for (const std::size_t v : {std::size_t{0}, std::size_t{1}, 2 + right(index)})
            numeric::prefetch(vector_bits(index, v), words_);
        numeric::prefetch(queries_.data() + index, 1);
    }
    void prefetch_candidates(std::size_t index) const override
    {
        const std::size_t first = number_of(index, 0);
        numeric::prefetch(vector_bits(index, 0), vectors_per_task() * words_);
        numeric::prefetch(parts_of(index), n_parts_[index]);
        numeric::prefetch(candidates_.data() + first, c_.n_candidates);
        numeric::prefetch(sketches_.data() + first, c_.n_candidates);
    }

    void load_query(std::size_t index, float* query) const override
    {
        (void)sum_query(queries_.at(index), query);
    }

    [[nodiscard]] const float* candidate(std::size_t index, std::size_t j, float* scratch) const override
    {
        const auto& c = candidates_[number_of(index, j)].coefficients;
        kernels().combine_signs(c.data(), candidate_bits(index, j).data(), c.size(), scratch, dim());
        return scratch;
    }

    // Candidates are sums of few sign vectors, and share most of them.
    void dot_candidates(std::size_t index, const float* x, float* out) const override
    {
        const Candidate* const candidates = &candidates_[number_of(index, 0)];
        StackOfFloats memory;
        std::pmr::vector<float> dots(n_parts_[index], &memory.pool);
        kernels().dot_signs(parts_of(index), dots.size(), x, dim(), dots.data());
        const float *const families = dots.data() + 2, *const own = dots.data() + dots.size() - c_.n_candidates;
        for (std::size_t j = 0; j < c_.n_candidates; ++j) {
            const auto& [family, c] = candidates[j];
            out[j] = c[0] * dots[0] + c[1] * families[family] + c[2] * own[j] + c[3] * dots[1];
        }
    }

    void sum_candidates(std::size_t index, const float* weights, float* out) const override
    {
        const Candidate* const candidates = &candidates_[number_of(index, 0)];
        StackOfFloats memory;
        std::pmr::vector<float> sums(n_parts_[index], 0.0f, &memory.pool);
        float *const families = sums.data() + 2, *const own = sums.data() + sums.size() - c_.n_candidates;
        for (std::size_t j = 0; j < c_.n_candidates; ++j) {
            const auto& [family, c] = candidates[j];
            sums[0] += weights[j] * c[0];
            families[family] += weights[j] * c[1];
            own[j] = weights[j] * c[2];
            sums[1] += weights[j] * c[3];
        }
        (void)kernels().combine_signs(sums.data(), parts_of(index), sums.size(), out, dim());
    }

    [[nodiscard]] Sketch sketch(std::size_t index, std::size_t j) const override
    {
        return sketches_[number_of(index, j)];
    }

private:
    using Bits = numeric::HugePageVector<std::uint32_t>;

    struct Candidate {
        std::uint32_t family;              // among those of the task's parts
        std::array<float, 4> coefficients; // of x, family, own part and surface direction, for a sum of length 1
    };

    // What a query is made of, side by side in memory.
    struct alignas(64) Query {
        std::array<const std::uint32_t*, 6> bits;
        std::array<float, 6> coefficients; // for a sum of length 1
    };

    struct Scratch {
        numeric::FloatVector vector;      // (dim,)
        std::vector<std::uint32_t> drawn; // (dim / 32,): a sign vector before it is arranged
    };

    // Room for the numbers of a task's parts, without memory from the heap where they are few.
    struct StackOfFloats {
        std::array<std::byte, 64 * sizeof(float)> room;
        std::pmr::monotonic_buffer_resource pool{room.data(), room.size()};
    };

    void check(const std::vector<SimulatedTask>& tasks) const
    {
        if (model_.dim == 0 || model_.dim % 32 != 0)
            throw std::invalid_argument("the simulated workload needs a dimension that is a multiple of 32, not " +
                                        std::to_string(model_.dim));
        if (c_.n_candidates < 2 || c_.families < 2)
            throw std::invalid_argument("the simulated workload needs at least 2 candidates and 2 families, not " +
                                        std::to_string(c_.n_candidates) + " and " + std::to_string(c_.families));
        if (!(c_.family_share >= 0.0 && c_.family_share <= 1.0))
            throw std::invalid_argument("a family's share must lie in [0, 1], not " + std::to_string(c_.family_share));
        for (const SimulatedTask& t : tasks)
            if (t.type >= task_types || t.family >= c_.families || !(t.difficulty >= 0.0f && t.difficulty <= 1.0f))
                throw std::invalid_argument("a simulated task needs type < 4, family < " + std::to_string(c_.families) +
                                            " and difficulty in [0, 1], not " + std::to_string(t.type) + ", " +
                                            std::to_string(t.family) + " and " + std::to_string(t.difficulty));
    }

    // Sign vector number `vector` of `bits`.
    void draw(numeric::RandomStream stream, Scratch& scratch, Bits& bits, std::size_t vector) const
    {
        stream.fill_bits(scratch.drawn);
        kernels().arrange_signs(scratch.drawn.data(), dim(), bits.data() + vector * words_);
    }

    // One random sign vector times Walsh functions of the element's number: exactly orthogonal to one another.
    void draw_model_directions(Scratch& scratch)
    {
        static constexpr std::array<std::uint32_t, 2 + task_types> walsh{0x00000000u, 0xaaaaaaaau, 0xccccccccu,
                                                                         0xf0f0f0f0u, 0xff00ff00u, 0xffff0000u};
        std::vector<std::uint32_t> base(scratch.drawn.size());
        numeric::RandomStream(0, numeric::Purpose::world, model_.model).fill_bits(base);
        direction_bits_.resize(walsh.size() * words_);
        for (std::size_t d = 0; d < walsh.size(); ++d) {
            for (std::size_t w = 0; w < base.size(); ++w)
                scratch.drawn[w] = base[w] ^ walsh[d];
            kernels().arrange_signs(scratch.drawn.data(), dim(), direction_bits_.data() + d * words_);
        }
    }

    void reserve(std::size_t n_tasks)
    {
        types_.reserve(n_tasks);
        rights_.reserve(n_tasks);
        queries_.reserve(n_tasks);
        n_parts_.reserve(n_tasks);
        parts_.reserve(n_tasks * most_parts());
        candidates_.reserve(n_tasks * c_.n_candidates);
        sketches_.reserve(n_tasks * c_.n_candidates);
        bits_.resize(n_tasks * vectors_per_task() * words_);
    }

    void draw_task(const SimulatedTask& spec, Scratch& scratch)
    {
        const std::size_t index = size();
        numeric::RandomStream scalars(spec.key, numeric::Purpose::task);
        const auto right = static_cast<std::size_t>(scalars.below(c_.n_candidates));
        const double zeta = scalars.normal();
        std::vector<std::size_t> families; // those that the candidates come from, numbered over all types
        for (std::size_t j = 0; j < c_.n_candidates; ++j) {
            // A wrong candidate comes from one of the type's other families.
            const std::size_t other = (spec.family + 1 + scalars.below(c_.families - 1)) % c_.families;
            double surface = scalars.normal();
            if (j == right)
                surface += c_.shift * (1.0 - 0.4 * difficulty(spec)) * c_.convention[spec.type];
            const std::size_t family = spec.type * c_.families + (j == right ? spec.family : other);
            candidates_.push_back({static_cast<std::uint32_t>(number_among(families, family)),
                                   solution_coefficients(spec, surface)});
        }
        types_.push_back(spec.type);
        rights_.push_back(static_cast<std::uint32_t>(right));
        n_parts_.push_back(static_cast<std::uint32_t>(vectors_per_task() + families.size()));
        for (std::size_t v = 0; v < vectors_per_task(); ++v)
            draw({spec.key, numeric::Purpose::task_vectors, v}, scratch, bits_, index * vectors_per_task() + v);
        parts_.insert(parts_.end(), {vector_bits(index, 0), word(direction_bits_, spec.type % 2u)});
        for (const std::size_t family : families)
            parts_.push_back(word(family_bits_, family));
        for (std::size_t j = 0; j < c_.n_candidates; ++j)
            parts_.push_back(vector_bits(index, 2 + j));
        parts_.resize((index + 1) * most_parts());
        queries_.push_back({{vector_bits(index, 0), candidate_bits(index, right)[1], vector_bits(index, 2 + right),
                             word(direction_bits_, spec.type % 2u), word(direction_bits_, 2u + spec.type),
                             vector_bits(index, 1)},
                            query_coefficients(spec, zeta)});
        normalise(index, scratch.vector.data());
    }

    // out (dim,) = the query; returns its squared norm.
    float sum_query(const Query& query, float* out) const
    {
        return kernels().combine_signs(query.coefficients.data(), query.bits.data(), query.bits.size(), out, dim());
    }

    // Coefficients become those of sums of length 1, and the candidates' sketches are taken. `scratch`: (dim,)
    void normalise(std::size_t index, float* scratch)
    {
        divide(queries_[index].coefficients, std::sqrt(sum_query(queries_[index], scratch)));
        std::vector<float> coefficients, squared_norms(c_.n_candidates);
        std::vector<const std::uint32_t*> bits;
        for (std::size_t j = 0; j < c_.n_candidates; ++j) {
            std::ranges::copy(candidates_[number_of(index, j)].coefficients, std::back_inserter(coefficients));
            std::ranges::copy(candidate_bits(index, j), std::back_inserter(bits));
        }
        std::vector<std::uint64_t> signs(c_.n_candidates * sketch_words);
        kernels().measure_sign_sums(coefficients.data(), bits.data(), c_.n_candidates, dim(), 64 * sketch_words, scratch,
                                    squared_norms.data(), signs.data());
        for (std::size_t j = 0; j < c_.n_candidates; ++j) {
            divide(candidates_[number_of(index, j)].coefficients, std::sqrt(squared_norms[j]));
            std::copy_n(signs.data() + j * sketch_words, sketch_words, sketches_.emplace_back().data()); // of any length
        }
    }

    // The sign vectors of a candidate, in the order of its coefficients.
    [[nodiscard]] std::array<const std::uint32_t*, 4> candidate_bits(std::size_t index, std::size_t j) const
    {
        const std::uint32_t* const* const parts = parts_of(index);
        return {parts[0], parts[2 + candidates_[number_of(index, j)].family], vector_bits(index, 2 + j), parts[1]};
    }

    // The place of `value`, which is put at the end where it is new.
    [[nodiscard]] static std::size_t number_among(std::vector<std::size_t>& values, std::size_t value)
    {
        const auto found = std::ranges::find(values, value);
        const auto number = static_cast<std::size_t>(found - values.begin());
        if (found == values.end())
            values.push_back(value);
        return number;
    }

    template <std::size_t N>
    static void divide(std::array<float, N>& values, float length)
    {
        for (float& v : values)
            v /= length;
    }

    [[nodiscard]] std::array<float, 4> solution_coefficients(const SimulatedTask& spec, double surface) const
    {
        const double rho = common_share(spec), own = 1.0 - rho;
        return to_floats(std::array{std::sqrt(rho), std::sqrt(own * c_.family_share),
                                    std::sqrt(own * (1.0 - c_.family_share)), model_.visibility * surface});
    }

    [[nodiscard]] std::array<float, 6> query_coefficients(const SimulatedTask& spec, double zeta) const
    {
        const double rho = common_share(spec), own = 1.0 - rho;
        return to_floats(std::array{c_.signal * std::sqrt(rho), c_.signal * std::sqrt(own * c_.family_share),
                                    c_.signal * std::sqrt(own * (1.0 - c_.family_share)),
                                    c_.response * (zeta - model_.habit * c_.convention[spec.type]), c_.context, 1.0});
    }

    template <std::size_t N>
    [[nodiscard]] static std::array<float, N> to_floats(const std::array<double, N>& values)
    {
        std::array<float, N> out;
        for (std::size_t i = 0; i < N; ++i)
            out[i] = static_cast<float>(values[i]);
        return out;
    }

    [[nodiscard]] static double difficulty(const SimulatedTask& spec) { return static_cast<double>(spec.difficulty); }
    [[nodiscard]] static double common_share(const SimulatedTask& spec) { return 0.2 + 0.4 * difficulty(spec); }
    [[nodiscard]] std::size_t vectors_per_task() const noexcept { return 2 + c_.n_candidates; }
    [[nodiscard]] std::size_t most_parts() const noexcept { return vectors_per_task() + c_.families; }
    [[nodiscard]] const std::uint32_t* const* parts_of(std::size_t index) const
    {
        return parts_.data() + index * most_parts();
    }
    // The number of candidate j among all tasks' candidates.
    [[nodiscard]] std::size_t number_of(std::size_t index, std::size_t j) const
    {
        if (index >= size() || j >= c_.n_candidates)
            throw std::out_of_range("a task's number must be below " + std::to_string(size()) + " and a candidate's below " +
                                    std::to_string(c_.n_candidates) + ", not " + std::to_string(index) + " and " +
                                    std::to_string(j));
        return index * c_.n_candidates + j;
    }
    [[nodiscard]] const std::uint32_t* vector_bits(std::size_t index, std::size_t v) const
    {
        return word(bits_, index * vectors_per_task() + v);
    }
    [[nodiscard]] const std::uint32_t* word(const Bits& bits, std::size_t vector) const
    {
        return bits.data() + vector * words_;
    }

    SimulatedModel model_;
    SimulatedConstants c_;
    std::size_t words_; // of a sign vector
    Bits direction_bits_; // b_0, b_1, m_0 ... m_3
    Bits family_bits_;
    // What is random about a task is drawn once, a kilobyte a thousand elements: a run reads its test tasks again after
    // every epoch. Each of these can be asked for of any task before it is read.
    std::vector<std::uint8_t> types_;
    std::vector<std::uint32_t> rights_;
    std::vector<Query> queries_;
    std::vector<Candidate> candidates_; // (tasks, candidates)
    std::vector<Sketch> sketches_;      // of them
    // What the candidates are made of: x, the surface direction, the families, then the own part of each; n_parts_ of
    // (tasks, most_parts()).
    std::vector<const std::uint32_t*> parts_;
    std::vector<std::uint32_t> n_parts_;
    Bits bits_; // (tasks, 2 + candidates, words): x, eps, then the candidates' own parts
};

} // namespace ruvllm
