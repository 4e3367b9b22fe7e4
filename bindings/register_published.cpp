#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "binding.hpp"
#include "candidate_names.hpp"
#include "components.hpp"
#include "ruvllm/components/published_adapter.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

namespace {

// Below so many floats the GIL costs more than others could do meanwhile.
constexpr std::size_t worth_unlocking = std::size_t{1} << 18;

using Ranking = std::tuple<std::vector<std::int32_t>, std::vector<float>, std::string>;

Ranked ranked(const PublishedAdapter& published, const Floats& query, const Floats& candidates,
              std::optional<std::size_t> top)
{
    const std::size_t dim = published.dim();
    const auto q = vector_view(query, "query", dim);
    const auto rows = matrix_view(candidates, "candidates", dim);
    const auto compute = [&] { return published.rank(q.data(), rows.data, rows.rows, top.value_or(rows.rows)); };
    return rows.rows * dim >= worth_unlocking ? unlocked(compute) : compute();
}

Ranking rank(const PublishedAdapter& published, const Floats& query, const Floats& candidates,
             std::optional<std::size_t> top)
{
    Ranked found = ranked(published, query, candidates, top);
    return {std::move(found.order), std::move(found.scores), found.state->name()};
}

NamedRanking rank_names(const PublishedAdapter& published, const Floats& query, const Floats& candidates,
                        const CandidateNames& names, std::optional<std::size_t> top)
{
    const std::size_t n = matrix_view(candidates, "candidates", published.dim()).rows;
    const std::size_t named = names.tuple ? names.size() : n;
    if (named != n || n == 0)
        throw std::invalid_argument("each of 1 or more candidates needs an id: " + std::to_string(named) + " ids, " +
                                    std::to_string(n) + " vectors");
    if (top == 0u)
        throw std::invalid_argument("top must be 1 or more, not 0");
    Ranked found = ranked(published, query, candidates, top);
    return {names, std::move(found.order), std::move(found.scores), found.state->name()};
}

FloatArray scores(const PublishedAdapter& published, const Floats& query, const Floats& candidates)
{
    const std::size_t dim = published.dim();
    const auto q = vector_view(query, "query", dim);
    const auto rows = matrix_view(candidates, "candidates", dim);
    FloatArray out(static_cast<py::ssize_t>(rows.rows));
    const std::span<float> results(out.mutable_data(), rows.rows);
    const auto compute = [&] { static_cast<void>(published.scores(q.data(), rows.data, rows.rows, results)); };
    if (rows.rows * dim >= worth_unlocking)
        unlocked(compute);
    else
        compute();
    return out;
}

FloatArray adapt(const PublishedAdapter& published, const Floats& query)
{
    const auto q = vector_view(query, "query", published.dim());
    require_finite(published.kernels(), q, "query");
    FloatArray z(static_cast<py::ssize_t>(q.size()));
    float* const out = z.mutable_data();
    if (published.state()->adapt(published.kernels(), q.data(), out) != out)
        std::ranges::copy(q, out);
    require_finite(published.kernels(), {out, q.size()}, "the adapted query");
    return z;
}

void publish(PublishedAdapter& published, const std::optional<Floats>& parameters, const std::string& name,
             float scaling)
{
    const std::size_t dim = published.dim();
    finite(static_cast<double>(scaling), "scaling");
    if (!parameters)
        return published.publish(std::make_shared<const AdapterState>(dim, name));
    const auto all = vector_view(*parameters, "parameters");
    require_finite(published.kernels(), all, "parameters");
    published.publish(std::make_shared<const AdapterState>(dim, all, scaling, name));
}

} // namespace

void register_published(py::module_& m)
{
    Class<PublishedAdapter>(
        m, "PublishedAdapter",
        "What is served now: an adapter of queries that never changes but is replaced as a whole, and has a name.\n\n"
        "Any number of threads may rank while one publishes: each ranking comes from one state, which it names. At "
        "first it is identity: scores are those of cosine_similarity(), to the bit.\n\n"
        ">>> import numpy as np\n"
        ">>> served = ruvllm.PublishedAdapter(dim=3)\n"
        ">>> order, scores, name = served.rank(np.float32([0, 1, 2]), np.eye(3, dtype=np.float32))\n"
        ">>> order.tolist(), name\n"
        "([2, 1, 0], 'identity')\n")
        .init("dim, *, name='identity', isa='auto'", "Identity for queries (dim,), 1 <= dim <= 2^24.",
              [](std::size_t dim, const std::string& name, const simd::KernelTable& kernels) -> Made<PublishedAdapter> {
                  return std::make_unique<PublishedAdapter>(kernels, checked_dim(dim), name);
              })
        .method("publish", "parameters, name, *, scaling=1.0",
                "Replaces what is served: z = q + scaling * sum_r (A_r . q) B_r for parameters (2 rank dim,), A's rows "
                "before B's, copied; None is identity. Raises ValueError, and replaces nothing, for numbers that are not "
                "finite or of another number.",
                [](PublishedAdapter& p, const std::optional<Floats>& parameters, const std::string& name,
                   float scaling) { publish(p, parameters, name, scaling); })
        .method("rank", "query, candidates, top=None",
                "(order, scores, name): places int32 (k,) of the `top` best of candidates (m, dim), the best first and "
                "the earlier of equal ones first, their cosines float32 (k,) with the adapted query, and the name of the "
                "state that ranked. Raises ValueError for vectors that are not finite.",
                [](const PublishedAdapter& p, const Floats& query, const Floats& candidates,
                   std::optional<std::size_t> top) { return rank(p, query, candidates, top); })
        .method("rank_names", "query, candidates, names=None, top=None",
                "(names, order, scores, name): what rank() returns, and the names of the candidates in this order, a tuple. "
                "names are texts or whole numbers, each different; None: places. Raises ValueError as rank() does and "
                "where there is nothing to rank, TypeError for other names.",
                [](const PublishedAdapter& p, const Floats& query, const Floats& candidates, const CandidateNames& names,
                   std::optional<std::size_t> top) { return rank_names(p, query, candidates, names, top); })
        .method("scores", "query, candidates", "Cosines (m,) float32 of the adapted query with candidates (m, dim).",
                [](const PublishedAdapter& p, const Floats& query, const Floats& candidates) {
                    return scores(p, query, candidates);
                })
        .method("adapt", "query", "The adapted query (dim,), a copy; the same numbers for identity.",
                [](const PublishedAdapter& p, const Floats& query) { return adapt(p, query); })
        .property("name", "Of the state that is served now.", [](const PublishedAdapter& p) { return p.state()->name(); })
        .property("dim", "The number of elements of a query.", [](const PublishedAdapter& p) { return p.dim(); })
        .method("__repr__", "", "Class, width and what is served.", [](const PublishedAdapter& p) {
            return "PublishedAdapter(dim=" + std::to_string(p.dim()) + ", " + p.state()->name() + ")";
        });
}
