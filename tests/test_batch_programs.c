/* test_batch_programs.c -- programs as people write them, in a batch: several losses, one buffer for all examples, the
 * cells of recurrent networks. And every block of memory is refused in turn. */
#include "injection.h"
#include "kernel/kernel.h"
#include "op/rows.h"
#include "tensors.h"

/* --------------------------------------------------------------------------------------------------- two losses --- */

/* Of one w, two losses that ran together; each is differentiated by itself, as it can be outside of a batch. */
static void two_losses_one_after_the_other(void **state) {
    (void)state;
    double gradient[2][2][4];
    for (int batched = 0; batched < 2; batched++) {
        const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
        wk_tensor *w = matrix_leaf(2, 2, 0.3), *loss[2];
        for (int i = 0; i < 2; i++) loss[i] = wk_sum(wk_square(wk_tanh(wk_linear(matrix(1, 2, i), w, NULL))));
        for (int i = 0; i < 2; i++) {
            assert_int_equal(wk_backward(loss[i]), WK_OK);
            wk_read(wk_grad_of(w), gradient[batched][i], sizeof gradient[batched][i]);
        }
        wk_scope_close(scope);
    }
    for (int i = 0; i < 8; i++) assert_close(gradient[1][i / 4][i % 4], gradient[0][i / 4][i % 4], 1e-12, "dw");
    assert_ok();
}

/* Each loss has a backward of its own, and one only. */
static void a_loss_is_differentiated_once(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = matrix_leaf(1, 3, 1), *losses[3], *g;
    WK_BATCH;
    for (int i = 0; i < 3; i++) losses[i] = wk_sum(wk_square(wk_mul_scalar(w, 2)));
    for (int i = 0; i < 3; i++) assert_int_equal(wk_backward_flags(losses[i], i == 1 ? WK_RETAIN_GRAPH : 0), WK_OK);
    assert_int_equal(wk_backward(losses[1]), WK_OK);
    const char *again = ": an earlier wk_backward used this part (the whole of it) already: add the losses, or use "
                        "WK_RETAIN_GRAPH";
    char message[200];
    wk_backward(losses[1]);
    assert_fails(WK_ECONSUMED, (snprintf(message, sizeof message, "backward%s", again), message));
    wk_grad(losses[2], &w, 1, &g, 0);
    assert_fails(WK_ECONSUMED, (snprintf(message, sizeof message, "grad%s", again), message));
}

/* Losses of several x to one target, and of one x to several: what is shared has the sum of the gradients, and its own
 * shape; so have gradients of gradients. */
typedef wk_tensor *two_of(wk_tensor *, wk_tensor *);
static void shared_gradients(two_of *loss, bool batched, wk_tensor **found) {
    const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
    wk_tensor *shared[2] = {matrix_leaf(2, 3, 0.1), matrix_leaf(2, 3, 0.2)}, *sum = wk_scalar(0, WK_F64), *g[2], *gg[2];
    for (int i = 0; i < 3; i++) {
        wk_tensor *own = wk_mul_scalar(matrix(2, 3, i), 0.1);
        sum = wk_add(sum, loss(shared[0], own));
        sum = wk_add(sum, wk_sum(wk_square(loss(own, shared[1]))));
    }
    wk_grad(sum, shared, 2, g, WK_CREATE_GRAPH);
    wk_grad(wk_add(wk_sum(wk_square(g[0])), wk_sum(wk_square(g[1]))), shared, 2, gg, 0);
    for (int i = 0; i < 2; i++) found[i] = wk_share(g[i]), found[2 + i] = wk_share(gg[i]);
    wk_scope_close(scope);
}

static wk_tensor *likely(wk_tensor *x, wk_tensor *t) { return wk_binary_cross_entropy(wk_sigmoid(x), wk_sigmoid(t)); }
static wk_tensor *by_class(wk_tensor *x, wk_tensor *w) {
    wk_loss_options o = WK_LOSS_OPTIONS;
    o.weight = wk_softmax(wk_select(w, 0, 0), 0);
    return wk_cross_entropy_options(x, wk_arange(0, 2, 1, WK_I64), &o);
}

static void losses_of_what_is_shared(void **state) {
    static two_of *const losses[] = {wk_smooth_l1_loss,
                                     wk_huber_loss,
                                     wk_l1_loss,
                                     wk_mse_loss,
                                     likely,
                                     wk_cross_entropy,
                                     wk_binary_cross_entropy_with_logits,
                                     by_class};
    (void)state;
    for (size_t k = 0; k < sizeof losses / sizeof *losses; k++) {
        wk_tensor *alone[4], *batched[4];
        shared_gradients(losses[k], false, alone);
        shared_gradients(losses[k], true, batched);
        assert_ok();
        for (int i = 0; i < 4; i++) {
            if (!wk_allclose(batched[i], alone[i], 0, 1e-13, false) || wk_ndim(batched[i]) != 2)
                fail_msg("loss %d, gradient %d", (int)k, i);
            wk_release(&alone[i]), wk_release(&batched[i]);
        }
    }
    assert_ok();
}

