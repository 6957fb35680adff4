/* ref.c -- the reference kernels: plain C, every dtype, every stride. They are there to be obviously right; the
 * tables of the ISAs are tested against them. Each .inc file is included once per element type:
 *
 *   scalar        the element type
 *   number        what is computed in: VALUE(x) is an element as one, ELEMENT(v) the element nearest to one
 *   ORDER(x)      an element as it compares with others, which is of type `ordered`
 *   KEY(x)        a whole number that rises as x does (argsort.h)
 *   wide          the type in which sums are kept
 *   NUMBER(s)     a double as one of these
 *   LESS(a, b)    is a below b? LOWEST and HIGHEST are what nothing is below and above
 *   FMA(a, b, c)  a b + c
 *   KERNEL(k)     the name of kernel k for this type */
#include "kernel/ref.h"

#include <tgmath.h> /* tanh, fma and sqrt of the type they are given */
#undef I            /* the imaginary unit */

#include "kernel/argsort.h"
#include "kernel/blas.h"
#include "kernel/convert.h"
#include "kernel/half.h"
#include "kernel/ref_math.h"
#include "kernel/windows.h"

#define LINKAGE

/* An index that counts from the end when it is negative. */
static inline int64_t at_index(int64_t index, int64_t size) { return index < 0 ? index + size : index; }

enum { BESIDE = 16 }; /* columns that go down together */

/* ---------------------------------------------------------------------------------------------------- any types --- */
/* Four and eight bytes move as floats do: registers for whole numbers are few where there are many strides, and no bit
 * of a float changes on its way (the processors that wick is for load none into wider registers). */

#define scalar uint8_t
#define KERNEL(k) wk__ref_##k##_8
#include "kernel/ref_columns.inc"
#include "kernel/ref_move.inc"

#define scalar uint16_t
#define KERNEL(k) wk__ref_##k##_16
#include "kernel/ref_columns.inc"
#include "kernel/ref_move.inc"

#define scalar float
#define KERNEL(k) wk__ref_##k##_32
#include "kernel/ref_columns.inc"
#include "kernel/ref_move.inc"

#define scalar double
#define KERNEL(k) wk__ref_##k##_64
#include "kernel/ref_columns.inc"
#include "kernel/ref_move.inc"

/* ----------------------------------------------------------------------------------------------- floating types --- */

/* For floats there are tables of vector kernels, and halves are computed one by one: of the plain loops over them, one
 * form is enough. */
#if (defined(WK_ON_X86) || defined(WK_ON_ARM)) && !defined(__clang__)
#define PLAIN_LOOPS _Pragma("GCC push_options") _Pragma("GCC optimize(\"O2\", \"no-tree-loop-vectorize\")")
#define LOOPS_AGAIN _Pragma("GCC pop_options")
#define UNROLLED _Pragma("GCC unroll 8") /* at -O2, too */
#else
#define UNROLLED
#define PLAIN_LOOPS
#define LOOPS_AGAIN
#endif

#define wide double
#define FMA(a, b, c) fma(a, b, c)
#define NUMBER(s) (number)(s)
#define LESS(a, b) ((a) < (b))
#define LOWEST -INFINITY
#define HIGHEST INFINITY
#define ordered number
#define ORDER(x) VALUE(x)
#define BLAS_GEMM(...) wk__blas_gemm(sizeof(scalar) == sizeof(float) ? WK_F32 : WK_F64, __VA_ARGS__)

#define VALUE(x) (x)
#define ELEMENT(v) (scalar)(v)
#define KEY(x) wk__key_of_float(VALUE(x))

PLAIN_LOOPS
#define scalar float
#define number float
#define KERNEL(k) wk__ref_##k##_f32
#include "kernel/ref_every.inc"
#include "kernel/ref_loops.inc"
#include "kernel/ref_math.inc"
#include "kernel/ref_gemm.inc"
#include "kernel/ref_recurrent.inc"
#include "kernel/ref_layer_norm.inc"
#include "kernel/ref_windows.inc"
#include "kernel/ref_optim.inc"
#include "kernel/ref_folds.inc"
#include "kernel/ref_fibres.inc"
#include "kernel/ref_scans.inc"
#include "kernel/ref_losses.inc"
#include "kernel/ref_range.inc"
#undef KERNEL
#undef number
#undef scalar
LOOPS_AGAIN

