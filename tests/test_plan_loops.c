/* test_plan_loops.c -- loops over time, one after another and in one another, and sizes of T times T, in plans: one
 * recording for all T, and the bits of the function. */
#include "plan_pair.h"

/* h' = tanh(W x + U h) over a list, from its end if `back`; the states as a list in the order of time. */
static wk_list *cells(const model *m, int x, int h, wk_tensor *state, const wk_list *xs, bool back) {
    const int64_t T = wk_list_length(xs);
    wk_list *states = wk_list_new(), *ordered = wk_list_new();
    for (int64_t t = 0; t < T; t++) {
        state = wk_tanh(wk_add(layer(m, x, wk_list_at(xs, back ? T - 1 - t : t)), layer(m, h, state)));
        wk_list_push(states, state);
    }
    for (int64_t t = 0; t < T; t++) wk_list_push(ordered, wk_list_at(states, back ? T - 1 - t : t));
    return ordered;
}

static wk_list *steps_of(wk_tensor *x) {
    wk_list *steps = wk_list_new();
    for (int64_t t = 0; t < wk_dim(x, 1); t++) wk_list_push(steps, wk_select(x, 1, t));
    return steps;
}

static void build_stack(model *m) {
    m->layers[0] = wk_linear_new(m->root, "x0", IN, HIDDEN, NULL);
    m->layers[1] = wk_linear_new(m->root, "h0", HIDDEN, HIDDEN, NULL);
    m->layers[2] = wk_linear_new(m->root, "x1", HIDDEN, HIDDEN, NULL);
    m->layers[3] = wk_linear_new(m->root, "h1", HIDDEN, HIDDEN, NULL);
    m->layers[4] = wk_linear_new(m->root, "out", HIDDEN, IN, NULL);
}

/* One loop over time after another: two layers, the second from the end; then an output in each step. */
static bool step_stack(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_list *first = cells(m, 0, 1, wk_zeros(WK_SHAPE(BATCH, HIDDEN), WK_F32), steps_of(in[0]), false),
            *second = cells(m, 2, 3, wk_zeros(WK_SHAPE(BATCH, HIDDEN), WK_F32), first, true);
    wk_list *ys = wk_list_new();
    for (int64_t t = 0; t < wk_list_length(second); t++) wk_list_push(ys, layer(m, 4, wk_list_at(second, t)));
    out[0] = wk_mse_loss(wk_stack(ys, 1), in[0]);
    finish(m, out[0]);
    out[1] = wk_detach(wk_list_at(second, wk_list_length(second) - 1));
    return true;
}

/* What a state attends to: a score for each step of the memory, in a loop of its own, and their weighted sum. */
static wk_tensor *attended(const model *m, wk_tensor *state, const wk_list *memory) {
    const int64_t last[] = {1};
    wk_list *scores = wk_list_new();
    for (int64_t t = 0; t < wk_list_length(memory); t++)
        wk_list_push(scores, wk_sum_dims(wk_tanh(wk_add(layer(m, 2, state), wk_list_at(memory, t))), 1, last, true));
    wk_tensor *weights = wk_softmax(wk_cat(scores, 1), 1), *sum = NULL;
    for (int64_t t = 0; t < wk_list_length(memory); t++) {
        wk_tensor *part = wk_mul(wk_list_at(memory, t), wk_narrow(weights, 1, t, 1));
        sum = sum == NULL ? part : wk_add(sum, part);
    }
    return sum;
}

/* An encoder, and a decoder that attends to all its steps in each of its own: loops in a loop. */
static bool step_attention(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_list *memory = cells(m, 0, 1, wk_zeros(WK_SHAPE(BATCH, HIDDEN), WK_F32), steps_of(in[0]), false),
            *ys = wk_list_new();
    wk_tensor *state = wk_list_at(memory, wk_list_length(memory) - 1);
    for (int64_t t = 0; t < wk_list_length(memory); t++) {
        state = wk_tanh(layer(m, 3, attended(m, state, memory)));
        wk_list_push(ys, layer(m, 4, state));
    }
    out[0] = wk_mse_loss(wk_stack(ys, 1), in[0]);
    finish(m, out[0]);
    out[1] = wk_detach(state);
    return true;
}

