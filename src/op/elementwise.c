/* elementwise.c -- see elementwise.h. */
#include "op/elementwise.h"

#include "kernel/convert.h"
#include "kernel/record.h"
#include "wick/ops.h"

WK_APART void binary_walk(wk_binary_loop *kernel, const wk_array *y, const wk_array *a, const wk_array *b) {
    wk_rows rows;
    const wk_array *const arrays[] = {y, a, b};
    for (bool more = wk__rows_begin(&rows, 3, arrays); more; more = wk__rows_next(&rows))
        kernel(rows.n, rows.data[0], rows.stride[0], rows.data[1], rows.stride[1], rows.data[2], rows.stride[2]);
}

void wk__binary_rows(wk_binary_loop *kernel, const wk_array *y, const wk_array *a, const wk_array *b) {
    if (wk_likely(wk__flat(y, a) && wk__flat(y, b))) kernel(y->numel, y->data, 1, a->data, 1, b->data, 1);
    else binary_walk(kernel, y, a, b);
}

WK_APART void scale_walk(wk_scale_loop *kernel, const wk_array *y, const wk_array *x, double s) {
    wk_rows rows;
    const wk_array *const arrays[] = {y, x};
    for (bool more = wk__rows_begin(&rows, 2, arrays); more; more = wk__rows_next(&rows))
        kernel(rows.n, rows.data[0], rows.stride[0], rows.data[1], rows.stride[1], s);
}

void wk__scale_rows(wk_scale_loop *kernel, const wk_array *y, const wk_array *x, double s) {
    if (wk_likely(wk__flat(y, x))) kernel(y->numel, y->data, 1, x->data, 1, s);
    else scale_walk(kernel, y, x, s);
}

/* The kernels are in a table of their own, so that plans have to be told (NOTE [Capture]). */
void wk__convert_rows(const wk_array *y, const wk_array *x) {
    wk_unary_loop *const kernel = wk__convert[x->dtype][y->dtype];
    const wk_noted noted = {&wk__unary_signature, (wk_any_function *)kernel, "convert", y->dtype, false};
    wk_rows r;
    const wk_array *const arrays[] = {y, x};
    for (bool more = wk__rows_begin(&r, 2, arrays); more; more = wk__rows_next(&r)) {
        const wk_word words[] = {
            {.i = r.n}, {.p = r.data[0]}, {.i = r.stride[0]}, {.p = r.data[1]}, {.i = r.stride[1]}};
        if (!wk__note(wk__ctx(), &noted, words)) kernel(r.n, r.data[0], r.stride[0], r.data[1], r.stride[1]);
    }
}

void wk__zero(const wk_array *y) {
    const double nothing = 0; /* all bits zero in every type */
    if (wk_likely(wk__array_is_contiguous(y))) {
        wk__kernels->fill[y->dtype](y->numel, y->data, 1, &nothing);
        return;
    }
    wk_rows rows;
    for (bool more = wk__rows_begin(&rows, 1, &y); more; more = wk__rows_next(&rows))
        wk__kernels->fill[y->dtype](rows.n, rows.data[0], rows.stride[0], &nothing);
}

/* Walks x's shape with y stretched over it. Along a row y either moves with x, and the row is added element by
 * element, or stays where it is, and the row is summed first. */
WK_APART void sum_to_walk(const wk_array *y, const wk_array *x) {
    const wk_dtype dtype = y->dtype;
    void *const cell = &wk__ctx()->cell; /* for the sum of a row */
    wk_rows rows;
    const wk_array *const arrays[] = {x, y};
    for (bool more = wk__rows_begin(&rows, 2, arrays); more; more = wk__rows_next(&rows)) {
        if (rows.stride[1] != 0) {
            wk__kernels->accumulate[dtype](rows.n, rows.data[1], rows.stride[1], rows.data[0], rows.stride[0]);
            continue;
        }
        wk__kernels->sum[dtype](rows.n, cell, rows.data[0], rows.stride[0]);
        wk__kernels->accumulate[dtype](1, rows.data[1], 1, cell, 1);
    }
}

/* Is x a stack of arrays like y, one after another? */
static bool stacks(const wk_array *x, const wk_array *y) {
    if (!wk__array_is_contiguous(x) || !wk__array_is_contiguous(y) || y->ndim > x->ndim || y->numel == 0) return false;
    bool like = true;
    int32_t d = 1;
    for (; d <= y->ndim && like; d++) like = y->dims[y->ndim - d] == x->dims[x->ndim - d];
    if (!like) /* or has y only sizes of 1 from here on? */
        for (like = true, d--; d <= y->ndim && like; d++) like = y->dims[y->ndim - d] == 1;
    return like;
}

