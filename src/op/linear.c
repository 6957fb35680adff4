/* linear.c -- y = x w^T + b over the last dimension of x, all others being rows:
 *
 *     x (R,I), w (O,I), b (O)  ->  y (R,O)         gx += g w,   gw += g^T x,   gb += sum of g's rows */
#include "op/elementwise.h"
#include "op/matrix.h"
#include "op/rows.h"

enum { X, W, B };

/* Do x, w and b fit one another? */
static inline bool fits(const wk_array *x, const wk_array *w, const wk_tensor *b) {
    return w->ndim == 2 && x->ndim >= 1 && x->dims[x->ndim - 1] == w->dims[1] &&
           (b == NULL || (b->a.ndim == 1 && b->a.dims[0] == w->dims[0]));
}

WK_NOINLINE static bool refuse(wk_call *c) {
    const wk_tensor *x = c->in[X], *w = c->in[W], *b = c->in[B];
    wk_shape_text tx, tw;
    if (w->a.ndim != 2 || x->a.ndim < 1)
        return wk__refuse(c, WK_ESHAPE, "x %s and w %s: x has at least one dimension, w has two", wk__dims_text(&tx, x),
                          wk__dims_text(&tw, w));
    const int64_t in = x->a.dims[x->a.ndim - 1];
    if (in != w->a.dims[1])
        return wk__refuse(c, WK_ESHAPE, "x %s and w %s: x has %lld features, w takes %lld", wk__dims_text(&tx, x),
                          wk__dims_text(&tw, w), (long long)in, (long long)w->a.dims[1]);
    return wk__refuse(c, WK_ESHAPE, "w %s and b %s: b must be (%lld)", wk__dims_text(&tw, w), wk__dims_text(&tx, b),
                      (long long)w->a.dims[0]);
}

static bool shape(wk_call *c) {
    const wk_array *x = &c->in[X]->a, *w = &c->in[W]->a;
    if (wk_unlikely(!wk__check_float_of(c, 3))) return false;
    if (wk_unlikely(!fits(x, w, c->in[B]))) return refuse(c);
    int64_t dims[WK_MAX_DIMS];
    for (int32_t d = 0; d < x->ndim - 1; d++) dims[d] = x->dims[d];
    dims[x->ndim - 1] = w->dims[0];
    return wk__declare(c, 0, x->dtype, x->ndim, dims);
}

/* An array as rows of its last dimension. One matrix when the other dimensions can be walked with one stride; else
 * false. */
static inline bool as_rows(const wk_array *a, wk_mat *m) {
    const int32_t last = a->ndim - 1;
    if (wk_likely(a->ndim == 2)) {
        *m = wk__matrix_of(a);
        return true;
    }
    *m = (wk_mat){a->data, a->dtype, 1, a->dims[last], 0, a->strides[last]};
    for (int32_t d = last - 1; d >= 0; d--) {
        if (a->dims[d] == 1) continue;
        if (m->rows > 1 && a->strides[d] != m->row * m->rows) return false;
        if (m->rows <= 1 && m->rows != 0) m->row = a->strides[d];
        m->rows *= a->dims[d];
    }
    return true;
}

typedef void each_matrix(void *user, const wk_mat *x, const wk_mat *y);

static void for_matrices(const wk_array *x, const wk_array *y, each_matrix *each, void *user);

/* Rows of x and y that are no matrices: the outermost dimension is split off until the rest is. */
WK_NOINLINE static void split_matrices(const wk_array *x, const wk_array *y, each_matrix *each, void *user) {
    wk_array sx = *x, sy = *y;
    for (int32_t d = 1; d < x->ndim; d++) {
        sx.dims[d - 1] = x->dims[d], sx.strides[d - 1] = x->strides[d];
        sy.dims[d - 1] = y->dims[d], sy.strides[d - 1] = y->strides[d];
    }
    sx.ndim = sy.ndim = x->ndim - 1;
    for (int64_t i = 0; i < x->dims[0]; i++) {
        sx.data = wk__array_at(x, i * x->strides[0]);
        sy.data = wk__array_at(y, i * y->strides[0]);
        for_matrices(&sx, &sy, each, user);
    }
}

/* Calls `each` for matrices that together cover the rows of x and y, usually for one; then it is inlined here. */
WK_INLINE void over_matrices(const wk_array *x, const wk_array *y, each_matrix *each, void *user) {
    wk_mat mx, my;
    if (x->numel == 0 && y->numel == 0) return;
    if (wk_likely(as_rows(x, &mx) && as_rows(y, &my))) each(user, &mx, &my);
    else split_matrices(x, y, each, user);
}

static void for_matrices(const wk_array *x, const wk_array *y, each_matrix *each, void *user) {
    over_matrices(x, y, each, user);
}

/* ------------------------------------------------------------------------------------------------------ forward --- */

/* y = b in every row; a single column is one run. */
static void set_rows(const wk_mat *y, const wk_array *b) {
    if (y->cols == 1)
        wk__kernels->copy[y->dtype](y->rows, y->data, y->row, b->data, 0);
    else
        wk__kernels->spread[y->dtype](&(wk_fibres){.count = y->rows, .n = y->cols, .y = y->data, .y_next = y->row,
                                                   .y_along = y->col, .x = b->data, .x_along = b->strides[0]});
}

