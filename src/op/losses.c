/* losses.c -- losses made of other rows. Each is a loss for every element and a reduction of those.
 *
 *     smooth_l1     d = |x - t| < beta ? (x - t)^2 / (2 beta) : |x - t| - beta/2
 *                                                          gx += g clamp((x - t) / beta, -1, 1)
 *     nll           y(j) = -w[t(j)] x(j, t(j))     gx(j, t(j)) -= g w[t(j)]
 *                   y(j) = -sum_c w[c] t(j, c) x(j, c)   where targets are chances
 *
 * Which targets count is a row of its own, which also looks whether they are in range. A loss of N targets needs
 * nothing of the size of all classes but log_softmax itself. */
#include <math.h>
#include <string.h>

#include "base/options.h"
#include "kernel/record.h"
#include "op/elementwise.h"
#include "op/losses.h"
#include "op/powers.h"
#include "op/reduction.h"

/* Rows outside ops.def, of x and target. */
#define INNER_ROW(op, ...)                                           \
    static const wk_op op##_op = {WK_INNER_ROW(op),                  \
                                  .in_count = 2,                     \
                                  .out_count = 1,                    \
                                  .in_names = "x target",            \
                                  WK_ATTRS(loss_attrs, beta_fields), \
                                  .batch = WK__BATCH_ELEMENTS,       \
                                  .shape = wk__binary_shape,         \
                                  .forward = op##_forward,           \
                                  __VA_ARGS__};

typedef struct loss_attrs {
    int64_t reduction, ignore_index;
    double beta, label_smoothing;
} loss_attrs;

/* ---------------------------------------------------------------------------------------------------- smooth L1 --- */

static const wk_attr_field beta_fields[] = {{"beta", 'f', offsetof(loss_attrs, beta), 1}};

static wk_tensor *slope_of(wk_tensor *x, wk_tensor *target, double beta);
static wk_tensor *curve(wk_tensor *x, wk_tensor *target, double beta);

static void pair_rows(wk_call *c, wk_pair_loop *kernel) {
    const wk_array *const arrays[] = {&c->out[0]->a, &c->in[0]->a, &c->in[1]->a};
    const double beta = ((const loss_attrs *)c->attrs)->beta;
    wk_rows rows;
    for (bool more = wk__rows_begin(&rows, 3, arrays); more; more = wk__rows_next(&rows))
        kernel(rows.n, rows.data[0], rows.stride[0], rows.data[1], rows.stride[1], rows.data[2], rows.stride[2], beta);
}

static void smooth_l1_forward(wk_call *c) { pair_rows(c, wk__kernels->smooth_l1[c->in[0]->a.dtype]); }
static void slope_forward(wk_call *c) { pair_rows(c, wk__kernels->smooth_l1_slope[c->in[0]->a.dtype]); }
static void curve_forward(wk_call *c) { pair_rows(c, wk__kernels->smooth_l1_curve[c->in[0]->a.dtype]); }

/* What depends on x - target alone has opposite gradients for the two. In a batch one may be shared, and stretched. */
static void difference_vjp(const wk_backprop *b, wk_tensor *derivative, wk_tensor **gx) {
    wk_tensor *g = wk_mul(b->gy[0], derivative);
    if (wk__wants(b, 0)) gx[0] = wk__unstretched(b, 0, g);
    if (wk__wants(b, 1)) gx[1] = wk__unstretched(b, 1, wk_neg(g));
}

static void smooth_l1_vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_edge *in = b->node->in;
    difference_vjp(b, slope_of(in[0].saved, in[1].saved, ((const loss_attrs *)b->node->attrs)->beta), gx);
}

static void slope_vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_edge *in = b->node->in;
    difference_vjp(b, curve(in[0].saved, in[1].saved, ((const loss_attrs *)b->node->attrs)->beta), gx);
}

#define BOTH (WK_READS_IN(0) | WK_READS_IN(1))
INNER_ROW(smooth_l1, .reads = {BOTH, BOTH}, .vjp = smooth_l1_vjp)
INNER_ROW(slope, .reads = {BOTH, BOTH}, .vjp = slope_vjp)
INNER_ROW(curve, .flags = WK__OP_NO_GRAD)

static wk_tensor *smooth_l1(wk_tensor *x, wk_tensor *target, double beta) {
    return wk__apply2(&smooth_l1_op, x, target, &(loss_attrs){.beta = beta});
}

static wk_tensor *slope_of(wk_tensor *x, wk_tensor *target, double beta) {
    return wk__apply2(&slope_op, x, target, &(loss_attrs){.beta = beta});
}

