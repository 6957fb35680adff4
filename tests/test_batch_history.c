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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operands_of_a_call_that_nobody_asks_for),
    };
    return wk_test_main("batch_history", tests, sizeof tests / sizeof *tests);
}