/* ---------------------------------------------------------------------------------------------- caller's memory --- */

/* One buffer for all examples, as a program would have that reads them from a file. */
static void memory_of_the_caller_may_be_rewritten(void **state) {
    (void)state;
    double buffer[2], values[2][3], gradient[2][2];
    for (int batched = 0; batched < 2; batched++) {
        const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
        wk_tensor *w = matrix_leaf(1, 2, 1), *y[3], *x = wk_wrap(buffer, WK_SHAPE(1, 2), WK_F64, NULL, NULL);
        for (int i = 0; i < 3; i++) {
            buffer[0] = i, buffer[1] = 10 * i;
            y[i] = wk_sum(wk_linear(wk_narrow(x, 1, 0, 2), wk_mul(w, w), NULL));
        }
        buffer[0] = buffer[1] = NAN;
        for (int i = 0; i < 3; i++) values[batched][i] = wk_item(y[i]);
        if (batched) wk_backward(wk_add(y[1], y[2]));
        if (batched) wk_read(wk_grad_of(w), gradient[1], sizeof gradient[1]);
        wk_scope_close(scope);
    }
    for (int i = 0; i < 3; i++) assert_close(values[1][i], values[0][i], 1e-12, "as it was at the call");
    assert_close(gradient[1][0], 2 * 1 * 3, 1e-12, "2 w (1 + 2)");
    assert_close(gradient[1][1], 2 * 1.25 * 30, 1e-12, "2 w (10 + 20)");
    assert_ok();
}

/* After a recorded write calls are put off as before; a view from before it is refused, be it one more of many. */
static void stale_views_are_refused(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = matrix_leaf(1, 2, 1), *x = wk_zeros(WK_SHAPE(4, 2), WK_F64);
    wk_copy_(wk_narrow(x, 0, 0, 1), wk_mul_scalar(w, 2));
    wk_tensor *stale = wk_narrow(x, 0, 3, 1);
    wk_copy_(wk_narrow(x, 0, 1, 1), wk_mul_scalar(w, 3));
    WK_BATCH;
    for (int i = 0; i < 3; i++) wk_tanh(wk_square(wk_narrow(x, 0, i, 1)));
    assert_ok();
    wk_tanh(wk_square(stale));
    assert_fails(WK_EVERSION, "square: x shares memory that copy_ wrote after it was made: take the view again");
}

/* -------------------------------------------------------------------------------------------------------- cells --- */

/* The last states of sequences of 1, 2 and 3 steps, and of one without an h at first. */
static wk_tensor *last_states(wk_module *lstm, wk_module *gru) {
    wk_list *all = wk_list_new();
    for (int s = 0; s < 4; s++) {
        wk_tensor *h = s < 3 ? wk_zeros(WK_SHAPE(1, 4), WK_F64) : NULL, *c = h, *k = h;
        for (int t = 0; t <= s; t++) {
            wk_tensor *x = wk_mul_scalar(matrix(1, 3, s - t), 0.5);
            h = wk_lstm_cell_forward(lstm, x, h, c, &c);
            k = wk_gru_cell_forward(gru, x, k);
        }
        wk_list_push(all, wk_add(wk_mul(h, c), k));
    }
    return wk_cat(all, 0);
}

static void cells_are_put_off(void **state) {
    (void)state;
    double values[2][16], gradient[2][4][48];
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.dtype = WK_F64;
    wk_module *m = wk_module_new(NULL, "cells");
    wk_module *lstm = wk_lstm_cell_new(m, "lstm", 3, 4, &options), *gru = wk_gru_cell_new(m, "gru", 3, 4, &options);
    for (int batched = 0; batched < 2; batched++) {
        const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
        wk_tensor *y = last_states(lstm, gru);
        wk_read(y, values[batched], sizeof values[batched]);
        if (batched) assert_true(wk_graph_size() < 60); /* without: 20 steps of 6 and more */
        for (int i = 0; i < 8; i++) wk_zero_grad(wk_module_parameter_at(m, i));
        wk_backward(wk_sum(wk_square(y)));
        for (int i = 0; i < 4; i++) {
            wk_tensor *g = wk_grad_of(wk_module_parameter_at(lstm, i));
            wk_read(g, gradient[batched][i], (size_t)wk_numel(g) * sizeof(double));
        }
        wk_scope_close(scope);
    }
    for (int i = 0; i < 16; i++) assert_close(values[1][i], values[0][i], 1e-12, "states");
    for (int i = 0; i < 48; i++) assert_close(gradient[1][0][i], gradient[0][0][i], 1e-12, "dw_ih");
    for (int i = 0; i < 16; i++) assert_close(gradient[1][2][i], gradient[0][2][i], 1e-12, "db");
    wk_module_free(m);
    assert_ok();
}

