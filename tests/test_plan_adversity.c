/* test_plan_adversity.c -- what happens between two runs of a plan: parameters are written, loaded, frozen, shared or
 * replaced, what it holds is freed, another thread comes. Each is either right, or refused by name. */
#include <pthread.h>

#include "same_bits.h"

typedef struct net {
    wk_module *root, *below, *above;
    wk_optim *optim;
} net;

static net net_new(void) {
    net n = {.root = wk_module_new(NULL, "net")};
    wk_manual_seed(3);
    n.below = wk_linear_new(n.root, "below", 3, 4, NULL);
    n.above = wk_linear_new(n.root, "above", 4, 2, NULL);
    n.optim = wk_adam_new(n.root, 0.01, NULL);
    return n;
}

static void net_free(net *n) {
    wk_optim_free(n->optim);
    wk_module_free(n->root);
}

static bool step(void *user, wk_tensor *const *in, wk_tensor **out) {
    net *n = user;
    out[0] = wk_mean(wk_square(wk_linear_forward(n->above, wk_tanh(wk_linear_forward(n->below, in[0])))));
    wk_optim_zero_grad(n->optim);
    wk_backward(out[0]);
    wk_optim_step(n->optim);
    return true;
}

static bool infer(void *user, wk_tensor *const *in, wk_tensor **out) {
    WK_NO_GRAD;
    net *n = user;
    out[0] = wk_mean(wk_linear_forward(n->above, wk_tanh(wk_linear_forward(n->below, in[0]))));
    return true;
}

/* A network, and its twin that a plan trains. */
typedef struct pair {
    net eager, planned;
    wk_function *f;
    wk_plan *plan;
} pair;

static pair pair_new(wk_function *f) {
    pair p = {net_new(), net_new(), f, NULL};
    return p;
}

static void pair_free(pair *p) {
    wk_plan_free(p->plan);
    net_free(&p->eager);
    net_free(&p->planned);
}

/* Runs both a few times, and compares. */
static void agree(pair *p, int64_t rows) {
    if (p->plan == NULL) p->plan = wk_plan_new(p->f, &p->planned, 1, 1, NULL);
    for (int i = 0; i < 3; i++) {
        WK_SCOPE;
        wk_tensor *x = wk_randn(WK_SHAPE(rows, 3), WK_F32), *a = NULL, *b = NULL;
        p->f(&p->eager, &x, &a);
        wk_plan_run(p->plan, &x, &b);
        assert_ok();
        assert_true(a != NULL && same_bits(a, b));
        for (int64_t k = 0; k < wk_module_parameter_count(p->eager.root); k++)
            assert_true(
                same_bits(wk_module_parameter_at(p->eager.root, k), wk_module_parameter_at(p->planned.root, k)));
    }
}

/* The plan refuses, in these words among others. */
static void is_refused(pair *p, wk_status status, const char *words) {
    WK_SCOPE;
    wk_tensor *x = wk_randn(WK_SHAPE(2, 3), WK_F32), *y;
    wk_error e;
    wk_plan_run(p->plan, &x, &y);
    wk_check(&e);
    if (e.status != status || strstr(e.message, words) == NULL) fail_msg("%s: %s", wk_status_name(e.status), e.message);
}

static void each_twin(pair *p, void (*change)(net *n)) {
    change(&p->eager);
    change(&p->planned);
}

/* --------------------------------------------------------------------------------------------------- parameters --- */

static void write_weight(net *n) {
    WK_NO_GRAD;
    wk_mul_scalar_(wk_module_parameter(n->below, "weight"), 0.5);
}

static void write_by_pointer(net *n) {
    float *w = wk_data_mut(wk_module_parameter(n->above, "weight"));
    for (int i = 0; i < 8; i++) w[i] = (float)i / 8;
}

static void set_rate(net *n) { wk_optim_set_lr(n->optim, 0.5); }
static void set_decay(net *n) { wk_optim_set_lr_scale(n->optim, wk_module_parameter(n->below, "bias"), 0.25); }

static void clear_gradients(net *n) { wk_optim_zero_grad(n->optim); }

