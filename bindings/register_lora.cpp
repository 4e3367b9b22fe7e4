#include <memory>
#include <tuple>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "lora_calls.hpp"
#include "states.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

// Python's MicroLoRA: the shared adapter of a MultiHeadLoRA without heads.
struct SingleLora {
    MultiHeadLoRA lora;
};

template <class Archive>
void archive(LoraConfig& config, Archive& archive)
{
    archive.number("dim", config.dim);
    archive.number("rank", config.rank);
    archive.number("heads", config.heads);
    archive.number("headWeight", config.head_weight);
    archive.number("scaling", config.scaling);
}

void write_lora(const MultiHeadLoRA& lora, StateWriter& writer)
{
    LoraConfig config = lora.config();
    archive(config, writer);
    MultiHeadLoRA::archive(lora, writer);
}

MultiHeadLoRA read_lora(StateReader& reader)
{
    LoraConfig config{};
    archive(config, reader);
    MultiHeadLoRA lora = make_lora(config, 0, simd::default_kernels());
    MultiHeadLoRA::archive(lora, reader);
    return lora;
}

std::string sizes(const LoraConfig& c)
{
    return "dim=" + std::to_string(c.dim) + ", rank=" + std::to_string(c.rank);
}

} // namespace

template <>
struct ruvllm::bindings::State<SingleLora> {
    static constexpr const char* kind = "MicroLoRA";
    static void write(const SingleLora& s, StateWriter& writer) { write_lora(s.lora, writer); }
    static Made<SingleLora> read(StateReader& reader)
    {
        MultiHeadLoRA lora = read_lora(reader);
        StateReader::require(lora.config().heads == 0, "heads must be 0");
        return std::make_unique<SingleLora>(SingleLora{std::move(lora)});
    }
};

template <>
struct ruvllm::bindings::State<MultiHeadLoRA> {
    static constexpr const char* kind = "MultiHeadLoRA";
    static void write(const MultiHeadLoRA& lora, StateWriter& writer) { write_lora(lora, writer); }
    static Made<MultiHeadLoRA> read(StateReader& reader) { return std::make_unique<MultiHeadLoRA>(read_lora(reader)); }
};

