/* test_plan_modes.c -- a plan that was recorded in training does not go on dropping in evaluation, nor with the
 * gradient of a parameter that was frozen since, nor for good with a number that is another by now. */
#include "same_bits.h"

typedef struct two {
    wk_module *net, *below, *dropout, *above;
} two;

static bool step(void *user, wk_tensor *const *in, wk_tensor **out) {
    const two *n = user;
    out[0] = wk_sum(wk_forward(n->above, wk_forward(n->dropout, wk_forward(n->below, in[0]))));
    if (!wk_grad_enabled()) return true;
    wk_zero_grad(wk_module_parameter(n->below, "weight"));
    wk_zero_grad(wk_module_parameter(n->above, "weight"));
    wk_backward(out[0]);
    return true;
}

/* A network, its twin, and a plan for the twin. */
typedef struct pair {
    two eager, planned;
    wk_plan *plan;
} pair;

static two two_new(void) {
    wk_manual_seed(2);
    two n = {.net = wk_module_new(NULL, "net")};
    wk_linear_options o = WK_LINEAR_OPTIONS;
    o.bias = 0;
    n.below = wk_linear_new(n.net, "below", 3, 3, &o);
    n.dropout = wk_dropout_new(n.net, "dropout", 0.5);
    n.above = wk_linear_new(n.net, "above", 3, 3, &o);
    return n;
}

static void pair_begin(pair *p, int32_t frozen) {
    *p = (pair){two_new(), two_new(), NULL};
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.frozen = frozen;
    p->plan = wk_plan_new(step, &p->planned, 1, 1, &o);
}

static void pair_end(pair *p) {
    wk_plan_free(p->plan);
    wk_module_free(p->eager.net);
    wk_module_free(p->planned.net);
    assert_ok();
}

/* Both a few times, with the same draws. */
static void agree(const pair *p) {
    for (uint64_t i = 0; i < 3; i++) {
        WK_SCOPE;
        wk_tensor *x = wk_ones(WK_SHAPE(2, 3), WK_F32), *of_eager = NULL, *of_plan = NULL;
        wk_manual_seed(i);
        step((void *)(uintptr_t)&p->eager, &x, &of_eager);
        wk_manual_seed(i);
        wk_plan_run(p->plan, &x, &of_plan);
        assert_true(of_plan != NULL && same_bits(of_eager, of_plan));
        for (int64_t k = 0; k < 2; k++)
            assert_true(same_bits(wk_grad_of(wk_module_parameter_at(p->eager.net, k)),
                                  wk_grad_of(wk_module_parameter_at(p->planned.net, k))));
    }
}

static wk_plan_stats stats_of(const pair *p) {
    wk_plan_stats s = WK_PLAN_STATS;
    wk_plan_stats_of(p->plan, &s);
    return s;
}

static void train(const two *n, bool on) { wk_module_train(n->net, on); }
static void thaw(const two *n, bool on) { wk_module_requires_grad_(n->below, on); }
static void record(const two *n, bool on) {
    (void)n;
    wk_set_grad_enabled(on);
}

typedef void turn_function(const two *n, bool on);
static turn_function *const turns[] = {train, thaw, record};

static void turn(const pair *p, turn_function *f, bool on) {
    f(&p->eager, on);
    f(&p->planned, on);
}

/* A recording for each mode, and none anew where the first comes back. */
static void a_recording_for_each_mode(void **state) {
    (void)state;
    WK_SCOPE;
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        pair p;
        pair_begin(&p, 0);
        for (int round = 0; round < 4; round++) {
            turn(&p, turns[i], round % 2 == 0);
            agree(&p);
        }
        turn(&p, turns[i], true);
        assert_int_equal(stats_of(&p).captures, 2);
        assert_int_equal(stats_of(&p).hits, 10);
        pair_end(&p);
    }
}

/* Which call differs first, the message says in its own words. */
static void is_refused(const pair *p) {
    WK_SCOPE;
    wk_error e;
    wk_tensor *x = wk_ones(WK_SHAPE(2, 3), WK_F32), *y;
    wk_plan_run(p->plan, &x, &y);
    assert_null(y);
    assert_int_equal(wk_check(&e), WK_ESTATE);
    assert_non_null(strstr(e.message, "the step does not do the same each time"));
    assert_non_null(strstr(e.message,
                           "a module was put into another mode, or joined by another, or a parameter frozen or "
                           "thawed, since"));
}

