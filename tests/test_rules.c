/* test_rules.c -- programs that people write first, each of which a simpler engine gets wrong: gradients that gather
 * over scopes, two models that train each other, a target that follows, penalties on gradients, results written into
 * one tensor. The gradients are worked out by hand, or are PyTorch's. More of the kind is in
 * test_scopes, test_failures, test_training and test_threads; test_rules_deferred has batches and plans, and
 * errors/programs.def wrong programs. */
#include "tensors.h"

/* ------------------------------------------------------------------------------------- sums over several scopes --- */

/* A gradient belongs to its leaf, whatever scope backward ran in. */
static void gradients_gather_over_scopes(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(3, "w");
    for (int b = 1; b <= 4; b++) {
        WK_SCOPE;
        wk_backward(wk_mul_scalar(wk_mul(w, w), b));
    }
    assert_close(grad(w), 10 * 2 * 3, 0, "(1 + 2 + 3 + 4) 2w");
    assert_ok();
}

/* A sum of losses in a slot is legal in PyTorch. Here it has lost its history, and is told so; yielded it keeps it. */
static void losses_gather_over_scopes(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(3, "w"), *total = NULL;
    for (int b = 1; b <= 4; b++) {
        WK_SCOPE;
        wk_tensor *loss = wk_mul_scalar(wk_mul(w, w), b);
        wk_keep(&total, total != NULL ? wk_add(total, loss) : loss);
    }
    wk_set_name(total, "total");
    assert_close(wk_item(total), 90, 0, "the value is there");
    wk_backward(total);
    assert_fails(WK_ECUT, "backward: total () comes from a scope that has closed: wk_detach it when you keep it");
    assert_null(wk_grad_of(w));
    wk_release(&total);
    for (int b = 1; b <= 4; b++) {
        WK_SCOPE;
        wk_tensor *loss = wk_mul_scalar(wk_mul(w, w), b);
        total = wk_yield(total != NULL ? wk_add(total, loss) : loss);
    }
    wk_backward(total);
    assert_close(grad(w), 60, 0, "(1 + 2 + 3 + 4) 2w");
    assert_ok();
}

/* The last two states, with their history, slide along: each step would need what the first scope held. */
static void a_window_over_endless_history(void **state) {
    (void)state;
    wk_tensor *w = leaf(0.5, "w"), *window[2] = {NULL, NULL};
    for (int t = 0; t < 3 && wk_ok(); t++) {
        WK_SCOPE;
        wk_tensor *h = window[1] != NULL ? wk_mul(window[1], w) : wk_mul(w, w);
        wk_set_name(h, "h");
        if (window[0] != NULL) wk_backward(wk_mul(window[0], h));
        wk_keep(&window[0], window[1]);
        wk_keep(&window[1], h);
    }
    assert_fails(WK_ECUT, "backward: h () comes from a scope that has closed: wk_detach it when you keep it");
    wk_release(&window[0]);
    wk_release(&window[1]);
    wk_drop(w);
}

static int64_t handles_of(wk_scope scope) {
    wk_scope_memory m = WK_SCOPE_MEMORY;
    wk_scope_memory_stats(scope, &m);
    return m.handles;
}

/* wk_yield hands one scope up, and what lies further out not at all. */
static void what_an_outer_scope_owns_is_not_handed_on(void **state) {
    (void)state;
    const wk_scope outer = wk_scope_open();
    wk_tensor *x = leaf(2, "x");
    const wk_scope middle = wk_scope_open();
    wk_tensor *y = wk_mul(x, x);
    const wk_scope inner = wk_scope_open();
    assert_ptr_equal(wk_yield(x), x);
    assert_ptr_equal(wk_yield(y), y);
    wk_scope_close(inner);
    assert_int_equal(handles_of(outer), 1);
    assert_int_equal(handles_of(middle), 1);
    wk_scope_close(middle);
    wk_neg(y);
    assert_fails(WK_ECLOSED, "neg: x is used after its scope closed: wk_yield or wk_keep it");
    wk_scope_close(outer);
}

