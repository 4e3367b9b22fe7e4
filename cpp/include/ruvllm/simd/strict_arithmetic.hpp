// Refuses to be compiled with arithmetic that rounds in another way than IEEE 754: results are hashed, and must be the
// same bits everywhere.
//
// The flags of the target ruvllm::core undo -ffast-math and its like. This is for whoever compiles the headers without
// them. A compiler does not tell whether it contracts a * b + c, so that nothing here can refuse it: -ffp-contract=off.
#pragma once

#include <cfloat>

#if defined(__FAST_MATH__) || defined(_M_FP_FAST) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) ||   \
    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "ruvllm must not be compiled with fast-math flags, which change results: use -fno-fast-math -ffp-contract=off"
#endif
#if FLT_EVAL_METHOD == 1 || FLT_EVAL_METHOD == 2
#error "ruvllm must not be compiled for x87 registers, which change results: use -mfpmath=sse"
#endif
