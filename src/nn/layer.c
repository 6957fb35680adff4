/* layer.c -- see layer.h. */
#include "nn/layer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/context.h"
#include "nn/module.h"

void *wk__layer_self(const wk_module *m, const wk_module_class *cls, const char *function) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return NULL;
    if (wk_likely(m != NULL && m->cls == cls)) return m->self;
    wk__fail(ctx, WK_EINVAL, function, "m is %s, not a module of class %s",
             m != NULL ? wk_module_class_of(m)->name : "NULL", cls->name);
    return NULL;
}

wk_tensor *wk__uniform_parameter(wk_module *m, const char *name, double bound, int32_t ndim, const int64_t *dims,
                                 wk_dtype dtype) {
    const wk_scope scope = wk_scope_open();
    wk_tensor *p = wk_module_add_parameter(m, name, wk_uniform(-bound, bound, ndim, dims, dtype));
    wk_scope_close(scope);
    return p;
}

double wk__weight_bound(int64_t n) {
    const double a = sqrt(5.0), gain = sqrt(2.0 / (1 + a * a));
    return sqrt(3.0) * (gain / sqrt((double)n));
}

wk_module *wk__layer_made(wk_module *m, const char *function) {
    if (wk_ok()) return m;
    wk__fail_as(wk__ctx(), function);
    wk__module_discard(m);
    return NULL;
}

wk_tensor *wk__layer_gives(wk_tensor *y, const char *function) {
    if (wk_unlikely(y == NULL)) wk__fail_as(wk__ctx(), function);
    return y;
}

/* As many decimals as there are digits behind the point: at least one, where Python writes no exponent. */
const char *wk__number_text(wk_number_text *text, double value) {
    int digits = 1;
    while (snprintf(text->bytes, sizeof text->bytes, "%.*e", digits - 1, value), strtod(text->bytes, NULL) != value)
        if (isnan(value) || ++digits > 17) break;
    const int exponent = value != 0 ? (int)floor(log10(fabs(value))) : 0;
    if (isfinite(value) && exponent >= -4 && exponent < 16) {
        const int decimals = digits - 1 - exponent;
        snprintf(text->bytes, sizeof text->bytes, "%.*f", decimals > 0 ? decimals : 1, value);
    } else {
        snprintf(text->bytes, sizeof text->bytes, "%.*g", digits, value);
    }
    return text->bytes;
}

bool wk__layer_probability(double p, const char *what, const char *function) {
    if (p >= 0 && p <= 1) return true;
    wk__fail(wk__ctx(), WK_EINVAL, function, "%s is %g, not a probability from 0 to 1", what, p);
    return false;
}

bool wk__layer_dtype(wk_dtype dtype, const char *function) {
    if (dtype == WK_F32 || dtype == WK_F64) return true;
    const char *name = wk_dtype_name(dtype);
    wk__fail(wk__ctx(), WK_EDTYPE, function, "dtype is %s: parameters are f32 or f64", name != NULL ? name : "none");
    return false;
}

bool wk__layer_size(int64_t count, const char *what, const char *function) {
    if (count > 0) return true;
    wk__fail(wk__ctx(), WK_EINVAL, function, "%s is %lld and must be positive", what, (long long)count);
    return false;
}

bool wk__layer_shape(const wk_tensor *t, const char *what, int32_t ndim, const int64_t *dims, const char *function) {
    wk_shape_text is, wanted;
    bool same = wk_ndim(t) == ndim;
    for (int32_t d = 0; same && d < ndim; d++) same = wk_dim(t, d) == dims[d];
    if (!same)
        wk__fail(wk__ctx(), WK_ESHAPE, function, "%s is %s, not %s", what,
                 wk__shape_text(&is, wk_ndim(t), wk_dims(t)), wk__shape_text(&wanted, ndim, dims));
    return same;
}
