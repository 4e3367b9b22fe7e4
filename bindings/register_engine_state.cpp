#include "binding.hpp"
#include "components.hpp"
#include "ruvllm/engine/engine_state.hpp"
#include "states.hpp"

namespace py = pybind11;
using namespace ruvllm;
using namespace ruvllm::bindings;

void register_engine_state(Class<LearningEngine>& engine)
{
    engine
        .method("state", "", "All that the next steps depend on: arrays (n,) by name, copies. restore() takes them back.",
                [](const LearningEngine& e) { return unlocked([&] { return state_of(e); }); })
        .method("restore", "state",
                "Puts a state() into an engine of the same configuration over the same tasks, in place of all that it has "
                "learned: it then goes on as the other would have done, to the bit. ValueError or IndexError, and no "
                "change, for arrays that are not such a state.",
                [](LearningEngine& e, const SavedState& state) { unlocked([&] { restore(e, state); }); });
}