static void what_is_written_between_runs(void **state) {
    (void)state;
    WK_SCOPE;
    wk_function *const functions[] = {step, infer};
    void (*const changes[])(net *) = {write_weight, write_by_pointer, set_rate, set_decay, clear_gradients};
    for (int f = 0; f < 2; f++) {
        pair p = pair_new(functions[f]);
        agree(&p, 2);
        for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
            each_twin(&p, changes[i]);
            agree(&p, 2);
        }
        pair_free(&p);
    }
}

/* Weights and the optimiser's state, from a file. */
static void a_state_that_is_loaded(void **state) {
    (void)state;
    WK_SCOPE;
    const char *path = "test_plan_adversity.safetensors";
    wk_function *const functions[] = {step, infer};
    for (int f = 0; f < 2; f++) {
        pair p = pair_new(functions[f]);
        wk_error e;
        agree(&p, 2);
        assert_int_equal(wk_checkpoint_save(path, p.eager.root, &p.eager.optim, 1, &e), WK_OK);
        agree(&p, 2);
        assert_int_equal(wk_checkpoint_load(path, p.eager.root, &p.eager.optim, 1, &e), WK_OK);
        assert_int_equal(wk_checkpoint_load(path, p.planned.root, &p.planned.optim, 1, &e), WK_OK);
        agree(&p, 2);
        pair_free(&p);
    }
    remove(path);
}

static void freeze(net *n) { wk_module_requires_grad_(n->below, false); }
static void thaw(net *n) { wk_module_requires_grad_(n->below, true); }

static void frozen_parameters(void **state) {
    (void)state;
    WK_SCOPE;
    pair p = pair_new(step);
    agree(&p, 2);
    each_twin(&p, freeze);
    agree(&p, 2);
    each_twin(&p, thaw);
    agree(&p, 2);
    pair_free(&p);
    pair q = pair_new(infer);
    agree(&q, 2);
    each_twin(&q, freeze);
    agree(&q, 2);
    pair_free(&q);
}

static void share(net *n) { wk_module_share(n->root); }

/* What every thread may read nobody may write, nor a plan that did so before. */
static void shared_parameters(void **state) {
    (void)state;
    WK_SCOPE;
    pair p = pair_new(infer), q = pair_new(step);
    agree(&p, 2);
    each_twin(&p, share);
    agree(&p, 2);
    pair_free(&p);
    agree(&q, 2);
    each_twin(&q, share);
    wk_tensor *x = wk_randn(WK_SHAPE(2, 3), WK_F32), *y;
    wk_error eager;
    step(&q.eager, &x, &y);
    wk_check(&eager);
    assert_int_not_equal(eager.status, WK_OK);
    wk_error planned;
    wk_plan_run(q.plan, &x, &y);
    wk_check(&planned);
    assert_string_equal(planned.message, eager.message);
    for (int64_t k = 0; k < wk_module_parameter_count(q.eager.root); k++)
        assert_true(same_bits(wk_module_parameter_at(q.eager.root, k), wk_module_parameter_at(q.planned.root, k)));
    pair_free(&q);
}

/* A leaf that is no parameter: it has no gradient any more when it requires none. */
static bool of_leaf(void *user, wk_tensor *const *in, wk_tensor **out) {
    wk_tensor *leaf = *(wk_tensor **)user, *own = wk_requires_grad_(wk_clone(in[0]), true);
    wk_zero_grad(leaf);
    wk_backward(out[0] = wk_sum(wk_mul(leaf, own)));
    out[1] = wk_grad_of(own);
    return true;
}

static void a_leaf_of_ones_own(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *leaf = NULL, *x = wk_ones(WK_SHAPE(2, 3), WK_F32), *out[2];
    wk_keep(&leaf, wk_requires_grad_(wk_randn(WK_SHAPE(2, 3), WK_F32), true));
    wk_plan *plan = wk_plan_new(of_leaf, &leaf, 1, 2, NULL);
    for (int i = 0; i < 3; i++) wk_plan_run(plan, &x, out);
    assert_ok();
    assert_non_null(wk_grad_of(leaf));
    wk_zero_grad(leaf);
    wk_requires_grad_(leaf, false);
    wk_error e;
    wk_plan_run(plan, &x, out);
    wk_check(&e);
    if (e.status == WK_OK)
        assert_null(wk_grad_of(leaf));
    else if (strstr(e.message, "a parameter frozen or thawed") == NULL)
        fail_msg("%s", e.message);
    wk_plan_free(plan);
    wk_release(&leaf);
}

