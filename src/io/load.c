/* load.c -- the state of a module to a file and back, by name. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"
#include "wick/grad.h"
#include "wick/ops.h"

/* ----------------------------------------------------------------------------------------------------- checking --- */

/* All that does not fit, one after another, as far as a message goes. */
typedef struct complaints {
    char text[320];
    size_t used;
    wk_status status; /* of the first */
} complaints;

static WK_PRINTF(3, 4) void complain(complaints *c, wk_status status, const char *format, ...) {
    if (c->status == WK_OK) c->status = status;
    else if (c->used < sizeof c->text)
        c->used += (size_t)snprintf(c->text + c->used, sizeof c->text - c->used, "; ");
    if (c->used >= sizeof c->text) return;
    va_list arguments;
    va_start(arguments, format);
    c->used += (size_t)vsnprintf(c->text + c->used, sizeof c->text - c->used, format, arguments);
    va_end(arguments);
}

/* Is the tensor in the file under another of its names? Files of other programs hold a shared one once. */
static bool has_another_name(const wk_safetensors *file, const wk_state *state, const wk_named *item) {
    for (int64_t i = 0; i < state->count; i++)
        if (state->items[i].tensor == item->tensor && wk__entry_named(file, state->items[i].name) != NULL) return true;
    return false;
}

static bool same_shape(const wk_entry *e, const wk_tensor *t) {
    bool same = e->ndim == t->a.ndim;
    for (int32_t d = 0; same && d < e->ndim; d++) same = e->dims[d] == t->a.dims[d];
    return same;
}

static void check_item(complaints *c, const wk_safetensors *file, const wk_state *state, const wk_named *item,
                       uint32_t flags) {
    const wk_tensor *t = item->tensor;
    wk_shape_text is, wanted;
    wk_entry *e = wk__entry_named(file, item->name);
    if (e == NULL) {
        if (!(flags & WK_LOAD_PARTIAL) && !has_another_name(file, state, item))
            complain(c, WK_EINVAL, "%s is missing", item->name);
        return;
    }
    e->is_known = true;
    if (!same_shape(e, t))
        complain(c, WK_ESHAPE, "%s is %s, not %s", item->name, wk__shape_text(&is, e->ndim, e->dims),
                 wk__dims_text(&wanted, t));
    else if (e->format != wk__format_of(t->a.dtype))
        complain(c, WK_EDTYPE, "%s has type %s, not %s", item->name, wk__formats[e->format].name,
                 wk__formats[wk__format_of(t->a.dtype)].name);
}

bool wk__load_check(wk_safetensors *file, const wk_state *state, uint32_t flags, const char *op) {
    complaints c = {.status = WK_OK};
    for (int64_t i = 0; i < file->count; i++) file->entries[i].is_known = false;
    for (int64_t i = 0; i < state->count; i++) check_item(&c, file, state, &state->items[i], flags);
    for (int64_t i = 0; i < file->count && !(flags & WK_LOAD_PARTIAL); i++)
        if (!file->entries[i].is_known) complain(&c, WK_EINVAL, "%s is unexpected", file->entries[i].name);
    if (c.status != WK_OK) wk__fail(wk__ctx(), c.status, op, "%s: %s", file->path, c.text);
    return c.status == WK_OK;
}

/* ------------------------------------------------------------------------------------------------------ loading --- */

/* All is read before anything is copied. */
bool wk__load_values(const wk_safetensors *file, const wk_state *state) {
    wk_tensor **fresh = calloc((size_t)state->count + 1, sizeof *fresh);
    if (fresh == NULL) return wk__fail(wk__ctx(), WK_ENOMEM, "load", "out of memory"), false;
    const wk_scope scope = wk_scope_open();
    const bool enabled = wk_set_grad_enabled(false);
    for (int64_t i = 0; i < state->count; i++)
        if (wk__entry_named(file, state->items[i].name) != NULL)
            fresh[i] = wk_safetensors_read(file, state->items[i].name);
    for (int64_t i = 0; i < state->count && wk_ok(); i++)
        if (fresh[i] != NULL) wk_copy_(state->items[i].tensor, fresh[i]);
    wk_set_grad_enabled(enabled);
    wk_scope_close(scope);
    free(fresh);
    return wk_ok();
}

/* Path and module are there, and nothing is pending. */
static bool usable(wk_ctx *ctx, const char *path, const wk_module *m, const char *op) {
    if (!wk__ready(ctx)) return false;
    if (path == NULL || m == NULL) wk__fail(ctx, WK_EINVAL, op, "%s is NULL", path == NULL ? "path" : "module");
    else if (m->root->ctx != ctx) wk__fail(ctx, WK_ECONTEXT, op, "module belongs to another context");
    return ctx->failure.status == WK_OK;
}

wk_status wk_load(const char *path, wk_module *module, uint32_t flags) {
    wk_ctx *ctx = wk__ctx();
    wk_state state = {0};
    if (!usable(ctx, path, module, "load")) return wk__status(ctx);
    wk_safetensors *file = wk_safetensors_open(path);
    if (file == NULL) return wk__status(ctx);
    if (!wk__state_of(module, "", &state)) wk__fail(ctx, WK_ENOMEM, "load", "out of memory");
    else if (wk__load_check(file, &state, flags, "load")) wk__load_values(file, &state);
    wk__state_free(&state);
    wk_safetensors_close(file);
    return wk__status(ctx);
}

wk_status wk_save(const char *path, const wk_module *module) {
    wk_ctx *ctx = wk__ctx();
    wk_state state = {0};
    const wk_pair format = {"format", "pt"}; /* what PyTorch's side of the format looks for */
    if (!usable(ctx, path, module, "save")) return wk__status(ctx);
    if (!wk__state_of(module, "", &state)) wk__fail(ctx, WK_ENOMEM, "save", "out of memory");
    else wk__safetensors_write(path, state.items, state.count, &format, 1, "save");
    wk__state_free(&state);
    return wk__status(ctx);
}
