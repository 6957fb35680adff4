/* index_list.c -- wk_index, wk_index_put: one index tensor for each leading dimension, or a mask for several.
 *
 * The tensors are brought to one shape and made one index of the leading dimensions taken as one:
 *
 *     x (A,B,C), indices i and j:  flat = i B + j,   x[i, j] = x as (A B, C), [flat]
 *
 * so that the rows in index.c need to know of one index only. */
#include "grad/scope.h"
#include "kernel/record.h"
#include "op/elementwise.h"
#include "op/indexing.h"
#include "op/rows.h"

/* The common shape of all indices, which follow x among the inputs. */
static bool flat_shape(wk_call *c) {
    wk_array common = {.ndim = 0};
    int64_t dims[WK_MAX_DIMS];
    wk_shape_text tc, ti;
    for (int32_t i = 1; i < c->in_count; i++) {
        if (!wk__check_index_type(c, i)) return false;
        if (!wk__broadcast_dims(&common, &c->in[i]->a, &common.ndim, dims))
            return wk__refuse(c, WK_ESHAPE, "indices %s and %s do not broadcast",
                              wk__shape_text(&tc, common.ndim, common.dims), wk__dims_text(&ti, c->in[i]));
        for (int32_t d = 0; d < common.ndim; d++) common.dims[d] = dims[d];
    }
    return wk__check_shape(c->ctx, c->op->name, common.ndim, common.dims, WK_I64) &&
           wk__declare(c, 0, WK_I64, common.ndim, common.dims);
}

/* y = y size + index, words: n, y, its stride, index, its stride, size */
static void call_append(wk_any_function *f, const wk_word *w) {
    int64_t *to = w[1].p;
    const int64_t *from = w[3].p, size = w[5].i;
    (void)f;
    for (int64_t i = 0; i < w[0].i; i++, to += w[2].i, from += w[4].i)
        *to = *to * size + (*from < 0 ? *from + size : *from);
}

static void append_index(const wk_array *y, const wk_array *index, int64_t size) {
    static const wk_signature signature = {"nwnrnn", call_append, NULL};
    const wk_noted noted = {.signature = &signature, .name = "append_index", .dtype = WK_I64};
    const wk_array *const arrays[] = {y, index};
    wk_rows r;
    for (bool more = wk__rows_begin(&r, 2, arrays); more; more = wk__rows_next(&r)) {
        const wk_word words[] = {{.i = r.n},       {.p = r.data[0]},   {.i = r.stride[0]},
                                 {.p = r.data[1]}, {.i = r.stride[1]}, {.i = size}};
        if (!wk__note(wk__ctx(), &noted, words)) call_append(NULL, words);
    }
}

static void flat_forward(wk_call *c) {
    const wk_tensor *x = c->in[0];
    const wk_array *y = &c->out[0]->a;
    for (int32_t i = 1; i < c->in_count; i++)
        if (!wk__check_indices(c, &c->in[i]->a, x, i - 1, true)) return;
    wk__zero(y);
    for (int32_t i = 1; i < c->in_count; i++) append_index(y, &c->in[i]->a, x->a.dims[i - 1]);
}

/* No rows of ops.def; messages bear the name of what was called. */
#define FLAT_INDEX(called)                                                                           \
    {                                                                                                \
        WK_INNER_ROW(called), .in_count = WK__ANY_NUMBER, .out_count = 1, .in_names = "x indices",   \
                              .flags = WK__OP_NO_GRAD, .shape = flat_shape, .forward = flat_forward, \
    }
static const wk_op flat_for_index = FLAT_INDEX(index), flat_for_put = FLAT_INDEX(index_put);

static bool fail(const wk_op *flat, wk_status status, const char *format, const wk_tensor *index, const wk_tensor *x) {
    wk_shape_text ti, tx;
    wk__fail(x->ctx, status, flat->name, format, wk__dims_text(&ti, index), wk__dims_text(&tx, x));
    return false;
}

/* A mask stands for the indices at which it holds, one tensor for each of its dimensions, which are those of x from
 * dimension *count on. */
static bool add_mask(const wk_op *flat, wk_tensor *x, wk_tensor *mask, wk_tensor **in, int32_t *count) {
    bool fits = mask->a.ndim > 0 && *count + mask->a.ndim <= x->a.ndim;
    for (int32_t d = 0; fits && d < mask->a.ndim; d++) fits = mask->a.dims[d] == x->a.dims[*count + d];
    if (!fits) return fail(flat, WK_EINDEX, "mask %s does not fit the dimensions of x %s", mask, x);
    wk_tensor *where = wk_nonzero(mask);
    for (int32_t d = 0; d < mask->a.ndim; d++) in[++*count] = wk_select(where, 1, d);
    return where != NULL;
}

