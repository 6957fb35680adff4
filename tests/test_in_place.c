/* test_in_place.c -- every row that is also there in place (op and op_), on every case of ops/: the same bits,
 * written into the first argument, and the same gradients. And what a write in place refuses. */
#include <stdio.h>

#include "grad/op.h"
#include "ops_file.h"
#include "support.h"

typedef struct call {
    const ops_case *c;
    wk_tensor *x[OPS_MAX_INPUTS], *loss; /* leaves */
    wk_tensor *y;
} call;

/* Calls `op` on fresh leaves; the first goes through an op, since a leaf itself may not be overwritten. */
static call run(const wk_op *op, const ops_case *c) {
    call r = {.c = c};
    wk_attr attrs[OPS_MAX_ATTRS];
    wk_tensor *in[OPS_MAX_INPUTS], *out[OPS_MAX_OUTPUTS] = {NULL};
    ops_case_attrs(c, attrs);
    for (int i = 0; i < c->input_count; i++) in[i] = r.x[i] = wk_requires_grad_(ops_tensor(&c->input[i], WK_F64), true);
    in[0] = wk_mul_scalar(r.x[0], 1);
    wk_op_call(op, attrs, c->attr_count, in, c->input_count, out);
    r.y = out[0];
    if (r.y == NULL) return r;
    if (op->flags & WK__OP_IN_PLACE) assert_ptr_equal(r.y, in[0]);
    r.loss = wk_sum(wk_mul(r.y, ops_tensor(&c->cotangent[0], WK_F64)));
    return r;
}

static void compare(wk_tensor *a, wk_tensor *b, const char *what) {
    if (a == NULL && b == NULL) return;
    if (a == NULL || b == NULL) fail_msg("%s: no tensor", what);
    const double *p = wk_data(a), *q = wk_data(b);
    for (int64_t i = 0; i < wk_numel(a); i++) assert_close_or_nan(p[i], q[i], 0, what);
}

static void check_case(const wk_op *op, const wk_op *in_place, const ops_case *c) {
    WK_SCOPE;
    char what[200];
    wk_error failure;
    snprintf(what, sizeof what, "%s %s", in_place->name, c->label);
    const bool fits = c->input[0].ndim == c->output[0].ndim &&
                      memcmp(c->input[0].dims, c->output[0].dims, sizeof c->input[0].dims) == 0;
    call apart = run(op, c), written = run(in_place, c);
    if (!fits) {
        assert_int_equal(wk_check(&failure), WK_ESHAPE);
        return;
    }
    compare(apart.y, written.y, what);
    wk_backward(apart.loss);
    wk_backward(written.loss);
    assert_ok();
    for (int i = 0; i < c->input_count; i++) compare(wk_grad_of(apart.x[i]), wk_grad_of(written.x[i]), what);
}

static void check_if_in_place(const ops_case *c, void *checked) {
    char name[64];
    snprintf(name, sizeof name, "%s_", c->op);
    const wk_op *in_place = wk_op_find(name);
    if (in_place == NULL) return;
    check_case(wk_op_find(c->op), in_place, c);
    ++*(int *)checked;
}

static void every_row(void **state) {
    (void)state;
    int checked = 0;
    assert_true(ops_each_case(wk_test_data, "ops", check_if_in_place, &checked) > 0);
    assert_true(checked >= 200);
}

/* ------------------------------------------------------------------------------------------- types and layouts --- */

/* The first input as every second element of a larger tensor, or as it is. */
static wk_tensor *laid_out(wk_tensor *x, bool strided, wk_tensor **around) {
    int64_t dims[WK_MAX_DIMS + 1];
    *around = NULL;
    if (!strided || wk_ndim(x) == WK_MAX_DIMS) return wk_clone(x);
    for (int32_t d = 0; d < wk_ndim(x); d++) dims[d] = wk_dim(x, d);
    dims[wk_ndim(x)] = 2;
    *around = wk_full(wk_ndim(x) + 1, dims, 1, wk_dtype_of(x));
    return wk_copy_(wk_select(*around, -1, 1), x);
}

static void assert_same(wk_tensor *a, wk_tensor *b, const char *what) {
    double p[4096], q[4096];
    assert_true(wk_numel(a) <= 4096 && wk_numel(a) == wk_numel(b));
    ops_values(a, p), ops_values(b, q);
    for (int64_t i = 0; i < wk_numel(a); i++) assert_close_or_nan(p[i], q[i], 0, what);
}

static bool fits(const wk_tensor *y, const wk_tensor *x) {
    bool same = wk_dtype_of(y) == wk_dtype_of(x) && wk_ndim(y) == wk_ndim(x);
    for (int32_t d = 0; same && d < wk_ndim(x); d++) same = wk_dim(y, d) == wk_dim(x, d);
    return same;
}

/* A result that has x's shape and type is written into x, and nothing beside it; any other is refused, and then x is as
 * it was. Returns whether it was written. */
