/* test_batch.c -- batches: what is put off, when it runs, what is refused. That values and gradients are the same as
 * without one is test_batch_fuzz's. */
#include "injection.h"
#include "tensors.h"

static double at(wk_tensor *t, int64_t row, int64_t col) { return wk_get_f64(t, (const int64_t[]){row, col}); }

/* ----------------------------------------------------------------------------------------------- what is there --- */

static void shape_and_type_come_at_once(void **state) {
    (void)state;
    WK_BATCH;
    wk_tensor *y = wk_transpose(wk_linear(matrix(2, 3, 0), matrix(4, 3, 1), NULL), 0, 1);
    assert_int_equal(wk_ndim(y), 2);
    assert_int_equal(wk_dim(y, 0), 4);
    assert_int_equal(wk_dim(y, 1), 2);
    assert_int_equal(wk_dtype_of(y), WK_F64);
    assert_int_equal(wk_strides(y)[0], 1);
    assert_false(wk_is_contiguous(y));
    assert_ok();
}

static void calls_run_together(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = matrix_leaf(3, 3, -1), *y[5];
    {
        WK_BATCH;
        for (int i = 0; i < 5; i++) y[i] = wk_tanh(wk_linear(matrix(1, 3, i), w, NULL));
        wk_item(wk_sum(y[0]));
        assert_int_equal(wk_graph_size(), 4); /* linear, tanh, a row of it, its sum */
    }
    assert_ok();
}

static int64_t recorded_by(bool batched) {
    const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
    wk_tensor *w = matrix_leaf(4, 4, -1), *sum = wk_zeros(WK_SCALAR, WK_F64);
    wk_list *rows = wk_list_new();
    for (int i = 0; i < 8; i++) {
        wk_tensor *h = wk_linear(matrix(1, 4, i), w, NULL);
        for (int layer = 0; layer < 3; layer++) h = wk_sigmoid(wk_linear(h, w, NULL));
        wk_list_push(rows, wk_sum(h));
    }
    sum = wk_sum(wk_stack(rows, 0));
    wk_item(sum);
    const int64_t size = wk_graph_size();
    wk_scope_close(scope);
    return size;
}

static void a_batch_records_what_it_runs(void **state) {
    (void)state;
    assert_int_equal(recorded_by(false), 8 * (1 + 2 * 3 + 1) + 2);
    assert_true(recorded_by(true) <= 1 + 2 * 3 + 3);
    assert_ok();
}

enum { SEQUENCES = 3, MOST_STEPS = 4 };

/* Sequences of 4, 2 and 3 steps, one after the other. What each step has from its word, in from_x; the last state. */
static wk_tensor *run_sequence(int s, wk_tensor *w, wk_tensor *u, wk_tensor **from_x) {
    static const int lengths[SEQUENCES] = {4, 2, 3};
    wk_tensor *h = matrix(1, 3, s);
    for (int t = 0; t < lengths[s]; t++) {
        from_x[t] = wk_linear(matrix(1, 3, 10 * s + t), w, NULL);
        h = wk_tanh(wk_add(from_x[t], wk_linear(h, u, NULL)));
    }
    return h;
}

/* Of each step the words lie next to each other, longer sequences first, though they were called one by one. */
static void rows_lie_as_they_are_used(void **state) {
    (void)state;
    double expected[SEQUENCES];
    for (int batched = 0; batched < 2; batched++) {
        const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
        wk_tensor *w = matrix_leaf(3, 3, -1), *u = matrix_leaf(3, 3, 1);
        wk_tensor *from_x[SEQUENCES][MOST_STEPS] = {{NULL}}, *last[SEQUENCES];
        for (int s = 0; s < SEQUENCES; s++) last[s] = run_sequence(s, w, u, from_x[s]);
        for (int s = 0; s < SEQUENCES; s++) {
            const double value = at(last[s], 0, 2);
            if (!batched) expected[s] = value;
            assert_close(value, expected[s], 0, "the last state");
        }
        if (batched) {
            const double *row = wk_data(from_x[0][0]);
            assert_ptr_equal(wk_data(from_x[2][0]), row + 3);
            assert_ptr_equal(wk_data(from_x[1][0]), row + 6);
            row = wk_data(from_x[0][2]);
            assert_ptr_equal(wk_data(from_x[2][2]), row + 3);
        }
        wk_scope_close(scope);
    }
    assert_ok();
}

/* ----------------------------------------------------------------------------------------------------- leaving --- */

static wk_tensor *handed_up(wk_tensor *w, wk_tensor **other) {
    WK_BATCH;
    wk_tensor *a = wk_square(w), *b = wk_square(wk_mul_scalar(w, 2)), *c = wk_mul(a, b);
    *other = wk_yield(wk_square(matrix(2, 2, 3)));
    return wk_yield(wk_sum(c));
}

