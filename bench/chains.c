/* chains.c -- what a batch costs where there is nothing to merge:
 *
 *     chain   a network of T steps, one example
 *     call    as little as there can be: one call, whose result is read */

#include "rows.h"

static wk_tensor *weight(wk_module *m, const char *name, int64_t width) {
    WK_SCOPE;
    wk_tensor *t = wk_mul_scalar(wk_randn(WK_SHAPE(width, width), WK_F32), 0.08);
    return wk_module_add_parameter(m, name, t);
}

/* ------------------------------------------------------------------------------------------------------- chains --- */

typedef struct chain {
    bool batched;
    int steps;
    wk_tensor *x, *w, *u;
} chain;

static double chain_block(void *user) {
    const chain *s = user;
    const int rounds = 4000 / s->steps;
    const double before = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < rounds; i++) {
        const wk_scope scope = s->batched ? wk_batch_open() : wk_scope_open();
        wk_tensor *h = s->x;
        for (int t = 0; t < s->steps; t++) h = wk_tanh(wk_add(wk_linear(s->x, s->w, NULL), wk_linear(h, s->u, NULL)));
        wk_zero_grad(s->w), wk_zero_grad(s->u);
        wk_backward(wk_sum(h));
        wk_scope_close(scope);
    }
    return (seconds(CLOCK_MONOTONIC) - before) / rounds;
}

static void measure_chain(FILE *csv, int width, int steps) {
    wk_module *m = wk_module_new(NULL, "chain");
    chain s = {.steps = steps, .w = weight(m, "w", width), .u = weight(m, "u", width)};
    wk_keep(&s.x, wk_ones(WK_SHAPE(1, width), WK_F32));
    for (int batched = 0; batched < 2; batched++) {
        char name[64];
        s.batched = batched;
        snprintf(name, sizeof name, "chain_h%d_t%d_%s", width, steps, batched ? "batch" : "at_once");
        report(csv, name, measure(chain_block, &s), 1e6, "us", batched ? "goal: at most 1.1 of at_once" : "");
    }
    wk_release(&s.x);
    wk_module_free(m);
}

/* -------------------------------------------------------------------------------------------------------- calls --- */

static double call_block(void *user) {
    const chain *s = user;
    const double before = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < s->steps; i++) {
        const wk_scope scope = s->batched ? wk_batch_open() : wk_scope_open();
        wk_data(wk_tanh(s->x));
        wk_scope_close(scope);
    }
    return (seconds(CLOCK_MONOTONIC) - before) / s->steps;
}

static void measure_call(FILE *csv, int numel) {
    chain s = {.steps = 4000};
    wk_keep(&s.x, wk_ones(WK_SHAPE(numel), WK_F32));
    for (int batched = 0; batched < 2; batched++) {
        char name[64];
        s.batched = batched;
        snprintf(name, sizeof name, "call_%d_%s", numel, batched ? "batch" : "at_once");
        report(csv, name, measure(call_block, &s), 1e6, "us", batched ? "goal: at most 1.1 of at_once" : "");
    }
    wk_release(&s.x);
}

int main(int argc, char **argv) {
    FILE *csv = rows_begin(argc, argv);
    printf("A batch with nothing to merge\n");
    measure_chain(csv, 8, 27);
    measure_chain(csv, 128, 27);
    measure_chain(csv, 128, 1);
    measure_call(csv, 2000);
    return rows_end(csv);
}
