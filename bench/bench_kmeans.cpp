// How long does spherical k-means take, seeding and ten iterations, with 20 clusters?
#include <memory>

#include "bench_support.hpp"
#include "ruvllm/measure/kmeans.hpp"

namespace {

using namespace ruvllm;
using namespace ruvllm::bench;

constexpr std::size_t clusters = 20, iterations = 10;

[[nodiscard]] MakeLoop kmeans_loop(const simd::KernelTable& k, std::size_t n, std::size_t dim)
{
    return [=, &k] {
        // The twin needs seconds: all instruction sets share it.
        static std::shared_ptr<measure::KMeans> data;
        static std::size_t rows = 0, columns = 0;
        if (rows != n || columns != dim)
            data = std::make_shared<measure::KMeans>(n, dim, clusters, iterations);
        rows = n;
        columns = dim;
        return [shared = data, loop = data->on(k)](std::size_t calls) { loop(calls); };
    };
}

} // namespace

int main(int argc, char** argv)
{
    return run(argc, argv, [] {
        for (const std::size_t n : {500u, 1440u, 10'000u})
            for (const std::size_t dim : {1536u, 3584u})
                for (const auto isa : simd::available_isas()) {
                    const simd::KernelTable& k = simd::kernels_for(isa);
                    add(label("kmeans", k, "n:" + std::to_string(n) + "/d:" + std::to_string(dim)),
                        kmeans_loop(k, n, dim), {.items = static_cast<double>(n)});
                }
    });
}