static void what_is_handed_up_has_its_history(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = matrix_leaf(2, 2, 1), *other;
    wk_tensor *y = handed_up(w, &other); /* sum of 4 w^4 */
    assert_close(at(other, 1, 1), 3.75 * 3.75, 0, "squared once");
    wk_backward(y);
    assert_close(at(wk_grad_of(w), 0, 1), 16 * 1.25 * 1.25 * 1.25, 1e-12, "16 w^3");
    assert_ok();
}

static void gradients_of_what_was_computed_in_a_batch(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = matrix_leaf(1, 2, 1), *loss, *h[2], *g[2];
    {
        WK_BATCH;
        for (int i = 0; i < 2; i++) h[i] = wk_yield(wk_mul_scalar(w, 3));
        loss = wk_yield(wk_sum(wk_add(wk_square(h[0]), wk_mul_scalar(wk_square(h[1]), 10))));
    }
    assert_int_equal(wk_grad(loss, h, 2, g, 0), WK_OK);
    assert_close(at(g[0], 0, 1), 2 * 3.75, 1e-12, "of the first row of two");
    assert_close(at(g[1], 0, 0), 20 * 3, 1e-12, "of the second");
    assert_ok();
}

/* The sum would be run in the inner scope; its history belongs to the batch. */
static void reading_in_an_inner_scope_keeps_history(void **state) {
    (void)state;
    WK_BATCH;
    wk_tensor *w = matrix_leaf(2, 2, 1), *y = wk_sum(wk_square(w));
    {
        WK_SCOPE;
        assert_close(wk_item(y), 1 + 1.5625 + 2.25 + 3.0625, 1e-12, "read inside");
    }
    assert_int_equal(wk_backward(y), WK_OK);
    assert_close(at(wk_grad_of(w), 1, 1), 3.5, 1e-12, "2 w");
    assert_ok();
}

static void kept_values_stay(void **state) {
    (void)state;
    wk_tensor *slot = NULL;
    for (int i = 0; i < 3; i++) {
        WK_BATCH;
        wk_tensor *h = slot != NULL ? wk_add_scalar(slot, 1) : matrix(1, 2, 5);
        wk_keep(&slot, wk_detach(wk_mul_scalar(h, 2)));
    }
    assert_close(at(slot, 0, 0), ((5 * 2 + 1) * 2 + 1) * 2, 0, "three rounds");
    wk_release(&slot);
    assert_ok();
}

/* Handles that outlive their batch lie between others that do not, were dropped, or went with inner scopes. `reads`:
 * all has run when the batch closes. w: its gradient by what was handed up. */
static wk_tensor *sum_of_survivors(bool batched, bool reads, wk_tensor *w) {
    wk_list *survivors = wk_list_new();
    const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
    wk_tensor *y = NULL;
    for (int i = 0; i < 60; i++) {
        const wk_scope inner = i % 5 == 0 ? wk_scope_open() : 0;
        y = wk_tanh(wk_linear(matrix(1, 3, 0.1 * i), w, NULL));
        if (i % 3 == 0) wk_list_push(survivors, y);
        if (i % 3 == 1) wk_drop(y);
        wk_scope_close(inner);
    }
    if (reads) wk_item(wk_sum(y));
    wk_scope_close(scope);
    return wk_sum(wk_stack(survivors, 0));
}

static void what_outlives_its_batch_in_any_order(void **state) {
    (void)state;
    for (int reads = 0; reads < 2; reads++) {
        double sums[2], grads[2];
        for (int batched = 0; batched < 2; batched++) {
            WK_SCOPE;
            wk_tensor *w = matrix_leaf(3, 3, -1), *loss = sum_of_survivors(batched, reads, w);
            assert_int_equal(wk_backward(loss), WK_OK);
            sums[batched] = wk_item(loss), grads[batched] = at(wk_grad_of(w), 2, 1);
        }
        assert_close(sums[1], sums[0], 1e-12, "sum");
        assert_close(grads[1], grads[0], 1e-12, "gradient");
    }
    assert_ok();
}

/* The same call, but one in the middle is not to be recorded. */
static void recording_stops_between_calls(void **state) {
    (void)state;
    WK_BATCH;
    wk_tensor *w = matrix_leaf(3, 3, -1), *y[4];
    for (int i = 0; i < 4; i++) {
        wk_set_grad_enabled(i != 2);
        y[i] = wk_linear(matrix(1, 3, i), w, NULL);
    }
    assert_false(wk_requires_grad(y[2]));
    assert_true(wk_requires_grad(y[3]));
    wk_list *all = wk_list_new();
    for (int i = 0; i < 4; i++) wk_list_push(all, y[i]);
    assert_int_equal(wk_backward(wk_sum(wk_stack(all, 0))), WK_OK);
    const double x = at(matrix(1, 3, 0), 0, 0) + at(matrix(1, 3, 1), 0, 0) + at(matrix(1, 3, 3), 0, 0);
    assert_close(at(wk_grad_of(w), 0, 0), x, 1e-12, "the inputs of three calls");
    assert_ok();
}

