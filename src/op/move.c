/* move.c -- flip, roll, repeat, tril, triu: the elements in other places. Their gradients move back:
 *
 *     y = flip x           gx += flip g
 *     y = roll x           gx += g rolled the other way
 *     y = repeat x         gx += the sum of g's copies of x
 *     y = tril x, triu x   gx += tril g, triu g */
#include "op/elementwise.h"
#include "op/view.h"

/* --------------------------------------------------------------------------------------------------------- flip --- */

/* Counts the dimensions of x from the front. EINVAL when one is named twice. */
static bool check_dims(wk_call *c, wk_dims_attr *dims) {
    uint32_t seen = 0;
    for (int32_t i = 0; i < dims->ndim; i++) {
        if (!wk__check_dim(c, &dims->dims[i])) return false;
        const uint32_t bit = 1u << dims->dims[i];
        if (seen & bit) return wk__refuse(c, WK_EINVAL, "dimension %d is named twice", (int)dims->dims[i]);
        seen |= bit;
    }
    return true;
}

/* x read backwards along each of dims. */
static wk_array backwards(const wk_array *x, const wk_dims_attr *dims) {
    wk_array y;
    wk__array_alias(&y, x);
    for (int32_t i = 0; i < dims->ndim && x->numel > 0; i++) {
        const int64_t d = dims->dims[i];
        y.data = wk__array_at(&y, (x->dims[d] - 1) * x->strides[d]);
        y.strides[d] = -x->strides[d];
    }
    return y;
}

static bool flip_shape(wk_call *c) { return check_dims(c, c->attrs) && wk__declare_like(c, 0, c->in[0]); }

static void flip_forward(wk_call *c) {
    const wk_array x = backwards(&c->in[0]->a, c->attrs);
    wk__set_or_add(&c->out[0]->a, &x, false);
}

static bool flip_grad(wk_backprop *b) {
    const wk_array g = backwards(&b->gy[0]->a, b->node->attrs);
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot(b, 0, &room, &add);
    if (gx != NULL) wk__set_or_add(gx, &g, add);
    return true;
}

static void flip_vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_dims_attr *dims = b->node->attrs;
    gx[0] = wk_flip(b->gy[0], dims->ndim, dims->dims);
}

const wk_op wk__op_flip = {
    WK_ROW(flip),
    .in_count = 1,
    .out_count = 1,
    .in_names = "x",
    WK_ATTRS(wk_dims_attr, wk__dims_fields),
    .types = WK__EVERY_TYPE,
    .shape = flip_shape,
    .forward = flip_forward,
    .grad = flip_grad,
    .vjp = flip_vjp,
};

wk_tensor *wk_flip(wk_tensor *x, int32_t ndim, const int64_t *dims) {
    wk_dims_attr attrs;
    return wk__dims_attr_set(&attrs, ndim, dims, "flip") ? wk__apply1(&wk__op_flip, x, &attrs) : NULL;
}

/* --------------------------------------------------------------------------------------------------------- roll --- */

typedef struct roll_attrs { wk_dims_attr shifts, dims; } roll_attrs;

static const wk_attr_field roll_fields[] = {
    {"shifts", 'd', offsetof(roll_attrs, shifts), 0},
    {"dims", 'd', offsetof(roll_attrs, dims), 0},
};

/* One shift without a dimension rolls x as if it were flat. */
static bool is_flat(const roll_attrs *r) { return r->shifts.ndim == 1 && r->dims.ndim == 0; }

/* The shift as steps to the right, fewer than there are elements. */
static int64_t shift_within(int64_t shift, int64_t size) {
    if (size > 0) shift %= size;
    return size == 0 ? 0 : shift < 0 ? shift + size : shift;
}

static bool roll_shape(wk_call *c) {
    roll_attrs *r = c->attrs;
    const wk_tensor *x = c->in[0];
    if (is_flat(r))
        r->shifts.dims[0] = shift_within(r->shifts.dims[0], x->a.numel);
    else if (r->shifts.ndim != r->dims.ndim || r->shifts.ndim == 0)
        return wk__refuse(c, WK_EINVAL, "%d shifts for %d dimensions", (int)r->shifts.ndim, (int)r->dims.ndim);
    for (int32_t i = 0; i < r->dims.ndim; i++) {
        if (!wk__check_dim(c, &r->dims.dims[i])) return false;
        r->shifts.dims[i] = shift_within(r->shifts.dims[i], x->a.dims[r->dims.dims[i]]);
    }
    return wk__declare_like(c, 0, x);
}

