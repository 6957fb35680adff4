/* infer.c -- one time step at a time, without gradients, the state carried: what a program that acts in real time
 * does. Each step is timed by itself, so the slow ones show; the clock's own cost is measured and taken off. */
#include <string.h>

#include "rows.h"

enum { STEPS = 200000 };

typedef struct model { wk_module *net, *rnn, *out; } model;

static model model_make(int64_t hidden) {
    wk_manual_seed(4);
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    model m = {.net = wk_module_new(NULL, "net")};
    m.rnn = wk_rnn_new(m.net, "rnn", 1, hidden, &options);
    m.out = wk_linear_new(m.net, "out", hidden, 1, NULL);
    return m;
}

static void infer(const model *m, wk_tensor *x, wk_tensor **state, float *prediction) {
    WK_SCOPE;
    WK_NO_GRAD;
    wk_tensor *next;
    wk_tensor *y = wk_linear_forward(m->out, wk_rnn_forward(m->rnn, x, *state, &next));
    wk_keep(state, next);
    *prediction = (float)wk_item(y);
}

/* The least time between two readings of the clock. */
static double clock_cost(void) {
    double least = 1;
    for (int i = 0; i < 100000; i++) {
        const double begin = seconds(CLOCK_MONOTONIC), time = seconds(CLOCK_MONOTONIC) - begin;
        if (time < least) least = time;
    }
    return least;
}

static void row(FILE *csv, const char *name, int64_t hidden, const char *goal) {
    double *times = malloc(STEPS * sizeof *times);
    const model m = model_make(hidden);
    wk_tensor *state = NULL, *x = wk_full(WK_SHAPE(1, 1, 1), 0.5, WK_F32);
    float prediction = 0;
    const double off = clock_cost();
    for (int i = 0; i < 1000; i++) infer(&m, x, &state, &prediction);
    const double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < STEPS && times != NULL; i++) {
        const double begin = seconds(CLOCK_MONOTONIC);
        infer(&m, x, &state, &prediction);
        times[i] = seconds(CLOCK_MONOTONIC) - begin - off;
    }
    const double load = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (seconds(CLOCK_MONOTONIC) - wall);
    qsort(times, STEPS, sizeof *times, by_size);
    report(csv, name, (measurement){times[STEPS / 2], times[STEPS / 4], times[3 * STEPS / 4], load}, 1e9, "ns", goal);
    printf("  %-34s %9.2f us   (one step in 10000 is slower)\n", "    its 99.99th percentile",
           times[STEPS - STEPS / 10000] * 1e6);
    if (csv != NULL) fprintf(csv, "%s 99.99%%,%.6g,us\n", name, times[STEPS - STEPS / 10000] * 1e6);
    free(times);
    wk_release(&state);
    wk_drop(x);
    wk_module_free(m.net);
}

int main(int argc, char **argv) {
    FILE *csv = rows_begin(argc, argv);
    printf("One time step without gradient, state carried   (kernels: %s; the clock's cost taken off)\n", wk_isa());
    row(csv, "infer_step", 32, "goal 250");
    row(csv, "infer_step (H 33)", 33, "");
    return rows_end(csv);
}