/* ------------------------------------------------------------------------------------- an operand of the batch --- */

/* DyNet's autobatching gives the gradient of the whole batch to an operand that all share but that was itself computed
 * in a batch (dynet pull request 1666): two matrices, each the shared one of two products. */
static void operands_computed_in_a_batch(void **state) {
    (void)state;
    double gradient[2][4];
    for (int batched = 0; batched < 2; batched++) {
        const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
        wk_tensor *u = matrix_leaf(2, 2, 0.3), *loss = wk_zeros(WK_SCALAR, WK_F64);
        for (int s = 0; s < 2; s++) {
            wk_tensor *memory = wk_add(u, matrix(2, 2, s));
            for (int q = 0; q < 2; q++)
                loss = wk_add(loss, wk_sum(wk_square(wk_linear(matrix(1, 2, q - s), memory, NULL))));
        }
        wk_backward(loss);
        wk_read(wk_grad_of(u), gradient[batched], sizeof gradient[batched]);
        wk_scope_close(scope);
    }
    for (int i = 0; i < 4; i++) assert_close(gradient[1][i], gradient[0][i], 1e-12, "du");
    assert_ok();
}

/* ---------------------------------------------------------------------------------------------------- mistakes --- */

static void shape_errors_come_at_the_call(void **state) {
    (void)state;
    WK_BATCH;
    assert_null(wk_linear(wk_tanh(matrix(1, 3, 0)), matrix(2, 2, 0), NULL));
    assert_fails(WK_ESHAPE, "linear: x (1,3) and w (2,2): x has 3 features, w takes 2");
}

static void errors_in_values_come_when_it_runs(void **state) {
    (void)state;
    WK_BATCH;
    wk_tensor *table = matrix(3, 2, 0), *fine = wk_tanh(matrix(1, 2, 0));
    wk_tensor *bad = wk_embedding(wk_full(WK_SHAPE(1), 3, WK_I64), table, -1), *after = wk_tanh(bad);
    assert_ok();
    assert_true(isnan(wk_get_f64(after, (const int64_t[]){0, 0})));
    wk_error e;
    assert_int_equal(wk_check(&e), WK_EINDEX);
    assert_true(isnan(at(after, 0, 0)));
    assert_fails(WK_ESTATE, "get_f64: t was to be computed in a batch that failed");
    (void)fine;
    assert_close(at(wk_tanh(matrix(1, 2, 0)), 0, 1), tanh(0.25), 1e-15, "the batch goes on");
    assert_ok();
}

static void what_is_computed_cannot_be_written(void **state) {
    (void)state;
    WK_BATCH;
    wk_tensor *y = wk_tanh(matrix(2, 2, 0));
    wk_add_scalar_(y, 1);
    assert_fails(WK_ESTATE, "add_scalar_: x was computed in a batch, together with others: change a wk_clone of it");
    assert_null(wk_data_mut(wk_neg(y)));
    assert_fails(WK_ESTATE, "data_mut: t was computed in a batch, together with others: change a wk_clone of it");
    assert_close(at(wk_add_scalar_(wk_clone(y), 1), 0, 1), 1 + tanh(0.25), 1e-15, "a clone can");
    assert_ok();
}

/* x is read before it is written, as the program has it. */
static void writes_wait_for_readers(void **state) {
    (void)state;
    WK_BATCH;
    wk_tensor *x = matrix(1, 2, 1), *before = wk_mul_scalar(x, 10);
    wk_add_scalar_(x, 1);
    wk_tensor *between = wk_mul_scalar(x, 10);
    *(double *)wk_data_mut(x) = 7;
    assert_close(at(before, 0, 0), 10, 0, "before the first write");
    assert_close(at(between, 0, 0), 20, 0, "between the two");
    assert_close(at(wk_mul_scalar(x, 10), 0, 0), 70, 0, "after");
    assert_ok();
}

static wk_tensor *same(void *user, wk_tensor *g) { return (void)user, g; }

static void hooks_are_refused(void **state) {
    (void)state;
    WK_BATCH;
    wk_tensor *w = matrix_leaf(1, 2, 0), *y = wk_tanh(w);
    assert_int_equal(wk_register_hook(y, same, NULL), 0);
    assert_fails(WK_ESTATE, "register_hook: t was computed in a batch, together with others: hook a wk_clone of it");
}

