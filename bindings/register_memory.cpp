#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/components/contrastive_memory.hpp"
#include "ruvllm/components/info_nce.hpp"
#include "ruvllm/components/safe_range.hpp"
#include "ruvllm/numeric/random.hpp"
#include "states.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

std::tuple<double, FloatArray> loss_and_gradient(const Floats& z, const Floats& candidates, std::size_t right,
                                                 const std::optional<Floats>& negatives, double tau,
                                                 const simd::KernelTable& kernels)
{
    const auto query = vector_view(z, "z");
    const auto s = matrix_view(candidates, "candidates", query.size());
    require(std::isfinite(tau) && tau > 0.0, "tau must be finite and > 0", tau);
    const SafeVector safe(kernels, query);
    require_finite(query, safe.squared_norm(), "z");
    require_unit_rows(kernels, s.data, s.rows, s.columns, "candidates");
    InfoNceInput in{safe.data(), query.size(), s.data, s.rows, right, {}, tau};
    if (negatives) {
        const auto wrong = matrix_view(*negatives, "negatives", query.size());
        require_unit_rows(kernels, wrong.data, wrong.rows, wrong.columns, "negatives");
        for (std::size_t i = 0; i < wrong.rows; ++i)
            in.negatives.push_back(wrong.data + i * wrong.columns);
    }
    FloatArray gradient(static_cast<py::ssize_t>(query.size()));
    const std::span<float> out(gradient.mutable_data(), query.size());
    const double loss = unlocked([&] {
        const double found = info_nce(kernels, in, safe.squared_norm(), out);
        kernels.scale(safe.factor(), out.data(), out.size()); // dL/dz of c z is 1 / c of that of z
        return found;
    });
    require_finite(kernels, out, "the gradient, which grows with 1 / |z| and 1 / tau,");
    return {loss, std::move(gradient)};
}

std::size_t checked_type(const ContrastiveMemory& memory, std::size_t type)
{
    const std::size_t types = memory.config().types;
    if (type >= types)
        throw std::invalid_argument("task type must be below " + std::to_string(types) + ", not " +
                                    std::to_string(type));
    return type;
}

std::span<const float> checked_solution(const ContrastiveMemory& memory, const Floats& solution)
{
    const auto s = vector_view(solution, "solution", memory.dim());
    require_unit_rows(memory.kernels(), s.data(), 1, s.size(), "solution");
    return s;
}

FloatArray sample_negatives(const ContrastiveMemory& memory, std::size_t type, numeric::RandomStream& stream)
{
    const auto drawn = memory.sample_negatives(checked_type(memory, type), stream);
    FloatArray out({static_cast<py::ssize_t>(drawn.size()), static_cast<py::ssize_t>(memory.dim())});
    float* to = out.mutable_data();
    for (const float* const vector : drawn)
        to = std::copy_n(vector, memory.dim(), to);
    return out;
}

std::vector<double> boost(const ContrastiveMemory& memory, const Floats& candidates, std::size_t type)
{
    const auto s = matrix_view(candidates, "candidates", memory.dim());
    checked_type(memory, type);
    require_unit_rows(memory.kernels(), s.data, s.rows, s.columns, "candidates");
    std::vector<double> logits(s.rows, 0.0);
    memory.add_boost(type, s.data, logits);
    return logits;
}

Made<ContrastiveMemory> make(std::size_t dim, const ContrastiveConfig& config, const simd::KernelTable& kernels)
{
    checked_size("sampled_negatives", config.sampled_negatives, 1 << 24);
    if (config.types > 1 << 16)
        throw std::invalid_argument("types must be 65536 at most, not " + std::to_string(config.types));
    finite(static_cast<double>(config.threshold), "threshold");
    finite(config.strength, "strength");
    return std::make_unique<ContrastiveMemory>(kernels, config, checked_dim(dim));
}

template <class Archive>
void archive(ContrastiveConfig& config, std::size_t& dim, Archive& archive)
{
    archive.number("dim", dim);
    archive.number("positiveCapacity", config.positives);
    archive.number("negativeCapacity", config.negatives);
    archive.number("types", config.types);
    archive.number("sampledNegatives", config.sampled_negatives);
    archive.number("threshold", config.threshold);
    archive.number("strength", config.strength);
}

} // namespace

template <>
struct ruvllm::bindings::State<ContrastiveMemory> {
    static constexpr const char* kind = "ContrastiveMemory";
    static void write(const ContrastiveMemory& memory, StateWriter& writer)
    {
        ContrastiveConfig config = memory.config();
        std::size_t dim = memory.dim();
        archive(config, dim, writer);
        ContrastiveMemory::archive_whole(memory, writer);
    }
    static Made<ContrastiveMemory> read(StateReader& reader)
    {
        ContrastiveConfig config;
        std::size_t dim = 0;
        archive(config, dim, reader);
        Made<ContrastiveMemory> made = make(dim, config, simd::default_kernels());
        ContrastiveMemory::archive_whole(*made.object, reader);
        return made;
    }
};

