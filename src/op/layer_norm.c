/* layer_norm.c -- y = z weight + bias, z = (x - mean) / sqrt(variance + eps) along the last dimensions.
 *
 * The kernel's gradient is told in kernel/ref_layer_norm.inc. Mean and variance are worked out anew on the way back: x
 * is kept and its rows are in the cache then. */
#include "op/elementwise.h"
#include "op/packed.h"
#include "op/rows.h"

enum { X, WEIGHT, BIAS, INPUTS };

typedef struct norm_attrs {
    wk_dims_attr dims;
    double eps;
} norm_attrs;

static const wk_attr_field fields[] = {{"dims", 'd', offsetof(norm_attrs, dims), 0},
                                       {"eps", 'f', offsetof(norm_attrs, eps), 1e-5}};

/* Are dims the last ones of t, and, if it is to have no others, all? */
static bool ends_in(const wk_tensor *t, const wk_dims_attr *dims, bool no_others) {
    const int32_t before = t->a.ndim - dims->ndim;
    bool same = before == 0 || (before > 0 && !no_others);
    for (int32_t d = 0; same && d < dims->ndim; d++) same = t->a.dims[before + d] == dims->dims[d];
    return same;
}

static bool shape(wk_call *c) {
    static const char *const names[] = {"x", "weight", "bias"};
    const wk_dims_attr *dims = &((const norm_attrs *)c->attrs)->dims;
    wk_shape_text is, wanted;
    if (!wk__check_float(c)) return false;
    if (dims->ndim < 1) return wk__refuse(c, WK_EINVAL, "dims are none: at least the last dimension is normalized");
    for (int32_t i = 0; i < INPUTS; i++)
        if (c->in[i] != NULL && !ends_in(c->in[i], dims, i != X))
            return wk__refuse(c, WK_ESHAPE, "%s is %s and must %s %s", names[i], wk__dims_text(&is, c->in[i]),
                              i == X ? "end in" : "be", wk__shape_text(&wanted, dims->ndim, dims->dims));
    return wk__declare_like(c, 0, c->in[X]);
}

static int64_t row_length(const norm_attrs *attrs) {
    int64_t n = 1;
    for (int32_t d = 0; d < attrs->dims.ndim; d++) n *= attrs->dims.dims[d];
    return n;
}

static bool is_contiguous(const wk_array *x, int32_t i) { return (void)i, wk__array_is_contiguous(x); }

/* ------------------------------------------------------------------------------------------------------ kernels --- */

/* The arguments but for y. False when memory is out; packs are ended in any case. */
static bool args_of(wk_ctx *ctx, const norm_attrs *attrs, const wk_array *const *in, wk_packed *packs,
                    wk_layer_norm_args *args) {
    bool fine = true;
    for (int32_t i = 0; i < INPUTS; i++)
        fine &= wk__pack(ctx, in[i], in[i] == NULL || wk__array_is_contiguous(in[i]), &packs[i]);
    const int64_t n = row_length(attrs);
    *args = (wk_layer_norm_args){
        .rows = n > 0 ? in[X]->numel / n : 0, .n = n, .eps = attrs->eps,
        .x = wk__packed_data(&packs[X]), .weight = wk__packed_data(&packs[WEIGHT]),
        .bias = wk__packed_data(&packs[BIAS]),
    };
    return fine;
}

static void packs_end(wk_packed *packs) {
    for (int32_t i = 0; i < INPUTS; i++) wk__packed_end(&packs[i]);
}

static void forward(wk_call *c) {
    const wk_array *in[INPUTS], *y = &c->out[0]->a;
    wk_packed packs[INPUTS];
    wk_layer_norm_args args;
    for (int32_t i = 0; i < INPUTS; i++) in[i] = c->in[i] != NULL ? &c->in[i]->a : NULL;
    if (args_of(c->ctx, c->attrs, in, packs, &args)) {
        args.y = y->data;
        wk__kernels->layer_norm[y->dtype](&args);
    } else {
        wk__refuse_no_memory(c);
    }
    packs_end(packs);
}