/* What is to be done along each dimension of x, which may be named more than once; `back`: the other way round. */
static void total_shifts(const roll_attrs *r, const wk_array *x, bool back, int64_t *total) {
    for (int32_t d = 0; d < x->ndim; d++) total[d] = 0;
    for (int32_t i = 0; i < r->dims.ndim && x->numel > 0; i++) {
        const int64_t d = r->dims.dims[i], shift = r->shifts.dims[i];
        total[d] = (total[d] + (back ? x->dims[d] - shift : shift)) % x->dims[d];
    }
}

typedef struct stretch {
    wk_array to, from;
} stretch;

/* Dimension d moved by `shift` is two stretches, which change places: those from the front, and those from behind. */
static void two_stretches(int32_t d, int64_t shift, const wk_array *y, const wk_array *x, stretch part[2]) {
    const int64_t rest = x->dims[d] - shift;
    wk__array_narrow(y, d, shift, rest, 1, &part[0].to);
    wk__array_narrow(x, d, 0, rest, 1, &part[0].from);
    wk__array_narrow(y, d, 0, shift, 1, &part[1].to);
    wk__array_narrow(x, d, rest, shift, 1, &part[1].from);
}

/* y (+)= x rolled along dimension d and those after it. */
static void roll_from(int32_t d, const int64_t *shifts, const wk_array *y, const wk_array *x, bool add) {
    while (d < x->ndim && shifts[d] == 0) d++;
    if (d == x->ndim) {
        wk__set_or_add(y, x, add);
        return;
    }
    stretch part[2];
    two_stretches(d, shifts[d], y, x, part);
    for (int i = 0; i < 2; i++) roll_from(d + 1, shifts, &part[i].to, &part[i].from, add);
}

/* y (+)= x rolled as if its first ndim dimensions were one. What leaves the last of them goes on one step further along
 * the others. */
static void roll_flat(int32_t ndim, int64_t shift, const wk_array *y, const wk_array *x, bool add) {
    if (shift == 0 || ndim == 0) {
        wk__set_or_add(y, x, add);
        return;
    }
    const int32_t d = ndim - 1;
    int64_t others = 1;
    for (int32_t i = 0; i < d; i++) others *= x->dims[i];
    stretch part[2];
    two_stretches(d, shift % x->dims[d], y, x, part);
    for (int i = 0; i < 2; i++) roll_flat(d, (shift / x->dims[d] + i) % others, &part[i].to, &part[i].from, add);
}

/* y (+)= x rolled, or rolled back. */
static void roll_into(const roll_attrs *r, bool back, const wk_array *y, const wk_array *x, bool add) {
    int64_t shifts[WK_MAX_DIMS];
    if (x->numel == 0) return;
    if (is_flat(r)) {
        roll_flat(x->ndim, back ? (x->numel - r->shifts.dims[0]) % x->numel : r->shifts.dims[0], y, x, add);
        return;
    }
    total_shifts(r, x, back, shifts);
    roll_from(0, shifts, y, x, add);
}

static void roll_forward(wk_call *c) { roll_into(c->attrs, false, &c->out[0]->a, &c->in[0]->a, false); }

static bool roll_grad(wk_backprop *b) {
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot(b, 0, &room, &add);
    if (gx != NULL) roll_into(b->node->attrs, true, gx, &b->gy[0]->a, add);
    return true;
}

static void roll_vjp(const wk_backprop *b, wk_tensor **gx) {
    const roll_attrs *r = b->node->attrs;
    int64_t back[WK_MAX_DIMS];
    for (int32_t i = 0; i < r->shifts.ndim; i++) back[i] = -r->shifts.dims[i];
    gx[0] = wk_roll(b->gy[0], r->shifts.ndim, back, r->dims.ndim, r->dims.dims);
}

const wk_op wk__op_roll = {
    WK_ROW(roll),
    .in_count = 1,
    .out_count = 1,
    .in_names = "x",
    WK_ATTRS(roll_attrs, roll_fields),
    .types = WK__EVERY_TYPE,
    .shape = roll_shape,
    .forward = roll_forward,
    .grad = roll_grad,
    .vjp = roll_vjp,
};