/* An encoder of T steps, and a decoder of S that begins in its last state: one loop after another. */
static bool step_translate(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_list *memory = cells(m, 0, 1, wk_zeros(WK_SHAPE(BATCH, HIDDEN), WK_F32), steps_of(in[0]), false);
    wk_tensor *state = wk_list_at(memory, wk_list_length(memory) - 1);
    wk_list *ys = wk_list_new();
    for (int64_t s = 0; s < wk_dim(in[2], 1); s++) {
        state = wk_tanh(wk_add(layer(m, 2, state), layer(m, 0, wk_select(in[2], 1, s))));
        wk_list_push(ys, layer(m, 4, state));
    }
    out[0] = wk_mse_loss(wk_stack(ys, 1), in[2]);
    finish(m, out[0]);
    out[1] = wk_detach(wk_stack(ys, 1));
    return true;
}

/* The same with attention: loops over T in a loop over S. */
static bool step_translate_attentively(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_list *memory = cells(m, 0, 1, wk_zeros(WK_SHAPE(BATCH, HIDDEN), WK_F32), steps_of(in[0]), false);
    wk_list *ys = wk_list_new();
    wk_tensor *state = wk_list_at(memory, wk_list_length(memory) - 1);
    for (int64_t s = 0; s < wk_dim(in[2], 1); s++) {
        state = wk_tanh(wk_add(layer(m, 3, attended(m, state, memory)), layer(m, 0, wk_select(in[2], 1, s))));
        wk_list_push(ys, layer(m, 4, state));
    }
    out[0] = wk_mse_loss(wk_stack(ys, 1), in[2]);
    finish(m, out[0]);
    out[1] = wk_detach(state);
    return true;
}

/* Scores of T times S, without a loop. */
static bool step_cross_attention(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_tensor *x = layer(m, 0, in[0]), *q = layer(m, 0, in[2]), *k = layer(m, 2, x), *v = layer(m, 3, x);
    wk_tensor *p = wk_softmax(wk_matmul(q, wk_transpose(k, 1, 2)), -1);
    out[0] = wk_mse_loss(layer(m, 4, wk_matmul(p, v)), in[2]);
    finish(m, out[0]);
    out[1] = wk_detach(wk_mean(p));
    return true;
}

/* A state that is read one, two and three steps later. */
static bool step_delays(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_tensor *h = wk_zeros(WK_SHAPE(BATCH, HIDDEN), WK_F32), *before = h, *long_before = h, *sum = NULL;
    for (int64_t t = 0; t < wk_dim(in[0], 1); t++) {
        wk_tensor *a = wk_add(layer(m, 0, wk_select(in[0], 1, t)), layer(m, 1, h));
        wk_tensor *next = wk_tanh(wk_add(a, wk_mul(before, long_before)));
        long_before = before;
        before = h;
        h = next;
        sum = sum == NULL ? wk_mean(h) : wk_add(sum, wk_mean(h));
    }
    out[0] = sum;
    finish(m, out[0]);
    out[1] = wk_detach(h);
    return true;
}

/* Every step attends to all: buffers of T times T. Weights of each step are stretched over the batch. */
static bool step_self_attention(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_tensor *x = layer(m, 0, in[0]), *q = layer(m, 1, x), *k = layer(m, 2, x), *v = layer(m, 3, x);
    wk_tensor *at = wk_unsqueeze(wk_linspace(0, 1, wk_dim(x, 1), WK_F32), 1);
    wk_tensor *p = wk_softmax(wk_matmul(q, wk_transpose(wk_mul(k, at), 1, 2)), -1);
    out[0] = wk_mse_loss(layer(m, 4, wk_matmul(p, v)), in[0]);
    finish(m, out[0]);
    out[1] = wk_detach(wk_mean(p));
    return true;
}

