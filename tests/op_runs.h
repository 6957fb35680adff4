/* op_runs.h -- running a case of ops.txt in wick: inputs of a wanted type and layout, and the scalar L of the file. */
#ifndef WK_TESTS_OP_RUNS_H
#define WK_TESTS_OP_RUNS_H

#include "ops_file.h"
#include "support.h"

/* How an input lies in memory. Elements of a buffer that are not the input's are NaN, so that reading one shows.
 *
 *     PLAIN        row-major
 *     TRANSPOSED   the dimensions stored in the opposite order
 *     STRIDED      every second element of a buffer
 *
 * The leaf is either that view itself, or (RECORDED) the whole buffer, of which the view is then taken by recorded ops, so
 * that the gradient of the input is a region of the gradient of the buffer. */
typedef enum layout { PLAIN, TRANSPOSED, STRIDED, RECORDED_TRANSPOSED, RECORDED_STRIDED, LAYOUTS } layout;

typedef struct op_run {
    const ops_case *c;
    wk_dtype dtype;
    layout layout;
    wk_tensor *leaves[OPS_MAX_INPUTS]; /* NULL for absent inputs */
    wk_tensor *in[OPS_MAX_INPUTS], *out[OPS_MAX_OUTPUTS];
    wk_tensor *loss;
} op_run;

/* A tensor with the file's numbers in row-major order. */
static wk_tensor *tensor_of(const ops_array *a, wk_dtype dtype) {
    wk_tensor *t = wk_empty(a->ndim, a->dims, dtype);
    void *data = wk_data_mut(t);
    for (int64_t i = 0; i < a->numel; i++) {
        if (dtype == WK_F32) ((float *)data)[i] = (float)a->values[i];
        else ((double *)data)[i] = a->values[i];
    }
    return t;
}

/* The input inside its buffer; also the input's gradient inside the gradient of the buffer. */
static wk_tensor *input_in(wk_tensor *buffer, layout l) {
    const int32_t ndim = wk_ndim(buffer);
    if (l == STRIDED || l == RECORDED_STRIDED) return wk_select(buffer, -1, 1);
    if (l == PLAIN) return buffer;
    for (int32_t d = 0; d < ndim / 2; d++) buffer = wk_transpose(buffer, d, ndim - 1 - d);
    return buffer;
}

/* A buffer for the input, filled with NaN. */
static wk_tensor *buffer_for(const ops_array *a, wk_dtype dtype, layout l) {
    int64_t dims[WK_MAX_DIMS] = {0};
    const bool turned = l == TRANSPOSED || l == RECORDED_TRANSPOSED, strided = l == STRIDED || l == RECORDED_STRIDED;
    for (int32_t d = 0; d < a->ndim; d++) dims[d] = a->dims[turned ? a->ndim - 1 - d : d];
    dims[a->ndim] = 2; /* counts only where strided */
    return wk_full(a->ndim + strided, dims, (double)NAN, dtype);
}

static inline bool is_recorded(layout l) { return l >= RECORDED_TRANSPOSED; }

/* Makes leaf and input number i; requires_grad says whether gradients are asked for. */
static void make_input(op_run *r, int32_t i, bool requires_grad) {
    const ops_array *a = &r->c->inputs[i];
    r->leaves[i] = r->in[i] = NULL;
    if (!a->present) return;
    wk_tensor *buffer = buffer_for(a, r->dtype, r->layout), *view;
    {
        WK_NO_GRAD;
        view = wk_copy_(input_in(buffer, r->layout), tensor_of(a, r->dtype));
    }
    r->leaves[i] = wk_requires_grad_(is_recorded(r->layout) ? buffer : view, requires_grad);
    r->in[i] = is_recorded(r->layout) ? input_in(buffer, r->layout) : view;
}

/* What a gradient with respect to leaf i says of input i. */
static wk_tensor *input_gradient(const op_run *r, wk_tensor *gradient) {
    return is_recorded(r->layout) ? input_in(gradient, r->layout) : gradient;
}

/* sum over k of sum(weights[k] * xs[k]); NULL entries are left out. */
static wk_tensor *weighted_sum(wk_tensor *const *xs, const ops_array *weights, int32_t count, wk_dtype dtype) {
    wk_tensor *sum = NULL;
    for (int32_t k = 0; k < count; k++) {
        if (xs[k] == NULL) continue;
        wk_tensor *part = wk_sum(wk_mul(xs[k], tensor_of(&weights[k], dtype)));
        sum = sum != NULL ? wk_add(sum, part) : part;
    }
    return sum;
}

/* Makes the inputs, calls the operation and forms L. */
static void run_forward(op_run *r, bool requires_grad) {
    const ops_case *c = r->c;
    for (int32_t i = 0; i < c->in_count; i++) make_input(r, i, requires_grad);
    wk_op_call(wk_op_find(c->op), c->attrs, c->attr_count, r->in, c->in_count, r->out);
    r->loss = weighted_sum(r->out, c->cotangents, c->out_count, r->dtype);
}

/* wk_grad of y with respect to the leaves that are there; gradients[i] is NULL for the others. */
static void gradients_of(const op_run *r, wk_tensor *y, uint32_t flags, wk_tensor **gradients) {
    wk_tensor *xs[OPS_MAX_INPUTS], *found[OPS_MAX_INPUTS];
    int32_t count = 0;
    for (int32_t i = 0; i < r->c->in_count; i++)
        if (r->leaves[i] != NULL) xs[count++] = r->leaves[i];
    wk_grad(y, xs, count, found, flags);
    for (int32_t i = 0, k = 0; i < r->c->in_count; i++) gradients[i] = r->leaves[i] != NULL ? found[k++] : NULL;
}

/* g of the file: sum over inputs of sum(weight * gradient). */
static wk_tensor *weighted_gradients(const op_run *r, wk_tensor *const *gradients) {
    wk_tensor *of_inputs[OPS_MAX_INPUTS];
    for (int32_t i = 0; i < r->c->in_count; i++)
        of_inputs[i] = gradients[i] != NULL ? input_gradient(r, gradients[i]) : NULL;
    return weighted_sum(of_inputs, r->c->weights, r->c->in_count, r->dtype);
}

#endif