static void a_frozen_plan_has_one_mode(void **state) {
    (void)state;
    WK_SCOPE;
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        pair p;
        pair_begin(&p, 1);
        agree(&p);
        turn(&p, turns[i], false);
        is_refused(&p);
        is_refused(&p);
        turn(&p, turns[i], true);
        agree(&p);
        pair_end(&p);
    }
}

/* Looked at once more, and not recorded anew. */
static void a_mode_that_does_not_matter(void **state) {
    (void)state;
    WK_SCOPE;
    pair p;
    pair_begin(&p, 1);
    agree(&p);
    wk_module_train(p.planned.above, false);
    agree(&p);
    assert_int_equal(stats_of(&p).captures, 1);
    assert_int_equal(stats_of(&p).hits, 5);
    pair_end(&p);
}

/* A mode that is turned in each run and does not matter costs a look for either, and no more. */
static bool counted(void *user, wk_tensor *const *in, wk_tensor **out) {
    ++*(int *)user;
    out[0] = wk_neg(in[0]);
    return true;
}

static void modes_of_no_matter(void **state) {
    (void)state;
    WK_SCOPE;
    int looks = 0, looks_at_both = 0;
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.checks = 0;
    wk_plan *plan = wk_plan_new(counted, &looks, 1, 1, &o);
    wk_module *other = wk_dropout_new(NULL, "other", 0.5);
    wk_tensor *x = wk_ones(WK_SHAPE(3), WK_F32), *y;
    for (int i = 0; i < 40; i++) {
        wk_module_train(other, i % 2 == 0);
        wk_set_grad_enabled(i % 4 < 2);
        wk_plan_run(plan, &x, &y);
        if (i == 3) looks_at_both = looks;
    }
    wk_set_grad_enabled(true);
    assert_int_equal(looks, looks_at_both);
    wk_plan_free(plan);
    wk_module_free(other);
    assert_ok();
}

/* A factor that is annealed from the fifth run on: the tenth looks again, and each one after it that was refused. */
static bool anneals(void *user, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_mul_scalar(in[0], *(const double *)user);
    return true;
}

static int first_refusal(int32_t checks, int runs) {
    WK_SCOPE;
    double factor = 1;
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.checks = checks;
    wk_plan *plan = wk_plan_new(anneals, &factor, 1, 1, &o);
    wk_tensor *x = wk_ones(WK_SHAPE(3), WK_F32), *y;
    int i = 1;
    for (; i <= runs; i++) {
        if (i >= 5) factor = 0.5;
        if (wk_plan_run(plan, &x, &y) == WK_OK) continue;
        assert_fails(WK_ESTATE, "mul_scalar: s was 1, then 0.5: a plan would go on with the first; pass a 0-d tensor "
                                "that is an input, to the row for two tensors");
        break;
    }
    assert_int_equal(wk_plan_run(plan, &x, &y), checks > 0 ? WK_ESTATE : WK_OK);
    wk_check(NULL);
    wk_plan_free(plan);
    return i;
}

static void what_changes_later(void **state) {
    (void)state;
    assert_int_equal(first_refusal(1, 100), 11); /* the first run records; ten others */
    assert_int_equal(first_refusal(6, 100), 5);
    assert_int_equal(first_refusal(0, 100), 101);
}

/* A number that stands for something else is told as what it stands for. */
static bool loses(void *user, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_mse_loss_options(in[0], in[1], user);
    return true;
}

static void a_change_is_told_in_words(void **state) {
    (void)state;
    WK_SCOPE;
    wk_loss_options o = WK_LOSS_OPTIONS;
    wk_plan *plan = wk_plan_new(loses, &o, 2, 1, NULL);
    wk_tensor *in[] = {wk_ones(WK_SHAPE(3), WK_F32), wk_zeros(WK_SHAPE(3), WK_F32)}, *y;
    wk_plan_run(plan, in, &y);
    o.reduction = WK_REDUCTION_SUM;
    wk_plan_run(plan, in, &y);
    assert_fails(WK_ESTATE,
                 "mse_loss: reduction was mean, then sum: a plan would go on with the first; have a plan for "
                 "each");
    wk_plan_free(plan);
}

