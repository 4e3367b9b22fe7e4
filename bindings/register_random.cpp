#include <cmath>
#include <cstdint>
#include <numeric>
#include <optional>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "enums.hpp"
#include "ruvllm/numeric/exp_log.hpp"
#include "ruvllm/numeric/random.hpp"
#include "ruvllm/numeric/resample.hpp"
#include "states.hpp"

namespace py = pybind11;
using namespace ruvllm::bindings;
using namespace ruvllm::numeric;

namespace {

// Room for n numbers of 8 bytes.
template <class T>
Array<T> new_array(std::size_t n)
{
    require_memory(8.0 * static_cast<double>(n), "an array of n numbers");
    return Array<T>(static_cast<py::ssize_t>(n));
}

Array<double> draw(RandomStream& stream, std::size_t n, double (RandomStream::*next)() noexcept)
{
    Array<double> out = new_array<double>(n);
    for (double& value : std::span<double>(out.mutable_data(), n))
        value = (stream.*next)();
    return out;
}

Array<std::int64_t> integers(RandomStream& stream, std::uint64_t below, std::size_t n)
{
    if (below == 0 || below > std::uint64_t{1} << 63)
        throw std::invalid_argument("below must lie in 1 ... 2^63, not " + std::to_string(below));
    Array<std::int64_t> out = new_array<std::int64_t>(n);
    for (std::int64_t& value : std::span<std::int64_t>(out.mutable_data(), n))
        value = static_cast<std::int64_t>(stream.below(below));
    return out;
}

Array<std::int64_t> permutation(RandomStream& stream, std::size_t n)
{
    Array<std::int64_t> out = new_array<std::int64_t>(n);
    const std::span<std::int64_t> values(out.mutable_data(), n);
    std::iota(values.begin(), values.end(), std::int64_t{0});
    stream.shuffle(values);
    return out;
}

Array<std::int64_t> totals_of_resamples(const ArrayArgument<std::int64_t>& values, RandomStream& stream,
                                        std::size_t n_rows)
{
    const auto v = matrix_view(values, "values");
    require_memory(8.0 * static_cast<double>(n_rows) * static_cast<double>(v.rows), "so many resamples");
    Array<std::int64_t> totals({static_cast<py::ssize_t>(n_rows), static_cast<py::ssize_t>(v.rows)});
    const std::span<std::int64_t> out(totals.mutable_data(), n_rows * v.rows);
    RandomStream own = stream; // where it is refused, the caller's stream stays where it was
    unlocked([&] { ruvllm::numeric::resampled_totals({v.data, v.rows * v.columns}, v.rows, own, out); });
    stream = own;
    return totals;
}

} // namespace

template <>
struct ruvllm::bindings::State<RandomStream> {
    static constexpr const char* kind = "RandomStream";
    static void write(const RandomStream& stream, ruvllm::StateWriter& writer) { RandomStream::archive(stream, writer); }
    static Made<RandomStream> read(ruvllm::StateReader& reader)
    {
        auto stream = std::make_unique<RandomStream>(0, Purpose::user);
        RandomStream::archive(*stream, reader);
        return stream;
    }
};

namespace {

void register_stream(py::module_& m)
{
    Class<RandomStream> type(m, "RandomStream",
                        "Counter-based random numbers (Philox 4x64-10), named by (seed, purpose, index, subindex): equal "
                        "names give equal numbers, on every machine. Threads may share one; each number comes once.");
    type.init("seed, purpose=None, index=0, subindex=0",
              "At the beginning of a stream: whole numbers of 0 ... 2^64 - 1 and a Purpose, USER where it is None.",
              [](std::uint64_t seed, std::optional<Purpose> purpose, std::uint64_t index, std::uint64_t subindex)
                  -> Made<RandomStream> {
                  return std::make_unique<RandomStream>(seed, purpose.value_or(Purpose::user), index, subindex);
              })
        .method("next_u64", "", "The next 64 random bits.", [](RandomStream& s) { return s.next_u64(); })
        .method("below", "n", "A random integer in [0, n). Raises ValueError for n = 0.",
                [](RandomStream& s, std::uint64_t n) { return s.below(n); })
        .method("uniform", "n", "n float64 in [0, 1).",
                [](RandomStream& s, std::size_t n) { return draw(s, n, &RandomStream::uniform); })
        .method("normal", "n", "n standard normal float64.",
                [](RandomStream& s, std::size_t n) { return draw(s, n, &RandomStream::normal); })
        .method("integers", "below, n", "n int64 in [0, below), below up to 2^63.",
                [](RandomStream& s, std::uint64_t below, std::size_t n) { return integers(s, below, n); })
        .method("permutation", "n", "The numbers 0 ... n-1 in random order, int64.",
                [](RandomStream& s, std::size_t n) { return permutation(s, n); })
        .method("__repr__", "", "Class, name and place.", [](const RandomStream& s) { return s.description(); });
    save_with_state(type);
}

} // namespace

void register_random(py::module_& m)
{
    enumeration<Purpose>(m, "Purpose", "What a random stream is for: streams of different purposes are independent.",
                         {{"USER", Purpose::user},
                          {"DATASET", Purpose::dataset},
                          {"SPLIT", Purpose::split},
                          {"SCHEDULE", Purpose::schedule},
                          {"BOOTSTRAP", Purpose::bootstrap},
                          {"ENCODER", Purpose::encoder}});
    register_stream(m);
    function(m, "resampled_totals", "values, stream, n_rows",
             "Totals of n_rows resamples of values (n_metrics, n) int64: each is n draws with replacement, "
             "stream.integers(n, n), the same for all metrics. Returns (n_rows, n_metrics) int64, exact; OverflowError "
             "where n times a value may not fit.",
             [](const ArrayArgument<std::int64_t>& values, RandomStream& stream, std::size_t n_rows) {
                 return totals_of_resamples(values, stream, n_rows);
             });
    function(m, "exp", "x", "e^x with the same bits on every CPU; error below 1 ulp.",
             [](double x) { return ruvllm::numeric::exp(x); });
    function(m, "log", "x", "Natural logarithm with the same bits on every CPU; error below 1 ulp.",
             [](double x) { return ruvllm::numeric::log(x); });
}
