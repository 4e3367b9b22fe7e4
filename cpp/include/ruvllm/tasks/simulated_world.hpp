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
        tasks_.reserve(tasks.size());
        bits_.resize(tasks.size() * vectors_per_task() * words_);
        for (const SimulatedTask& spec : tasks)
            draw_task(spec, scratch);
    }

    SimulatedWorld(const SimulatedWorld&) = delete; // its tasks point into its bits
    SimulatedWorld& operator=(const SimulatedWorld&) = delete;

    [[nodiscard]] std::size_t size() const noexcept override { return tasks_.size(); }
    [[nodiscard]] std::size_t dim() const noexcept override { return model_.dim; }
    [[nodiscard]] std::size_t n_candidates() const noexcept override { return c_.n_candidates; }
    [[nodiscard]] std::uint8_t type(std::size_t index) const override { return tasks_.at(index).type; }
    [[nodiscard]] std::size_t right(std::size_t index) const override { return tasks_.at(index).right; }

    void prefetch(std::size_t index) const override
    {
        const Drawn& task = tasks_.at(index);
        numeric::prefetch(vector_bits(index, 0), vectors_per_task() * words_);
        numeric::prefetch(task.parts.data(), task.parts.size());
        numeric::prefetch(task.candidates.data(), task.candidates.size());
        numeric::prefetch(task.sketches.data(), task.sketches.size());
    }

    void load_query(std::size_t index, float* query) const override
    {
        const Drawn& task = tasks_.at(index);
        const std::array bits{vector_bits(index, 0),
                              word(family_bits_, task.families[task.candidates[task.right].family]),
                              vector_bits(index, 2 + task.right),
                              word(direction_bits_, task.type % 2u),
                              word(direction_bits_, 2u + task.type),
                              vector_bits(index, 1)};
        kernels().combine_signs(task.query.data(), bits.data(), bits.size(), query, dim());
    }

    [[nodiscard]] const float* candidate(std::size_t index, std::size_t j, float* scratch) const override
    {
        const auto& coefficients = tasks_.at(index).candidates.at(j).coefficients;
        kernels().combine_signs(coefficients.data(), candidate_bits(index, j).data(), coefficients.size(), scratch, dim());
        return scratch;
    }

    // Candidates are sums of few sign vectors, and share most of them.
    void dot_candidates(std::size_t index, const float* x, float* out) const override
    {
        const Drawn& task = tasks_.at(index);
        StackOfFloats memory;
        std::pmr::vector<float> dots(task.parts.size(), &memory.pool);
        kernels().dot_signs(task.parts.data(), task.parts.size(), x, dim(), dots.data());
        const float *const families = dots.data() + 2, *const own = families + task.families.size();
        for (std::size_t j = 0; j < c_.n_candidates; ++j) {
            const auto& [family, c] = task.candidates[j];
            out[j] = c[0] * dots[0] + c[1] * families[family] + c[2] * own[j] + c[3] * dots[1];
        }
    }

    void sum_candidates(std::size_t index, const float* weights, float* out) const override
    {
        const Drawn& task = tasks_.at(index);
        StackOfFloats memory;
        std::pmr::vector<float> sums(task.parts.size(), 0.0f, &memory.pool);
        float *const families = sums.data() + 2, *const own = families + task.families.size();
        for (std::size_t j = 0; j < c_.n_candidates; ++j) {
            const auto& [family, c] = task.candidates[j];
            sums[0] += weights[j] * c[0];
            families[family] += weights[j] * c[1];
            own[j] = weights[j] * c[2];
            sums[1] += weights[j] * c[3];
        }
        (void)kernels().combine_signs(sums.data(), task.parts.data(), task.parts.size(), out, dim());
    }

    [[nodiscard]] Sketch sketch(std::size_t index, std::size_t j) const override
    {
        return tasks_.at(index).sketches.at(j);
    }

