/* clip.c -- bounding gradients before a step. */
#include <math.h>

#include "base/context.h"
#include "wick/grad.h"
#include "wick/ops.h"
#include "wick/optim.h"

/* The sum of the squares of a gradient. */
static double square_sum(wk_tensor *g) {
    const wk_scope scope = wk_scope_open();
    const double sum = wk_item(wk_sum(wk_mul(g, g)));
    wk_scope_close(scope);
    return sum;
}

static void scale(wk_tensor *g, double factor) {
    const wk_scope scope = wk_scope_open();
    wk_copy_(g, wk_mul_scalar(g, factor));
    wk_scope_close(scope);
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
    const int64_t count = wk_module_parameter_count(module);
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        wk_tensor *g = wk_grad_of(wk_module_parameter_at(module, i));
        if (g != NULL) sum += square_sum(g);
    }
    const double norm = sqrt(sum), factor = max_norm / (norm + 1e-6);
    for (int64_t i = 0; i < count && !(factor >= 1); i++) { /* a factor of NaN is for the gradients to show */
        wk_tensor *g = wk_grad_of(wk_module_parameter_at(module, i));
        if (g != NULL) scale(g, factor);
    }
    wk_set_grad_enabled(enabled);
    return wk_ok() ? norm : NAN;
}
