/* find.c -- nonzero, one_hot: indices of elements, and elements of indices; and what follows from them: masked_select,
 * masked_fill. No gradient but that of indexing. */
#include "op/elementwise.h"
#include "op/indexing.h"
#include "op/rows.h"

/* ------------------------------------------------------------------------------------------------------ nonzero --- */

static int64_t count_nonzero(const wk_array *x) {
    int64_t count = 0;
    wk_rows r;
    for (bool more = wk__rows_begin(&r, 1, &x); more; more = wk__rows_next(&r))
        count += wk__kernels->count_nonzero[x->dtype](r.n, r.data[0], r.stride[0]);
    return count;
}

/* Row-major numbers of the elements that are not 0, which are `count`. */
static void find_nonzero(const wk_array *x, int64_t count, int64_t *found) {
    int64_t first = 0, so_far = 0;
    wk_rows r;
    for (bool more = wk__rows_begin(&r, 1, &x); more; more = wk__rows_next(&r), first += r.n)
        so_far += wk__kernels->find_nonzero[x->dtype](r.n, r.data[0], r.stride[0], first, count - so_far,
                                                      found + so_far);
}

/* The one kind of rows whose output's shape depends on values. */
static bool nonzero_shape(wk_call *c) {
    const wk_array *x = &c->in[0]->a;
    return wk__declare(c, 0, WK_I64, 2, (const int64_t[]){count_nonzero(x), x->ndim});
}

/* Numbers first, side by side at the beginning; then, from the last one on, each becomes its indices. */
static void nonzero_forward(wk_call *c) {
    const wk_array *x = &c->in[0]->a, *y = &c->out[0]->a;
    int64_t *out = y->data;
    if (y->numel == 0) return;
    find_nonzero(x, y->dims[0], out);
    if (x->ndim == 1) return; /* a number is its index */
    for (int64_t i = y->dims[0] - 1; i >= 0; i--) {
        int64_t rest = out[i];
        for (int32_t d = x->ndim - 1; d >= 0; d--) {
            out[i * x->ndim + d] = rest % x->dims[d];
            rest /= x->dims[d];
        }
    }
}

const wk_op wk__op_nonzero = {
    WK_ROW(nonzero),         .in_count = 1,           .out_count = 1,         .in_names = "x",
    .flags = WK__OP_NO_GRAD, .types = WK__EVERY_TYPE, .shape = nonzero_shape, .forward = nonzero_forward,
};

wk_tensor *wk_nonzero(wk_tensor *x) { return wk__apply1(&wk__op_nonzero, x, NULL); }

/* ---------------------------------------------------------------------------------- masked_select, masked_fill --- */

enum { X, MASK };

typedef struct fill_attrs {
    double value;
} fill_attrs;

static const wk_attr_field fill_fields[] = {{"value", 'f', offsetof(fill_attrs, value), 0}};

static bool masked_shape(wk_call *c) {
    const wk_tensor *x = c->in[X], *mask = c->in[MASK];
    wk_dims_attr both;
    wk_shape_text tx, tm;
    if (wk__broadcast_dims(&x->a, &mask->a, &both.ndim, both.dims)) return true;
    return wk__refuse(c, WK_ESHAPE, "shapes x %s and mask %s do not broadcast", wk__dims_text(&tx, x),
                      wk__dims_text(&tm, mask));
}

/* The elements in row-major order, by the numbers of those that the mask keeps. */
static void masked_select_compose(wk_call *c) {
    wk_dims_attr both;
    wk__broadcast_dims(&c->in[X]->a, &c->in[MASK]->a, &both.ndim, both.dims);
    wk_tensor *x = wk_flatten(wk_expand(c->in[X], both.ndim, both.dims), 0, -1);
    wk_tensor *mask = wk_flatten(wk_expand(c->in[MASK], both.ndim, both.dims), 0, -1);
    c->out[0] = wk__read_slices(x, wk_reshape(wk_nonzero(mask), WK_SHAPE(-1)));
}

static void masked_fill_compose(wk_call *c) {
    wk_tensor *value = wk_scalar(((const fill_attrs *)c->attrs)->value, wk_dtype_of(c->in[X]));
    c->out[0] = wk_where(wk_cast(c->in[MASK], WK_BOOL), value, c->in[X]);
}