private:
    using Bits = numeric::HugePageVector<std::uint32_t>;

    struct Candidate {
        std::size_t family;                // among the task's families
        std::array<float, 4> coefficients; // of x, family, own part and surface direction, for a sum of length 1
    };

    // What is random about a task, but for its sign vectors: x, eps, then the candidates' own parts. All of it is
    // drawn once, a kilobyte a thousand elements: a run reads its test tasks again after every epoch.
    struct Drawn {
        std::uint8_t type;
        std::size_t right;
        std::array<float, 6> query; // coefficients for a sum of length 1
        std::vector<std::size_t> families; // those that the candidates come from, numbered over all types
        std::vector<Candidate> candidates;
        std::vector<Sketch> sketches; // of the candidates
        // What the candidates are made of: x, the surface direction, the families, then the own part of each.
        std::vector<const std::uint32_t*> parts;
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

    void draw_task(const SimulatedTask& spec, Scratch& scratch)
    {
        const std::size_t index = tasks_.size();
        numeric::RandomStream scalars(spec.key, numeric::Purpose::task);
        Drawn task{spec.type, static_cast<std::size_t>(scalars.below(c_.n_candidates)), {}, {}, {}, {}, {}};
        const double zeta = scalars.normal();
        task.query = query_coefficients(spec, zeta);
        for (std::size_t j = 0; j < c_.n_candidates; ++j) {
            // A wrong candidate comes from one of the type's other families.
            const std::size_t other = (spec.family + 1 + scalars.below(c_.families - 1)) % c_.families;
            double surface = scalars.normal();
            if (j == task.right)
                surface += c_.shift * (1.0 - 0.4 * difficulty(spec)) * c_.convention[spec.type];
            const std::size_t family = spec.type * c_.families + (j == task.right ? spec.family : other);
            task.candidates.push_back({number_among(task.families, family), solution_coefficients(spec, surface)});
        }
        for (std::size_t v = 0; v < vectors_per_task(); ++v)
            draw({spec.key, numeric::Purpose::task_vectors, v}, scratch, bits_, index * vectors_per_task() + v);
        task.parts = {vector_bits(index, 0), word(direction_bits_, task.type % 2u)};
        for (const std::size_t family : task.families)
            task.parts.push_back(word(family_bits_, family));
        for (std::size_t j = 0; j < c_.n_candidates; ++j)
            task.parts.push_back(vector_bits(index, 2 + j));
        tasks_.push_back(std::move(task));
        normalise(index, scratch.vector.data());
    }

    // Coefficients become those of sums of length 1, and the candidates' sketches are taken. `scratch`: (dim,)
    void normalise(std::size_t index, float* scratch)
    {
        Drawn& task = tasks_[index];
        load_query(index, scratch);
        divide(task.query, std::sqrt(kernels().squared_norm(scratch, dim())));
        std::vector<float> coefficients, squared_norms(c_.n_candidates);
        std::vector<const std::uint32_t*> bits;
        for (std::size_t j = 0; j < c_.n_candidates; ++j) {
            std::ranges::copy(task.candidates[j].coefficients, std::back_inserter(coefficients));
            std::ranges::copy(candidate_bits(index, j), std::back_inserter(bits));
        }
        std::vector<std::uint64_t> signs(c_.n_candidates * sketch_words);
        kernels().measure_sign_sums(coefficients.data(), bits.data(), c_.n_candidates, dim(), 64 * sketch_words, scratch,
                                    squared_norms.data(), signs.data());
        task.sketches.resize(c_.n_candidates);
        for (std::size_t j = 0; j < c_.n_candidates; ++j) {
            divide(task.candidates[j].coefficients, std::sqrt(squared_norms[j]));
            std::copy_n(signs.data() + j * sketch_words, sketch_words, task.sketches[j].data()); // of any length
        }
    }

    // The sign vectors of a candidate, in the order of its coefficients.
    [[nodiscard]] std::array<const std::uint32_t*, 4> candidate_bits(std::size_t index, std::size_t j) const
    {
        const Drawn& task = tasks_[index];
        return {vector_bits(index, 0), word(family_bits_, task.families[task.candidates[j].family]),
                vector_bits(index, 2 + j), word(direction_bits_, task.type % 2u)};
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
    std::vector<Drawn> tasks_;
    Bits bits_; // (tasks, 2 + candidates, words)
};

} // namespace ruvllm
