/* clip.c -- bounding gradients before a step. Kernels alone do it, so that a plan can. */
#include <math.h>

#include "base/context.h"
#include "wick/grad.h"
#include "wick/ops.h"
#include "wick/optim.h"

static wk_tensor *gradient_at(wk_module *module, int64_t i) { return wk_grad_of(wk_module_parameter_at(module, i)); }

/* Squares are summed in the gradient's own type, and the sums in f64. */
static wk_tensor *norm_of(wk_module *module) {
    wk_tensor *sum = wk_zeros(WK_SCALAR, WK_F64);
    for (int64_t i = 0; i < wk_module_parameter_count(module); i++) {
        const wk_scope scope = wk_scope_open();
        wk_tensor *g = gradient_at(module, i);
        if (g != NULL) wk_add_(sum, wk_cast(wk_sum(wk_mul(g, g)), WK_F64));
        wk_scope_close(scope);
    }
    return wk_sqrt(sum);
}

wk_tensor *wk_grad_norm(wk_module *module) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return NULL;
    if (module == NULL) return wk__fail(ctx, WK_EINVAL, "grad_norm", "module is NULL"), NULL;
    const bool enabled = wk_set_grad_enabled(false);
    wk_tensor *norm = norm_of(module);
    wk_set_grad_enabled(enabled);
    wk__fail_as(ctx, "grad_norm");
    return norm;
}

static void scale_all(wk_module *module, wk_tensor *factor) {
    for (int64_t i = 0; i < wk_module_parameter_count(module); i++) {
        const wk_scope scope = wk_scope_open();
        wk_tensor *g = gradient_at(module, i);
        if (g != NULL) wk_copy_(g, wk_mul(g, wk_cast(factor, wk_dtype_of(g))));
        wk_scope_close(scope);
    }
}

/* A plan scales in any case, by 1 where the norm is below the bound, and does not know the norm before it runs. A
 * factor of NaN is for the gradients to show. */
static double clip(wk_ctx *ctx, wk_module *module, double max_norm) {
    wk_tensor *norm = norm_of(module), *bound = wk_scalar(max_norm, WK_F64);
    wk_tensor *factor = wk_clamp(wk_div(bound, wk_add_scalar(norm, 1e-6)), 0, 1);
    const bool is_known = ctx->capture == NULL;
    if (!is_known || wk_item(factor) != 1) scale_all(module, factor);
    return is_known ? wk_item(norm) : NAN;
}

double wk_clip_grad_norm(wk_module *module, double max_norm) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return NAN;
    if (module == NULL || !(max_norm >= 0)) {
        wk__fail(ctx, WK_EINVAL, "clip_grad_norm", "%s",
                 module == NULL ? "module is NULL" : "max_norm is negative, or no number");
        return NAN;
    }
    const bool enabled = wk_set_grad_enabled(false);
    const wk_scope scope = wk_scope_open();
    const double norm = clip(ctx, module, max_norm);
    wk_scope_close(scope);
    wk_set_grad_enabled(enabled);
    wk__fail_as(ctx, "clip_grad_norm");
    return wk_ok() ? norm : NAN;
}
