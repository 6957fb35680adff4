/* extremes.c -- the largest and the smallest: max, amax, max_dim, argmax and their counterparts.
 *
 *     y = max x, amax x     gx += g / count where x = y: elements that are equal share it; so do NaNs
 *     y = max_dim x         gx += g at the index that was given
 *
 * A NaN is larger and smaller than anything, as in PyTorch. */
#include "op/elementwise.h"
#include "op/indexing.h"
#include "op/powers.h"
#include "op/reduction.h"

/* Every type, but halves as f32. */
#define TYPES WK_TYPES_OF(WK_TAKES_TRUTHS)

static bool not_empty(wk_call *c) {
    const wk_reduction *r = c->attrs;
    wk_shape_text text;
    if (wk__reduced_count(&c->in[0]->a, r->reduced) > 0) return true;
    return wk__refuse(c, WK_ESHAPE, "x %s: there is no element to choose", wk__dims_text(&text, c->in[0]));
}

static void forward_max(wk_call *c) { wk__fold(c, wk__kernels->fold_max[c->in[0]->a.dtype]); }
static void forward_min(wk_call *c) { wk__fold(c, wk__kernels->fold_min[c->in[0]->a.dtype]); }

/* gx (+)= 1 where x = y, times g / count of these */
static bool shared_grad(wk_backprop *b) {
    const wk_array *g = &b->gy[0]->a;
    const wk_dtype dtype = g->dtype;
    const wk_reduction *r = b->node->attrs;
    wk_tensor *share = wk__temporary(b->ctx, b->node->op, dtype, g);
    wk_workplace w;
    if (share == NULL) return true;
    if (!wk__work_on_slot(b, 0, &w)) return wk__unref(share), true;
    const wk_array y = wk__stretched(b, wk__saved_out(b, 0), w.at), part = wk__stretched(b, &share->a, w.at);
    wk__binary_rows(wk__kernels->same[dtype], w.at, wk__saved_in(b, 0), &y);
    wk__fibres(wk__kernels->fold_sum[dtype], &share->a, w.at, NULL, r->reduced, 0, false);
    wk__binary_rows(wk__kernels->div[dtype], &share->a, g, &share->a);
    wk__binary_rows(wk__kernels->mul[dtype], w.at, w.at, &part);
    wk__worked_out(&w);
    wk__unref(share);
    return true;
}

static void shared_vjp(const wk_backprop *b, wk_tensor **gx) {
    wk_tensor *y = wk__kept(b, b->node->out[0].saved);
    wk_tensor *chosen = wk__equal(b->node->in[0].saved, y);
    wk_tensor *count = wk_sum_to_size(chosen, wk_ndim(y), wk_dims(y));
    gx[0] = wk_mul(chosen, wk_mul(wk__kept(b, b->gy[0]), wk__signed_power(count, -1)));
}

static bool all_shape(wk_call *c) { return wk__reduce_all_shape(c) && not_empty(c); }
static bool dims_shape(wk_call *c) { return wk__reduce_dims_shape(c) && not_empty(c); }

static const wk_attr_field no_fields[] = {{"", 'i', 0, 0}};

#define SHARED_ROW(row, shape_rule, forward_function, list, count) \
    const wk_op wk__op_##row = {                                   \
        WK_ROW(row),                                               \
        .in_count = 1,                                             \
        .out_count = 1,                                            \
        .in_names = "x",                                           \
        .types = TYPES,                                            \
        .reads = {WK_READS_IN(0) | WK_READS_OUT(0)},               \
        .attrs_nbytes = sizeof(wk_reduction),                      \
        .fields = (list),                                          \
        .field_count = (count),                                    \
        .shape = (shape_rule),                                     \
        .forward = (forward_function),                             \
        .grad = shared_grad,                                       \
        .vjp = shared_vjp,                                         \
    };
SHARED_ROW(max, all_shape, forward_max, no_fields, 0)
SHARED_ROW(min, all_shape, forward_min, no_fields, 0)
SHARED_ROW(amax, dims_shape, forward_max, wk__reduce_dims_fields, 2)
SHARED_ROW(amin, dims_shape, forward_min, wk__reduce_dims_fields, 2)

