// Round to nearest, no flush-to-zero, while an object of this class lives; then what was there before.
//
// Some libraries switch flush-to-zero on for every thread that loads them (anything linked with -ffast-math
// by an older GCC). A result that is hashed must not depend on that, so every entry into the core holds a guard.
#pragma once

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace ruvllm::numeric {

class FloatEnvironmentGuard {
public:
    FloatEnvironmentGuard() noexcept : saved_(read()) { write(standard); }
    ~FloatEnvironmentGuard() { write(saved_); }
    FloatEnvironmentGuard(const FloatEnvironmentGuard&) = delete;
    FloatEnvironmentGuard& operator=(const FloatEnvironmentGuard&) = delete;

private:
#if defined(__x86_64__) || defined(_M_X64)
    using Register = std::uint32_t;
    static constexpr Register standard = 0x1f80; // all exceptions masked, nearest, FTZ and DAZ off
    static Register read() noexcept { return _mm_getcsr(); }
    static void write(Register value) noexcept { _mm_setcsr(value); }
#elif defined(__aarch64__)
    using Register = std::uint64_t;
    static constexpr Register standard = 0; // nearest, FZ off, no traps
    static Register read() noexcept
    {
        Register value;
        __asm__ volatile("mrs %0, fpcr" : "=r"(value));
        return value;
    }
    static void write(Register value) noexcept { __asm__ volatile("msr fpcr, %0" : : "r"(value)); }
#else
    using Register = int;
    static constexpr Register standard = 0;
    static Register read() noexcept { return 0; }
    static void write(Register) noexcept {}
#endif
    Register saved_;
};

// f() under a guard. Compilers know nothing of the environment: beside a guard, arithmetic on values in registers may
// be moved past it (GCC moves a last division out). They cannot move it out of a call that they cannot see through.
template <class F>
auto in_standard_environment(F f)
{
    const FloatEnvironmentGuard guard;
    auto* volatile call = +[](F& body) { return body(); };
    return call(f);
}

} // namespace ruvllm::numeric
