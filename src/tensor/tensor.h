/* tensor.h -- tensors and their storage from the inside.
 *
 *     wk_tensor --> wk_storage --> elements        many tensors may share a storage (views, detach);
 *        |                                         each is a handle of its own with its own shape and history
 *        +--> wk_node, the op that made it (grad/tape.h), or NULL
 *        +--> wk_meta, only when it has a name or a gradient
 *
 * NOTE [Counts]. `refs` counts the holders of a handle: the scope that owns it, slots, modules, nodes that saved it.
 * Counts are plain integers: a tensor belongs to the context that made it, and a context to one thread at a time. */
#ifndef WK_TENSOR_TENSOR_H
#define WK_TENSOR_TENSOR_H

#include "base/context.h"
#include "tensor/array.h"
#include "wick/tensor.h"

struct wk_op;
struct wk_node;

/* The bytes, and who wrote them last. Header and elements are one block of the heap; a few elements even share a
 * cache line with the header:
 *
 *     +-----------------+----------------+        +-----------------+-------+---------------------------+
 *     | header          | up to 24 bytes |   or   | header          |       | elements ...              |
 *     +-----------------+----------------+        +-----------------+-------+---------------------------+
 *     0                 40              64        0                 40      64
 *
 * A piece of a parameter slab has no elements of its own: behind its header stands whose bytes they are. */
typedef struct wk_storage {
    void *data;
    wk_ctx *ctx;                /* whose heap the block goes back to */
    const struct wk_op *writer; /* the op that last wrote in place; NULL: nobody, or the user */
    int32_t refs;
    uint32_t version;           /* counts writes in place */
    uint32_t epoch;             /* counts recorded writes in place: views made before the last one are stale */
    int16_t size_class;
    bool is_piece;
} wk_storage;

typedef struct wk_storage_piece {
    wk_storage header;
    wk_storage *owner; /* held */
    const char *name;  /* of the parameter, for messages */
} wk_storage_piece;

enum {
    WK__FEW_NBYTES = WK__LINE - sizeof(wk_storage), /* elements that fit beside the header */
    WK__NAME_NBYTES = 128,
    WK__LIVE = 0x7e4504, /* the live word of a tensor; anything else means that it is gone */
    WK__NO_HANDLE = -1,
};

/* What only leaves and named tensors have. */
typedef struct wk_meta {
    char name[WK__NAME_NBYTES];
    struct wk_tensor *grad; /* room for the gradient; its value counts only when has_grad */
    bool has_grad;
    bool grad_invalid;      /* a failed backward touched it: steps refuse until zero_grad */
    uint32_t walk;          /* the backward that touched it last */
    int32_t target;         /* wk_grad: 1 + number of the target that this leaf is, or 0 */
} wk_meta;

/* Bits of wk_tensor.flags */
enum {
    WK__CONTIGUOUS = 1,
    WK__NEEDS_GRAD = 2, /* a leaf that requires a gradient, or computed from one */
    WK__CUT = 4,        /* it had a history, which a closed scope took with it */
    WK__OWNED = 8,      /* the handle list of its scope counts as a holder */
    WK__VIEW = 16,      /* made as a view of another tensor */
};

struct wk_tensor {
    uint32_t live;
    int32_t refs;
    wk_ctx *ctx;
    wk_storage *storage;
    struct wk_node *node; /* the op that made it, while that is on the tape */
    wk_meta *meta;
    int64_t handle;       /* place in ctx->handles, or WK__NO_HANDLE */
    int32_t depth;        /* of the scope it is to end up in */
    uint32_t epoch;       /* the storage's when this handle was made */
    uint8_t flags;
    uint8_t output;       /* which output of node it is */
    wk_array a;
};

/* ----------------------------------------------------------------------------------------- making and releasing --- */

/* The functions that every op runs through are inline: a call each would cost more than what they do. */

/* A handle of the given shape without storage, held once, by the caller; NULL when memory is out. Shapes have been
 * checked. */
static inline wk_tensor *wk__tensor_new(wk_ctx *ctx, wk_dtype dtype, int32_t ndim, const int64_t *dims) {
    wk_tensor *t = (wk_tensor *)wk__heap_alloc(&ctx->heap, wk__heap_class(sizeof *t));
    if (wk_unlikely(t == NULL)) return NULL;
    t->live = WK__LIVE;
    t->refs = 1;
    t->ctx = ctx;
    t->storage = NULL;
    t->node = NULL;
    t->meta = NULL;
    t->handle = WK__NO_HANDLE;
    t->depth = 0;
    t->epoch = 0;
    t->flags = WK__CONTIGUOUS;
    t->output = 0;
    t->a.dtype = dtype;
    if (ndim > 0) {
        wk__array_set_dims(&t->a, ndim, dims);
    } else {
        t->a.ndim = 0;
        t->a.numel = 1;
    }
    return t;
}

