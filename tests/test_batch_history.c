/* test_batch_history.c -- batches and the histories of their operands: what scopes cut off, and what walks use up,
 * outside of the calls that run together. */
#include "tensors.h"

/* What w is, by an operation that is never put off: with elements, and a history in the innermost scope. */
static wk_tensor *written(wk_tensor *w) { return wk_copy_(wk_zeros(wk_ndim(w), wk_dims(w), WK_F64), w); }

/* The call on y runs though nobody asks for what it gives, with one of its kind that is asked for: a gradient, if of
 * zeros, goes to y as well. Its history must be there, though the scope of y has closed. */
static void operands_of_a_call_that_nobody_asks_for(void **state) {
    (void)state;
    WK_BATCH;
    wk_tensor *w = leaf(0.5, "w"), *asked_for = wk_square(written(w));
    for (int depth = 1; depth <= 2; depth++) {
        WK_SCOPE;
        wk_tensor *y = written(w);
        const wk_scope inner = depth == 2 ? wk_scope_open() : 0;
        wk_square(y);
        wk_scope_close(inner);
    }
    assert_int_equal(wk_backward(asked_for), WK_OK);
    assert_close(grad(w), 1, 0, "2 w");
    assert_ok();
}

/* ------------------------------------------------------------------------------------ what a loss does not need --- */

/* In all programs below two calls of one kind run together, and what the one of them comes from can be differentiated
 * no more. That is refused, unless only the other is: outside of a batch nobody would look. */

static wk_tensor *slot; /* holds a value beyond its scope */

static void keep_cut(wk_tensor *w) {
    WK_SCOPE;
    wk_keep(&slot, written(w));
}

static wk_status of_another_loss(wk_tensor *w) {
    wk_tensor *a = wk_sum(wk_tanh(written(w))), *b = wk_sum(wk_tanh(written(w)));
    wk_backward(a);
    return wk_backward(b);
}

static wk_status of_what_was_used_up(wk_tensor *w) {
    wk_tensor *v = written(w);
    wk_backward(wk_sum(wk_neg(v)));
    wk_tensor *value = wk_tanh(v), *loss = wk_sum(wk_tanh(written(w)));
    assert_true(isfinite(wk_item(wk_sum(value))));
    return wk_backward(loss);
}

static wk_status of_what_is_used_up_later(wk_tensor *w) {
    wk_tensor *v = written(w), *first = wk_sum(v);
    wk_item(first);
    wk_tensor *value = wk_tanh(v), *loss = wk_sum(wk_tanh(written(w)));
    wk_backward(first);
    assert_true(isfinite(wk_item(wk_sum(value))));
    return wk_backward(loss);
}

/* The sum of the losses so far, which nobody differentiates. */
static wk_status of_a_sum_of_losses(wk_tensor *w) {
    wk_tensor *total = wk_zeros(WK_SCALAR, WK_F64);
    for (int i = 0; i < 2; i++) {
        wk_tensor *loss = wk_mul_scalar(wk_sum(wk_square(wk_add_scalar(w, i))), 0.5), *mean = wk_mul_scalar(total, 0.5);
        if (wk_backward(loss) != WK_OK) return wk_check(NULL);
        assert_true(isfinite(wk_item(mean)));
        total = wk_add(total, loss);
    }
    return WK_OK;
}

static wk_status of_what_was_cut_off(wk_tensor *w) {
    keep_cut(w);
    wk_tensor *value = wk_tanh(slot), *loss = wk_sum(wk_tanh(written(w)));
    assert_true(isfinite(wk_item(wk_sum(value))));
    return wk_backward(loss);
}

static wk_status of_a_view_of_that(wk_tensor *w) {
    keep_cut(w);
    wk_tensor *row = wk_select(wk_select(wk_reshape(slot, WK_SHAPE(1, 1, 4)), 0, 0), 0, 0);
    wk_tensor *value = wk_tanh(row), *loss = wk_sum(wk_tanh(wk_reshape(written(w), WK_SHAPE(4))));
    assert_true(isfinite(wk_item(wk_sum(value))));
    return wk_backward(loss);
}

static wk_status of_what_was_overwritten(wk_tensor *w) {
    wk_tensor *v = wk_tanh_(written(w)), *value = wk_tanh(v), *loss = wk_sum(wk_tanh(wk_tanh_(written(w))));
    wk_data_mut(v);
    assert_true(isfinite(wk_item(wk_sum(value))));
    return wk_backward(loss);
}

typedef wk_status program(wk_tensor *w);

static void run(program *p, bool batched, wk_status expected, double *gradient) {
    const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
    wk_tensor *w = matrix_leaf(2, 2, 0.3);
    assert_int_equal(p(w), expected);
    if (expected == WK_OK)
        wk_read(wk_grad_of(w), gradient, 4 * sizeof *gradient);
    else
        assert_int_equal(wk_check(NULL), expected);
    wk_scope_close(scope);
    wk_release(&slot);
    assert_ok();
}

static void what_a_loss_does_not_need(void **state) {
    static program *const programs[] = {of_another_loss,        of_what_was_used_up, of_what_is_used_up_later,
                                        of_a_sum_of_losses,     of_what_was_cut_off, of_a_view_of_that,
                                        of_what_was_overwritten};
    (void)state;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        double alone[4], batched[4];
        run(programs[i], false, WK_OK, alone);
        run(programs[i], true, WK_OK, batched);
        for (int k = 0; k < 4; k++) assert_close(batched[k], alone[k], 1e-12, "dw");
    }
}

/* ---------------------------------------------------------------------------------------- and what it does need --- */

static wk_status needs_what_was_used_up(wk_tensor *w) {
    wk_tensor *v = written(w);
    wk_backward(wk_sum(wk_neg(v)));
    return wk_backward(wk_add(wk_sum(wk_tanh(v)), wk_sum(wk_tanh(written(w)))));
}

static wk_status needs_what_was_cut_off(wk_tensor *w) {
    keep_cut(w);
    return wk_backward(wk_add(wk_sum(wk_tanh(slot)), wk_sum(wk_tanh(written(w)))));
}

static wk_status needs_what_was_overwritten(wk_tensor *w) {
    wk_tensor *v = wk_tanh_(written(w)), *loss = wk_add(wk_sum(wk_tanh(v)), wk_sum(wk_tanh(wk_tanh_(written(w)))));
    wk_data_mut(v);
    return wk_backward(loss);
}

static void what_it_needs(void **state) {
    (void)state;
    for (int batched = 0; batched < 2; batched++) {
        run(needs_what_was_used_up, batched, WK_ECONSUMED, NULL);
        run(needs_what_was_cut_off, batched, WK_ECUT, NULL);
        run(needs_what_was_overwritten, batched, WK_EVERSION, NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operands_of_a_call_that_nobody_asks_for),
        cmocka_unit_test(what_a_loss_does_not_need),
        cmocka_unit_test(what_it_needs),
    };
    return wk_test_main("batch_history", tests, sizeof tests / sizeof *tests);
}
