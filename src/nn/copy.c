/* copy.c -- the state of one module becomes that of another. */
#include <string.h>

#include "nn/state.h"
#include "wick/grad.h"
#include "wick/ops.h"

/* The tensor of this name, where it would stand in a module made likewise, or anywhere. NULL when there is none. */
static wk_tensor *find(const wk_state *state, const char *name, int64_t likely) {
    if (likely < state->count && strcmp(state->items[likely].name, name) == 0) return state->items[likely].tensor;
    for (int64_t i = 0; i < state->count; i++)
        if (strcmp(state->items[i].name, name) == 0) return state->items[i].tensor;
    return NULL;
}

/* Has each of `to` its like in `from`? */
static bool check(wk_ctx *ctx, const wk_state *to, const wk_state *from) {
    wk_shape_text t, f;
    for (int64_t i = 0; i < to->count; i++) {
        const wk_tensor *a = to->items[i].tensor, *b = find(from, to->items[i].name, i);
        const char *name = to->items[i].name;
        if (b == NULL) return wk__fail(ctx, WK_EINVAL, "module_copy", "from has no %s", name), false;
        if (!wk__same_dims(&a->a, &b->a))
            return wk__fail(ctx, WK_ESHAPE, "module_copy", "%s is %s in to and %s in from", name, wk__dims_text(&t, a),
                            wk__dims_text(&f, b)),
                   false;
    }
    if (to->count == from->count) return true;
    return wk__fail(ctx, WK_EINVAL, "module_copy", "from has %lld parameters and buffers, to has %lld",
                    (long long)from->count, (long long)to->count),
           false;
}

static void copy_all(const wk_state *to, const wk_state *from) {
    const bool enabled = wk_set_grad_enabled(false);
    for (int64_t i = 0; i < to->count; i++) wk_copy_(to->items[i].tensor, find(from, to->items[i].name, i));
    wk_set_grad_enabled(enabled);
}

wk_status wk_module_copy(wk_module *to, const wk_module *from) {
    wk_ctx *ctx = wk__ctx();
    wk_state a = {0}, b = {0};
    if (!wk__ready(ctx)) return wk__status(ctx);
    if (to == NULL || from == NULL)
        return wk__fail(ctx, WK_EINVAL, "module_copy", "%s is NULL", to == NULL ? "to" : "from");
    if (!wk__state_of(to, "", &a) || !wk__state_of(from, "", &b)) wk__out_of_memory(ctx, "module_copy");
    else if (check(ctx, &a, &b)) copy_all(&a, &b);
    wk__state_free(&a);
    wk__state_free(&b);
    wk__fail_as(ctx, "module_copy");
    return wk__status(ctx);
}
