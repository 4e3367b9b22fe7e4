// How fast are the kernels that work on vectors, on each instruction set of this CPU?
//
// Those that take a bank of rows: bench_banks.cpp. Every kernel is first compared with obvious lines in double
// precision. In-place kernels have constants with which their arrays stay as they are, call after call.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "arranged_signs.hpp"
#include "bench_support.hpp"
#include "cases.hpp"
#include "reference.hpp"
#include "ruvllm/numeric/aligned_vector.hpp"

namespace {

using namespace ruvllm;
using namespace ruvllm::bench;
using testing::roundings_of_sum;
using testing::tolerance;

constexpr std::size_t dimensions[] = {256, 1536, 4096}; // of the encoder, the smallest and the largest model
constexpr std::size_t n_terms = 6, n_rows = 8;

struct Data {
    std::size_t n;
    numeric::FloatVector x, y, f, m, rows, out;
    std::array<std::vector<std::uint32_t>, n_terms> words; // sign vectors
    std::optional<testing::ArrangedSigns> signs;           // of them, for one instruction set
    std::vector<std::uint64_t> packed;
    std::vector<double> powers;
    std::array<float, n_rows> c{};

    Data(std::size_t size, const simd::KernelTable& kernels)
        : n(size), x(n), y(n), f(n), m(n), rows(n_rows * n), out(n), packed((n + 63) / 64), powers(n)
    {
        testing::Random random(n);
        for (numeric::FloatVector* values : {&x, &y, &f, &m, &rows})
            for (float& v : *values)
                v = random.value();
        for (float& v : f)
            v = std::fabs(v);
        for (float& v : c)
            v = random.value();
        std::vector<const std::uint32_t*> bits;
        for (std::size_t t = 0; t < n_terms; ++t) {
            for (std::size_t i = 0; i < (n + 31) / 32; ++i)
                words[t].push_back(random.word());
            bits.push_back(words[t].data());
        }
        signs.emplace(kernels, bits, n);
    }
};

using Run = std::function<void(const simd::KernelTable&, Data&)>;
// Throws unless `after` is what the kernel has to make of `before`.
using Check = std::function<void(const Data& before, const Data& after)>;

struct Kernel {
    std::string name;
    std::size_t arrays; // of n floats that are read or written in one call
    Run run;
    Check check;
};

double d(float x) { return static_cast<double>(x); }

// The sum of term(i) over the magnitude that its tolerance is a share of.
template <class Term>
Check returns_sum(const std::string& name, Term term)
{
    return [=](const Data& before, const Data& after) {
        testing::Naive sum;
        for (std::size_t i = 0; i < before.n; ++i)
            sum.add(term(before, i));
        measure::require_near(name, d(after.out[0]), sum.value,
                              tolerance(1 + roundings_of_sum(before.n), sum.magnitude));
    };
}

// Element i of an array of `after` is expected(before, i), whose terms are at most `magnitude` together.
template <class Expected>
Check makes(const std::string& name, numeric::FloatVector Data::* array, double magnitude, Expected expected)
{
    return [=](const Data& before, const Data& after) {
        for (std::size_t i = 0; i < before.n; ++i)
            measure::require_near(name, d((after.*array)[i]), expected(before, i), tolerance(12, magnitude));
    };
}

constexpr simd::MomentumStep momentum{
    .coefficient = -0.7f, .momentum = 0.9f, .learning_rate = 1e-3f, .ewc_lambda = 0.0f};

double velocity(const Data& b, std::size_t i) { return 0.9 * d(b.m[i]) + 0.1 * -0.7 * d(b.x[i]); }

std::vector<Kernel> reductions()
{
    return {
        {"dot", 2, [](const auto& k, Data& v) { v.out[0] = k.dot(v.x.data(), v.y.data(), v.n); },
         returns_sum("dot", [](const Data& b, std::size_t i) { return d(b.x[i]) * d(b.y[i]); })},
        {"squared_norm", 1, [](const auto& k, Data& v) { v.out[0] = k.squared_norm(v.x.data(), v.n); },
         returns_sum("squared_norm", [](const Data& b, std::size_t i) { return d(b.x[i]) * d(b.x[i]); })},
        {"squared_distance", 2,
         [](const auto& k, Data& v) { v.out[0] = k.squared_distance(v.x.data(), v.y.data(), v.n); },
         returns_sum("squared_distance",
                     [](const Data& b, std::size_t i) { return std::pow(d(b.x[i]) - d(b.y[i]), 2.0); })},
        {"cosine", 2, [](const auto& k, Data& v) { v.out[0] = k.cosine(v.x.data(), v.y.data(), v.n); },
         [](const Data& b, const Data& a) {
             measure::require_near("cosine", d(a.out[0]), testing::naive::cosine(b.x.data(), b.y.data(), b.n),
                                   tolerance(3 * roundings_of_sum(b.n) + 4, 1.0));
         }},
    };
}

std::vector<Kernel> updates()
{
    return {
        {"axpy", 3, [](const auto& k, Data& v) { k.axpy(1e-3f, v.x.data(), v.y.data(), v.n); },
         makes("axpy", &Data::y, 2.0, [](const Data& b, std::size_t i) { return d(b.y[i]) + 1e-3 * d(b.x[i]); })},
        {"scale", 2, [](const auto& k, Data& v) { k.scale(-1.0f, v.y.data(), v.n); },
         makes("scale", &Data::y, 1.0, [](const Data& b, std::size_t i) { return -d(b.y[i]); })},
        {"ema_of_squares", 3,
         [](const auto& k, Data& v) { k.ema_of_squares(0.92f, 0.08f, v.x.data(), v.f.data(), v.n); },
         makes("ema_of_squares", &Data::f, 1.0,
               [](const Data& b, std::size_t i) { return 0.92 * d(b.f[i]) + 0.08 * d(b.x[i]) * d(b.x[i]); })},
        {"add_squares", 3, [](const auto& k, Data& v) { k.add_squares(1e-2f, v.x.data(), v.f.data(), v.n); },
         makes("add_squares", &Data::f, 2.0,
               [](const Data& b, std::size_t i) { return d(b.f[i]) + 1e-4 * d(b.x[i]) * d(b.x[i]); })},
        {"momentum_step", 5,
         [](const auto& k, Data& v) {
             k.momentum_step(momentum, v.x.data(), nullptr, nullptr, v.m.data(), v.y.data(), v.n);
         },
         makes("momentum_step", &Data::y, 2.0,
               [](const Data& b, std::size_t i) { return d(b.y[i]) - 1e-3 * velocity(b, i); })},
        {"momentum_rows", 5, // here of one row
         [](const auto& k, Data& v) {
             const float c = 1.0f;
             k.momentum_rows(momentum, &c, 1, v.n, v.x.data(), nullptr, nullptr, v.m.data(), v.y.data(), v.n);
         },
         makes("momentum_rows", &Data::m, 2.0, velocity)},
    };
}

double weighted(const Data& b, std::size_t i)
{
    return testing::weighted_sum<double>(n_rows, b.c.data(), [&](std::size_t r) { return b.rows[r * b.n + i]; });
}

double sum_of_signs(const Data& b, std::size_t i)
{
    return testing::weighted_sum<double>(n_terms, b.c.data(),
                                         [&](std::size_t t) { return testing::sign_at(b.words[t].data(), i); });
}

std::vector<Kernel> combinations()
{
    return {
        {"gemv_transposed", n_rows + 1,
         [](const auto& k, Data& v) { k.gemv_transposed(v.rows.data(), n_rows, v.n, v.c.data(), v.n, v.out.data()); },
         makes("gemv_transposed", &Data::out, n_rows, weighted)},
        {"add_rows", n_rows + 2,
         [](const auto& k, Data& v) {
             std::array<const float*, n_rows> rows;
             for (std::size_t r = 0; r < n_rows; ++r)
                 rows[r] = v.rows.data() + r * v.n;
             (void)k.add_rows(v.y.data(), rows.data(), v.c.data(), n_rows, v.n, v.out.data());
         },
         makes("add_rows", &Data::out, n_rows + 1.0,
               [](const Data& b, std::size_t i) { return d(b.y[i]) + weighted(b, i); })},
        {"combine_signs", 1,
         [](const auto& k, Data& v) { (void)k.combine_signs(v.c.data(), v.signs->data(), n_terms, v.out.data(), v.n); },
         makes("combine_signs", &Data::out, n_terms, sum_of_signs)},
        {"dot_signs", 1,
         [](const auto& k, Data& v) { k.dot_signs(v.signs->data(), n_terms, v.x.data(), v.n, v.out.data()); },
         [](const Data& b, const Data& a) {
             for (std::size_t t = 0; t < n_terms; ++t) {
                 double expected = 0.0;
                 for (std::size_t i = 0; i < b.n; ++i)
                     expected += d(testing::sign_at(b.words[t].data(), i)) * d(b.x[i]);
                 measure::require_near("dot_signs", d(a.out[t]), expected, 1e-5 * static_cast<double>(b.n));
             }
         }},
    };
}

std::vector<Kernel> others()
{
    return {
        {"sign_bits", 1, [](const auto& k, Data& v) { k.sign_bits(v.x.data(), v.n, v.packed.data()); },
         [](const Data& b, const Data& a) {
             for (std::size_t i = 0; i < b.n; ++i)
                 measure::require_near("sign_bits", static_cast<double>((a.packed[i / 64] >> (i % 64)) & 1u),
                                       b.x[i] < 0.0f ? 1.0 : 0.0, 0.0);
         }},
        {"folded_sign_bits", 1,
         [](const auto& k, Data& v) { k.folded_sign_bits(v.x.data(), v.n, 128, v.packed.data()); },
         [](const Data& b, const Data& a) {
             for (std::size_t i = 0; i < 128; ++i) {
                 double sum = 0.0; // of values 2^-23 k: exact
                 for (std::size_t j = i; j < b.n; j += 128)
                     sum += d(b.x[j]);
                 if (std::fabs(sum) > 1e-5) // below, rounding decides
                     measure::require_near("folded_sign_bits", static_cast<double>((a.packed[i / 64] >> (i % 64)) & 1u),
                                           sum < 0.0 ? 1.0 : 0.0, 0.0);
             }
         }},
        {"powers", 4, // doubles
         [](const auto& k, Data& v) {
             std::transform(v.f.begin(), v.f.end(), v.powers.begin(), [](float x) { return d(x) + 0.01; });
             k.powers(v.powers.data(), 0.6, v.n, v.powers.data());
         },
         [](const Data& b, const Data& a) {
             for (std::size_t i = 0; i < b.n; ++i)
                 measure::require_near("powers", a.powers[i], std::pow(d(b.f[i]) + 0.01, 0.6), 1e-15);
         }},
    };
}

MakeLoop checked_loop(const Kernel& kernel, const simd::KernelTable& k, std::size_t n)
{
    return [=, &k] {
        const auto data = std::make_shared<Data>(n, k);
        const Data before(n, k); // the same seed
        kernel.run(k, *data);
        kernel.check(before, *data);
        return measure::loop_of([data, run = kernel.run, &k] {
            run(k, *data);
            measure::keep(data->out.data());
        });
    };
}

void register_all()
{
    for (const auto& group : {reductions(), updates(), combinations(), others()})
        for (const Kernel& kernel : group)
            for (const auto isa : simd::available_isas())
                for (const std::size_t n : dimensions) {
                    const simd::KernelTable& k = simd::kernels_for(isa);
                    add(label(kernel.name, k, "n:" + std::to_string(n)), checked_loop(kernel, k, n),
                        {.bytes = bytes_of_floats(kernel.arrays * n)}, 16);
                }
}

} // namespace

int main(int argc, char** argv) { return run(argc, argv, register_all); }
