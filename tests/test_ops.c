/* test_ops.c -- every case of ops.txt, called by name: values, gradients and gradients of gradients against PyTorch's, in
 * both floating types, with every kernel table of this machine and inputs in every layout. */
#include <stdlib.h>

#include "kernel/kernel.h"
#include "op_runs.h"

static ops_case *cases;
static int64_t case_count;

/* NOTE [Tolerances]. The file's numbers come from float64, so in f64 only the order of summing differs: some 1e-15 of the
 * largest number, and 1e-10 leaves room for conditioning. In f32 each of at most 70 terms of a sum, and of at most 5 steps
 * of a recurrence, rounds by 6e-8 of numbers below 10: 3e-6 on average cases, 2e-5 at most. Both are relative to the
 * largest number of the array, for small ones among large are what is left of a cancellation. */
static double tolerance_of(wk_dtype dtype, const ops_array *expected) {
    double largest = 1;
    for (int64_t i = 0; i < expected->numel; i++) largest = fmax(largest, fabs(expected->values[i]));
    return (dtype == WK_F32 ? 2e-5 : 1e-10) * largest;
}

/* ------------------------------------------------------------------------------------------------------- comparing --- */

static double most_used[WK_DTYPE_COUNT];

static void read_doubles(const wk_tensor *t, double *values) {
    const int64_t count = wk_numel(t);
    if (wk_dtype_of(t) == WK_F64) {
        wk_read(t, values, (size_t)count * sizeof *values);
        return;
    }
    float *floats = (float *)values; /* widened from the end, so that nothing is overwritten before it is read */
    wk_read(t, floats, (size_t)count * sizeof *floats);
    for (int64_t i = count; i-- > 0;) values[i] = (double)floats[i];
}

static void compare(const op_run *r, const wk_tensor *t, const ops_array *expected, const char *what, int32_t number) {
    static const char *const layouts[] = {"plain", "transposed", "strided", "recorded transposed", "recorded strided"};
    char where[256];
    snprintf(where, sizeof where, "%s %s, %s %s, %s: %s %d", r->c->op, r->c->label, wk_dtype_name(r->dtype), wk_isa(),
             layouts[r->layout], what, (int)number);
    if (t == NULL) {
        wk_error e;
        wk_check(&e);
        fail_msg("%s is NULL: %s", where, e.message);
    }
    if (wk_ndim(t) != expected->ndim || memcmp(wk_dims(t), expected->dims, (size_t)expected->ndim * sizeof(int64_t)) != 0)
        fail_msg("%s has another shape", where);
    double *values = calloc((size_t)expected->numel + 1, sizeof *values);
    const double tolerance = tolerance_of(r->dtype, expected);
    read_doubles(t, values);
    for (int64_t i = 0; i < expected->numel; i++) {
        assert_close(values[i], expected->values[i], tolerance, where);
        most_used[r->dtype] = fmax(most_used[r->dtype], fabs(values[i] - expected->values[i]) / tolerance);
    }
    free(values);
}

/* What lies beside the input in its buffer got no gradient. */
static void nothing_beside(const op_run *r, wk_tensor *gradient) {
    if (r->layout != RECORDED_STRIDED || wk_numel(gradient) == 0) return;
    assert_close(wk_item(wk_sum(wk_select(gradient, -1, 0))), 0, 0, r->c->op);
}

static void compare_gradients(const op_run *r, wk_tensor *const *gradients, const ops_array *expected, const char *what) {
    for (int32_t i = 0; i < r->c->in_count; i++) {
        if (r->leaves[i] == NULL) continue;
        compare(r, gradients[i] != NULL ? input_gradient(r, gradients[i]) : NULL, &expected[i], what, i);
        nothing_beside(r, gradients[i]);
    }
}

/* ---------------------------------------------------------------------------------------------------------- one case --- */

static void leaf_gradients(const op_run *r, wk_tensor **gradients) {
    for (int32_t i = 0; i < r->c->in_count; i++) gradients[i] = r->leaves[i] != NULL ? wk_grad_of(r->leaves[i]) : NULL;
}

/* By kernels, as training does it; twice, so that the second time adds to what is there. */
static void by_backward(op_run *r) {
    WK_SCOPE;
    wk_tensor *gradients[OPS_MAX_INPUTS];
    run_forward(r, true);
    for (int32_t k = 0; k < r->c->out_count; k++) compare(r, r->out[k], &r->c->outputs[k], "output", k);
    wk_backward_flags(r->loss, WK_RETAIN_GRAPH);
    leaf_gradients(r, gradients);
    compare_gradients(r, gradients, r->c->gradients, "gradient by wk_backward");
    wk_backward(wk_mul_scalar(r->loss, -1));
    for (int32_t i = 0; i < r->c->in_count; i++)
        if (gradients[i] != NULL && wk_numel(gradients[i]) > 0) {
            WK_NO_GRAD;
            assert_close(wk_item(wk_sum(wk_mul(gradients[i], gradients[i]))), 0, 0, r->c->op);
        }
}

static void by_grad(op_run *r) {
    WK_SCOPE;
    wk_tensor *gradients[OPS_MAX_INPUTS];
    run_forward(r, true);
    gradients_of(r, r->loss, 0, gradients);
    compare_gradients(r, gradients, r->c->gradients, "gradient by wk_grad");
}

