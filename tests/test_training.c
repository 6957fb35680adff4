/* test_training.c -- modules, optimisers, wk_grad, and running out of memory at every allocation. */
#include "injection.h"
#include "tensors.h"

/* ------------------------------------------------------------------------------------------------------ modules --- */

static void names_are_pytorchs(void **state) {
    (void)state;
    wk_module *net = wk_module_new(NULL, "net");
    wk_module *rnn = wk_rnn_new(net, "rnn", 1, 4, NULL);
    wk_linear_new(net, "out", 4, 1, NULL);
    static const char *const expected[] = {"rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0",
                                           "rnn.bias_hh_l0",   "out.weight",       "out.bias"};
    assert_int_equal(wk_module_parameter_count(net), 6);
    for (int i = 0; i < 6; i++) {
        assert_string_equal(wk_name(wk_module_parameter_at(net, i)), expected[i]);
        assert_ptr_equal(wk_module_parameter(net, expected[i]), wk_module_parameter_at(net, i));
    }
    assert_null(wk_module_parameter(net, "out.weight_ih_l0"));
    assert_null(wk_module_parameter_at(net, 6));
    assert_ptr_equal(wk_module_parameter(rnn, "bias_hh_l0"), wk_module_parameter_at(net, 3));
    wk_linear_new(net, "out", 1, 1, NULL);
    assert_fails(WK_EINVAL, "linear_new: Module \"net\" has a member \"out\" already");
    wk_module_new(net, "a.b");
    assert_fails(WK_EINVAL, "module_new: \"a.b\" is no name: it is empty or has a dot");
    wk_linear_forward(rnn, NULL);
    assert_fails(WK_EINVAL, "linear_forward: m is RNN, not a module of class Linear");
    wk_forward(rnn, NULL);
    assert_fails(
        WK_EINVAL,
        "forward: m is RNN, which has no forward with one input and output: call its own function, or its children");
    wk_module_free(rnn);
    assert_fails(WK_ESTATE, "module_free: \"rnn\" belongs to \"net\", which frees it");
    wk_module_free(net);
    assert_ok();
}

static void options_grow_without_breaking(void **state) {
    (void)state;
    wk_module *net = wk_module_new(NULL, "net");
    wk_linear_options o = WK_LINEAR_OPTIONS;
    o.bias = 0;
    wk_linear_new(net, "none", 2, 2, &o);
    assert_null(wk_module_parameter(net, "none.bias"));
    o.size = sizeof(size_t); /* an older program's struct: the rest is default */
    wk_linear_new(net, "older", 2, 2, &o);
    assert_non_null(wk_module_parameter(net, "older.bias"));
    struct { wk_linear_options known; int64_t later; } newer = {WK_LINEAR_OPTIONS, 0};
    newer.known.size = sizeof newer;
    wk_linear_new(net, "newer", 2, 2, &newer.known);
    assert_ok();
    newer.later = 1;
    wk_linear_new(net, "newest", 2, 2, &newer.known);
    assert_fails(WK_EINVAL, "linear_new: the options use a field that this version of wick does not know");
    o.size = 0;
    wk_linear_new(net, "unset", 2, 2, &o);
    assert_fails(WK_EINVAL, "linear_new: the options have no size: begin them with the WK_..._OPTIONS macro");
    wk_module_free(net);
}

typedef struct doubler { double factor; } doubler;
static int doublers_freed;
static wk_tensor *doubler_forward(wk_module *m, wk_tensor *x) {
    return wk_mul_scalar(x, ((doubler *)wk_module_self(m))->factor);
}
static void doubler_free(wk_module *m) { doublers_freed += wk_module_self(m) != NULL; }

