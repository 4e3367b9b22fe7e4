#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>

#if !defined(_WIN32)
#include <unistd.h>
#endif

#include "components.hpp"

namespace ruvllm::bindings {

namespace {

// What the machine has, or what the container lets this process have; infinity where nobody says.
double memory_of_machine()
{
    double bytes = std::numeric_limits<double>::infinity();
#if !defined(_WIN32) && defined(_SC_PHYS_PAGES)
    bytes = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
#endif
    double limit = 0.0;
    if (std::ifstream("/sys/fs/cgroup/memory.max") >> limit && limit > 0.0) // "max" is no number
        bytes = std::min(bytes, limit);
    return bytes;
}

} // namespace

void require_memory(double bytes, const char* what)
{
    static const double all = memory_of_machine();
    constexpr double share = 0.75; // others need some too
    if (!(bytes <= share * all)) {
        PyErr_SetString(PyExc_MemoryError, (std::string(what) + " would take " +
                                            std::to_string(std::llround(bytes / 1e9)) + " GB; this machine has " +
                                            std::to_string(std::llround(all / 1e9)) + " GB")
                                               .c_str());
        throw py::error_already_set();
    }
}

} // namespace ruvllm::bindings
