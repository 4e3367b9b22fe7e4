// exp, log, power and softmax against the C library in extended precision.
#include "ruvllm/numeric/exp_log.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "cases.hpp"
#include "ruvllm/numeric/softmax.hpp"

namespace {

namespace numeric = ruvllm::numeric;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double smallest_normal = std::numeric_limits<double>::min();
constexpr double smallest = std::numeric_limits<double>::denorm_min();

// |actual - expected| in units in the last place of the expected result.
double ulps(double actual, long double expected)
{
    const double rounded = std::fabs(static_cast<double>(expected));
    const double unit = std::nextafter(rounded, infinity) - rounded;
    return static_cast<double>(std::fabs(static_cast<long double>(actual) - expected) /
                               static_cast<long double>(unit));
}

// n points from low to high, each moved to where its bits are all used.
template <class F>
void for_each_point(double low, double high, int n, F f)
{
    ruvllm::testing::Random random(1);
    for (int i = 0; i < n; ++i) {
        const double place = (i + 0.5 * (1.0 + static_cast<double>(random.value()))) / n;
        f(low + (high - low) * place);
    }
}

// The promise of the header, stated here once.
constexpr double promised_ulps = 1.0;

double exp_error(double x) { return ulps(numeric::exp(x), std::exp(static_cast<long double>(x))); }

double largest_exp_error(double low, double high)
{
    double worst = 0.0;
    for_each_point(low, high, 200'000, [&](double x) { worst = std::max(worst, exp_error(x)); });
    return worst;
}

double log_error(double x) { return ulps(numeric::log(x), std::log(static_cast<long double>(x))); }

TEST(Exp, StaysBelowOneUlpOverTheWholeRange)
{
    EXPECT_LT(largest_exp_error(-708.3964185322641, 709.782712893384), promised_ulps);
    EXPECT_LT(largest_exp_error(-1.0, 1.0), promised_ulps);
    EXPECT_LT(largest_exp_error(-1e-8, 1e-8), promised_ulps);
    EXPECT_LT(largest_exp_error(-708.3964185322641, -708.0), promised_ulps);
    EXPECT_LT(largest_exp_error(709.0, 709.782712893384), promised_ulps);
}

TEST(Exp, StaysBelowOneUlpWhereTheReductionChanges)
{
    for (int n = -1021; n <= 1023; ++n) { // half-way between two multiples of ln 2
        double x = (n + 0.5) * 0.6931471805599453;
        for (int step = 0; step < 4; ++step, x = std::nextafter(x, infinity))
            EXPECT_LT(exp_error(x), promised_ulps) << x;
    }
}

TEST(Exp, HasItsExactValues)
{
    EXPECT_EQ(numeric::exp(0.0), 1.0);
    EXPECT_EQ(numeric::exp(-0.0), 1.0);
    EXPECT_EQ(numeric::exp(smallest), 1.0);
    EXPECT_EQ(numeric::exp(-smallest), 1.0);
    EXPECT_EQ(numeric::exp(1e-300), 1.0);
}

TEST(Exp, EndsOfTheRange)
{
    EXPECT_LT(exp_error(709.782712893384), promised_ulps);
    EXPECT_TRUE(std::isfinite(numeric::exp(709.782712893384)));
    EXPECT_EQ(numeric::exp(std::nextafter(709.782712893384, 1000.0)), infinity);
    EXPECT_EQ(numeric::exp(infinity), infinity);
    EXPECT_GE(numeric::exp(-708.3964185322641), smallest_normal * (1 - 1e-15));
    EXPECT_EQ(numeric::exp(std::nextafter(-708.3964185322641, -1000.0)), 0.0);
    EXPECT_EQ(numeric::exp(-745.0), 0.0);
    EXPECT_EQ(numeric::exp(-infinity), 0.0);
    EXPECT_EQ(numeric::exp(-std::numeric_limits<double>::max()), 0.0);
    EXPECT_TRUE(std::isnan(numeric::exp(nan)));
}

TEST(Exp, NeverFalls)
{
    double before = 0.0;
    for (double x = -10.0; x <= 10.0; x += 1e-4) {
        EXPECT_GE(numeric::exp(x), before) << x;
        before = numeric::exp(x);
    }
}

TEST(Log, StaysBelowOneUlpOverTheWholeRange)
{
    double worst = 0.0;
    for_each_point(-1074.0, 1023.999, 400'000, [&](double exponent) {
        const double x = std::exp2(exponent);
        worst = std::max(worst, log_error(x));
    });
    EXPECT_LT(worst, promised_ulps);
}

TEST(Log, StaysBelowOneUlpAroundOne)
{
    for (const double width : {0.5, 1e-2, 1e-5, 1e-9, 1e-14}) {
        double worst = 0.0;
        for_each_point(1.0 - width, 1.0 + width, 100'000,
                       [&](double x) { worst = x == 1.0 ? worst : std::max(worst, log_error(x)); });
        EXPECT_LT(worst, promised_ulps) << width;
    }
}

TEST(Log, StaysBelowOneUlpWhereTheReductionChanges)
{
    for (int exponent = -1060; exponent < 1023; ++exponent) {
        double x = std::ldexp(1.4142135623730951, exponent);
        for (int step = 0; step < 4; ++step, x = std::nextafter(x, infinity))
            EXPECT_LT(log_error(x), promised_ulps) << x;
    }
}

TEST(Log, EndsOfTheRange)
{
    EXPECT_EQ(numeric::log(1.0), 0.0);
    EXPECT_EQ(numeric::log(0.0), -infinity);
    EXPECT_EQ(numeric::log(-0.0), -infinity);
    EXPECT_EQ(numeric::log(infinity), infinity);
    EXPECT_TRUE(std::isnan(numeric::log(-1.0)));
    EXPECT_TRUE(std::isnan(numeric::log(-smallest)));
    EXPECT_TRUE(std::isnan(numeric::log(-infinity)));
    EXPECT_TRUE(std::isnan(numeric::log(nan)));
    for (const double x : {smallest, 3 * smallest, std::nextafter(smallest_normal, 0.0), smallest_normal,
                           std::numeric_limits<double>::max()})
        EXPECT_LT(log_error(x), promised_ulps) << x;
}

// A relative error of y ln x ulps at most: exp turns the absolute error of its argument into a relative one.
TEST(Power, MatchesTheCLibrary)
{
    ruvllm::testing::Random random(2);
    for (int i = 0; i < 20'000; ++i) {
        const double x = std::exp2(20.0 * static_cast<double>(random.value()));
        const double y = 2.0 * static_cast<double>(random.value());
        const long double expected = std::pow(static_cast<long double>(x), static_cast<long double>(y));
        EXPECT_LT(ulps(numeric::power(x, y), expected), 2.0 + 4.0 * std::fabs(y * std::log(x))) << x << " " << y;
    }
    EXPECT_EQ(numeric::power(7.0, 0.0), 1.0);
    EXPECT_EQ(numeric::power(1.0, 0.6), 1.0);
}

std::vector<double> softmax_twin(const std::vector<double>& logits, double temperature)
{
    long double total = 0.0L;
    std::vector<long double> terms;
    for (const double l : logits) {
        terms.push_back(std::exp(static_cast<long double>(l) / static_cast<long double>(temperature)));
        total += terms.back();
    }
    std::vector<double> p;
    for (const long double t : terms)
        p.push_back(static_cast<double>(t / total));
    return p;
}

TEST(Softmax, MatchesItsTwinAtEachTemperature)
{
    const std::vector<double> logits{1.5, -3.0, 0.25, 14.0, 13.5};
    for (const double temperature : {0.25, 1.0, 3.0}) {
        std::vector<double> p(5);
        numeric::softmax(logits, temperature, p);
        const auto expected = softmax_twin(logits, temperature);
        for (std::size_t j = 0; j < p.size(); ++j)
            EXPECT_NEAR(p[j], expected[j], 1e-14 * expected[j]) << j << " at " << temperature;
    }
}

TEST(Softmax, MayWriteOverItsInput)
{
    std::vector<double> apart(3), values{2.0, 1.0, -1.0};
    numeric::softmax(values, 0.5, apart);
    numeric::softmax(values, 0.5, values);
    EXPECT_EQ(values, apart);
}

TEST(Softmax, HasTheBitsOfExpNearAndFar)
{
    for (const double lowest : {-1.0, -699.0, -701.0, -709.0, -1000.0}) { // beyond -700 some are subnormal, then 0
        const std::vector<double> logits{0.0, -1e-3, 0.6 * lowest, lowest, -30.0};
        std::vector<double> p(logits.size()), expected;
        numeric::softmax(logits, 1.0, p);
        double total = 0.0;
        for (const double logit : logits) {
            expected.push_back(numeric::exp(logit));
            total += expected.back();
        }
        for (double& e : expected)
            e /= total;
        EXPECT_EQ(p, expected) << "down to " << lowest;
    }
}

TEST(Softmax, LargeLogitsDoNotOverflow)
{
    std::array<double, 3> p{1e308, 1e308, -1e308};
    numeric::softmax(p, 1.0, p);
    EXPECT_EQ(p, (std::array<double, 3>{0.5, 0.5, 0.0}));
    std::array<double, 1> one{-5.0};
    numeric::softmax(one, 0.25, one);
    EXPECT_EQ(one[0], 1.0);
}

} // namespace