/* Constant but for its steps. */
static wk_tensor *curve(wk_tensor *x, wk_tensor *target, double beta) {
    return wk__apply2(&curve_op, x, target, &(loss_attrs){.beta = beta});
}

/* ------------------------------------------------------------------------------------------------------ targets --- */

typedef struct target_attrs {
    int64_t classes, ignore_index, dtype, softmax;
} target_attrs;

static bool counted_shape(wk_call *c) {
    const wk_tensor *target = c->in[0];
    const wk_dtype dtype = (wk_dtype)((const target_attrs *)c->attrs)->dtype;
    return wk__declare(c, 0, dtype, target->a.ndim, target->a.dims) && wk__declare_like(c, 1, target);
}

/* Output 0: 1 for each target, 0 where it is ignored. Output 1: the target, 0 where it is ignored.
 * words: n, output 0, output 1, classes, ignore_index, softmax, type of output 0 */
static void call_counted(wk_any_function *f, const wk_word *w) {
    const wk_dtype dtype = (wk_dtype)w[6].i;
    const wk_element one = wk__element_of(1, dtype), zero = wk__element_of(0, dtype);
    int64_t *index = w[2].p;
    (void)f;
    for (int64_t j = 0; j < w[0].i; j++) {
        const bool ignored = index[j] == w[4].i;
        if (!ignored && (index[j] < 0 || index[j] >= w[3].i)) {
            wk__fail(wk__ctx(), WK_EINDEX, w[5].i ? "cross_entropy" : "nll_loss",
                     "target %lld, element %lld, is not one of %lld classes", (long long)index[j], (long long)j,
                     (long long)w[3].i);
            return;
        }
        if (ignored) index[j] = 0;
        memcpy((char *)w[1].p + j * wk__dtype_nbytes[dtype], ignored ? &zero : &one, wk__dtype_nbytes[dtype]);
    }
}

static void counted_forward(wk_call *c) {
    static const wk_signature signature = {"nwwnnnn", call_counted, NULL};
    const wk_noted noted = {.signature = &signature, .name = "counted", .dtype = WK_I64, .may_fail = true};
    const target_attrs *a = c->attrs;
    const wk_array *y = &c->out[0]->a;
    const wk_word words[] = {{.i = y->numel},        {.p = y->data},    {.p = c->out[1]->a.data}, {.i = a->classes},
                             {.i = a->ignore_index}, {.i = a->softmax}, {.i = y->dtype}};
    wk__unary_rows(wk__kernels->copy[WK_I64], &c->out[1]->a, &c->in[0]->a);
    if (!wk__note(c->ctx, &noted, words)) call_counted(NULL, words);
}

static const wk_op counted_op = {
    WK_INNER_ROW(counted),
    .in_count = 1,
    .out_count = 2,
    .in_names = "target",
    .attrs_nbytes = sizeof(target_attrs),
    .flags = WK__OP_NO_GRAD,
    .batch = WK__BATCH_ELEMENTS,
    .shape = counted_shape,
    .forward = counted_forward,
};

/* --------------------------------------------------------------------------------------------------- reductions --- */

static wk_tensor *reduced(wk_tensor *losses, int64_t reduction) {
    if (reduction == WK_REDUCTION_NONE) return losses;
    return reduction == WK_REDUCTION_SUM ? wk_sum(losses) : wk_mean(losses);
}

/* x (N,C,...): the dimension of classes. */
static int32_t class_dim(const wk_tensor *x) { return wk_ndim(x) == 1 ? 0 : 1; }

/* The elements of x (N,C,...) that belong to the targets (N,...). */
static wk_tensor *of_targets(wk_tensor *x, wk_tensor *index, int32_t dim) {
    return wk_squeeze(wk_gather(x, dim, wk_unsqueeze(index, dim)), dim);
}

/* The weights (C) with sizes of 1 behind, to stretch over x (N,C,...). */
static wk_tensor *over_classes(wk_tensor *weight, const wk_tensor *x) {
    int64_t dims[WK_MAX_DIMS] = {wk_numel(weight), 1, 1, 1, 1, 1, 1, 1};
    return wk_reshape(weight, wk_ndim(x) - class_dim(x), dims);
}

/* The part of a loss that all classes share, for each target: -sum over classes of w x / C. */
static wk_tensor *shared_loss(wk_tensor *x, wk_tensor *weights) {
    const int64_t dim = class_dim(x);
    wk_tensor *sums = wk_sum_dims(weights != NULL ? wk_mul(x, weights) : x, 1, &dim, false);
    return wk_mul_scalar(sums, -1.0 / (double)wk_dim(x, (int32_t)dim));
}

