#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "components.hpp"
#include "kernels_by_name.hpp"
#include "ruvllm/components/contrastive_memory.hpp"
#include "ruvllm/components/info_nce.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;
using numeric::FloatEnvironmentGuard;

namespace {

py::tuple loss_and_gradient(const FloatArray& z, const FloatArray& candidates, std::size_t right,
                            const std::optional<FloatArray>& negatives, double tau, const std::string& isa)
{
    const auto query = vector_view(z, "z");
    const auto s = matrix_view(candidates, "candidates", query.size());
    require(std::isfinite(tau) && tau > 0.0, "tau must be finite and > 0", tau);
    InfoNceInput in{query.data(), query.size(), s.data, s.rows, right, {}, tau};
    if (negatives) {
        const auto wrong = matrix_view(*negatives, "negatives", query.size());
        for (std::size_t i = 0; i < wrong.rows; ++i)
            in.negatives.push_back(wrong.data + i * wrong.columns);
    }
    FloatArray gradient(static_cast<py::ssize_t>(query.size()));
    const std::span<float> out(gradient.mutable_data(), query.size());
    const auto& kernels = kernels_by_name(isa);
    const double loss = unlocked([&] { return info_nce(kernels, in, out); });
    return py::make_tuple(loss, gradient);
}

// A memory with the sizes that its arguments are checked against.
struct Memory {
    std::size_t dim, types;
    ContrastiveMemory memory;

    [[nodiscard]] std::size_t checked_type(std::size_t type) const
    {
        if (type >= types)
            throw std::invalid_argument("task type must be below " + std::to_string(types) + ", not " +
                                        std::to_string(type));
        return type;
    }
};

void add(Memory& m, void (ContrastiveMemory::*to)(const float*, std::size_t, std::uint64_t), const FloatArray& solution,
         std::size_t type)
{
    const auto s = vector_view(solution, "solution", m.dim);
    const FloatEnvironmentGuard guard;
    (m.memory.*to)(s.data(), m.checked_type(type), 0);
}

FloatArray sample_negatives(const Memory& m, std::size_t type, numeric::RandomStream& stream)
{
    const auto drawn = m.memory.sample_negatives(m.checked_type(type), stream);
    FloatArray out({static_cast<py::ssize_t>(drawn.size()), static_cast<py::ssize_t>(m.dim)});
    for (std::size_t i = 0; i < drawn.size(); ++i)
        std::copy_n(drawn[i], m.dim, out.mutable_data() + i * m.dim);
    return out;
}

Array<double> boost(const Memory& m, const FloatArray& candidates, std::size_t type)
{
    const auto s = matrix_view(candidates, "candidates", m.dim);
    std::vector<double> logits(s.rows, 0.0);
    const FloatEnvironmentGuard guard;
    m.memory.add_boost(m.checked_type(type), s.data, logits);
    return to_array(std::span<const double>(logits));
}

void register_contrastive_memory(py::module_& m)
{
    const ContrastiveConfig defaults;
    py::class_<Memory>(
        m, "ContrastiveMemory",
        "Right and wrong solutions of the past, as unit vectors (dim,), by task type.\n\n"
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
        "[0.0, 1.43, 0.0, 0.0]\n")
        .def(py::init([](std::size_t dim, std::size_t positives, std::size_t negatives, std::size_t types,
                         std::size_t sampled_negatives, float threshold, double strength, const std::string& isa) {
                 checked_size("sampled_negatives", sampled_negatives, 1 << 24);
                 const ContrastiveConfig config{positives, negatives, types, sampled_negatives, threshold, strength};
                 return std::make_unique<Memory>(
                     Memory{checked_dim(dim), types, ContrastiveMemory(kernels_by_name(isa), config, dim)});
             }),
             py::arg("dim"), py::kw_only(), py::arg("positives") = defaults.positives,
             py::arg("negatives") = defaults.negatives, py::arg("types") = defaults.types,
             py::arg("sampled_negatives") = defaults.sampled_negatives, py::arg("threshold") = 0.7,
             py::arg("strength") = defaults.strength, py::arg("isa") = "auto")
        .def(
            "add_positive",
            [](Memory& own, const FloatArray& s, std::size_t type) {
                add(own, &ContrastiveMemory::add_positive, s, type);
            },
            py::arg("solution").noconvert(), py::arg("type"))
        .def(
            "add_negative",
            [](Memory& own, const FloatArray& s, std::size_t type) {
                add(own, &ContrastiveMemory::add_negative, s, type);
            },
            py::arg("solution").noconvert(), py::arg("type"))
        .def("sample_negatives", &sample_negatives, py::arg("type"), py::arg("stream"),
             "sampled_negatives wrong solutions of this type, drawn with replacement, as rows (n, dim); none when "
             "there are none.")
        .def("boost", &boost, py::arg("candidates").noconvert(), py::arg("type"),
             "The boost (m,) float64 of each candidate of (m, dim), in units of a logit.")
        .def_property_readonly("dim", [](const Memory& own) { return own.dim; })
        .def_property_readonly("positive_count", [](const Memory& own) { return own.memory.positive_count(); })
        .def_property_readonly("negative_count", [](const Memory& own) { return own.memory.negative_count(); });
}

} // namespace

void register_memory(py::module_& m)
{
    m.def("info_nce", &loss_and_gradient, py::arg("z").noconvert(), py::arg("candidates").noconvert(),
          py::arg("right"), py::kw_only(), py::arg("negatives").noconvert() = py::none(), py::arg("tau") = 0.07,
          py::arg("isa") = "auto",
          "InfoNCE loss and its gradient dL/dz (d,): (loss, gradient).\n\n"
          "loss = -log softmax_right(cos(z, s_j) / tau) over the unit rows of candidates (m, d) and, as further wrong "
          "answers, of negatives (k, d) (van den Oord et al. 2018). Both are 0 for z = 0. Raises ValueError unless "
          "right < m and tau > 0.");
    register_contrastive_memory(m);
}
