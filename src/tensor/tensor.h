/* tensor.h -- tensors and their storage from the inside.
 *
 *     wk_tensor --> wk_storage --> elements        many tensors may share a storage (views, detach);
 *        |                                         each is a handle of its own with its own shape and history
 *        +--> wk_node, the op that made it (grad/tape.h), or NULL
 *        +--> wk_meta, only when it has a name or a gradient
 *
 * NOTE [One block]. Making a tensor takes one block of the heap, which holds the handle, its storage and the elements:
 *
 *     +---------------+---------------------------------+--------------+-----+--------------------------+
 *     | handle        | shape and strides               | own storage  | few | elements ...             |
 *     +---------------+---------------------------------+--------------+-----+--------------------------+
 *     0               64                                216            248   256
 *
 * A scalar lies in `few`, in the cache line of its storage. A view is a block without elements, whose own storage is
 * not used: it counts as a holder of the storage it looks at. The block of a tensor whose handle has gone stays until
 * the last view of its storage goes.
 *
 * NOTE [Counts]. `refs` counts the holders of a handle: the scope that owns it, slots, modules, nodes that saved it.
 * Counts are plain integers: a tensor belongs to the context that made it, and a context to one thread at a time.
 *
 * NOTE [Sharing]. A shared tensor may be read by every context, in any thread, at once. It is never written again, not
 * even its handle but for the counts, which are atomic then: no gradient, no name, no version, no scope. What
 * wk_share and wk_send give lies in a block of the C library, so that whoever lets go of it last may free it; a shared
 * parameter lies in its module's slab, and its module outlives the threads that read it. Views of a shared tensor are
 * shared too, though their handles belong to the context that took them.
 *
 * NOTE [Promises]. A promised tensor has shape and type, but no elements and no strides yet: its block is that of a
 * handle alone, it has no storage (but perhaps an entry of a batch in its place), and its live word is another. Whoever
 * looks at a tensor's elements asks first whether it is usable (wk__usable, or the check of a call), which compares the
 * live word; so a promise is found on the road of refusals, and the usual road does not pay for it. There its elements
 * are asked for (wk__promise_kept). */
#ifndef WK_TENSOR_TENSOR_H
#define WK_TENSOR_TENSOR_H

#include <stddef.h>

#include "base/context.h"
#include "tensor/array.h"
#include "wick/tensor.h"

struct wk_op;
struct wk_node;

/* The bytes, and who wrote them last. */
typedef struct wk_storage {
    void *data;
    const struct wk_op *writer; /* the op that last wrote in place; NULL: nobody, or the user */
    int32_t refs;
    uint32_t version;           /* counts writes in place */
    uint32_t epoch;             /* counts recorded writes in place: views made before the last one are stale */
    uint8_t bytes_of;           /* WK__OF_... */
} wk_storage;

/* Whose bytes they are. */
enum {
    WK__OF_BLOCK, /* of the block that the storage lies in, or of the C library's, where the tensor is shared */
    WK__OF_SLAB,  /* of a slab of parameters: wk_storage_piece */
    WK__OF_CALLER /* wk_storage_wrap */
};

/* A piece has no elements of its own; in their place stands whose its bytes are. */
typedef struct wk_storage_piece {
    wk_storage *owner; /* held */
    const char *name;  /* of the parameter, for messages; borrowed */
} wk_storage_piece;

/* What wraps bytes of the caller's has in their place how they are given back. */
typedef struct wk_storage_wrap {
    void (*release)(void *data, void *user); /* NULL: not at all */
    void *user;
} wk_storage_wrap;

enum {
    WK__FEW_NBYTES = 8, /* elements that fit beside the storage */
    WK__NAME_NBYTES = 128,
    WK__LIVE = 0x7e4504,     /* the live word of a tensor; anything else means that it is gone */
    WK__PROMISED = 0x7e4505, /* or that it has no elements yet (NOTE [Promises]) */
    WK__NO_HANDLE = -1,
    WK__NO_CLASS = -1, /* the block is not of a heap but of the C library */
};

/* What only leaves and named tensors have. */
typedef struct wk_meta {
    char name[WK__NAME_NBYTES];
    struct wk_tensor *grad; /* room for the gradient; its value counts only when has_grad */
    struct wk_outers *outers; /* collected for its gradient by a walk (grad/outers.h); usually NULL */
    struct wk_tensor *row_of; /* held: what this is row `row` of, computed together in a batch; else NULL */
    int64_t row;
    bool has_grad;
    bool hooked;            /* some of ctx->hooks is for its gradient */
    bool grad_invalid;      /* a failed backward touched it: steps refuse until zero_grad */
    uint32_t walk;          /* of a leaf: the backward that touched it last; of a batch's result: the one from it */
    int32_t target;         /* wk_grad: 1 + number of the target that this leaf is, or 0 */
} wk_meta;

