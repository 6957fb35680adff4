/* module.c -- the tree of modules and their parameters. */
#include "nn/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/slab.h"
#include "wick/grad.h"
#include "wick/ops.h"

static const wk_module_class plain_class = {.size = sizeof(wk_module_class), .name = "Module"};

/* ---------------------------------------------------------------------------------------------- making, freeing --- */

static void module_free(wk_module *m) {
    for (int32_t i = 0; i < m->child_count; i++) module_free(m->children[i]);
    if (m->cls->free != NULL && m->self != NULL) m->cls->free(m);
    for (int32_t i = 0; i < m->parameter_count; i++) {
        wk__unref(m->parameters[i].tensor);
        free(m->parameters[i].name);
    }
    for (wk_slab *slab = m->slabs, *older; slab != NULL; slab = older) {
        older = slab->older;
        wk__slab_free(slab);
    }
    free(m->children);
    free(m->parameters);
    free(m->self);
    free(m->name);
    free(m);
}

/* Makes room for one more entry of an array that grows at powers of two. */
static bool grow(void **array, int32_t count, size_t nbytes) {
    if ((count & (count - 1)) != 0) return true;
    void *larger = realloc(*array, (count > 0 ? 2 * (size_t)count : 1) * nbytes);
    if (larger != NULL) *array = larger;
    return larger != NULL;
}

static bool taken(const wk_module *m, const char *name) {
    for (int32_t i = 0; i < m->parameter_count; i++)
        if (strcmp(m->parameters[i].name, name) == 0) return true;
    return wk_module_child(m, name) != NULL;
}

/* Is this a name for a member of m? */
static bool check_name(wk_ctx *ctx, const wk_module *m, const char *name, const char *op) {
    if (name == NULL || name[0] == '\0' || strchr(name, '.') != NULL)
        wk__fail(ctx, WK_EINVAL, op, "\"%s\" is no name: it is empty or has a dot", name != NULL ? name : "");
    else if (taken(m, name))
        wk__fail(ctx, WK_EINVAL, op, "%s \"%s\" has a member \"%s\" already", m->cls->name, m->name, name);
    return ctx->failure.status == WK_OK;
}

static wk_module *module_alloc(const char *name, const wk_module_class *cls) {
    wk_module *m = calloc(1, sizeof *m);
    if (m == NULL) return NULL;
    m->cls = cls;
    m->root = m;
    m->refs = 1;
    m->name = strdup(name != NULL ? name : "");
    if (cls->self_nbytes > 0) m->self = calloc(1, cls->self_nbytes);
    if (m->name != NULL && (cls->self_nbytes == 0 || m->self != NULL)) return m;
    free(m->self);
    free(m->name);
    free(m);
    return NULL;
}

wk_module *wk_module_new_of(wk_module *parent, const char *name, const wk_module_class *cls) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return NULL;
    if (cls == NULL || cls->size < sizeof *cls || cls->name == NULL) {
        wk__fail(ctx, WK_EINVAL, "module_new", "the class has no name, or another size than this version knows");
        return NULL;
    }
    if (parent != NULL && !check_name(ctx, parent, name, "module_new")) return NULL;
    wk_module *m = module_alloc(name, cls);
    if (m == NULL ||
        (parent != NULL && !grow((void **)&parent->children, parent->child_count, sizeof *parent->children))) {
        if (m != NULL) module_free(m);
        wk__fail(ctx, WK_ENOMEM, "module_new", "out of memory");
        return NULL;
    }
    m->ctx = ctx;
    if (parent == NULL) return m;
    m->parent = parent;
    m->root = parent->root;
    return parent->children[parent->child_count++] = m;
}

wk_module *wk_module_new(wk_module *parent, const char *name) { return wk_module_new_of(parent, name, &plain_class); }

wk_module *wk__module_retain(wk_module *m) {
    m->root->refs++;
    return m;
}

void wk__module_release(wk_module *m) {
    if (--m->root->refs == 0) module_free(m->root);
}

void wk_module_free(wk_module *root) {
    if (root == NULL) return;
    if (root->parent != NULL)
        wk__fail(wk__ctx(), WK_ESTATE, "module_free", "\"%s\" belongs to \"%s\", which frees it", root->name,
                 root->parent->name);
    else
        wk__module_release(root);
}

/* ------------------------------------------------------------------------------------------------------- asking --- */

const char *wk_module_name(const wk_module *m) { return m != NULL ? m->name : ""; }
void *wk_module_self(const wk_module *m) { return m != NULL ? m->self : NULL; }
const wk_module_class *wk_module_class_of(const wk_module *m) { return m != NULL ? m->cls : NULL; }
int64_t wk_module_parameter_count(const wk_module *m) { return m != NULL ? m->total : 0; }

