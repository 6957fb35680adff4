/* scan.c -- cumsum, cumprod, prod, along one dimension.
 *
 * NOTE [Scans]. Everything here is a case of the linear recurrence h_i = a_i h_(i-1) + b_i, and so is its gradient, the
 * other way round: s_i = g_i + a_(i+1) s_(i+1) gives gb = s, ga_i = s_i h_(i-1). With it the gradient of a product
 * needs no division, is right where elements are zero, and can be differentiated as often as one likes. (A kernel of
 * its own goes the two ways of a product at once.)
 *
 *     y_i = x_0 .. x_i            gx_i = y_(i-1) s_i,   s_i = g_i + x_(i+1) s_(i+1)
 *     y = x_0 .. x_(n-1)          gx_i = g (product before i) (product after i)
 *     y_i = x_0 + .. + x_i        gx_i = g_i + g_(i+1) + .. */
#include "op/elementwise.h"
#include "op/reduction.h"

/* ----------------------------------------------------------------------------------------------- forwards, back --- */

/* s: what enters a shift. `number`: 1 when the fibres are walked from their ends. */
static const wk_attr_field inner_fields[] = {
    {"dim", 'i', offsetof(wk_reduction, dim), 0},
    {"reverse", 'b', offsetof(wk_reduction, number), 0},
    {"first", 'f', offsetof(wk_reduction, s), 0},
};

/* a with the dimensions of `reduced` walked from their ends. */
static wk_array reversed(const wk_array *a, int64_t reduced) {
    wk_array r = *a;
    for (int32_t d = 0; d < a->ndim; d++) {
        if (!(reduced >> d & 1) || a->numel == 0) continue;
        r.data = wk__array_at(&r, (a->dims[d] - 1) * a->strides[d]);
        r.strides[d] = -a->strides[d];
    }
    return r;
}

static void along(const wk_call *c, wk_fibre_kernel *kernel, const wk_array *b, bool reverse) {
    const wk_reduction *r = c->attrs;
    const wk_array *x = &c->in[0]->a, *y = &c->out[0]->a;
    if (!reverse) {
        wk__fibres(kernel, y, x, b, r->reduced, r->s, false);
        return;
    }
    const wk_array rx = reversed(x, r->reduced), ry = reversed(y, r->reduced);
    wk_array rb;
    if (b != NULL) rb = reversed(b, r->reduced);
    wk__fibres(kernel, &ry, &rx, b != NULL ? &rb : NULL, r->reduced, r->s, false);
}

static bool is_reverse(const void *attrs) { return ((const wk_reduction *)attrs)->number != 0; }

#define INNER_ROW(op, inputs, names, ...)                                                                    \
    static const wk_op op##_op = {                                                                            \
        WK_INNER_ROW(op), .in_count = (inputs), .out_count = 1, .in_names = (names),                          \
        WK_ATTRS(wk_reduction, inner_fields), .shape = wk__along_shape, .forward = op##_forward,             \
        .vjp = op##_vjp, __VA_ARGS__                                                                         \
    };

/* ----------------------------------------------------------------------------------------------- the recurrence --- */

static wk_tensor *shift_along(wk_tensor *x, int64_t dim, bool reverse, double first);
static wk_tensor *scan_along(wk_tensor *a, wk_tensor *b, int64_t dim, bool reverse);

static void shift_forward(wk_call *c) {
    along(c, wk__kernels->shift[c->in[0]->a.dtype], NULL, is_reverse(c->attrs));
}

static void shift_vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_reduction *r = b->node->attrs;
    gx[0] = shift_along(b->gy[0], r->dim, !r->number, 0);
}

static void scan_forward(wk_call *c) {
    along(c, wk__kernels->scan[c->in[0]->a.dtype], &c->in[1]->a, is_reverse(c->attrs));
}

static void scan_vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_reduction *r = b->node->attrs;
    wk_tensor *s = scan_along(shift_along(b->node->in[0].saved, r->dim, !r->number, 0), b->gy[0], r->dim, !r->number);
    if (wk__wants(b, 0)) gx[0] = wk_mul(s, shift_along(b->node->out[0].saved, r->dim, r->number != 0, 0));
    if (wk__wants(b, 1)) gx[1] = s;
}

INNER_ROW(shift, 1, "x", .reads = {0})
INNER_ROW(scan, 2, "a b", .reads = {WK_READS_IN(0) | WK_READS_OUT(0), WK_READS_IN(0)})

/* y_i = x_(i-1), or x_(i+1) in reverse; `first` comes in at the end. */
static wk_tensor *shift_along(wk_tensor *x, int64_t dim, bool reverse, double first) {
    return wk__apply1(&shift_op, x, &(wk_reduction){.dim = dim, .number = reverse, .s = first});
}

/* h_i = a_i h_(i-1) + b_i, or a_i h_(i+1) + b_i in reverse. */
static wk_tensor *scan_along(wk_tensor *a, wk_tensor *b, int64_t dim, bool reverse) {
    return wk__apply2(&scan_op, a, b, &(wk_reduction){.dim = dim, .number = reverse});
}

/* The product of the elements before each, or behind it in reverse. */
static wk_tensor *others(wk_tensor *x, int64_t dim, bool reverse) {
    wk_tensor *nothing = wk_zeros(wk_ndim(x), wk_dims(x), wk_dtype_of(x));
    return scan_along(shift_along(x, dim, reverse, 0), shift_along(nothing, dim, reverse, 1), dim, reverse);
}

/* ------------------------------------------------------------------------------------------------------- cumsum --- */

static wk_tensor *cumsum_along(wk_tensor *x, int64_t dim, bool reverse);