/* Bits of wk_tensor.flags */
enum {
    WK__CONTIGUOUS = 1,
    WK__OWNED = 2,      /* the handle list of its scope counts as a holder */
    WK__VIEW = 4,       /* made as a view of another tensor */
    WK__DETACHED = 8,   /* that view, or one on its way, was detach: its history is not that of the storage's owner */
    WK__SHARED = 16,    /* NOTE [Sharing] */
    WK__ONE_BLOCK = 32, /* its bytes lie in its own block, that in the heap of its context; it has no wk_meta, and no
                           recorded write in place */
    WK__BATCHED = 64,   /* computed in a batch, perhaps with others in one storage: not to be written in place */
    WK__ENTRY = 128,    /* an output of an open batch (wk__entry_of in batch/batch.h) */
};

/* Where a tensor's gradient goes. What a recorded op reads keeps a copy of this in its edge (grad/tape.h). */
typedef struct wk_way {
    uint8_t kind;   /* WK__TO_... */
    uint8_t output; /* which output of the node it is */
} wk_way;

enum {
    WK__TO_NONE, /* nowhere: nothing requires a gradient */
    WK__TO_NODE, /* to the op that made it */
    WK__TO_LEAF, /* into its own: a leaf that requires a gradient */
    WK__TO_CUT,  /* it had a history, which a closed scope took with it */
};

struct wk_tensor {
    uint32_t live;
    int32_t refs;
    wk_ctx *ctx;
    wk_storage *storage;  /* its own, or that of the tensor it is a view of */
    struct wk_node *node; /* the op that made it, while that is on the tape */
    wk_meta *meta;
    int64_t handle;       /* place in ctx->handles, or WK__NO_HANDLE */
    int32_t depth;        /* of the scope it is to end up in */
    uint32_t epoch;       /* the storage's when this handle was made */
    uint8_t flags;
    wk_way way;
    int16_t size_class;   /* of the block */
    wk_array a;
    wk_storage own;
    char few[WK__FEW_NBYTES];
};

_Static_assert(offsetof(wk_tensor, a) == WK__LINE && sizeof(wk_tensor) == WK__HANDLE_NBYTES, "see NOTE [One block]");

/* ----------------------------------------------------------------------------------------- making and releasing --- */

/* The functions that every op runs through are inline: a call each would cost more than what they do. */

/* A new handle, held once, by the caller, which sets storage and array. */
static inline void wk__handle_init(wk_tensor *t, wk_ctx *ctx, int32_t size_class) {
    t->live = WK__LIVE;
    t->refs = 1;
    t->ctx = ctx;
    t->node = NULL;
    t->meta = NULL;
    t->handle = WK__NO_HANDLE;
    t->depth = 0;
    t->epoch = 0;
    t->flags = WK__CONTIGUOUS;
    t->way = (wk_way){WK__TO_NONE, 0};
    t->size_class = (int16_t)size_class;
}

/* The same in a block of the context's heap; NULL when memory is out. */
static inline wk_tensor *wk__handle_new(wk_ctx *ctx, int32_t size_class) {
    wk_tensor *t = (wk_tensor *)wk__heap_alloc(&ctx->heap, size_class);
    if (wk_likely(t != NULL)) wk__handle_init(t, ctx, size_class);
    return t;
}

/* Makes the handle's own storage the one it looks at. */
static inline void wk__use_own_storage(wk_tensor *t, void *data) {
    wk_storage *s = &t->own;
    s->data = t->a.data = data;
    s->writer = NULL;
    s->refs = 1;
    s->version = 0;
    s->epoch = 0;
    s->bytes_of = WK__OF_BLOCK;
    t->storage = s;
}

/* A tensor of the given shape, held once, by the caller, owned by no scope; its elements are whatever was there. NULL
 * when memory is out, which it is, too, for an empty tensor whose strides would go too far. */
static inline wk_tensor *wk__tensor_make(wk_ctx *ctx, wk_dtype dtype, int32_t ndim, const int64_t *dims) {
    int64_t numel = 1;
    for (int32_t d = 0; d < ndim; d++)
        if (wk_unlikely(__builtin_mul_overflow(numel, dims[d], &numel))) return NULL;
    if (wk_unlikely((uint64_t)(numel - 1) >> WK__MOST_BITS != 0) && (numel != 0 || !wk__dims_fit(ndim, dims)))
        return NULL;
    const size_t nbytes = (size_t)numel * wk__dtype_nbytes[dtype];
    const bool few = nbytes <= WK__FEW_NBYTES;
    wk_tensor *t = wk__handle_new(ctx, wk__heap_class(few ? sizeof *t : sizeof *t + nbytes));
    if (wk_unlikely(t == NULL)) return NULL;
    t->flags = WK__CONTIGUOUS | WK__ONE_BLOCK;
    t->a.numel = numel;
    t->a.dtype = dtype;
    t->a.ndim = ndim;
    wk__array_row_major(&t->a, dims);
    wk__use_own_storage(t, few ? t->few : (char *)(t + 1));
    return t;
}

