/* multinomial.c -- indices drawn with given chances, as PyTorch draws them.
 *
 *     without replacement     the largest of p / q,  q ~ e^-q: one race of exponential clocks
 *     with replacement        the first i with  (p_0 + .. + p_i) / sum p >= u,  u ~ U[0, 1)
 *
 * What looks at values is noted as a whole where a plan records (NOTE [Capture] in base/capture.h), so a plan draws. */
#include <math.h>

#include "kernel/convert.h"
#include "kernel/record.h"
#include "op/elementwise.h"
#include "op/rows.h"

typedef struct multinomial_attrs {
    int64_t num_samples, replacement;
} multinomial_attrs;

/* ---------------------------------------------------------------------------------------------- what is checked --- */

typedef struct check_attrs {
    int64_t needed;
} check_attrs;

/* Of one row: are there as many as needed that can be drawn? */
static bool check_row(const char *p, wk_dtype dtype, int64_t n, int64_t needed) {
    int64_t positive = 0;
    for (int64_t i = 0; i < n; i++) {
        const double chance = wk__get_number(dtype, p + i * wk__dtype_nbytes[dtype]);
        positive += chance > 0;
        if (chance >= 0 && isfinite(chance)) continue;
        wk__fail(wk__ctx(), WK_EINVAL, "multinomial", "p has %g, element %lld of a row: no chance", chance,
                 (long long)i);
        return false;
    }
    if (positive >= needed) return true;
    wk__fail(wk__ctx(), WK_EINVAL, "multinomial", "a row of p has %lld positive elements, and %lld are to be drawn",
             (long long)positive, (long long)needed);
    return false;
}

/* words: rows, p, elements of a row, type, how many are needed */
static void call_check(wk_any_function *f, const wk_word *w) {
    const wk_dtype dtype = (wk_dtype)w[3].i;
    const char *p = w[1].p;
    (void)f;
    for (int64_t row = 0; row < w[0].i && check_row(p, dtype, w[2].i, w[4].i); row++)
        p += w[2].i * wk__dtype_nbytes[dtype];
}

/* y = p, which is contiguous, once it has been looked at. */
static void chances_forward(wk_call *c) {
    static const wk_signature signature = {"nrnnn", call_check, NULL};
    const wk_array *p = &c->in[0]->a;
    const wk_noted noted = {.signature = &signature, .name = "chances", .dtype = p->dtype, .may_fail = true};
    const int64_t n = p->dims[1];
    const wk_word words[] = {
        {.i = p->dims[0]}, {.p = p->data}, {.i = n}, {.i = p->dtype}, {.i = ((const check_attrs *)c->attrs)->needed}};
    if (!wk__note(c->ctx, &noted, words)) call_check(NULL, words);
    wk__unary_rows(wk__kernels->copy[p->dtype], &c->out[0]->a, p);
}

static const wk_op chances_op = {
    WK_INNER_ROW(chances),
    .in_count = 1,
    .out_count = 1,
    .in_names = "p",
    .attrs_nbytes = sizeof(check_attrs),
    .flags = WK__OP_NO_GRAD,
    .shape = wk__unary_shape,
    .forward = chances_forward,
};

/* --------------------------------------------------------------------------------------------- with replacement --- */

static double rounded(double x, wk_dtype dtype) { return dtype == WK_F32 ? (double)(float)x : x; }

/* The running sums of p, of which the last is 1, in p's type as PyTorch adds them. */
static void accumulate(const char *p, char *sums, wk_dtype dtype, int64_t n) {
    const int64_t nbytes = wk__dtype_nbytes[dtype];
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum = rounded(sum + wk__get_number(dtype, p + i * nbytes), dtype);
        wk__put_number(dtype, sums + i * nbytes, sum);
    }
    for (int64_t i = 0; i < n; i++)
        wk__put_number(dtype, sums + i * nbytes, wk__get_number(dtype, sums + i * nbytes) / sum);
    wk__put_number(dtype, sums + (n - 1) * nbytes, 1);
}

