/* where.c -- one of two by a condition.
 *
 *     y = c ? a : b       ga += c ? g : 0        gb += c ? 0 : g        summed where broadcasting stretched an input */
#include "op/elementwise.h"
#include "op/rows.h"

/* -------------------------------------------------------------------------------------------------------- where --- */

enum { CONDITION, A, B };

/* The shape of all three. */
static bool broadcast(const wk_call *c, int32_t *ndim, int64_t *dims) {
    wk_array both = {.numel = 1};
    if (!wk__broadcast_dims(&c->in[A]->a, &c->in[B]->a, &both.ndim, both.dims)) return false;
    return wk__broadcast_dims(&c->in[CONDITION]->a, &both, ndim, dims);
}

static bool shape(wk_call *c) {
    const wk_dtype dtype = c->in[CONDITION]->a.dtype;
    int32_t ndim;
    int64_t dims[WK_MAX_DIMS];
    wk_shape_text tc, ta, tb;
    if (dtype != WK_BOOL && dtype != WK_U8)
        return wk__refuse(c, WK_EDTYPE, "condition has type %s, not bool: compare it with something",
                          wk_dtype_name(dtype));
    if (!wk__check_float_slow(c)) return false;
    if (broadcast(c, &ndim, dims)) return wk__declare(c, 0, c->in[A]->a.dtype, ndim, dims);
    return wk__refuse(c, WK_ESHAPE, "shapes condition %s, a %s and b %s do not broadcast",
                      wk__dims_text(&tc, c->in[CONDITION]), wk__dims_text(&ta, c->in[A]),
                      wk__dims_text(&tb, c->in[B]));
}

static void choose(const wk_array *y, const wk_array *condition, const wk_array *a, const wk_array *b) {
    const wk_array *const arrays[] = {y, condition, a, b};
    wk_where_loop *where = wk__kernels->where[y->dtype];
    wk_rows r;
    for (bool more = wk__rows_begin(&r, 4, arrays); more; more = wk__rows_next(&r))
        where(r.n, r.data[0], r.stride[0], r.data[1], r.stride[1], r.data[2], r.stride[2], r.data[3], r.stride[3]);
}

static void forward(wk_call *c) { choose(&c->out[0]->a, &c->in[CONDITION]->a, &c->in[A]->a, &c->in[B]->a); }

/* The gradient of one of them, which chose what the condition says, or else the other. */
static void chosen_grad(wk_backprop *b, int32_t i, const wk_array *zero) {
    const wk_array *g = &b->gy[0]->a;
    wk_workplace w;
    if (!wk__work_on_slot(b, i, &w)) return;
    choose(w.at, wk__saved_in(b, CONDITION), i == A ? g : zero, i == A ? zero : g);
    wk__worked_out(&w);
}

static bool grad(wk_backprop *b) {
    const wk_array zero = {.data = &b->ctx->cell, .dtype = b->gy[0]->a.dtype, .numel = 1};
    for (int32_t i = A; i <= B; i++)
        if (wk__wants(b, i) && !wk__is_unstretched(b, i)) return false;
    for (int32_t i = A; i <= B; i++) {
        if (!wk__wants(b, i)) continue;
        wk__zero(&zero);
        chosen_grad(b, i, &zero);
    }
    return true;
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    wk_tensor *g = b->gy[0], *condition = b->node->in[CONDITION].saved, *zero = wk_scalar(0, g->a.dtype);
    if (wk__wants(b, A)) gx[A] = wk__unstretched(b, A, wk_where(condition, g, zero));
    if (wk__wants(b, B)) gx[B] = wk__unstretched(b, B, wk_where(condition, zero, g));
}

const wk_op wk__op_where = {
    WK_ROW(where),
    .in_count = 3,
    .out_count = 1,
    .in_names = "condition a b",
    .types = WK__EVERY_TYPE,
    .flags = WK__OP_PROMOTE,
    .own_type = 1 << CONDITION,
    .reads = {[A] = WK_READS_IN(CONDITION), [B] = WK_READS_IN(CONDITION)},
    .batch = WK__BATCH_ELEMENTS,
    .shape = shape,
    .forward = forward,
    .grad = grad,
    .vjp = vjp,
};

wk_tensor *wk_where(wk_tensor *condition, wk_tensor *a, wk_tensor *b) {
    return wk__apply(&wk__op_where, (wk_tensor *const[]){condition, a, b}, 3, NULL, NULL);
}
