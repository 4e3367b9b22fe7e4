#include <algorithm>
#include <chrono>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "every_isa.hpp"
#include "ruvllm/measure/kernels.hpp"
#include "ruvllm/measure/kmeans.hpp"
#include "ruvllm/measure/lora_step.hpp"
#include "ruvllm/measure/plain_reference.hpp"
#include "ruvllm/measure/timing.hpp"

using namespace ruvllm;
using namespace ruvllm::measure;
using namespace ruvllm::testing;
using simd::KernelTable;

namespace {

constexpr std::size_t n = 1536;

// Where the tables with one wrong kernel find the right ones.
const KernelTable& right = simd::kernels_for(simd::Isa::scalar);

float dot_without_the_last(const float* a, const float* b, std::size_t size) { return right.dot(a, b, size - 1); }

void gemv_with_two_rows_swapped(const float* rows, std::size_t n_rows, std::size_t stride, const float* x,
                                std::size_t size, float* out)
{
    right.gemv(rows, n_rows, stride, x, size, out);
    std::swap(out[0], out[1]);
}

void cosine_without_the_last(const float* query, const float* rows, std::size_t n_rows, std::size_t stride,
                             std::size_t size, float* out)
{
    right.cosine_many(query, rows, n_rows, stride, size - 1, out);
}

void nan_for_cosine(const float*, const float*, std::size_t n_rows, std::size_t, std::size_t, float* out)
{
    std::fill(out, out + n_rows, std::numeric_limits<float>::quiet_NaN());
}

void ema_without_the_last(float decay, float weight, const float* x, float* f, std::size_t size)
{
    right.ema_of_squares(decay, weight, x, f, size - 1);
}

template <class... Rest>
void momentum_at_half_the_rate(const simd::MomentumStep& step, Rest... rest)
{
    simd::MomentumStep half = step;
    half.learning_rate *= 0.5f;
    right.momentum_rows(half, rest...);
}

// The right table but for one kernel.
template <class Member, class Kernel>
KernelTable with(Member member, Kernel wrong)
{
    KernelTable table = right;
    table.*member = wrong;
    return table;
}

TEST(PlainReference, AddsFromLeftToRight)
{
    const float a[] = {1.0f, 0x1p-24f, 0x1p-24f};
    const float ones[] = {1.0f, 1.0f, 1.0f};
    EXPECT_EQ(plain_dot(a, ones, 3), 1.0f); // each small term is lost in the large one; together they would not be
    EXPECT_EQ(plain_dot(a + 1, ones, 2), 0x1p-23f);
    EXPECT_EQ(plain_dot(a, ones, 0), 0.0f);
}

class Measure : public EveryIsa {};
RUVLLM_ON_EVERY_ISA(Measure);

TEST_P(Measure, RightKernelsPassTheirChecks)
{
    DotProduct(n).on(kernels)(1);
    BankCosine(20, n).on(kernels)(1);
    FisherEma(n + 1).on(kernels)(1);
}

TEST_P(Measure, RightComponentsPassTheirChecks)
{
    const LoraStep lora(256, 4, 8);
    lora.on(kernels)(1);
    const KMeans clusters(60, 256, 5, 10);
    clusters.on(kernels)(1);
}

TEST(MeasureChecks, AWrongDotProductIsFound)
{
    for (const std::size_t size : {256, 1536, 4096}) {
        EXPECT_THROW((void)DotProduct(size).on(with(&KernelTable::dot, dot_without_the_last)), WrongAnswerError);
        EXPECT_NO_THROW((void)DotProduct(size).of(plain_dot, "plain loop"));
        EXPECT_THROW((void)DotProduct(size).of(dot_without_the_last, "plain loop"), WrongAnswerError);
    }
}

TEST(MeasureChecks, AWrongCosineIsFound)
{
    const auto shorter = with(&KernelTable::cosine_many, cosine_without_the_last);
    EXPECT_THROW((void)BankCosine(150, n).on(shorter), WrongAnswerError);
    const auto nan = with(&KernelTable::cosine_many, nan_for_cosine);
    EXPECT_THROW((void)BankCosine(150, n).on(nan), WrongAnswerError);
}

TEST(MeasureChecks, AWrongFisherAverageIsFound)
{
    const auto table = with(&KernelTable::ema_of_squares, ema_without_the_last);
    EXPECT_THROW((void)FisherEma(n).on(table), WrongAnswerError);
}

TEST(MeasureChecks, AWrongLearningStepIsFound)
{
    const LoraStep lora(256, 4, 8);
    EXPECT_NO_THROW((void)lora.on(right));
    EXPECT_THROW((void)lora.on(with(&KernelTable::gemv, gemv_with_two_rows_swapped)), WrongAnswerError);
    KernelTable slow = right; // the adapter steps by momentum_rows
    slow.momentum_rows = momentum_at_half_the_rate;
    EXPECT_THROW((void)lora.on(slow), WrongAnswerError);
}

TEST(MeasureChecks, WrongClustersAreFound)
{
    const KMeans clusters(60, 256, 5, 10);
    EXPECT_NO_THROW((void)clusters.on(right));
    EXPECT_THROW((void)clusters.on(with(&KernelTable::gemv, gemv_with_two_rows_swapped)), WrongAnswerError);
}

TEST(Timing, LoopsTakeTurnsAfterEachOthersRepetition)
{
    std::vector<int> order;
    const auto loop = [&](int name) {
        return Loop([&order, name](std::size_t calls) {
            order.push_back(name);
            const auto begin = std::chrono::steady_clock::now();
            while (std::chrono::steady_clock::now() - begin < std::chrono::microseconds(calls)) {
            }
        });
    };
    const Loop loops[] = {loop(0), loop(1)};
    std::size_t pauses = 0;
    const auto seconds = take_turns(std::span(loops), 3, 1e-9, [&] { ++pauses; });
    // one call is long enough; then before each timed loop one that is not
    EXPECT_EQ(order, (std::vector{0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1}));
    EXPECT_EQ(pauses, 2u + 3u * 2u);
    ASSERT_EQ(seconds.size(), 2u);
    for (const auto& own : seconds) {
        ASSERT_EQ(own.size(), 3u);
        for (const double s : own)
            EXPECT_GT(s, 0.0);
    }
}

TEST(Timing, WhatComesBetweenMayEndIt)
{
    const Loop loops[] = {loop_of([] {})};
    std::size_t pauses = 0;
    const auto interrupt = [&] {
        if (++pauses == 3)
            throw std::runtime_error("interrupted");
    };
    EXPECT_THROW((void)take_turns(std::span(loops), 1000, 1e-9, interrupt), std::runtime_error);
    EXPECT_EQ(pauses, 3u);
}

} // namespace