wk_tensor *wk_max(wk_tensor *x) { return wk__apply1(&wk__op_max, x, &(wk_reduction){.dim = 0}); }
wk_tensor *wk_min(wk_tensor *x) { return wk__apply1(&wk__op_min, x, &(wk_reduction){.dim = 0}); }

wk_tensor *wk_amax(wk_tensor *x, int32_t ndim, const int64_t *dims, bool keepdim) {
    return wk__reduce_dims(&wk__op_amax, x, ndim, dims, (wk_reduction){.keepdim = keepdim});
}

wk_tensor *wk_amin(wk_tensor *x, int32_t ndim, const int64_t *dims, bool keepdim) {
    return wk__reduce_dims(&wk__op_amin, x, ndim, dims, (wk_reduction){.keepdim = keepdim});
}

/* ------------------------------------------------------------------------------------------------- with indices --- */

/* Of all elements the index counts in row-major order, which a walk by strides would not keep: another layout is copied
 * first. */
static void whole_argument(wk_call *c, wk_fibre_kernel *kernel) {
    const wk_tensor *x = c->in[0];
    const wk_array *y = &c->out[0]->a;
    if (x->flags & WK__CONTIGUOUS) {
        kernel(&(wk_fibres){.count = 1, .n = x->a.numel, .y = y->data, .x = x->a.data, .x_along = 1});
        return;
    }
    wk_tensor *copy = wk__temporary_copy(c->ctx, c->op, &x->a);
    if (copy == NULL) return;
    kernel(&(wk_fibres){.count = 1, .n = x->a.numel, .y = y->data, .x = copy->a.data, .x_along = 1});
    wk__unref(copy);
}

static void forward_argmax(wk_call *c) { whole_argument(c, wk__kernels->argmax[c->in[0]->a.dtype]); }
static void forward_argmin(wk_call *c) { whole_argument(c, wk__kernels->argmin[c->in[0]->a.dtype]); }
static void forward_argmax_dim(wk_call *c) { wk__fold(c, wk__kernels->argmax[c->in[0]->a.dtype]); }
static void forward_argmin_dim(wk_call *c) { wk__fold(c, wk__kernels->argmin[c->in[0]->a.dtype]); }

static bool whole_index_shape(wk_call *c) {
    wk_reduction *r = c->attrs;
    r->reduced = ((int64_t)1 << c->in[0]->a.ndim) - 1;
    return wk__check_float(c) && not_empty(c) && wk__declare(c, 0, WK_I64, 0, NULL);
}

static bool index_shape(wk_call *c) {
    return wk__check_float(c) && wk__reduced_dim(c) && not_empty(c) && wk__declare_reduced(c, 0, WK_I64);
}

#define INDEX_ROW(row, shape_rule, list, count)                                                               \
    const wk_op wk__op_##row = {                                                                              \
        WK_ROW(row), .in_count = 1, .out_count = 1, .in_names = "x", .types = TYPES, .flags = WK__OP_NO_GRAD, \
        .attrs_nbytes = sizeof(wk_reduction), .fields = (list), .field_count = (count),                       \
        .shape = (shape_rule), .forward = forward_##row,                                                      \
    };
INDEX_ROW(argmax, whole_index_shape, no_fields, 0)
INDEX_ROW(argmin, whole_index_shape, no_fields, 0)
INDEX_ROW(argmax_dim, index_shape, wk__reduce_dim_fields, 2)
INDEX_ROW(argmin_dim, index_shape, wk__reduce_dim_fields, 2)

wk_tensor *wk_argmax(wk_tensor *x) { return wk__apply1(&wk__op_argmax, x, &(wk_reduction){.dim = 0}); }
wk_tensor *wk_argmin(wk_tensor *x) { return wk__apply1(&wk__op_argmin, x, &(wk_reduction){.dim = 0}); }

wk_tensor *wk_argmax_dim(wk_tensor *x, int32_t dim, bool keepdim) {
    return wk__apply1(&wk__op_argmax_dim, x, &(wk_reduction){.dim = dim, .keepdim = keepdim});
}

