/* matmul.c -- y = a b for matrices;  ga += g b^T,  gb += a^T g. Matrices may come in batches, whose dimensions are
 * broadcast: then the gradients are summed over what was stretched. A vector is a row as a and a column as b. */
#include "op/matrix.h"
#include "op/rows.h"

/* The sizes of a product: y (batch, rows, cols) = a (batch, rows, inner) b (batch, inner, cols). */
typedef struct product {
    wk_array a, b; /* as matrices, with the batch's dimensions in front, stretched to its size */
    int64_t rows, cols;
    int32_t batch_ndim;
    int64_t batch[WK_MAX_DIMS];
} product;

/* x as at least a matrix: a vector becomes one row, or, as the second factor, one column. */
static wk_array as_matrix(const wk_array *x, bool second) {
    wk_array m = *x;
    if (x->ndim != 1) return m;
    m.ndim = 2;
    m.dims[0] = second ? x->dims[0] : 1, m.dims[1] = second ? 1 : x->dims[0];
    m.strides[0] = second ? x->strides[0] : 0, m.strides[1] = second ? 0 : x->strides[0];
    return m;
}

/* The dimensions of the batch alone, and what is stretched over them put back before the matrix. */
static bool stretch_batch(wk_array *m, int32_t ndim, const int64_t *batch) {
    const int32_t own = m->ndim - 2;
    wk_array outer = *m, wide;
    outer.ndim = own;
    if (!wk__array_expand(&outer, ndim, batch, &wide)) return false;
    for (int32_t d = 0; d < 2; d++) {
        wide.dims[ndim + d] = m->dims[own + d];
        wide.strides[ndim + d] = m->strides[own + d];
    }
    wide.ndim = ndim + 2;
    *m = wide;
    return true;
}

/* False where batches do not broadcast, or leave no room for the matrix. */
static bool product_of(const wk_array *a, const wk_array *b, product *p) {
    p->a = as_matrix(a, false);
    p->b = as_matrix(b, true);
    wk_array ba = p->a, bb = p->b;
    p->rows = p->a.dims[p->a.ndim - 2], p->cols = p->b.dims[p->b.ndim - 1];
    ba.ndim -= 2, bb.ndim -= 2;
    return wk__broadcast_dims(&ba, &bb, &p->batch_ndim, p->batch) && p->batch_ndim <= WK_MAX_DIMS - 2 &&
           stretch_batch(&p->a, p->batch_ndim, p->batch) && stretch_batch(&p->b, p->batch_ndim, p->batch);
}

static bool batch_shape(wk_call *c) {
    const wk_tensor *a = c->in[0], *b = c->in[1];
    wk_shape_text ta, tb;
    product p;
    if (a->a.ndim == 0 || b->a.ndim == 0)
        return wk__refuse(c, WK_ESHAPE, "a %s and b %s: both must have a dimension; wk_mul takes numbers",
                          wk__dims_text(&ta, a), wk__dims_text(&tb, b));
    const int64_t inner_a = a->a.dims[a->a.ndim - 1], inner_b = b->a.dims[b->a.ndim == 1 ? 0 : b->a.ndim - 2];
    if (inner_a != inner_b)
        return wk__refuse(c, WK_ESHAPE, "a %s and b %s: inner sizes %lld and %lld differ", wk__dims_text(&ta, a),
                          wk__dims_text(&tb, b), (long long)inner_a, (long long)inner_b);
    if (!product_of(&a->a, &b->a, &p))
        return wk__refuse(c, WK_ESHAPE, "a %s and b %s: batches do not broadcast", wk__dims_text(&ta, a),
                          wk__dims_text(&tb, b));
    int32_t ndim = p.batch_ndim;
    if (a->a.ndim > 1) p.batch[ndim++] = p.rows;
    if (b->a.ndim > 1) p.batch[ndim++] = p.cols;
    return wk__declare(c, 0, a->a.dtype, ndim, p.batch);
}