void wk__sum_elements_to(const wk_array *y, const wk_array *x, bool add) {
    const bool as_many = x->numel == y->numel; /* nothing is stretched */
    if (as_many && wk__array_is_contiguous(x) && wk__array_is_contiguous(y)) {
        (add ? wk__kernels->accumulate : wk__kernels->copy)[y->dtype](x->numel, y->data, 1, x->data, 1);
        return;
    }
    if (y->dtype < WK__SLOTS_NUMBER && stacks(x, y)) { /* the gradient of a bias */
        wk__kernels->fold_sum[y->dtype](&(wk_fibres){.count = y->numel,
                                                     .n = x->numel / y->numel,
                                                     .y = y->data,
                                                     .y_next = 1,
                                                     .x = x->data,
                                                     .x_next = 1,
                                                     .x_along = y->numel,
                                                     .add = add});
        return;
    }
    if (!add) wk__zero(y);
    sum_to_walk(y, x);
}

wk_tensor *wk__temporary(wk_ctx *ctx, const wk_op *op, wk_dtype dtype, const wk_array *like) {
    wk_tensor *t = wk__tensor_make(ctx, dtype, like->ndim, like->dims);
    if (t == NULL) wk__out_of_memory(ctx, op->name);
    return t;
}

wk_tensor *wk__temporary_copy(wk_ctx *ctx, const wk_op *op, const wk_array *x) {
    wk_tensor *copy = wk__temporary(ctx, op, x->dtype, x);
    if (copy != NULL) wk__unary_rows(wk__kernels->copy[x->dtype], &copy->a, x);
    return copy;
}

bool wk__work_on_slot(wk_backprop *b, int32_t i, wk_workplace *w) {
    w->apart = NULL;
    w->at = w->gx = wk__slot(b, i, &w->room, &w->add);
    if (w->gx == NULL || !w->add) return w->gx != NULL;
    w->apart = wk__temporary(b->ctx, b->node->op, w->gx->dtype, w->gx);
    if (w->apart == NULL) return false;
    w->at = &w->apart->a;
    return true;
}

void wk__worked_out(const wk_workplace *w) {
    if (w->apart == NULL) return;
    wk__set_or_add(w->gx, &w->apart->a, true);
    wk__unref(w->apart);
}

/* An output like x, in a call whose inputs all have the dims of x, and these flags in common. How elements will lie
 * that come later is not known. */
static inline bool declare_alike(wk_call *c, const wk_tensor *x, uint8_t flags) {
    c->alike = (flags & WK__CONTIGUOUS) && !c->later ? WK__SAME_DIMS | WK__FLAT : WK__SAME_DIMS;
    return wk__declare_like(c, 0, x);
}

bool wk__unary_shape(wk_call *c) { return wk__check_float(c) && declare_alike(c, c->in[0], c->in[0]->flags); }

WK_NOINLINE static bool broadcast_shape(wk_call *c, wk_dtype dtype) {
    const wk_tensor *a = c->in[0], *b = c->in[1];
    int32_t ndim;
    int64_t dims[WK_MAX_DIMS];
    if (wk__broadcast_dims(&a->a, &b->a, &ndim, dims)) return wk__declare(c, 0, dtype, ndim, dims);
    wk_shape_text ta, tb;
    return wk__refuse(c, WK_ESHAPE, "shapes a %s and b %s do not broadcast", wk__dims_text(&ta, a),
                      wk__dims_text(&tb, b));
}

bool wk__binary_shape(wk_call *c) {
    const wk_tensor *a = c->in[0], *b = c->in[1];
    if (wk_likely(a->a.dtype == b->a.dtype && wk__takes(c->op, a->a.dtype) && wk__same_dims(&a->a, &b->a)))
        return declare_alike(c, a, a->flags & b->flags);
    return wk__check_float(c) && broadcast_shape(c, a->a.dtype);
}

bool wk__relation_shape(wk_call *c) { return wk__check_float(c) && broadcast_shape(c, WK_BOOL); }

bool wk__is_unstretched(const wk_backprop *b, int32_t i) {
    if (wk_likely(b->node->alike != 0)) return true;
    const wk_array *g = &b->gy[0]->a;
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[i], &ndim);
    return wk__has_dims(g, ndim, dims);
}

wk_tensor *wk__unstretched(const wk_backprop *b, int32_t i, wk_tensor *g) {
    if (g == NULL || wk__is_unstretched(b, i)) return g;
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[i], &ndim);
    return wk_sum_to_size(g, ndim, dims);
}

WK_NOINLINE bool wk__check_number_slow(wk_call *c, double s) {
    if (s >= -0x1p63 && s < 0x1p63 && s == (double)(int64_t)s) return true;
    return wk__refuse(c, WK_EDTYPE, "x has type %s, which does not hold %g: wk_cast x to a floating type",
                      wk_dtype_name(c->in[0]->a.dtype), s);
}