wk_tensor *wk_argmin_dim(wk_tensor *x, int32_t dim, bool keepdim) {
    return wk__apply1(&wk__op_argmin_dim, x, &(wk_reduction){.dim = dim, .keepdim = keepdim});
}

/* ------------------------------------------------------------------------------------------- values and indices --- */

static bool both_shape(wk_call *c) {
    return wk__reduce_dim_shape(c) && not_empty(c) && wk__declare_reduced(c, 1, WK_I64);
}

static void both_forward(wk_call *c, wk_fibre_kernel *argument) {
    const wk_reduction *r = c->attrs;
    const wk_array *x = &c->in[0]->a, *y = &c->out[0]->a, *index = &c->out[1]->a;
    wk__fibres(argument, index, x, NULL, r->reduced, 0, false);
    wk__fibres(wk__kernels->pick[x->dtype], y, x, index, r->reduced, 0, false);
}

static void forward_max_dim(wk_call *c) { both_forward(c, wk__kernels->argmax[c->in[0]->a.dtype]); }
static void forward_min_dim(wk_call *c) { both_forward(c, wk__kernels->argmin[c->in[0]->a.dtype]); }

static int32_t edge_ndim(const wk_backprop *b) {
    int32_t ndim;
    wk__edge_dims(&b->node->in[0], &ndim);
    return ndim > 0 ? ndim : 1;
}

/* gx[index] += g */
static bool both_grad(wk_backprop *b) {
    const int32_t dim = wk__wrap_dim(((const wk_reduction *)b->node->attrs)->dim, edge_ndim(b));
    wk_array room, index, g;
    bool add;
    wk_pick p;
    if (b->gy[0] == NULL) return true;
    const wk_array *gx = wk__slot(b, 0, &room, &add);
    if (gx == NULL) return true;
    if (!add) wk__zero(gx);
    index = wk__stretched(b, wk__saved_out(b, 1), gx), g = wk__stretched(b, &b->gy[0]->a, gx);
    if (gx->ndim > 0) index.dims[dim] = g.dims[dim] = 1;
    index.numel = g.numel = b->gy[0]->a.numel;
    wk__pick_each(gx, dim, &index, &g, &p);
    wk__pick_write(&p, true);
    return true;
}

static void both_vjp(const wk_backprop *b, wk_tensor **gx) {
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[0], &ndim);
    const wk_reduction *r = b->node->attrs;
    if (b->gy[0] == NULL) return;
    wk_tensor *index = wk__kept(b, b->node->out[1].saved), *nothing = wk_zeros(ndim, dims, b->gy[0]->a.dtype);
    gx[0] = wk_scatter_add(nothing, (int32_t)r->dim, index, wk__kept(b, b->gy[0]));
}

#define BOTH_ROW(row)                                  \
    const wk_op wk__op_##row = {                       \
        WK_ROW(row),                                   \
        .in_count = 1,                                 \
        .out_count = 2,                                \
        .in_names = "x",                               \
        .types = TYPES,                                \
        .reads = {WK_READS_OUT(1)},                    \
        WK_ATTRS(wk_reduction, wk__reduce_dim_fields), \
        .shape = both_shape,                           \
        .forward = forward_##row,                      \
        .grad = both_grad,                             \
        .vjp = both_vjp,                               \
    };
BOTH_ROW(max_dim)
BOTH_ROW(min_dim)

static wk_tensor *both(const wk_op *op, wk_tensor *x, int32_t dim, bool keepdim, wk_tensor **indices) {
    wk_tensor *outs[2] = {NULL};
    wk__apply(op, &x, 1, &(wk_reduction){.dim = dim, .keepdim = keepdim}, outs);
    if (indices != NULL) *indices = outs[1];
    return outs[0];
}

wk_tensor *wk_max_dim(wk_tensor *x, int32_t dim, bool keepdim, wk_tensor **indices) {
    return both(&wk__op_max_dim, x, dim, keepdim, indices);
}

wk_tensor *wk_min_dim(wk_tensor *x, int32_t dim, bool keepdim, wk_tensor **indices) {
    return both(&wk__op_min_dim, x, dim, keepdim, indices);
}
