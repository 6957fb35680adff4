/* module.c -- the tree of modules. */
#include "nn/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/slab.h"

static const wk_module_class plain_class = {.size = sizeof(wk_module_class), .name = "Module"};

/* ---------------------------------------------------------------------------------------------- making, freeing --- */

static void members_free(wk_parameter *members, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        wk__unref(members[i].tensor);
        free(members[i].name);
    }
    free(members);
}

static void module_free(wk_module *m) {
    for (int32_t i = 0; i < m->child_count; i++) module_free(m->children[i]);
    if (m->cls->free != NULL && m->self != NULL) m->cls->free(m);
    members_free(m->parameters, m->parameter_count);
    members_free(m->buffers, m->buffer_count);
    for (wk_slab *slab = m->slabs, *older; slab != NULL; slab = older) {
        older = slab->older;
        wk__slab_free(slab);
    }
    free(m->children);
    free(m->self);
    free(m->name);
    free(m);
}

bool wk__grow(void **array, int32_t count, size_t nbytes) {
    if ((count & (count - 1)) != 0) return true;
    void *larger = realloc(*array, (count > 0 ? 2 * (size_t)count : 1) * nbytes);
    if (larger != NULL) *array = larger;
    return larger != NULL;
}

static bool taken(const wk_module *m, const char *name) {
    for (int32_t i = 0; i < m->parameter_count; i++)
        if (strcmp(m->parameters[i].name, name) == 0) return true;
    for (int32_t i = 0; i < m->buffer_count; i++)
        if (strcmp(m->buffers[i].name, name) == 0) return true;
    return wk_module_child(m, name) != NULL;
}

bool wk__module_is_ours(wk_ctx *ctx, const wk_module *m, const char *op) {
    if (wk_likely(m != NULL && m->root->ctx == ctx)) return true;
    if (m == NULL)
        wk__fail(ctx, WK_EINVAL, op, "m is NULL");
    else
        wk__fail(ctx, WK_ECONTEXT, op, "m belongs to another context");
    return false;
}

bool wk__module_check_name(wk_ctx *ctx, const wk_module *m, const char *name, const char *op) {
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
    m->training = true;
    m->name = strdup(name != NULL ? name : "");
    if (cls->self_nbytes > 0) m->self = calloc(1, cls->self_nbytes);
    if (m->name != NULL && (cls->self_nbytes == 0 || m->self != NULL)) return m;
    free(m->self);
    free(m->name);
    free(m);
    return NULL;
}

static bool check_parent(wk_ctx *ctx, const wk_module *parent, const char *name, const char *op) {
    if (parent == NULL) return true;
    if (parent->root->ctx != ctx)
        wk__fail(ctx, WK_ECONTEXT, op, "parent belongs to another context");
    else if (parent->depth + 1 == WK_MAX_MODULE_DEPTH)
        wk__fail(ctx, WK_EINVAL, op, "Module \"%s\" is at level %d, and none may be below that", parent->name,
                 WK_MAX_MODULE_DEPTH);
    else
        return wk__module_check_name(ctx, parent, name, op);
    return false;
}

wk_module *wk__module_new(wk_module *parent, const char *name, const wk_module_class *cls, const char *op) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return NULL;
    if (cls == NULL || cls->size < sizeof *cls || cls->name == NULL) {
        wk__fail(ctx, WK_EINVAL, op, "the class has no name, or another size than this version knows");
        return NULL;
    }
    char number[16]; /* children of a Sequential are counted */
    if (name == NULL && parent != NULL && parent->cls == &wk__sequential_class) {
        snprintf(number, sizeof number, "%d", parent->child_count);
        name = number;
    }
    if (!check_parent(ctx, parent, name, op)) return NULL;
    wk_module *m = module_alloc(name, cls);
    if (m == NULL ||
        (parent != NULL && !wk__grow((void **)&parent->children, parent->child_count, sizeof *parent->children))) {
        if (m != NULL) module_free(m);
        wk__out_of_memory(ctx, op);
        return NULL;
    }
    m->ctx = ctx;
    m->recordings = ctx->recordings;
    if (parent == NULL) return m;
    wk__modes_joined(ctx, parent->root->recordings);
    m->parent = parent;
    m->root = parent->root;
    m->depth = parent->depth + 1;
    return parent->children[parent->child_count++] = m;
}

wk_module *wk_module_new_of(wk_module *parent, const char *name, const wk_module_class *cls) {
    return wk__module_new(parent, name, cls, "module_new_of");
}

wk_module *wk_module_new(wk_module *parent, const char *name) {
    return wk__module_new(parent, name, &plain_class, "module_new");
}

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

void wk__module_discard(wk_module *m) {
    if (m->parent == NULL) {
        wk__module_release(m);
        return;
    }
    m->parent->child_count--;
    wk__module_uncount(m);
    module_free(m);
}

/* ------------------------------------------------------------------------------------------------------- asking --- */

const char *wk_module_name(const wk_module *m) { return m != NULL ? m->name : ""; }
void *wk_module_self(const wk_module *m) { return m != NULL ? m->self : NULL; }
const wk_module_class *wk_module_class_of(const wk_module *m) { return m != NULL ? m->cls : NULL; }
int32_t wk_module_child_count(const wk_module *m) { return m != NULL ? m->child_count : 0; }
bool wk_module_training(const wk_module *m) { return m != NULL && m->training; }

wk_module *wk_module_child(const wk_module *m, const char *name) {
    for (int32_t i = 0; m != NULL && name != NULL && i < m->child_count; i++)
        if (strcmp(m->children[i]->name, name) == 0) return m->children[i];
    return NULL;
}

wk_module *wk_module_child_at(const wk_module *m, int32_t index) {
    return m != NULL && index >= 0 && index < m->child_count ? m->children[index] : NULL;
}

/* -------------------------------------------------------------------------------------------------------- using --- */

static void set_training(wk_module *m, bool training) {
    if (m->training != training) wk__ctx()->modes = wk__modes_but(wk__ctx()->modes, m);
    m->training = training;
    for (int32_t i = 0; i < m->child_count; i++) set_training(m->children[i], training);
}

void wk_module_train(wk_module *m, bool training) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return;
    if (wk__module_is_ours(ctx, m, "module_train")) set_training(m, training);
}

wk_tensor *wk_forward(wk_module *m, wk_tensor *x) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return NULL;
    if (m != NULL && m->cls->forward != NULL) {
        wk_tensor *y = m->cls->forward(m, x);
        if (wk_unlikely(y == NULL))
            wk__fail(ctx, WK_EINVAL, "forward", "the forward of %s returned NULL", m->cls->name);
        return y;
    }
    if (m == NULL)
        wk__fail(ctx, WK_EINVAL, "forward", "m is NULL");
    else
        wk__fail(ctx, WK_EINVAL, "forward",
                 "m is %s, which has no forward with one input and output: call its own function, or its children",
                 m->cls->name);
    return NULL;
}
