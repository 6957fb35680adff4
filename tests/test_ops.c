/* test_ops.c -- every case of ops/, called by name: values, gradients by kernels, gradients by ops (vjp, compose)
 * and gradients of gradients, against PyTorch's; in f32 and f64 with each kernel table; contiguous, transposed,
 * and as every second element of a larger tensor. */
#include "each_table.h"
#include "ops_file.h"
#include "support.h"
#include "tensor/array.h"

typedef enum layout { CONTIGUOUS, TRANSPOSED, EVERY_SECOND, LAYOUTS } layout;
static const char *const layout_names[] = {"contiguous", "transposed", "every second"};

static int comparisons;
static char doing[256]; /* for messages: the case and what of it */

/* ------------------------------------------------------------------------------------------------------ tensors --- */

/* The same values under another layout: what is filled is a leaf, of which the result is a view. */
static wk_tensor *leaf_and_view(const ops_array *a, wk_dtype floating, layout how, wk_tensor **view) {
    const wk_dtype dtype = ops_dtype(a, floating);
    wk_tensor *values = ops_tensor(a, floating), *leaf = values;
    if (how == TRANSPOSED && a->ndim >= 2) {
        int64_t dims[OPS_MAX_DIMS];
        for (int d = 0; d < a->ndim; d++) dims[d] = a->dims[d];
        dims[0] = a->dims[1], dims[1] = a->dims[0];
        leaf = wk_empty(a->ndim, dims, dtype);
    } else if (how == EVERY_SECOND && a->ndim < WK_MAX_DIMS) {
        int64_t dims[OPS_MAX_DIMS + 1];
        for (int d = 0; d < a->ndim; d++) dims[d] = a->dims[d];
        dims[a->ndim] = 2;
        leaf = wk_full(a->ndim + 1, dims, 99, dtype);
    }
    WK_NO_GRAD;
    if (leaf != values && how == TRANSPOSED) wk_copy_(wk_transpose(leaf, 0, 1), values);
    if (leaf != values && how == EVERY_SECOND) wk_copy_(wk_select(leaf, -1, 1), values);
    wk_requires_grad_(leaf, ops_is_floating(a));
    wk_set_grad_enabled(true);
    *view = leaf;
    if (leaf != values) *view = how == TRANSPOSED ? wk_transpose(leaf, 0, 1) : wk_select(leaf, -1, 1);
    return leaf;
}

/* The part of a leaf's gradient that belongs to the view; zeros where none came. */
static wk_tensor *grad_of_view(wk_tensor *leaf, wk_tensor *view, layout how) {
    WK_NO_GRAD;
    wk_tensor *g = wk_grad_of(leaf);
    if (g == NULL) return wk_zeros(wk_ndim(view), wk_dims(view), wk_dtype_of(view));
    if (leaf == view) return g;
    return how == TRANSPOSED ? wk_transpose(g, 0, 1) : wk_select(g, -1, 1);
}

/* ---------------------------------------------------------------------------------------------------- comparing --- */

/* Of the finite ones. */
static double largest(const ops_array *a) {
    double most = 0;
    for (int64_t i = 0; i < a->numel; i++)
        if (isfinite(a->values[i])) most = fmax(most, fabs(a->values[i]));
    return most;
}

/* A result is a sum of up to a few hundred products whose terms are of the size of the largest element. Rounding each
 * to 24 bits leaves some 1e-6 of that, and a network of five steps passes it on five times; f64 has 2^-29 of the
 * error. */
static double tolerance(wk_dtype dtype, const ops_array *expected) {
    if (!wk__dtype_is_floating(dtype)) return 0;
    return (dtype == WK_F32 ? 1e-5 : 1e-13) * (1 + largest(expected));
}

static void compare(wk_tensor *t, const ops_array *expected, const char *what) {
    char where[400];
    double actual[4096];
    WK_NO_GRAD;
    snprintf(where, sizeof where, "%s: %s", doing, what);
    if (t == NULL) print_message("# %s: no tensor\n", where);
    assert_non_null(t);
    assert_int_equal(wk_ndim(t), expected->ndim);
    for (int d = 0; d < expected->ndim; d++) assert_int_equal(wk_dim(t, d), expected->dims[d]);
    assert_true(expected->numel <= 4096);
    ops_values(t, actual);
    assert_ok();
    for (int64_t i = 0; i < expected->numel; i++)
        assert_close_or_nan(actual[i], expected->values[i], tolerance(wk_dtype_of(t), expected), where);
    comparisons++;
}

/* ----------------------------------------------------------------------------------------------------- one case --- */

typedef struct run {
    const ops_case *c;
    wk_dtype dtype;
    layout how;
    wk_tensor *leaf[OPS_MAX_INPUTS], *in[OPS_MAX_INPUTS], *out[OPS_MAX_OUTPUTS];
    wk_tensor *present[OPS_MAX_INPUTS]; /* the inputs that are there, side by side, as wk_grad wants them */
    int at[OPS_MAX_INPUTS], present_count;
} run;

