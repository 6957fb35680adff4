/* test_plan_calls.c -- what a plan calls again as a whole, or draws, saves and puts back: rows of several lengths,
 * checkpoints, operations of one's own, ranges, gradients that are clipped. Function and plan side by side: the same
 * bits, in every output and every parameter. */
#include "plan_pair.h"

/* ------------------------------------------------------------------------------------------------------- ragged --- */

/* Two layers in two directions over rows of several lengths, dropout between them, and the norm of the gradient as an
 * output. */
static bool step_ragged(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_tensor *hn, *y = wk_lstm_forward_ragged(m->layers[2], in[0], in[1], NULL, NULL, &hn, NULL);
    out[0] = wk_add(wk_mean(wk_square(y)), wk_mean(hn));
    wk_optim_zero_grad(m->optim);
    wk_backward(out[0]);
    out[1] = wk_grad_norm(m->root);
    wk_clip_grad_norm(m->root, 0.05);
    wk_optim_step(m->optim);
    return true;
}

/* A penalty on the gradient with respect to x and to the state at the beginning. */
static bool step_penalty(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_tensor *x = wk_requires_grad_(wk_clone(in[0]), true), *h0 = wk_zeros(WK_SHAPE(1, BATCH, HIDDEN), WK_F32), *hn,
              *cn;
    wk_tensor *of[] = {x, wk_requires_grad_(h0, true)}, *g[2];
    wk_tensor *y = wk_gru_forward_ragged(m->layers[3], x, in[1], h0, &hn);
    y = wk_lstm_forward_ragged(m->layers[4], y, in[1], hn, hn, NULL, &cn);
    out[0] = wk_add(wk_mean(wk_square(y)), wk_mean(cn));
    wk_grad(out[0], of, 2, g, WK_CREATE_GRAPH);
    out[1] = wk_add(wk_mean(wk_square(g[0])), wk_mean(wk_square(g[1])));
    finish(m, wk_add(out[0], out[1]));
    return true;
}

/* -------------------------------------------------------------------------------------------------- checkpoints --- */

static bool block(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    out[0] = wk_dropout(wk_tanh(layer(m, 1, wk_dropout(wk_relu(layer(m, 0, in[0])), 0.2, true))), 0.2, true);
    return true;
}

static bool around(void *user, wk_tensor *const *in, wk_tensor **out) {
    wk_tensor *noisy = wk_add(in[0], wk_randn(wk_ndim(in[0]), wk_dims(in[0]), WK_F32)), *y = NULL;
    const bool fine = wk_checkpoint(block, user, &noisy, 1, &y, 1) == WK_OK;
    out[0] = fine ? wk_square(y) : NULL;
    return fine;
}

/* One that draws, with one inside, and one that does not draw; and draws behind them. */
static bool step_checkpoint(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_tensor *y = NULL;
    wk_checkpoint(around, user, in, 1, &y, 1);
    out[0] = wk_mean(wk_mul(y, wk_rand(WK_SHAPE(HIDDEN), WK_F32)));
    finish(m, out[0]);
    out[1] = wk_detach(y);
    return true;
}

/* -------------------------------------------------------------------------------------- operations of one's own --- */

static bool shape(wk_call *call) { return wk_call_declare_like(call, 0, wk_call_input(call, 0)); }

/* y = a x^3, reading elements: inputs may have any strides. */
static void forward_by_elements(wk_call *call) {
    wk_tensor *x = wk_call_input(call, 0);
    const float *from = wk_data(wk_contiguous(x));
    float *to = wk_data_mut(wk_call_output(call, 0));
    for (int64_t i = 0; to != NULL && from != NULL && i < wk_numel(x); i++)
        to[i] = (float)wk_call_float(call, "a") * from[i] * from[i] * from[i];
}

static void forward_by_operations(wk_call *call) {
    wk_tensor *x = wk_call_input(call, 0);
    wk_copy_(wk_call_output(call, 0), wk_mul_scalar(wk_mul(wk_mul(x, x), x), wk_call_float(call, "a")));
}

