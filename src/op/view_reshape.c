/* view_reshape.c -- the same elements in the same order under another shape: reshape, and flatten, unflatten, squeeze,
 * unsqueeze, which work that shape out; and contiguous and clone, which keep it.
 *
 * All but the last two are one function: their attributes begin with the new shape, which the shape rule fills in. */
#include "op/elementwise.h"
#include "op/view.h"

/* One group of neighbouring dimensions of x that lie on from one another, with `numel` elements `stride` apart, takes
 * as many of the new sizes, from *d down, as make up its elements. */
static bool split_group(const wk_dims_attr *to, int32_t *d, int64_t numel, int64_t stride, int64_t *strides) {
    int64_t taken = 1;
    for (; *d >= 0 && (taken < numel || to->dims[*d] == 1); --*d) {
        strides[*d] = taken * stride;
        taken *= to->dims[*d];
    }
    return taken == numel;
}

/* Strides under which x's elements have the new shape. False when there are none: sizes would have to reach across a
 * gap. Sizes of 1 go anywhere; nothing is empty. */
static bool find_strides(const wk_array *x, const wk_dims_attr *to, int64_t *strides) {
    int32_t left = to->ndim - 1;
    int64_t numel = 1, stride = 1; /* of the group so far, whose outermost dimension came last */
    for (int32_t d = x->ndim - 1; d >= 0; d--) {
        if (x->dims[d] == 1) continue;
        if (numel == 1) {
            stride = x->strides[d];
        } else if (x->strides[d] != numel * stride) {
            if (!split_group(to, &left, numel, stride, strides)) return false;
            numel = 1, stride = x->strides[d];
        }
        numel *= x->dims[d];
    }
    return split_group(to, &left, numel, stride, strides) && left < 0;
}

static bool reshape_view(const void *attrs, const wk_array *x, wk_array *y) {
    const wk_dims_attr *to = attrs;
    y->data = x->data;
    y->dtype = x->dtype;
    if (!wk__array_set_dims(y, to->ndim, to->dims)) return false;
    return wk_likely(wk__array_is_contiguous(x)) || find_strides(x, to, y->strides);
}

/* Works out a size of -1, in place. False when the sizes do not make up numel. */
static bool complete(int64_t numel, int32_t ndim, int64_t *dims) {
    int64_t known = 1;
    int32_t open = -1, opens = 0;
    bool fits = true; /* the product of the sizes stays in range */
    for (int32_t d = 0; d < ndim; d++) {
        if (dims[d] == -1) open = d, opens++;
        else fits &= dims[d] >= 0 && !__builtin_mul_overflow(known, dims[d], &known);
    }
    if (opens == 0) return fits && known == numel;
    if (opens > 1 || !fits || known == 0 || numel % known != 0) return false;
    dims[open] = numel / known;
    return true;
}

/* The shape rule when the attributes' shape is known. */
static bool reshape_to(wk_call *c) {
    const wk_dims_attr *to = c->attrs;
    const wk_dtype dtype = c->in[0]->a.dtype;
    bool declared;
    if (!wk__check_shape(c->ctx, c->op->name, to->ndim, to->dims, dtype) || !wk__declare_view(c, &declared))
        return false;
    return declared || wk__declare(c, 0, dtype, to->ndim, to->dims);
}

/* Only when it is no view: a copy in row-major order. */
static void reshape_forward(wk_call *c) {
    const wk_array *x = &c->in[0]->a;
    wk_array y = *x;
    y.data = c->out[0]->a.data;
    wk__array_set_dims(&y, x->ndim, x->dims);
    wk__unary_rows(wk__kernels->copy[y.dtype], &y, x);
}

static void reshape_vjp(const wk_backprop *b, wk_tensor **gx) {
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[0], &ndim);
    gx[0] = wk_reshape(b->gy[0], ndim, dims);
}

/* Side by side: the same shape behind the new dimension. The attributes of these rows begin with it. */
static void reshape_batched(wk_call *c) {
    const wk_dims_attr *to = c->attrs;
    int64_t dims[WK_MAX_DIMS] = {wk_dim(c->in[0], 0)};
    for (int32_t d = 0; d < to->ndim; d++) dims[d + 1] = to->dims[d];
    c->out[0] = wk_reshape(c->in[0], to->ndim + 1, dims);
}

#define RESHAPING                                                                                          \
    .batch = WK__BATCH_ROWS, .batched = reshape_batched, .view = reshape_view, .forward = reshape_forward, \
    .vjp = reshape_vjp

/* ------------------------------------------------------------------------------------------------------ reshape --- */

static bool reshape_shape(wk_call *c) {
    wk_dims_attr *to = c->attrs;
    const wk_tensor *x = c->in[0];
    wk_shape_text tx, tt;
    if (complete(x->a.numel, to->ndim, to->dims)) return reshape_to(c);
    int32_t open = 0;
    for (int32_t d = 0; d < to->ndim; d++) open += to->dims[d] == -1;
    return wk__refuse(c, WK_ESHAPE, "x %s has %lld elements and does not fit %s%s", wk__dims_text(&tx, x),
                      (long long)x->a.numel, wk__shape_text(&tt, to->ndim, to->dims),
                      open > 1 ? ": only one size can be -1" : "");
}

