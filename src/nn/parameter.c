/* parameter.c -- what a module holds: parameters, those it shares, and buffers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/slab.h"
#include "wick/grad.h"
#include "wick/ops.h"

/* ------------------------------------------------------------------------------------------------------- asking --- */

/* The first member with this tensor in the order of wk_module_parameter_at. */
static wk_parameter *first_with(wk_module *m, const wk_tensor *t) {
    for (int32_t i = 0; i < m->parameter_count; i++)
        if (m->parameters[i].tensor == t) return &m->parameters[i];
    wk_parameter *found = NULL;
    for (int32_t i = 0; i < m->child_count && found == NULL; i++) found = first_with(m->children[i], t);
    return found;
}

void wk__module_uncount(const wk_module *m) {
    for (int32_t i = 0; i < m->parameter_count; i++)
        for (wk_module *above = m->parent; above != NULL; above = above->parent)
            if (first_with(above, m->parameters[i].tensor) == NULL) above->total--;
}

/* A shared parameter is counted where the walk from `top` meets it first. */
static bool is_repeated(const wk_module *top, const wk_parameter *p) {
    return p->is_shared && first_with((wk_module *)top, p->tensor) != p;
}

/* Parameter *index of m and below, or NULL and *index less by how many there were. */
static const wk_parameter *parameter_from(const wk_module *top, const wk_module *m, int64_t *index) {
    for (int32_t i = 0; i < m->parameter_count; i++)
        if (!is_repeated(top, &m->parameters[i]) && (*index)-- == 0) return &m->parameters[i];
    const wk_parameter *found = NULL;
    for (int32_t i = 0; i < m->child_count && found == NULL; i++) {
        const wk_module *child = m->children[i];
        if (!top->root->has_shared && *index >= child->total) *index -= child->total;
        else found = parameter_from(top, child, index);
    }
    return found;
}

const wk_parameter *wk__module_parameter(const wk_module *m, int64_t index) {
    return index >= 0 && index < m->total ? parameter_from(m, m, &index) : NULL;
}

int64_t wk_module_parameter_count(const wk_module *m) { return m != NULL ? m->total : 0; }

wk_tensor *wk_module_parameter_at(const wk_module *m, int64_t index) {
    const wk_parameter *p = m != NULL ? wk__module_parameter(m, index) : NULL;
    return p != NULL ? p->tensor : NULL;
}

/* The module that holds what a dotted name names, and the last part of the name; NULL when there is none. */
static const wk_module *holder(const wk_module *m, const char **name) {
    for (const char *dot; m != NULL && *name != NULL && (dot = strchr(*name, '.')) != NULL; *name = dot + 1) {
        const size_t length = (size_t)(dot - *name);
        const wk_module *child = NULL;
        for (int32_t i = 0; i < m->child_count && child == NULL; i++)
            if (strlen(m->children[i]->name) == length && strncmp(m->children[i]->name, *name, length) == 0)
                child = m->children[i];
        m = child;
    }
    return *name != NULL ? m : NULL;
}

static wk_tensor *member_named(const wk_parameter *members, int32_t count, const char *name) {
    for (int32_t i = 0; i < count; i++)
        if (strcmp(members[i].name, name) == 0) return members[i].tensor;
    return NULL;
}

wk_tensor *wk_module_parameter(const wk_module *m, const char *name) {
    m = holder(m, &name);
    return m != NULL ? member_named(m->parameters, m->parameter_count, name) : NULL;
}

wk_tensor *wk_module_buffer(const wk_module *m, const char *name) {
    m = holder(m, &name);
    return m != NULL ? member_named(m->buffers, m->buffer_count, name) : NULL;
}

/* ------------------------------------------------------------------------------------------------------- adding --- */

/* "rnn.weight_ih_l0": the path from the root, without the root's own name. */
static void dotted_name(const wk_module *m, const char *name, char *text, size_t nbytes) {
    if (m->parent == NULL) {
        wk__print(text, nbytes, "%s", name);
        return;
    }
    dotted_name(m->parent, m->name, text, nbytes);
    const size_t used = strlen(text);
    wk__print(text + used, nbytes - used, ".%s", name);
}

/* Can m take in `t` under this name? */
static bool may_add(wk_ctx *ctx, const wk_module *m, const char *name, const wk_tensor *t, const char *what,
                    const char *op) {
    if (!wk__ready(ctx) || wk__capture_refuses(ctx, op, "make modules before the run")) return false;
    if (!wk__usable(ctx, t, op, what)) return false;
    return wk__module_is_ours(ctx, m, op) && wk__module_check_name(ctx, m, name, op);
}

