#include "ruvllm/components/info_nce.hpp"

#include "every_isa.hpp"
#include "naive_adapter.hpp"

using namespace ruvllm;
using namespace ruvllm::testing;

namespace {

// A query, its candidates and further negatives; z has any length.
struct Problem {
    Problem(std::size_t dim_, std::size_t n_, std::size_t n_negatives, std::uint64_t seed) : dim(dim_), n(n_)
    {
        Random random(seed);
        for (std::size_t j = 0; j < n; ++j)
            for (const float x : random_unit(random, dim))
                candidates.push_back(x);
        for (std::size_t j = 0; j < n_negatives; ++j)
            negatives.push_back(random_unit(random, dim));
        z = random_unit(random, dim);
        right = seed % n;
        lean(0.5f);
    }

    // Moves z towards the right candidate, which makes it a likely answer, and makes it longer.
    void lean(float amount)
    {
        for (std::size_t i = 0; i < dim; ++i)
            z[i] = 3.0f * (z[i] + amount * candidates[right * dim + i]);
    }

    [[nodiscard]] InfoNceInput input() const
    {
        InfoNceInput in{z.data(), dim, candidates.data(), n, right, {}, tau};
        for (const auto& negative : negatives)
            in.negatives.push_back(negative.data());
        return in;
    }

    [[nodiscard]] naive::Choice choice() const
    {
        naive::Choice c{{}, right, tau};
        for (std::size_t j = 0; j < n; ++j)
            c.rows.push_back(to_doubles(candidates.data() + j * dim, dim));
        for (const auto& negative : negatives)
            c.rows.push_back(to_doubles(negative));
        return c;
    }

    std::size_t dim, n, right;
    std::vector<float> z, candidates;
    std::vector<std::vector<float>> negatives;
    double tau = 0.07;
};

class InfoNce : public EveryIsa {
protected:
    void check(const Problem& p) const
    {
        std::vector<float> gradient(p.dim, 7.0f); // what was there does not matter
        const double loss = info_nce(kernels, p.input(), gradient);
        const naive::Choice choice = p.choice();
        const auto twin = [&](const Doubles& z) { return naive::info_nce(z, choice); };
        EXPECT_NEAR(loss, twin(to_doubles(p.z)), 1e-4 * twin(to_doubles(p.z)) + 1e-9);
        expect_gradient(to_doubles(gradient), naive::derivative(twin, to_doubles(p.z)), p.dim);
    }
};
RUVLLM_ON_EVERY_ISA(InfoNce);

TEST_P(InfoNce, GradientMatchesCentralDifferences)
{
    for (const std::size_t dim : {32u, 37u, 48u})
        for (std::uint64_t seed = 0; seed < 8; ++seed)
            check(Problem(dim, 8, 0, seed));
}

TEST_P(InfoNce, GradientMatchesWithNegativesFromAMemory)
{
    for (const std::size_t n_negatives : {1u, 8u})
        for (std::uint64_t seed = 0; seed < 8; ++seed)
            check(Problem(37, 8, n_negatives, seed));
}

TEST_P(InfoNce, GradientMatchesForOtherTemperaturesAndTwoCandidates)
{
    for (const double tau : {0.02, 0.5}) {
        Problem p(37, 2, 1, 3);
        p.tau = tau;
        check(p);
    }
}

// Nearly right already: what is left of p - 1 must not be lost.
TEST_P(InfoNce, GradientMatchesWhereTheAnswerIsNearlySure)
{
    for (std::uint64_t seed = 0; seed < 8; ++seed)
        for (const float amount : {1.0f, 2.0f, 4.0f}) {
            Problem p(37, 8, 2, seed);
            p.lean(amount);
            check(p);
        }
}

TEST_P(InfoNce, GradientIsOrthogonalToTheQuery)
{
    const Problem p(48, 8, 3, 5);
    std::vector<float> g(p.dim);
    (void)info_nce(kernels, p.input(), g);
    EXPECT_NEAR(naive::dot(to_doubles(g), to_doubles(p.z)), 0.0, 1e-5);
}

TEST_P(InfoNce, LongerQueryHasAShorterGradient)
{
    Problem p(48, 8, 3, 6);
    std::vector<float> g(p.dim), g_of_double(p.dim);
    const double loss = info_nce(kernels, p.input(), g);
    for (float& v : p.z)
        v *= 2.0f;
    EXPECT_EQ(info_nce(kernels, p.input(), g_of_double), loss);
    for (std::size_t i = 0; i < p.dim; ++i)
        EXPECT_EQ(2.0f * g_of_double[i], g[i]);
}

TEST_P(InfoNce, AZeroQueryLearnsNothing)
{
    Problem p(37, 4, 2, 1);
    std::fill(p.z.begin(), p.z.end(), 0.0f);
    std::vector<float> g(p.dim, 3.0f);
    EXPECT_EQ(info_nce(kernels, p.input(), g), 0.0);
    EXPECT_EQ(g, std::vector<float>(p.dim, 0.0f));
}

TEST_P(InfoNce, RefusesARightCandidateThatIsNone)
{
    Problem p(37, 4, 0, 1);
    p.right = 4;
    std::vector<float> g(p.dim);
    EXPECT_THROW((void)info_nce(kernels, p.input(), g), std::invalid_argument);
}

} // namespace
