/* test_custom.c -- operations that users register. (wick/custom.h's own example is run by test_docs.sh.) */
#include <stdlib.h>

#include "injection.h"

/* y = a x^2 + sum of dims, and s = sum y; backward as `mistake` says. */
typedef struct behaviour {
    int mistake;
    int forwards;
} behaviour;

enum { NONE, NO_SHAPE, NOT_SAVED, WRONG_SHAPE, REFUSES, FORWARD_FAILS };

static bool shape(wk_call *call) {
    const behaviour *b = wk_call_user(call);
    wk_tensor *x = wk_call_input(call, 0);
    if (b->mistake == REFUSES) return wk_call_refuse(call, WK_ESHAPE, "x is not to its taste");
    if (b->mistake == NO_SHAPE) return true;
    return wk_call_declare_like(call, 0, x) && wk_call_declare(call, 1, wk_dtype_of(x), WK_SCALAR);
}

static double extra(const wk_call *call) {
    int32_t ndim;
    const int64_t *dims = wk_call_dims(call, "dims", &ndim);
    double sum = 0;
    for (int32_t d = 0; d < ndim; d++) sum += (double)dims[d];
    return sum;
}

/* With operations, which nobody records here. */
static void forward(wk_call *call) {
    behaviour *b = wk_call_user(call);
    b->forwards++;
    wk_tensor *x = wk_call_input(call, 0), *y = wk_call_output(call, 0);
    wk_tensor *more = wk_full(WK_SCALAR, extra(call), wk_dtype_of(x));
    wk_copy_(y, wk_add(wk_mul_scalar(wk_mul(x, x), wk_call_float(call, "a")), more));
    wk_copy_(wk_call_output(call, 1), wk_sum(y));
    if (b->mistake == FORWARD_FAILS) wk_matmul(x, x);
}

static void backward(wk_call *call) {
    const behaviour *b = wk_call_user(call);
    wk_tensor *gy = wk_call_gradient(call, 0), *gs = wk_call_gradient(call, 1), *x = wk_call_input(call, 0);
    if (b->mistake == NOT_SAVED) wk_call_output(call, 0);
    if (b->mistake == WRONG_SHAPE) gy = wk_sum(x);
    wk_tensor *g = gy == NULL ? wk_expand(gs, wk_ndim(x), wk_dims(x)) : gs == NULL ? gy : wk_add(gy, gs);
    wk_tensor *gx = wk_mul(wk_mul_scalar(x, 2 * wk_call_float(call, "a")), g);
    wk_call_set_gradient(call, 0, b->mistake == WRONG_SHAPE ? wk_sum(gx) : gx);
}

static const wk_custom_attr attrs[] = {{"a", WK_ATTR_FLOAT, 3}, {"dims", WK_ATTR_DIMS, 0}};

static wk_custom_op parabola(behaviour *b) {
    wk_custom_op op = WK_CUSTOM_OP;
    op.name = "parabola", op.input_names = "x", op.output_count = 2, op.saved_inputs = 1;
    op.attrs = attrs, op.attr_count = 2, op.user = b;
    op.shape = shape, op.forward = forward, op.backward = backward;
    return op;
}

static wk_tensor *leaf(wk_dtype dtype) {
    wk_tensor *x = wk_requires_grad_(wk_full(WK_SHAPE(2, 3), 0.5, dtype), true);
    wk_set_name(x, "x");
    return x;
}

static bool call(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    const wk_attr given[] = {{.name = "dims", .dims = (const int64_t[]){4, 5}, .n = 2}, {.name = "a", .f = 0.25}};
    wk_tensor *turned = wk_transpose(in[0], 0, 1);
    return wk_op_call(wk_op_find("parabola"), given, 2, &turned, 1, out) == WK_OK;
}

static void like_a_row(void **state) {
    (void)state;
    WK_SCOPE;
    behaviour b = {NONE, 0};
    wk_custom_op def = parabola(&b);
    const wk_op *op = wk_op_register(&def);
    wk_tensor *x = leaf(WK_F64), *out[2];
    char kind;
    assert_ptr_equal(wk_op_find("parabola"), op);
    assert_string_equal(wk_op_name(op), "parabola");
    assert_string_equal(wk_op_attr_name(op, 1, &kind), "dims");
    assert_int_equal(kind, WK_ATTR_DIMS);
    wk_op_call(op, NULL, 0, &x, 1, out);
    assert_close(wk_item(out[1]), 6 * 3 * 0.25, 0, "the default of a");
    call(NULL, &x, out);
    assert_close(wk_item(out[1]), 6 * (0.25 * 0.25 + 9), 1e-12, "a and dims");
    wk_gradcheck(call, NULL, &x, 1, 2, NULL);
    assert_ok();
    wk_gradgradcheck(call, NULL, &x, 1, 2, NULL);
    assert_ok();
    assert_true(b.forwards > 10);
}

