// What is served: an adapter of queries that never changes, and has a name.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ruvllm/components/micro_lora.hpp"
#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

class AdapterState {
public:
    // Identity: queries stay as they are.
    AdapterState(std::size_t dim, std::string name) : dim_(dim), name_(std::move(name)) {}

    // An adapter with these parameters (2 rank dim,), A's rows before B's, finite. Throws std::invalid_argument where
    // their number is none of an adapter.
    AdapterState(std::size_t dim, std::span<const float> parameters, float scaling, std::string name)
        : dim_(dim), scaling_(scaling), name_(std::move(name))
    {
        if (parameters.empty() || parameters.size() % (2 * dim) != 0)
            throw std::invalid_argument("parameters must have a multiple of 2 dim = " + std::to_string(2 * dim) +
                                        " elements, not " + std::to_string(parameters.size()));
        lora_.emplace(dim, parameters.size() / (2 * dim), 1.0f,
                      numeric::RandomStream(0, numeric::Purpose::adapter_init, 0));
        std::ranges::copy(parameters, lora_->parameters().begin());
    }

    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] bool is_identity() const noexcept { return !lora_; }

    // The adapted query: `query` (dim,) itself for identity, else it is written to z (dim,).
    const float* adapt(const simd::KernelTable& k, const float* query, float* z) const
    {
        if (!lora_)
            return query;
        float few[16]; // on the stack: a call must not wait for the heap
        std::vector<float> many(lora_->rank() > std::size(few) ? lora_->rank() : 0);
        float* const u = many.empty() ? few : many.data();
        lora_->project(k, query, u);
        (void)lora_->add_output(k, query, u, scaling_, z);
        return z;
    }

private:
    std::size_t dim_;
    float scaling_ = 1.0f;
    std::string name_;
    std::optional<MicroLoRA> lora_;
};

} // namespace ruvllm
