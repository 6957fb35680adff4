/* products.c -- mm, bmm, dot, outer and addmm: matmul and mul under PyTorch's other names, which take fewer shapes. */
#include "op/elementwise.h"
#include "op/rows.h"

static bool refuse(wk_call *c, const wk_tensor *a, const wk_tensor *b, const char *wanted) {
    wk_shape_text ta, tb;
    return wk__refuse(c, WK_ESHAPE, "a %s and b %s: %s", wk__dims_text(&ta, a), wk__dims_text(&tb, b), wanted);
}

static bool both_have(const wk_tensor *a, const wk_tensor *b, int32_t ndim) {
    return a->a.ndim == ndim && b->a.ndim == ndim;
}

static bool mm_shape(wk_call *c) {
    const wk_tensor *a = c->in[0], *b = c->in[1];
    if (!wk__check_float(c)) return false;
    if (both_have(a, b, 2) && a->a.dims[1] == b->a.dims[0]) return true;
    return refuse(c, a, b, "they must be (M,K) and (K,N)");
}

static bool bmm_shape(wk_call *c) {
    const wk_tensor *a = c->in[0], *b = c->in[1];
    if (!wk__check_float(c)) return false;
    if (both_have(a, b, 3) && a->a.dims[0] == b->a.dims[0] && a->a.dims[2] == b->a.dims[1]) return true;
    return refuse(c, a, b, "they must be (B,M,K) and (B,K,N)");
}

static bool dot_shape(wk_call *c) {
    const wk_tensor *a = c->in[0], *b = c->in[1];
    if (!wk__check_float(c)) return false;
    return both_have(a, b, 1) && a->a.dims[0] == b->a.dims[0] ? true : refuse(c, a, b, "they must be (K) and (K)");
}

static bool outer_shape(wk_call *c) {
    if (!wk__check_float(c)) return false;
    return both_have(c->in[0], c->in[1], 1) ? true : refuse(c, c->in[0], c->in[1], "they must be (M) and (N)");
}

typedef struct addmm_attrs {
    double beta, alpha;
} addmm_attrs;

static bool addmm_shape(wk_call *c) {
    const wk_tensor *x = c->in[0], *a = c->in[1], *b = c->in[2];
    wk_array wide;
    wk_shape_text tx;
    const addmm_attrs *s = c->attrs;
    if (!wk__check_float(c) || !wk__check_number(c, s->beta) || !wk__check_number(c, s->alpha)) return false;
    if (!both_have(a, b, 2) || a->a.dims[1] != b->a.dims[0]) return refuse(c, a, b, "they must be (M,K) and (K,N)");
    if (wk__array_expand(&x->a, 2, (const int64_t[]){a->a.dims[0], b->a.dims[1]}, &wide)) return true;
    return wk__refuse(c, WK_ESHAPE, "x %s does not stretch to (%lld,%lld)", wk__dims_text(&tx, x),
                      (long long)a->a.dims[0], (long long)b->a.dims[1]);
}

static void matmul_compose(wk_call *c) { c->out[0] = wk_matmul(c->in[0], c->in[1]); }

static void outer_compose(wk_call *c) {
    c->out[0] = wk_mul(wk_reshape(c->in[0], 2, (const int64_t[]){wk_numel(c->in[0]), 1}), c->in[1]);
}

static const wk_attr_field addmm_fields[] = {
    {"beta", 'f', offsetof(addmm_attrs, beta), 1},
    {"alpha", 'f', offsetof(addmm_attrs, alpha), 1},
};

static wk_tensor *scaled(wk_tensor *x, double s) { return s == 1 ? x : wk_mul_scalar(x, s); }

/* x for each column of the product, as it is: a linear layer, which adds to x where others pass over y once more. */
static bool is_linear(const wk_call *c) {
    const addmm_attrs *s = c->attrs;
    const wk_array *x = &c->in[0]->a, *b = &c->in[2]->a;
    return s->alpha == 1 && s->beta != 0 && x->ndim == 1 && x->dims[0] == b->dims[1];
}

static void addmm_compose(wk_call *c) {
    const addmm_attrs *s = c->attrs;
    if (is_linear(c)) {
        c->out[0] = wk_linear(c->in[1], wk_transpose(c->in[2], 0, 1), scaled(c->in[0], s->beta));
        return;
    }
    wk_tensor *product = scaled(wk_matmul(c->in[1], c->in[2]), s->alpha);
    c->out[0] = s->beta == 0 ? product : wk_add(scaled(c->in[0], s->beta), product);
}

#define PRODUCT(name, flags_, takes, composition)                                             \
    const wk_op wk__op_##name = {                                                             \
        WK_ROW(name),      .in_count = 2,    .out_count = 1,        .in_names = "a b",        \
        .flags = (flags_), .types = (takes), .shape = name##_shape, .compose = (composition), \
    };                                                                                        \
    wk_tensor *wk_##name(wk_tensor *a, wk_tensor *b) {                                        \
        return wk__compose(&wk__op_##name, (wk_tensor *const[]){a, b}, 2, NULL, NULL);        \
    }
PRODUCT(mm, 0, WK__WHOLE_NUMBERS, matmul_compose)
PRODUCT(bmm, 0, WK__WHOLE_NUMBERS, matmul_compose)
PRODUCT(dot, 0, WK__WHOLE_NUMBERS, matmul_compose)
PRODUCT(outer, WK__OP_PROMOTE, WK__EVERY_TYPE, outer_compose)

const wk_op wk__op_addmm = {
    WK_ROW(addmm),
    .in_count = 3,
    .out_count = 1,
    .in_names = "x a b",
    .types = WK__WHOLE_NUMBERS,
    WK_ATTRS(addmm_attrs, addmm_fields),
    .shape = addmm_shape,
    .compose = addmm_compose,
};

wk_tensor *wk_addmm(wk_tensor *x, wk_tensor *a, wk_tensor *b, double beta, double alpha) {
    return wk__compose(&wk__op_addmm, (wk_tensor *const[]){x, a, b}, 3, &(addmm_attrs){beta, alpha}, NULL);
}