#undef KEY
#define KEY(x) wk__key_of_double(x)
#define scalar double
#define number double
#define KERNEL(k) wk__ref_##k##_f64
#include "kernel/ref_every.inc"
#include "kernel/ref_math.inc"
#include "kernel/ref_gemm.inc"
#include "kernel/ref_folds.inc"
PLAIN_LOOPS /* of these the tables have their own (f64_loops.inc) */
#include "kernel/ref_loops.inc"
#include "kernel/ref_recurrent.inc"
#include "kernel/ref_layer_norm.inc"
#include "kernel/ref_windows.inc"
#include "kernel/ref_optim.inc"
#include "kernel/ref_fibres.inc"
#include "kernel/ref_scans.inc"
#include "kernel/ref_losses.inc"
#include "kernel/ref_range.inc"
    LOOPS_AGAIN
#undef KERNEL
#undef number
#undef scalar

#undef KEY
#undef ELEMENT
#undef VALUE

        PLAIN_LOOPS
#define number float
#define KEY(x) wk__key_of_float(VALUE(x))

#define scalar uint16_t
#define VALUE(x) wk__f16_value(x)
#define ELEMENT(v) wk__f16_of((float)(v))
#define KERNEL(k) wk__ref_##k##_f16
#include "kernel/ref_every.inc"
#undef KERNEL
#undef ELEMENT
#undef VALUE
#undef scalar

#define scalar uint16_t
#define VALUE(x) wk__bf16_value(x)
#define ELEMENT(v) wk__bf16_of((float)(v))
#define KERNEL(k) wk__ref_##k##_bf16
#include "kernel/ref_every.inc"
#undef KERNEL
#undef ELEMENT
#undef VALUE
#undef scalar

#undef KEY
#undef number
            LOOPS_AGAIN
#undef BLAS_GEMM
#undef ORDER
#undef ordered
#undef HIGHEST
#undef LOWEST
#undef LESS
#undef NUMBER
#undef FMA
#undef wide

/* ------------------------------------------------------------------------------------------------ whole numbers --- */
/* Unsigned arithmetic wraps around without being undefined, and its low bits are those of the signed one. */

#include "kernel/ref_whole.h"

#define number uint64_t
#define wide uint64_t
#define FMA(a, b, c) ((a) * (b) + (c))
#define NUMBER(s) (number)wk__whole_of(s)
#define LESS(a, b) ((int64_t)(a) < (int64_t)(b))
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#define ordered scalar
#define ORDER(x) (x)
#define KEY(x) ((uint64_t)ORDER(x) + ((uint64_t)1 << (8 * sizeof(scalar) - 1)))
#define BLAS_GEMM(...) false

#define VALUE(x) (number)(x)
#define ELEMENT(v) (scalar)(v)

#define scalar int64_t
#define KERNEL(k) wk__ref_##k##_i64
#include "kernel/ref_whole.inc"

#define scalar int32_t
#define KERNEL(k) wk__ref_##k##_i32
#include "kernel/ref_whole.inc"

#define scalar uint8_t
#define KERNEL(k) wk__ref_##k##_u8
#include "kernel/ref_whole.inc"

/* A bool is a byte of which anything but 0 is true. */
#undef ORDER
#undef ELEMENT
#undef VALUE
#define VALUE(x) (number)((x) != 0)
#define ELEMENT(v) ((v) != 0)
#define ORDER(x) ((x) != 0)

#define scalar uint8_t
#define KERNEL(k) wk__ref_##k##_bool
#include "kernel/ref_whole.inc"

#undef ELEMENT
#undef VALUE
#undef BLAS_GEMM
#undef KEY
#undef ORDER
#undef ordered
#undef HIGHEST
#undef LOWEST
#undef LESS
#undef NUMBER
#undef FMA
#undef wide
#undef number

/* ---------------------------------------------------------------------------------------------------- the table --- */

#define SLOTS_FLOAT(kernel) {[WK_F32] = wk__ref_##kernel##_f32, [WK_F64] = wk__ref_##kernel##_f64}
#define SLOTS_PLAIN SLOTS_FLOAT
#define SLOTS_MOVE(kernel) \
    { WK_DTYPES(WK_REF_MOVE, kernel) }
#define SLOTS_ANY(kernel) {WK_DTYPES(WK_REF_SLOT, kernel)}
#define SLOTS_NUMBER(kernel) {WK_DTYPES(WK_REF_NUMBER, kernel)}
#define SLOTS_PLAIN_NUMBER SLOTS_NUMBER
#define SLOTS_PLAIN_MOVE SLOTS_MOVE

    const wk_kernels wk__kernels_ref = {
        .isa = "ref",
#define WK_KERNEL(name, type, dtypes) .name = SLOTS_##dtypes(name),
#include "kernel/kernels.def"
#undef WK_KERNEL
};