const wk_op wk__op_masked_select = {
    WK_ROW(masked_select),
    .in_count = 2,
    .out_count = 1,
    .in_names = "x mask",
    .types = WK__EVERY_TYPE,
    .shape = masked_shape,
    .compose = masked_select_compose,
};
const wk_op wk__op_masked_fill = {
    WK_ROW(masked_fill),     .in_count = 2,
    .out_count = 1,          .in_names = "x mask",
    .types = WK__EVERY_TYPE, WK_ATTRS(fill_attrs, fill_fields),
    .shape = masked_shape,   .compose = masked_fill_compose,
};

wk_tensor *wk_masked_select(wk_tensor *x, wk_tensor *mask) {
    return wk__compose(&wk__op_masked_select, (wk_tensor *const[]){x, mask}, 2, NULL, NULL);
}

wk_tensor *wk_masked_fill(wk_tensor *x, wk_tensor *mask, double value) {
    return wk__compose(&wk__op_masked_fill, (wk_tensor *const[]){x, mask}, 2, &(fill_attrs){value}, NULL);
}

/* ------------------------------------------------------------------------------------------------------ one_hot --- */

typedef struct one_hot_attrs { int64_t num_classes; } one_hot_attrs;

static const wk_attr_field fields[] = {{"num_classes", 'i', offsetof(one_hot_attrs, num_classes), -1}};

static int64_t largest(const wk_array *index) {
    int64_t most = -1;
    wk_rows r;
    for (bool more = wk__rows_begin(&r, 1, &index); more; more = wk__rows_next(&r)) {
        const int64_t *at = r.data[0];
        for (int64_t i = 0; i < r.n; i++)
            if (at[i * r.stride[0]] > most) most = at[i * r.stride[0]];
    }
    return most;
}

static bool one_hot_shape(wk_call *c) {
    one_hot_attrs *o = c->attrs;
    const wk_tensor *index = c->in[0];
    wk_shape_text text;
    if (!wk__check_index_type(c, 0)) return false;
    if (index->a.ndim == WK_MAX_DIMS)
        return wk__refuse(c, WK_ESHAPE, "index %s has no room for another dimension", wk__dims_text(&text, index));
    if (o->num_classes == -1 &&
        wk__capture_refuses(c->ctx, "one_hot", "the largest index is not known: say num_classes"))
        return false;
    if (o->num_classes == -1) {
        const int64_t most = largest(&index->a);
        if (most < 0)
            return wk__refuse(c, WK_EINVAL, "index %s holds no class to count them by: say num_classes",
                              wk__dims_text(&text, index));
        o->num_classes = most < INT64_MAX ? most + 1 : most;
    }
    if (o->num_classes <= 0)
        return wk__refuse(c, WK_EINVAL, "num_classes is %lld and must be positive", (long long)o->num_classes);
    int64_t dims[WK_MAX_DIMS];
    for (int32_t d = 0; d < index->a.ndim; d++) dims[d] = index->a.dims[d];
    dims[index->a.ndim] = o->num_classes;
    return wk__check_shape(c->ctx, c->op->name, index->a.ndim + 1, dims, WK_I64) &&
           wk__declare(c, 0, WK_I64, index->a.ndim + 1, dims);
}

/* The 1s are scattered along the last dimension. */
static void one_hot_forward(wk_call *c) {
    const wk_tensor *y = c->out[0];
    const wk_array *index = &c->in[0]->a;
    const int64_t one = 1;
    const wk_array ones = {.data = &c->ctx->cell, .dtype = WK_I64, .numel = 1};
    wk_pick p;
    if (!wk__check_indices(c, index, y, index->ndim, false)) return;
    wk__zero(&y->a);
    wk__kernels->fill[WK_I64](1, ones.data, 1, &one);
    wk__pick_each(&y->a, index->ndim, index, &ones, &p);
    wk__pick_write(&p, false);
}

const wk_op wk__op_one_hot = {
    WK_ROW(one_hot), WK_INDICES(0), .in_count = 1, .out_count = 1, .in_names = "index", .flags = WK__OP_NO_GRAD,
    WK_ATTRS(one_hot_attrs, fields), .shape = one_hot_shape, .forward = one_hot_forward,
};

wk_tensor *wk_one_hot(wk_tensor *index, int64_t num_classes) {
    return wk__apply1(&wk__op_one_hot, index, &(one_hot_attrs){num_classes});
}