static void copy_silently(wk_tensor *y, wk_tensor *x) {
    const bool enabled = wk_set_grad_enabled(false);
    wk_copy_(y, x);
    wk_set_grad_enabled(enabled);
}

static bool place_parameter(wk_module *m, const char *name, wk_tensor *init, wk_parameter *p) {
    if (!wk__grow((void **)&m->parameters, m->parameter_count, sizeof *m->parameters)) return false;
    char *copy = strdup(name);
    if (copy != NULL && wk__slab_place(m->root, init->a.dtype, init->a.ndim, init->a.dims, p)) {
        p->name = copy;
        return true;
    }
    free(copy);
    return false;
}

wk_tensor *wk_module_add_parameter(wk_module *m, const char *name, wk_tensor *init) {
    static const char *const op = "module_add_parameter";
    wk_ctx *ctx = wk__ctx();
    wk_parameter p;
    if (!may_add(ctx, m, name, init, "init", op)) return NULL;
    if (!wk__dtype_is_float[init->a.dtype]) {
        wk__fail(ctx, WK_EDTYPE, op, "init has type %s, not f32 or f64: wk_cast it", wk_dtype_name(init->a.dtype));
        return NULL;
    }
    if (!place_parameter(m, name, init, &p)) return wk__out_of_memory(ctx, op), NULL;
    copy_silently(p.tensor, init);
    p.tensor->way.kind = WK__TO_LEAF;
    dotted_name(m, name, p.tensor->meta->name, sizeof p.tensor->meta->name);
    m->parameters[m->parameter_count++] = p;
    wk__modes_joined(ctx, m->root->recordings);
    for (wk_module *above = m; above != NULL; above = above->parent) above->total++;
    return p.tensor;
}

wk_tensor *wk_module_share_parameter(wk_module *m, const char *name, wk_tensor *t) {
    static const char *const op = "module_share_parameter";
    wk_ctx *ctx = wk__ctx();
    if (!may_add(ctx, m, name, t, "t", op)) return NULL;
    char *copy = strdup(name);
    if (copy == NULL || !wk__grow((void **)&m->parameters, m->parameter_count, sizeof *m->parameters)) {
        free(copy);
        return wk__out_of_memory(ctx, op), NULL;
    }
    wk_parameter *own = first_with(m->root, t);
    if (own == NULL) {
        free(copy);
        return wk__fail(ctx, WK_EINVAL, op, "t is not a parameter of the tree that \"%s\" belongs to", m->name), NULL;
    }
    for (wk_module *above = m; above != NULL && first_with(above, t) == NULL; above = above->parent) above->total++;
    m->root->has_shared = own->is_shared = true;
    wk__modes_joined(ctx, m->root->recordings);
    wk_parameter *shared = &m->parameters[m->parameter_count++];
    *shared = *own;
    shared->name = copy;
    return wk__retain(t);
}

wk_tensor *wk_module_add_buffer(wk_module *m, const char *name, wk_tensor *init) {
    static const char *const op = "module_add_buffer";
    wk_ctx *ctx = wk__ctx();
    if (!may_add(ctx, m, name, init, "init", op)) return NULL;
    char *copy = strdup(name);
    wk_tensor *t = wk__tensor_make(ctx, init->a.dtype, init->a.ndim, init->a.dims);
    if (copy == NULL || t == NULL || wk__tensor_meta(t) == NULL ||
        !wk__grow((void **)&m->buffers, m->buffer_count, sizeof *m->buffers)) {
        free(copy);
        wk__unref(t);
        return wk__out_of_memory(ctx, op), NULL;
    }
    copy_silently(t, init);
    dotted_name(m, name, t->meta->name, sizeof t->meta->name);
    m->buffers[m->buffer_count++] = (wk_parameter){.tensor = t, .name = copy};
    return t;
}

void wk_module_requires_grad_(wk_module *m, bool requires_grad) {
    wk_ctx *ctx = wk__ctx();
    static const char *const op = "module_requires_grad_";
    if (!wk__ready(ctx) || !wk__module_is_ours(ctx, m, op)) return;
    for (int64_t i = 0; i < wk_module_parameter_count(m); i++)
        wk_requires_grad_(wk_module_parameter_at(m, i), requires_grad);
    wk__fail_as(ctx, op);
}
