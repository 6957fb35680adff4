/* simd.h -- what the vector headers and the kernels built on them share. */
#ifndef WK_KERNEL_SIMD_H
#define WK_KERNEL_SIMD_H

#include <math.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "kernel/blas.h"
#include "kernel/convert.h"
#include "kernel/f64_table.h"
#include "kernel/gemm_work.h"
#include "kernel/math_table.h"
#include "kernel/normal.h"
#include "kernel/power.h"
#include "kernel/ref.h"
#include "kernel/tanh_table.h"

/* The kernels are functions over small constant sizes (vectors, rows) that must be expanded where they are called
 * for their arrays to live in registers, so expansion is asked for, not left to the optimiser's taste. */
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))
#define MAYBE_UNUSED __attribute__((unused))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

/* The compiler is not to see what has become of a pointer, lest it keep others that it can work out from it. */
#define AS_IT_IS(pointer) __asm__("" : "+r"(pointer))

/* Memory that is read soon. A place that does not exist does no harm. */
INLINE void fetch_ahead(const void *p) { __builtin_prefetch(p); }

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

#endif