/* The step reads other tensors than were recorded: the next look says so. */
static void a_layer_that_is_replaced(void **state) {
    (void)state;
    WK_SCOPE;
    pair p = pair_new(infer);
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.checks = 8;
    p.plan = wk_plan_new(infer, &p.planned, 1, 1, &o);
    agree(&p, 2);
    wk_module *new = wk_linear_new(NULL, "new", 4, 2, NULL);
    p.planned.above = new;
    is_refused(&p, WK_ESTATE, "it read one tensor from outside the step, then another in its place");
    pair_free(&p);
    wk_module_free(new);
}

/* A parameter that joins is not the optimiser's yet: as in the function, the step is refused until it is taken up. */
static void a_parameter_that_joins(void **state) {
    (void)state;
    WK_SCOPE;
    pair p = pair_new(step);
    wk_error eager, planned;
    wk_tensor *x = wk_randn(WK_SHAPE(2, 3), WK_F32), *y;
    agree(&p, 2);
    wk_linear_new(p.eager.root, "new", 4, 2, NULL);
    wk_linear_new(p.planned.root, "new", 4, 2, NULL);
    step(&p.eager, &x, &y);
    wk_check(&eager);
    wk_plan_run(p.plan, &x, &y);
    wk_check(&planned);
    assert_int_not_equal(eager.status, WK_OK);
    assert_string_equal(eager.message, planned.message);
    pair_free(&p);
}

/* ------------------------------------------------------------------------------------- who owns what a plan has --- */

/* A plan holds what it needs. */
static void what_is_freed_first(void **state) {
    (void)state;
    WK_SCOPE;
    pair p = pair_new(step);
    agree(&p, 2);
    wk_optim_free(p.planned.optim);
    wk_module_free(p.planned.root);
    wk_plan_free(p.plan);
    assert_ok();
    net_free(&p.eager);
}

typedef struct elsewhere {
    wk_plan *plan;
    wk_error error;
} elsewhere;

static void *run_elsewhere(void *user) {
    elsewhere *e = user;
    WK_SCOPE;
    wk_tensor *x = wk_ones(WK_SHAPE(2, 3), WK_F32), *y;
    wk_plan_run(e->plan, &x, &y);
    wk_check(&e->error);
    return NULL;
}

/* A plan is of a context, and that of one thread at a time. */
static void another_thread(void **state) {
    (void)state;
    WK_SCOPE;
    pair p = pair_new(step);
    pthread_t thread;
    agree(&p, 2);
    elsewhere e = {.plan = p.plan};
    assert_int_equal(pthread_create(&thread, NULL, run_elsewhere, &e), 0);
    pthread_join(thread, NULL);
    assert_int_equal(e.error.status, WK_ECONTEXT);
    assert_string_equal(e.error.message, "plan_run: the plan belongs to another context");
    agree(&p, 2);
    pair_free(&p);
}

/* Two contexts, each with its plan, in two threads at once. */
static void *train_alone(void *user) {
    WK_SCOPE;
    pair p = pair_new(step);
    for (int64_t rows = 1; rows < 20; rows++) agree(&p, rows);
    pair_free(&p);
    *(bool *)user = wk_ok();
    return NULL;
}

static void two_threads(void **state) {
    (void)state;
    pthread_t threads[2];
    bool fine[2] = {false, false};
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, train_alone, &fine[i]), 0);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_true(fine[0] && fine[1]);
}

WK_TEST_MAIN("plans and what happens between their runs", cmocka_unit_test(what_is_written_between_runs),
             cmocka_unit_test(a_state_that_is_loaded), cmocka_unit_test(frozen_parameters),
             cmocka_unit_test(shared_parameters), cmocka_unit_test(a_leaf_of_ones_own),
             cmocka_unit_test(a_layer_that_is_replaced), cmocka_unit_test(a_parameter_that_joins),
             cmocka_unit_test(what_is_freed_first), cmocka_unit_test(another_thread), cmocka_unit_test(two_threads))
