/* sort.c -- argsort: the order of the elements along a dimension; and sort and topk, which gather by it, so that their
 * gradients are gather's. */
#include "op/indexing.h"

#include "kernel/kernel.h"
#include "op/rows.h"
#include "tensor/iterate.h"

typedef struct sort_attrs {
    int64_t dim, descending;
    int64_t count; /* how many first ones; 0: all */
} sort_attrs;

static const wk_attr_field fields[] = {
    {"dim", 'i', offsetof(sort_attrs, dim), -1},
    {"descending", 'b', offsetof(sort_attrs, descending), 0},
};

static bool shape(wk_call *c) {
    const wk_array *x = &c->in[0]->a;
    return wk__check_dim_or_scalar(c, &((sort_attrs *)c->attrs)->dim) && wk__declare(c, 0, WK_I64, x->ndim, x->dims);
}

/* The beginnings of all lines along dim, as one array. */
static wk_array beginnings(const wk_array *x, int64_t dim) {
    wk_array lines = *x;
    if (x->ndim > 0 && x->dims[dim] > 0) lines.numel /= x->dims[dim], lines.dims[dim] = 1;
    return lines;
}

static void sort_lines(const sort_attrs *s, const wk_array *x, const wk_array *y, void *work) {
    const int64_t n = x->ndim > 0 ? x->dims[s->dim] : 1, count = y->ndim > 0 ? y->dims[s->dim] : 1;
    const int64_t sx = x->ndim > 0 ? x->strides[s->dim] : 1, sy = y->ndim > 0 ? y->strides[s->dim] : 1;
    const wk_array x_lines = beginnings(x, s->dim), y_lines = beginnings(y, s->dim);
    const wk_array *const arrays[] = {&y_lines, &x_lines};
    wk_rows r;
    for (bool more = wk__rows_begin(&r, 2, arrays); more; more = wk__rows_next(&r))
        for (int64_t i = 0; i < r.n; i++)
            wk__kernels->argsort[x->dtype](n, count, (int64_t *)r.data[0] + i * r.stride[0], sy,
                                           (const char *)r.data[1] + i * r.stride[1] * r.nbytes[1], sx,
                                           s->descending != 0, work);
}

static void forward(wk_call *c) {
    const sort_attrs *s = c->attrs;
    const wk_array *x = &c->in[0]->a;
    const int64_t n = x->ndim > 0 ? x->dims[s->dim] : 1;
    const int64_t words = (wk__argsort_work(n, wk__dtype_nbytes[x->dtype]) + 7) / 8;
    wk_tensor *work = wk__tensor_make(c->ctx, WK_I64, 1, &words);
    if (work != NULL) sort_lines(s, x, &c->out[0]->a, work->a.data);
    else wk__refuse_no_memory(c);
    wk__unref(work);
}

const wk_op wk__op_argsort = {
    WK_ROW(argsort),         .in_count = 1,           .out_count = 1,
    .in_names = "x",         .flags = WK__OP_NO_GRAD, WK_ATTRS(sort_attrs, fields),
    .types = WK__EVERY_TYPE, .shape = shape,          .forward = forward,
};

wk_tensor *wk_argsort(wk_tensor *x, int32_t dim, bool descending) {
    return wk__apply1(&wk__op_argsort, x, &(sort_attrs){dim, descending, 0});
}

/* The first of them alone: a row outside ops.def. */
static const wk_attr_field first_fields[] = {
    {"dim", 'i', offsetof(sort_attrs, dim), -1},
    {"descending", 'b', offsetof(sort_attrs, descending), 0},
    {"count", 'i', offsetof(sort_attrs, count), 0},
};

static bool first_shape(wk_call *c) {
    const sort_attrs *s = c->attrs;
    const wk_array *x = &c->in[0]->a;
    int64_t dims[WK_MAX_DIMS];
    for (int32_t d = 0; d < x->ndim; d++) dims[d] = d == s->dim ? s->count : x->dims[d];
    return wk__declare(c, 0, WK_I64, x->ndim, dims);
}

static const wk_op argsort_first_op = {
    WK_INNER_ROW(argsort_first), .in_count = 1, .out_count = 1, .in_names = "x", .flags = WK__OP_NO_GRAD,
    WK_ATTRS(sort_attrs, first_fields), .shape = first_shape, .forward = forward,
};

/* --------------------------------------------------------------------------------------------------- sort, topk --- */

/* Values and where they were. The caller may not care for the latter. */
static wk_tensor *both(const wk_op *op, wk_tensor *x, void *attrs, wk_tensor **indices) {
    wk_tensor *outs[2] = {NULL};
    wk__compose(op, &x, 1, attrs, outs);
    if (indices != NULL)
        *indices = outs[1];
    else
        wk_drop(outs[1]);
    return outs[0];
}

static bool sort_shape(wk_call *c) { return wk__check_dim_or_scalar(c, &((sort_attrs *)c->attrs)->dim); }

static void sort_compose(wk_call *c) {
    const sort_attrs *s = c->attrs;
    c->out[1] = wk_argsort(c->in[0], (int32_t)s->dim, s->descending);
    c->out[0] = wk_gather(c->in[0], (int32_t)s->dim, c->out[1]);
}

const wk_op wk__op_sort = {
    WK_ROW(sort),
    .in_count = 1,
    .out_count = 2,
    .in_names = "x",
    WK_ATTRS(sort_attrs, fields),
    .types = WK__EVERY_TYPE,
    .shape = sort_shape,
    .compose = sort_compose,
};

wk_tensor *wk_sort(wk_tensor *x, int32_t dim, bool descending, wk_tensor **indices) {
    return both(&wk__op_sort, x, &(sort_attrs){dim, descending, 0}, indices);
}

typedef struct topk_attrs {
    int64_t k, dim, largest;
} topk_attrs;

static const wk_attr_field topk_fields[] = {
    {"k", 'i', offsetof(topk_attrs, k), 1},
    {"dim", 'i', offsetof(topk_attrs, dim), -1},
    {"largest", 'b', offsetof(topk_attrs, largest), 1},
};

static bool topk_shape(wk_call *c) {
    topk_attrs *t = c->attrs;
    const wk_tensor *x = c->in[0];
    wk_shape_text text;
    if (!wk__check_dim_or_scalar(c, &t->dim)) return false;
    const int64_t size = x->a.ndim > 0 ? x->a.dims[t->dim] : 1;
    if (t->k >= (x->a.ndim == 0) && t->k <= size) return true;
    return wk__refuse(c, WK_EINDEX, "k is %lld and x %s has %lld elements along dimension %d", (long long)t->k,
                      wk__dims_text(&text, x), (long long)size, (int)t->dim);
}

static void topk_compose(wk_call *c) {
    const topk_attrs *t = c->attrs;
    c->out[1] = wk__apply1(&argsort_first_op, c->in[0], &(sort_attrs){t->dim, t->largest, t->k});
    c->out[0] = wk_gather(c->in[0], (int32_t)t->dim, c->out[1]);
}

const wk_op wk__op_topk = {
    WK_ROW(topk),
    .in_count = 1,
    .out_count = 2,
    .in_names = "x",
    WK_ATTRS(topk_attrs, topk_fields),
    .types = WK__EVERY_TYPE,
    .shape = topk_shape,
    .compose = topk_compose,
};

wk_tensor *wk_topk(wk_tensor *x, int64_t k, int32_t dim, bool largest, wk_tensor **indices) {
    return both(&wk__op_topk, x, &(topk_attrs){k, dim, largest}, indices);
}
