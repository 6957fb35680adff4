/* test_trace.c -- compiled with -DWK_TRACE, a program finds in wk_error where in its source the failed call stands. */
#define WK_TRACE
#include "support.h"

static wk_error taken(void) {
    wk_error e;
    wk_check(&e);
    return e;
}

static void assert_stands(wk_error e, const char *op, int line) {
    const char *name = strrchr(e.file, '/');
    assert_string_equal(e.op, op);
    assert_string_equal(name != NULL ? name + 1 : e.file, "test_trace.c");
    assert_int_equal(e.line, line);
}

static void the_failed_call(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *a = wk_ones(WK_SHAPE(2, 3), WK_F32), *b = wk_ones(WK_SHAPE(4, 5), WK_F32);
    wk_matmul(a, b);
    assert_stands(taken(), "matmul", __LINE__ - 1);
    wk_neg(wk_exp(wk_add(a, b)));
    assert_stands(taken(), "add", __LINE__ - 1);
    wk_full(WK_SHAPE(-1), 0, WK_F32);
    assert_stands(taken(), "full", __LINE__ - 1);
    wk_backward(a);
    assert_stands(taken(), "backward", __LINE__ - 1);
    wk_get_f64(a, (const int64_t[]){5, 0});
    assert_stands(taken(), "get_f64", __LINE__ - 1);
}

/* What does nothing because of a failure does not move it. */
static void the_first_failure(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *a = wk_ones(WK_SHAPE(2, 3), WK_F32), *y = wk_select(a, 0, 7);
    const int line = __LINE__ - 1;
    y = wk_tanh(y);
    wk_backward(wk_sum(y));
    assert_stands(taken(), "select", line);
    assert_int_equal(taken().line, 0);
}

/* A layer's own calls are not the caller's. */
static void a_layer(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *layer = wk_linear_new(NULL, "out", 3, 2, NULL);
    wk_linear_forward(layer, wk_ones(WK_SHAPE(4), WK_F32));
    assert_stands(taken(), "linear_forward", __LINE__ - 1);
    wk_module_free(layer);
}

WK_TEST_MAIN("trace", cmocka_unit_test(the_failed_call), cmocka_unit_test(the_first_failure), cmocka_unit_test(a_layer))