/* A number that is another one in each step, from a tensor; and sums over the steps so far, as rows of a triangle. */
static bool step_weights(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    const int64_t T = wk_dim(in[0], 1);
    wk_tensor *falling = wk_rdiv_scalar(wk_arange(1, (double)(T + 1), 1, WK_F32), 1); /* 1 / (t + 1) */
    wk_tensor *h = wk_zeros(WK_SHAPE(BATCH, HIDDEN), WK_F32);
    wk_list *states = wk_list_new(), *ys = wk_list_new();
    for (int64_t t = 0; t < T; t++) {
        wk_tensor *next = wk_tanh(wk_add(layer(m, 0, wk_select(in[0], 1, t)), layer(m, 1, h)));
        h = wk_add(h, wk_mul(wk_select(falling, 0, t), wk_sub(next, h)));
        wk_list_push(states, h);
    }
    wk_tensor *so_far = wk_tril(wk_full(WK_SHAPE(T, T), 1, WK_F32), 0);
    wk_tensor *sums = wk_matmul(so_far, wk_stack(states, 1));
    for (int64_t t = 0; t < T; t++) wk_list_push(ys, layer(m, 4, wk_select(sums, 1, t)));
    out[0] = wk_mse_loss(wk_stack(ys, 1), in[0]);
    finish(m, out[0]);
    out[1] = wk_detach(h);
    return true;
}

/* Numbers of C that are others in each step: falling, rising by the step and by the part of all steps that is done, and
 * two of the outer and the inner loop. */
static bool step_numbers(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    const int64_t T = wk_dim(in[0], 1);
    wk_tensor *h = wk_zeros(WK_SHAPE(BATCH, HIDDEN), WK_F32), *sum = wk_mean(in[0]);
    wk_list *ys = wk_list_new();
    for (int64_t t = 0; t < T; t++) {
        wk_tensor *next = wk_tanh(wk_add(layer(m, 0, wk_select(in[0], 1, t)), layer(m, 1, h)));
        h = wk_add(h, wk_mul_scalar(wk_sub(next, h), 1 / (double)(t + 1)));
        h = wk_add_scalar(wk_mul_scalar(h, 1 - 0.125), 0.1 * (double)t);
        h = wk_add_scalar(h, (double)t / (double)T);
        wk_list_push(ys, layer(m, 4, h));
    }
    for (int64_t t = 0; t < T; t++)
        for (int64_t s = 0; s < T; s++)
            sum = wk_add(sum, wk_mean(wk_mul_scalar(wk_list_at(ys, s), 0.5 / (double)(2 + s + t))));
    out[0] = wk_add(wk_mse_loss(wk_stack(ys, 1), in[0]), sum);
    finish(m, out[0]);
    out[1] = wk_detach(h);
    return true;
}

static void one_plan_for_all(void **state) {
    static const kind kinds[] = {
        {"stack", build_stack, step_stack, false},
        {"attention", build_stack, step_attention, false},
        {"self-attention", build_stack, step_self_attention, false},
        {"delays", build_stack, step_delays, false},
        {"weights", build_stack, step_weights, false},
        {"numbers", build_stack, step_numbers, false},
        {"translate", build_stack, step_translate, true},
        {"translate attentively", build_stack, step_translate_attentively, true},
        {"cross-attention", build_stack, step_cross_attention, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) side_by_side(&kinds[i], NULL);
}

/* Not for fewer than three steps. */
static bool step_three(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    out[0] = wk_sum(layer(m, 0, wk_narrow(in[0], 1, 0, 3)));
    out[1] = wk_mean(in[0]);
    return true;
}

/* What the step cannot, the plan for all lengths cannot either, in the step's own words. */
static void lengths_that_fail(void **state) {
    (void)state;
    const kind k = {"three", build_stack, step_three, false};
    model m = model_new(&k, NULL);
    wk_plan *plan = plan_of(&k, &m);
    for (int i = 0; i < 20; i++) {
        WK_SCOPE;
        WK_NO_GRAD;
        const int64_t T = 1 + (i * 7 + 4) % 9;
        wk_tensor *in[INPUTS], *of_a[OUTPUTS], *of_b[OUTPUTS];
        wk_error eager, by_plan;
        inputs(T, 1, in);
        step_three(&m, in, of_a);
        wk_check(&eager);
        wk_plan_run(plan, in, of_b);
        wk_check(&by_plan);
        assert_int_equal(eager.status, T < 3 ? WK_EINDEX : WK_OK);
        assert_string_equal(eager.message, by_plan.message);
        for (int j = 0; T >= 3 && j < OUTPUTS; j++) assert_same(k.name, i, of_a[j], of_b[j]);
    }
    wk_plan_free(plan);
    model_free(&m);
}

WK_TEST_MAIN("plans of loops", cmocka_unit_test(one_plan_for_all), cmocka_unit_test(lengths_that_fail))