/* The same for the shape and type of x. Where x is one block, its twin is another of the kind, and nothing about it
 * has to be worked out again. */
static inline wk_tensor *wk__tensor_like(wk_ctx *ctx, const wk_tensor *x) {
    if (wk_unlikely(!(x->flags & WK__ONE_BLOCK))) return wk__tensor_make(ctx, x->a.dtype, x->a.ndim, x->a.dims);
    wk_tensor *t = wk__handle_new(ctx, x->size_class);
    if (wk_unlikely(t == NULL)) return NULL;
    t->flags = WK__CONTIGUOUS | WK__ONE_BLOCK;
    t->a.numel = x->a.numel;
    t->a.dtype = x->a.dtype;
    t->a.ndim = x->a.ndim;
    for (int32_t d = 0; d < x->a.ndim; d++) t->a.dims[d] = x->a.dims[d], t->a.strides[d] = x->a.strides[d];
    wk__use_own_storage(t, (char *)t + ((const char *)x->own.data - (const char *)x));
    return t;
}

/* The same without elements (NOTE [Promises]). */
wk_tensor *wk__tensor_promise(wk_ctx *ctx, wk_dtype dtype, int32_t ndim, const int64_t *dims);

/* Nobody holds this promise any more. It has no storage, and no meta. */
static inline void wk__promise_destroy(wk_tensor *t) {
    t->live = 0;
    wk__heap_free(&t->ctx->heap, t, t->size_class);
}

/* Is t there, with elements or without? */
static inline bool wk__is_there(const wk_tensor *t) { return t->live == WK__LIVE || t->live == WK__PROMISED; }

/* What the layers above do about promises: give one its elements (false, recorded, when that fails), and all. */
bool wk__promise_kept(wk_tensor *t, const char *op, const char *argument);
void wk__promises_keep(wk_ctx *ctx);
void wk__promise_gone(wk_tensor *t); /* nobody holds t any more, which is an output of an open batch */

/* Whoever writes t changes what calls that were put off may still have to read: they hold it. */
static inline void wk__before_write(const wk_tensor *t) {
    const bool in_batch = t->ctx != NULL && t->ctx->batch != NULL;
    if (wk_unlikely(in_batch) && (t->refs > 1 || t->storage->refs > 1)) wk__promises_keep(t->ctx);
}

/* Of a tensor that was computed in a batch as a row of another one: that other one, and which row; else t and -1. What
 * used t in the batch has used the whole, and that is where the gradients are. */
wk_tensor *wk__computed_with(wk_tensor *t, int64_t *row);
wk_tensor *wk__row_of(wk_tensor *whole, int64_t row); /* recorded */

static inline bool wk__needs_grad(const wk_tensor *t) { return t->way.kind != WK__TO_NONE; }

/* One holder more of something with these flags; one less: was it the last? Sharing is rare, and told apart first, so
 * that plain counts stay one instruction. */
static inline void wk__count_up(int32_t *refs, uint8_t flags) {
    if (wk_unlikely(flags & WK__SHARED)) __atomic_add_fetch(refs, 1, __ATOMIC_RELAXED);
    else ++*refs;
}

static inline bool wk__count_down(int32_t *refs, uint8_t flags) {
    if (wk_unlikely(flags & WK__SHARED)) return __atomic_sub_fetch(refs, 1, __ATOMIC_ACQ_REL) == 0;
    return --*refs == 0;
}

/* Gives a new handle, whose array describes elements of x, a share of x's storage. */
static inline void wk__tensor_share(wk_tensor *t, const wk_tensor *x) {
    t->storage = x->storage;
    t->epoch = x->epoch;
    t->flags = (uint8_t)(WK__VIEW | (x->flags & (WK__DETACHED | WK__SHARED | WK__BATCHED)) |
                         (wk__array_is_contiguous(&t->a) ? WK__CONTIGUOUS : 0));
    wk__count_up(&t->storage->refs, t->flags);
}

/* A handle without elements, for a view; its array and storage are the caller's to set. NULL when memory is out. */
static inline wk_tensor *wk__view_new(wk_ctx *ctx) { return wk__handle_new(ctx, wk__heap_class(sizeof(wk_tensor))); }

