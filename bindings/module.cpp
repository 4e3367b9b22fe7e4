// Table of contents of the extension ruvllm._core: one register function per topic, no logic here.
#include <pybind11/pybind11.h>

#include "object_lock.hpp"

namespace py = pybind11;

void register_bank(py::module_& m);
void register_bm25(py::module_& m);
void register_copies(py::module_& m);
void register_encoder(py::module_& m);
void register_isa(py::module_& m);
void register_json(py::module_& m);
void register_kernels(py::module_& m);
void register_measure(py::module_& m);
void register_random(py::module_& m);
void register_retrieval(py::module_& m);
void register_softmax(py::module_& m);
void register_weights(py::module_& m);
void register_replay(py::module_& m);
void register_ewc(py::module_& m);
void register_lora(py::module_& m);
void register_feedback(py::module_& m);
void register_published(py::module_& m);
void register_evidence(py::module_& m);
void register_clusters(py::module_& m);
void register_memory(py::module_& m);
void register_workload(py::module_& m);
void register_engine(py::module_& m);

PYBIND11_MODULE(_core, m)
{
    m.doc() = "The C++ core of ruvllm. Arrays are float32 unless stated; what is given as another real type, layout or "
              "list is converted to a copy, what is written to must be right.";
    ruvllm::bindings::count_forks();
    m.attr("__version__") = RUVLLM_VERSION;
    register_isa(m);
    register_json(m);
    register_kernels(m);
    register_bank(m);
    register_random(m);
    register_encoder(m);
    register_bm25(m);
    register_copies(m);
    register_retrieval(m);
    register_softmax(m);
    register_weights(m);
    register_replay(m);
    register_ewc(m);
    register_lora(m);
    register_published(m);
    register_feedback(m);
    register_evidence(m);
    register_clusters(m);
    register_memory(m);
    register_workload(m);
    register_engine(m);
    register_measure(m);
}