static bool shape(wk_call *c) {
    const wk_tensor *a = c->in[0], *b = c->in[1];
    if (!wk__check_float(c)) return false;
    if (a->a.ndim != 2 || b->a.ndim != 2 || a->a.dims[1] != b->a.dims[0]) return batch_shape(c);
    return wk__declare(c, 0, a->a.dtype, 2, (const int64_t[]){a->a.dims[0], b->a.dims[1]});
}

/* The matrix of m at a place in the batch. */
static wk_mat matrix_at(const wk_array *m, const int64_t *index) {
    const int32_t d = m->ndim - 2;
    int64_t offset = 0;
    for (int32_t i = 0; i < d; i++) offset += index[i] * m->strides[i];
    return (wk_mat){wk__array_at(m, offset), m->dtype, m->dims[d], m->dims[d + 1], m->strides[d], m->strides[d + 1]};
}

/* The products along the last dimension of a batch, whose factors are so many elements apart. Where all have the same
 * b, they are one, if their rows are equally far apart. */
static void multiply_along(wk_ctx *ctx, int64_t count, wk_mat a, int64_t a_step, wk_mat b, int64_t b_step, wk_mat y) {
    const int64_t nbytes = wk__dtype_nbytes[y.dtype];
    if (b_step == 0 && (a.rows == 1 || a_step == a.rows * a.row)) {
        if (a.rows == 1) a.row = a_step;
        a.rows = y.rows *= count, count = 1;
    }
    for (; count > 0; count--) {
        wk__gemm(ctx, &a, &b, &y, false);
        a.data = (char *)a.data + a_step * nbytes, b.data = (char *)b.data + b_step * nbytes;
        y.data = (char *)y.data + y.rows * y.cols * nbytes;
    }
}

WK_NOINLINE static void batch_forward(wk_call *c) {
    const wk_array *y = &c->out[0]->a;
    int64_t index[WK_MAX_DIMS] = {0};
    product p;
    product_of(&c->in[0]->a, &c->in[1]->a, &p);
    const int32_t last = p.batch_ndim - 1;
    const int64_t count = last < 0 ? 1 : p.batch[last], each = count * p.rows * p.cols;
    const int64_t a_step = last < 0 ? 0 : p.a.strides[last], b_step = last < 0 ? 0 : p.b.strides[last];
    for (int64_t done = 0; done < y->numel; done += each) { /* y is contiguous */
        const wk_mat to = {wk__array_at(y, done), y->dtype, p.rows, p.cols, p.cols, 1};
        multiply_along(c->ctx, count, matrix_at(&p.a, index), a_step, matrix_at(&p.b, index), b_step, to);
        for (int32_t d = last - 1; d >= 0 && ++index[d] == p.batch[d]; d--) index[d] = 0;
    }
}

static void forward(wk_call *c) {
    if (c->in[0]->a.ndim != 2 || c->in[1]->a.ndim != 2) {
        batch_forward(c);
        return;
    }
    const wk_mat a = wk__matrix_of(&c->in[0]->a), b = wk__matrix_of(&c->in[1]->a), y = wk__matrix_of(&c->out[0]->a);
    wk__gemm(c->ctx, &a, &b, &y, false);
}

static int32_t edge_ndim(const wk_edge *edge) {
    int32_t ndim;
    wk__edge_dims(edge, &ndim);
    return ndim;
}

/* Are both matrices? Of an input that wants a gradient the edge knows, of the other the saved value. */
static bool plain(const wk_backprop *b) {
    const wk_edge *in = b->node->in;
    for (int32_t i = 0; i < 2; i++)
        if (wk__wants(b, i) && (edge_ndim(&in[i]) != 2 || in[1 - i].saved->a.ndim != 2)) return false;
    return true;
}