wk_tensor *wk_roll(wk_tensor *x, int32_t shift_count, const int64_t *shifts, int32_t dim_count, const int64_t *dims) {
    roll_attrs attrs;
    const bool fine = wk__dims_attr_set(&attrs.shifts, shift_count, shifts, "roll") &&
                      wk__dims_attr_set(&attrs.dims, dim_count, dims, "roll");
    return fine ? wk__apply1(&wk__op_roll, x, &attrs) : NULL;
}

/* ------------------------------------------------------------------------------------------------------- repeat --- */

static const wk_attr_field repeat_fields[] = {{"repeats", 'd', 0, 0}};

/* The size of x in dimension d of the output: new dimensions come first. */
static int64_t size_in(int32_t x_ndim, const int64_t *x_dims, int32_t y_ndim, int32_t d) {
    const int32_t shift = y_ndim - x_ndim;
    return d < shift ? 1 : x_dims[d - shift];
}

static bool repeat_shape(wk_call *c) {
    const wk_dims_attr *r = c->attrs;
    const wk_tensor *x = c->in[0];
    int64_t dims[WK_MAX_DIMS];
    wk_shape_text tr, tx;
    bool fits = r->ndim >= x->a.ndim;
    for (int32_t d = 0; fits && d < r->ndim; d++) fits = r->dims[d] >= 0;
    if (!fits)
        return wk__refuse(c, WK_EINVAL, "repeats %s are not a number of times for each dimension of x %s",
                          wk__shape_text(&tr, r->ndim, r->dims), wk__dims_text(&tx, x));
    for (int32_t d = 0; d < r->ndim; d++)
        if (__builtin_mul_overflow(r->dims[d], size_in(x->a.ndim, x->a.dims, r->ndim, d), &dims[d]))
            return wk__refuse(c, WK_ENOMEM, "x %s repeated %s times has too many elements", wk__dims_text(&tx, x),
                              wk__shape_text(&tr, r->ndim, r->dims));
    return wk__check_shape(c->ctx, c->op->name, r->ndim, dims, x->a.dtype) &&
           wk__declare(c, 0, x->a.dtype, r->ndim, dims);
}

/* The first copy of x is made, then what is there is doubled along one dimension after the other. */
static void repeat_forward(wk_call *c) {
    const wk_array *x = &c->in[0]->a, *y = &c->out[0]->a;
    if (y->numel == 0) return;
    wk_array done = *y, next, from;
    for (int32_t d = 0; d < y->ndim; d++) done.dims[d] = size_in(x->ndim, x->dims, y->ndim, d);
    done.numel = x->numel;
    wk__set_or_add(&done, x, false);
    for (int32_t d = y->ndim - 1; d >= 0; d--)
        while (done.dims[d] < y->dims[d]) {
            const int64_t rest = y->dims[d] - done.dims[d], step = rest < done.dims[d] ? rest : done.dims[d];
            wk__array_narrow(&done, d, 0, step, 1, &from);
            next = from;
            next.data = wk__array_at(&done, done.dims[d] * done.strides[d]);
            wk__set_or_add(&next, &from, false);
            done.numel += next.numel;
            done.dims[d] += step;
        }
}

/* Copies are summed along one dimension after the other: g is (before, copies, all of one copy). */
static void repeat_vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_dims_attr *r = b->node->attrs;
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[0], &ndim);
    wk_tensor *g = b->gy[0];
    int64_t before = 1;
    if (wk_numel(g) == 0) { /* any number of copies of nothing, or none of x */
        gx[0] = wk_expand(wk_sum(g), ndim, dims);
        return;
    }
    for (int32_t d = 0; d < r->ndim; d++) {
        const int64_t size = size_in(ndim, dims, r->ndim, d);
        int64_t copy = size; /* elements of one copy */
        for (int32_t e = d + 1; e < r->ndim; e++) copy *= r->dims[e] * size_in(ndim, dims, r->ndim, e);
        if (r->dims[d] != 1)
            g = wk_sum_to_size(wk_reshape(g, WK_SHAPE(before, r->dims[d], copy)), WK_SHAPE(before, 1, copy));
        before *= size;
    }
    gx[0] = wk_reshape(g, ndim, dims);
}

