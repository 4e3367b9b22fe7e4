// What cosines say about other cosines: angles obey the triangle inequality, so that most centers need not be compared
// with a point that has one near by (Hamerly 2010; for k-means++ Raff 2021). A comparison is left out only if it could
// not change the choice, whatever rounding did: results are the same bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "ruvllm/simd/kernel_table.hpp"

namespace ruvllm {

class CosineBounds {
public:
    // Bounds for vectors of this dimension whose squared norms lie within 1 +- `deviation`.
    CosineBounds(std::size_t dim, double deviation)
        : margin_(2.0 * deviation + 2.4e-7 * (static_cast<double>(dim) / 32.0 + 40.0))
    {
        if (!(margin_ < 1e-2)) // no unit vectors, or too long a sum: nothing is left out
            margin_ = std::numeric_limits<double>::infinity();
    }

    // The largest distance of a squared norm from 1, of rows (n, dim) whose squared norms these are.
    [[nodiscard]] static double deviation(std::span<const float> squared_norms)
    {
        double largest = 0.0;
        for (const float squared : squared_norms)
            largest = std::max(largest, std::abs(static_cast<double>(squared) - 1.0));
        return largest;
    }

    // Whether a.x < a.b is certain for computed products, of which only a.b and b.x are known: the angle of a and x is
    // at least that of b and x less that of a and b.
    [[nodiscard]] bool is_farther(float ab, float bx) const
    {
        const double near = std::max(static_cast<double>(ab) - margin_, -1.0);
        const double between = std::min(static_cast<double>(bx) + margin_, 1.0);
        if (!(between < near)) // also where the margin is infinite
            return false;
        const double largest = between * near + std::sqrt(std::max(0.0, 1.0 - between * between) * (1.0 - near * near));
        return largest + margin_ < static_cast<double>(ab);
    }

private:
    double margin_; // of a computed product of two vectors, beside their cosine
};

} // namespace ruvllm
