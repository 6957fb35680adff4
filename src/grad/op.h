/* op.h -- what the engine knows of an operation: one struct per row, one call record per use.
 *
 * NOTE [A row]. The row in ops.def gives name, formula and prototype; the struct here gives the behaviour. The engine
 * calls
 *
 *     shape     declares the outputs, type and dims, from the inputs' shapes and the attributes, never from values
 *     forward   fills the outputs, by kernels only
 *     grad      adds into the gradients of the inputs, by kernels only (fast, not differentiable itself); it may
 *               decline a case, such as broadcasting, and leave it to vjp
 *     vjp       the same gradients written with public ops (the truth, differentiable again)
 *     compose   the same function from other rows: stands in for vjp in fused rows; the engine differentiates that.
 *               A row with nothing but `compose` is run by it too; its `shape` only checks (wk__compose)
 *
 * and `view` in place of shape and forward when the output is only another look at the input's elements. The same
 * function then finds the place of a view's gradient inside the gradient of its base, so select costs nothing on the
 * way back.
 *
 * NOTE [Reads]. `reads[i]` names what the gradient of input i reads: WK_READS_IN(j), WK_READS_OUT(k). A recorded node
 * keeps just the union over the inputs that need a gradient: with a frozen W, linear keeps no x. What else a gradient
 * reads, such as the gates of an LSTM, `forward` puts into a tensor of its own, wk_call.kept, which the node holds.
 *
 * NOTE [Types]. A row computes in f32 and f64 and in the types of `types`; its shape rule calls wk__check_float before
 * it declares anything. When that finds inputs of other types, or of several, the call starts again with inputs that
 * were cast (types.c), by recorded casts, so that gradients find their way back: with WK__OP_PROMOTE to their common
 * type; whole numbers that the row does not take to f32 or i64, where its flags say so; halves to f32, and then the
 * result back to the half. Anything else is EDTYPE. A row in place computes such a call elsewhere, by the row `apart`,
 * and copies the result, cast to the type of what is written (NOTE [In place] in in_place.c). */
#ifndef WK_GRAD_OP_H
#define WK_GRAD_OP_H

#include "base/writer.h"
#include "tensor/tensor.h"

enum {
    WK__MAX_OUTPUTS = 3,
    WK__MAX_FIXED_INPUTS = 8,
    WK__ANY_NUMBER = -1, /* inputs of a variadic row */
};

#define WK_READS_IN(i) (1u << (i))
#define WK_READS_OUT(k) (1u << (16 + (k)))

typedef struct wk_op wk_op;

/* One call of a row, on the stack of whoever calls. */
typedef struct wk_call {
    const struct wk_op *op;
    wk_ctx *ctx;
    wk_tensor *const *in; /* absent optional inputs are NULL */
    int32_t in_count;
    void *attrs;          /* op->attrs_nbytes bytes, or NULL; a shape rule may write defaults worked out */
    bool needs_grad;      /* some input does */
    bool later;           /* outputs are declared without elements (NOTE [Promises] in tensor/tensor.h) */
    bool retype;          /* the inputs are to be cast first (NOTE [Types]) */
    uint8_t alike;        /* WK__SAME_DIMS, WK__FLAT: what the shape rule found */
    uint32_t reads;       /* what the gradients that are needed read (NOTE [Reads]) */
    wk_tensor *out[WK__MAX_OUTPUTS];
    wk_tensor *kept; /* what forward leaves for the gradient alone, if the call is recorded (NOTE [Reads]) */
} wk_call;

/* NOTE [Alike]. Most element-wise calls have inputs of one shape, without gaps. The shape rule finds that out once; the
 * loops and the gradient go by what it found. */
enum {
    WK__SAME_DIMS = 1, /* the inputs have the dims of output 0 */
    WK__FLAT = 2,      /* and all are contiguous */
};

/* An attribute in the row's plain struct: where, what kind (the WK_ATTR_ of wick/ops.h: 'i', 'b', 't' and 'r' are
 * int64_t, 'f' a double, 'd' a wk_dims_attr, 's' a const char *), and its default. A string is the caller's: it is for
 * rows that are not recorded themselves, being only composed. */
typedef struct wk_attr_field {
    const char *name;
    char kind;
    uint16_t offset;
    double fallback;
} wk_attr_field;

enum { WK__ATTRS_NBYTES = 320 }; /* room for the attributes of any row: four shapes and four numbers */

/* Is an attribute of this kind an int64_t? */
bool wk__is_whole(char kind);

/* The value that a row has accepted, as a reader knows it: 3, 0.5, true, f32, mean; nothing of dims and strings. */
void wk__write_attr(wk_writer *w, const wk_attr_field *field, const void *attrs);

typedef struct wk_dims_attr {
    int32_t ndim;
    int64_t dims[WK_MAX_DIMS];
} wk_dims_attr;