static bool check_layout(const wk_op *in_place, const ops_case *c, wk_tensor *const *in, wk_tensor *y, bool strided) {
    wk_attr attrs[OPS_MAX_ATTRS];
    wk_tensor *args[OPS_MAX_INPUTS], *out[OPS_MAX_OUTPUTS] = {NULL}, *around;
    wk_error e;
    char what[200];
    snprintf(what, sizeof what, "%s %s, %s", in_place->name, c->label, wk_dtype_name(wk_dtype_of(in[0])));
    ops_case_attrs(c, attrs);
    for (int i = 0; i < c->input_count; i++) args[i] = in[i];
    args[0] = laid_out(in[0], strided, &around);
    wk_op_call(in_place, attrs, c->attr_count, args, c->input_count, out);
    const wk_status status = wk_check(&e);
    if (!fits(y, in[0]))
        assert_true(status == WK_ESHAPE || status == WK_EDTYPE);
    else if (status != WK_OK)
        fail_msg("%s: %s", what, e.message);
    assert_same(args[0], status == WK_OK ? y : in[0], what);
    if (around != NULL) assert_close(wk_item(wk_sum(wk_select(around, -1, 0))), (double)wk_numel(in[0]), 0, what);
    return status == WK_OK;
}

static void check_types(const ops_case *c, void *written) {
    char name[64];
    wk_tensor *in[OPS_MAX_INPUTS], *out[OPS_MAX_OUTPUTS] = {NULL};
    snprintf(name, sizeof name, "%s_", c->op);
    const wk_op *in_place = wk_op_find(name);
    if (in_place == NULL || c->refused[0] != '\0') return;
    const wk_dtype types[] = {WK_F32, WK_F64, WK_F16, WK_BF16};
    for (int t = 0; t < (ops_is_floating(&c->input[0]) ? 4 : 1); t++) {
        WK_SCOPE;
        for (int i = 0; i < c->input_count; i++) in[i] = ops_tensor(&c->input[i], types[t]);
        ops_call(c, in, out);
        assert_ok();
        for (int strided = 0; strided < 2; strided++) *(int *)written += check_layout(in_place, c, in, out[0], strided);
    }
}

static void every_type_and_layout(void **state) {
    (void)state;
    int written = 0;
    assert_true(ops_each_case(wk_test_data, "ops", check_types, &written) > 0);
    assert_true(ops_each_case(wk_test_data, "whole", check_types, &written) > 0);
    print_message("# %d calls written\n", written);
    assert_true(written >= 2900);
}

/* In every row: elements that are one element are refused, and nothing is written. */
static void every_row_refuses_overlaps(void **state) {
    (void)state;
    for (int32_t i = 0; i < wk_op_count(); i++) {
        WK_SCOPE;
        const wk_op *op = wk_op_at(i);
        if (!(op->flags & WK__OP_IN_PLACE)) continue;
        wk_tensor *one = wk_full(WK_SHAPE(1), 0.5, WK_F32), *out = NULL, *in[2] = {wk_expand(one, WK_SHAPE(3))};
        in[1] = wk_full(WK_SHAPE(3), 2, WK_F32);
        wk_op_call(op, NULL, 0, in, wk_op_input_count(op), &out);
        if (wk_check(NULL) != WK_EINVAL) fail_msg("%s wrote into elements that overlap", wk_op_name(op));
        assert_close(wk_item(one), 0.5, 0, wk_op_name(op));
    }
}

/* ----------------------------------------------------------------------------------------------------- the rest --- */

static void memory_seen_twice(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_full(WK_SHAPE(2, 2), 3, WK_F32);
    const float want[4] = {6, 6, 6, 6};
    wk_add_(x, x);
    assert_ok();
    assert_all_close((const float *)wk_data(x), want, 4, 0, "x + x");
    assert_null(wk_mul_(x, wk_transpose(x, 0, 1)));
    assert_fails(WK_EINVAL, "mul_: b shares memory with what is written: copy it first");
    assert_null(wk_mul_(x, wk_select(x, 0, 1)));
    assert_fails(WK_EINVAL, "mul_: b shares memory with what is written: copy it first");
    assert_all_close((const float *)wk_data(x), want, 4, 0, "refused before it was written");
}

static void refusals(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *leaf = wk_requires_grad_(wk_ones(WK_SHAPE(3), WK_F32), true);
    assert_null(wk_relu_(leaf));
    assert_fails(WK_EGRAD, "relu_: the tensor is a leaf that requires a gradient: write it under WK_NO_GRAD");
    assert_null(wk_add_(wk_zeros(WK_SHAPE(3), WK_F32), wk_zeros(WK_SHAPE(2, 3), WK_F32)));
    assert_fails(WK_ESHAPE, "add_: the result (2,3) does not fit into (3), in place");
    assert_null(wk_exp_(wk_expand(wk_zeros(WK_SHAPE(1), WK_F32), WK_SHAPE(3))));
    assert_fails(WK_EINVAL, "exp_: elements of the tensor overlap and cannot be written in place: wk_clone it");
}

/* Halves are computed apart, so that a gradient has what it reads, and the history is that of the copy: y = log(x) in a
 * view of z. */
