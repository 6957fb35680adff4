/* cast.c -- y = x as another type;  gx += g as x's type. */
#include "kernel/convert.h"
#include "op/elementwise.h"
#include "op/rows.h"

typedef struct cast_attrs { int64_t dtype; } cast_attrs;

static const wk_attr_field fields[] = {{"dtype", 't', offsetof(cast_attrs, dtype), WK_F32}};

/* Whole numbers have no gradient, so between them and floating ones history ends. */
static bool shape(wk_call *c) {
    const wk_tensor *x = c->in[0];
    const int64_t dtype = ((const cast_attrs *)c->attrs)->dtype;
    if (dtype < 0 || dtype >= WK_DTYPE_COUNT)
        return wk__refuse(c, WK_EDTYPE, "there is no element type %lld", (long long)dtype);
    c->needs_grad &= wk__dtype_is_floating((wk_dtype)dtype);
    return wk__declare(c, 0, (wk_dtype)dtype, x->a.ndim, x->a.dims);
}

static void forward(wk_call *c) { wk__convert_rows(&c->out[0]->a, &c->in[0]->a); }

/* y += x, a piece at a time by way of y's type. */
static void add_converted(const wk_array *y, const wk_array *x) {
    enum { PIECE = 64 };
    double room[PIECE]; /* for elements of any type */
    wk_rows rows;
    const wk_array *const arrays[] = {y, x};
    for (bool more = wk__rows_begin(&rows, 2, arrays); more; more = wk__rows_next(&rows))
        for (int64_t i = 0; i < rows.n; i += PIECE) {
            const int64_t n = rows.n - i < PIECE ? rows.n - i : PIECE;
            char *to = (char *)rows.data[0] + i * rows.stride[0] * rows.nbytes[0];
            wk__convert[x->dtype][y->dtype](n, room, 1, (char *)rows.data[1] + i * rows.stride[1] * rows.nbytes[1],
                                            rows.stride[1]);
            wk__kernels->accumulate[y->dtype](n, to, rows.stride[0], room, 1);
        }
}

/* The same for a plan, which has to know where the numbers lie in between. */
static void add_converted_whole(const wk_backprop *b, const wk_array *y, const wk_array *x) {
    wk_tensor *converted = wk__temporary(b->ctx, b->node->op, y->dtype, y);
    if (converted == NULL) return;
    wk__convert_rows(&converted->a, x);
    wk__set_or_add(y, &converted->a, true);
    wk__unref(converted);
}

static bool grad(wk_backprop *b) {
    const wk_array *g = &b->gy[0]->a;
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot(b, 0, &room, &add);
    if (gx == NULL) return true;
    if (!add) wk__convert_rows(gx, g);
    else if (wk_likely(b->ctx->capture == NULL)) add_converted(gx, g);
    else add_converted_whole(b, gx, g);
    return true;
}

static void vjp(const wk_backprop *b, wk_tensor **gx) { gx[0] = wk_cast(b->gy[0], wk__edge_dtype(&b->node->in[0])); }

const wk_op wk__op_cast = {
    WK_ROW(cast),
    .in_count = 1,
    .out_count = 1,
    .in_names = "x",
    .types = WK__EVERY_TYPE,
    WK_ATTRS(cast_attrs, fields),
    .batch = WK__BATCH_ELEMENTS,
    .shape = shape,
    .forward = forward,
    .grad = grad,
    .vjp = vjp,
};

wk_tensor *wk__cast(wk_tensor *x, wk_dtype dtype) { return wk_cast(x, dtype); }

wk_tensor *wk_cast(wk_tensor *x, wk_dtype dtype) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || !wk__known(ctx, x, "cast", "x")) return NULL;
    return x->a.dtype == dtype ? x : wk__apply1(&wk__op_cast, x, &(cast_attrs){dtype});
}
