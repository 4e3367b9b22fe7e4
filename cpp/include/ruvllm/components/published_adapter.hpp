// A published state: many threads rank with it while one replaces it.
//
// States are immutable and held by shared pointers: a reader takes the pointer once, ranks with that state to the end,
// and names it in its answer. A writer waits for nobody.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ruvllm/components/adapter_state.hpp"
#include "ruvllm/components/feedback.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/numeric/atomic_shared.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

struct Ranked {
    std::vector<std::int32_t> order; // (top,) places of the candidates, the best first, the earlier of equal ones first
    std::vector<float> scores;       // (top,) their cosines
    std::shared_ptr<const AdapterState> state;
};

namespace detail {

// Keys whose order, as integers, is that of finite scores, the largest first, and of places where scores are equal.
[[nodiscard]] inline std::uint64_t ranking_key(float score, std::size_t place) noexcept
{
    const auto bits = std::bit_cast<std::uint32_t>(score + 0.0f); // -0 is 0
    const std::uint32_t descending = (bits >> 31) != 0u ? bits : ~bits & 0x7fffffffu;
    return std::uint64_t{descending} << 32 | place;
}

} // namespace detail

class PublishedAdapter {
public:
    // Identity at first, by this name.
    PublishedAdapter(const simd::KernelTable& kernels, std::size_t dim, std::string name)
        : k_(&kernels), dim_(dim), state_(std::make_shared<const AdapterState>(dim, std::move(name)))
    {
    }

    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
    [[nodiscard]] const simd::KernelTable& kernels() const noexcept { return *k_; }
    [[nodiscard]] std::shared_ptr<const AdapterState> state() const { return state_.load(); }

    // Throws std::invalid_argument for a state of another width.
    void publish(std::shared_ptr<const AdapterState> state)
    {
        if (state->dim() != dim_)
            throw std::invalid_argument("a published state must have dim " + std::to_string(dim_) + ", not " +
                                        std::to_string(state->dim()));
        state_.store(std::move(state));
    }

    // The `top` best of candidates (n, dim), of any length, for a query (dim,). Throws std::invalid_argument where one of
    // them is not finite.
    [[nodiscard]] Ranked rank(const float* query, const float* candidates, std::size_t n, std::size_t top) const
    {
        std::vector<float> cosines(n);
        Ranked out{{}, {}, scores(query, candidates, n, cosines)};
        top = std::min(top, n);
        std::vector<std::uint64_t> keys(n);
        for (std::size_t j = 0; j < n; ++j)
            keys[j] = detail::ranking_key(cosines[j], j);
        if (top < n)
            std::nth_element(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(top), keys.end());
        std::sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(top));
        out.order.resize(top);
        out.scores.resize(top);
        for (std::size_t i = 0; i < top; ++i) {
            out.order[i] = static_cast<std::int32_t>(keys[i] & 0xffffffffu);
            out.scores[i] = cosines[static_cast<std::size_t>(out.order[i])];
        }
        return out;
    }

    // out (n,) = cosines of the adapted query with candidates (n, dim); returns the state that adapted it.
    std::shared_ptr<const AdapterState> scores(const float* query, const float* candidates, std::size_t n,
                                               std::span<float> out) const
    {
        std::shared_ptr<const AdapterState> state = state_.load();
        numeric::FloatVector z(state->is_identity() ? 0 : dim_);
        const float* const adapted = state->adapt(*k_, query, z.data());
        k_->cosine_many(adapted, candidates, n, dim_, dim_, out.data());
        for (const float cosine : out)
            if (std::isnan(cosine))
                refuse(query, adapted, candidates, n);
        return state;
    }

private:
    [[noreturn]] void refuse(const float* query, const float* adapted, const float* candidates, std::size_t n) const
    {
        require_finite(*k_, {query, dim_}, "query");
        require_finite(*k_, {candidates, n * dim_}, "candidates");
        require_finite(*k_, {adapted, dim_}, "the adapted query");
        throw std::logic_error("a cosine of finite vectors is not a number");
    }

    const simd::KernelTable* k_;
    std::size_t dim_;
    numeric::AtomicShared<AdapterState> state_;
};

} // namespace ruvllm
