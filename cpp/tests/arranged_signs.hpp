// Sign vectors as the kernels of one instruction set read them, from words in the order of the elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm::testing {

class ArrangedSigns {
public:
    // bits: of vectors of n elements; what is the same pointer stays the same pointer.
    ArrangedSigns(const simd::KernelTable& kernels, const std::vector<const std::uint32_t*>& bits, std::size_t n)
    {
        for (const std::uint32_t* words : bits) {
            const auto [found, is_new] = arranged_.try_emplace(words, simd::sign_words(n));
            if (is_new)
                kernels.arrange_signs(words, n, found->second.data());
            pointers_.push_back(found->second.data());
        }
    }

    ArrangedSigns(const ArrangedSigns&) = delete; // its pointers are into its own words

    [[nodiscard]] const std::uint32_t* const* data() const { return pointers_.data(); }

private:
    std::map<const std::uint32_t*, std::vector<std::uint32_t>> arranged_;
    std::vector<const std::uint32_t*> pointers_;
};

} // namespace ruvllm::testing