static void backward(wk_call *call) {
    wk_tensor *x = wk_call_input(call, 0), *g = wk_call_gradient(call, 0);
    wk_call_set_gradient(call, 0, wk_mul_scalar(wk_mul(g, wk_square(x)), 3 * wk_call_float(call, "a")));
}

static const wk_op *cube(void (*forward)(wk_call *call), bool pure) {
    const wk_custom_attr a = {"a", WK_ATTR_FLOAT, 1};
    wk_custom_op op = WK_CUSTOM_OP;
    op.name = "cube", op.input_names = "x", op.attrs = &a, op.attr_count = 1;
    op.shape = shape, op.forward = forward, op.backward = backward, op.saved_inputs = 1, op.pure = pure;
    return wk_op_register(&op);
}

/* In each step of time, on what is not contiguous. */
static bool step_custom(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_tensor *h = wk_zeros(WK_SHAPE(HIDDEN, BATCH), WK_F32);
    for (int64_t t = 0; t < wk_dim(in[0], 1); t++) {
        const wk_attr a = {.name = "a", .f = 0.5};
        wk_tensor *x = wk_transpose(wk_add(layer(m, 0, wk_select(in[0], 1, t)), wk_transpose(h, 0, 1)), 0, 1);
        wk_op_call(m->op, &a, 1, &x, 1, &h);
    }
    out[0] = wk_mean(h);
    finish(m, out[0]);
    out[1] = wk_detach(h);
    return true;
}

static bool gradient_of_square(void *user, wk_tensor *const *in, wk_tensor *const *out, wk_tensor *const *gy,
                               wk_tensor **gx) {
    (void)user, (void)out;
    gx[0] = wk_mul(gy[0], in[0]);
    return true;
}

static bool square(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_square(in[0]);
    return true;
}

/* A gradient of one's own. */
static bool step_function(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_tensor *x = layer(m, 0, in[0]), *y = NULL;
    wk_function_apply(square, gradient_of_square, NULL, &x, 1, &y, 1);
    out[0] = wk_mean(y);
    finish(m, out[0]);
    out[1] = wk_detach(y);
    return true;
}

/* ------------------------------------------------------------------------------------------------ ranges, types --- */

/* Positions as numbers, as weights, and the identity. */
static bool step_ranges(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    const int64_t T = wk_dim(in[0], 1);
    const double last = (double)(T - 1);
    wk_tensor *weights = wk_add(wk_linspace(0, 1, T, WK_F32), wk_logspace(-1, 0, T, 2, WK_F32));
    wk_tensor *places = wk_add(wk_arange(0, (double)T, 1, WK_F32), wk_linspace(-last, last / 2, T, WK_F32));
    weights = wk_add(weights, wk_cast(wk_arange(-3, (double)(T - 3), 1, WK_I64), WK_F32));
    wk_tensor *y = wk_mul(layer(m, 0, in[0]), wk_unsqueeze(wk_add(weights, places), 1));
    out[0] = wk_mean(wk_matmul(y, wk_eye(HIDDEN, HIDDEN, WK_F32)));
    finish(m, out[0]);
    out[1] = wk_detach(y);
    return true;
}

/* Regions and shapes of what is not contiguous: views that cannot be, so that there are copies. */
static bool step_regions(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_tensor *y = wk_transpose(layer(m, 0, in[0]), 0, 2);
    wk_tensor *part = wk_as_strided(y, WK_SHAPE(2, 3), (const int64_t[]){3, 1}, 0);
    out[0] = wk_add(wk_mean(wk_square(part)), wk_mean(wk_reshape(y, WK_SHAPE(-1))));
    finish(m, out[0]);
    out[1] = wk_detach(part);
    return true;
}

/* A leaf that is cast twice: the second gradient is converted and added. */
static bool step_halves(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_tensor *x = wk_requires_grad_(wk_cast(in[0], WK_F16), true);
    wk_tensor *y = wk_add(layer(m, 0, wk_cast(x, WK_F32)), wk_square(layer(m, 0, wk_cast(x, WK_F32))));
    out[0] = wk_mean(y);
    finish(m, out[0]);
    out[1] = wk_cast(wk_grad_of(x), WK_F32);
    return true;
}

