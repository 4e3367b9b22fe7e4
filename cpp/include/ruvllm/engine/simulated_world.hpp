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
#include <cmath>
#include <cstddef>
#include <cstdint>
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
                   std::uint64_t seed, std::vector<SimulatedTask> tasks)
        : k_(&kernels), model_(model), c_(constants), tasks_(std::move(tasks)), words_(model.dim / 32)
    {
        check();
        draw_model_directions();
        family_bits_.resize(task_types * c_.families * words_);
        for (std::size_t f = 0; f < task_types * c_.families; ++f)
            numeric::RandomStream(seed, numeric::Purpose::family, model.model, f).fill_bits(bits_of(family_bits_, f));
    }

    [[nodiscard]] std::size_t size() const noexcept override { return tasks_.size(); }
    [[nodiscard]] std::size_t dim() const noexcept override { return model_.dim; }
    [[nodiscard]] std::size_t n_candidates() const noexcept override { return c_.n_candidates; }
    [[nodiscard]] std::uint8_t type(std::size_t index) const override { return tasks_.at(index).type; }

    void load(std::size_t index, Task& task) const override
    {
        const SimulatedTask& spec = tasks_.at(index);
        const Draw draw = draw_task(spec, false);
        task.type = spec.type;
        task.right = draw.right;
        for (std::size_t j = 0; j < c_.n_candidates; ++j)
            make_solution(spec, draw, j, task.candidates.data() + j * model_.dim);
        make_query(spec, draw, task.query.data());
    }

    void load_pair(std::size_t index, float* query, float* solution) const override
    {
        const SimulatedTask& spec = tasks_.at(index);
        const Draw draw = draw_task(spec, true);
        make_solution(spec, draw, draw.right, solution);
        make_query(spec, draw, query);
    }

private:
    using Bits = std::vector<std::uint32_t>;

    // Everything random about one task. Vectors: x, eps, then the candidates' own parts.
    struct Draw {
        std::size_t right;
        double zeta;
        std::vector<double> surface;       // w_j
        std::vector<std::size_t> family;   // of each candidate, over all types
        Bits bits;
    };

    void check() const
    {
        if (model_.dim == 0 || model_.dim % 32 != 0)
            throw std::invalid_argument("the simulated workload needs a dimension that is a multiple of 32, not " +
                                        std::to_string(model_.dim));
        if (c_.n_candidates < 2 || c_.families < 2)
            throw std::invalid_argument("the simulated workload needs at least 2 candidates and 2 families, not " +
                                        std::to_string(c_.n_candidates) + " and " + std::to_string(c_.families));
        if (!(c_.family_share >= 0.0 && c_.family_share <= 1.0))
            throw std::invalid_argument("a family's share must lie in [0, 1], not " + std::to_string(c_.family_share));
        for (const SimulatedTask& t : tasks_)
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

    [[nodiscard]] Draw draw_task(const SimulatedTask& spec, bool pair_only) const
    {
        numeric::RandomStream scalars(spec.key, numeric::Purpose::task);
        Draw draw{};
        draw.right = static_cast<std::size_t>(scalars.below(c_.n_candidates));
        draw.zeta = scalars.normal();
        for (std::size_t j = 0; j < c_.n_candidates; ++j) {
            // A wrong candidate comes from one of the type's other families.
            const std::size_t other = (spec.family + 1 + scalars.below(c_.families - 1)) % c_.families;
            draw.family.push_back(spec.type * c_.families + (j == draw.right ? spec.family : other));
            draw.surface.push_back(scalars.normal());
        }
        draw.surface[draw.right] += c_.shift * (1.0 - 0.4 * difficulty(spec)) * c_.convention[spec.type];
        draw.bits.resize((2 + c_.n_candidates) * words_);
        for (std::size_t v = 0; v < 2 + c_.n_candidates; ++v)
            if (!pair_only || v < 2 || v == 2 + draw.right)
                numeric::RandomStream(spec.key, numeric::Purpose::task_vectors, v).fill_bits(bits_of(draw.bits, v));
        return draw;
    }

    void make_solution(const SimulatedTask& spec, const Draw& draw, std::size_t j, float* out) const
    {
        const double rho = common_share(spec), own = 1.0 - rho;
        const std::array coefficients{std::sqrt(rho), std::sqrt(own * c_.family_share),
                                      std::sqrt(own * (1.0 - c_.family_share)), model_.visibility * draw.surface[j]};
        const std::array bits{word(draw.bits, 0), word(family_bits_, draw.family[j]), word(draw.bits, 2 + j),
                              surface_direction(spec)};
        combine(coefficients, bits, out);
    }

    void make_query(const SimulatedTask& spec, const Draw& draw, float* out) const
    {
        const double rho = common_share(spec), own = 1.0 - rho;
        const std::array coefficients{c_.signal * std::sqrt(rho),
                                      c_.signal * std::sqrt(own * c_.family_share),
                                      c_.signal * std::sqrt(own * (1.0 - c_.family_share)),
                                      c_.response * (draw.zeta - model_.habit * c_.convention[spec.type]),
                                      c_.context,
                                      1.0};
        const std::array bits{word(draw.bits, 0),
                              word(family_bits_, draw.family[draw.right]),
                              word(draw.bits, 2 + draw.right),
                              surface_direction(spec),
                              word(direction_bits_, 2u + spec.type),
                              word(draw.bits, 1)};
        combine(coefficients, bits, out);
    }

    template <std::size_t N>
    void combine(const std::array<double, N>& coefficients, const std::array<const std::uint32_t*, N>& bits,
                 float* out) const
    {
        std::array<float, N> c;
        for (std::size_t i = 0; i < N; ++i)
            c[i] = static_cast<float>(coefficients[i]);
        const float squares = k_->combine_signs(c.data(), bits.data(), N, out, model_.dim);
        k_->scale(1.0f / std::sqrt(squares), out, model_.dim);
    }

    [[nodiscard]] static double difficulty(const SimulatedTask& spec) { return static_cast<double>(spec.difficulty); }
    [[nodiscard]] static double common_share(const SimulatedTask& spec) { return 0.2 + 0.4 * difficulty(spec); }
    [[nodiscard]] const std::uint32_t* surface_direction(const SimulatedTask& spec) const
    {
        return word(direction_bits_, spec.type % 2u);
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
    std::vector<SimulatedTask> tasks_;
    std::size_t words_;
    Bits direction_bits_; // b_0, b_1, m_0 ... m_3
    Bits family_bits_;
};

} // namespace ruvllm
