/* plan_pair.h -- a function and a plan of it, side by side over steps of any length: the same bits in every output and
 * every parameter, and one recording. */
#ifndef WK_TESTS_PLAN_PAIR_H
#define WK_TESTS_PLAN_PAIR_H

#include "same_bits.h"

enum { OUTPUTS = 2, BATCH = 3, IN = 4, HIDDEN = 6 };

typedef struct model {
    wk_module *root, *layers[5];
    wk_optim *optim;
    const wk_op *op;
} model;

/* in: x (B,T,I), lengths (B) from 0 to T, y (B,S,I). */
enum { INPUTS = 3 };
typedef struct kind {
    const char *name;
    void (*build)(model *m);
    wk_function *step;
    bool two_numbers; /* S is not always 1 */
} kind;

static inline model model_new(const kind *k, const wk_op *op) {
    model m = {.root = wk_module_new(NULL, "net"), .op = op};
    wk_manual_seed(7);
    k->build(&m);
    m.optim = wk_adam_new(m.root, 0.01, NULL);
    return m;
}

static inline void model_free(model *m) {
    wk_optim_free(m->optim);
    wk_module_free(m->root);
}

static inline wk_tensor *layer(const model *m, int i, wk_tensor *x) { return wk_linear_forward(m->layers[i], x); }

static inline void finish(const model *m, wk_tensor *loss) {
    wk_optim_zero_grad(m->optim);
    wk_backward(loss);
    wk_clip_grad_norm(m->root, 0.05);
    wk_optim_step(m->optim);
}

static inline void assert_same(const char *what, int step, wk_tensor *a, wk_tensor *b) {
    WK_SCOPE;
    assert_ok();
    if (a == NULL || b == NULL) fail_msg("%s: step %d: no output", what, step);
    if (!same_bits(a, b))
        fail_msg("%s: step %d: %.9g, by the plan %.9g", what, step, wk_item(wk_mean(wk_cast(a, WK_F64))),
                 wk_item(wk_mean(wk_cast(b, WK_F64))));
}

static inline void inputs(int64_t T, int64_t S, wk_tensor **in) {
    in[0] = wk_randn(WK_SHAPE(BATCH, T, IN), WK_F32);
    in[1] = wk_randint_tensor(0, T + 1, WK_SHAPE(BATCH));
    in[2] = wk_randn(WK_SHAPE(BATCH, S, IN), WK_F32);
}

/* The function on its own, then the plan: the same draws in both, and the generator where it would be. Returns the most
 * memory that the function had at once. */
static inline int64_t one_step(const kind *k, int i, model *a, wk_plan *plan) {
    WK_SCOPE;
    wk_memory before, after;
    wk_tensor *in[INPUTS], *of_a[OUTPUTS] = {NULL}, *of_b[OUTPUTS] = {NULL};
    inputs(1 + (i * 37 + 11) % 23, k->two_numbers ? 1 + (i * 29 + 5) % 17 : 1, in);
    wk_manual_seed((uint64_t)i);
    wk_memory_reset_peak();
    wk_memory_stats(&before);
    const wk_scope scope = wk_scope_open();
    k->step(a, in, of_a);
    for (int j = 0; j < OUTPUTS; j++) wk_yield(of_a[j]);
    wk_scope_close(scope);
    wk_memory_stats(&after);
    const double drawn = wk_item(wk_rand(0, NULL, WK_F32));
    wk_manual_seed((uint64_t)i);
    wk_plan_run(plan, in, of_b);
    wk_error e;
    if (wk_check(&e) != WK_OK) fail_msg("%s, step %d: %s", k->name, i, e.message);
    assert_true(drawn == wk_item(wk_rand(0, NULL, WK_F32)));
    for (int j = 0; j < OUTPUTS; j++) assert_same(k->name, i, of_a[j], of_b[j]);
    return after.peak_nbytes - before.nbytes;
}

static inline wk_plan *plan_of(const kind *k, model *m) {
    static const wk_plan_dim trips[] = {{0, 1}}, second_trips[] = {{2, 1}};
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.trips = trips;
    o.trip_count = 1;
    o.second_trips = second_trips;
    o.second_trip_count = k->two_numbers;
    return wk_plan_new(k->step, m, INPUTS, OUTPUTS, &o);
}

static inline void side_by_side(const kind *k, const wk_op *op) {
    model a = model_new(k, op), b = model_new(k, op);
    wk_plan *plan = plan_of(k, &b);
    int64_t of_eager = 0, of_plan = 0;
    wk_plan_stats stats = WK_PLAN_STATS;
    for (int i = 0; i < 40; i++) {
        const int64_t nbytes = one_step(k, i, &a, plan);
        wk_plan_stats_of(plan, &stats);
        if (nbytes > of_eager) of_eager = nbytes;
        if (stats.buffer_nbytes > of_plan) of_plan = stats.buffer_nbytes;
    }
    for (int64_t i = 0; i < wk_module_parameter_count(a.root); i++)
        assert_same(k->name, -1, wk_module_parameter_at(a.root, i), wk_module_parameter_at(b.root, i));
    if (stats.captures != 1 || stats.unfolded != 0)
        fail_msg("%s: %d captures, %d unfolded", k->name, (int)stats.captures, (int)stats.unfolded);
    if (of_plan > of_eager)
        fail_msg("%s: %d bytes of buffers, and %d of eager at its peak", k->name, (int)of_plan, (int)of_eager);
    wk_plan_free(plan);
    model_free(&a);
    model_free(&b);
}

#endif