static void call(run *r) {
    const ops_case *c = r->c;
    wk_error e;
    for (int i = 0; i < c->input_count; i++) {
        if (c->input[i].values == NULL) continue;
        r->leaf[i] = leaf_and_view(&c->input[i], r->dtype, r->how, &r->in[i]);
        if (!ops_is_floating(&c->input[i])) continue;
        r->at[r->present_count] = i;
        r->present[r->present_count++] = r->in[i];
    }
    ops_call(c, r->in, r->out);
    wk_check(&e);
    if (e.status != (c->refused[0] != '\0' ? WK_EDTYPE : WK_OK)) fail_msg("%s: %s", doing, e.message);
}

/* The same call gives the same bits. */
static void call_again(const run *r) {
    wk_tensor *again[OPS_MAX_OUTPUTS] = {NULL};
    double first[4096], second[4096];
    WK_NO_GRAD;
    ops_call(r->c, r->in, again);
    for (int k = 0; k < r->c->output_count; k++) {
        const size_t nbytes = (size_t)wk_numel(again[k]) * sizeof *first;
        ops_values(r->out[k], first), ops_values(again[k], second);
        if (memcmp(first, second, nbytes) != 0) fail_msg("%s: other bits the second time", doing);
    }
}

/* sum over pairs of sum(a * b) */
static wk_tensor *inner_product(wk_tensor *const *ts, const ops_array *weights, const int *at, int count,
                                wk_dtype dtype) {
    wk_tensor *total = NULL;
    for (int i = 0; i < count; i++) {
        wk_tensor *part = wk_sum(wk_mul(ts[i], ops_tensor(&weights[at != NULL ? at[i] : i], dtype)));
        total = total != NULL ? wk_add(total, part) : part;
    }
    return total;
}

static void check_second(run *r, wk_tensor *const *gx) {
    wk_tensor *g = inner_product(gx, r->c->weight, r->at, r->present_count, r->dtype);
    wk_tensor *second[OPS_MAX_INPUTS] = {NULL};
    if (wk_requires_grad(g)) wk_grad(g, r->present, r->present_count, second, 0);
    assert_ok();
    for (int i = 0; i < r->present_count; i++) {
        const ops_array *expected = &r->c->second[r->at[i]];
        if (second[i] != NULL) compare(second[i], expected, "gradient of the gradient");
        else assert_close(largest(expected), 0, 0, doing); /* the gradients were constants */
    }
}

static void run_in_layout(const ops_case *c, wk_dtype dtype, layout how) {
    WK_SCOPE;
    run r = {.c = c, .dtype = dtype, .how = how};
    wk_tensor *gx[OPS_MAX_INPUTS] = {NULL};
    snprintf(doing, sizeof doing, "%s %s, %s, %s, %s", c->op, c->label, wk_dtype_name(dtype), layout_names[how],
             wk_isa());
    call(&r);
    if (c->refused[0] != '\0') return;
    for (int k = 0; k < c->output_count; k++) {
        compare(r.out[k], &c->output[k], "value");
        if (!ops_is_floating(&c->output[k]) && wk_dtype_of(r.out[k]) != ops_dtype(&c->output[k], dtype))
            fail_msg("%s: is %s", doing, wk_dtype_name(wk_dtype_of(r.out[k])));
    }
    if (c->op[strlen(c->op) - 1] != '_') call_again(&r);
    if (c->cotangent[0].values == NULL) return; /* whole numbers */
    wk_tensor *loss = inner_product(r.out, c->cotangent, NULL, c->output_count, dtype);
    wk_backward_flags(loss, WK_RETAIN_GRAPH);
    assert_ok();
    for (int i = 0; i < r.present_count; i++) {
        wk_tensor *g = grad_of_view(r.leaf[r.at[i]], r.present[i], how);
        compare(g, &c->gradient[r.at[i]], "gradient by kernels");
    }
    wk_grad(loss, r.present, r.present_count, gx, WK_CREATE_GRAPH);
    assert_ok();
    for (int i = 0; i < r.present_count; i++) compare(gx[i], &c->gradient[r.at[i]], "gradient by ops");
    if (c->has_second) check_second(&r, gx);
}

/* -------------------------------------------------------------------------------------------------------- tests --- */

static void run_case(const ops_case *c, void *user) {
    const wk_dtype *dtype = user;
    for (layout how = CONTIGUOUS; how < LAYOUTS; how++) run_in_layout(c, *dtype, how);
}

static void all_cases(wk_dtype dtype) {
    comparisons = 0;
    const int cases = ops_each_case(wk_test_data, "ops", run_case, &dtype);
    const int whole = ops_each_case(wk_test_data, "whole", run_case, &dtype);
    assert_true(cases >= 900 && whole >= 2000);
    print_message("# %d cases, %d of whole numbers, %d arrays compared\n", cases, whole, comparisons);
}

WITH_EACH_TABLE(all_cases)

WK_TEST_MAIN("ops", TESTS_WITH_EACH_TABLE)