struct wk_node;
struct wk_backprop;

/* What the engine needs of the ops, without naming one; the op layer defines it: the sum of two gradients, recorded. */
wk_tensor *wk__sum_of_gradients(wk_tensor *a, wk_tensor *b);

/* And x as another type, recorded; x itself when it is of that type. */
wk_tensor *wk__cast(wk_tensor *x, wk_dtype dtype);

/* And y <- x, of one type, recorded as a write; y, or NULL. */
wk_tensor *wk__copy_into(wk_tensor *y, wk_tensor *x);

/* Frees what a user registered, and returns what was registered before it. The op layer defines it. */
void *wk__registered_free(void *registered);

/* Bits of wk_op.flags */
enum {
    WK__OP_IN_PLACE = 1,   /* output 0 is input 0, written */
    WK__OP_RANDOM = 2,     /* draws from the context's generator */
    WK__OP_NO_GRAD = 4,    /* never recorded: detach, optimiser steps */
    WK__OP_PROMOTE = 8,    /* inputs of several types are cast to their common one: torch.result_type */
    WK__OP_TO_FLOAT = 16,  /* whole numbers and bools become f32, as in torch.tanh */
    WK__OP_TO_I64 = 32,    /* those that the row does not take become i64, as in torch.sum */
    WK__OP_OVERLAPS = 64,  /* a view several of whose elements may be one element of what it looks at */
};

/* For wk_op.batch: how calls on independent data become one (NOTE [Batches] in batch/batch.h). */
enum {
    WK__BATCH_NONE,     /* not at all: such a call reads its inputs at once */
    WK__BATCH_ELEMENTS, /* element by element; an input that is broadcast is the same in all calls */
    WK__BATCH_ROWS,     /* the row does the same to each with another dimension in front of the inputs, but for those of
                           `batch_shared`, which are the same in all calls */
    WK__BATCH_PRODUCT,  /* as that; shared is a leaf beside something that was computed */
};

/* For wk_op.types */
#define WK__TYPE(NAME) (1u << WK_##NAME)
#define WK__EVERY_TYPE (~0u)
#define WK__WHOLE_NUMBERS (WK__TYPE(I64) | WK__TYPE(I32) | WK__TYPE(U8))

struct wk_op {
    size_t size; /* sizeof(wk_op) */
    const char *name;
    int32_t row;                 /* place in ops.def, or -1: a row of a layer above, such as an optimiser's step */
    int32_t in_count, out_count; /* in_count WK__ANY_NUMBER: variadic */
    uint32_t optional;           /* bit i: input i may be NULL */
    uint32_t own_type;           /* bit i: input i, such as a condition, has nothing to do with NOTE [Types] */
    uint32_t indices;            /* bit i: nor has input i where it holds indices: i64, to which i32 and u8 are cast */
    uint32_t flags;
    uint32_t types;              /* what it computes in beside f32 and f64 (NOTE [Types]) */
    const char *in_names;        /* "a b": for messages */
    uint32_t reads[WK__MAX_FIXED_INPUTS]; /* all zero in variadic rows */
    const void *variant;                  /* for functions that several rows share: what is this row's own */

    bool (*shape)(wk_call *c);
    void (*forward)(wk_call *c);
    bool (*view)(const void *attrs, const wk_array *x, wk_array *y);
    bool (*grad)(struct wk_backprop *b); /* false: not this case, use vjp */
    void (*vjp)(const struct wk_backprop *b, wk_tensor **gx); /* sets gx[i] for every wanted i; NULL: nothing */
    void (*compose)(wk_call *c);                              /* sets c->out, owned by the scope that is open */

    uint8_t batch;
    uint32_t batch_shared; /* bit i: of input i */
    uint32_t batch_dims;   /* bit f: attribute f counts dimensions from the front, one more in a batch */
    bool (*outputs)(wk_call *c); /* of a composed row that a batch puts off: declares them; false: it cannot */
    bool (*can_batch)(const wk_call *c, uint32_t shared); /* NULL: always; outputs are declared */
    void (*batched)(wk_call *c); /* composes what all calls give; input 0 has a dimension for them in front */

    size_t attrs_nbytes; /* whole words of 8 bytes */
    const wk_attr_field *fields;
    int32_t field_count;
    const struct wk_op *by_tensor; /* of a row with a number `s` first in its attributes: that with a tensor for it */
    const struct wk_op *apart; /* of a row in place: the row that makes a tensor of its own of the same */
    const char *instead; /* for messages: what takes a tensor, which may change, in place of the attribute */
    int64_t (*steps)(const struct wk_node *node); /* fused sequence ops: how many cells, for pictures */
};

/* The first fields of a row that is not in ops.def, and that only other rows or a layer above call. */
#define WK_INNER_ROW(op) .size = sizeof(wk_op), .name = #op, .row = -1