const wk_op wk__op_reshape = {
    WK_ROW(reshape), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(wk_dims_attr, wk__dims_fields),
    .shape = reshape_shape, RESHAPING,
};

wk_tensor *wk_reshape(wk_tensor *x, int32_t ndim, const int64_t *dims) {
    wk_dims_attr attrs;
    return wk__dims_attr_set(&attrs, ndim, dims, "reshape") ? wk__apply1(&wk__op_reshape, x, &attrs) : NULL;
}

/* ------------------------------------------------------------------------------------------- flatten, unflatten --- */

typedef struct flatten_attrs {
    wk_dims_attr to;
    int64_t start_dim, end_dim;
} flatten_attrs;

static const wk_attr_field flatten_fields[] = {
    {"start_dim", 'i', offsetof(flatten_attrs, start_dim), 0},
    {"end_dim", 'i', offsetof(flatten_attrs, end_dim), -1},
};

/* A dimension as arguments of these rows name it: a 0-d tensor has one, of one element. */
static bool check_dim_or_scalar(wk_call *c, int64_t *dim) {
    if (c->in[0]->a.ndim > 0 || (*dim != 0 && *dim != -1)) return wk__check_dim(c, dim);
    *dim = 0;
    return true;
}

static bool flatten_shape(wk_call *c) {
    flatten_attrs *f = c->attrs;
    const wk_array *x = &c->in[0]->a;
    if (!check_dim_or_scalar(c, &f->start_dim) || !check_dim_or_scalar(c, &f->end_dim)) return false;
    if (f->start_dim > f->end_dim)
        return wk__refuse(c, WK_EINVAL, "start_dim %d comes after end_dim %d", (int)f->start_dim, (int)f->end_dim);
    f->to.ndim = 0;
    for (int32_t d = 0; d < f->start_dim; d++) f->to.dims[f->to.ndim++] = x->dims[d];
    int64_t *flat = &f->to.dims[f->to.ndim++];
    *flat = 1;
    for (int64_t d = f->start_dim; d <= f->end_dim && d < x->ndim; d++) *flat *= x->dims[d];
    for (int64_t d = f->end_dim + 1; d < x->ndim; d++) f->to.dims[f->to.ndim++] = x->dims[d];
    return reshape_to(c);
}

const wk_op wk__op_flatten = {
    WK_ROW(flatten), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(flatten_attrs, flatten_fields),
    .shape = flatten_shape, RESHAPING,
};

wk_tensor *wk_flatten(wk_tensor *x, int32_t start_dim, int32_t end_dim) {
    return wk__apply1(&wk__op_flatten, x, &(flatten_attrs){.start_dim = start_dim, .end_dim = end_dim});
}

typedef struct unflatten_attrs {
    wk_dims_attr to;
    int64_t dim;
    wk_dims_attr sizes;
} unflatten_attrs;

static const wk_attr_field unflatten_fields[] = {
    {"dim", 'i', offsetof(unflatten_attrs, dim), 0},
    {"sizes", 'd', offsetof(unflatten_attrs, sizes), 0},
};

static bool unflatten_shape(wk_call *c) {
    unflatten_attrs *u = c->attrs;
    const wk_tensor *x = c->in[0];
    wk_shape_text tx, ts;
    if (!wk__check_dim(c, &u->dim)) return false;
    if (x->a.ndim - 1 + u->sizes.ndim > WK_MAX_DIMS || u->sizes.ndim == 0 ||
        !complete(x->a.dims[u->dim], u->sizes.ndim, u->sizes.dims))
        return wk__refuse(c, WK_ESHAPE, "dimension %d of x %s does not fit %s", (int)u->dim, wk__dims_text(&tx, x),
                          wk__shape_text(&ts, u->sizes.ndim, u->sizes.dims));
    u->to.ndim = 0;
    for (int64_t d = 0; d < u->dim; d++) u->to.dims[u->to.ndim++] = x->a.dims[d];
    for (int32_t d = 0; d < u->sizes.ndim; d++) u->to.dims[u->to.ndim++] = u->sizes.dims[d];
    for (int64_t d = u->dim + 1; d < x->a.ndim; d++) u->to.dims[u->to.ndim++] = x->a.dims[d];
    return reshape_to(c);
}

const wk_op wk__op_unflatten = {
    WK_ROW(unflatten), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(unflatten_attrs, unflatten_fields),
    .shape = unflatten_shape, RESHAPING,
};

wk_tensor *wk_unflatten(wk_tensor *x, int32_t dim, int32_t ndim, const int64_t *sizes) {
    unflatten_attrs attrs = {.dim = dim};
    return wk__dims_attr_set(&attrs.sizes, ndim, sizes, "unflatten") ? wk__apply1(&wk__op_unflatten, x, &attrs) : NULL;
}