namespace {

void register_contrastive_memory(py::module_& m)
{
    Class<ContrastiveMemory> made(
        m, "ContrastiveMemory",
        "Right and wrong solutions of the past, by task type: float32 vectors (dim,), of length 1 to within 0.001 or all "
        "zeros, else ValueError.\n\n"
        "Wrong ones serve as further negatives of info_nce(). Right ones speak for candidates that resemble them: "
        "boost = strength * max cosine where that exceeds `threshold`, else 0. The maximum is sought among those whose "
        "sketch is near (SimHash, Charikar 2002), which misses about 1 in 1,000 dense vectors at cosine 0.7. "
        "`positives` and `negatives` are divided evenly among the types; a full share drops its oldest. Raises "
        "ValueError where a type would get no room, and for a type that there is not.\n\n"
        ">>> import numpy as np\n"
        ">>> vectors = np.eye(4, dtype=np.float32)\n"
        ">>> memory = ruvllm.ContrastiveMemory(4)\n"
        ">>> memory.add_positive(vectors[1], 0)\n"
        ">>> memory.boost(vectors, 0).round(2).tolist()\n"
        "[0.0, 1.43, 0.0, 0.0]\n");
    made.init("dim, *, positives=500, negatives=500, types=4, sampled_negatives=8, threshold=0.7, "
              "strength=1.4285714285714286, isa='auto'",
              "An empty memory of vectors (dim,).",
              [](std::size_t dim, std::size_t positives, std::size_t negatives, std::size_t types,
                 std::size_t sampled_negatives, float threshold, double strength, const simd::KernelTable& kernels) {
                  return make(dim, {positives, negatives, types, sampled_negatives, threshold, strength}, kernels);
              })
        .method("add_positive", "solution, type",
                "Remembers a solution (dim,) that was right for a task of this type, 0 ... types - 1.",
                [](ContrastiveMemory& c, const Floats& solution, std::size_t type) {
                    c.add_positive(checked_solution(c, solution).data(), checked_type(c, type));
                })
        .method("add_negative", "solution, type",
                "Remembers a solution (dim,) that was wrong for a task of this type, 0 ... types - 1.",
                [](ContrastiveMemory& c, const Floats& solution, std::size_t type) {
                    c.add_negative(checked_solution(c, solution).data(), checked_type(c, type));
                })
        .method("sample_negatives", "type, stream",
                "sampled_negatives wrong solutions of this type, drawn with replacement, as rows (n, dim); none when "
                "there are none.",
                [](const ContrastiveMemory& c, std::size_t type, numeric::RandomStream& stream) {
                    return sample_negatives(c, type, stream);
                })
        .method("boost", "candidates, type",
                "The boost (m,) float64 of each candidate of (m, dim), in units of a logit.",
                [](const ContrastiveMemory& c, const Floats& candidates, std::size_t type) {
                    return boost(c, candidates, type);
                })
        .property("dim", "The number of elements of a vector.", [](const ContrastiveMemory& c) { return c.dim(); })
        .property("positive_count", "The number of right solutions that are remembered, of all types.",
                  [](const ContrastiveMemory& c) { return c.positive_count(); })
        .property("negative_count", "The number of wrong solutions that are remembered, of all types.",
                  [](const ContrastiveMemory& c) { return c.negative_count(); })
        .method("__repr__", "", "Class, sizes and how full it is.",
                [](const ContrastiveMemory& c) {
                    return "ContrastiveMemory(dim=" + std::to_string(c.dim()) +
                           ", types=" + std::to_string(c.config().types) + ", " + std::to_string(c.positive_count()) +
                           " right and " + std::to_string(c.negative_count()) + " wrong solutions)";
                });
    save_with_state(made);
}

} // namespace

void register_memory(py::module_& m)
{
    function(
        m, "info_nce", "z, candidates, right, *, negatives=None, tau=0.07, isa='auto'",
        "InfoNCE loss and its gradient dL/dz (d,): (loss, gradient).\n\n"
        "loss = -log softmax_right(cos(z, s_j) / tau) over candidates (m, d) and, as further wrong answers, negatives "
        "(k, d) (van den Oord et al. 2018), rows of length 1 to within 0.001 or all zeros. Both are 0 for z = 0. Raises "
        "ValueError for other rows, for a z that is not finite, and unless right < m and tau > 0.",
        [](const Floats& z, const Floats& candidates, std::size_t right, std::optional<Floats> negatives, double tau,
           const simd::KernelTable& kernels) {
            return loss_and_gradient(z, candidates, right, negatives, tau, kernels);
        });
    register_contrastive_memory(m);
}
