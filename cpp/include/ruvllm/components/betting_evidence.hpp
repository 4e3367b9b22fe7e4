// Evidence, at any time, that gains have a mean above 0: the wealth of a gambler who bets a share on each of them.
//
// A mixture over several shares, each a martingale bounded below by 0 where no gain has a mean above 0, so that the
// evidence comes to 1 / alpha at any time with probability alpha at most (Waudby-Smith & Ramdas 2024, J. R. Stat. Soc. B
// 86; Ville's inequality). Only exact operations and single roundings are used: the same gains give the same bits.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace ruvllm {

class BettingEvidence {
public:
    static constexpr std::size_t bets = 24; // the smallest share is of use from some millions of gains on

    // Gains are at least `low`. Throws std::invalid_argument unless it is below 0 and finite.
    explicit BettingEvidence(double low) : low_(low)
    {
        if (!(std::isfinite(low) && low < 0.0))
            throw std::invalid_argument("the smallest gain must be below 0 and finite, not " + std::to_string(low));
        for (std::size_t i = 0; i < bets; ++i) {
            const auto k = static_cast<double>(i);
            mantissas_[i] = i + 1 < bets ? 1.0 / ((k + 1.0) * (k + 2.0)) : 1.0 / static_cast<double>(bets);
            shares_[i] = std::ldexp(0.5, -static_cast<int>(i / 2)) / (i % 2 != 0 ? std::sqrt(2.0) : 1.0);
        }
    }

    // Adds a gain and returns the evidence. Throws std::invalid_argument, and adds nothing, for one out of bounds.
    double add(double gain)
    {
        if (!(gain >= low_ && std::isfinite(gain)))
            throw std::invalid_argument("a gain must be at least " + std::to_string(low_) + " and finite, not " +
                                        std::to_string(gain));
        const double part = gain / -low_;
        for (std::size_t i = 0; i < bets; ++i) {
            int more = 0;
            mantissas_[i] = std::frexp(mantissas_[i] * (1.0 + shares_[i] * part), &more);
            exponents_[i] += more;
        }
        ++n_;
        const double found = evidence();
        largest_ = std::max(largest_, found);
        return found;
    }

    // The e-value: expected to be at most 1, whenever one stops, if no gain has a mean above 0.
    [[nodiscard]] double evidence() const
    {
        double total = 0.0;
        for (std::size_t i = 0; i < bets; ++i)
            total += exponents_[i] < 1000 ? std::ldexp(mantissas_[i], static_cast<int>(std::max(exponents_[i], nothing)))
                                          : std::ldexp(0.5, 1000);
        return total;
    }

    [[nodiscard]] double low() const noexcept { return low_; }
    [[nodiscard]] std::uint64_t n() const noexcept { return n_; }
    [[nodiscard]] double largest() const noexcept { return largest_; } // evidence so far, and at least 1

    static constexpr std::size_t n_numbers = 3 + 2 * bets;

    // All that it is: low, n, largest, then mantissa and exponent of each bet's wealth.
    [[nodiscard]] std::vector<double> numbers() const
    {
        std::vector<double> all{low_, static_cast<double>(n_), largest_};
        for (std::size_t i = 0; i < bets; ++i) {
            all.push_back(mantissas_[i]);
            all.push_back(static_cast<double>(exponents_[i]));
        }
        return all;
    }

    // Goes on from the numbers of another one. Throws std::invalid_argument for what are none.
    [[nodiscard]] static BettingEvidence of_numbers(std::span<const double> numbers)
    {
        if (numbers.size() != n_numbers)
            throw std::invalid_argument("evidence has " + std::to_string(n_numbers) + " numbers, not " +
                                        std::to_string(numbers.size()));
        BettingEvidence made(numbers[0]);
        made.n_ = static_cast<std::uint64_t>(whole(numbers[1], 0.0, "n"));
        made.largest_ = numbers[2];
        require(made.largest_ >= 1.0 && std::isfinite(made.largest_), "the largest evidence must be at least 1",
                made.largest_);
        for (std::size_t i = 0; i < bets; ++i) {
            const double mantissa = numbers[3 + 2 * i];
            require(mantissa > 0.0 && mantissa < 1.0, "a mantissa must lie in 0 ... 1", mantissa);
            made.mantissas_[i] = mantissa;
            made.exponents_[i] = static_cast<std::int64_t>(whole(numbers[4 + 2 * i], -1e15, "an exponent"));
        }
        return made;
    }

private:
    static void require(bool holds, const char* rule, double value)
    {
        if (!holds)
            throw std::invalid_argument(std::string(rule) + ", not " + std::to_string(value));
    }

    static double whole(double value, double least, const char* what)
    {
        require(value >= least && value <= 1e15 && value == std::floor(value),
                (std::string(what) + " must be a whole number").c_str(), value);
        return value;
    }

    static constexpr std::int64_t nothing = -4096; // 2 to this power is 0

    double low_;
    std::uint64_t n_ = 0;
    double largest_ = 1.0;
    std::array<double, bets> mantissas_{}, shares_{};
    std::array<std::int64_t, bets> exponents_{}; // products neither overflow nor underflow
};

} // namespace ruvllm