static void run_backward(const wk_backprop *b, const wk_layer_norm_args *args, const wk_packed_slot *t) {
    const wk_array *g = &b->gy[0]->a;
    wk__kernels->layer_norm_grad[g->dtype](&(wk_layer_norm_grad_args){
        .fwd = *args, .g = g->data,
        .gx = wk__packed_slot_data(&t[X]), .add_x = wk__packed_slot_add(&t[X]),
        .gweight = wk__packed_slot_data(&t[WEIGHT]), .add_weight = wk__packed_slot_add(&t[WEIGHT]),
        .gbias = wk__packed_slot_data(&t[BIAS]), .add_bias = wk__packed_slot_add(&t[BIAS]),
    });
}

static bool grad(wk_backprop *b) {
    const wk_array *in[INPUTS] = {wk__saved_in(b, X), NULL, NULL};
    wk_packed packs[INPUTS];
    wk_packed_slot t[INPUTS];
    wk_layer_norm_args args;
    int32_t begun = 0;
    if (b->node->in[WEIGHT].saved != NULL) in[WEIGHT] = wk__saved_in(b, WEIGHT);
    bool fine = args_of(b->ctx, b->node->attrs, in, packs, &args);
    if (!fine) wk__out_of_memory(b->ctx, "layer_norm");
    while (fine && begun < b->node->in_count) fine = wk__packed_slot_begin(b, begun, t, is_contiguous), begun++;
    if (fine) run_backward(b, &args, t);
    for (int32_t i = 0; i < begun; i++) wk__packed_slot_end(&t[i]);
    packs_end(packs);
    return true;
}

/* The same from small ops, on x as a matrix of rows; for gradients of gradients. */
static void compose(wk_call *c) {
    const norm_attrs *a = c->attrs;
    const int64_t n = row_length(a), rows = n > 0 ? wk_numel(c->in[X]) / n : 0;
    const double part = 1 / (double)n;
    wk_tensor *x = wk_reshape(c->in[X], WK_SHAPE(rows, n));
    wk_tensor *away = wk_sub(x, wk_mul_scalar(wk_sum_to_size(x, WK_SHAPE(rows, 1)), part));
    wk_tensor *variance = wk_mul_scalar(wk_sum_to_size(wk_square(away), WK_SHAPE(rows, 1)), part);
    wk_tensor *z = wk_mul(away, wk_rsqrt(wk_add_scalar(variance, a->eps)));
    wk_tensor *y = wk_reshape(z, wk_ndim(c->in[X]), wk_dims(c->in[X]));
    if (c->in[WEIGHT] != NULL) y = wk_mul(y, c->in[WEIGHT]);
    c->out[0] = c->in[BIAS] != NULL ? wk_add(y, c->in[BIAS]) : y;
}

#define ALL (WK_READS_IN(X) | WK_READS_IN(WEIGHT) | WK_READS_IN(BIAS))

const wk_op wk__op_layer_norm = {
    WK_ROW(layer_norm),
    .in_count = INPUTS,
    .out_count = 1,
    .optional = 1 << WEIGHT | 1 << BIAS,
    .in_names = "x weight bias",
    .reads = {ALL, ALL, ALL},
    .flags = WK__OP_PROMOTE,
    .batch = WK__BATCH_ROWS,
    .batch_shared = 1 << WEIGHT | 1 << BIAS,
    .shape = shape,
    .forward = forward,
    .grad = grad,
    .compose = compose,
    WK_ATTRS(norm_attrs, fields),
};

wk_tensor *wk_layer_norm(wk_tensor *x, int32_t ndim, const int64_t *dims, wk_tensor *weight, wk_tensor *bias,
                         double eps) {
    norm_attrs attrs = {.eps = eps};
    if (!wk__dims_attr_set(&attrs.dims, ndim, dims, "layer_norm")) return NULL;
    return wk__apply(&wk__op_layer_norm, (wk_tensor *const[]){x, weight, bias}, INPUTS, &attrs, NULL);
}
