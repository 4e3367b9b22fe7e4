// Golden digests of the kernels: one section for each entry of the table. A new kernel needs a new section.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "arranged_signs.hpp"
#include "cases.hpp"
#include "golden_section.hpp"

namespace ruvllm::golden {

// Lists of their own, not those of cases.hpp: a case more for another test must not change a pinned digest.
inline constexpr std::size_t kernel_sizes[] = {0, 1, 5, 31, 32, 33, 64, 100, 258, 515, 1536};
inline constexpr std::size_t kernel_offsets[] = {0, 1, 5}; // elements between a 64-byte boundary and the first one
inline constexpr std::size_t kernel_rows = 27; // twice through any group of rows taken at once, and some left over

// Arguments of all kernels for vectors of n elements. Magnitudes of vectors range over 2^-3 ... 2^3, those of rows do
// not: in a wider range the largest terms hide in which order the others were added. At the last offset there are
// subnormal numbers, signed zeros, infinity and NaN among the elements.
struct KernelInputs {
    KernelInputs(std::size_t size, std::size_t offset) : KernelInputs(size, offset, testing::Random(size + 7 * offset))
    {
        for (testing::GuardedFloats* values : {&x, &y, &theta, &velocity})
            for (float& v : values->span())
                v = std::ldexp(v, static_cast<int>(random.word() % 7) - 3);
        if (n >= 31 && offset == kernel_offsets[std::size(kernel_offsets) - 1]) {
            constexpr float awkward[] = {1e-40f, -1e-44f, 0.0f, -0.0f, std::numeric_limits<float>::infinity(), -3e38f};
            for (std::size_t i = 0; i < std::size(awkward); ++i)
                x[(7 * i + 3) % n] = awkward[i];
            y[n / 2] = n % 2 == 0 ? std::numeric_limits<float>::quiet_NaN() : -1e-39f;
        }
    }