static void users_write_classes(void **state) {
    (void)state;
    WK_SCOPE;
    static const wk_module_class cls = {sizeof cls, "Doubler", sizeof(doubler), doubler_forward, doubler_free, NULL};
    wk_module *net = wk_module_new(NULL, "net"), *m = wk_module_new_of(net, "twice", &cls);
    ((doubler *)wk_module_self(m))->factor = 2;
    assert_close(wk_item(wk_forward(m, wk_scalar(4, WK_F32))), 8, 0, "2 * 4");
    wk_module_free(net);
    assert_int_equal(doublers_freed, 1);
    assert_ok();
}

static double gradient_of(const wk_tensor *t) { return wk_grad_of(t) != NULL ? wk_item(wk_grad_of(t)) : (double)NAN; }

typedef struct squares {
    wk_tensor *scale;
} squares;

static wk_tensor *squares_forward(wk_module *m, wk_tensor *x) {
    WK_SCOPE;
    const squares *self = wk_module_self(m);
    return wk_yield(wk_mul(wk_mul(x, x), self->scale));
}

static int freed;
static void squares_free(wk_module *m) { freed += wk_module_self(m) != NULL; }

/* A module of a user's class, with a scope inside, under a Sequential that runs it and frees it. */
static void a_module_of_ones_own_in_a_sequential(void **state) {
    (void)state;
    WK_SCOPE;
    static const wk_module_class cls = {sizeof cls, "Squares", sizeof(squares), squares_forward, squares_free, NULL};
    wk_module *net = wk_sequential_new(NULL, "net");
    for (int i = 0; i < 2; i++) {
        wk_module *m = wk_module_new_of(net, NULL, &cls);
        ((squares *)wk_module_self(m))->scale = wk_module_add_parameter(m, "scale", wk_scalar(3, WK_F64));
    }
    wk_tensor *x = wk_requires_grad_(wk_scalar(2, WK_F64), true);
    wk_backward(wk_forward(net, x)); /* b (a x^2)^2 */
    assert_close(gradient_of(x), 4 * 3 * 9 * 8, 0, "4 a^2 b x^3");
    assert_close(gradient_of(wk_module_parameter(net, "0.scale")), 2 * 3 * 3 * 16, 0, "2 a b x^4");
    assert_close(gradient_of(wk_module_parameter(net, "1.scale")), 9 * 16, 0, "a^2 x^4");
    freed = 0;
    wk_module_free(net);
    assert_int_equal(freed, 2);
    assert_ok();
}

/* --------------------------------------------------------------------------------------------------- optimisers --- */

/* Adam in double, from the paper, for one parameter with gradient g at each step. */
static double adam_by_hand(double p, const double *g, int steps) {
    double m = 0, v = 0;
    for (int t = 1, i = 0; i < steps; i++) {
        if (isnan(g[i])) continue; /* absent: no decay, no moments, no step counted */
        m = 0.9 * m + 0.1 * g[i];
        v = 0.999 * v + 0.001 * g[i] * g[i];
        p -= 0.1 * (m / (1 - pow(0.9, t))) / (sqrt(v / (1 - pow(0.999, t))) + 1e-8);
        t++;
    }
    return p;
}

/* Two branches, taken at random: the parameter of the branch not taken must not move, and its count of steps
 * neither. */
static void a_branch_not_taken_is_left_alone(void **state) {
    (void)state;
    WK_SCOPE;
    enum { STEPS = 200 };
    wk_module *net = wk_module_new(NULL, "net");
    wk_tensor *a = wk_module_add_parameter(net, "a", wk_scalar(1, WK_F64));
    wk_tensor *b = wk_module_add_parameter(net, "b", wk_scalar(1, WK_F64));
    wk_tensor *c = wk_module_add_parameter(net, "c", wk_scalar(1, WK_F64));
    wk_optim *adam = wk_adam_new(net, 0.1, NULL);
    double ga[STEPS], gb[STEPS], gc[STEPS];
    wk_manual_seed(3);
    for (int i = 0; i < STEPS; i++) {
        WK_SCOPE;
        const bool left = wk_randint(0, 2) == 1;
        const double x = (double)wk_randint(-4, 5);
        wk_optim_zero_grad(adam);
        wk_backward(wk_add(wk_mul_scalar(left ? a : b, x), wk_mul_scalar(c, x + 0.5)));
        wk_optim_step(adam);
        ga[i] = left ? x : NAN, gb[i] = left ? NAN : x, gc[i] = x + 0.5;
        assert_close(wk_item(a), adam_by_hand(1, ga, i + 1), 1e-11, "a");
        assert_close(wk_item(b), adam_by_hand(1, gb, i + 1), 1e-11, "b");
        assert_close(wk_item(c), adam_by_hand(1, gc, i + 1), 1e-11, "c");
    }
    wk_optim_free(adam);
    wk_module_free(net);
    assert_ok();
}