static bool grad(wk_backprop *b) {
    if (!plain(b)) return false;
    const wk_mat g = wk__matrix_of(&b->gy[0]->a);
    wk_array room;
    const wk_array *slot;
    bool add;
    if (wk__wants(b, 0) && (slot = wk__slot(b, 0, &room, &add)) != NULL) {
        const wk_mat other = wk__matrix_of(wk__saved_in(b, 1)), bt = wk__transposed(&other), ga = wk__matrix_of(slot);
        wk__gemm(b->ctx, &g, &bt, &ga, add);
    }
    if (wk__wants(b, 1) && (slot = wk__slot(b, 1, &room, &add)) != NULL) {
        const wk_mat other = wk__matrix_of(wk__saved_in(b, 0)), at = wk__transposed(&other), gb = wk__matrix_of(slot);
        wk__gemm(b->ctx, &at, &g, &gb, add);
    }
    return true;
}

/* g (batch, rows, cols), where rows or cols are missing because a or b is a vector. */
static wk_tensor *full_gradient(wk_tensor *g, bool row, bool column) {
    int64_t dims[WK_MAX_DIMS + 2];
    if (!row && !column) return g;
    const int32_t batch = wk_ndim(g) - !row - !column;
    for (int32_t d = 0; d < batch; d++) dims[d] = wk_dim(g, d);
    dims[batch] = row ? 1 : wk_dim(g, batch);
    dims[batch + 1] = column ? 1 : wk_dim(g, -1);
    return wk_reshape(g, batch + 2, dims);
}

/* x as a matrix, or as matrices, with rows and columns exchanged. */
static wk_tensor *transposed(wk_tensor *x, bool second) {
    if (wk_ndim(x) > 1) return wk_transpose(x, -2, -1);
    return wk_reshape(x, 2, (const int64_t[]){second ? 1 : wk_numel(x), second ? wk_numel(x) : 1});
}

/* The gradient of a whole batch, in the shape of the input behind the edge. */
static wk_tensor *shaped(wk_tensor *g, const wk_edge *edge, bool second) {
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(edge, &ndim);
    if (ndim > 1) return ndim == wk_ndim(g) && ndim == 2 ? g : wk_sum_to_size(g, ndim, dims);
    const int64_t matrix[] = {second ? dims[0] : 1, second ? 1 : dims[0]};
    return wk_reshape(wk_sum_to_size(g, 2, matrix), 1, dims);
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_edge *in = b->node->in;
    const bool row = (wk__wants(b, 0) ? edge_ndim(&in[0]) : in[0].saved->a.ndim) == 1;
    const bool column = (wk__wants(b, 1) ? edge_ndim(&in[1]) : in[1].saved->a.ndim) == 1;
    wk_tensor *g = full_gradient(b->gy[0], row, column);
    if (wk__wants(b, 0)) gx[0] = shaped(wk_matmul(g, transposed(in[1].saved, true)), &in[0], false);
    if (wk__wants(b, 1)) gx[1] = shaped(wk_matmul(transposed(in[0].saved, false), g), &in[1], true);
}

/* With a dimension more in front of a, b or both, is it the same product many times? A vector would be a matrix. */
static bool can_batch(const wk_call *c, uint32_t shared) {
    const int32_t a = c->in[0]->a.ndim, b = c->in[1]->a.ndim;
    if (shared & 2) return a >= 1 && b == 2;
    return shared & 1 ? a == 2 && b >= 2 : a == b && a >= 2;
}

const wk_op wk__op_matmul = {
    WK_ROW(matmul),
    .in_count = 2,
    .out_count = 1,
    .in_names = "a b",
    .types = WK__WHOLE_NUMBERS,
    .reads = {WK_READS_IN(1), WK_READS_IN(0)},
    .batch = WK__BATCH_PRODUCT,
    .can_batch = can_batch,
    .shape = shape,
    .forward = forward,
    .grad = grad,
    .vjp = vjp,
};

wk_tensor *wk_matmul(wk_tensor *a, wk_tensor *b) { return wk__apply2(&wk__op_matmul, a, b, NULL); }
