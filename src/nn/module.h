/* module.h -- modules and the slabs that their parameters lie in, from the inside.
 *
 * NOTE [Slabs]. The parameters of a tree lie in slabs of its root, one after another, so that an optimiser can update
 * them in one pass; their gradients lie at the same places of a second array:
 *
 *     values  | weight_ih | weight_hh                | bias_ih | bias_hh | weight | bias | free ...
 *     grads   | weight_ih | weight_hh                | bias_ih | bias_hh | weight | bias | free ...
 *             0           ^ every piece begins at a multiple of 64 bytes; gaps are zero and stay zero
 *
 * A slab never moves: when it is full, a larger one is begun; a large parameter has one alone. Each piece is a storage
 * of its own, with its own version and its own last writer, so stepping one model does not "change" another that shares
 * the slab. */
#ifndef WK_NN_MODULE_H
#define WK_NN_MODULE_H

#include "tensor/tensor.h"
#include "wick/nn.h"

typedef struct wk_slab {
    struct wk_slab *older;
    wk_tensor *values, *grads; /* 1-d, of the whole capacity */
    int64_t used, capacity;    /* elements */
} wk_slab;

typedef struct wk_parameter {
    wk_tensor *tensor;
    wk_slab *slab;
    int64_t begin, end; /* its place in the slab with the gap after it, in elements */
    char *name;         /* without the path */
    bool is_shared;     /* the tree has it under several names */
} wk_parameter;         /* a buffer has tensor and name only */

struct wk_module {
    const wk_module_class *cls;
    char *name;
    wk_module *parent, *root;
    int32_t depth; /* of a root 0 */
    wk_module **children;
    int32_t child_count;
    wk_parameter *parameters;
    int32_t parameter_count;
    wk_parameter *buffers;
    int32_t buffer_count;
    int64_t total; /* parameters here and below, a shared one counted once */
    bool training;
    void *self;

    /* of roots only */
    wk_ctx *ctx;
    wk_slab *slabs; /* newest first */
    int32_t refs;   /* the user's, and one for each optimiser or snapshot */
    bool has_shared;
    uint64_t recordings; /* made when this was */
};

extern const wk_module_class wk__sequential_class;

/* Makes room for one more entry of an array that grows at powers of two. False when memory is out. */
bool wk__grow(void **array, int32_t count, size_t nbytes);

/* Makes a module on behalf of the public function `op`. */
wk_module *wk__module_new(wk_module *parent, const char *name, const wk_module_class *cls, const char *op);

/* Is there a module, and is it of this context? Else records why not. */
bool wk__module_is_ours(wk_ctx *ctx, const wk_module *m, const char *op);

/* Is this a name for a new member of m? Else records why. */
bool wk__module_check_name(wk_ctx *ctx, const wk_module *m, const char *name, const char *op);

/* Parameter `index` in the order of wk_module_parameter_at; NULL outside. */
const wk_parameter *wk__module_parameter(const wk_module *m, int64_t index);

/* Takes a module that could not be completed, its parent's newest child, out of the tree again, and frees it. */
void wk__module_discard(wk_module *m);
void wk__module_uncount(const wk_module *m); /* its parameters, in those above it */

/* A hold on the tree, for optimisers and snapshots. */
wk_module *wk__module_retain(wk_module *m);
void wk__module_release(wk_module *m);

#endif