/* -------------------------------------------------------------------------------------------------------- trees --- */

/* A tree of so many leaves whose shape is drawn: children come from any level below, on either side. */
static wk_tensor *tree(uint32_t *drawn, int leaves, wk_tensor *w) {
    *drawn = *drawn * 1664525u + 1013904223u;
    const uint32_t draw = *drawn >> 8;
    if (leaves == 1) return wk_tanh(wk_linear(matrix(1, 3, draw % 5 * 0.1), w, NULL));
    const int on_the_left = 1 + (int)(draw % (uint32_t)(leaves - 1));
    wk_tensor *l = tree(drawn, on_the_left, w), *r = tree(drawn, leaves - on_the_left, w);
    return wk_tanh(wk_sub(wk_linear(wk_add(l, r), w, NULL), wk_mul(l, r)));
}

static void trees_of_all_shapes(void **state) {
    (void)state;
    enum { TREES = 24, MOST_LEAVES = 12 };
    double loss[2], gradient[2][9];
    for (int batched = 0; batched < 2; batched++) {
        const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
        uint32_t drawn = 7;
        wk_tensor *w = matrix_leaf(3, 3, -0.4);
        wk_list *roots = wk_list_new();
        for (int t = 0; t < TREES; t++) wk_list_push(roots, tree(&drawn, 1 + t % MOST_LEAVES, w));
        wk_tensor *sum = wk_sum(wk_square(wk_cat(roots, 0)));
        loss[batched] = wk_item(sum);
        /* a level is five calls, two gathers, and seldom more; without a batch they are some 900 */
        if (batched) assert_true(wk_graph_size() < 11 * 10);
        wk_backward(sum);
        wk_read(wk_grad_of(w), gradient[batched], sizeof gradient[batched]);
        wk_scope_close(scope);
    }
    assert_close(loss[1], loss[0], 1e-12, "loss");
    for (int i = 0; i < 9; i++)
        assert_close(gradient[1][i], gradient[0][i], 1e-11, "dw"); /* sums of 150 in another order */
    assert_ok();
}

/* ----------------------------------------------------------------------------------------------- what is broken --- */

/* A promise that its batch could not keep. */
static wk_tensor *broken(void) {
    WK_BATCH;
    wk_tensor *rows = wk_embedding(wk_full(WK_SHAPE(1), 9, WK_I64), matrix(3, 3, 0), -1);
    return wk_yield(wk_reshape(wk_tanh(rows), WK_SHAPE(3)));
}

static void a_broken_promise_is_no_absent_input(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *bad = broken();
    assert_int_equal(wk_check(NULL), WK_EINDEX);
    WK_BATCH;
    wk_tensor *w = matrix_leaf(3, 3, 0.1);
    for (int i = 0; i < 3; i++) wk_linear(matrix(1, 3, i), w, NULL);
    assert_null(wk_linear(matrix(1, 3, 0), w, bad));
    assert_fails(WK_ESTATE, "linear: b was to be computed in a batch that failed");
}

/* --------------------------------------------------------------------------------------------------- no memory --- */

/* Sentences of 1 to 3 words, each with a loss: groups of several kinds and levels, some of which are merged. */
static wk_tensor *losses_of_sentences(wk_module *cell, wk_tensor *w, double *buffer) {
    wk_list *losses = wk_list_new();
    for (int s = 0; s < 3; s++) {
        wk_tensor *h = NULL, *c = NULL, *x = wk_wrap(buffer, WK_SHAPE(1, 3), WK_F64, NULL, NULL);
        for (int t = 0; t <= s; t++) h = wk_lstm_cell_forward(cell, wk_mul_scalar(x, t + 1), h, c, &c);
        wk_tensor *target = wk_full(WK_SHAPE(1), s, WK_I64);
        wk_list_push(losses, wk_cross_entropy(wk_linear(wk_mul(h, wk_tanh(c)), w, NULL), target));
    }
    return wk_mean(wk_stack(losses, 0));
}

static void sentences(int unused) {
    (void)unused;
    WK_SCOPE;
    double buffer[3] = {1, 2, 3};
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.dtype = WK_F64;
    wk_module *cell = wk_lstm_cell_new(NULL, "cell", 3, 4, &options);
    wk_tensor *w = matrix_leaf(3, 4, 0.1);
    {
        WK_BATCH;
        wk_backward(losses_of_sentences(cell, w, buffer));
    }
    wk_module_free(cell);
}

