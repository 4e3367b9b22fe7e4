// Archives: named arrays that a class writes its state to and reads it from.
//
// A class with state has `static void archive(Self& self, Archive& archive)` beside its members, one function for both
// directions: `Self` is const where the archive writes. What it leaves out is scratch memory or follows from the rest.
// Whoever reads must check that the arrays fit together: they may come from a stranger's file.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace ruvllm {

using StateArray = std::variant<std::vector<float>, std::vector<double>, std::vector<std::uint8_t>,
                                std::vector<std::uint32_t>, std::vector<std::uint64_t>>;
using SavedState = std::map<std::string, StateArray>; // by name

// Writes each array down.
class StateWriter {
public:
    static constexpr bool reading = false;

    template <class Values>
    void fixed(const std::string& name, const Values& values)
    {
        state.emplace(name, std::vector<typename Values::value_type>(values.begin(), values.end()));
    }
    template <class Values>
    void list(const std::string& name, const Values& values)
    {
        fixed(name, values);
    }
    template <class T>
    void number(const std::string& name, T value)
    {
        if constexpr (std::floating_point<T>)
            fixed(name, std::vector<double>{value});
        else
            fixed(name, std::vector<std::uint64_t>{value});
    }

    SavedState state;
};

// Takes each array back; throws std::invalid_argument for one that is missing or of another type or size, or holds a
// number that is not finite.
class StateReader {
public:
    static constexpr bool reading = true;

    explicit StateReader(const SavedState& state) : state_(&state) {}

    // As many values as there are already.
    template <class Values>
    void fixed(const std::string& name, Values& values)
    {
        const auto& found = find<typename Values::value_type>(name);
        if (found.size() != values.size())
            throw std::invalid_argument(name + " must have " + std::to_string(values.size()) + " elements, not " +
                                        std::to_string(found.size()));
        std::copy(found.begin(), found.end(), values.begin());
    }
    // Any number of values: what they must come up to is checked by whoever takes them.
    template <class Values>
    void list(const std::string& name, Values& values)
    {
        const auto& found = find<typename Values::value_type>(name);
        values.assign(found.begin(), found.end());
    }
    template <class T>
    void number(const std::string& name, T& value)
    {
        using Stored = std::conditional_t<std::floating_point<T>, double, std::uint64_t>;
        std::vector<Stored> one(1);
        fixed(name, one);
        value = static_cast<T>(one[0]);
    }

    // Throws std::invalid_argument with this text unless the rule holds.
    static void require(bool holds, const std::string& rule)
    {
        if (!holds)
            throw std::invalid_argument(rule);
    }

    // Throws std::invalid_argument where the state holds an array that nobody asked for.
    void finish() const
    {
        if (taken_ != state_->size())
            throw std::invalid_argument("the state has " + std::to_string(state_->size()) + " arrays, not the " +
                                        std::to_string(taken_) + " that belong to it");
    }

private:
    template <class T>
    [[nodiscard]] const std::vector<T>& find(const std::string& name)
    {
        const auto found = state_->find(name);
        if (found == state_->end())
            throw std::invalid_argument(name + " is missing");
        const auto* const values = std::get_if<std::vector<T>>(&found->second);
        if (values == nullptr)
            throw std::invalid_argument(name + " must have another type of element");
        if constexpr (std::floating_point<T>)
            for (const T value : *values)
                if (!std::isfinite(value))
                    throw std::invalid_argument(name + " must be finite, not " + std::to_string(value));
        ++taken_;
        return *values;
    }

    const SavedState* state_;
    std::size_t taken_ = 0;
};

} // namespace ruvllm
