// What the bindings of the components share.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

#include "array_argument.hpp"
#include "object_lock.hpp"
#include "ruvllm/components/vector_checks.hpp"
#include "ruvllm/numeric/float_environment.hpp"

namespace ruvllm::bindings {

// Runs f without the GIL and in the standard floating-point environment: for work of more than some microseconds.
// Arrays of indices must have been copied: another thread may change the caller's meanwhile.
template <class F>
auto unlocked(F f)
{
    const WithoutGil released;
    return numeric::in_standard_environment(f);
}

// A new NumPy array (n, columns) holding a copy of `values`.
[[nodiscard]] inline FloatArray to_matrix(std::span<const float> values, std::size_t columns)
{
    return FloatArray({static_cast<py::ssize_t>(values.size() / columns), static_cast<py::ssize_t>(columns)},
                      values.data());
}

// Throws std::invalid_argument "<rule>, not <value>" unless the rule holds.
inline void require(bool holds, const char* rule, double value)
{
    if (!holds)
        throw std::invalid_argument(std::string(rule) + ", not " + shown(value));
}

// The same for numbers whose only rule is that they are finite.
inline double finite(double value, const char* name)
{
    if (!std::isfinite(value))
        throw std::invalid_argument(std::string(name) + " must be finite, not " + shown(value));
    return value;
}

// Throws std::invalid_argument unless 1 <= size <= most. Sizes are multiplied, and a product must not wrap around.
inline std::size_t checked_size(const char* name, std::size_t size, std::size_t most)
{
    if (size == 0 || size > most)
        throw std::invalid_argument(std::string(name) + " must lie in 1 ... " + std::to_string(most) + ", not " +
                                    std::to_string(size));
    return size;
}

inline std::size_t checked_dim(std::size_t dim) { return checked_size("dim", dim, std::size_t{1} << 24); }

// Raises MemoryError where so many bytes are more than the machine has: the system would hand them out one by one and
// then end the process. The product is one of doubles, which do not wrap around.
void require_memory(double bytes, const char* what);

} // namespace ruvllm::bindings
