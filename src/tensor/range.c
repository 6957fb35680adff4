/* range.c -- arange, linspace, logspace.
 *
 * NOTE [Blocks of a range]. To give PyTorch's numbers to the bit, floating ranges are worked out as its CPU does, with
 * registers of 32 bytes: the first element of a block by its own formula, the others from that one. What is left of
 * whole pairs of blocks is worked out one by one. */
#include <inttypes.h>
#include <math.h>

#include "kernel/convert.h"
#include "kernel/record.h"
#include "tensor/tensor.h"

enum { BLOCK_NBYTES = 32 };

/* n elements of a range into y. What the numbers are, each range has for itself. */
typedef void range_loop(int64_t n, void *y, double a, double b, double base);

static void call_range(wk_any_function *f, const wk_word *w) {
    ((range_loop *)f)(w[0].i, w[1].p, w[2].f, w[3].f, w[4].f);
}

/* Fills t now, or, where a plan records, in each run of the plan. */
static wk_tensor *fill_range(wk_tensor *t, const char *op, range_loop *loop, double a, double b, double base) {
    static const wk_signature signature = {"nwfff", call_range, NULL};
    if (t == NULL) return NULL;
    const wk_noted noted = {&signature, (wk_any_function *)loop, op, t->a.dtype, false};
    const wk_word words[] = {{.i = t->a.numel}, {.p = t->a.data}, {.f = a}, {.f = b}, {.f = base}};
    if (!wk__note(t->ctx, &noted, words)) loop(t->a.numel, t->a.data, a, b, base);
    return t;
}

/* How many of n elements lie in pairs of blocks. */
static int64_t in_blocks(int64_t n, int64_t width) { return n / (2 * width) * (2 * width); }

#define FILL_ARANGE(type, name)                                                                   \
    static void arange_##name(int64_t n, void *y, double start, double step, double unused) {     \
        const int64_t width = BLOCK_NBYTES / (int64_t)sizeof(type), blocks = in_blocks(n, width); \
        (void)unused;                                                                             \
        for (int64_t i = 0; i < n; i++) {                                                         \
            const int64_t lane = i < blocks ? i % width : 0;                                      \
            const type first = (type)fma(step, (double)(i - lane), start);                        \
            ((type *)y)[i] = (type)fma((double)lane, step, (double)first);                        \
        }                                                                                         \
    }
FILL_ARANGE(float, f32)
FILL_ARANGE(double, f64)

/* Counted from both ends, so that both are met. */
#define FILL_LINSPACE(type, name, fma_of_type)                                                         \
    static void linspace_##name(int64_t n, void *y, double first_of_all, double last, double unused) { \
        const int64_t width = BLOCK_NBYTES / (int64_t)sizeof(type), blocks = in_blocks(n, width);      \
        const type start = (type)first_of_all, end = (type)last;                                       \
        (void)unused;                                                                                  \
        const type step = n > 1 ? (end - start) / (type)(n - 1) : 0;                                   \
        for (int64_t i = 0; i < n; i++) {                                                              \
            const int64_t lane = i < blocks ? i % width : 0, at = i - lane;                            \
            const type first = at < n / 2 || n == 1 ? fma_of_type(step, (type)at, start)               \
                                                    : fma_of_type(-step, (type)(n - at - 1), end);     \
            ((type *)y)[i] = first + (type)lane * step;                                                \
        }                                                                                              \
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
    return wk__fail(ctx, WK_EINVAL, "arange", "start %g, end %g and step %g of type %s must be whole, and below 2^53",
                    start, end, step, wk_dtype_name(dtype)),
           false;
}

#define FILL_WHOLE(type, name)                                                                          \
    static void arange_##name(int64_t n, void *y, double start, double step, double unused) {           \
        uint64_t value = (uint64_t)(int64_t)start;                                                      \
        (void)unused;                                                                                   \
        for (int64_t i = 0; i < n; i++, value += (uint64_t)(int64_t)step) ((type *)y)[i] = (type)value; \
    }
FILL_WHOLE(int64_t, i64)
FILL_WHOLE(int32_t, i32)
FILL_WHOLE(uint8_t, u8)

static range_loop *const aranges[WK_DTYPE_COUNT] = {
    [WK_F32] = arange_f32, [WK_F64] = arange_f64, [WK_I64] = arange_i64, [WK_I32] = arange_i32, [WK_U8] = arange_u8,
};

wk_tensor *wk_arange(double start, double end, double step, wk_dtype dtype) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || !check_arange(ctx, start, end, step, dtype)) return NULL;
    const double count = ceil((end - start) / step);
    wk_tensor *t = wk__create("arange", 1, (const int64_t[]){count < 0x1p62 ? (int64_t)count : INT64_MAX}, dtype);
    return fill_range(t, "arange", t != NULL ? aranges[dtype] : NULL, start, step, 0);
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
    return fill_range(t, "linspace", dtype == WK_F32 ? linspace_f32 : linspace_f64, start, end, 0);
}

#define FILL_LOGSPACE(type, name)                                                                          \
    static void logspace_##name(int64_t n, void *y, double start, double end, double base) {               \
        const double step = n > 1 ? (end - start) / (double)(n - 1) : 0;                                   \
        for (int64_t i = 0; i < n; i++) {                                                                  \
            const bool from_start = i < n / 2 || n == 1;                                                   \
            const double power = from_start ? start + step * (double)i : end - step * (double)(n - 1 - i); \
            ((type *)y)[i] = (type)pow(base, power);                                                       \
        }                                                                                                  \
    }
FILL_LOGSPACE(float, f32)
FILL_LOGSPACE(double, f64)

wk_tensor *wk_logspace(double start, double end, int64_t steps, double base, wk_dtype dtype) {
    wk_tensor *t = create_space("logspace", steps, dtype);
    return fill_range(t, "logspace", dtype == WK_F32 ? logspace_f32 : logspace_f64, start, end, base);
}
