// What a measured kernel is compared with before it is timed: the same sums in double precision, in obvious lines.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "ruvllm/numeric/aligned_vector.hpp"
#include "ruvllm/numeric/random.hpp"

namespace ruvllm::measure {

using Doubles = std::vector<double>;

class WrongAnswerError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Throws WrongAnswerError unless |actual - expected| <= allowed; a NaN is never near.
inline void require_near(std::string_view what, double actual, double expected, double allowed)
{
    if (std::fabs(actual - expected) <= allowed)
        return;
    std::ostringstream text;
    text.precision(9);
    text << what << " is wrong: " << actual << " is not within " << allowed << " of " << expected;
    throw WrongAnswerError(text.str());
}

// Relative error of one rounding.
inline constexpr double rounding = 0.5 * static_cast<double>(std::numeric_limits<float>::epsilon());

// n numbers k / 4 with k = -7 ... -1, 1 ... 7: float32 holds sums of up to 340 000 products of two exactly, in whatever
// order they are added, and to lose any one product shows.
[[nodiscard]] inline numeric::FloatVector exact_values(std::size_t n, std::uint64_t stream)
{
    numeric::RandomStream random(0, numeric::Purpose::user, stream);
    numeric::FloatVector x(n);
    for (float& v : x) {
        const auto k = static_cast<float>(1 + random.below(7));
        v = (random.below(2) == 0 ? k : -k) / 4.0f;
    }
    return x;
}

// Rows (n, dim) of length 1, in random directions.
[[nodiscard]] inline numeric::FloatVector unit_rows(std::size_t n, std::size_t dim, std::uint64_t stream)
{
    numeric::RandomStream random(0, numeric::Purpose::user, stream);
    numeric::FloatVector rows(n * dim);
    Doubles row(dim);
    for (std::size_t i = 0; i < n; ++i) {
        double squares = 0.0;
        for (double& v : row) {
            v = random.normal();
            squares += v * v;
        }
        for (std::size_t j = 0; j < dim; ++j)
            rows[i * dim + j] = static_cast<float>(row[j] / std::sqrt(squares));
    }
    return rows;
}

[[nodiscard]] inline Doubles to_doubles(std::span<const float> x) { return Doubles(x.begin(), x.end()); }

[[nodiscard]] inline double naive_dot(std::span<const double> a, std::span<const double> b)
{
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += a[i] * b[i];
    return sum;
}

} // namespace ruvllm::measure
