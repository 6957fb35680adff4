/* cpu.c -- asks the compiler's run time, which asks cpuid, and xgetbv for the registers that the kernel saves. */
#include "base/cpu.h"

#ifdef WK_ON_X86
#include <cpuid.h>

/* Halves become floats and floats halves. clang 14 has no name for it that could be asked for. */
static bool has_f16c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

bool wk__cpu_has_avx2(void) {
    __builtin_cpu_init(); /* needed where this runs before the constructors of libgcc do */
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

bool wk__cpu_has_avx512(void) {
    return wk__cpu_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}

#endif
