// Sum tree: a binary tree whose leaves are weights and whose inner nodes are the sums of their children.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
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
        std::size_t node = leaves_ + checked(leaf);
        nodes_[node] = checked_weight(weight);
        while (node > 1) {
            node /= 2;
            add_children(node);
        }
    }

    // set() of each leaf in turn, with the same bits. Nothing is set when one of them is refused.
    void set_many(std::span<const std::int64_t> leaves, std::span<const double> weights)
    {
        if (leaves.size() != weights.size())
            throw std::invalid_argument("as many weights as leaves are needed: " + std::to_string(leaves.size()) +
                                        ", not " + std::to_string(weights.size()));
        std::size_t good = 0; // counted without a branch; which one is bad matters only if there is one
        for (std::size_t i = 0; i < leaves.size(); ++i)
            good += std::size_t{static_cast<std::uint64_t>(leaves[i]) < capacity_} &
                    std::size_t{weights[i] >= 0.0} & std::size_t{weights[i] <= most_weight};
        for (std::size_t i = 0; good < leaves.size() && i < leaves.size(); ++i) {
            checked(static_cast<std::size_t>(leaves[i]));
            checked_weight(weights[i]);
        }
        set_many_unchecked(leaves, weights);
    }

    // The same for leaves below capacity() and weights that are finite and >= 0; others are undefined behaviour.
    void set_many_unchecked(std::span<const std::int64_t> leaves, std::span<const double> weights)
    {
        for (std::size_t i = 0; i < leaves.size(); ++i)
            nodes_[leaves_ + static_cast<std::size_t>(leaves[i])] = weights[i];
        int height = 0; // of the nodes that are up to date
        for (; leaves_ >> height > 4 * leaves.size() && leaves_ >> height >= 256; height += 8)
            climb<8>(leaves, height);
        for (; leaves_ >> height > leaves.size() && leaves_ >> height > 1; ++height)
            climb<1>(leaves, height);
        for (std::size_t first = leaves_ >> (height + 1); first > 0 && !leaves.empty(); first /= 2)
            for (std::size_t node = first; node < 2 * first; ++node) // fewer than there are leaves: simply all
                add_children(node);
    }

    // The first leaf whose running sum of weights exceeds target, for 0 <= target < total(). Never a leaf of weight 0.
    [[nodiscard]] std::size_t find(double target) const
    {
        check_target(target);
        std::size_t node = 1;
        while (node < leaves_)
            descend(node, target);
        return node - leaves_;
    }

    // leaves[i] = find(targets[i]); the targets are used up.
    void find_many(std::span<double> targets, std::span<std::size_t> leaves) const
    {
        for (std::size_t i = 0; i < targets.size(); ++i) {
            check_target(targets[i]);
            leaves[i] = 1;
        }
        for (std::size_t first = 1; first < leaves_; first *= 2) // level by level: no descent waits for another's loads
            for (std::size_t i = 0; i < targets.size(); ++i)
                descend(leaves[i], targets[i]);
        for (std::size_t& leaf : leaves)
            leaf -= leaves_;
    }

    // Throws std::logic_error unless every inner node is the sum of its children.
    void check_valid() const
    {
        for (std::size_t node = 1; node < leaves_; ++node)
            if (nodes_[node] != nodes_[2 * node] + nodes_[2 * node + 1])
                throw std::logic_error("node " + std::to_string(node) + " is not the sum of its children");
    }

    // The weights up to the last one that is not 0; the sums follow from them. A tree that reads must be empty.
    template <class Self, class Archive>
    static void archive(Self& self, Archive& archive)
    {
        const auto first = self.nodes_.begin() + static_cast<std::ptrdiff_t>(self.leaves_);
        std::vector<double> weights(first, first + static_cast<std::ptrdiff_t>(self.capacity_));
        while (!weights.empty() && weights.back() == 0.0)
            weights.pop_back();
        archive.list("weights", weights);
        if constexpr (Archive::reading) {
            archive.require(weights.size() <= self.capacity_, "weights must fit the capacity");
            for (std::size_t leaf = 0; leaf < weights.size(); ++leaf)
                self.set(leaf, weights[leaf]);
            archive.require(std::isfinite(self.total()), "weights must have a finite sum");
        }
    }

private:
    std::size_t checked(std::size_t leaf) const
    {
        if (leaf >= capacity_)
            throw std::out_of_range("leaf must be below " + std::to_string(capacity_) + ", not " +
                                    std::to_string(leaf));
        return leaf;
    }

    static constexpr double most_weight = std::numeric_limits<double>::max();

    static double checked_weight(double weight)
    {
        if (!(weight >= 0.0 && weight <= most_weight))
            throw std::invalid_argument("a weight must be finite and >= 0, not " + std::to_string(weight));
        return weight;
    }

    void check_target(double target) const
    {
        if (!(target >= 0.0 && target < total()))
            throw std::invalid_argument("target must be in [0, total = " + std::to_string(total()) + "), not " +
                                        std::to_string(target));
    }

    // From the nodes above the leaves at this height, which are up to date, to those that are Levels higher.
    // One path after the other: only the few nodes that two paths share make one wait for the other. A path whose
    // brother is not yet up to date is put right by that brother's own.
    template <int Levels>
    void climb(std::span<const std::int64_t> leaves, int height)
    {
        for (const std::int64_t leaf : leaves) {
            std::size_t node = (leaves_ + static_cast<std::size_t>(leaf)) >> height;
            double sum = nodes_[node];
            for (int i = 0; i < Levels; ++i) { // unrolled, that is what makes it fast
                sum += nodes_[node ^ 1];       // left + right or right + left: the same bits
                node /= 2;
                nodes_[node] = sum;
            }
        }
    }

    void add_children(std::size_t node) { nodes_[node] = nodes_[2 * node] + nodes_[2 * node + 1]; }

    // From a node to the child that target lies in, without a branch: which one it is cannot be predicted.
    void descend(std::size_t& node, double& target) const
    {
        const double left = nodes_[2 * node], right = nodes_[2 * node + 1];
        // Rounding of the sums can push target past a subtree's end: an empty one is never entered.
        const bool to_right = (target >= left) & (right != 0.0);
        target -= static_cast<double>(to_right) * left; // compilers make a branch of "to_right ? left : 0.0"
        node = 2 * node + static_cast<std::size_t>(to_right);
    }

    std::size_t capacity_, leaves_;
    std::vector<double> nodes_; // 1 is the root, leaves_ the first leaf
};

} // namespace ruvllm
