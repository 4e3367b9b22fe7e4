// The simulated workload: tasks for one frozen model, each generated from its 64-bit key (design, section 4).
//
// With random sign vectors, each divided by sqrt(dim) so that its length is 1:
//   n_j = sqrt(share) f_(family of j) + sqrt(1 - share) own_j
//   s_j = normalize( sqrt(rho) x + sqrt(1 - rho) n_j + v w_j b_k )
//   h   = normalize( 0.5 (sqrt(rho) x + sqrt(1 - rho) n_y) + 1.5 (zeta - g c_k) b_k + 2 m_k + eps )
// rho = 0.2 + 0.4 difficulty; w_j and zeta are standard normal, w_y += 5 (1 - 0.4 difficulty) c_k. The common factor
// 1 / sqrt(dim) cancels in normalize() and is left out.
#pragma once

#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/engine/task.hpp"
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
        : k_(&kernels), model_(model), c_(constants), words_(model.dim / 32)
    {
        check(tasks);
        draw_model_directions();
        family_bits_.resize(task_types * c_.families * words_);
        for (std::size_t f = 0; f < task_types * c_.families; ++f)
            numeric::RandomStream(seed, numeric::Purpose::family, model.model, f).fill_bits(bits_of(family_bits_, f));
        scales_ = std::make_unique<std::atomic<float>[]>(tasks.size() * (1 + c_.n_candidates));
        tasks_.reserve(tasks.size());
        bits_.resize(tasks.size() * vectors_per_task() * words_);
        for (const SimulatedTask& spec : tasks)
            draw_task(spec);
    }

    [[nodiscard]] std::size_t size() const noexcept override { return tasks_.size(); }
    [[nodiscard]] std::size_t dim() const noexcept override { return model_.dim; }
    [[nodiscard]] std::size_t n_candidates() const noexcept override { return c_.n_candidates; }
    [[nodiscard]] std::uint8_t type(std::size_t index) const override { return tasks_.at(index).type; }
    [[nodiscard]] std::size_t right(std::size_t index) const override { return tasks_.at(index).right; }

    void load_query(std::size_t index, float* query) const override
    {
        const Drawn& task = tasks_.at(index);
        const std::array bits{vector_bits(index, 0),
                              word(family_bits_, task.candidates[task.right].family),
                              vector_bits(index, 2 + task.right),
                              word(direction_bits_, task.type % 2u),
                              word(direction_bits_, 2u + task.type),
                              vector_bits(index, 1)};
        combine(task.query, bits, scales_[index * (1 + c_.n_candidates)], query);
    }

    [[nodiscard]] const float* candidate(std::size_t index, std::size_t j, float* scratch) const override
    {
        const Drawn& task = tasks_.at(index);
        const Candidate& own = task.candidates.at(j);
        const std::array bits{vector_bits(index, 0), word(family_bits_, own.family), vector_bits(index, 2 + j),
                              word(direction_bits_, task.type % 2u)};
        combine(own.coefficients, bits, scales_[index * (1 + c_.n_candidates) + 1 + j], scratch);
        return scratch;
    }

private:
    using Bits = std::vector<std::uint32_t>;

    struct Candidate {
        std::size_t family; // over all types
        std::array<float, 4> coefficients;
    };

    // What is random about a task, but for its sign vectors: x, eps, then the candidates' own parts. All of it is
    // drawn once, a kilobyte a thousand elements: a run reads its test tasks again after every epoch.
    struct Drawn {
        std::uint8_t type;
        std::size_t right;
        std::array<float, 6> query;
        std::vector<Candidate> candidates;
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

    // One random sign vector times Walsh functions of the element's number: exactly orthogonal to one another.
    void draw_model_directions()
    {
        static constexpr std::array<std::uint32_t, 2 + task_types> walsh{0x00000000u, 0xaaaaaaaau, 0xccccccccu,
                                                                         0xf0f0f0f0u, 0xff00ff00u, 0xffff0000u};
        Bits base(words_);
        numeric::RandomStream(0, numeric::Purpose::world, model_.model).fill_bits(base);
        direction_bits_.resize(walsh.size() * words_);
        for (std::size_t d = 0; d < walsh.size(); ++d)
            for (std::size_t w = 0; w < words_; ++w)
                direction_bits_[d * words_ + w] = base[w] ^ walsh[d];
    }

    void draw_task(const SimulatedTask& spec)
    {
        numeric::RandomStream scalars(spec.key, numeric::Purpose::task);
        Drawn task{spec.type, static_cast<std::size_t>(scalars.below(c_.n_candidates)), {}, {}};
        const double zeta = scalars.normal();
        task.query = query_coefficients(spec, zeta);
        for (std::size_t j = 0; j < c_.n_candidates; ++j) {
            // A wrong candidate comes from one of the type's other families.
            const std::size_t other = (spec.family + 1 + scalars.below(c_.families - 1)) % c_.families;
            double surface = scalars.normal();
            if (j == task.right)
                surface += c_.shift * (1.0 - 0.4 * difficulty(spec)) * c_.convention[spec.type];
            task.candidates.push_back({spec.type * c_.families + (j == task.right ? spec.family : other),
                                       solution_coefficients(spec, surface)});
        }
        const std::size_t index = tasks_.size();
        for (std::size_t v = 0; v < vectors_per_task(); ++v)
            numeric::RandomStream(spec.key, numeric::Purpose::task_vectors, v)
                .fill_bits(bits_of(bits_, index * vectors_per_task() + v));
        tasks_.push_back(std::move(task));
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

    // The normalised sum. Its scale is found at the first time and kept: a function of the task alone, so that it does
    // not matter which of two threads writes it first.
    template <std::size_t N>
    void combine(const std::array<float, N>& c, const std::array<const std::uint32_t*, N>& bits,
                 std::atomic<float>& scale, float* out) const
    {
        const float known = scale.load(std::memory_order_relaxed);
        if (known > 0.0f) {
            k_->combine_signs_scaled(c.data(), bits.data(), N, known, out, model_.dim);
            return;
        }
        const float found = 1.0f / std::sqrt(k_->combine_signs(c.data(), bits.data(), N, out, model_.dim));
        k_->scale(found, out, model_.dim);
        scale.store(found, std::memory_order_relaxed);
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
    [[nodiscard]] std::span<std::uint32_t> bits_of(Bits& bits, std::size_t vector) const
    {
        return std::span(bits).subspan(vector * words_, words_);
    }

    const simd::KernelTable* k_;
    SimulatedModel model_;
    SimulatedConstants c_;
    std::size_t words_;
    Bits direction_bits_; // b_0, b_1, m_0 ... m_3
    Bits family_bits_;
    std::vector<Drawn> tasks_;
    Bits bits_;                                    // (tasks, 2 + candidates, words)
    std::unique_ptr<std::atomic<float>[]> scales_; // (tasks, 1 + candidates): query, candidates; 0 where not yet known
};

} // namespace ruvllm