/* ------------------------------------------------------------------------------------------- squeeze, unsqueeze --- */

typedef struct squeeze_attrs {
    wk_dims_attr to;
    int64_t dim;
} squeeze_attrs;

static const wk_attr_field squeeze_fields[] = {{"dim", 'i', offsetof(squeeze_attrs, dim), 0}};

/* The shape of x without sizes of 1: that of one dimension, or (-1) all. */
static bool squeeze_to(wk_call *c, wk_dims_attr *to, int64_t dim) {
    const wk_array *x = &c->in[0]->a;
    to->ndim = 0;
    for (int32_t d = 0; d < x->ndim; d++)
        if (x->dims[d] != 1 || (dim >= 0 && d != dim)) to->dims[to->ndim++] = x->dims[d];
    return reshape_to(c);
}

static bool squeeze_shape(wk_call *c) {
    squeeze_attrs *s = c->attrs;
    return check_dim_or_scalar(c, &s->dim) && squeeze_to(c, &s->to, s->dim);
}

static bool squeeze_all_shape(wk_call *c) { return squeeze_to(c, c->attrs, -1); }

static bool unsqueeze_shape(wk_call *c) {
    squeeze_attrs *s = c->attrs;
    const wk_tensor *x = c->in[0];
    const int32_t dim = wk__wrap_dim(s->dim, x->a.ndim + 1);
    wk_shape_text text;
    if (x->a.ndim == WK_MAX_DIMS)
        return wk__refuse(c, WK_ESHAPE, "x %s has no room for another dimension", wk__dims_text(&text, x));
    if (dim < 0)
        return wk__refuse(c, WK_EINDEX, "x %s has no place for a dimension %lld", wk__dims_text(&text, x),
                          (long long)s->dim);
    s->dim = dim;
    s->to.ndim = x->a.ndim + 1;
    for (int32_t d = 0; d < s->to.ndim; d++) s->to.dims[d] = d == dim ? 1 : x->a.dims[d - (d > dim)];
    return reshape_to(c);
}

const wk_op wk__op_squeeze = {
    WK_ROW(squeeze), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(squeeze_attrs, squeeze_fields),
    .shape = squeeze_shape, RESHAPING,
};
const wk_op wk__op_squeeze_all = {
    WK_ROW(squeeze_all), .in_count = 1, .out_count = 1, .in_names = "x", .attrs_nbytes = sizeof(wk_dims_attr),
    .shape = squeeze_all_shape, RESHAPING,
};
const wk_op wk__op_unsqueeze = {
    WK_ROW(unsqueeze), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(squeeze_attrs, squeeze_fields),
    .shape = unsqueeze_shape, RESHAPING,
};

wk_tensor *wk_squeeze(wk_tensor *x, int32_t dim) {
    return wk__apply1(&wk__op_squeeze, x, &(squeeze_attrs){.dim = dim});
}

wk_tensor *wk_squeeze_all(wk_tensor *x) { return wk__apply1(&wk__op_squeeze_all, x, &(wk_dims_attr){0}); }

wk_tensor *wk_unsqueeze(wk_tensor *x, int32_t dim) {
    return wk__apply1(&wk__op_unsqueeze, x, &(squeeze_attrs){.dim = dim});
}

/* -------------------------------------------------------------------------------------------- contiguous, clone --- */

static bool contiguous_view(const void *attrs, const wk_array *x, wk_array *y) {
    (void)attrs;
    wk__array_alias(y, x);
    return wk__array_is_contiguous(x);
}

static bool contiguous_shape(wk_call *c) {
    bool declared;
    return wk__declare_view(c, &declared) && (declared || wk__declare_like(c, 0, c->in[0]));
}

static bool clone_shape(wk_call *c) { return wk__declare_like(c, 0, c->in[0]); }

static bool clone_grad(wk_backprop *b) {
    wk__pass(b, 0, b->gy[0]);
    return true;
}

static void identity_vjp(const wk_backprop *b, wk_tensor **gx) { gx[0] = b->gy[0]; }

const wk_op wk__op_contiguous = {
    WK_ROW(contiguous), .in_count = 1, .out_count = 1, .in_names = "x",
    .shape = contiguous_shape, .view = contiguous_view, .forward = reshape_forward, .vjp = identity_vjp,
};

const wk_op wk__op_clone = {
    WK_ROW(clone),
    .in_count = 1,
    .out_count = 1,
    .in_names = "x",
    .types = WK__EVERY_TYPE,
    .shape = clone_shape,
    .forward = reshape_forward,
    .grad = clone_grad,
    .vjp = identity_vjp,
};

wk_tensor *wk_contiguous(wk_tensor *x) { return wk__apply1(&wk__op_contiguous, x, NULL); }

wk_tensor *wk_clone(wk_tensor *x) { return wk__apply1(&wk__op_clone, x, NULL); }
