/* snapshot.c -- the values of a tree, kept aside. Written with the public operations, as a user's would be. */
#include <stdlib.h>

#include "nn/state.h"
#include "wick/grad.h"
#include "wick/ops.h"

struct wk_snapshot {
    wk_module *module; /* held, so that the tensors live */
    wk_state state;    /* where the values belong */
    wk_tensor **kept;  /* slots, one for each */
};

static void keep(wk_tensor *value, wk_tensor **kept) {
    if (*kept == NULL) wk_keep(kept, wk_empty(wk_ndim(value), wk_dims(value), wk_dtype_of(value)));
    wk_copy_(*kept, value);
}

static void restore(wk_tensor *value, wk_tensor **kept) { wk_copy_(value, *kept); }

static void exchange(wk_tensor *value, wk_tensor **kept) {
    wk_tensor *aside = wk_empty(wk_ndim(value), wk_dims(value), wk_dtype_of(value));
    wk_copy_(aside, value);
    wk_copy_(value, *kept);
    wk_copy_(*kept, aside);
}

/* Does one of the above to each tensor. */
static wk_status for_each(wk_snapshot *s, const char *function, void (*action)(wk_tensor *value, wk_tensor **kept)) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return wk__status(ctx);
    if (s == NULL) return wk__fail(ctx, WK_EINVAL, function, "snapshot is NULL");
    const bool enabled = wk_set_grad_enabled(false);
    for (int64_t i = 0; i < s->state.count; i++) {
        const wk_scope scope = wk_scope_open();
        action(s->state.items[i].tensor, &s->kept[i]);
        wk_scope_close(scope);
    }
    wk_set_grad_enabled(enabled);
    wk__fail_as(ctx, function);
    return wk__status(ctx);
}

wk_status wk_snapshot_take(wk_snapshot *s) { return for_each(s, "snapshot_take", keep); }
wk_status wk_snapshot_restore(wk_snapshot *s) { return for_each(s, "snapshot_restore", restore); }
wk_status wk_snapshot_exchange(wk_snapshot *s) { return for_each(s, "snapshot_exchange", exchange); }

static void average(wk_tensor *value, wk_tensor *kept, double decay) {
    const wk_scope scope = wk_scope_open();
    if (!wk__dtype_is_float[wk_dtype_of(value)]) wk_copy_(kept, value);
    else wk_copy_(kept, wk_add(wk_mul_scalar(kept, decay), wk_mul_scalar(value, 1 - decay)));
    wk_scope_close(scope);
}

wk_status wk_snapshot_average(wk_snapshot *s, double decay) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return wk__status(ctx);
    if (s == NULL) return wk__fail(ctx, WK_EINVAL, "snapshot_average", "snapshot is NULL");
    if (!(decay >= 0 && decay <= 1))
        return wk__fail(ctx, WK_EINVAL, "snapshot_average", "decay is %g, which is not from 0 to 1", decay);
    const bool enabled = wk_set_grad_enabled(false);
    for (int64_t i = 0; i < s->state.count; i++) average(s->state.items[i].tensor, s->kept[i], decay);
    wk_set_grad_enabled(enabled);
    wk__fail_as(ctx, "snapshot_average");
    return wk__status(ctx);
}

/* A shared parameter has one value, and is kept once. */
static void drop_repeats(wk_state *state) {
    int64_t count = 0;
    for (int64_t i = 0; i < state->count; i++) {
        int64_t same = 0;
        while (same < count && state->items[same].tensor != state->items[i].tensor) same++;
        if (same < count) free(state->items[i].name);
        else state->items[count++] = state->items[i];
    }
    state->count = count;
}

wk_snapshot *wk_snapshot_new(wk_module *m) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || wk__capture_refuses(ctx, "snapshot_new", "make snapshots before the run")) return NULL;
    if (m == NULL) return wk__fail(ctx, WK_EINVAL, "snapshot_new", "m is NULL"), NULL;
    wk_snapshot *s = calloc(1, sizeof *s);
    if (s != NULL && wk__state_of(m, "", &s->state)) {
        drop_repeats(&s->state);
        s->module = wk__module_retain(m);
        s->kept = calloc((size_t)s->state.count + 1, sizeof *s->kept);
    }
    if (s == NULL || s->kept == NULL) wk__out_of_memory(ctx, "snapshot_new");
    else wk_snapshot_take(s);
    if (wk_ok()) return s;
    wk__fail_as(ctx, "snapshot_new");
    wk_snapshot_free(s);
    return NULL;
}

void wk_snapshot_free(wk_snapshot *s) {
    if (s == NULL) return;
    for (int64_t i = 0; s->kept != NULL && i < s->state.count; i++) wk_release(&s->kept[i]);
    free(s->kept);
    wk__state_free(&s->state);
    if (s->module != NULL) wk__module_release(s->module);
    free(s);
}
