// A sum tree without the tree.
#pragma once

#include <cstddef>
#include <vector>

namespace ruvllm::testing {

class NaiveSumTree {
public:
    explicit NaiveSumTree(std::size_t capacity) : weights_(capacity, 0.0) {}

    void set(std::size_t leaf, double weight) { weights_[leaf] = weight; }
    [[nodiscard]] double get(std::size_t leaf) const { return weights_[leaf]; }

    [[nodiscard]] double total() const
    {
        double sum = 0.0;
        for (const double w : weights_)
            sum += w;
        return sum;
    }

    // The first leaf whose running sum exceeds target.
    [[nodiscard]] std::size_t find(double target) const
    {
        double running = 0.0;
        std::size_t leaf = 0;
        for (; leaf < weights_.size(); ++leaf) {
            running += weights_[leaf];
            if (running > target)
                break;
        }
        return leaf;
    }

private:
    std::vector<double> weights_;
};

} // namespace ruvllm::testing
