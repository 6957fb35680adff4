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

static void one_plan_for_all(void **state) {
    static const kind kinds[] = {
        {"stack", build_stack, step_stack},
        {"attention", build_stack, step_attention},
        {"self-attention", build_stack, step_self_attention},
    };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) side_by_side(&kinds[i], NULL);
}

WK_TEST_MAIN("plans of loops", cmocka_unit_test(one_plan_for_all))