static void cumsum_forward(wk_call *c) { along(c, wk__kernels->cumsum[c->in[0]->a.dtype], NULL, false); }
static void cumsum_back_forward(wk_call *c) { along(c, wk__kernels->cumsum[c->in[0]->a.dtype], NULL, true); }

static void cumsum_vjp(const wk_backprop *b, wk_tensor **gx) {
    gx[0] = cumsum_along(b->gy[0], ((const wk_reduction *)b->node->attrs)->dim, true);
}

static void cumsum_back_vjp(const wk_backprop *b, wk_tensor **gx) {
    gx[0] = cumsum_along(b->gy[0], ((const wk_reduction *)b->node->attrs)->dim, false);
}

INNER_ROW(cumsum_back, 1, "x", .reads = {0})

const wk_op wk__op_cumsum = {
    WK_ROW(cumsum), .in_count = 1, .out_count = 1, .in_names = "x", WK_IN_I64, WK_ATTRS(wk_reduction, wk__along_fields),
    .shape = wk__along_shape, .forward = cumsum_forward, .vjp = cumsum_vjp,
};

static wk_tensor *cumsum_along(wk_tensor *x, int64_t dim, bool reverse) {
    return wk__apply1(reverse ? &cumsum_back_op : &wk__op_cumsum, x, &(wk_reduction){.dim = dim});
}

wk_tensor *wk_cumsum(wk_tensor *x, int32_t dim) { return cumsum_along(x, dim, false); }

/* ----------------------------------------------------------------------------------------------------- products --- */

static void cumprod_forward(wk_call *c) { along(c, wk__kernels->cumprod[c->in[0]->a.dtype], NULL, false); }

static void cumprod_vjp(const wk_backprop *b, wk_tensor **gx) {
    const int64_t dim = ((const wk_reduction *)b->node->attrs)->dim;
    wk_tensor *s = scan_along(shift_along(b->node->in[0].saved, dim, true, 0), b->gy[0], dim, true);
    gx[0] = wk_mul(s, shift_along(b->node->out[0].saved, dim, false, 1));
}

const wk_op wk__op_cumprod = {
    WK_ROW(cumprod), .in_count = 1, .out_count = 1, .in_names = "x", WK_IN_I64,
    .reads = {WK_READS_IN(0) | WK_READS_OUT(0)},
    WK_ATTRS(wk_reduction, wk__along_fields),
    .shape = wk__along_shape, .forward = cumprod_forward, .vjp = cumprod_vjp,
};

wk_tensor *wk_cumprod(wk_tensor *x, int32_t dim) {
    return wk__apply1(&wk__op_cumprod, x, &(wk_reduction){.dim = dim});
}

static void prod_forward(wk_call *c) { wk__fold(c, wk__kernels->fold_prod[c->in[0]->a.dtype]); }

/* The kernel knows one fibre for each product: all elements are one where neither they nor their gradient have gaps. */
static bool is_one_fibre(const wk_backprop *b) {
    const wk_tensor *x = b->node->in[0].saved;
    return b->node->op == &wk__op_prod_dim || (wk__array_is_contiguous(&x->a) && !(x->flags & WK__VIEW));
}

static bool prod_grad(wk_backprop *b) {
    const wk_reduction *r = b->node->attrs;
    const wk_array *g = &b->gy[0]->a;
    wk_workplace w;
    if (!is_one_fibre(b)) return false;
    if (!wk__work_on_slot(b, 0, &w)) return true;
    wk__fibres(wk__kernels->prod_grad[g->dtype], w.at, wk__saved_in(b, 0), g, r->reduced, 0, false);
    wk__worked_out(&w);
    return true;
}

static void prod_dim_vjp(const wk_backprop *b, wk_tensor **gx) {
    wk_tensor *x = b->node->in[0].saved;
    const int64_t dim = ((const wk_reduction *)b->node->attrs)->dim;
    gx[0] = wk_mul(wk_mul(others(x, dim, false), others(x, dim, true)), wk__kept(b, b->gy[0]));
}

static void prod_vjp(const wk_backprop *b, wk_tensor **gx) {
    wk_tensor *x = b->node->in[0].saved, *flat = wk_reshape(x, 1, (const int64_t[]){-1});
    wk_tensor *rest = wk_mul(others(flat, 0, false), others(flat, 0, true));
    gx[0] = wk_mul(wk_reshape(rest, wk_ndim(x), wk_dims(x)), b->gy[0]);
}

const wk_op wk__op_prod = {
    WK_ROW(prod),
    .in_count = 1,
    .out_count = 1,
    .in_names = "x",
    WK_IN_I64,
    .reads = {WK_READS_IN(0)},
    .attrs_nbytes = sizeof(wk_reduction),
    .shape = wk__reduce_all_shape,
    .forward = prod_forward,
    .grad = prod_grad,
    .vjp = prod_vjp,
};

wk_tensor *wk_prod(wk_tensor *x) { return wk__apply1(&wk__op_prod, x, &(wk_reduction){.dim = 0}); }

const wk_op wk__op_prod_dim = {
    WK_ROW(prod_dim),
    .in_count = 1,
    .out_count = 1,
    .in_names = "x",
    WK_IN_I64,
    .reads = {WK_READS_IN(0)},
    WK_ATTRS(wk_reduction, wk__reduce_dim_fields),
    .shape = wk__reduce_dim_shape,
    .forward = prod_forward,
    .grad = prod_grad,
    .vjp = prod_dim_vjp,
};

wk_tensor *wk_prod_dim(wk_tensor *x, int32_t dim, bool keepdim) {
    return wk__apply1(&wk__op_prod_dim, x, &(wk_reduction){.dim = dim, .keepdim = keepdim});
}