wk_module *wk_module_child(const wk_module *m, const char *name) {
    for (int32_t i = 0; m != NULL && name != NULL && i < m->child_count; i++)
        if (strcmp(m->children[i]->name, name) == 0) return m->children[i];
    return NULL;
}

const wk_parameter *wk__module_parameter(const wk_module *m, int64_t index) {
    if (index < 0 || index >= m->total) return NULL;
    if (index < m->parameter_count) return &m->parameters[index];
    index -= m->parameter_count;
    int32_t child = 0;
    while (index >= m->children[child]->total) index -= m->children[child++]->total;
    return wk__module_parameter(m->children[child], index);
}

wk_tensor *wk_module_parameter_at(const wk_module *m, int64_t index) {
    const wk_parameter *p = m != NULL ? wk__module_parameter(m, index) : NULL;
    return p != NULL ? p->tensor : NULL;
}

wk_tensor *wk_module_parameter(const wk_module *m, const char *name) {
    const char *dot = name != NULL ? strchr(name, '.') : NULL;
    if (m == NULL || name == NULL) return NULL;
    for (int32_t i = 0; dot == NULL && i < m->parameter_count; i++)
        if (strcmp(m->parameters[i].name, name) == 0) return m->parameters[i].tensor;
    for (int32_t i = 0; dot != NULL && i < m->child_count; i++) {
        const char *child = m->children[i]->name;
        if (strlen(child) == (size_t)(dot - name) && strncmp(child, name, (size_t)(dot - name)) == 0)
            return wk_module_parameter(m->children[i], dot + 1);
    }
    return NULL;
}

/* --------------------------------------------------------------------------------------------------- parameters --- */

/* "rnn.weight_ih_l0": the path from the root, without the root's own name. */
static void dotted_name(const wk_module *m, const char *name, char *text, size_t nbytes) {
    if (m->parent == NULL) {
        snprintf(text, nbytes, "%s", name);
        return;
    }
    dotted_name(m->parent, m->name, text, nbytes);
    const size_t used = strlen(text);
    snprintf(text + used, nbytes - used, ".%s", name);
}

static bool place_parameter(wk_module *m, const char *name, wk_tensor *init, wk_parameter *p) {
    if (!grow((void **)&m->parameters, m->parameter_count, sizeof *m->parameters)) return false;
    char *copy = strdup(name);
    if (copy != NULL && wk__slab_place(m->root, init->a.dtype, init->a.ndim, init->a.dims, p)) {
        p->name = copy;
        return true;
    }
    free(copy);
    return false;
}

wk_tensor *wk_module_add_parameter(wk_module *m, const char *name, wk_tensor *init) {
    wk_ctx *ctx = wk__ctx();
    wk_parameter p;
    if (!wk__ready(ctx) || !wk__usable(ctx, init, "module_add_parameter", "init")) return NULL;
    if (m == NULL) return wk__fail(ctx, WK_EINVAL, "module_add_parameter", "m is NULL"), NULL;
    if (m->root->ctx != ctx)
        return wk__fail(ctx, WK_ECONTEXT, "module_add_parameter", "m belongs to another context"), NULL;
    if (!check_name(ctx, m, name, "module_add_parameter")) return NULL;
    if (!wk__dtype_is_float[init->a.dtype])
        return wk__fail(ctx, WK_EDTYPE, "module_add_parameter", "init has type %s, not a floating one",
                        wk_dtype_name(init->a.dtype)),
               NULL;
    if (!place_parameter(m, name, init, &p))
        return wk__fail(ctx, WK_ENOMEM, "module_add_parameter", "out of memory"), NULL;
    const bool enabled = wk_set_grad_enabled(false);
    wk_copy_(p.tensor, init);
    wk_set_grad_enabled(enabled);
    p.tensor->way.kind = WK__TO_LEAF;
    dotted_name(m, name, p.tensor->meta->name, sizeof p.tensor->meta->name);
    m->parameters[m->parameter_count++] = p;
    for (wk_module *above = m; above != NULL; above = above->parent) above->total++;
    return p.tensor;
}

wk_tensor *wk_forward(wk_module *m, wk_tensor *x) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return NULL;
    if (m != NULL && m->cls->forward != NULL) return m->cls->forward(m, x);
    wk__fail(ctx, WK_EINVAL, "forward", "%s is not a module with one input and one output",
             m != NULL ? m->cls->name : "NULL");
    return NULL;
}