/* ----------------------------------------------------------------------------------- two models, two optimisers --- */

/* G(z) = g z with z = 2; D(x) = d x; d_loss = D(G(z)) - D(1), g_loss = -D(G(z)). */
typedef struct gan {
    wk_module *root;
    wk_tensor *g, *d, *fake;
    wk_optim *step_g, *step_d;
} gan;

static gan gan_new(void) {
    gan n = {.root = wk_module_new(NULL, "gan")};
    wk_module *generator = wk_module_new(n.root, "G"), *critic = wk_module_new(n.root, "D");
    n.g = wk_module_add_parameter(generator, "w", wk_scalar(3, WK_F64));
    n.d = wk_module_add_parameter(critic, "w", wk_scalar(5, WK_F64));
    n.step_g = wk_sgd_new(generator, 0.5, NULL);
    n.step_d = wk_sgd_new(critic, 0.5, NULL);
    n.fake = wk_mul(n.g, wk_scalar(2, WK_F64));
    return n;
}

static void gan_free(gan *n) {
    wk_optim_free(n->step_g);
    wk_optim_free(n->step_d);
    wk_module_free(n->root);
}

static wk_tensor *critic_loss(const gan *n, wk_tensor *fake) {
    return wk_sub(wk_mul(n->d, fake), wk_mul(n->d, wk_scalar(1, WK_F64)));
}

static wk_tensor *generator_loss(const gan *n) { return wk_neg(wk_mul(n->d, n->fake)); }

static void the_generators_part_used_by_the_critic(void **state) {
    (void)state;
    WK_SCOPE;
    gan n = gan_new();
    wk_backward(critic_loss(&n, n.fake));
    wk_optim_step(n.step_d);
    wk_backward(generator_loss(&n));
    assert_fails(WK_ECONSUMED, "backward: an earlier wk_backward used this part (mul) already: add the losses, or use "
                               "WK_RETAIN_GRAPH");
    gan_free(&n);
}

static void a_loss_from_before_the_critics_step(void **state) {
    (void)state;
    WK_SCOPE;
    gan n = gan_new();
    wk_tensor *loss = generator_loss(&n);
    wk_backward(critic_loss(&n, wk_detach(n.fake)));
    wk_optim_step(n.step_d);
    wk_backward(loss);
    assert_fails(WK_EVERSION, "backward: mul needs D.w () as it was, but sgd_step changed it in place: take the "
                              "gradients before the change, or change a copy");
    gan_free(&n);
}

/* Detaching the critic's input, or retaining and dropping what came to the generator, are the two cures. */
static void two_optimisers_in_turn(void **state) {
    (void)state;
    for (int detached = 0; detached < 2; detached++) {
        WK_SCOPE;
        gan n = gan_new();
        wk_backward_flags(critic_loss(&n, detached ? wk_detach(n.fake) : n.fake), detached ? 0 : WK_RETAIN_GRAPH);
        assert_close(grad(n.d), 6 - 1, 0, "fake - real");
        if (detached) assert_null(wk_grad_of(n.g));
        else assert_close(grad(n.g), 5 * 2, 0, "d z");
        wk_optim_step(n.step_d);
        wk_optim_zero_grad(n.step_g);
        wk_backward(generator_loss(&n));
        wk_optim_step(n.step_g);
        assert_close(wk_item(n.d), 5 - 0.5 * 5, 0, "one step of the critic");
        assert_close(wk_item(n.g), 3 + 0.5 * 2.5 * 2, 0, "one step of the generator, against the new critic");
        assert_close(grad(n.d), 5 - 6, 0, "the critic's gradient gathered both");
        gan_free(&n);
    }
    assert_ok();
}

/* ---------------------------------------------------------------------------------- a target that follows (DQN) --- */

