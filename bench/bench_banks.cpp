// How fast are the kernels that compare a vector with a bank of rows, from a bank in the first-level cache's reach to
// one in memory?
//
// Each is first compared with obvious lines in double precision.
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "bench_support.hpp"
#include "cases.hpp"
#include "reference.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"

namespace {

using namespace ruvllm;
using namespace ruvllm::bench;
using testing::roundings_of_sum;
using testing::tolerance;

constexpr std::size_t bank_rows[] = {20, 150, 10'000}; // clusters, a full pattern bank, a corpus
constexpr std::size_t dimensions[] = {256, 1536, 4096};
constexpr std::size_t columns = 4; // of gemm

struct Bank {
    std::size_t n_rows, n;
    numeric::FloatVector rows, xs, norms;
    std::vector<std::uint64_t> words, query; // rows of n bits

    Bank(std::size_t rows_, std::size_t n_) : n_rows(rows_), n(n_), rows(n_rows * n), xs(columns * n), norms(n_rows)
    {
        testing::Random random(n_rows + n);
        for (numeric::FloatVector* values : {&rows, &xs})
            for (float& v : *values)
                v = random.value();
        for (std::size_t r = 0; r < n_rows; ++r)
            norms[r] = std::sqrt(simd::default_kernels().squared_norm(row(r), n));
        for (std::size_t i = 0; i < (n_rows + 1) * n / 64; ++i)
            (i < n / 64 ? query : words).push_back(std::uint64_t{random.word()} << 32 | random.word());
    }

    [[nodiscard]] const float* row(std::size_t r) const { return rows.data() + r * n; }
    [[nodiscard]] const float* x(std::size_t c) const { return xs.data() + c * n; }
};

// The bank of the present size: all kernels and instruction sets share it.
std::shared_ptr<Bank> bank_of(std::size_t n_rows, std::size_t n)
{
    static std::shared_ptr<Bank> present;
    if (!present || present->n_rows != n_rows || present->n != n) {
        present = nullptr; // before the next: two of the largest need not fit
        present = std::make_shared<Bank>(n_rows, n);
    }
    return present;
}

struct Output {
    std::vector<float> floats;
    std::vector<std::uint32_t> bits;
};

struct Kernel {
    std::string name;
    double bytes_per_element; // of the bank
    std::function<void(const simd::KernelTable&, const Bank&, Output&)> run;
    std::function<void(const Bank&, std::size_t r, const Output&)> check; // of one row
};

void check_dot(const std::string& what, const Bank& b, std::size_t r, std::size_t column, float actual)
{
    const testing::Naive expected = testing::naive::dot(b.row(r), b.x(column), b.n);
    measure::require_near(what, static_cast<double>(actual), expected.value,
                          tolerance(roundings_of_sum(b.n), expected.magnitude));
}

void check_cosine(const std::string& what, const Bank& b, std::size_t r, float actual)
{
    measure::require_near(what, static_cast<double>(actual), testing::naive::cosine(b.x(0), b.row(r), b.n),
                          tolerance(3 * roundings_of_sum(b.n) + 4, 1.0));
}

void check_hamming(const Bank& b, std::size_t r, const Output& o)
{
    double different = 0.0;
    for (std::size_t i = 0; i < b.n; ++i)
        different += static_cast<double>(((b.query[i / 64] ^ b.words[r * (b.n / 64) + i / 64]) >> (i % 64)) & 1u);
    measure::require_near("hamming_many", static_cast<double>(o.bits[r]), different, 0.0);
}

std::vector<Kernel> kernels()
{
    return {
        {"gemv", 4.0,
         [](const auto& k, const Bank& b, Output& o) {
             k.gemv(b.rows.data(), b.n_rows, b.n, b.x(0), b.n, o.floats.data());
         },
         [](const Bank& b, std::size_t r, const Output& o) { check_dot("gemv", b, r, 0, o.floats[r]); }},
        {"gemm_4", 4.0,
         [](const auto& k, const Bank& b, Output& o) {
             k.gemm(b.rows.data(), b.n_rows, b.n, b.x(0), columns, b.n, b.n, o.floats.data());
         },
         [](const Bank& b, std::size_t r, const Output& o) {
             for (std::size_t c = 0; c < columns; ++c)
                 check_dot("gemm", b, r, c, o.floats[c * b.n_rows + r]);
         }},
        {"cosine_many", 4.0,
         [](const auto& k, const Bank& b, Output& o) {
             k.cosine_many(b.x(0), b.rows.data(), b.n_rows, b.n, b.n, o.floats.data());
         },
         [](const Bank& b, std::size_t r, const Output& o) { check_cosine("cosine_many", b, r, o.floats[r]); }},
        {"cosine_with_norms", 4.0,
         [](const auto& k, const Bank& b, Output& o) {
             k.cosine_with_norms(b.x(0), b.rows.data(), b.norms.data(), b.n_rows, b.n, b.n, o.floats.data());
         },
         [](const Bank& b, std::size_t r, const Output& o) { check_cosine("cosine_with_norms", b, r, o.floats[r]); }},
        {"hamming_many", 0.125,
         [](const auto& k, const Bank& b, Output& o) {
             k.hamming_many(b.query.data(), b.words.data(), b.n_rows, b.n / 64, o.bits.data());
         },
         check_hamming},
    };
}

MakeLoop checked_loop(const Kernel& kernel, const simd::KernelTable& k, std::size_t n_rows, std::size_t n)
{
    return [=, &k] {
        const auto bank = bank_of(n_rows, n);
        const auto out = std::make_shared<Output>();
        out->floats.assign(columns * n_rows, 0.0f);
        out->bits.assign(n_rows, 0);
        kernel.run(k, *bank, *out);
        // Of a large bank every 37th row: the twin takes longer than the measurement.
        for (std::size_t r = 0; r < n_rows; r += n_rows > 1000 ? 37 : 1)
            kernel.check(*bank, r, *out);
        return measure::loop_of([bank, out, run = kernel.run, &k] {
            run(k, *bank, *out);
            measure::keep(out->floats.data());
        });
    };
}

void register_all()
{
    for (const std::size_t n_rows : bank_rows)
        for (const std::size_t n : dimensions)
            for (const Kernel& kernel : kernels())
                for (const auto isa : simd::available_isas()) {
                    const simd::KernelTable& k = simd::kernels_for(isa);
                    add(label(kernel.name, k, "rows:" + std::to_string(n_rows) + "/n:" + std::to_string(n)),
                        checked_loop(kernel, k, n_rows, n),
                        {.bytes = kernel.bytes_per_element * static_cast<double>(n_rows * n),
                         .items = static_cast<double>(n_rows)});
                }
}

} // namespace

int main(int argc, char** argv) { return run(argc, argv, register_all); }
