/* range.c -- arange, linspace, logspace.
 *
 * NOTE [Blocks of a range]. To give PyTorch's numbers to the bit, floating ranges are worked out as its CPU does, with
 * registers of 32 bytes: the first element of a block by its own formula, the others from that one. What is left of
 * whole pairs of blocks is worked out one by one. */
#include <inttypes.h>
#include <math.h>

#include "kernel/convert.h"
#include "tensor/tensor.h"

enum { BLOCK_NBYTES = 32 };

/* How many of n elements lie in pairs of blocks. */
static int64_t in_blocks(int64_t n, int64_t width) { return n / (2 * width) * (2 * width); }

#define FILL_ARANGE(type, name)                                                                       \
    static void arange_##name(type *y, int64_t n, double start, double step) {                        \
        const int64_t width = BLOCK_NBYTES / (int64_t)sizeof(type), blocks = in_blocks(n, width);     \
        for (int64_t i = 0; i < n; i++) {                                                             \
            const int64_t lane = i < blocks ? i % width : 0;                                          \
            const type first = (type)fma(step, (double)(i - lane), start);                            \
            y[i] = (type)fma((double)lane, step, (double)first);                                      \
        }                                                                                             \
    }
FILL_ARANGE(float, f32)
FILL_ARANGE(double, f64)

/* Counted from both ends, so that both are met. */
#define FILL_LINSPACE(type, name, fma_of_type)                                                        \
    static void linspace_##name(type *y, int64_t n, type start, type end) {                           \
        const int64_t width = BLOCK_NBYTES / (int64_t)sizeof(type), blocks = in_blocks(n, width);     \
        const type step = n > 1 ? (end - start) / (type)(n - 1) : 0;                                  \
        for (int64_t i = 0; i < n; i++) {                                                             \
            const int64_t lane = i < blocks ? i % width : 0, at = i - lane;                           \
            const type first = at < n / 2 || n == 1 ? fma_of_type(step, (type)at, start)              \
                                                    : fma_of_type(-step, (type)(n - at - 1), end);    \
            y[i] = first + (type)lane * step;                                                         \
        }                                                                                             \
    }
FILL_LINSPACE(float, f32, fmaf)
FILL_LINSPACE(double, f64, fma)

/* ------------------------------------------------------------------------------------------------------- arange --- */

static bool is_whole(double x) { return x == rint(x) && fabs(x) < 0x1p53; }

static bool check_arange(wk_ctx *ctx, double start, double end, double step, wk_dtype dtype) {
    if (!(isfinite(start) && isfinite(end) && isfinite(step) && step != 0 && (end - start) / step >= 0))
        return wk__fail(ctx, WK_EINVAL, "arange", "steps of %g do not lead from %g to %g", step, start, end), false;
    if (dtype < 0 || dtype >= WK_DTYPE_COUNT || wk__dtype_is_float[dtype]) return true; /* the rest is the shape's */
    if (wk__dtype_category[dtype] != WK__INTEGER)
        return wk__fail(ctx, WK_EDTYPE, "arange", "the element type is %s: wk_cast a range of another type",
                        wk_dtype_name(dtype)), false;
    if (is_whole(start) && is_whole(end) && is_whole(step)) return true;
    return wk__fail(ctx, WK_EINVAL, "arange", "start %g, end %g and step %g of type %s must be whole", start, end, step,
                    wk_dtype_name(dtype)), false;
}

static void arange_whole(const wk_array *y, int64_t start, int64_t step) {
    for (int64_t i = 0; i < y->numel; i++) {
        const int64_t element = start + i * step;
        wk__convert[WK_I64][y->dtype](1, wk__array_at(y, i), 1, &element, 1);
    }
}

wk_tensor *wk_arange(double start, double end, double step, wk_dtype dtype) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || !check_arange(ctx, start, end, step, dtype)) return NULL;
    const double count = ceil((end - start) / step);
    wk_tensor *t = wk__create("arange", 1, (const int64_t[]){count < 0x1p62 ? (int64_t)count : INT64_MAX}, dtype);
    if (t == NULL) return NULL;
    if (dtype == WK_F32) arange_f32(t->a.data, t->a.numel, start, step);
    else if (dtype == WK_F64) arange_f64(t->a.data, t->a.numel, start, step);
    else arange_whole(&t->a, (int64_t)start, (int64_t)step);
    return t;
}

/* ------------------------------------------------------------------------------------------- linspace, logspace --- */

static wk_tensor *create_space(const char *op, int64_t steps, wk_dtype dtype) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return NULL;
    if (steps < 0) return wk__fail(ctx, WK_EINVAL, op, "steps is %" PRId64, steps), NULL;
    if (dtype == WK_F32 || dtype == WK_F64) return wk__create(op, 1, &steps, dtype);
    return wk__fail(ctx, WK_EDTYPE, op, "the element type must be f32 or f64"), NULL;
}

wk_tensor *wk_linspace(double start, double end, int64_t steps, wk_dtype dtype) {
    wk_tensor *t = create_space("linspace", steps, dtype);
    if (t == NULL) return NULL;
    if (dtype == WK_F32) linspace_f32(t->a.data, steps, (float)start, (float)end);
    else linspace_f64(t->a.data, steps, start, end);
    return t;
}

wk_tensor *wk_logspace(double start, double end, int64_t steps, double base, wk_dtype dtype) {
    wk_tensor *t = create_space("logspace", steps, dtype);
    if (t == NULL) return NULL;
    const double step = steps > 1 ? (end - start) / (double)(steps - 1) : 0;
    for (int64_t i = 0; i < steps; i++) {
        const double from_end = (double)(steps - 1 - i);
        const double power = i < steps / 2 || steps == 1 ? start + step * (double)i : end - step * from_end;
        wk__put_number(dtype, wk__array_at(&t->a, i), pow(base, power));
    }
    return t;
}
