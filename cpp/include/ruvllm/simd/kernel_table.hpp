// The kernels, as a table of function pointers: one table per instruction set.
//
// All arrays are float32 and may start anywhere (no alignment is asked for). `n` is the number of elements,
// `stride` the distance in elements between the starts of two rows. Outputs must not overlap inputs
// unless the name says "in place". Results are the same bits whichever table is used, but for the sign and payload of
// a NaN. NaN, infinity, overflow and subnormal numbers follow IEEE 754; nothing is checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "ruvllm/simd/isa.hpp"
#include "ruvllm/simd/strict_arithmetic.hpp"

namespace ruvllm::simd {

// Constants of one momentum step on parameters whose gradient is coefficient * x (one factor of an
// outer product) plus, with EWC, min(ewc_lambda * fisher, 1 / learning_rate) * (theta - reference): a step pulls a
// parameter as far as its reference at most, for explicit steps beyond twice that diverge.
struct MomentumStep {
    float coefficient;
    float momentum;      // beta of m = beta m + (1 - beta) gradient
    float learning_rate; // theta = theta - learning_rate m
    float ewc_lambda;    // 0: fisher and reference are not read
};

// Of EWC: the largest ewc_lambda * fisher that counts.
[[nodiscard]] inline float stiffest_pull(float learning_rate)
{
    return learning_rate > 0.0f ? 1.0f / learning_rate : std::numeric_limits<float>::infinity();
}

// Rows of words as KernelTable::first_within() reads them.
inline constexpr std::size_t block_rows = 8, row_words = 4;

// The words of a sign vector of n elements, as KernelTable::arrange_signs() writes them: 8 for each 256 begun.
[[nodiscard]] constexpr std::size_t sign_words(std::size_t n)
{
    return (n + 255) / 256 * 8;
}

struct KernelTable {
    Isa isa;

    // sum_i a_i b_i
    float (*dot)(const float* a, const float* b, std::size_t n);

    // sum_i a_i^2
    float (*squared_norm)(const float* a, std::size_t n);

    // out_r = squared_norm(rows_r), with its bits
    void (*squared_norms)(const float* rows, std::size_t n_rows, std::size_t stride, std::size_t n, float* out);

    // sum_i (a_i - b_i)^2
    float (*squared_distance)(const float* a, const float* b, std::size_t n);

    // out_p = a[p] . b[p] of vectors (n,) that lie anywhere, with the bits of dot(a[p], b[p]): several are read at once
    void (*dot_pairs)(const float* const* a, const float* const* b, std::size_t n_pairs, std::size_t n, float* out);

    // out_r = rows_r . x; each out_r has the bits of dot(rows_r, x)
    void (*gemv)(const float* rows, std::size_t n_rows, std::size_t stride, const float* x, std::size_t n, float* out);

    // out_c,r = rows_r . xs_c, in rows of n_rows for each of the n_xs columns; each has the bits of dot(rows_r, xs_c)
    void (*gemm)(const float* rows, std::size_t n_rows, std::size_t stride, const float* xs, std::size_t n_xs,
                 std::size_t x_stride, std::size_t n, float* out);

    // out_i = sum_r c_r rows_r,i, added in the order of r; all 0 when n_rows is 0
    void (*gemv_transposed)(const float* rows, std::size_t n_rows, std::size_t stride, const float* c, std::size_t n,
                            float* out);

    // out_i = ((x_i + c_0 rows_0,i) + c_1 rows_1,i) + ..., the bits of one axpy() after the other; out may be x; returns
    // the squared norm of out
    float (*add_rows)(const float* x, const float* const* rows, const float* c, std::size_t n_rows, std::size_t n,
                      float* out);

    // out_r = cos(query, rows_r), clipped to [-1, 1], for vectors of any length: where a norm is below 1e-15 or above
    // 1e15, the vectors are scaled first. 0 when either is all zeros, NaN when either holds NaN or inf
    void (*cosine_many)(const float* query, const float* rows, std::size_t n_rows, std::size_t stride, std::size_t n,
                        float* out);

    // The same with norms (n_rows,) of the rows, each the square root of its squared_norm(), instead of computing them
    void (*cosine_with_norms)(const float* query, const float* rows, const float* norms, std::size_t n_rows,
                              std::size_t stride, std::size_t n, float* out);

