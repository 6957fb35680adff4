/* range.c -- arange, linspace, logspace. Floating numbers of the first two are those of NOTE [Blocks of a range] in
 * kernel/ref_range.inc. */
#include <inttypes.h>
#include <math.h>

#include "kernel/convert.h"
#include "kernel/record.h"
#include "tensor/tensor.h"

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

wk_tensor *wk_arange(double start, double end, double step, wk_dtype dtype) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || !check_arange(ctx, start, end, step, dtype)) return NULL;
    const double count = ceil((end - start) / step);
    wk_tensor *t = wk__create("arange", 1, (const int64_t[]){count < 0x1p62 ? (int64_t)count : INT64_MAX}, dtype);
    if (t != NULL) wk__kernels->arange[dtype](t->a.numel, t->a.data, start, step);
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
    if (t != NULL) wk__kernels->linspace[dtype](t->a.numel, t->a.data, start, end);
    return t;
}

/* n elements of a range without a kernel into y. */
typedef void logspace_loop(int64_t n, void *y, double start, double end, double base);

static void call_logspace(wk_any_function *f, const wk_word *w) {
    ((logspace_loop *)f)(w[0].i, w[1].p, w[2].f, w[3].f, w[4].f);
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

/* Filled now, or, where a plan records, in each run of the plan. */
wk_tensor *wk_logspace(double start, double end, int64_t steps, double base, wk_dtype dtype) {
    static const wk_signature signature = {"nwfff", call_logspace, NULL};
    wk_tensor *t = create_space("logspace", steps, dtype);
    if (t == NULL) return NULL;
    logspace_loop *const loop = dtype == WK_F32 ? logspace_f32 : logspace_f64;
    const wk_noted noted = {&signature, (wk_any_function *)loop, "logspace", dtype, false};
    const wk_word words[] = {{.i = steps}, {.p = t->a.data}, {.f = start}, {.f = end}, {.f = base}};
    if (!wk__note(t->ctx, &noted, words)) loop(steps, t->a.data, start, end, base);
    return t;
}