/* torch.optim.SGD(lr=0.1, momentum=0.9, weight_decay=0.01, nesterov) by hand. */
static void sgd_with_everything(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    wk_tensor *w = wk_module_add_parameter(net, "w", wk_scalar(1, WK_F64));
    wk_sgd_options o = WK_SGD_OPTIONS;
    o.momentum = 0.9, o.weight_decay = 0.01, o.nesterov = 1;
    wk_optim *sgd = wk_sgd_new(net, 0.1, &o);
    double p = 1, buffer = 0;
    for (int i = 0; i < 20; i++) {
        WK_SCOPE;
        wk_optim_zero_grad(sgd);
        wk_backward(wk_mul(w, w));
        wk_optim_step(sgd);
        double g = 2 * p + 0.01 * p;
        buffer = i == 0 ? g : 0.9 * buffer + g;
        p -= 0.1 * (g + 0.9 * buffer);
        assert_close(wk_item(w), p, 1e-14, "w");
    }
    wk_optim_free(sgd);
    wk_module_free(net);
    wk_adam_new(NULL, 0.1, NULL);
    assert_fails(WK_EINVAL, "adam_new: module is NULL");
}

static double after_a_step(double (*gradient)(double p), wk_optim *(*make)(wk_module *m, double option),
                           double option) {
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    wk_tensor *w = wk_module_add_parameter(net, "w", wk_scalar(2, WK_F64));
    wk_optim *optim = make(net, option);
    for (int i = 0; i < 2; i++) {
        wk_optim_zero_grad(optim);
        wk_backward(wk_mul_scalar(w, gradient(i)));
        wk_optim_step(optim);
    }
    const double value = wk_item(w);
    wk_optim_free(optim);
    wk_module_free(net);
    return value;
}

static wk_optim *decayed(wk_module *m, double weight_decay) {
    wk_adamw_options o = WK_ADAMW_OPTIONS;
    o.weight_decay = weight_decay, o.eps = 0;
    return wk_adamw_new(m, 0.5, &o);
}

static wk_optim *without_momentum(wk_module *m, double beta1) {
    wk_adam_options o = WK_ADAM_OPTIONS;
    o.beta1 = beta1, o.beta2 = 0, o.eps = 0;
    return wk_adam_new(m, 0.5, &o);
}

static double one(double step) { return (void)step, 1; }
static double alternates(double step) { return step == 0 ? 4 : -1; }

/* Zero is a value like others, where a default stands beside it. */
static void an_option_of_zero(void **state) {
    (void)state;
    for (double decay = 0; decay < 0.3; decay += 0.125) {
        const double expected = ((2 * (1 - 0.5 * decay)) - 0.5) * (1 - 0.5 * decay) - 0.5;
        assert_close(after_a_step(one, decayed, decay), expected, 1e-14, "two steps of 0.5 with decay");
    }
    assert_close(after_a_step(alternates, without_momentum, 0), 2 - 0.5 + 0.5, 1e-14, "the sign of each gradient");
    assert_ok();
}