    // cosine_many() of one row
    float (*cosine)(const float* a, const float* b, std::size_t n);

    // y += a x, in place
    void (*axpy)(float a, const float* x, float* y, std::size_t n);

    // x *= a, in place
    void (*scale)(float a, float* x, std::size_t n);

    // f = decay f + weight x^2, in place
    void (*ema_of_squares)(float decay, float weight, const float* x, float* f, std::size_t n);

    // f += (c x)^2, in place
    void (*add_squares)(float c, const float* x, float* f, std::size_t n);

    // gradient = coefficient x + ewc_lambda fisher (theta - reference); m and theta move by one step, in place
    void (*momentum_step)(const MomentumStep& step, const float* x, const float* fisher, const float* reference,
                          float* m, float* theta, std::size_t n);

    // The same for rows whose gradients share the factor x: that of row r is (coefficient c_r) x. Rows of fisher,
    // reference, m and theta are `stride` apart. Has the bits of one momentum_step() after the other.
    void (*momentum_rows)(const MomentumStep& step, const float* c, std::size_t n_rows, std::size_t stride,
                          const float* x, const float* fisher, const float* reference, float* m, float* theta,
                          std::size_t n);

    // out_i = x_i^y with the bits of numeric::power(), for normal, finite x_i > 0 and |y log x_i| <= 700; out may be x
    void (*powers)(const double* x, double y, std::size_t n, double* out);

    // Sign vectors s_t, as bits: element i is -1 if its bit is set, else +1. Kernels read sign_words(n) words of each,
    // in the order in which arrange_signs() of the same table has written them.

    // Arranges bits ((n + 31) / 32,), where bit i % 32 of word i / 32 belongs to element i; out: (sign_words(n),)
    void (*arrange_signs)(const std::uint32_t* bits, std::size_t n, std::uint32_t* out);

    // out_i = sum_t c_t s_t,i, computed as (sum_t c_t) - 2 c_t for each t in turn whose bit is set; returns the squared
    // norm of out
    float (*combine_signs)(const float* c, const std::uint32_t* const* bits, std::size_t n_terms, float* out,
                           std::size_t n);

    // out_t = sum_i s_t,i x_i, computed as the sum of all x_i minus twice the sum of those whose bit is set
    void (*dot_signs)(const std::uint32_t* const* bits, std::size_t n_terms, const float* x, std::size_t n, float* out);

    // bit i % 64 of out[i / 64] is set where x_i < 0; bits beyond n are 0; out: (n / 64 rounded up,)
    void (*sign_bits)(const float* x, std::size_t n, std::uint64_t* out);

    // bit i % 64 of out[i / 64] is set where x_i + x_(i + period) + x_(i + 2 period) + ... < 0, for each i below
    // `period`, a multiple of 64; out: (period / 64,)
    void (*folded_sign_bits)(const float* x, std::size_t n, std::size_t period, std::uint64_t* out);

    // What combine_signs() returns for each of m sums of 4 sign vectors, c (m, 4) and bits (m, 4), and folded_sign_bits()
    // of what it writes: squared_norms (m,), signs (m, period / 64); scratch (n,). Soonest where all have the same first
    // vector and the same last one, and many the same second one.
    void (*measure_sign_sums)(const float* c, const std::uint32_t* const* bits, std::size_t m, std::size_t n,
                              std::size_t period, float* scratch, float* squared_norms, std::uint64_t* signs);

    // out_r = number of bits in which rows_r (n_words,) differs from query (n_words,)
    void (*hamming_many)(const std::uint64_t* query, const std::uint64_t* rows, std::size_t n_rows,
                         std::size_t n_words, std::uint32_t* out);

    // The first of rows [begin, end) that differs from a query (4,) of words in at most `most` bits; `end` if none does.
    // Rows lie in blocks, word by word: word w of row r is blocks[32 (r / 8) + 8 w + r % 8]. Whole blocks are read.
    std::size_t (*first_within)(const std::uint64_t* query, const std::uint64_t* blocks, std::size_t begin, std::size_t end,
                                std::uint32_t most);
};

} // namespace ruvllm::simd