const wk_op wk__op_repeat = {
    WK_ROW(repeat),
    .in_count = 1,
    .out_count = 1,
    .in_names = "x",
    WK_ATTRS(wk_dims_attr, repeat_fields),
    .types = WK__EVERY_TYPE,
    .shape = repeat_shape,
    .forward = repeat_forward,
    .vjp = repeat_vjp,
};

wk_tensor *wk_repeat(wk_tensor *x, int32_t ndim, const int64_t *repeats) {
    wk_dims_attr attrs;
    return wk__dims_attr_set(&attrs, ndim, repeats, "repeat") ? wk__apply1(&wk__op_repeat, x, &attrs) : NULL;
}

/* --------------------------------------------------------------------------------------------------- tril, triu --- */

typedef struct triangle_attrs { int64_t diagonal; } triangle_attrs;

static const wk_attr_field triangle_fields[] = {{"diagonal", 'i', offsetof(triangle_attrs, diagonal), 0}};

/* A diagonal outside of x is as good as one beside it. */
static bool triangle_shape(wk_call *c) {
    triangle_attrs *t = c->attrs;
    const wk_tensor *x = c->in[0];
    wk_shape_text text;
    if (x->a.ndim < 2) return wk__refuse(c, WK_ESHAPE, "x %s is no matrix", wk__dims_text(&text, x));
    const int64_t rows = x->a.dims[x->a.ndim - 2], cols = x->a.dims[x->a.ndim - 1];
    t->diagonal = t->diagonal < -rows ? -rows : t->diagonal > cols ? cols : t->diagonal;
    return wk__declare_like(c, 0, x);
}

/* y (+)= the triangle of x, row by row of all matrices at once. The lower one ends, the upper one begins at the
 * diagonal. */
static void copy_triangle(const wk_array *y, const wk_array *x, int64_t diagonal, bool upper, bool add) {
    const int32_t last = x->ndim - 2; /* of a row's dimensions */
    const int64_t rows = x->numel > 0 ? x->dims[last] : 0, cols = x->dims[last + 1];
    wk_array y_row, x_row, y_part, x_part;
    if (!add) wk__zero(y);
    for (int64_t i = 0; i < rows; i++) {
        const int64_t edge = i + diagonal + !upper, at = edge < 0 ? 0 : edge > cols ? cols : edge;
        wk__array_select(y, last, i, &y_row);
        wk__array_select(x, last, i, &x_row);
        wk__array_narrow(&y_row, last, upper ? at : 0, upper ? cols - at : at, 1, &y_part);
        wk__array_narrow(&x_row, last, upper ? at : 0, upper ? cols - at : at, 1, &x_part);
        wk__set_or_add(&y_part, &x_part, add);
    }
}

static void triangle_forward(wk_call *c) {
    const triangle_attrs *t = c->attrs;
    copy_triangle(&c->out[0]->a, &c->in[0]->a, t->diagonal, c->op == &wk__op_triu, false);
}

static bool triangle_grad(wk_backprop *b) {
    const triangle_attrs *t = b->node->attrs;
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot(b, 0, &room, &add);
    if (gx != NULL) copy_triangle(gx, &b->gy[0]->a, t->diagonal, b->node->op == &wk__op_triu, add);
    return true;
}

static void triangle_vjp(const wk_backprop *b, wk_tensor **gx) {
    triangle_attrs t = *(const triangle_attrs *)b->node->attrs;
    gx[0] = wk__apply1(b->node->op, b->gy[0], &t);
}

#define TRIANGLE(row)                                                     \
    const wk_op wk__op_##row = {                                          \
        WK_ROW(row),                                                      \
        .in_count = 1,                                                    \
        .out_count = 1,                                                   \
        .in_names = "x",                                                  \
        WK_ATTRS(triangle_attrs, triangle_fields),                        \
        .types = WK__EVERY_TYPE,                                          \
        .shape = triangle_shape,                                          \
        .forward = triangle_forward,                                      \
        .grad = triangle_grad,                                            \
        .vjp = triangle_vjp,                                              \
    };                                                                    \
    wk_tensor *wk_##row(wk_tensor *x, int64_t diagonal) {                 \
        return wk__apply1(&wk__op_##row, x, &(triangle_attrs){diagonal}); \
    }
TRIANGLE(tril)
TRIANGLE(triu)