static void halves_through_views(void **state) {
    (void)state;
    WK_SCOPE;
    const float values[] = {0.5f, 2, 4};
    wk_tensor *x = wk_requires_grad_(wk_cast(wk_from_data(values, WK_SHAPE(3), WK_F32), WK_BF16), true);
    wk_tensor *z = wk_zeros(WK_SHAPE(2, 3), WK_BF16), *view = wk_select(z, 0, 1);
    wk_copy_(view, x);
    wk_log_(wk_select(z, 0, 1));
    wk_backward(wk_sum(z));
    assert_ok();
    assert_close(wk_get_f64(z, (const int64_t[]){1, 1}), 0x1.62p-1, 0, "log 2, rounded once");
    for (int64_t i = 0; i < 3; i++) assert_close(wk_get_f64(wk_grad_of(x), &i), 1 / values[i], 0, "1 / x");
    assert_null(wk_exp_(x));
    assert_fails(WK_EGRAD, "exp_: the tensor is a leaf that requires a gradient: write it under WK_NO_GRAD");
}

/* What is kept of an overwritten y has y's history: y = (sin 2x)^2, its gradient 2 sin 4x and that one's 8 cos 4x. */
static void gradients_of_gradients(void **state) {
    (void)state;
    for (int through_view = 0; through_view < 2; through_view++) {
        WK_SCOPE;
        wk_tensor *x = wk_requires_grad_(wk_scalar(0.7, WK_F64), true), *g, *gg, *y = wk_mul_scalar(x, 2);
        wk_tensor *whole = through_view ? wk_zeros(WK_SHAPE(3), WK_F64) : y;
        if (through_view) wk_copy_(wk_select(whole, 0, 1), y), y = wk_select(whole, 0, 1);
        wk_sin_(y);
        wk_mul_(y, y);
        wk_grad(wk_sum(whole), &x, 1, &g, WK_CREATE_GRAPH);
        wk_grad(g, &x, 1, &gg, 0);
        assert_close(wk_item(g), 2 * sin(2.8), 1e-15, "gradient");
        assert_close(wk_item(gg), 8 * cos(2.8), 1e-14, "second gradient");
        assert_ok();
    }
}

/* The other factor of another type: the result is computed apart, and reads y as it was as well. */
static void another_type_reads_what_was(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_full(WK_SHAPE(3), 2, WK_F32), true), *y = wk_mul_scalar(x, 1);
    wk_pow_(y, wk_full(WK_SHAPE(3), 3, WK_I64));
    wk_backward(wk_sum(y));
    assert_ok();
    for (int64_t i = 0; i < 3; i++) assert_close(wk_get_f64(wk_grad_of(x), &i), 12, 0, "3 x^2");
}

/* A saved result that is overwritten later is noticed, too. */
static void written_again(void **state) {
    (void)state;
    WK_SCOPE;
    wk_error failure;
    wk_tensor *x = wk_requires_grad_(wk_ones(WK_SHAPE(3), WK_F32), true), *y = wk_mul_scalar(x, 1);
    wk_exp_(y);
    wk_add_scalar_(y, 1);
    wk_backward(wk_sum(y));
    assert_int_equal(wk_check(&failure), WK_EVERSION);
}

static bool views_are_looked_at(void) { return (wk__ctx()->watch & WK__WATCH_REWRITES) != 0; }

/* A step that collects its parts by recorded writes. */
static void collect(wk_tensor *x) {
    WK_SCOPE;
    wk_tensor *all = wk_zeros(WK_SHAPE(3), WK_F32);
    for (int64_t i = 0; i < 3; i++) wk_copy_(wk_select(all, 0, i), wk_mul_scalar(x, (double)i));
    assert_true(views_are_looked_at());
    wk_backward(wk_sum(all));
}

/* Calls look for stale views as long as there may be some, and no longer. */
static void views_are_looked_at_in_time(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_scalar(2, WK_F32), true), *kept = NULL, *view = NULL;
    assert_false(views_are_looked_at());
    collect(x);
    assert_false(views_are_looked_at());
    {
        WK_SCOPE;
        wk_tensor *y = wk_mul(wk_ones(WK_SHAPE(3), WK_F32), x);
        wk_keep(&view, wk_detach(wk_select(y, 0, 0)));
        wk_keep(&kept, wk_detach(wk_select(wk_mul_(y, x), 0, 1)));
    }
    assert_true(views_are_looked_at());
    collect(x);
    wk_release(&kept);
    assert_true(views_are_looked_at());
    wk_sum(view);
    assert_int_equal(wk_check(NULL), WK_EVERSION);
    wk_release(&view);
    assert_false(views_are_looked_at());
    assert_ok();
}

WK_TEST_MAIN("in_place", cmocka_unit_test(every_row), cmocka_unit_test(every_type_and_layout),
             cmocka_unit_test(every_row_refuses_overlaps), cmocka_unit_test(memory_seen_twice),
             cmocka_unit_test(refusals), cmocka_unit_test(halves_through_views),
             cmocka_unit_test(gradients_of_gradients), cmocka_unit_test(another_type_reads_what_was),
             cmocka_unit_test(written_again), cmocka_unit_test(views_are_looked_at_in_time))