/* A loss for each target; and how much each counts. */
static wk_tensor *class_losses(wk_tensor *x, wk_tensor *target, wk_tensor *weight, const loss_attrs *a, bool softmax,
                               wk_tensor **shares) {
    const int32_t dim = class_dim(x);
    const double smoothing = a->label_smoothing;
    target_attrs of_target = {wk_dim(x, dim), a->ignore_index, wk_dtype_of(x), softmax};
    wk_tensor *outs[2] = {NULL}, *weights = NULL;
    if (wk__apply(&counted_op, &target, 1, &of_target, outs) == NULL) return NULL;
    wk_tensor *counted = outs[0], *index = outs[1], *share = counted;
    if (weight != NULL) {
        weights = wk_expand(over_classes(weight, x), wk_ndim(x), wk_dims(x));
        share = wk_mul(counted, of_targets(weights, index, dim));
    }
    wk_tensor *losses = wk_neg(wk__weigh(of_targets(x, index, dim), share));
    if (smoothing > 0)
        losses = wk_add(wk_mul_scalar(losses, 1 - smoothing),
                        wk_mul_scalar(wk__weigh(shared_loss(x, weights), counted), smoothing));
    *shares = share;
    return losses;
}

static wk_tensor *nll(wk_tensor *x, wk_tensor *target, wk_tensor *weight, const loss_attrs *a, bool softmax) {
    wk_tensor *shares = NULL, *losses = class_losses(x, target, weight, a, softmax, &shares);
    if (a->reduction != WK_REDUCTION_MEAN) return reduced(losses, a->reduction);
    return wk__per_share(wk_sum(losses), wk_sum(shares));
}

/* The sums of `count` equal parts. */
static wk_tensor *sum_of_each(wk_tensor *x, int64_t count) {
    const int64_t dim = 1;
    return wk_sum_dims(wk_reshape(x, WK_SHAPE(count, wk_numel(x) / count)), 1, &dim, false);
}

/* Of several calls side by side: x (B,N,C,..) and targets (B,N,..), or (B,C) and (B). */
static wk_tensor *nll_of_each(const wk_call *c) {
    const loss_attrs *a = c->attrs;
    const bool softmax = c->op == &wk__op_cross_entropy;
    const int64_t count = wk_dim(c->in[0], 0);
    wk_tensor *x = wk_ndim(c->in[0]) > 2 ? wk_flatten(c->in[0], 0, 1) : c->in[0];
    wk_tensor *target = wk_ndim(c->in[1]) > 1 ? wk_flatten(c->in[1], 0, 1) : c->in[1], *shares = NULL;
    wk_tensor *losses = class_losses(softmax ? wk_log_softmax(x, 1) : x, target, c->in[2], a, softmax, &shares);
    if (losses == NULL) return NULL;
    if (a->reduction == WK_REDUCTION_NONE) return wk_reshape(losses, wk_ndim(c->in[1]), wk_dims(c->in[1]));
    wk_tensor *sums = sum_of_each(losses, count);
    return a->reduction == WK_REDUCTION_SUM ? sums : wk__per_share(sums, sum_of_each(shares, count));
}

static void nll_batched(wk_call *c) { c->out[0] = nll_of_each(c); }

/* Targets t that are chances, in x's shape: a target for each class, counted so often. */
static wk_tensor *expected_nll(wk_tensor *x, wk_tensor *t, wk_tensor *weight, const loss_attrs *a) {
    const int64_t dim = class_dim(x);
    const double smoothing = a->label_smoothing;
    if (smoothing > 0) t = wk_add_scalar(wk_mul_scalar(t, 1 - smoothing), smoothing / (double)wk_dim(x, (int32_t)dim));
    wk_tensor *of_classes = wk_mul(x, t);
    if (weight != NULL) of_classes = wk_mul(of_classes, over_classes(weight, x));
    return reduced(wk_neg(wk_sum_dims(of_classes, 1, &dim, false)), a->reduction);
}

/* ----------------------------------------------------------------------------------------------------- checking --- */

bool wk__check_reduction(wk_call *c, int64_t reduction) {
    if (reduction >= WK_REDUCTION_NONE && reduction <= WK_REDUCTION_SUM) return true;
    return wk__refuse(c, WK_EINVAL, "%lld is no reduction", (long long)reduction);
}

bool wk__check_pair(wk_call *c) {
    const wk_tensor *x = c->in[0], *t = c->in[1];
    wk_shape_text tx, tt;
    if (!wk__check_float(c)) return false;
    if (wk_likely(wk__same_dims(&x->a, &t->a))) return true;
    return wk__refuse(c, WK_ESHAPE, "x %s and target %s differ: give both one shape", wk__dims_text(&tx, x),
                      wk__dims_text(&tt, t));
}

