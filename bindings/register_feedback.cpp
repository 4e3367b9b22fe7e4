#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "binding.hpp"
#include "components.hpp"
#include "lora_calls.hpp"
#include "ruvllm/components/feedback_step.hpp"
#include "ruvllm/components/published_adapter.hpp"
#include "ruvllm/components/state_scores.hpp"
#include "ruvllm/numeric/xxh64.hpp"
#include "states.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

using Outcomes = ArrayArgument<std::int8_t>;
using Rewards = std::optional<Floats>;
using Compared = std::tuple<std::tuple<double, double, double>, std::tuple<std::int32_t, std::int32_t, std::int32_t>>;

constexpr const char* loss_names[] = {"infonce", "pairwise", "unlikelihood"};
constexpr double infinite = std::numeric_limits<double>::infinity();

FeedbackLoss loss_named(const std::string& name)
{
    for (std::size_t i = 0; i < std::size(loss_names); ++i)
        if (name == loss_names[i])
            return static_cast<FeedbackLoss>(i);
    throw std::invalid_argument("loss must be infonce, pairwise or unlikelihood, not " + shortened(py::str(name)));
}

Made<FeedbackAdapter> make(const LoraConfig& config, const FeedbackSettings& settings, std::uint64_t seed,
                           const simd::KernelTable& kernels)
{
    checked_dim(config.dim);
    finite(static_cast<double>(config.scaling), "scaling");
    if (config.rank <= config.dim) // otherwise refused below
        require_memory(16.0 * static_cast<double>(config.rank) * static_cast<double>(config.dim), "the adapter");
    return std::make_unique<FeedbackAdapter>(kernels, config.dim, config.rank, config.scaling, settings, seed);
}

Feedback feedback(const FeedbackAdapter& adapter, const Floats& query, const Floats& candidates,
                  const Outcomes& outcomes, const Rewards& rewards, double weight)
{
    const std::size_t dim = adapter.lora().config().dim;
    const auto q = vector_view(query, "query", dim);
    const auto rows = matrix_view(candidates, "candidates", dim);
    const auto said = vector_view(outcomes, "outcomes", rows.rows);
    const auto values = rewards ? vector_view(*rewards, "rewards", rows.rows) : std::span<const float>();
    return {q.data(), dim, rows.data, said, values, weight};
}

FloatArray scores(const FeedbackAdapter& adapter, const Floats& query, const Floats& candidates)
{
    const simd::KernelTable& k = adapter.lora().kernels();
    const std::size_t dim = adapter.lora().config().dim;
    const auto q = vector_view(query, "query", dim);
    const auto rows = matrix_view(candidates, "candidates", dim);
    require_finite(k, q, "query");
    require_finite(k, {rows.data, rows.rows * dim}, "candidates");
    numeric::FloatVector z(dim);
    require_finite(z, adapter.adapt(q.data(), z.data()), "the adapted query");
    FloatArray out(static_cast<py::ssize_t>(rows.rows));
    k.cosine_many(z.data(), rows.data, rows.rows, dim, dim, out.mutable_data());
    return out;
}

double reward(const Floats& scores, const Outcomes& outcomes, const Rewards& rewards)
{
    const auto said = vector_view(outcomes, "outcomes");
    const auto values = rewards ? vector_view(*rewards, "rewards", said.size()) : std::span<const float>();
    const auto all = vector_view(scores, "scores", said.size());
    const Feedback f{nullptr, 0, nullptr, said, values};
    require_judgement(f);
    for (const float score : all)
        finite(static_cast<double>(score), "scores");
    std::vector<double> scratch;
    return feedback_reward(all, f, scratch);
}

std::shared_ptr<const AdapterState> served_by(const PublishedAdapter* champion, std::size_t dim)
{
    return champion != nullptr ? champion->state() : std::make_shared<const AdapterState>(dim, "identity");
}

Compared compared(const StateComparison& c)
{
    return {{c.rewards[0], c.rewards[1], c.rewards[2]}, {c.best[0], c.best[1], c.best[2]}};
}

std::uint64_t hash_of(const Floats& vector) { return numeric::xxh64(std::as_bytes(vector_view(vector, "vector"))); }

template <class Archive>
void archive_bound(Archive& archive, const char* name, double& value)
{
    double stored = std::isinf(value) ? 0.0 : value; // files hold finite numbers
    archive.number(name, stored);
    if constexpr (Archive::reading)
        value = stored == 0.0 ? infinite : stored;
}

template <class Archive>
void archive(LoraConfig& config, FeedbackSettings& settings, Archive& archive)
{
    auto loss = static_cast<std::uint64_t>(settings.loss);
    archive.number("dim", config.dim);
    archive.number("rank", config.rank);
    archive.number("scaling", config.scaling);
    archive.number("loss", loss);
    archive.number("learningRate", settings.learning_rate);
    archive.number("momentum", settings.momentum);
    archive.number("tau", settings.tau);
    archive_bound(archive, "clip", settings.clip);
    archive_bound(archive, "largestChange", settings.largest_change);
    if constexpr (Archive::reading) {
        StateReader::require(loss < std::size(loss_names), "loss must be below 3");
        settings.loss = static_cast<FeedbackLoss>(loss);
    }
}

} // namespace

