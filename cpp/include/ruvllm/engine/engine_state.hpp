// The state of an engine as named arrays: all that its next steps depend on. Another engine of the same configuration and
// tasks takes them, and then does what the first one would have done, to the bit.
//
// Each class says in its archive() what it saves; LearningEngine::archive() puts them together.
#pragma once

#include <utility>

#include "ruvllm/engine/learning_engine.hpp"
#include "ruvllm/numeric/state_archive.hpp"

namespace ruvllm {

using EngineState = SavedState;

// Returns the state of an engine; a copy.
[[nodiscard]] inline EngineState state_of(const LearningEngine& engine)
{
    StateWriter writer;
    LearningEngine::archive(engine, writer);
    return std::move(writer.state);
}

// Puts a state into an engine, in place of all that it has learned. Throws std::invalid_argument or std::out_of_range,
// and changes nothing, for a state that is not one of an engine of this configuration over these tasks.
inline void restore(LearningEngine& engine, const EngineState& state)
{
    LearningEngine fresh = engine.untrained();
    StateReader reader(state);
    LearningEngine::archive(fresh, reader);
    reader.finish();
    engine = std::move(fresh);
}

} // namespace ruvllm