/* The first whose running sum is u or more. */
static int64_t place(const char *sums, wk_dtype dtype, int64_t n, double u) {
    int64_t low = 0, high = n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (wk__get_number(dtype, sums + middle * wk__dtype_nbytes[dtype]) < u)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* words: rows, y, sums, p, u, elements of a row, samples of a row, type */
static void call_places(wk_any_function *f, const wk_word *w) {
    const int64_t n = w[5].i, samples = w[6].i;
    const wk_dtype dtype = (wk_dtype)w[7].i;
    int64_t *y = w[1].p;
    char *sums = w[2].p;
    const char *p = w[3].p;
    const double *u = w[4].p;
    (void)f;
    for (int64_t row = 0; row < w[0].i; row++, p += n * wk__dtype_nbytes[dtype]) {
        accumulate(p, sums, dtype, n);
        for (int64_t i = 0; i < samples; i++) *y++ = place(sums, dtype, n, *u++);
    }
}

/* Output 1 is room for the running sums of a row. */
static bool places_shape(wk_call *c) {
    const wk_array *p = &c->in[0]->a, *u = &c->in[1]->a;
    return wk__declare(c, 0, WK_I64, u->ndim, u->dims) && wk__declare(c, 1, p->dtype, 1, p->dims + 1);
}

static void places_forward(wk_call *c) {
    static const wk_signature signature = {"nwwrrnnn", call_places, NULL};
    const wk_array *p = &c->in[0]->a, *u = &c->in[1]->a;
    const wk_noted noted = {.signature = &signature, .name = "places", .dtype = p->dtype};
    const wk_word words[] = {{.i = p->dims[0]}, {.p = c->out[0]->a.data}, {.p = c->out[1]->a.data}, {.p = p->data},
                             {.p = u->data},    {.i = p->dims[1]},        {.i = u->dims[1]},        {.i = p->dtype}};
    if (!wk__note(c->ctx, &noted, words)) call_places(NULL, words);
}

static const wk_op places_op = {
    WK_INNER_ROW(places),      .in_count = 2,           .out_count = 2,
    .in_names = "p u",         .flags = WK__OP_NO_GRAD, .shape = places_shape,
    .forward = places_forward,
};

static wk_tensor *draw_again(wk_tensor *p, int64_t samples) {
    wk_tensor *u = wk_rand(WK_SHAPE(wk_dim(p, 0), samples), WK_F64), *outs[2] = {NULL};
    return wk__apply(&places_op, (wk_tensor *const[]){p, u}, 2, NULL, outs);
}

/* ------------------------------------------------------------------------------------------ without replacement --- */

static wk_tensor *draw_first(wk_tensor *p, int64_t samples) {
    wk_tensor *speed = wk_div(p, wk_exponential(1, wk_ndim(p), wk_dims(p), wk_dtype_of(p))), *order = NULL;
    if (samples == 1) return wk_argmax_dim(speed, 1, true);
    wk_topk(speed, samples, 1, true, &order);
    return order;
}

/* ------------------------------------------------------------------------------------------------------ the row --- */

static bool shape(wk_call *c) {
    const multinomial_attrs *a = c->attrs;
    const wk_array *p = &c->in[0]->a;
    wk_shape_text text;
    if (!wk__check_float(c)) return false;
    if (p->ndim < 1 || p->ndim > 2 || p->dims[p->ndim - 1] == 0)
        return wk__refuse(c, WK_ESHAPE, "p is %s and must be (V) or (N,V)", wk__dims_text(&text, c->in[0]));
    const int64_t n = p->dims[p->ndim - 1];
    if (a->num_samples < 1 || (!a->replacement && a->num_samples > n))
        return wk__refuse(c, WK_EINVAL, "%lld samples cannot be drawn of %lld%s", (long long)a->num_samples,
                          (long long)n, a->replacement ? "" : " without replacement");
    return true;
}

static void compose(wk_call *c) {
    const multinomial_attrs *a = c->attrs;
    const bool one_row = wk_ndim(c->in[0]) == 1;
    wk_tensor *p = wk_contiguous(wk_detach(one_row ? wk_unsqueeze(c->in[0], 0) : c->in[0]));
    p = wk__apply1(&chances_op, p, &(check_attrs){a->replacement ? 1 : a->num_samples});
    if (p == NULL) return;
    wk_tensor *y = a->replacement ? draw_again(p, a->num_samples) : draw_first(p, a->num_samples);
    c->out[0] = one_row ? wk_squeeze(y, 0) : y;
}

static const wk_attr_field fields[] = {
    {"num_samples", 'i', offsetof(multinomial_attrs, num_samples), 1},
    {"replacement", 'b', offsetof(multinomial_attrs, replacement), 0},
};

const wk_op wk__op_multinomial = {
    WK_ROW(multinomial),
    .in_count = 1,
    .out_count = 1,
    .in_names = "p",
    .flags = WK__OP_RANDOM | WK__OP_NO_GRAD,
    WK_ATTRS(multinomial_attrs, fields),
    .shape = shape,
    .compose = compose,
};

wk_tensor *wk_multinomial(wk_tensor *p, int64_t num_samples, bool replacement) {
    return wk__compose(&wk__op_multinomial, &p, 1, &(multinomial_attrs){num_samples, replacement}, NULL);
}