/* What takes a tensor in place of the number that changes is named. */
typedef wk_tensor *of_number(wk_tensor *x, double s);

static wk_tensor *clamped(wk_tensor *x, double s) { return wk_clamp(x, -s, 9); }
static wk_tensor *drawn(wk_tensor *x, double s) { return wk_add(x, wk_bernoulli(s / 8, WK_SHAPE(3), WK_F32)); }
static wk_tensor *scattered(wk_tensor *x, double s) { return wk_add(x, wk_uniform(0, s, WK_SHAPE(3), WK_F32)); }
static wk_tensor *rare(wk_tensor *x, double s) { return wk_add(x, wk_exponential(s, WK_SHAPE(3), WK_F32)); }
static wk_tensor *cut(wk_tensor *x, double s) { return wk_slice(x, 0, (int64_t)s, 3, 1); }

typedef struct of_user {
    of_number *f;
    double s;
} of_user;

static bool of_a_number(void *user, wk_tensor *const *in, wk_tensor **out) {
    const of_user *u = user;
    out[0] = u->f(in[0], u->s);
    return true;
}

static void numbers_that_change(void **state) {
    (void)state;
    WK_SCOPE;
#define TWO "pass a 0-d tensor that is an input, to the row for two tensors"
#define SPELLED "spell it out in tensors, of which this is an input, or have a plan for each"
    static const struct {
        of_number *f;
        const char *what, *instead;
    } cases[] = {
        {wk_pow_scalar, "pow_scalar: exponent was 1, then 2", TWO},
        {wk_rdiv_scalar, "rdiv_scalar: s was 1, then 2", TWO},
        {wk_remainder_scalar, "remainder_scalar: s was 1, then 2", TWO},
        {clamped, "clamp: min was -1, then -2", "wk_clamp_tensor takes bounds that are inputs"},
        {drawn, "bernoulli: p was 0.125, then 0.25", "compare wk_rand with a p that is an input (wk_lt)"},
        {scattered, "uniform: high was 1, then 2", "scale wk_rand by tensors that are inputs"},
        {rare, "exponential: rate was 1, then 2", "divide wk_exponential of rate 1 by a rate that is an input"},
        {cut, "slice: start was 1, then 2", "wk_index_select takes an index that is an input"},
        {wk_leaky_relu, "leaky_relu: negative_slope was 1, then 2", SPELLED},
    };
    wk_tensor *x = wk_ones(WK_SHAPE(3), WK_F32), *out;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[256];
        of_user u = {cases[i].f, 1};
        wk_plan *plan = wk_plan_new(of_a_number, &u, 1, 1, NULL);
        assert_int_equal(wk_plan_run(plan, &x, &out), WK_OK);
        u.s = 2;
        wk_plan_run(plan, &x, &out);
        snprintf(message, sizeof message, "%s: a plan would go on with the first; %s", cases[i].what, cases[i].instead);
        assert_fails(WK_ESTATE, message);
        wk_plan_free(plan);
    }
}

/* ------------------------------------------------------------------------------------ questions about gradients --- */

/* What the step asks of a tensor, which it may not read. */
typedef struct question {
    bool (*ask)(wk_tensor *w);
    wk_tensor *w;
    bool reads;
} question;

static bool has_gradient(wk_tensor *w) { return wk_grad_of(w) != NULL; }
static bool wants_gradient(wk_tensor *w) { return wk_requires_grad(w); }

static bool asks(void *user, wk_tensor *const *in, wk_tensor **out) {
    const question *q = user;
    out[0] = wk_detach(q->reads ? wk_add(in[0], q->w) : wk_neg(in[0]));
    if (q->ask(q->w)) out[0] = wk_neg(out[0]);
    return true;
}

static void assert_answered(wk_plan *plan, question *q) {
    WK_SCOPE;
    wk_tensor *x = wk_randn(WK_SHAPE(3), WK_F32), *of_eager = NULL, *of_plan = NULL;
    asks(q, &x, &of_eager);
    wk_plan_run(plan, &x, &of_plan);
    assert_true(of_plan != NULL && same_bits(of_eager, of_plan));
}

