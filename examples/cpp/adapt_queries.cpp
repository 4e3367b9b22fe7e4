// Ranks candidates by hashed n-grams, learns from one user's choice, and ranks again: the same bits on every
// instruction set that this CPU has.
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "ruvllm/components/feedback_step.hpp"
#include "ruvllm/components/published_adapter.hpp"
#include "ruvllm/simd/dispatch.hpp"
#include "ruvllm/text/ngram_encoder.hpp"

int main()
{
    constexpr std::size_t dim = 256;
    const ruvllm::components::NgramEncoder encoder(dim);
    const std::vector<std::string> texts{"parse an ISO date", "strptime", "fromisoformat", "isoparse"};
    std::vector<float> rows(texts.size() * dim);
    encoder.encode(texts, rows.data());
    const float *query = rows.data(), *candidates = rows.data() + dim;
    const std::size_t n = texts.size() - 1;
    const std::vector<std::int8_t> outcomes{1, 2, 2}; // strptime was accepted; the others stood above it

    std::vector<float> first;
    for (const ruvllm::simd::Isa isa : ruvllm::simd::available_isas()) {
        const ruvllm::simd::KernelTable& kernels = ruvllm::simd::kernels_for(isa);
        ruvllm::PublishedAdapter served(kernels, dim, "identity");
        ruvllm::FeedbackAdapter learner(kernels, dim, 4, 1.0f, {.learning_rate = 0.05}, 0);
        const std::string before = texts[1 + static_cast<std::size_t>(served.rank(query, candidates, n, 1).order[0])];
        for (int i = 0; i < 20; ++i)
            learner.learn({query, dim, candidates, outcomes});
        served.publish(std::make_shared<const ruvllm::AdapterState>(
            dim, learner.lora().adapter(0).parameters(), 1.0f, "learned"));
        const ruvllm::Ranked after = served.rank(query, candidates, n, n);
        std::cout << ruvllm::simd::name(isa) << ": first " << before << ", then "
                  << texts[1 + static_cast<std::size_t>(after.order[0])] << "\n";
        if (first.empty())
            first = after.scores;
        if (!std::ranges::equal(first, after.scores)) {
            std::cerr << "the scores differ from those of the first instruction set\n";
            return 1;
        }
    }
}