static void unregister(void) {
    assert_int_equal(wk_op_unregister(wk_op_find("parabola")), WK_OK);
    assert_null(wk_op_find("parabola"));
}

static void backward_fails(int mistake, wk_status status, const char *message) {
    WK_SCOPE;
    behaviour b = {mistake, 0};
    wk_custom_op def = parabola(&b);
    wk_tensor *x = leaf(WK_F32), *out[2];
    wk_op_call(wk_op_register(&def), NULL, 0, &x, 1, out);
    wk_backward(out[1]);
    wk_assert_status(status, message, __FILE__, __LINE__);
    wk_op_unregister(wk_op_find("parabola"));
    assert_fails(WK_ESTATE, "op_unregister: parabola stands on the tape: close the scope first");
}

static void mistakes_are_named(void **state) {
    (void)state;
    unregister();
    backward_fails(NOT_SAVED, WK_EINVAL, "parabola: backward reads output 0, which is not saved");
    unregister();
    backward_fails(WRONG_SHAPE, WK_ESHAPE,
                   "parabola: backward gives x (2,3) of type f32 a gradient () of type f32");
}

static void a_call_that_fails(int mistake, wk_status status, const char *message) {
    WK_SCOPE;
    behaviour b = {mistake, 0};
    wk_custom_op def = parabola(&b);
    wk_tensor *x = leaf(WK_F32), *out[2];
    wk_op_call(wk_op_register(&def), NULL, 0, &x, 1, out);
    wk_assert_status(status, message, __FILE__, __LINE__);
    assert_null(out[0]);
    unregister();
}

static void registration(void **state) {
    (void)state;
    behaviour b = {NONE, 0};
    wk_custom_op def = parabola(&b);
    const wk_op *op = wk_op_register(&def);
    assert_null(wk_op_register(&def));
    assert_fails(WK_EINVAL, "op_register: there is an op of the name parabola already");
    def.name = "add";
    wk_op_register(&def);
    assert_fails(WK_EINVAL, "op_register: there is an op of the name add already");
    def.name = "two words";
    wk_op_register(&def);
    assert_fails(WK_EINVAL, "op_register: name is not one of 1 to 31 letters, digits and _");
    def.name = "other", def.saved_inputs = 2;
    wk_op_register(&def);
    assert_fails(WK_EINVAL, "op_register: saved_inputs or saved_outputs names one that there is not");
    def.saved_inputs = 1, def.forward = NULL;
    wk_op_register(&def);
    assert_fails(WK_EINVAL, "op_register: forward is NULL");
    def.size = 0;
    wk_op_register(&def);
    assert_fails(WK_EINVAL, "op_register: the options have no size: begin them with the WK_..._OPTIONS macro");
    wk_ctx *other = wk_ctx_new(), *mine = wk_ctx_use(other);
    assert_null(wk_op_find("parabola"));
    wk_tensor *x = wk_zeros(WK_SHAPE(2), WK_F32), *out[2];
    wk_op_call(op, NULL, 0, &x, 1, out);
    assert_fails(WK_ECONTEXT, "parabola: it is registered in another context");
    wk_ctx_use(mine);
    wk_ctx_free(other);
}

static void calls_that_fail(void **state) {
    (void)state;
    unregister();
    a_call_that_fails(REFUSES, WK_ESHAPE, "parabola: x is not to its taste");
    a_call_that_fails(NO_SHAPE, WK_EINVAL, "parabola: its shape function declares no output 0");
    a_call_that_fails(FORWARD_FAILS, WK_ESHAPE, "matmul: a (2,3) and b (2,3): inner sizes 3 and 2 differ");
}

static void called_by_name(int unused) {
    (void)unused;
    WK_SCOPE;
    wk_tensor *x = leaf(WK_F32), *out[2] = {NULL, NULL};
    wk_op_call(wk_op_find("parabola"), NULL, 0, &x, 1, out);
    wk_backward(out[1]);
}

static void memory_runs_out_at_every_block(void **state) {
    (void)state;
    behaviour b = {NONE, 0};
    wk_custom_op def = parabola(&b);
    unregister();
    wk_op_register(&def);
    run_out(called_by_name, 0, "an operation of one's own");
}

WK_TEST_MAIN("custom", cmocka_unit_test(like_a_row), cmocka_unit_test(mistakes_are_named),
             cmocka_unit_test(calls_that_fail), cmocka_unit_test(registration),
             cmocka_unit_test(memory_runs_out_at_every_block))
