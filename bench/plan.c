/* plan.c -- steps by a plan: the tutorial's training step as written, and a chain of element-wise operations.
 *
 *     tutorial_plan           rnn, T times select and linear, stack, loss, backward, Adam; one recording for each T
 *     tutorial_plan (trips)   the same, one recording for every T
 *     chain                   tanh(a * b + c) * d, eager and by a plan, per element */

#include "rows.h"

enum { STEPS_PER_BLOCK = 240, MAX_T = 30 };
enum { WARM_UP = 36 }; /* past the 10th run of each T, in which a plan looks whether the step is still the same */

typedef struct network {
    wk_module *net, *rnn, *out;
    wk_optim *adam;
    wk_tensor *state, *x[3], *y[3];
    wk_plan *plan;
} network;

typedef struct setup {
    int T[3];
    bool trips, eager;
} setup;

static bool training_step(void *user, wk_tensor *const *in, wk_tensor **out) {
    network *n = user;
    wk_tensor *state, *r = wk_rnn_forward(n->rnn, in[0], in[2], &state);
    wk_list *ys = wk_list_new();
    for (int64_t t = 0; t < wk_dim(r, 1); t++) wk_list_push(ys, wk_linear_forward(n->out, wk_select(r, 1, t)));
    wk_tensor *loss = wk_mse_loss(wk_stack(ys, 1), in[1]);
    wk_optim_zero_grad(n->adam);
    wk_backward(loss);
    wk_optim_step(n->adam);
    out[0] = loss;
    out[1] = wk_detach(state);
    return true;
}

static void network_make(network *n, const setup *s) {
    *n = (network){.net = wk_module_new(NULL, "net")};
    wk_manual_seed(4);
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    n->rnn = wk_rnn_new(n->net, "rnn", 1, 32, &options);
    n->out = wk_linear_new(n->net, "out", 32, 1, NULL);
    n->adam = wk_adam_new(n->net, 0.02, NULL);
    for (int k = 0; k < 3; k++) {
        float x[MAX_T], y[MAX_T];
        for (int t = 0; t < s->T[k]; t++) {
            x[t] = (float)sin(3.14159265358979 * t / 10);
            y[t] = (float)cos(3.14159265358979 * t / 10);
        }
        n->x[k] = wk_from_data(x, WK_SHAPE(1, s->T[k], 1), WK_F32);
        n->y[k] = wk_from_data(y, WK_SHAPE(1, s->T[k], 1), WK_F32);
    }
    const wk_plan_dim trips[] = {{0, 1}, {1, 1}};
    wk_plan_options plan = WK_PLAN_OPTIONS;
    plan.trips = trips;
    plan.trip_count = s->trips ? 2 : 0;
    n->plan = wk_plan_new(training_step, n, 3, 2, &plan);
}

static void network_free(network *n) {
    wk_release(&n->state);
    wk_plan_free(n->plan);
    wk_optim_free(n->adam);
    wk_module_free(n->net);
}

static void step(network *n, const setup *s, int k) {
    WK_SCOPE;
    wk_tensor *const in[] = {n->x[k], n->y[k], n->state};
    wk_tensor *out[2];
    if (s->eager)
        training_step(n, in, out);
    else
        wk_plan_run(n->plan, in, out);
    wk_keep(&n->state, out[1]);
}

static double block(void *user) {
    const setup *s = user;
    network n;
    WK_SCOPE;
    network_make(&n, s);
    for (int i = 0; i < WARM_UP; i++) step(&n, s, i % 3);
    const double begin = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < STEPS_PER_BLOCK; i++) step(&n, s, i % 3);
    const double time = seconds(CLOCK_MONOTONIC) - begin;
    network_free(&n);
    return time / STEPS_PER_BLOCK;
}

/* ------------------------------------------------------------------------------------------------------ a chain --- */

typedef struct chain {
    int64_t n;
    bool eager;
} chain;

static bool chain_step(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_mul(wk_tanh(wk_add(wk_mul(in[0], in[1]), in[2])), in[3]);
    return true;
}

static double chain_block(void *user) {
    const chain *c = user;
    WK_SCOPE;
    wk_plan *plan = wk_plan_new(chain_step, NULL, 4, 1, NULL);
    wk_tensor *in[4];
    for (int i = 0; i < 4; i++) in[i] = wk_uniform(-1, 1, WK_SHAPE(c->n), WK_F32);
    const int64_t rounds = (INT64_C(4) << 20) / c->n;
    double begin = 0;
    for (int64_t r = -3; r < rounds; r++) {
        WK_SCOPE;
        wk_tensor *out;
        if (r == 0) begin = seconds(CLOCK_MONOTONIC);
        if (c->eager)
            chain_step(NULL, in, &out);
        else
            wk_plan_run(plan, in, &out);
    }
    const double time = seconds(CLOCK_MONOTONIC) - begin;
    wk_plan_free(plan);
    return time / (double)rounds / (double)c->n;
}

static void chain_row(FILE *csv, const char *name, chain c, const char *goal) {
    report(csv, name, measure(chain_block, &c), 1e9, "ns", goal);
}

int main(int argc, char **argv) {
    FILE *csv = rows_begin(argc, argv);
    printf("One training step by a plan, mean over T   (kernels: %s)\n", wk_isa());
    static const struct {
        const char *name;
        setup s;
    } rows[] = {
        {"tutorial_as_written (eager)", {{10, 20, 30}, false, true}},
        {"tutorial_plan", {{10, 20, 30}, false, false}},
        {"tutorial_plan (trips)", {{10, 20, 30}, true, false}},
        {"tutorial_plan (trips; T 7 13 29)", {{7, 13, 29}, true, false}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        setup s = rows[i].s;
        report(csv, rows[i].name, measure(block, &s), 1e6, "us", i > 0 ? "goal: 2 floors" : "");
    }
    printf("tanh(a * b + c) * d, per element\n");
    chain_row(csv, "chain 1K (eager)", (chain){1 << 10, true}, "");
    chain_row(csv, "chain 1K (plan)", (chain){1 << 10, false}, "goal: as eager");
    chain_row(csv, "chain 32K (eager)", (chain){32 << 10, true}, "");
    chain_row(csv, "chain 32K (plan)", (chain){32 << 10, false}, "goal 0.22");
    chain_row(csv, "chain 1M (eager)", (chain){1 << 20, true}, "");
    chain_row(csv, "chain 1M (plan)", (chain){1 << 20, false}, "goal 0.27");
    return rows_end(csv);
}