static void answers_that_change(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++) {
        WK_SCOPE;
        question q = {i % 2 ? has_gradient : wants_gradient, wk_ones(WK_SHAPE(3), WK_F32), i / 2 % 2};
        wk_requires_grad_(q.w, i / 4);
        wk_plan *plan = wk_plan_new(asks, &q, 1, 1, NULL);
        for (int run = 0; run < 3; run++) assert_answered(plan, &q);
        wk_requires_grad_(q.w, true);
        wk_backward(wk_sum(wk_mul(q.w, q.w)));
        assert_answered(plan, &q);
        wk_zero_grad(q.w);
        assert_answered(plan, &q);
        wk_requires_grad_(q.w, false);
        assert_answered(plan, &q);
        wk_plan_free(plan);
        assert_ok();
    }
}

/* -------------------------------------------------------------------------------------------- modules that grow --- */

/* A step of all parameters that there are, through all layers. */
typedef struct growing {
    wk_module *layers;
    wk_optim *sgd;
} growing;

static bool growing_step(void *user, wk_tensor *const *in, wk_tensor **out) {
    const growing *g = user;
    wk_optim_zero_grad(g->sgd);
    wk_backward(wk_sum(wk_square(wk_forward(g->layers, in[0]))));
    out[0] = wk_grad_norm(g->layers);
    wk_clip_grad_norm(g->layers, 0.1);
    wk_optim_step(g->sgd);
    return true;
}

static growing growing_new(void) {
    wk_module *layers = wk_sequential_new(NULL, "layers");
    wk_manual_seed(4);
    wk_linear_new(layers, NULL, 3, 3, NULL);
    return (growing){layers, wk_sgd_new(layers, 0.1, NULL)};
}

static void growing_grow(const growing *g, int round) {
    wk_manual_seed(5);
    if (round == 1) wk_tanh_new(g->layers, NULL);
    if (round == 2) wk_linear_new(g->layers, NULL, 3, 3, NULL);
    if (round == 3) wk_module_add_parameter(g->layers, "unused", wk_ones(WK_SHAPE(4), WK_F32));
    wk_optim_add(g->sgd);
    wk_tensor *unused = wk_module_parameter(g->layers, "unused");
    if (unused != NULL) wk_backward(wk_sum(unused)); /* for zero_grad to make absent */
}

/* What joins a module, and an optimiser, is part of the step from the next run on, though its inputs are the same. */
static void a_module_that_grows(void **state) {
    (void)state;
    growing eager = growing_new(), planned = growing_new();
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.checks = 0;
    wk_plan *plan = wk_plan_new(growing_step, &planned, 1, 1, &o);
    for (int run = 0; run < 12; run++) {
        WK_SCOPE;
        wk_tensor *x = wk_ones(WK_SHAPE(2, 3), WK_F32), *of_eager = NULL, *of_plan = NULL;
        if (run % 3 == 0) growing_grow(&eager, run / 3), growing_grow(&planned, run / 3);
        growing_step(&eager, &x, &of_eager);
        wk_plan_run(plan, &x, &of_plan);
        assert_true(of_plan != NULL && same_bits(of_eager, of_plan));
        for (int64_t k = 0; k < wk_module_parameter_count(eager.layers); k++) {
            wk_tensor *p = wk_module_parameter_at(eager.layers, k), *q = wk_module_parameter_at(planned.layers, k);
            assert_true(same_bits(p, q) && (wk_grad_of(p) == NULL) == (wk_grad_of(q) == NULL));
        }
    }
    wk_plan_free(plan);
    wk_optim_free(eager.sgd);
    wk_optim_free(planned.sgd);
    wk_module_free(eager.layers);
    wk_module_free(planned.layers);
    assert_ok();
}

WK_TEST_MAIN("plans and modes", cmocka_unit_test(a_module_that_grows), cmocka_unit_test(a_recording_for_each_mode),
             cmocka_unit_test(a_frozen_plan_has_one_mode), cmocka_unit_test(a_mode_that_does_not_matter),
             cmocka_unit_test(modes_of_no_matter), cmocka_unit_test(what_changes_later),
             cmocka_unit_test(a_change_is_told_in_words), cmocka_unit_test(numbers_that_change),
             cmocka_unit_test(answers_that_change))