/* By vjp or compose; then the gradient of the gradient, by kernels and once more by vjp. */
static void by_recorded_grad(op_run *r) {
    WK_SCOPE;
    wk_tensor *gradients[OPS_MAX_INPUTS], *seconds[OPS_MAX_INPUTS];
    run_forward(r, true);
    gradients_of(r, r->loss, WK_CREATE_GRAPH, gradients);
    compare_gradients(r, gradients, r->c->gradients, "recorded gradient");
    if (!r->c->has_second) return;
    wk_tensor *g = weighted_gradients(r, gradients);
    if (!wk_requires_grad(g)) { /* gradients that do not depend on the inputs: linear operations */
        for (int32_t i = 0; i < r->c->in_count; i++)
            for (int64_t e = 0; e < r->c->seconds[i].numel; e++) assert_close(r->c->seconds[i].values[e], 0, 0, r->c->op);
        return;
    }
    gradients_of(r, g, WK_CREATE_GRAPH, seconds);
    compare_gradients(r, seconds, r->c->seconds, "recorded second gradient");
    gradients_of(r, g, WK_RETAIN_GRAPH, seconds);
    compare_gradients(r, seconds, r->c->seconds, "second gradient");
}

static void run_case(const ops_case *c, wk_dtype dtype, layout l) {
    op_run r = {.c = c, .dtype = dtype, .layout = l};
    by_backward(&r);
    by_grad(&r);
    by_recorded_grad(&r);
    assert_ok();
}

/* --------------------------------------------------------------------------------------------------------- the tests --- */

static void all_cases(const char *isa, wk_dtype dtype) {
    if (!wk__kernels_select(isa)) skip_test("this machine lacks the instruction set");
    for (int64_t i = 0; i < case_count; i++)
        for (int l = 0; l < LAYOUTS; l++) run_case(&cases[i], dtype, (layout)l);
    print_message("# %s %s: at most %.3f of the tolerance used\n", isa, wk_dtype_name(dtype), most_used[dtype]);
    wk__kernels_select(NULL);
}

static void f32_ref(void **state) { (void)state, all_cases("ref", WK_F32); }
static void f32_avx2(void **state) { (void)state, all_cases("avx2", WK_F32); }
static void f32_avx512(void **state) { (void)state, all_cases("avx512", WK_F32); }
static void f64_ref(void **state) { (void)state, all_cases("ref", WK_F64); }
static void f64_avx2(void **state) { (void)state, all_cases("avx2", WK_F64); }
static void f64_avx512(void **state) { (void)state, all_cases("avx512", WK_F64); }

/* An input stretched by hand gives what stretching by the operation gives; both ways back sum the same. */
static void stretched_by_hand(void **state) {
    (void)state;
    for (int64_t i = 0; i < case_count; i++) {
        WK_SCOPE;
        op_run r = {.c = &cases[i], .dtype = WK_F64};
        const ops_array *y = &r.c->outputs[0];
        if (strcmp(r.c->op, "add") != 0 && strcmp(r.c->op, "sub") != 0 && strcmp(r.c->op, "mul") != 0) continue;
        wk_tensor *gradients[OPS_MAX_INPUTS];
        for (int32_t k = 0; k < 2; k++) {
            make_input(&r, k, true);
            r.in[k] = wk_expand(r.in[k], y->ndim, y->dims);
        }
        wk_op_call(wk_op_find(r.c->op), NULL, 0, r.in, 2, r.out);
        compare(&r, r.out[0], y, "output", 0);
        r.loss = weighted_sum(r.out, r.c->cotangents, 1, WK_F64);
        gradients_of(&r, r.loss, WK_CREATE_GRAPH, gradients);
        compare_gradients(&r, gradients, r.c->gradients, "recorded gradient");
        wk_backward(r.loss);
        leaf_gradients(&r, gradients);
        compare_gradients(&r, gradients, r.c->gradients, "gradient");
        assert_ok();
    }
}

/* Rows that take nothing to differentiate, and rows that have tests of their own. */
static bool needs_no_case(const char *op) {
    static const char *const others[] = {"detach", "copy_", "rand", "uniform", "randn", "bernoulli", "randint_tensor", "randperm"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(op, others[i]) == 0) return true;
    return false;
}

static void every_row_has_a_case(void **state) {
    (void)state;
    for (int32_t row = 0; row < wk_op_count(); row++) {
        const char *name = wk_op_name(wk_op_at(row));
        bool found = needs_no_case(name);
        for (int64_t i = 0; i < case_count; i++) found = found || strcmp(cases[i].op, name) == 0;
        if (!found) fail_msg("ops.txt has no case for %s", name);
    }
}

static int read_cases(void **state) {
    (void)state;
    char path[512];
    const char *complaint;
    snprintf(path, sizeof path, "%s/ops.txt", wk_test_data);
    cases = ops_file_read(path, &case_count, &complaint);
    if (cases == NULL) print_message("# %s: %s\n", path, complaint);
    return cases == NULL;
}

static void file_is_read(void **state) { assert_int_equal(read_cases(state), 0); }

static void file_is_freed(void **state) {
    (void)state;
    ops_file_free(cases, case_count);
}

WK_TEST_MAIN("ops", cmocka_unit_test(file_is_read), cmocka_unit_test(every_row_has_a_case), cmocka_unit_test(f64_ref),
             cmocka_unit_test(f64_avx2), cmocka_unit_test(f64_avx512), cmocka_unit_test(f32_ref), cmocka_unit_test(f32_avx2),
             cmocka_unit_test(f32_avx512), cmocka_unit_test(stretched_by_hand), cmocka_unit_test(file_is_freed))
