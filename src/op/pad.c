/* pad.c -- y = x with more elements, of one value, before and behind it in its last dimensions, or with fewer:
 *
 *     pads 1, 2       v x0 x1 x2 v v          gx += those of g that stand where x's do
 *     pads -1, 1      x1 x2 v                 what was cut off gets nothing */
#include "op/elementwise.h"
#include "op/view.h"

typedef struct pad_attrs {
    wk_dims_attr pads;
    double value;
} pad_attrs;

static const wk_attr_field fields[] = {
    {"pads", 'd', offsetof(pad_attrs, pads), 0},
    {"value", 'f', offsetof(pad_attrs, value), 0},
};

static int64_t below_0(int64_t n) { return n < 0 ? n : 0; }

/* What x and y of these sizes in dimension d have in common. */
typedef struct common {
    int64_t in_x, in_y, length; /* where it begins, how long it is */
} common;

static common common_of(const wk_dims_attr *pads, int32_t ndim, int32_t d, int64_t size) {
    const int32_t pair = 2 * (ndim - 1 - d);
    const bool padded = pair < pads->ndim;
    const int64_t before = padded ? pads->dims[pair] : 0, behind = padded ? pads->dims[pair + 1] : 0;
    const int64_t length = size + below_0(before) + below_0(behind);
    if (length <= 0) return (common){0, 0, 0};
    return (common){-below_0(before), before - below_0(before), length};
}

static bool shape(wk_call *c) {
    const pad_attrs *a = c->attrs;
    const wk_tensor *x = c->in[0];
    const wk_dims_attr *pads = &a->pads;
    wk_shape_text text;
    int64_t dims[WK_MAX_DIMS];
    if (pads->ndim % 2 != 0 || pads->ndim / 2 > x->a.ndim)
        return wk__refuse(c, WK_EINVAL, "%d pads for x %s: two for each dimension, the last one's first",
                          (int)pads->ndim, wk__dims_text(&text, x));
    for (int32_t d = 0; d < x->a.ndim; d++) dims[d] = x->a.dims[d];
    for (int32_t i = 0; i < pads->ndim; i++) {
        const int32_t d = x->a.ndim - 1 - i / 2;
        const int64_t pad = pads->dims[i], most = INT64_C(1) << WK__MOST_BITS;
        if (pad < -most || pad > most)
            return wk__refuse(c, WK_ENOMEM, "a pad of %lld is more than there can be elements", (long long)pad);
        dims[d] += pad;
        if (i % 2 != 0 && dims[d] < 0)
            return wk__refuse(c, WK_ESHAPE, "pads %lld and %lld leave nothing of dimension %d of x %s",
                              (long long)pads->dims[i - 1], (long long)pads->dims[i], (int)d, wk__dims_text(&text, x));
    }
    return wk__check_number(c, a->value) && wk__declare(c, 0, x->a.dtype, x->a.ndim, dims);
}

/* The regions of x and of y that are the same. */
static void regions(const wk_dims_attr *pads, const wk_array *x, const wk_array *y, wk_array *in_x, wk_array *in_y) {
    wk__array_alias(in_x, x);
    wk__array_alias(in_y, y);
    for (int32_t d = 0; d < x->ndim; d++) {
        const common same = common_of(pads, x->ndim, d, x->dims[d]);
        const wk_array from = *in_x, to = *in_y;
        wk__array_narrow(&from, d, same.in_x, same.length, 1, in_x);
        wk__array_narrow(&to, d, same.in_y, same.length, 1, in_y);
    }
}

static void forward(wk_call *c) {
    const pad_attrs *a = c->attrs;
    const wk_array *x = &c->in[0]->a, *y = &c->out[0]->a;
    const wk_element value = wk__element_of(a->value, y->dtype);
    wk_array in_x, in_y;
    wk__kernels->fill[y->dtype](y->numel, y->data, 1, &value);
    regions(&a->pads, x, y, &in_x, &in_y);
    if (in_x.numel > 0) wk__set_or_add(&in_y, &in_x, false);
}

static bool grad(wk_backprop *b) {
    const pad_attrs *a = b->node->attrs;
    wk_array room, in_x, in_y;
    bool add;
    const wk_array *gx = wk__slot(b, 0, &room, &add);
    if (gx == NULL) return true;
    regions(&a->pads, gx, &b->gy[0]->a, &in_x, &in_y);
    if (!add && in_x.numel < gx->numel) wk__zero(gx);
    if (in_x.numel > 0) wk__set_or_add(&in_x, &in_y, add);
    return true;
}

/* The same with all signs changed: what was put in front is cut off again. */
static void vjp(const wk_backprop *b, wk_tensor **gx) {
    pad_attrs back = {.pads = ((const pad_attrs *)b->node->attrs)->pads};
    for (int32_t i = 0; i < back.pads.ndim; i++) back.pads.dims[i] = -back.pads.dims[i];
    gx[0] = wk_pad(b->gy[0], back.pads.ndim, back.pads.dims, 0);
}

const wk_op wk__op_pad = {
    WK_ROW_OF_X(pad),
    WK_ATTRS(pad_attrs, fields),
    .types = WK__EVERY_TYPE,
    .batch = WK__BATCH_ROWS,
    .shape = shape,
    .forward = forward,
    .grad = grad,
    .vjp = vjp,
};

wk_tensor *wk_pad(wk_tensor *x, int32_t count, const int64_t *pads, double value) {
    pad_attrs attrs = {.value = value};
    return wk__dims_attr_set(&attrs.pads, count, pads, "pad") ? wk__apply1(&wk__op_pad, x, &attrs) : NULL;
}