static void a_parameter_that_joins_later(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    wk_tensor *a = wk_module_add_parameter(net, "a", wk_scalar(1, WK_F32));
    wk_optim *sgd = wk_sgd_new(net, 1, NULL);
    wk_tensor *big = wk_module_add_parameter(net, "late", wk_zeros(WK_SHAPE(100000), WK_F32)); /* another slab */
    wk_backward(wk_add(wk_mul(a, a), wk_sum(big)));
    wk_optim_step(sgd);
    assert_fails(WK_ESTATE, "optim_step: late joined the module after the optimiser was made: wk_optim_add it");
    wk_optim_add(sgd);
    wk_optim_step(sgd);
    assert_close(wk_item(a), -1, 0, "1 - 2");
    assert_close(wk_get_f64(big, (const int64_t[]){99999}), -1, 0, "0 - 1");
    wk_module_free(net); /* the optimiser still holds it */
    wk_optim_zero_grad(sgd);
    wk_optim_free(sgd);
    assert_ok();
}

/* Two models in one slab: stepping one is no change of the other. */
static void actor_and_critic_under_one_root(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *root = wk_module_new(NULL, "root"), *actor = wk_module_new(root, "actor"),
              *critic = wk_module_new(root, "critic");
    wk_tensor *a = wk_module_add_parameter(actor, "w", wk_scalar(2, WK_F32));
    wk_tensor *c = wk_module_add_parameter(critic, "w", wk_scalar(3, WK_F32));
    wk_optim *critic_step = wk_sgd_new(critic, 1, NULL);
    wk_tensor *actor_loss = wk_mul(a, a), *both = wk_mul(a, wk_mul(c, c));
    wk_backward(wk_mul(c, c));
    wk_optim_step(critic_step);
    assert_close(wk_item(c), -3, 0, "3 - 6");
    wk_backward(actor_loss);
    assert_ok();
    wk_backward(both);
    assert_fails(WK_EVERSION, "backward: mul needs critic.w () as it was, but sgd_step changed it in place: take the "
                              "gradients before the change, or change a copy");
    wk_optim_free(critic_step);
    wk_module_free(root);
}

/* ------------------------------------------------------------------------------------------------------ wk_grad --- */

static void grad_of_anything(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = wk_requires_grad_(wk_scalar(2, WK_F64), true), *v = wk_requires_grad_(wk_scalar(5, WK_F64), true);
    wk_tensor *y = wk_mul(w, w), *z = wk_mul(y, wk_mul(y, w)); /* z = y^2 w = w^5 */
    wk_tensor *g[4];
    wk_grad(z, (wk_tensor *const[]){w, y, v, w}, 4, g, WK_CREATE_GRAPH);
    assert_ok();
    assert_close(wk_item(g[0]), 80, 0, "5 w^4");
    assert_close(wk_item(g[1]), 16, 0, "2 y w");
    assert_close(wk_item(g[2]), 0, 0, "does not depend on v");
    assert_close(wk_item(g[3]), 80, 0, "named twice");
    assert_null(wk_grad_of(w));
    wk_grad(g[0], &w, 1, g, WK_CREATE_GRAPH);
    assert_close(wk_item(g[0]), 160, 0, "20 w^3");
    wk_grad(g[0], &w, 1, g, 0);
    assert_close(wk_item(g[0]), 240, 0, "60 w^2");
    wk_grad(w, &v, 1, g, 0);
    assert_close(wk_item(g[0]), 0, 0, "a leaf of another");
    assert_null(wk_grad_of(w));
    assert_ok();
}

/* The gradient of a view's gradient is a view of what arrives there, which waits for the gradient of y as well. */
static void gradients_of_gradients_of_views(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = matrix_leaf(2, 2, 0.25), *y = wk_tanh(x), *row = wk_select(y, 0, 0), *g, *expected;
    wk_tensor *whole = wk_sum(wk_tanh(y)), *part = wk_sum(wk_tanh(row));
    wk_grad(wk_add(part, whole), &x, 1, &g, WK_CREATE_GRAPH);
    wk_tensor *penalty = wk_sum(wk_square(g));
    wk_grad(penalty, &x, 1, &expected, WK_RETAIN_GRAPH);
    wk_backward(penalty);
    assert_true(wk_allclose(wk_grad_of(x), expected, 1e-12, 0, false));
    assert_ok();
}