/* A handle on the storage of `of`, with the elements that `array` describes. NULL when memory is out. */
wk_tensor *wk__tensor_view(wk_tensor *of, const wk_array *array);

/* A tensor on a piece of owner's bytes at `data`, held once. `name` is borrowed. NULL when memory is out. */
wk_tensor *wk__tensor_piece(wk_tensor *owner, void *data, int32_t ndim, const int64_t *dims, const char *name);

/* Sets every element of a contiguous tensor to zero, which has all bits zero in every type. */
void wk__tensor_zero(wk_tensor *t);

/* Nobody holds t any more. Usually handle, storage and elements go together, as they came. */
void wk__tensor_destroy_in_parts(wk_tensor *t);
static inline void wk__tensor_destroy_here(wk_tensor *t) {
    if (wk_unlikely(!(t->flags & WK__ONE_BLOCK) || t->own.refs != 1)) {
        wk__tensor_destroy_in_parts(t);
        return;
    }
    if (t->handle != WK__NO_HANDLE) t->ctx->handles[t->handle] = NULL;
    t->live = 0;
    wk__heap_free(&t->ctx->heap, t, t->size_class);
}
void wk__tensor_destroy(wk_tensor *t); /* the same, for everyone */

static inline wk_tensor *wk__retain(wk_tensor *t) {
    wk__count_up(&t->refs, t->flags);
    return t;
}

static inline void wk__unref(wk_tensor *t) {
    if (t != NULL && wk__count_down(&t->refs, t->flags)) wk__tensor_destroy(t);
}

/* The tensor whose own storage this is; its handle may have gone before. */
static inline wk_tensor *wk__storage_home(const wk_storage *s) {
    return (wk_tensor *)(void *)((char *)(uintptr_t)s - offsetof(wk_tensor, own));
}

/* Whose bytes these are, of a storage that is a piece. */
static inline wk_storage_piece *wk__storage_piece(const wk_storage *s) {
    return (wk_storage_piece *)(void *)(wk__storage_home(s) + 1);
}

/* How the bytes of a storage that wraps them are given back. */
static inline wk_storage_wrap *wk__storage_wrap(const wk_storage *s) {
    return (wk_storage_wrap *)(void *)(wk__storage_home(s) + 1);
}

/* The name of the parameter whose piece this is, or NULL. */
static inline const char *wk__storage_name(const wk_storage *s) {
    return s->bytes_of == WK__OF_SLAB ? wk__storage_piece(s)->name : NULL;
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

/* May a context other than its own read it? */
static inline bool wk__is_shared(const wk_tensor *t) {
    return t != NULL && t->live == WK__LIVE && (t->flags & WK__SHARED);
}

/* From now on shared, where it lies. */
void wk__share_forever(wk_tensor *t);

/* The public edge of functions that only ask about a tensor: false of NULL, and of one that has gone. With WK_DEBUG,
 * asking about what has gone or is another context's is recorded as a failure. */
bool wk__live_debug(const wk_tensor *t, const char *op);
static inline bool wk__live(const wk_tensor *t, const char *op) {
    if (wk_unlikely(wk__debug > 0)) return wk__live_debug(t, op);
    return t != NULL && wk__is_there(t);
}

/* The public edge of every function that reads a tensor: true when ctx may do so. Else records why. */
bool wk__usable(wk_ctx *ctx, const wk_tensor *t, const char *op, const char *argument);

/* The same for functions that look at shape and type only, which promises have too. */
bool wk__known(wk_ctx *ctx, const wk_tensor *t, const char *op, const char *argument);

/* The same for functions that write elements or the handle. */
bool wk__writable(wk_ctx *ctx, const wk_tensor *t, const char *op, const char *argument);

/* A checked, allocated tensor of the innermost scope; NULL after recording why not. */
wk_tensor *wk__create(const char *op, int32_t ndim, const int64_t *dims, wk_dtype dtype);

/* A number as an element of a type (kernel/convert.h says how). */
typedef union wk_element {
    double room; /* for one of any type */
    char bytes[sizeof(double)];
} wk_element;
wk_element wk__element_of(double value, wk_dtype dtype);

/* True when there are 0 to 8 dims; else records why. */
bool wk__check_ndim(wk_ctx *ctx, const char *op, int32_t ndim, const int64_t *dims);

/* True when dims make a legal shape; else records why. */
bool wk__check_shape(wk_ctx *ctx, const char *op, int32_t ndim, const int64_t *dims, wk_dtype dtype);

/* "(3,4)" of a tensor. */
static inline const char *wk__dims_text(wk_shape_text *buffer, const wk_tensor *t) {
    return wk__shape_text(buffer, t->a.ndim, t->a.dims);
}

#endif
