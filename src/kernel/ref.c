/* ref.c -- the reference kernels: plain C, every dtype, every stride. They are there to be obviously right; the
 * tables of the ISAs are tested against them. Each .inc file is included once per element type:
 *
 *   scalar      the element type
 *   wide        the type in which a float type's sums are kept
 *   KERNEL(k)   the name of kernel k for this type */
#include "kernel/ref.h"

#include <tgmath.h> /* tanh, fma and sqrt of the type they are given */
#undef I             /* the imaginary unit; here it counts input features */

#include "kernel/rnn_work.h"

#define scalar float
#define wide double
#define KERNEL(k) wk__ref_##k##_f32
#include "kernel/ref_move.inc"
#include "kernel/ref_loops.inc"
#include "kernel/ref_gemm.inc"
#include "kernel/ref_rnn.inc"
#include "kernel/ref_optim.inc"
#include "kernel/ref_fibres.inc"
#include "kernel/ref_losses.inc"
#undef KERNEL
#undef wide
#undef scalar

#define scalar double
#define wide double
#define KERNEL(k) wk__ref_##k##_f64
#include "kernel/ref_move.inc"
#include "kernel/ref_loops.inc"
#include "kernel/ref_gemm.inc"
#include "kernel/ref_rnn.inc"
#include "kernel/ref_optim.inc"
#include "kernel/ref_fibres.inc"
#include "kernel/ref_losses.inc"
#undef KERNEL
#undef wide
#undef scalar

#define scalar int64_t
#define KERNEL(k) wk__ref_##k##_i64
#include "kernel/ref_move.inc"
#undef KERNEL
#undef scalar

int64_t wk__rnn_work(int64_t T, int64_t B, int64_t I, int64_t H) {
    return wk__rnn_layout(T, B, I, H).size;
}

#define SLOTS_FLOAT(name) {[WK_F32] = wk__ref_##name##_f32, [WK_F64] = wk__ref_##name##_f64}
#define SLOTS_PLAIN SLOTS_FLOAT
#define SLOTS_ANY(name) \
    { [WK_F32] = wk__ref_##name##_f32, [WK_F64] = wk__ref_##name##_f64, [WK_I64] = wk__ref_##name##_i64 }

const wk_kernels wk__kernels_ref = {
    .isa = "ref",
#define WK_KERNEL(name, type, dtypes) .name = SLOTS_##dtypes(name),
#include "kernel/kernels.def"
#undef WK_KERNEL
};
