// Sum tree: a binary tree whose leaves are weights and whose inner nodes are the sums of their children.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace ruvllm {

class SumTree {
public:
    explicit SumTree(std::size_t capacity) : capacity_(capacity), leaves_(std::bit_ceil(capacity)), nodes_(2 * leaves_)
    {
        if (capacity == 0)
            throw std::invalid_argument("a sum tree needs capacity >= 1, not 0");
    }

    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] double total() const noexcept { return nodes_[1]; }
    [[nodiscard]] double get(std::size_t leaf) const { return nodes_[leaves_ + checked(leaf)]; }

    // Weights must be finite and >= 0.
    void set(std::size_t leaf, double weight)
    {
        if (!(weight >= 0.0) || std::isinf(weight))
            throw std::invalid_argument("a weight must be finite and >= 0, not " + std::to_string(weight));
        std::size_t node = leaves_ + checked(leaf);
        nodes_[node] = weight;
        while (node > 1) {
            node /= 2;
            nodes_[node] = nodes_[2 * node] + nodes_[2 * node + 1];
        }
    }

    // The first leaf whose running sum of weights exceeds target, for 0 <= target < total(). Never a leaf of weight 0.
    [[nodiscard]] std::size_t find(double target) const
    {
        if (!(target >= 0.0 && target < total()))
            throw std::invalid_argument("target must be in [0, total = " + std::to_string(total()) + "), not " +
                                        std::to_string(target));
        std::size_t node = 1;
        while (node < leaves_) {
            const double left = nodes_[2 * node], right = nodes_[2 * node + 1];
            // Rounding of the sums can push target past a subtree's end: an empty one is never entered.
            if (target < left || right == 0.0) {
                node = 2 * node;
            } else {
                target -= left;
                node = 2 * node + 1;
            }
        }
        return node - leaves_;
    }

    // Throws std::logic_error unless every inner node is the sum of its children.
    void check_valid() const
    {
        for (std::size_t node = 1; node < leaves_; ++node)
            if (nodes_[node] != nodes_[2 * node] + nodes_[2 * node + 1])
                throw std::logic_error("node " + std::to_string(node) + " is not the sum of its children");
    }

private:
    [[nodiscard]] std::size_t checked(std::size_t leaf) const
    {
        if (leaf >= capacity_)
            throw std::out_of_range("leaf must be below " + std::to_string(capacity_) + ", not " +
                                    std::to_string(leaf));
        return leaf;
    }

    std::size_t capacity_, leaves_;
    std::vector<double> nodes_; // 1 is the root, leaves_ the first leaf
};

} // namespace ruvllm
