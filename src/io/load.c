/* load.c -- the state of a module to a file and back, by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/writer.h"
#include "io/safetensors.h"
#include "kernel/convert.h"
#include "wick/grad.h"
#include "wick/ops.h"

/* ----------------------------------------------------------------------------------------------------- checking --- */

/* All that does not fit, one after another, as far as a message goes. */
typedef struct complaints {
    char text[320];
    wk_writer writer; /* of that text */
    wk_status status; /* of the first */
} complaints;

static WK_PRINTF(3, 4) void complain(complaints *c, wk_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (c->status == WK_OK) c->status = status;
    else wk__write(&c->writer, "; ");
    wk__write_list(&c->writer, format, arguments);
    va_end(arguments);
}

/* Is the tensor in the file under another of its names? Files of other programs hold a shared one once. */
static bool has_another_name(const wk_safetensors *file, const wk_state *state, const wk_named *item) {
    for (int64_t i = 0; i < state->count; i++)
        if (state->items[i].tensor == item->tensor && wk__entry_named(file, state->items[i].name) != NULL) return true;
    return false;
}

static bool both_floating(const wk_entry *e, const wk_tensor *t) {
    const wk_dtype dtype = wk__dtype_of_format(e->format);
    return dtype >= 0 && wk__dtype_is_floating(dtype) && wk__dtype_is_floating(t->a.dtype);
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
    if (!wk__has_dims(&t->a, e->ndim, e->dims))
        complain(c, WK_ESHAPE, "%s is %s, not %s", item->name, wk__shape_text(&is, e->ndim, e->dims),
                 wk__dims_text(&wanted, t));
    else if (e->format != wk__format_of(t->a.dtype) && !((flags & WK_LOAD_CONVERT) && both_floating(e, t)))
        complain(c, WK_EDTYPE, "%s has type %s, not %s", item->name, wk__formats[e->format].name,
                 wk__formats[wk__format_of(t->a.dtype)].name);
}

/* May this be in the file, though the state has no such name? */
static bool may_be_left_out(const char *name, uint32_t flags) {
    static const char optimiser[] = "optimizer.";
    return (flags & WK_LOAD_PARTIAL) ||
           ((flags & WK__LOAD_NO_OPTIMISERS) && strncmp(name, optimiser, strlen(optimiser)) == 0);
}

bool wk__load_check(wk_safetensors *file, const wk_state *state, uint32_t flags) {
    complaints c = {.status = WK_OK};
    c.writer = wk__writer(c.text, sizeof c.text);
    for (int64_t i = 0; i < file->count; i++) file->entries[i].is_known = false;
    for (int64_t i = 0; i < state->count; i++) check_item(&c, file, state, &state->items[i], flags);
    for (int64_t i = 0; i < file->count; i++)
        if (!file->entries[i].is_known && !may_be_left_out(file->entries[i].name, flags))
            complain(&c, WK_EINVAL, "%s is unexpected", file->entries[i].name);
    if (c.status != WK_OK) wk__io_fail(c.status, "%s: %s", file->path, c.text);
    return c.status == WK_OK;
}

/* ------------------------------------------------------------------------------------------------------ loading --- */

/* The values of a tensor as the file has them, in the type that is wanted. */
static wk_tensor *read_as(const wk_safetensors *file, const char *name, wk_dtype dtype) {
    wk_tensor *read = wk__safetensors_read(file, name);
    if (read == NULL || read->a.dtype == dtype) return read;
    wk_tensor *t = wk_empty(read->a.ndim, read->a.dims, dtype);
    if (t != NULL) wk__convert[read->a.dtype][dtype](t->a.numel, t->a.data, 1, read->a.data, 1);
    wk_drop(read);
    return t;
}

/* All is read before anything is copied. */
bool wk__load_values(const wk_safetensors *file, const wk_state *state) {
    wk_tensor **fresh = calloc((size_t)state->count + 1, sizeof *fresh);
    if (fresh == NULL) return wk__io_out_of_memory(), false;
    const wk_scope scope = wk_scope_open();
    const bool enabled = wk_set_grad_enabled(false);
    for (int64_t i = 0; i < state->count; i++)
        if (wk__entry_named(file, state->items[i].name) != NULL)
            fresh[i] = read_as(file, state->items[i].name, state->items[i].tensor->a.dtype);
    for (int64_t i = 0; i < state->count && wk_ok(); i++)
        if (fresh[i] != NULL) wk_copy_(state->items[i].tensor, fresh[i]);
    wk_set_grad_enabled(enabled);
    wk_scope_close(scope);
    free(fresh);
    return wk_ok();
}

/* The state of the module, if path and module are there; else records why not. */
static bool state_of(const char *path, const wk_module *m, wk_state *state) {
    if (path == NULL || m == NULL) wk__io_fail(WK_EINVAL, "%s is NULL", path == NULL ? "path" : "module");
    else if (m->root->ctx != wk__ctx()) wk__io_fail(WK_ECONTEXT, "module belongs to another context");
    else if (!wk__state_of(m, "", state)) wk__io_out_of_memory();
    return wk_ok();
}

/* A checkpoint has the state of the generator, and the names of the module under "model.". */
static bool is_checkpoint(const wk_safetensors *file, const wk_state *state) {
    for (int64_t i = 0; i < state->count; i++)
        if (strcmp(state->items[i].name, WK__GENERATOR_STATE) == 0) return false;
    return wk__entry_named(file, WK__GENERATOR_STATE) != NULL;
}

static void load(const char *path, const wk_state *state, uint32_t flags) {
    wk_safetensors *file = wk__safetensors_open(path);
    if (file != NULL && is_checkpoint(file, state))
        wk__io_fail(WK_EINVAL, "%s is a checkpoint: wk_checkpoint_load it, without optimisers if need be", path);
    else if (file != NULL && wk__load_check(file, state, flags))
        wk__load_values(file, state);
    wk_safetensors_close(file);
}

wk_status wk_load(const char *path, wk_module *module, uint32_t flags, wk_error *error) {
    wk_ctx *ctx = wk__ctx();
    wk_state state = {0};
    if (!wk__ready(ctx)) return wk__pending(ctx, error);
    if (flags & ~(uint32_t)(WK_LOAD_PARTIAL | WK_LOAD_CONVERT)) wk__io_fail(WK_EINVAL, "flags %#x are unknown", flags);
    else if (state_of(path, module, &state)) load(path, &state, flags);
    wk__state_free(&state);
    return wk__settle("load", error);
}

wk_status wk_save(const char *path, const wk_module *module, wk_error *error) {
    wk_ctx *ctx = wk__ctx();
    wk_state state = {0};
    const wk_pair format = WK__FOR_PYTORCH;
    if (!wk__ready(ctx)) return wk__pending(ctx, error);
    if (state_of(path, module, &state)) wk__safetensors_write(path, state.items, state.count, &format, 1);
    wk__state_free(&state);
    return wk__settle("save", error);
}