    std::size_t n;
    testing::Random random;
    testing::GuardedFloats x, y, theta, velocity, fisher, coefficients;
    testing::GuardedRows rows;
    std::vector<std::uint32_t> bits;  // kernel_rows of n bits, in whole words
    std::vector<std::uint64_t> words; // 1 + kernel_rows of n

private:
    KernelInputs(std::size_t size, std::size_t offset, testing::Random seeded)
        : n(size), random(std::move(seeded)), x(random.floats(n, offset)), y(random.floats(n, offset + 1)),
          theta(random.floats(n, offset + 2)), velocity(random.floats(n, offset)),
          fisher(random.non_negative(n, offset + 3)), coefficients(random.floats(kernel_rows)),
          rows(random, kernel_rows, n, n + 3, offset)
    {
        for (std::size_t i = 0; i < kernel_rows * ((n + 31) / 32); ++i)
            bits.push_back(random.word());
        for (std::size_t i = 0; i < (1 + kernel_rows) * n; ++i)
            words.push_back((std::uint64_t{random.word()} << 32) | random.word());
    }
};

// A section that calls f(kernels, inputs, digest) for every size at every misalignment.
template <class F>
[[nodiscard]] Section kernel_section(const char* name, F f)
{
    return {name, [f](const simd::KernelTable& kernels, Digest& digest) {
                for (const std::size_t n : kernel_sizes)
                    for (const std::size_t offset : kernel_offsets) {
                        KernelInputs inputs(n, offset);
                        f(kernels, inputs, digest);
                    }
            }};
}

using Table = simd::KernelTable;

// A section of a kernel that makes one number of two vectors (n,), f(kernels, a, b, n): of many pairs.
// One pair a case would not do, because sums in different orders often round to the same number.
template <class F>
[[nodiscard]] Section pair_section(const char* name, F f)
{
    return kernel_section(name, [f](const Table& k, const KernelInputs& in, Digest& d) {
        d.add(f(k, in.x.data(), in.y.data(), in.n));
        for (std::size_t r = 0; r < kernel_rows; ++r) {
            d.add(f(k, in.y.data(), in.rows.row(r), in.n));
            d.add(f(k, in.rows.row(0), in.rows.row(r), in.n));
        }
    });
}

[[nodiscard]] inline std::vector<Section> reduction_sections()
{
    return {
        pair_section("dot",
                     [](const Table& k, const float* a, const float* b, std::size_t n) { return k.dot(a, b, n); }),
        pair_section("squared_norm",
                     [](const Table& k, const float*, const float* b, std::size_t n) { return k.squared_norm(b, n); }),
        kernel_section("squared_norms",
                       [](const Table& k, const KernelInputs& in, Digest& d) {
                           std::vector<float> out(kernel_rows);
                           k.squared_norms(in.rows.data(), kernel_rows, in.rows.stride(), in.n, out.data());
                           d.add(out);
                       }),
        pair_section("squared_distance", [](const Table& k, const float* a, const float* b,
                                            std::size_t n) { return k.squared_distance(a, b, n); }),
        kernel_section("dot_pairs",
                       [](const Table& k, const KernelInputs& in, Digest& d) {
                           std::vector<const float*> a, b;
                           for (std::size_t r = 0; r < kernel_rows; ++r) {
                               a.push_back(in.rows.row((11 * r) % kernel_rows));
                               b.push_back(r % 3 == 0 ? in.x.data() : in.rows.row((5 * r) % kernel_rows));
                           }
                           std::vector<float> out(kernel_rows);
                           k.dot_pairs(a.data(), b.data(), kernel_rows, in.n, out.data());
                           d.add(out);
                       }),
        kernel_section("gemv",
                       [](const Table& k, const KernelInputs& in, Digest& d) {
                           std::vector<float> out(kernel_rows);
                           k.gemv(in.rows.data(), kernel_rows, in.rows.stride(), in.x.data(), in.n, out.data());
                           d.add(out);
                       }),
        kernel_section("gemm",
                       [](const Table& k, const KernelInputs& in, Digest& d) {
                           constexpr std::size_t n_xs = 7; // the last rows are the columns: any vectors will do
                           std::vector<float> out(n_xs * kernel_rows);
                           k.gemm(in.rows.data(), kernel_rows, in.rows.stride(), in.rows.row(kernel_rows - n_xs), n_xs,
                                  in.rows.stride(), in.n, out.data());
                           d.add(out);
                       }),
        kernel_section("gemv_transposed",
                       [](const Table& k, KernelInputs& in, Digest& d) {
                           k.gemv_transposed(in.rows.data(), kernel_rows, in.rows.stride(), in.coefficients.data(),
                                             in.n, in.x.data());
                           d.add(in.x.values());
                       }),
        kernel_section("add_rows",
                       [](const Table& k, KernelInputs& in, Digest& d) {
                           std::vector<const float*> rows;
                           for (std::size_t r = 0; r < kernel_rows; ++r)
                               rows.push_back(in.rows.row(r));
                           for (const std::size_t n_rows : {std::size_t{1}, std::size_t{4}, kernel_rows}) {
                               d.add(k.add_rows(in.y.data(), rows.data(), in.coefficients.data(), n_rows, in.n,
                                                in.x.data()));
                               d.add(in.x.values());
                           }
                       }),
        kernel_section("cosine_many",
                       [](const Table& k, const KernelInputs& in, Digest& d) {
                           std::vector<float> out(kernel_rows);
                           k.cosine_many(in.x.data(), in.rows.data(), kernel_rows, in.rows.stride(), in.n,
                                         out.data());
                           d.add(out);
                       }),
        kernel_section("cosine_with_norms",
                       [](const Table& k, const KernelInputs& in, Digest& d) {
                           std::vector<float> norms, out(kernel_rows);
                           for (std::size_t r = 0; r < kernel_rows; ++r)
                               norms.push_back(std::sqrt(k.squared_norm(in.rows.row(r), in.n)));
                           k.cosine_with_norms(in.x.data(), in.rows.data(), norms.data(), kernel_rows,
                                               in.rows.stride(), in.n, out.data());
                           d.add(out);
                       }),
        pair_section("cosine",
                     [](const Table& k, const float* a, const float* b, std::size_t n) { return k.cosine(a, b, n); }),
    };
}

[[nodiscard]] inline std::vector<Section> update_sections()
{
    return {
        kernel_section("axpy",
                       [](const Table& k, KernelInputs& in, Digest& d) {
                           k.axpy(0.3f, in.x.data(), in.theta.data(), in.n);
                           d.add(in.theta.values());
                       }),
        kernel_section("scale",
                       [](const Table& k, KernelInputs& in, Digest& d) {
                           k.scale(-1.7f, in.x.data(), in.n);
                           d.add(in.x.values());
                       }),
        kernel_section("ema_of_squares",
                       [](const Table& k, KernelInputs& in, Digest& d) {
                           k.ema_of_squares(0.92f, 0.08f, in.x.data(), in.fisher.data(), in.n);
                           d.add(in.fisher.values());
                       }),
        kernel_section("add_squares",
                       [](const Table& k, KernelInputs& in, Digest& d) {
                           k.add_squares(2.3f, in.x.data(), in.fisher.data(), in.n);
                           d.add(in.fisher.values());
                       }),
        kernel_section("momentum_step",
                       [](const Table& k, KernelInputs& in, Digest& d) {
                           for (const float ewc_lambda : {0.0f, 40.0f}) { // without EWC and with it
                               k.momentum_step({0.4f, 0.9f, 0.01f, ewc_lambda}, in.x.data(), in.fisher.data(),
                                               in.y.data(), in.velocity.data(), in.theta.data(), in.n);
                               d.add(in.velocity.values());
                               d.add(in.theta.values());
                           }
                       }),
        kernel_section("momentum_rows",
                       [](const Table& k, KernelInputs& in, Digest& d) {
                           const std::size_t stride = in.n + 5;
                           const auto rows = [&] { return in.random.non_negative(kernel_rows * stride, 1); };
                           const testing::GuardedFloats fisher = rows(), reference = rows();
                           testing::GuardedFloats m = rows(), theta = rows();
                           for (const float ewc_lambda : {0.0f, 40.0f}) {
                               k.momentum_rows({0.4f, 0.9f, 0.01f, ewc_lambda}, in.coefficients.data(), kernel_rows,
                                               stride, in.x.data(), fisher.data(), reference.data(), m.data(),
                                               theta.data(), in.n);
                               d.add(m.values());
                               d.add(theta.values());
                           }
                       }),
        kernel_section("powers",
                       [](const Table& k, const KernelInputs& in, Digest& d) {
                           std::vector<double> x, out(in.n);
                           for (const float value : in.theta.values())
                               x.push_back(0x1p-20 + std::fabs(static_cast<double>(value)));
                           for (const double y : {0.6, -0.4, -1.0}) {
                               k.powers(x.data(), y, in.n, out.data());
                               d.add(out);
                           }
                       }),
    };
}

// The bits of all sign vectors, in the order of their elements.
[[nodiscard]] inline std::vector<const std::uint32_t*> sign_vectors(const KernelInputs& in)
{
    std::vector<const std::uint32_t*> bits;
    for (std::size_t t = 0; t < kernel_rows; ++t)
        bits.push_back(in.bits.data() + t * ((in.n + 31) / 32));
    return bits;
}

[[nodiscard]] inline std::vector<Section> bit_sections()
{
    return {
        kernel_section("arrange_signs", // what each element's sign is then
                       [](const Table& k, KernelInputs& in, Digest& d) {
                           const testing::ArrangedSigns signs(k, sign_vectors(in), in.n);
                           const float one = 1.0f;
                           for (std::size_t t = 0; t < kernel_rows; ++t) {
                               (void)k.combine_signs(&one, signs.data() + t, 1, in.x.data(), in.n);
                               d.add(in.x.values());
                           }
                       }),
        kernel_section("combine_signs",
                       [](const Table& k, KernelInputs& in, Digest& d) {
                           const testing::ArrangedSigns signs(k, sign_vectors(in), in.n);
                           for (const std::size_t n_terms : {std::size_t{1}, std::size_t{6}, kernel_rows}) {
                               d.add(k.combine_signs(in.coefficients.data(), signs.data(), n_terms, in.x.data(), in.n));
                               d.add(in.x.values());
                           }
                       }),
        kernel_section("dot_signs",
                       [](const Table& k, const KernelInputs& in, Digest& d) {
                           const testing::ArrangedSigns signs(k, sign_vectors(in), in.n);
                           std::vector<float> out(kernel_rows);
                           for (const float* x : {in.x.data(), in.y.data(), in.rows.row(0), in.rows.row(1)}) {
                               k.dot_signs(signs.data(), kernel_rows, x, in.n, out.data());
                               d.add(out);
                           }
                       }),
        kernel_section("folded_sign_bits",
                       [](const Table& k, const KernelInputs& in, Digest& d) {
                           for (const std::size_t period : {64u, 512u}) {
                               std::vector<std::uint64_t> signs(period / 64);
                               k.folded_sign_bits(in.x.data(), in.n, period, signs.data());
                               d.add(signs);
                           }
                       }),
        kernel_section("measure_sign_sums",
                       [](const Table& k, const KernelInputs& in, Digest& d) {
                           constexpr std::size_t m = 6; // with the same first and last vector, and two second ones
                           const auto rows = sign_vectors(in);
                           std::vector<const std::uint32_t*> bits;
                           for (std::size_t j = 0; j < m; ++j)
                               bits.insert(bits.end(), {rows[0], rows[1 + j % 2], rows[3 + j], rows[10]});
                           for (const std::size_t period : {64u, 512u})
                               for (const std::size_t n : {in.n, in.n - in.n % 32}) {
                                   const testing::ArrangedSigns signs_of_n(k, bits, n);
                                   std::vector<float> scratch(n), norms(m);
                                   std::vector<std::uint64_t> signs(m * period / 64);
                                   k.measure_sign_sums(in.coefficients.data(), signs_of_n.data(), m, n, period,
                                                       scratch.data(), norms.data(), signs.data());
                                   d.add(norms);
                                   d.add(signs);
                               }
                       }),
        kernel_section("sign_bits",
                       [](const Table& k, const KernelInputs& in, Digest& d) {
                           std::vector<std::uint64_t> signs((in.n + 63) / 64);
                           k.sign_bits(in.x.data(), in.n, signs.data());
                           d.add(signs);
                       }),
        kernel_section("hamming_many",
                       [](const Table& k, const KernelInputs& in, Digest& d) {
                           std::vector<std::uint32_t> different(kernel_rows);
                           k.hamming_many(in.words.data(), in.words.data() + in.n, kernel_rows, in.n,
                                          different.data());
                           d.add(different);
                       }),
        kernel_section("first_within",
                       [](const Table& k, const KernelInputs& in, Digest& d) {
                           const std::size_t n_rows = in.words.size() / 4 / 8 * 8;
                           if (n_rows == 0)
                               return;
                           std::vector<std::uint32_t> found;
                           for (std::uint32_t most = 90; most < 150; ++most)
                               found.push_back(static_cast<std::uint32_t>(
                                   k.first_within(in.words.data(), in.words.data(), n_rows / 9, n_rows, most)));
                           d.add(found);
                       }),
    };
}

} // namespace ruvllm::golden