/* ------------------------------------------------------------------------------------------------ side by side --- */

static void build(model *m) {
    wk_rnn_options o = WK_RNN_OPTIONS;
    o.batch_first = o.bidirectional = 1;
    o.num_layers = 2;
    m->layers[0] = wk_linear_new(m->root, "a", IN, HIDDEN, NULL);
    m->layers[1] = wk_linear_new(m->root, "b", HIDDEN, HIDDEN, NULL);
    o.dropout = 0.4;
    m->layers[2] = wk_lstm_new(m->root, "lstm", IN, HIDDEN, &o);
    o.bidirectional = 0, o.num_layers = 1, o.dropout = 0;
    m->layers[3] = wk_gru_new(m->root, "below", IN, HIDDEN, &o);
    m->layers[4] = wk_lstm_new(m->root, "above", HIDDEN, HIDDEN, &o);
}

static void one_plan_for_all(void **state) {
    static const kind kinds[] = {
        {"ragged", build, step_ragged, false},     {"checkpoint", build, step_checkpoint, false},
        {"function", build, step_function, false}, {"ranges", build, step_ranges, false},
        {"halves", build, step_halves, false},     {"penalty", build, step_penalty, false},
        {"regions", build, step_regions, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) side_by_side(&kinds[i], NULL);
}

static void operations_of_ones_own(void **state) {
    static const kind k = {"custom", build, step_custom, false};
    (void)state;
    const wk_op *op = cube(forward_by_operations, false);
    side_by_side(&k, op);
    assert_int_equal(wk_op_unregister(op), WK_OK);
    op = cube(forward_by_elements, true);
    side_by_side(&k, op);
    assert_int_equal(wk_op_unregister(op), WK_OK);
}

static void an_operation_that_reads(void **state) {
    (void)state;
    WK_SCOPE;
    const kind k = {"custom", build, step_custom, false};
    model m = model_new(&k, cube(forward_by_elements, false));
    wk_plan *plan = plan_of(&k, &m);
    wk_tensor *in[INPUTS], *out[OUTPUTS];
    inputs(3, 1, in);
    wk_plan_run(plan, in, out);
    wk_error e;
    assert_int_equal(wk_check(&e), WK_ESTATE);
    assert_string_equal(e.message, "data: not inside a plan's step: elements have no values yet; if forward of cube "
                                   "depends on its inputs alone, say so: wk_custom_op.pure");
    wk_plan_free(plan);
    assert_int_equal(wk_op_unregister(m.op), WK_OK);
    model_free(&m);
}

static void an_operation_that_is_held(void **state) {
    (void)state;
    WK_SCOPE;
    const kind k = {"custom", build, step_custom, false};
    model m = model_new(&k, cube(forward_by_elements, true));
    wk_plan *plan = plan_of(&k, &m);
    wk_tensor *in[INPUTS], *out[OUTPUTS];
    inputs(3, 1, in);
    wk_plan_run(plan, in, out);
    wk_error e;
    assert_int_equal(wk_op_unregister(m.op), WK_ESTATE);
    wk_check(&e);
    assert_string_equal(e.message, "op_unregister: a plan calls cube: free the plan first");
    wk_plan_free(plan);
    assert_int_equal(wk_op_unregister(m.op), WK_OK);
    model_free(&m);
}

/* Rows of no steps, at a place that the gradient of x has not: nothing is written there. */
static bool step_of_nothing(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    wk_tensor *x = wk_requires_grad_(wk_clone(in[0]), true), *w = wk_ones(WK_SHAPE(HIDDEN, IN), WK_F32);
    wk_tensor *lengths = wk_zeros(WK_SHAPE(1), WK_I64), *last = wk_narrow(x, 0, 2, 1);
    wk_tensor *h0 = wk_requires_grad_(wk_ones(WK_SHAPE(1, 1, HIDDEN), WK_F32), true), *hn;
    wk_rnn(last, lengths, h0, w, wk_eye(HIDDEN, HIDDEN, WK_F32), NULL, NULL, false, false, &hn);
    wk_backward(wk_sum(wk_square(hn)));
    out[0] = wk_clone(wk_grad_of(x));
    out[1] = wk_clone(wk_grad_of(h0));
    return true;
}

static void rows_of_no_steps(void **state) {
    (void)state;
    WK_SCOPE;
    wk_plan *plan = wk_plan_new(step_of_nothing, NULL, 1, 2, NULL);
    for (int run = 0; run < 3; run++) {
        wk_tensor *x = wk_ones(WK_SHAPE(3, 0, IN), WK_F32), *out[2];
        assert_int_equal(wk_plan_run(plan, &x, out), WK_OK);
        assert_int_equal(wk_numel(out[0]), 0);
        assert_close(wk_item(wk_sum(out[1])), 2 * HIDDEN, 0, "the state goes through");
    }
    wk_plan_free(plan);
    assert_ok();
}

static void count_ops(void *user, const wk_op_event *event) {
    (void)event;
    ++*(int *)user;
}

/* A second gradient of rows of several lengths is operations again, in each run of the plan: its own, which no hook
 * sees, and no batch puts off. */
static void operations_in_a_call(void **state) {
    (void)state;
    WK_SCOPE;
    const kind k = {"penalty", build, step_penalty, false};
    model a = model_new(&k, NULL), b = model_new(&k, NULL);
    wk_plan *plan = plan_of(&k, &b);
    int seen = 0;
    for (int run = 0; run < 4; run++) {
        wk_tensor *in[INPUTS], *of_a[OUTPUTS], *of_b[OUTPUTS];
        inputs(5, 1, in);
        step_penalty(&a, in, of_a);
        if (run == 2) wk_set_op_hook(count_ops, &seen);
        const wk_scope scope = run == 3 ? wk_batch_open() : 0;
        wk_plan_run(plan, in, of_b);
        wk_set_op_hook(NULL, NULL);
        for (int j = 0; j < OUTPUTS; j++) wk_yield(of_b[j]);
        wk_scope_close(scope);
        for (int j = 0; j < OUTPUTS; j++) assert_same(k.name, run, of_a[j], of_b[j]);
    }
    for (int64_t i = 0; i < wk_module_parameter_count(a.root); i++)
        assert_same(k.name, -1, wk_module_parameter_at(a.root, i), wk_module_parameter_at(b.root, i));
    assert_int_equal(seen, 0);
    wk_plan_free(plan);
    model_free(&a);
    model_free(&b);
}

/* The lengths are looked at in each run. A plan knows the row, not the layer that called it. */
static void lengths_out_of_range(void **state) {
    (void)state;
    WK_SCOPE;
    const kind k = {"ragged", build, step_ragged, false};
    model m = model_new(&k, NULL);
    wk_plan *plan = plan_of(&k, &m);
    wk_tensor *in[INPUTS], *out[OUTPUTS];
    inputs(3, 1, in);
    wk_plan_run(plan, in, out);
    assert_ok();
    in[1] = wk_full(WK_SHAPE(BATCH), 4, WK_I64);
    wk_error by_plan, eager;
    wk_plan_run(plan, in, out);
    assert_int_equal(wk_check(&by_plan), WK_EINVAL);
    step_ragged(&m, in, out);
    wk_check(&eager);
    assert_string_equal(by_plan.message, "lstm: lengths[0] is 4 and must be from 0 to 3, the steps of x");
    assert_string_equal(eager.message, "lstm_forward_ragged: lengths[0] is 4 and must be from 0 to 3, the steps of x");
    wk_plan_free(plan);
    model_free(&m);
}

WK_TEST_MAIN("plans of whole calls", cmocka_unit_test(one_plan_for_all), cmocka_unit_test(operations_of_ones_own),
             cmocka_unit_test(an_operation_that_reads), cmocka_unit_test(an_operation_that_is_held),
             cmocka_unit_test(operations_in_a_call), cmocka_unit_test(rows_of_no_steps),
             cmocka_unit_test(lengths_out_of_range))