namespace {

using Ewc = ElasticWeightConsolidation;

constexpr const char* step_doc =
    "One step down the gradient of a loss whose dL/dz is g (d,): m = momentum m + (1 - momentum) gradient, theta = "
    "theta - learning_rate m. With ewc, the gradient of its penalty is added. Raises ValueError, and changes nothing, "
    "for vectors that are not finite, unless 0 <= learning_rate <= 10 and 0 <= momentum < 1, and for a gradient longer "
    "than 1e12.";
constexpr const char* learn_doc =
    "One learning step on h (d,), of any length, with InfoNCE over candidates (n, d), rows of length 1 to within 0.001 "
    "or all zeros, of which number `right` (0 ... n - 1) is the right one; returns the loss before the step. The same "
    "to the bit as z = forward(h), (loss, g) = info_nce(z, candidates, right, tau=tau), step(h, g, ...), in one call.\n\n"
    "learning_rate: 0.001 to 0.1 is usual; far above, a step undoes what others have learned, and beyond 10 it is "
    "refused. tau > 0: the smaller, the more the nearest wrong candidate counts. Raises ValueError as info_nce() and "
    "step() do; then nothing is learned.";
constexpr const char* fisher_doc =
    "Adds the squared gradient of one example, with dL/dz = g (d,), to the current batch of ewc.";
constexpr const char* load_doc = "Puts finite values (P,) in place of the parameters; the momentum of earlier steps stays.";

void register_micro_lora(py::module_& m)
{
    Class<SingleLora> made(
        m, "MicroLoRA",
        "Low-rank adapter of a vector: z = h + scaling * sum_r (A_r . h) B_r, with A and B (rank, d).\n\n"
        "A is random normal with variance 1 / d, B is zero, so that it starts as the identity (Hu et al. 2021, "
        "\"LoRA\"). Raises ValueError unless 1 <= rank <= dim <= 2^24 and scaling is finite.\n\n"
        ">>> import numpy as np\n"
        ">>> vectors = np.eye(4, dtype=np.float32)\n"
        ">>> adapter = ruvllm.MicroLoRA(dim=4, rank=1)\n"
        ">>> losses = [adapter.learn(vectors[0], vectors, 2, learning_rate=0.1) for _ in range(20)]\n"
        ">>> losses[-1] < losses[0]\n"
        "True\n");
    made.init("dim, rank, *, scaling=1.0, seed=0, isa='auto'", "An adapter of vectors (dim,) that changes nothing yet.",
              [](std::size_t dim, std::size_t rank, float scaling, std::uint64_t seed,
                 const simd::KernelTable& kernels) -> Made<SingleLora> {
                  return std::make_unique<SingleLora>(SingleLora{make_lora({dim, rank, 0, 0.5f, scaling}, seed, kernels)});
              })
        .method("forward", "h", "The adapted vector z (d,) of h (d,), which must be finite.",
                [](const SingleLora& s, const Floats& h) { return forward(s.lora, h, 0); })
        .method("gradient", "h, g", "(dL/dA, dL/dB), each (rank, d), at h (d,) for a loss with dL/dz = g (d,).",
                [](const SingleLora& s, const Floats& h, const Floats& g) { return gradient(s.lora, h, g, 0); })
        .method("step", "h, g, *, learning_rate, momentum=0.9, ewc=None", step_doc,
                [](SingleLora& s, const Floats& h, const Floats& g, double learning_rate, double momentum,
                   const Ewc* ewc) { step(s.lora, h, g, 0, {learning_rate, momentum}, ewc); })
        .method("learn", "h, candidates, right, *, tau=0.07, learning_rate, momentum=0.9, ewc=None", learn_doc,
                [](SingleLora& s, const Floats& h, const Floats& candidates, std::size_t right, double tau,
                   double learning_rate, double momentum, const Ewc* ewc) {
                    return learn(s.lora, h, candidates, right, 0, tau, {learning_rate, momentum}, ewc);
                })
        .method("accumulate_fisher", "ewc, h, g", fisher_doc,
                [](const SingleLora& s, Ewc& ewc, const Floats& h, const Floats& g) {
                    accumulate_fisher(s.lora, ewc, h, g, 0);
                })
        .property("dim", "d, the number of elements of a vector.",
                  [](const SingleLora& s) { return s.lora.config().dim; })
        .property("rank", "The number of rows of A and of B.",
                  [](const SingleLora& s) { return s.lora.config().rank; })
        .property("scaling", "The factor of what is added to h.",
                  [](const SingleLora& s) { return s.lora.config().scaling; })
        .property("a", "A (rank, d), a copy.", [](const SingleLora& s) { return matrix_a(s.lora.adapter(0)); })
        .property("b", "B (rank, d), a copy.", [](const SingleLora& s) { return matrix_b(s.lora.adapter(0)); })
        .property("parameters", "All parameters (P = 2 rank d,), A's rows before B's, a copy.",
                  [](const SingleLora& s) { return parameters(s.lora); })
        .method("load_parameters", "parameters", load_doc,
                [](SingleLora& s, const Floats& values) { load_parameters(s.lora, values); })
        .method("__repr__", "", "Class and sizes.",
                [](const SingleLora& s) { return "MicroLoRA(" + sizes(s.lora.config()) + ")"; });
    save_with_state(made);
}

void register_multi_head_lora(py::module_& m)
{
    Class<MultiHeadLoRA> made(
        m, "MultiHeadLoRA",
        "A shared adapter and one head per task type: z = h + scaling * sum_r (a_r . h) b_r with a = A_shared + "
        "head_weight A_type and b likewise.\n\n"
        "Without heads every type uses the shared adapter. Heads start like MicroLoRA, at half the deviation. Raises "
        "ValueError unless 1 <= rank <= dim <= 2^24 and head_weight and scaling are finite, and for a type that has no "
        "head.");
    made.init("dim, rank, heads, *, head_weight=0.5, scaling=1.0, seed=0, isa='auto'",
              "Adapters of vectors (dim,) that change nothing yet; heads 0 ... 65535.",
              [](std::size_t dim, std::size_t rank, std::size_t heads, float head_weight, float scaling,
                 std::uint64_t seed, const simd::KernelTable& kernels) -> Made<MultiHeadLoRA> {
                  return std::make_unique<MultiHeadLoRA>(
                      make_lora({dim, rank, heads, head_weight, scaling}, seed, kernels));
              })
        .method("forward", "h, type", "The adapted vector z (d,) of h (d,) for a task of type 0 ... heads - 1.",
                [](const MultiHeadLoRA& lora, const Floats& h, std::size_t type) { return forward(lora, h, type); })
        .method("gradient", "h, g, type",
                "(dL/da, dL/db), each (rank, d), at h (d,) for a loss with dL/dz = g (d,): the gradient of the shared "
                "adapter; that of the type's head is head_weight times it.",
                [](const MultiHeadLoRA& lora, const Floats& h, const Floats& g, std::size_t type) {
                    return gradient(lora, h, g, type);
                })
        .method("step", "h, g, type, *, learning_rate, momentum=0.9, ewc=None", step_doc,
                [](MultiHeadLoRA& lora, const Floats& h, const Floats& g, std::size_t type, double learning_rate,
                   double momentum, const Ewc* ewc) { step(lora, h, g, type, {learning_rate, momentum}, ewc); })
        .method("learn", "h, candidates, right, type, *, tau=0.07, learning_rate, momentum=0.9, ewc=None", learn_doc,
                [](MultiHeadLoRA& lora, const Floats& h, const Floats& candidates, std::size_t right, std::size_t type,
                   double tau, double learning_rate, double momentum, const Ewc* ewc) {
                    return learn(lora, h, candidates, right, type, tau, {learning_rate, momentum}, ewc);
                })
        .method("accumulate_fisher", "ewc, h, g, type", fisher_doc,
                [](const MultiHeadLoRA& lora, Ewc& ewc, const Floats& h, const Floats& g, std::size_t type) {
                    accumulate_fisher(lora, ewc, h, g, type);
                })
        .method("lora_matrices", "adapter",
                "(A, B), each (rank, d), of adapter 0 (shared) or 1 + k (head of type k), copies. Raises IndexError for "
                "another one.",
                [](const MultiHeadLoRA& lora, std::size_t adapter) { return matrices(lora, adapter); })
        .property("dim", "d, the number of elements of a vector.",
                  [](const MultiHeadLoRA& lora) { return lora.config().dim; })
        .property("rank", "The number of rows of A and of B.",
                  [](const MultiHeadLoRA& lora) { return lora.config().rank; })
        .property("heads", "The number of task types that have an adapter of their own.",
                  [](const MultiHeadLoRA& lora) { return lora.config().heads; })
        .property("head_weight", "The factor of a head's matrices.",
                  [](const MultiHeadLoRA& lora) { return lora.config().head_weight; })
        .property("scaling", "The factor of what is added to h.",
                  [](const MultiHeadLoRA& lora) { return lora.config().scaling; })
        .property("parameters", "All parameters (P,), adapter after adapter, A's rows before B's, a copy.",
                  [](const MultiHeadLoRA& lora) { return parameters(lora); })
        .method("load_parameters", "parameters", load_doc,
                [](MultiHeadLoRA& lora, const Floats& values) { load_parameters(lora, values); })
        .method("__repr__", "", "Class and sizes.",
                [](const MultiHeadLoRA& lora) {
                    return "MultiHeadLoRA(" + sizes(lora.config()) + ", heads=" + std::to_string(lora.config().heads) +
                           ")";
                });
    save_with_state(made);
}

} // namespace

void register_lora(py::module_& m)
{
    register_micro_lora(m);
    register_multi_head_lora(m);
}
