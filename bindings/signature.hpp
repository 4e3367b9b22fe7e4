// What a function can be called with, read from the text that help() shows: "h, right, *, tau=0.07".
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "errors.hpp"

namespace ruvllm::bindings {

class Signature {
public:
    // owner: the class, or "". first: what CPython calls the first parameter, "$self", "$module" or "$type". Defaults are
    // Python's literals. It lives as long as the interpreter.
    Signature(const std::string& owner, const char* name, const char* first, const char* parameters, const char* doc)
        : title_(owner.empty()                                        ? name
                 : std::string_view(name) == "__init__" ? owner : owner + "." + name),
          name_(name),
          doc_(std::string(name) + "(" + first + (*parameters != '\0' ? ", " : "") + parameters + ")\n--\n\n" + doc)
    {
        for (const std::string& part : split(parameters))
            add(part);
    }

    [[nodiscard]] const char* name() const noexcept { return name_; }
    [[nodiscard]] const char* doc() const noexcept { return doc_.c_str(); } // in the form of CPython's own functions
    [[nodiscard]] std::size_t size() const noexcept { return parameters_.size(); }
    [[nodiscard]] const char* name_of(std::size_t i) const noexcept { return parameters_[i].name.c_str(); }

    // slots (size(),) = the value of each parameter, borrowed. Raises TypeError, as Python's own functions do.
    void bind(PyObject* const* values, Py_ssize_t n, PyObject* keywords, PyObject** slots) const
    {
        const auto given = static_cast<std::size_t>(n);
        if (given > positional_)
            throw py::type_error(title_ + "() takes " + (positional_ == size() ? "" : "at most ") +
                                 counted(positional_, "positional argument") + ", not " + std::to_string(given) +
                                 rest_of_hint());
        std::copy_n(values, given, slots);
        std::fill(slots + given, slots + size(), nullptr);
        for (Py_ssize_t i = 0; keywords != nullptr && i < PyTuple_GET_SIZE(keywords); ++i) {
            PyObject* const name = PyTuple_GET_ITEM(keywords, i);
            PyObject*& slot = slots[find(name)];
            if (slot != nullptr)
                throw py::type_error(title_ + "() got the argument " + py::cast<std::string>(py::handle(name)) +
                                     " twice");
            slot = values[n + i];
        }
        for (std::size_t i = given; i < size(); ++i) {
            if (slots[i] == nullptr)
                slots[i] = parameters_[i].otherwise;
            if (slots[i] == nullptr)
                throw py::type_error(title_ + "() needs the argument " + parameters_[i].name);
        }
    }

private:
    struct Parameter {
        std::string name;
        PyObject* interned;
        PyObject* otherwise; // the default, or null
    };

    // At the commas: no default holds one.
    static std::vector<std::string> split(std::string_view text)
    {
        std::vector<std::string> parts;
        while (!text.empty()) {
            const std::size_t end = std::min(text.find(", "), text.size());
            parts.emplace_back(text.substr(0, end));
            text.remove_prefix(std::min(text.size(), end + 2));
        }
        return parts;
    }

    void add(const std::string& part)
    {
        if (part == "/") {
            positional_only_ = size();
        } else if (part == "*") {
            keyword_only_ = true;
        } else {
            const std::size_t equals = std::min(part.find('='), part.size());
            const std::string name = part.substr(0, equals);
            PyObject* otherwise = nullptr;
            if (equals < part.size())
                otherwise = py::module_::import("ast").attr("literal_eval")(part.substr(equals + 1)).release().ptr();
            parameters_.push_back({name, PyUnicode_InternFromString(name.c_str()), otherwise});
            positional_ += keyword_only_ ? 0 : 1;
        }
    }

    [[nodiscard]] std::size_t find(PyObject* name) const
    {
        for (std::size_t i = positional_only_; i < size(); ++i)
            if (parameters_[i].interned == name)
                return i;
        for (std::size_t i = positional_only_; i < size(); ++i)
            if (PyUnicode_Compare(parameters_[i].interned, name) == 0)
                return i;
        std::string all;
        for (std::size_t i = positional_only_; i < size(); ++i)
            all += (all.empty() ? "" : ", ") + parameters_[i].name;
        throw py::type_error(title_ + "() has no keyword argument " + shortened(name) +
                             (all.empty() ? std::string() : "; it has " + all));
    }

    [[nodiscard]] static std::string counted(std::size_t n, const char* what)
    {
        return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
    }

    [[nodiscard]] std::string rest_of_hint() const
    {
        return positional_ == size() ? "" : "; " + parameters_[positional_].name + "= is given by name";
    }

    std::string title_;
    const char* name_;
    std::string doc_;
    std::vector<Parameter> parameters_;
    std::size_t positional_ = 0, positional_only_ = 0;
    bool keyword_only_ = false;
};

} // namespace ruvllm::bindings