/* The penalty of WGAN-GP: (|d D(x) / dx|^2 - 1)^2 for D(x) = a x^2, differentiated by a. */
static void gradient_penalty(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *a = wk_requires_grad_(wk_scalar(0.5, WK_F64), true), *x = wk_requires_grad_(wk_scalar(3, WK_F64), true);
    wk_tensor *d = wk_mul(a, wk_mul(x, x)), *g;
    wk_grad(d, &x, 1, &g, WK_CREATE_GRAPH); /* 2 a x */
    wk_tensor *excess = wk_sub(wk_mul(g, g), wk_scalar(1, WK_F64));
    wk_backward(wk_mul(excess, excess));
    assert_close(wk_item(wk_grad_of(a)), 2 * (9 - 1) * 8 * 0.5 * 9, 1e-12, "2 (4a^2x^2 - 1) 8 a x^2");
    assert_ok();
}

static void a_graph_as_deep_as_memory_allows(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_scalar(1, WK_F64), true), *one = wk_scalar(1, WK_F64), *y = x;
    for (int i = 0; i < 1000000; i++) y = wk_mul(y, one);
    wk_backward(y);
    assert_close(wk_item(wk_grad_of(x)), 1, 0, "a million factors of 1");
    assert_ok();
}

/* ------------------------------------------------------------------------------------------------ out of memory --- */

/* Two steps of training with everything there is. */
static void step(wk_module *rnn, wk_module *out, wk_optim *adam, wk_tensor **h) {
    WK_SCOPE;
    wk_tensor *x = wk_full(WK_SHAPE(2, 3, 1), 0.5, WK_F32), *hn, *g;
    wk_tensor *r = wk_rnn_forward(rnn, x, *h, &hn);
    wk_list *ys = wk_list_new();
    for (int64_t t = 0; t < 3; t++) wk_list_push(ys, wk_linear_forward(out, wk_select(r, 1, t)));
    wk_tensor *loss = wk_mse_loss(wk_stack(ys, 1), wk_rand(WK_SHAPE(2, 3, 1), WK_F32));
    wk_grad(loss, &r, 1, &g, WK_CREATE_GRAPH);
    wk_optim_zero_grad(adam);
    wk_backward(wk_add(loss, wk_sum(wk_mul(g, g))));
    wk_optim_step(adam);
    wk_keep(h, wk_detach(hn));
}

static void train(int unused) {
    (void)unused;
    WK_SCOPE;
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    wk_module *net = wk_module_new(NULL, "net"), *rnn = wk_rnn_new(net, "rnn", 1, 4, &options);
    wk_module *out = wk_linear_new(net, "out", 4, 1, NULL);
    wk_optim *adam = wk_adam_new(net, 0.01, NULL);
    wk_tensor *h = NULL;
    for (int i = 0; i < 2 && wk_ok(); i++) step(rnn, out, adam, &h);
    wk_release(&h);
    wk_optim_free(adam);
    wk_module_free(net);
}

static void memory_runs_out(void **state) {
    (void)state;
    run_out(train, 0, "training");
}

WK_TEST_MAIN("training", cmocka_unit_test(names_are_pytorchs), cmocka_unit_test(options_grow_without_breaking),
             cmocka_unit_test(users_write_classes), cmocka_unit_test(a_module_of_ones_own_in_a_sequential),
             cmocka_unit_test(a_branch_not_taken_is_left_alone), cmocka_unit_test(sgd_with_everything),
             cmocka_unit_test(an_option_of_zero), cmocka_unit_test(a_parameter_that_joins_later),
             cmocka_unit_test(actor_and_critic_under_one_root), cmocka_unit_test(grad_of_anything),
             cmocka_unit_test(gradients_of_gradients_of_views), cmocka_unit_test(gradient_penalty),
             cmocka_unit_test(a_graph_as_deep_as_memory_allows), cmocka_unit_test(memory_runs_out))