/* ------------------------------------------------------------------------------------------------ calling a row --- */

/* Runs a row: checks, shape, memory, forward, recording. outs (room for op->out_count) may be NULL for rows of one
 * output. Returns output 0, owned by the innermost scope, or NULL after recording why. */
wk_tensor *wk__apply(const wk_op *op, wk_tensor *const *in, int32_t in_count, void *attrs, wk_tensor **outs);

/* Is it nothing but its composition? */
static inline bool wk__is_composed(const wk_op *op) { return op->forward == NULL && op->view == NULL; }

/* The view of x that a row with `view` has, if it can be; what has no elements does not lie outside of x. */
static inline bool wk__view_of(const wk_op *op, const void *attrs, const wk_array *x, wk_array *y) {
    const bool exists = op->view(attrs, x, y);
    if (wk_unlikely(exists && y->numel == 0)) y->data = x->data;
    return exists;
}

/* Runs a row that is only its composition: checks, and then the other rows, which are what is recorded. */
wk_tensor *wk__compose(const wk_op *op, wk_tensor *const *in, int32_t in_count, void *attrs, wk_tensor **outs);

/* The same for rows of one to three inputs and one output. */
wk_tensor *wk__apply1(const wk_op *op, wk_tensor *x, void *attrs);
wk_tensor *wk__apply2(const wk_op *op, wk_tensor *a, wk_tensor *b, void *attrs);
wk_tensor *wk__apply3(const wk_op *op, wk_tensor *a, wk_tensor *b, wk_tensor *c, void *attrs);

/* May numbers of a type be written as another? Floating ones not as whole ones, and neither as bools. */
bool wk__dtype_holds(wk_dtype to, wk_dtype from);

/* Records a failure of this call; returns false, so that shape rules can `return wk__refuse(...)`. */
bool wk__refuse(wk_call *c, wk_status status, const char *format, ...) WK_PRINTF(3, 4);
bool wk__refuse_no_memory(wk_call *c); /* ENOMEM */

/* The name of input i in the row's manual, in buffer or borrowed. */
const char *wk__input_name(const wk_op *op, int32_t i, char *buffer, size_t nbytes);

/* For shape rules: declares output k. False when memory is out (recorded). */
static inline bool wk__declare(wk_call *c, int32_t k, wk_dtype dtype, int32_t ndim, const int64_t *dims) {
    c->out[k] = wk_likely(!c->later) ? wk__tensor_make(c->ctx, dtype, ndim, dims)
                                     : wk__tensor_promise(c->ctx, dtype, ndim, dims);
    return wk_likely(c->out[k] != NULL) || wk__refuse_no_memory(c);
}

/* For shape rules: output k has the shape and type of x. */
static inline bool wk__declare_like(wk_call *c, int32_t k, const wk_tensor *x) {
    if (wk_unlikely(c->later)) return wk__declare(c, k, x->a.dtype, x->a.ndim, x->a.dims);
    c->out[k] = wk__tensor_like(c->ctx, x);
    return wk_likely(c->out[k] != NULL) || wk__refuse_no_memory(c);
}

/* For shape rules of views: output 0 is op->view of input 0. When the view does not exist (a reshape of strides that
 * do not allow it), `declared` is set to false and nothing else happens. */
bool wk__declare_view(wk_call *c, bool *declared);

/* Are there kernels of the row for this type? */
static inline bool wk__takes(const wk_op *op, wk_dtype dtype) {
    return wk__dtype_is_float[dtype] || (op->types >> dtype & 1);
}

/* Or are inputs of this type cast to one that there are kernels for? */
bool wk__accepts(const wk_op *op, wk_dtype dtype);

/* For shape rules, before all else: are the inputs of one type that the row takes? False also when the call is to start
 * again with other inputs (NOTE [Types]). */
bool wk__check_float_slow(wk_call *c); /* the one for rows with types of their own among the inputs */
WK_INLINE bool wk__check_float_of(wk_call *c, int32_t in_count) { /* for a number that the compiler knows */
    wk_tensor *const *in = c->in;
    const wk_dtype dtype = in[0]->a.dtype;
    bool fine = wk__takes(c->op, dtype);
    for (int32_t i = 1; i < in_count; i++) fine &= in[i] == NULL || in[i]->a.dtype == dtype;
    return wk_likely(fine) || wk__check_float_slow(c);
}
static inline bool wk__check_float(wk_call *c) { return wk__check_float_of(c, c->in_count); }

/* For shape rules: input i must hold indices. EDTYPE; false also when the call is to start again. */
bool wk__check_index_type(wk_call *c, int32_t i);

/* The same call with inputs cast as the row wants them; outs as in wk__apply. */
wk_tensor *wk__apply_retyped(const wk_call *c, wk_tensor **outs);

#endif
