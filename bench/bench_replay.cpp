// How long do the three operations of prioritized replay take, at a capacity of 10 000?
//
// add: one item; sample and update: 64 items at once. The twin is a plain list of priorities, summed from the left.
#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include "bench_support.hpp"
#include "ruvllm/components/prioritized_replay.hpp"

namespace {

using namespace ruvllm;
using namespace ruvllm::bench;
using measure::require_near;
using numeric::Purpose;
using numeric::RandomStream;

constexpr std::size_t capacity = 10'000, batch = 64;

[[nodiscard]] std::vector<double> errors(std::size_t n, std::uint64_t index)
{
    RandomStream stream(1, Purpose::user, index);
    std::vector<double> out(n);
    for (double& e : out)
        e = stream.normal();
    return out;
}

[[nodiscard]] double naive_priority(const ReplayConfig& c, double error)
{
    return std::pow(std::fabs(error) + c.epsilon, c.alpha);
}

// A full buffer and what the twin knows of it.
struct Full {
    ReplayConfig config;
    std::vector<double> priorities;
    PrioritizedReplay replay;
    RandomStream stream{2, Purpose::user};

    explicit Full(const simd::KernelTable& k) : replay(config, k)
    {
        for (const double e : errors(capacity, 0)) {
            (void)replay.add(e);
            priorities.push_back(naive_priority(config, e));
        }
        check_priorities();
    }

    void check_priorities() const
    {
        for (std::size_t i = 0; i < capacity; ++i)
            require_near("priority", replay.priority(i), priorities[i], 1e-14 * priorities[i]);
    }

    // The stream's draws must fall where the list's running sums say; weights by the formula.
    void check_sample()
    {
        RandomStream same = stream;
        double beta = replay.beta(), largest = 0.0;
        const double total = std::accumulate(priorities.begin(), priorities.end(), 0.0);
        const auto samples = replay.sample(batch, stream);
        std::vector<double> weights;
        for (const ReplaySample& s : samples) {
            const auto begin = priorities.begin(), end = begin + static_cast<std::ptrdiff_t>(s.item);
            const double before = std::accumulate(begin, end, 0.0), target = same.uniform() * total;
            require_near("place of a draw", target, before + 0.5 * priorities[s.item],
                         0.5 * priorities[s.item] + 1e-11 * total);
            require_near("probability", s.probability, priorities[s.item] / total, 1e-14);
            weights.push_back(std::pow(static_cast<double>(capacity) * priorities[s.item] / total, -beta));
            largest = std::max(largest, weights.back());
            beta = std::min(1.0, beta + config.beta_increment);
        }
        for (std::size_t i = 0; i < batch; ++i)
            require_near("importance weight", samples[i].weight, weights[i] / largest, 1e-11);
    }
};

[[nodiscard]] Loop add_loop(const simd::KernelTable& k)
{
    const auto full = std::make_shared<Full>(k); // checks what add() makes
    const auto values = std::make_shared<std::vector<double>>(errors(capacity, 0));
    const auto replay = std::make_shared<PrioritizedReplay>(ReplayConfig{}, k);
    return measure::loop_of([=] {
        if (replay->size() == capacity)
            replay->reset({});
        (void)replay->add((*values)[replay->size()]);
    });
}

[[nodiscard]] Loop sample_loop(const simd::KernelTable& k)
{
    const auto full = std::make_shared<Full>(k);
    full->check_sample();
    return measure::loop_of([full] {
        const auto samples = full->replay.sample(batch, full->stream);
        measure::keep(samples.data());
    });
}

[[nodiscard]] Loop update_loop(const simd::KernelTable& k)
{
    const auto full = std::make_shared<Full>(k);
    const auto values = std::make_shared<std::vector<double>>(errors(batch, 1));
    const auto items = std::make_shared<std::vector<std::int64_t>>();
    for (const ReplaySample& s : full->replay.sample(batch, full->stream))
        items->push_back(static_cast<std::int64_t>(s.item));
    full->replay.update_priorities(*items, *values);
    for (std::size_t i = 0; i < batch; ++i)
        full->priorities[static_cast<std::size_t>((*items)[i])] = naive_priority(full->config, (*values)[i]);
    full->check_priorities();
    full->check_sample(); // through the sums above the leaves
    return measure::loop_of([=] { full->replay.update_priorities(*items, *values); });
}

} // namespace

int main(int argc, char** argv)
{
    return run(argc, argv, [] {
        for (const auto isa : simd::available_isas()) {
            const simd::KernelTable& k = simd::kernels_for(isa);
            add(label("replay_add", k, "1"), [&k] { return add_loop(k); }, {.items = 1.0}, 16);
            add(label("replay_sample", k, "64"), [&k] { return sample_loop(k); }, {.items = batch});
            add(label("replay_update", k, "64"), [&k] { return update_loop(k); }, {.items = batch});
        }
    });
}