static bool add_index(const wk_op *flat, wk_tensor *x, wk_tensor *index, wk_tensor **in, int32_t *count) {
    if (index->a.dtype == WK_BOOL) return add_mask(flat, x, index, in, count);
    if (index->a.dtype == WK_U8)
        return fail(flat, WK_EDTYPE, "index %s of x %s has type u8: wk_cast a mask to bool, indices to i64", index, x);
    if (*count == x->a.ndim) return fail(flat, WK_EINDEX, "index %s is one too many for x %s", index, x);
    in[++*count] = index->a.dtype == WK_I32 ? wk_cast(index, WK_I64) : index;
    return true;
}

/* One index for the first *count dimensions of x = in[0], from the indices that follow. NULL, recorded, when there is
 * none. */
static wk_tensor *flat_index(const wk_op *flat, wk_tensor *const *in, int64_t indices, int32_t *count) {
    wk_tensor *x = in[0], *of_dims[WK_MAX_DIMS + 1] = {x};
    wk_shape_text text;
    *count = 0;
    for (int64_t i = 1; i <= indices; i++)
        if (!add_index(flat, x, in[i], of_dims, count)) return NULL;
    if (*count == 0)
        return wk__fail(x->ctx, WK_EINDEX, flat->name, "no indices for x %s", wk__dims_text(&text, x)), NULL;
    return *count == 1 ? of_dims[1] : wk__apply(flat, of_dims, *count + 1, NULL, NULL);
}

/* x with the dimensions that are indexed as one. */
static wk_tensor *flat_of(wk_tensor *x, int32_t count) { return count > 1 ? wk_flatten(x, 0, count - 1) : x; }

/* ----------------------------------------------------------------------------------------------------- the rows --- */

typedef struct put_attrs {
    int64_t accumulate;
} put_attrs;

static const wk_attr_field fields[] = {{"accumulate", 'b', offsetof(put_attrs, accumulate), 0}};

/* All else is found out on the way. */
static bool shape(wk_call *c) {
    const int32_t fewest = c->op == &wk__op_index ? 1 : 2;
    return c->in_count >= fewest ||
           wk__refuse(c, WK_EINVAL, "it takes %d inputs at least (%s)", (int)fewest, c->op->in_names);
}

static void index_compose(wk_call *c) {
    int32_t count;
    wk_tensor *index = flat_index(&flat_for_index, c->in, c->in_count - 1, &count);
    if (index != NULL) c->out[0] = wk__read_slices(flat_of(c->in[0], count), index);
}

static void put_compose(wk_call *c) {
    int32_t count;
    wk_tensor *index = flat_index(&flat_for_put, c->in, c->in_count - 2, &count), *values = c->in[c->in_count - 1];
    if (index == NULL) return;
    const bool accumulate = ((const put_attrs *)c->attrs)->accumulate != 0;
    wk_tensor *y = wk__put_slices(flat_of(c->in[0], count), index, values, accumulate);
    c->out[0] = count > 1 ? wk_reshape(y, wk_ndim(c->in[0]), wk_dims(c->in[0])) : y;
}

const wk_op wk__op_index = {
    WK_ROW(index),  .in_count = WK__ANY_NUMBER, .out_count = 1, .in_names = "x indices", .types = WK__EVERY_TYPE,
    .shape = shape, .compose = index_compose,
};

const wk_op wk__op_index_put = {
    WK_ROW(index_put),       .in_count = WK__ANY_NUMBER,  .out_count = 1, .in_names = "x indices values",
    .types = WK__EVERY_TYPE, WK_ATTRS(put_attrs, fields), .shape = shape, .compose = put_compose,
};

/* The row on x, the tensors of a list, and values, where there are any. */
static wk_tensor *indexed(const wk_op *op, wk_tensor *x, const wk_list *indices, wk_tensor *const *values,
                          put_attrs *attrs) {
    wk_ctx *ctx = wk__ctx();
    wk_tensor *in[WK_MAX_DIMS + 2] = {x};
    wk_shape_text text;
    if (!wk__ready(ctx) || !wk__usable(ctx, x, op->name, "x") || !wk__list_usable(ctx, indices, op->name, "indices"))
        return NULL;
    const int32_t count = (int32_t)wk_list_length(indices);
    if (wk_list_length(indices) > WK_MAX_DIMS)
        return wk__fail(ctx, WK_EINDEX, op->name, "%lld indices are too many for x %s",
                        (long long)wk_list_length(indices), wk__dims_text(&text, x)),
               NULL;
    for (int32_t i = 0; i < count; i++) in[1 + i] = wk__list_items(indices)[i];
    if (values != NULL) in[1 + count] = *values;
    return wk__compose(op, in, 1 + count + (values != NULL), attrs, NULL);
}

wk_tensor *wk_index(wk_tensor *x, const wk_list *indices) { return indexed(&wk__op_index, x, indices, NULL, NULL); }

wk_tensor *wk_index_put(wk_tensor *x, const wk_list *indices, wk_tensor *values, bool accumulate) {
    return indexed(&wk__op_index_put, x, indices, &values, &(put_attrs){.accumulate = accumulate});
}