template <>
struct ruvllm::bindings::State<FeedbackAdapter> {
    static constexpr const char* kind = "FeedbackAdapter";
    static void write(const FeedbackAdapter& adapter, StateWriter& writer)
    {
        LoraConfig config = adapter.lora().config();
        FeedbackSettings settings = adapter.settings();
        archive(config, settings, writer);
        MultiHeadLoRA::archive(adapter.lora(), writer);
    }
    static Made<FeedbackAdapter> read(StateReader& reader)
    {
        LoraConfig config{};
        FeedbackSettings settings;
        archive(config, settings, reader);
        Made<FeedbackAdapter> made = make(config, settings, 0, simd::default_kernels());
        MultiHeadLoRA::archive(made.object->lora(), reader);
        return made;
    }
};

namespace {

constexpr const char* class_doc =
    "Low-rank adapter of queries that learns from one feedback at a time: z = q + scaling * sum_r (A_r . q) B_r.\n\n"
    "outcomes (m,) int8 says what the user made of each candidate: 1 accepted, -1 rejected, 2 passed over (it stood "
    "above an accepted one), 0 shown and not judged. rewards (m,) float32 in [0, 1] says how good accepted ones are, 1 "
    "without it; one of 0 is a rejected one. Candidates whose cosine with an accepted one is above 0.95 are no wrong "
    "answers.\n\n"
    "loss: 'infonce', each accepted one against all that are not accepted; 'pairwise', only against those that were "
    "rejected or passed over; 'unlikelihood', infonce and besides -log(1 - p) for the rejected together. With "
    "rejections alone it is the last part, whatever was asked for. clip: the longest gradient that counts, so that no "
    "step is longer than learning_rate * clip. largest_change: after a step |z - q| <= largest_change |q| holds for "
    "its query. None for either: no bound. Raises ValueError unless 1 <= rank <= dim <= 2^24, 0 <= learning_rate <= "
    "10, 0 <= momentum < 1, 0.001 <= tau <= 1000, and bounds are above 0.\n\n"
    ">>> import numpy as np\n"
    ">>> vectors = np.eye(4, dtype=np.float32)\n"
    ">>> adapter = ruvllm.FeedbackAdapter(dim=4, rank=1, learning_rate=0.1)\n"
    ">>> losses = [adapter.learn(vectors[0], vectors, np.int8([0, 0, 1, 0])) for _ in range(20)]\n"
    ">>> losses[-1] < losses[0]\n"
    "True\n";
constexpr const char* learn_doc =
    "One learning step on a query (dim,) of any length, with candidates (m, dim) of length 1 to within 0.001, m >= 1; "
    "returns the loss before it. weight, above 0 and at most 1e6, is a factor of the gradient: 1 / propensity. Nothing "
    "changes, and the loss is 0, where there is nobody to compare with. Raises ValueError, and learns nothing, for "
    "vectors that are not finite, a query of zeros, outcomes and rewards out of range, and a feedback that neither "
    "accepts nor rejects. A candidate of zeros, a text without words, is one among others.";
constexpr const char* compare_doc =
    "((reward, ...), (best, ...)) of the frozen encoder, of what champion serves now (None: the same) and of this "
    "adapter: how good the order of the candidates by each one's scores was, in [0, 1], and the place of the candidate "
    "that each puts first. The reward is the sum of reward / rank of the accepted ones over the best such sum; with "
    "rejections alone 1 less the same of the rejected ones. Raises ValueError as learn() does.";

void register_feedback_adapter(py::module_& m)
{
    Class<FeedbackAdapter> made(m, "FeedbackAdapter", class_doc);
    made.init("dim, rank, *, scaling=1.0, seed=0, loss='infonce', learning_rate=0.01, momentum=0.9, tau=0.07, clip=5.0, "
              "largest_change=0.5, isa='auto'",
              "An adapter of queries (dim,) that changes nothing yet.",
              [](std::size_t dim, std::size_t rank, float scaling, std::uint64_t seed, const std::string& loss,
                 double learning_rate, double momentum, double tau, std::optional<double> clip,
                 std::optional<double> largest_change, const simd::KernelTable& kernels) {
                  return make({dim, rank, 0, 0.5f, scaling},
                              {loss_named(loss), learning_rate, momentum, tau, clip.value_or(infinite),
                               largest_change.value_or(infinite)},
                              seed, kernels);
              })
        .method("learn", "query, candidates, outcomes, rewards=None, weight=1.0", learn_doc,
                [](FeedbackAdapter& a, const Floats& query, const Floats& candidates, const Outcomes& outcomes,
                   const Rewards& rewards, double weight) {
                    return a.learn(feedback(a, query, candidates, outcomes, rewards, weight));
                })
        .method("compare", "query, candidates, outcomes, rewards=None, *, champion=None", compare_doc,
                [](const FeedbackAdapter& a, const Floats& query, const Floats& candidates, const Outcomes& outcomes,
                   const Rewards& rewards, const PublishedAdapter* champion) {
                    const Feedback f = feedback(a, query, candidates, outcomes, rewards, 1.0);
                    return compared(compare_states(a.lora().kernels(), *served_by(champion, f.dim), a, f));
                })
        .method("take", "query, candidates, outcomes, rewards=None, weight=1.0, *, champion=None, learn=True",
                "compare(), and then learn() unless told otherwise, in one call; returns what compare() does.",
                [](FeedbackAdapter& a, const Floats& query, const Floats& candidates, const Outcomes& outcomes,
                   const Rewards& rewards, double weight, const PublishedAdapter* champion, bool learn) {
                    const Feedback f = feedback(a, query, candidates, outcomes, rewards, weight);
                    const auto served = served_by(champion, f.dim);
                    const simd::KernelTable& k = a.lora().kernels();
                    return compared(learn ? take_feedback(k, *served, a, f) : compare_states(k, *served, a, f));
                })
        .method("scores", "query, candidates",
                "Cosines (m,) float32 of the adapted query (dim,) with candidates (m, dim): of a new adapter those of "
                "cosine_similarity(), to the bit. Raises ValueError for vectors that are not finite.",
                [](const FeedbackAdapter& a, const Floats& query, const Floats& candidates) {
                    return scores(a, query, candidates);
                })
        .method("forward", "query", "The adapted query z (dim,) of query (dim,), which must be finite.",
                [](const FeedbackAdapter& a, const Floats& query) { return forward(a.lora(), query, 0); })
        .method("load_parameters", "parameters",
                "Starts anew from finite parameters (P,): the momentum of earlier steps is gone.",
                [](FeedbackAdapter& a, const Floats& parameters) {
                    const auto all = vector_view(parameters, "parameters");
                    require_finite(a.lora().kernels(), all, "parameters");
                    a.restart(all);
                });
    made.property("dim", "The number of elements of a query.",
                  [](const FeedbackAdapter& a) { return a.lora().config().dim; })
        .property("rank", "The number of rows of A and of B.",
                  [](const FeedbackAdapter& a) { return a.lora().config().rank; })
        .property("scaling", "The factor of what is added to a query.",
                  [](const FeedbackAdapter& a) { return a.lora().config().scaling; })
        .property("loss", "The loss by name.",
                  [](const FeedbackAdapter& a) {
                      return std::string(loss_names[static_cast<std::size_t>(a.settings().loss)]);
                  })
        .property("learning_rate", "The factor of a step.",
                  [](const FeedbackAdapter& a) { return a.settings().learning_rate; })
        .property("momentum", "The share of earlier steps in a step.",
                  [](const FeedbackAdapter& a) { return a.settings().momentum; })
        .property("tau", "What cosines are divided by.", [](const FeedbackAdapter& a) { return a.settings().tau; })
        .property("clip", "The longest gradient that counts; infinite: no bound.",
                  [](const FeedbackAdapter& a) { return a.settings().clip; })
        .property("largest_change", "The largest |z - q| / |q| after a step; infinite: no bound.",
                  [](const FeedbackAdapter& a) { return a.settings().largest_change; })
        .property("a", "A (rank, dim), a copy.", [](const FeedbackAdapter& a) { return matrix_a(a.lora().adapter(0)); })
        .property("b", "B (rank, dim), a copy.", [](const FeedbackAdapter& a) { return matrix_b(a.lora().adapter(0)); })
        .property("parameters", "All parameters (P = 2 rank dim,), A's rows before B's, a copy.",
                  [](const FeedbackAdapter& a) { return parameters(a.lora()); })
        .method("__repr__", "", "Class and sizes.", [](const FeedbackAdapter& a) {
            return "FeedbackAdapter(dim=" + std::to_string(a.lora().config().dim) +
                   ", rank=" + std::to_string(a.lora().config().rank) + ")";
        });
    save_with_state(made);
}

} // namespace

void register_feedback(py::module_& m)
{
    function(m, "feedback_reward", "scores, outcomes, rewards=None",
             "How good the order of candidates by scores (m,) float32 was, in [0, 1], by what the user made of each: outcomes "
             "(m,) int8 and rewards (m,) float32 as FeedbackAdapter takes them. Candidates of equal score share the worst "
             "rank among them. Raises ValueError as FeedbackAdapter.compare() does.",
             [](const Floats& scores, const Outcomes& outcomes, const Rewards& rewards) {
                 return reward(scores, outcomes, rewards);
             });
    function(m, "vector_hash", "vector",
             "XXH64 of a vector's float32 (n,), a number below 2^64: tells vectors apart, and is none against attackers.",
             [](const Floats& vector) { return hash_of(vector); });
    register_feedback_adapter(m);
}