static bool attrs_fine(wk_call *c) {
    const loss_attrs *a = c->attrs;
    if (!wk__check_reduction(c, a->reduction)) return false;
    if (!(a->beta >= 0)) return wk__refuse(c, WK_EINVAL, "beta is %g, below 0", a->beta);
    if (a->label_smoothing >= 0 && a->label_smoothing <= 1) return true;
    return wk__refuse(c, WK_EINVAL, "label_smoothing is %g, not from 0 to 1", a->label_smoothing);
}

static bool pair_shape(wk_call *c) { return attrs_fine(c) && wk__check_pair(c); }

static bool huber_shape(wk_call *c) {
    if (((const loss_attrs *)c->attrs)->beta != 0) return pair_shape(c);
    return wk__refuse(c, WK_EINVAL, "beta is 0, with which every loss is 0: give a positive one, or take l1_loss");
}

/* target has x's shape without its dimension of classes. */
static bool target_fits(const wk_array *x, const wk_array *t) {
    if (x->ndim == 0 || t->ndim != x->ndim - 1) return false;
    const int32_t dim = x->ndim == 1 ? 0 : 1;
    bool fits = true;
    for (int32_t d = 0; d < t->ndim; d++) fits &= t->dims[d] == x->dims[d + (d >= dim)];
    return fits;
}

static bool weight_fits(wk_call *c) {
    const wk_tensor *x = c->in[0], *w = c->in[2];
    wk_shape_text tx, tw;
    if (w == NULL || (w->a.ndim == 1 && w->a.numel == x->a.dims[class_dim(x)])) return true;
    return wk__refuse(c, WK_ESHAPE, "scores %s and weights %s: one weight for each class", wk__dims_text(&tx, x),
                      wk__dims_text(&tw, w));
}

static bool class_shape(wk_call *c) {
    const wk_tensor *x = c->in[0], *t = c->in[1];
    wk_shape_text tx, tt;
    if (!attrs_fine(c) || !wk__check_index_type(c, 1) || !wk__check_float(c)) return false;
    if (!target_fits(&x->a, &t->a))
        return wk__refuse(c, WK_ESHAPE, "scores %s and targets %s: targets have the shape of (N,C,...) without C",
                          wk__dims_text(&tx, x), wk__dims_text(&tt, t));
    return weight_fits(c);
}

/* Targets as numbers of classes, or as chances. */
static bool cross_entropy_shape(wk_call *c) {
    const wk_array *x = &c->in[0]->a, *t = &c->in[1]->a;
    if (x->ndim == 0 || !wk__dtype_is_floating(t->dtype) || !wk__same_dims(x, t)) return class_shape(c);
    return attrs_fine(c) && wk__check_pair(c) && weight_fits(c);
}

/* --------------------------------------------------------------------------------------------------------- rows --- */

static void l1_compose(wk_call *c) {
    c->out[0] = reduced(smooth_l1(c->in[0], c->in[1], 0), ((const loss_attrs *)c->attrs)->reduction);
}

static void smooth_l1_compose(wk_call *c) {
    const loss_attrs *a = c->attrs;
    c->out[0] = reduced(smooth_l1(c->in[0], c->in[1], a->beta), a->reduction);
}

static void huber_compose(wk_call *c) {
    const loss_attrs *a = c->attrs;
    c->out[0] = wk_mul_scalar(reduced(smooth_l1(c->in[0], c->in[1], a->beta), a->reduction), a->beta);
}

static wk_tensor *weighted(wk_tensor *losses, wk_tensor *weight) {
    return weight != NULL ? wk_mul(losses, weight) : losses;
}

static void bce_compose(wk_call *c) {
    wk_tensor *x = c->in[0], *t = c->in[1], *one = wk_scalar(1, wk_dtype_of(x));
    wk_tensor *yes = wk_mul(t, wk__log_clamped(x));
    wk_tensor *no = wk_mul(wk_sub(one, t), wk__log_clamped(wk_sub(one, x)));
    c->out[0] = reduced(weighted(wk_neg(wk_add(yes, no)), c->in[2]), ((const loss_attrs *)c->attrs)->reduction);
}

