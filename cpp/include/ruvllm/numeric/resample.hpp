// Totals of bootstrap resamples: n draws with replacement out of n values, the same draws for several metrics.
//
// Values are integers, so that a total is exact whatever the order of its terms and however a compiler adds them up.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ruvllm/numeric/random.hpp"

namespace ruvllm::numeric {

namespace detail {

// Throws std::overflow_error unless n times any of the values fits into 64 bits.
inline void check_totals_fit(std::span<const std::int64_t> values, std::size_t n)
{
    const std::int64_t largest = INT64_MAX / static_cast<std::int64_t>(n);
    for (const std::int64_t value : values)
        if (value > largest || value < -largest)
            throw std::overflow_error("totals of " + std::to_string(n) + " draws need values of magnitude at most " +
                                      std::to_string(largest) + ", not " + std::to_string(value));
}

inline constexpr std::size_t together = 8; // metrics whose totals are added up side by side

// values (n_metrics, n) as groups of `together` metrics, each (n, together): a draw reads neighbours. Others are 0.
inline std::vector<std::int64_t> side_by_side(std::span<const std::int64_t> values, std::size_t n_metrics)
{
    const std::size_t n = values.size() / n_metrics, groups = (n_metrics + together - 1) / together;
    std::vector<std::int64_t> table(groups * n * together, 0);
    for (std::size_t metric = 0; metric < n_metrics; ++metric) {
        std::int64_t* const group = table.data() + metric / together * n * together + metric % together;
        for (std::size_t i = 0; i < n; ++i)
            group[i * together] = values[metric * n + i];
    }
    return table;
}

} // namespace detail

// totals (n_resamples, n_metrics), row by row, of values (n_metrics, n): for each resample n draws of stream.below(n),
// and for each metric the sum of the values drawn. The stream moves on as by n_resamples * n calls of below(n).
//
// Throws std::invalid_argument for no metric, no value or sizes that are no multiples of n_metrics, and
// std::overflow_error where a total might not fit into 64 bits.
inline void resampled_totals(std::span<const std::int64_t> values, std::size_t n_metrics, RandomStream& stream,
                             std::span<std::int64_t> totals)
{
    if (n_metrics == 0 || values.empty())
        throw std::invalid_argument("resampling needs at least 1 metric of at least 1 value, not " +
                                    std::to_string(n_metrics) + " metrics and " + std::to_string(values.size()) +
                                    " values");
    if (values.size() % n_metrics != 0 || totals.size() % n_metrics != 0)
        throw std::invalid_argument("values and totals need a multiple of " + std::to_string(n_metrics) +
                                    " elements, one for each metric, not " + std::to_string(values.size()) + " and " +
                                    std::to_string(totals.size()));
    const std::size_t n = values.size() / n_metrics;
    detail::check_totals_fit(values, n);
    std::fill(totals.begin(), totals.end(), 0);
    const std::vector<std::int64_t> table = detail::side_by_side(values, n_metrics);
    const Below below(n);
    std::array<std::uint64_t, 512> block; // draws that all metrics share; small enough to stay in the first-level cache
    for (std::size_t row = 0; row < totals.size(); row += n_metrics)
        for (std::size_t begin = 0; begin < n; begin += block.size()) {
            const auto drawn = std::span(block).first(std::min(block.size(), n - begin));
            below.fill(stream, drawn);
            for (std::size_t first = 0; first < n_metrics; first += detail::together) {
                const std::int64_t* const group = table.data() + first * n;
                std::array<std::int64_t, detail::together> sums{};
                for (const std::uint64_t index : drawn) {
                    const std::int64_t* const neighbours = group + static_cast<std::size_t>(index) * detail::together;
                    for (std::size_t j = 0; j < detail::together; ++j)
                        sums[j] += neighbours[j];
                }
                for (std::size_t j = 0; j < std::min(detail::together, n_metrics - first); ++j)
                    totals[row + first + j] += sums[j];
            }
        }
}

} // namespace ruvllm::numeric