WK_INLINE void forward_rows(void *user, const wk_mat *x, const wk_mat *y) {
    const wk_call *c = user;
    const wk_tensor *b = c->in[B];
    const wk_mat w = wk__matrix_of(&c->in[W]->a), wt = wk__transposed(&w);
    if (b != NULL) set_rows(y, &b->a);
    wk__gemm(c->ctx, x, &wt, y, b != NULL);
}

static void forward(wk_call *c) { over_matrices(&c->in[X]->a, &c->out[0]->a, forward_rows, c); }

/* ----------------------------------------------------------------------------------------------------- backward --- */

/* What meets the rows: w for the gradient of x; the slot of w for that of w. */
typedef struct weights {
    wk_ctx *ctx;
    const wk_array *array;
    bool add;
} weights;

WK_INLINE void grad_x_rows(void *user, const wk_mat *gx, const wk_mat *g) {
    const weights *weight = user;
    const wk_mat w = wk__matrix_of(weight->array);
    wk__gemm(weight->ctx, g, &w, gx, weight->add);
}

WK_INLINE void grad_w_rows(void *user, const wk_mat *x, const wk_mat *g) {
    weights *slot = user;
    const wk_mat gw = wk__matrix_of(slot->array), gt = wk__transposed(g);
    wk__gemm(slot->ctx, &gt, x, &gw, slot->add);
    slot->add = true; /* the next matrix of rows, if any, adds to this one */
}

/* One row and one output: the slot (+)= g times a row, for which a matrix product would be a detour. */
static void single_row(const wk_array *slot, const wk_array *row, const wk_array *g, bool add) {
    const int32_t y = slot->ndim - 1, x = row->ndim - 1;
    wk_binary_loop *kernel = (add ? wk__kernels->mul_add : wk__kernels->mul)[g->dtype];
    kernel(row->dims[x], slot->data, slot->strides[y], row->data, row->strides[x], g->data, 0);
}

static void grad_x(wk_ctx *ctx, const wk_array *slot, const wk_array *w, const wk_array *g, bool add) {
    if (g->numel == 1) single_row(slot, w, g, add);
    else over_matrices(slot, g, grad_x_rows, &(weights){ctx, w, add});
}

static void grad_w(wk_ctx *ctx, const wk_array *slot, const wk_array *x, const wk_array *g, bool add) {
    if (g->numel == 0 && !add) wk__zero(slot);
    if (g->numel == 1) single_row(slot, x, g, add);
    else over_matrices(x, g, grad_w_rows, &(weights){ctx, slot, add});
}

/* The product of a single row may be collected with others. */
static inline bool collects_w(wk_backprop *b, const wk_array *x, const wk_array *g) {
    const bool single = x->numel == x->dims[x->ndim - 1] && g->numel > 1;
    return single && x->strides[x->ndim - 1] == 1 && wk__collects_outer(b, W, g->data, x->data);
}

static bool grad(wk_backprop *b) {
    const wk_array *g = &b->gy[0]->a;
    wk_array room;
    const wk_array *slot;
    bool add;
    if (wk__wants(b, X) && (slot = wk__slot(b, X, &room, &add)) != NULL)
        grad_x(b->ctx, slot, wk__saved_in(b, W), g, add);
    if (wk__wants(b, W) && !collects_w(b, wk__saved_in(b, X), g) && (slot = wk__slot(b, W, &room, &add)) != NULL)
        grad_w(b->ctx, slot, wk__saved_in(b, X), g, add);
    if (wk__wants(b, B) && (slot = wk__slot(b, B, &room, &add)) != NULL) wk__sum_to(slot, g, add);
    return true;
}

/* x or g as (R,I), for the products over all rows. */
static wk_tensor *rows_of(wk_tensor *x) {
    int64_t rows = 1;
    for (int32_t d = 0; d + 1 < wk_ndim(x); d++) rows *= wk_dim(x, d);
    return wk_reshape(x, 2, (const int64_t[]){rows, wk_dim(x, -1)});
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_edge *in = b->node->in;
    wk_tensor *g = rows_of(b->gy[0]);
    int32_t ndim;
    if (wk__wants(b, X)) {
        const int64_t *dims = wk__edge_dims(&in[X], &ndim);
        gx[X] = wk_reshape(wk_matmul(g, in[W].saved), ndim, dims);
    }
    if (wk__wants(b, W)) gx[W] = wk_matmul(wk_transpose(g, 0, 1), rows_of(in[X].saved));
    if (wk__wants(b, B)) gx[B] = wk_sum_to_size(g, 1, wk__edge_dims(&in[B], &ndim));
}

const wk_op wk__op_linear = {
    WK_ROW(linear),
    .in_count = 3,
    .out_count = 1,
    .optional = 1 << B,
    .in_names = "x w b",
    .types = WK__WHOLE_NUMBERS,
    .reads = {[X] = WK_READS_IN(W), [W] = WK_READS_IN(X)},
    .batch = WK__BATCH_ROWS,
    .batch_shared = 1 << W | 1 << B,
    .shape = shape,
    .forward = forward,
    .grad = grad,
    .vjp = vjp,
};

wk_tensor *wk_linear(wk_tensor *x, wk_tensor *w, wk_tensor *b) {
    return wk__apply3(&wk__op_linear, x, w, b, NULL);
}