/* Q(s) = w s, a target network that is a copy from every other step, acting between updates. */
static void a_target_copied_and_acting_between_updates(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net"), *online = wk_module_new(net, "online");
    wk_tensor *w = wk_module_add_parameter(online, "w", wk_scalar(1, WK_F64));
    wk_tensor *target = wk_module_add_parameter(wk_module_new(net, "target"), "w", w);
    wk_optim *sgd = wk_sgd_new(online, 0.125, NULL);
    double by_hand = 1, copied = 1;
    for (int i = 0; i < 6; i++) {
        WK_SCOPE;
        wk_tensor *s = wk_scalar(1 + i % 2, WK_F64), *q = wk_mul(w, s), *next;
        {
            WK_NO_GRAD;
            next = wk_add_scalar(wk_mul_scalar(wk_mul(target, s), 0.5), 1); /* 1 + 0.5 target s */
            assert_close(wk_item(wk_mul(w, s)), by_hand * (1 + i % 2), 0, "acts");
        }
        wk_optim_zero_grad(sgd);
        wk_backward(wk_square(wk_sub(q, next)));
        wk_optim_step(sgd);
        by_hand -= 0.125 * 2 * (by_hand * (1 + i % 2) - (1 + 0.5 * copied * (1 + i % 2))) * (1 + i % 2);
        assert_close(wk_item(w), by_hand, 1e-15, "w");
        assert_null(wk_grad_of(target));
        if (i % 2 == 0) continue;
        WK_NO_GRAD;
        wk_copy_(target, w);
        copied = by_hand;
    }
    assert_close(wk_item(target), by_hand, 1e-15, "the copy");
    wk_optim_free(sgd);
    wk_module_free(net);
    assert_ok();
}

/* The copy is a change like any other: a loss that still needs the target as it was is refused, and so is a copy that
 * would be recorded. */
static void a_target_copied_too_soon(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(1, "online.w"), *target = leaf(2, "target.w"), *loss = wk_mul(wk_square(w), target);
    wk_copy_(target, w);
    assert_fails(WK_EGRAD, "copy_: target.w is a leaf that requires a gradient: write it under WK_NO_GRAD");
    {
        WK_NO_GRAD;
        wk_copy_(target, w);
    }
    wk_backward(loss);
    assert_fails(WK_EVERSION, "backward: mul needs target.w () as it was, but copy_ changed it in place: take the "
                              "gradients before the change, or change a copy");
}

/* ------------------------------------------------------------------------------------------- gradient penalties --- */

static wk_tensor *wave(wk_tensor *t, double start) {
    WK_NO_GRAD;
    double *data = wk_data_mut(t);
    for (int64_t i = 0; i < wk_numel(t); i++) data[i] = 0.8 * cos(0.37 * (double)i + start);
    return t;
}

/* loss + (sum of (d loss / dx)^2 - 1)^2, differentiated; no gradient is touched before. */
static void check_penalty(wk_module *net, wk_tensor *x, wk_tensor *loss, double value, const double *sums) {
    wk_tensor *g;
    wk_grad(loss, &x, 1, &g, WK_CREATE_GRAPH);
    assert_null(wk_grad_of(x));
    for (int64_t i = 0; i < wk_module_parameter_count(net); i++)
        assert_null(wk_grad_of(wk_module_parameter_at(net, i)));
    wk_tensor *total = wk_add(loss, wk_square(wk_add_scalar(wk_sum(wk_square(g)), -1)));
    assert_close(wk_item(total), value, 1e-13, "loss and penalty");
    wk_backward(total);
    assert_close(wk_item(wk_sum(wk_grad_of(x))), sums[0], 1e-12, "x");
    for (int64_t i = 0; i < wk_module_parameter_count(net); i++) {
        wk_tensor *p = wk_module_parameter_at(net, i);
        assert_close(wk_item(wk_sum(wk_grad_of(p))), sums[1 + i], 1e-12, wk_name(p));
    }
    assert_ok();
}

/* torch 1.13: Linear(2, 3), tanh and Linear(3, 1); RNN(2, 3) and Linear(3, 1). Fused operations have second gradients,
 * too. The sums are of the gradients of x and of each parameter. */