/* A storage with room for nbytes, held once; NULL when memory is out. */
static inline wk_storage *wk__storage_new(wk_ctx *ctx, size_t nbytes) {
    const bool few = nbytes <= WK__FEW_NBYTES;
    const int32_t size_class = few ? 0 : wk__heap_class(WK__LINE + nbytes);
    if (wk_unlikely(size_class >= WK__HEAP_CLASSES)) return NULL;
    wk_storage *s = (wk_storage *)wk__heap_alloc(&ctx->heap, size_class);
    if (wk_unlikely(s == NULL)) return NULL;
    s->data = (char *)s + (few ? sizeof *s : (size_t)WK__LINE);
    s->ctx = ctx;
    s->writer = NULL;
    s->refs = 1;
    s->version = 0;
    s->epoch = 0;
    s->size_class = (int16_t)size_class;
    s->is_piece = false;
    return s;
}

/* Gives a handle its own storage, of unknown content. False when memory is out. */
static inline bool wk__tensor_allocate(wk_tensor *t) {
    t->storage = wk__storage_new(t->ctx, (size_t)t->a.numel * wk__dtype_nbytes[t->a.dtype]);
    if (wk_unlikely(t->storage == NULL)) return false;
    t->a.data = t->storage->data;
    return true;
}

/* Gives a handle, whose array describes elements of x, a share of x's storage. */
static inline void wk__tensor_share(wk_tensor *t, const wk_tensor *x) {
    t->storage = x->storage;
    t->storage->refs++;
    t->epoch = x->epoch;
    t->flags = (uint8_t)(WK__VIEW | (wk__array_is_contiguous(&t->a) ? WK__CONTIGUOUS : 0));
}

/* A handle on the storage of `of`, with the elements that `array` describes. NULL when memory is out. */
wk_tensor *wk__tensor_view(wk_tensor *of, const wk_array *array);

/* new + allocate: an internal tensor that no scope owns. */
wk_tensor *wk__tensor_make(wk_ctx *ctx, wk_dtype dtype, int32_t ndim, const int64_t *dims);

/* Sets every element of a contiguous tensor to zero, which has all bits zero in every type. */
void wk__tensor_zero(wk_tensor *t);

void wk__tensor_destroy(wk_tensor *t);
void wk__storage_destroy(wk_storage *storage);

static inline wk_tensor *wk__retain(wk_tensor *t) {
    t->refs++;
    return t;
}

static inline void wk__unref(wk_tensor *t) {
    if (t != NULL && --t->refs == 0) wk__tensor_destroy(t);
}

/* A storage for the piece of owner's bytes at `data`, held once. `name` is borrowed. NULL when memory is out. */
wk_storage *wk__storage_piece_new(wk_storage *owner, void *data, const char *name);

/* The name of the parameter whose piece this is, or NULL. */
static inline const char *wk__storage_name(const wk_storage *s) {
    return s->is_piece ? ((const wk_storage_piece *)(const void *)s)->name : NULL;
}

/* Notes that op (NULL: the user) wrote this storage in place. */
static inline void wk__storage_written(wk_storage *storage, const struct wk_op *op) {
    storage->version++;
    storage->writer = op;
}

/* Name, gradient: made at first need. NULL when memory is out. */
wk_meta *wk__tensor_meta(wk_tensor *t);

bool wk__handles_grow(wk_ctx *ctx);

/* Gives a handle to the innermost scope; on failure (memory) releases it and returns NULL. */
static inline wk_tensor *wk__give_to_scope(wk_tensor *t) {
    wk_ctx *ctx = t->ctx;
    if (wk_unlikely(ctx->handle_count == ctx->handle_capacity) && !wk__handles_grow(ctx)) {
        wk__unref(t);
        return NULL;
    }
    t->handle = ctx->handle_count;
    t->depth = ctx->depth;
    t->flags |= WK__OWNED;
    ctx->handles[ctx->handle_count++] = t;
    return t;
}

/* The public edge of every function that takes a tensor: true when t may be used by ctx. Else records why. */
bool wk__usable(wk_ctx *ctx, const wk_tensor *t, const char *op, const char *argument);

/* A number as an element of each type. Out of range for an integer: the nearest it has; NaN: 0. */
typedef union wk_element {
    float f32;
    double f64;
    int64_t i64;
} wk_element;
wk_element wk__element_of(double value, wk_dtype dtype);

/* True when dims make a legal shape; else records why. */
bool wk__check_shape(wk_ctx *ctx, const char *op, int32_t ndim, const int64_t *dims, wk_dtype dtype);

/* "(3,4)" of a tensor. */
static inline const char *wk__dims_text(wk_shape_text *buffer, const wk_tensor *t) {
    return wk__shape_text(buffer, t->a.ndim, t->a.dims);
}

#endif