/* x - x t + softplus(-x), the last of which counts 1 + (pos_weight - 1) t times. */
static void bce_logits_compose(wk_call *c) {
    wk_tensor *x = c->in[0], *t = c->in[1], *one = wk_scalar(1, wk_dtype_of(x)),
              *soft = wk_softplus(wk_neg(x), 1, INFINITY);
    if (c->in[3] != NULL) soft = wk_mul(soft, wk_add(one, wk_mul(wk_sub(c->in[3], one), t)));
    wk_tensor *losses = wk_add(wk_mul(wk_sub(one, t), x), soft);
    c->out[0] = reduced(weighted(losses, c->in[2]), ((const loss_attrs *)c->attrs)->reduction);
}

static void nll_compose(wk_call *c) {
    loss_attrs a = *(const loss_attrs *)c->attrs;
    a.label_smoothing = 0;
    c->out[0] = nll(c->in[0], c->in[1], c->in[2], &a, false);
}

static void cross_entropy_compose(wk_call *c) {
    wk_tensor *x = wk_log_softmax(c->in[0], class_dim(c->in[0])), *t = c->in[1];
    c->out[0] = wk_dtype_of(t) == WK_I64 ? nll(x, t, c->in[2], c->attrs, true) : expected_nll(x, t, c->in[2], c->attrs);
}

/* A batch puts off losses of numbered classes, and those whole. */
static bool class_outputs(wk_call *c) {
    const wk_array *x = &c->in[0]->a, *t = &c->in[1]->a;
    const bool single = ((const loss_attrs *)c->attrs)->reduction != WK_REDUCTION_NONE;
    return t->dtype == WK_I64 && wk__declare(c, 0, x->dtype, single ? 0 : t->ndim, t->dims);
}

static const wk_attr_field fields[] = {
    {"reduction", 'r', offsetof(loss_attrs, reduction), WK_REDUCTION_MEAN},
    {"ignore_index", 'i', offsetof(loss_attrs, ignore_index), -100},
    {"beta", 'f', offsetof(loss_attrs, beta), 1},
    {"label_smoothing", 'f', offsetof(loss_attrs, label_smoothing), 0},
};

/* A row, its short form and the one with options; the inputs after x and target are the options' tensors. classes: may
 * the target hold numbers of classes? What follows the composition are fields for batches. */
#define LOSS(loss, inputs, names, classes, check, composition, ...)                                        \
    const wk_op wk__op_##loss = {                                                                          \
        WK_ROW(loss),                                                                                      \
        .in_count = (inputs),                                                                              \
        .out_count = 1,                                                                                    \
        .in_names = (names),                                                                               \
        .optional = 4 | 8,                                                                                 \
        .indices = (classes) << 1,                                                                         \
        WK_ATTRS(loss_attrs, fields),                                                                      \
        .shape = (check),                                                                                  \
        .compose = (composition),                                                                          \
        __VA_ARGS__};                                                                                      \
    wk_tensor *wk_##loss(wk_tensor *x, wk_tensor *target) { return wk_##loss##_options(x, target, NULL); } \
    wk_tensor *wk_##loss##_options(wk_tensor *x, wk_tensor *target, const wk_loss_options *options) {      \
        return with_options(&wk__op_##loss, x, target, options);                                           \
    }

#define OF_CLASSES .batch = WK__BATCH_ROWS, .batch_shared = 4, .outputs = class_outputs, .batched = nll_batched

static wk_tensor *with_options(const wk_op *op, wk_tensor *x, wk_tensor *target, const wk_loss_options *options) {
    wk_loss_options o;
    if (!wk__options(&o, &(wk_loss_options)WK_LOSS_OPTIONS, options, sizeof o, op->name)) return NULL;
    loss_attrs attrs = {o.reduction, o.ignore_index, o.beta, o.label_smoothing};
    return wk__compose(op, (wk_tensor *const[]){x, target, o.weight, o.pos_weight}, op->in_count, &attrs, NULL);
}

LOSS(l1_loss, 2, "x target", 0, pair_shape, l1_compose, .batch = WK__BATCH_NONE)
LOSS(smooth_l1_loss, 2, "x target", 0, pair_shape, smooth_l1_compose, .batch = WK__BATCH_NONE)
LOSS(huber_loss, 2, "x target", 0, huber_shape, huber_compose, .batch = WK__BATCH_NONE)
LOSS(binary_cross_entropy, 3, "x target weight", 0, pair_shape, bce_compose, .batch = WK__BATCH_NONE)
LOSS(binary_cross_entropy_with_logits, 4, "x target weight pos_weight", 0, pair_shape, bce_logits_compose,
     .batch = WK__BATCH_NONE)
LOSS(nll_loss, 3, "log_probs target weight", 1, class_shape, nll_compose, OF_CLASSES)
LOSS(cross_entropy, 3, "logits target weight", 1, cross_entropy_shape, cross_entropy_compose, OF_CLASSES)