static void penalty_on_the_gradient_of_a_network(void **state) {
    (void)state;
    static const double value[2] = {-0.34142934242645784, 7.111192199171172};
    static const double sums[2][7] = {
        {-2.568007686103291, 2.128510131188227, -3.8295928283150027, 0.030290269819506263, 2},
        {2.6999955422647703, 19.181053312141735, 12.258377409254493, 2.479590691613402, 2.479590691613403,
         -25.68568902904465, 8}};
    for (int recurrent = 0; recurrent < 2; recurrent++) {
        WK_SCOPE;
        wk_module *net = wk_module_new(NULL, "net");
        wk_rnn_options r = WK_RNN_OPTIONS;
        wk_linear_options l = WK_LINEAR_OPTIONS;
        r.batch_first = 1, r.dtype = l.dtype = WK_F64;
        wk_module *first = recurrent ? wk_rnn_new(net, "rnn", 2, 3, &r) : wk_linear_new(net, "in", 2, 3, &l);
        wk_module *out = wk_linear_new(net, "out", 3, 1, &l);
        for (int64_t i = 0; i < wk_module_parameter_count(net); i++) wave(wk_module_parameter_at(net, i), (double)i);
        wk_tensor *x = recurrent ? wk_zeros(WK_SHAPE(2, 4, 2), WK_F64) : wk_zeros(WK_SHAPE(2, 2), WK_F64);
        wk_requires_grad_(wave(x, 9), true);
        wk_tensor *h = recurrent ? wk_rnn_forward(first, x, NULL, NULL) : wk_tanh(wk_linear_forward(first, x));
        check_penalty(net, x, wk_sum(wk_linear_forward(out, h)), value[recurrent], sums[recurrent]);
        wk_module_free(net);
    }
}

/* -------------------------------------------------------------------------------------- results in one tensor --- */

static void steps_written_into_one_tensor(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(2, "w"), *out = wk_zeros(WK_SHAPE(3), WK_F64);
    for (int t = 0; t < 3; t++) {
        WK_SCOPE;
        wk_copy_(wk_select(out, 0, t), wk_mul_scalar(wk_mul(w, w), t + 1));
    }
    wk_backward(wk_sum(wk_mul(out, out)));
    assert_close(grad(w), (1 + 4 + 9) * 4 * 8, 0, "sum of (t + 1)^2 w^4");
    assert_ok();
}

/* Each step reads the one before it from that tensor: the next write changes what the gradient needs. */
static void steps_read_back_from_one_tensor(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(2, "w"), *out = wk_zeros(WK_SHAPE(3), WK_F64), *h = w;
    wk_list *states = wk_list_new();
    wk_copy_(wk_select(out, 0, 0), w);
    for (int t = 1; t < 3; t++) wk_copy_(wk_select(out, 0, t), wk_square(wk_select(out, 0, t - 1)));
    wk_backward(wk_sum(out));
    assert_fails(WK_EVERSION, "backward: square needs a tensor () as it was, but copy_ changed it in place: take the "
                              "gradients before the change, or change a copy; wk_stack collects parts without "
                              "changing any");
    wk_list_push(states, w);
    for (int t = 1; t < 3; t++) wk_list_push(states, h = wk_square(h));
    wk_zero_grad(w);
    wk_backward(wk_sum(wk_stack(states, 0)));
    assert_close(grad(w), 1 + 4 + 32, 0, "1 + 2w + 4w^3");
    assert_ok();
}

WK_TEST_MAIN("rules", cmocka_unit_test(gradients_gather_over_scopes), cmocka_unit_test(losses_gather_over_scopes),
             cmocka_unit_test(a_window_over_endless_history),
             cmocka_unit_test(what_an_outer_scope_owns_is_not_handed_on),
             cmocka_unit_test(the_generators_part_used_by_the_critic),
             cmocka_unit_test(a_loss_from_before_the_critics_step), cmocka_unit_test(two_optimisers_in_turn),
             cmocka_unit_test(a_target_copied_and_acting_between_updates), cmocka_unit_test(a_target_copied_too_soon),
             cmocka_unit_test(penalty_on_the_gradient_of_a_network), cmocka_unit_test(steps_written_into_one_tensor),
             cmocka_unit_test(steps_read_back_from_one_tensor))