/* ------------------------------------------------------------------------------------------------ in the batch --- */

static void random_numbers_come_in_program_order(void **state) {
    (void)state;
    double values[2][2];
    for (int batched = 0; batched < 2; batched++) {
        const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
        wk_manual_seed(7);
        wk_tensor *a = wk_dropout(wk_tanh(matrix(4, 4, 1)), 0.5, true), *noise = wk_randn(WK_SHAPE(4, 4), WK_F64);
        wk_tensor *b = wk_dropout(wk_tanh(matrix(4, 4, 2)), 0.5, true);
        values[batched][0] = wk_item(wk_sum(wk_mul(a, noise)));
        values[batched][1] = wk_item(wk_sum(wk_mul(b, noise)));
        wk_scope_close(scope);
    }
    assert_close(values[1][0], values[0][0], 1e-12, "the first mask");
    assert_close(values[1][1], values[0][1], 1e-12, "the second");
    assert_ok();
}

static void nothing_is_recorded_without_gradients(void **state) {
    (void)state;
    WK_BATCH;
    wk_tensor *w = matrix_leaf(2, 2, 1), *free_of, *tied = wk_square(w);
    {
        WK_NO_GRAD;
        free_of = wk_square(w);
    }
    assert_true(wk_requires_grad(tied));
    assert_false(wk_requires_grad(free_of));
    assert_close(at(wk_add(tied, free_of), 0, 0), 2, 0, "they are no group");
    assert_ok();
}

static wk_tensor *inner_batch(wk_tensor *x) {
    WK_BATCH;
    return wk_yield(wk_tanh(x));
}

static void a_batch_in_a_batch_is_a_scope(void **state) {
    (void)state;
    WK_BATCH;
    wk_tensor *w = matrix_leaf(2, 2, 1), *a = inner_batch(wk_neg(w)), *b = inner_batch(wk_neg(matrix(2, 2, 1)));
    assert_close(at(wk_sub(a, b), 1, 0), 0, 0, "tanh of one and the same");
    assert_int_equal(wk_backward(wk_sum(a)), WK_OK);
    assert_ok();
}

static void an_empty_batch(void **state) {
    (void)state;
    wk_memory before, after;
    wk_memory_stats(&before);
    for (int i = 0; i < 3; i++) {
        WK_BATCH;
        if (i == 1) wk_tanh(wk_tanh(matrix(1, 1, 0))); /* nobody asks for it */
        if (i == 2) wk_linear(NULL, NULL, NULL);
    }
    assert_fails(WK_EINVAL, "linear: x is NULL");
    wk_memory_stats(&after);
    assert_int_equal(after.nbytes, before.nbytes);
}

static void handed_up_and_grad(int unused) {
    (void)unused;
    WK_SCOPE;
    wk_tensor *w = matrix_leaf(4, 4, 0.1), *other = NULL, *y = handed_up(w, &other), *g = NULL;
    WK_BATCH;
    wk_tensor *z = wk_sum(wk_linear(wk_tanh(wk_square(w)), w, NULL));
    wk_grad(wk_add(y, z), &w, 1, &g, 0);
}

static void memory_runs_out(void **state) {
    (void)state;
    run_out(handed_up_and_grad, 0, "a batch");
}

WK_TEST_MAIN("batch", cmocka_unit_test(shape_and_type_come_at_once), cmocka_unit_test(calls_run_together),
             cmocka_unit_test(a_batch_records_what_it_runs), cmocka_unit_test(rows_lie_as_they_are_used),
             cmocka_unit_test(what_is_handed_up_has_its_history),
             cmocka_unit_test(gradients_of_what_was_computed_in_a_batch),
             cmocka_unit_test(reading_in_an_inner_scope_keeps_history), cmocka_unit_test(kept_values_stay),
             cmocka_unit_test(operands_computed_in_a_batch), cmocka_unit_test(shape_errors_come_at_the_call),
             cmocka_unit_test(errors_in_values_come_when_it_runs),
             cmocka_unit_test(what_outlives_its_batch_in_any_order), cmocka_unit_test(recording_stops_between_calls),
             cmocka_unit_test(what_is_computed_cannot_be_written), cmocka_unit_test(writes_wait_for_readers),
             cmocka_unit_test(hooks_are_refused), cmocka_unit_test(random_numbers_come_in_program_order),
             cmocka_unit_test(nothing_is_recorded_without_gradients), cmocka_unit_test(a_batch_in_a_batch_is_a_scope),
             cmocka_unit_test(an_empty_batch), cmocka_unit_test(memory_runs_out))
