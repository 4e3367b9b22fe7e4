// How far is one learning step of an adapter from the time that its bytes need?
//
// The step: forward, InfoNCE over 8 candidates, gradient, momentum step, in one call. Its floor, "traffic": parameters
// and velocities are read and written once, and what later results decide about is read once more: the candidates
// (their weights follow from all scores), the query, A (its step follows from B g) and B (from the loss). All that is
// more than a first-level cache holds. "traffic_once" leaves these second readings out, which no order of work can.
#include <memory>

#include "bench_support.hpp"
#include "ruvllm/components/multi_head_lora.hpp"
#include "ruvllm/measure/lora_step.hpp"

namespace {

using namespace ruvllm;
using namespace ruvllm::bench;
using measure::LoraProblem;

constexpr std::size_t candidates = 8;

class Learner {
public:
    Learner(const simd::KernelTable& k, const LoraProblem& problem)
        : problem_(problem), lora_(k, {problem.dim, problem.rank}, 0)
    {
        // B starts at 0, where A has no gradient: nothing of it would be compared.
        std::copy(problem.b.begin(), problem.b.end(),
                  lora_.adapter(0).parameters().last(problem.rank * problem.dim).begin());
    }

    [[nodiscard]] measure::Doubles parameters() const { return measure::to_doubles(lora_.adapter(0).parameters()); }

    double step()
    {
        InfoNceInput example{};
        example.candidates = problem_.rows.data();
        example.n = candidates;
        example.right = problem_.right(steps_++);
        example.tau = LoraProblem::tau;
        GradientStep step{};
        step.share = 1.0f;
        step.momentum = LoraProblem::momentum;
        step.learning_rate = LoraProblem::learning_rate;
        return lora_.learn(0, problem_.h.data(), example, step);
    }

private:
    const LoraProblem& problem_;
    MultiHeadLoRA lora_;
    std::size_t steps_ = 0;
};

// Losses and parameters of three steps.
void check(const simd::KernelTable& k, const LoraProblem& problem)
{
    Learner learner(k, problem);
    measure::NaiveLora twin(problem, learner.parameters());
    for (std::size_t i = 0; i < 3; ++i)
        measure::require_near("loss of a step", learner.step(), twin.step(problem.right(i)), 1e-4);
    const measure::Doubles parameters = learner.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i)
        measure::require_near("parameter after 3 steps", parameters[i], twin.theta()[i], 1e-6);
}

[[nodiscard]] Loop step_loop(const simd::KernelTable& k, std::size_t dim, std::size_t rank)
{
    const auto problem = std::make_shared<LoraProblem>(dim, rank, candidates);
    check(k, *problem);
    return measure::loop_of([problem, learner = std::make_shared<Learner>(k, *problem)] { (void)learner->step(); });
}

// Arrays of the step's sizes and nothing else to do on them.
struct Traffic {
    numeric::FloatVector state; // parameters and velocities: read and written
    numeric::FloatVector input; // candidates and query: read
    std::size_t readings;       // of the input; from the second on also of the parameters

    Traffic(std::size_t dim, std::size_t rank, std::size_t n)
        : state(4 * rank * dim, 1.0f), input((candidates + 1) * dim, 1.0f), readings(n)
    {
    }

    [[nodiscard]] std::size_t floats() const
    {
        return 2 * state.size() + readings * input.size() + (readings - 1) * state.size() / 2;
    }

    [[nodiscard]] float flow(const simd::KernelTable& k)
    {
        float sum = 0.0f;
        for (std::size_t i = 0; i < readings; ++i) {
            sum += k.squared_norm(input.data(), input.size());
            if (i > 0)
                sum += k.squared_norm(state.data(), state.size() / 2);
        }
        k.scale(-1.0f, state.data(), state.size());
        return sum;
    }
};

[[nodiscard]] Loop traffic_loop(const simd::KernelTable& k, std::size_t dim, std::size_t rank, std::size_t readings)
{
    const auto traffic = std::make_shared<Traffic>(dim, rank, readings);
    const std::size_t read = traffic->floats() - 2 * traffic->state.size();
    measure::require_near("traffic that is read", static_cast<double>(traffic->flow(k)), static_cast<double>(read),
                          0.0);
    for (const float x : traffic->state)
        measure::require_near("traffic that is written", static_cast<double>(x), -1.0, 0.0);
    return measure::loop_of([traffic, &k] {
        const float sum = traffic->flow(k);
        measure::keep(&sum);
    });
}

void add_sizes(const simd::KernelTable& k, std::size_t dim, std::size_t rank)
{
    const std::string size = "d:" + std::to_string(dim) + "/r:" + std::to_string(rank);
    const Work once{.bytes = bytes_of_floats(Traffic(dim, rank, 1).floats())};
    const Work twice{.bytes = bytes_of_floats(Traffic(dim, rank, 2).floats())};
    add(label("lora_step", k, size), [=, &k] { return step_loop(k, dim, rank); }, twice);
    add(label("traffic", k, size), [=, &k] { return traffic_loop(k, dim, rank, 2); }, twice);
    add(label("traffic_once", k, size), [=, &k] { return traffic_loop(k, dim, rank, 1); }, once);
}

} // namespace

int main(int argc, char** argv)
{
    return run(argc, argv, [] {
        for (const auto isa : simd::available_isas())
            for (const std::size_t dim : {1536u, 4096u})
                for (const std::size_t rank : {1u, 2u, 4u})
                    add_sizes(simd::kernels_for(isa), dim, rank);
    });
}