/* ------------------------------------------------------------------------------------------- absent inputs --- */

/* x + y, and z where it is there. */
static void sum_forward(wk_call *c) {
    const wk_array *y = &c->out[0]->a;
    for (int i = 1; i < 3; i++) {
        if (c->in[i] == NULL) continue;
        const wk_array *before = i == 1 ? &c->in[0]->a : y, *x = &c->in[i]->a;
        wk__kernels->add[y->dtype](y->numel, y->data, 1, before->data, 1, x->data, 1);
    }
}

static bool sum_shape(wk_call *c) { return wk__declare_like(c, 0, c->in[0]); }

/* An optional input that is absent is the same in all calls. */
static void an_absent_input_of_an_elementwise_row(void **state) {
    (void)state;
    static const wk_op sum = {
        WK_INNER_ROW(sum),  .in_count = 3,          .out_count = 1,
        .optional = 1 << 2, .in_names = "x y z",    .batch = WK__BATCH_ELEMENTS,
        .shape = sum_shape, .forward = sum_forward,
    };
    WK_BATCH;
    wk_tensor *y[4];
    for (int i = 0; i < 4; i++)
        y[i] = wk__apply3(&sum, matrix(1, 2, i), matrix(1, 2, 10), i < 2 ? NULL : matrix(1, 2, 100), NULL);
    for (int i = 0; i < 4; i++)
        assert_close(wk_get_f64(y[i], (const int64_t[]){0, 0}), i < 2 ? i + 10 : i + 110, 0, "whole numbers");
    assert_ok();
}

/* ------------------------------------------------------------------------------------------------- numbers --- */

enum { WEIGHED = 9 };

/* A loss for each example, with a number in one of four places. */
static wk_tensor *weighed(wk_tensor *w, int way, int i, double number) {
    wk_tensor *loss = wk_sum(wk_square(wk_tanh(wk_linear(matrix(1, 2, i), w, NULL))));
    switch (way) {
    case 0: return wk_mul_scalar(loss, number);
    case 1: return wk_div_scalar(loss, number);
    case 2: return wk_square(wk_add_scalar(loss, number));
    default: return wk_square(wk_sub_scalar(wk_reshape(loss, WK_SHAPE(1, 1)), number));
    }
}

/* Losses and gradient; how large the graph was. `step`: from one number to the next, of which there are five. */
static int64_t run_weighed(int way, bool batched, double step, double *values) {
    const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
    wk_tensor *w = matrix_leaf(2, 2, 0.3), *losses[WEIGHED];
    wk_list *sums = wk_list_new();
    for (int i = 0; i < WEIGHED; i++) wk_list_push(sums, wk_sum(losses[i] = weighed(w, way, i, 0.3 + step * (i % 5))));
    wk_backward(wk_sum(wk_stack(sums, 0)));
    const int64_t size = wk_graph_size();
    for (int i = 0; i < WEIGHED; i++) values[i] = wk_item(losses[i]);
    wk_read(wk_grad_of(w), values + WEIGHED, 4 * sizeof *values);
    wk_scope_close(scope);
    return size;
}

/* Calls that differ in a number run as one, but for the first, and with the same bits. */
static void numbers_that_differ(void **state) {
    (void)state;
    for (int way = 0; way < 4; way++) {
        double alone[WEIGHED + 4], batched[WEIGHED + 4], same[WEIGHED + 4];
        run_weighed(way, false, 0.25, alone);
        assert_true(run_weighed(way, true, 0.25, batched) <= run_weighed(way, true, 0, same) + 6);
        for (int i = 0; i < WEIGHED; i++) assert_close(batched[i], alone[i], 0, "a loss");
        for (int i = WEIGHED; i < WEIGHED + 4; i++) assert_close(batched[i], alone[i], 1e-12, "dw");
    }
    assert_ok();
}

static void memory_runs_out(void **state) {
    (void)state;
    run_out(sentences, 0, "sentences");
}

WK_TEST_MAIN("programs in a batch", cmocka_unit_test(two_losses_one_after_the_other),
             cmocka_unit_test(losses_of_what_is_shared), cmocka_unit_test(memory_of_the_caller_may_be_rewritten),
             cmocka_unit_test(stale_views_are_refused), cmocka_unit_test(cells_are_put_off),
             cmocka_unit_test(trees_of_all_shapes), cmocka_unit_test(a_broken_promise_is_no_absent_input),
             cmocka_unit_test(a_loss_is_differentiated_once), cmocka_unit_test(an_absent_input_of_an_elementwise_row),
             cmocka_unit_test(numbers_that_differ), cmocka_unit_test(memory_runs_out))
