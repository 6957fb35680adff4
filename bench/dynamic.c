/* dynamic.c -- a training step whose number of time steps is drawn anew each time, told as peers/dynamic.py tells it of
 * the peers, which has the task and what is measured.
 *
 *     dynamic SPELLING TASK [CSV]     SPELLING: ops, as-written, fused, plan;  TASK: tutorial, any
 *
 * plan is as-written, recorded once with T as its trip count.
 *
 * One process runs one spelling at one task, so that its memory and its first step are its own. Without arguments all
 * are run, one after another. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wick.h>

#include "measure.h"

enum { MAX_T = 60, WARM = 240, BLOCK = 60 };

typedef struct network {
    wk_module *net, *rnn, *cell, *out;
    wk_optim *adam;
    wk_tensor *state;
    wk_plan *plan; /* NULL: eager */
    const char *spelling;
} network;

static void network_make(network *n, const char *spelling) {
    *n = (network){.spelling = spelling, .net = wk_module_new(NULL, "net")};
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    if (strcmp(spelling, "ops") == 0)
        n->cell = wk_rnn_cell_new(n->net, "cell", 1, 32, NULL);
    else
        n->rnn = wk_rnn_new(n->net, "rnn", 1, 32, &options);
    n->out = wk_linear_new(n->net, "out", 32, 1, NULL);
    n->adam = wk_adam_new(n->net, 0.02, NULL);
}

static void network_free(network *n) {
    wk_plan_free(n->plan);
    wk_release(&n->state);
    wk_optim_free(n->adam);
    wk_module_free(n->net);
}

static wk_tensor *predict(network *n, wk_tensor *x, wk_tensor *before, wk_tensor **state) {
    *state = before;
    if (strcmp(n->spelling, "fused") == 0) return wk_linear_forward(n->out, wk_rnn_forward(n->rnn, x, before, state));
    wk_list *ys = wk_list_new();
    wk_tensor *r = n->rnn != NULL ? wk_rnn_forward(n->rnn, x, before, state) : NULL;
    for (int64_t t = 0; t < wk_dim(x, 1); t++) {
        if (r == NULL) *state = wk_rnn_cell_forward(n->cell, wk_select(x, 1, t), *state);
        wk_list_push(ys, wk_linear_forward(n->out, r != NULL ? wk_select(r, 1, t) : *state));
    }
    return wk_stack(ys, 1);
}

/* in: x, y, the state or NULL; out: the loss, the state after. */
static bool train(void *user, wk_tensor *const *in, wk_tensor **out) {
    network *n = user;
    wk_tensor *state;
    out[0] = wk_mse_loss(predict(n, in[0], in[2], &state), in[1]);
    wk_optim_zero_grad(n->adam);
    wk_backward(out[0]);
    wk_optim_step(n->adam);
    out[1] = wk_detach(state);
    return true;
}

static void plan_make(network *n) {
    static const wk_plan_dim trips[] = {{0, 1}, {1, 1}};
    wk_plan_options options = WK_PLAN_OPTIONS;
    options.trips = trips;
    options.trip_count = 2;
    n->plan = wk_plan_new(train, n, 3, 2, &options);
}

static int64_t captures(const network *n) {
    wk_plan_stats stats = WK_PLAN_STATS;
    if (n->plan != NULL) wk_plan_stats_of(n->plan, &stats);
    return stats.captures;
}

/* A whole step: tensors made from the caller's numbers, forward, backward, Adam, the loss read. */
static double step(network *n, const float *x, const float *y, int64_t T) {
    WK_SCOPE;
    wk_tensor *in[] = {wk_from_data(x, WK_SHAPE(1, T, 1), WK_F32), wk_from_data(y, WK_SHAPE(1, T, 1), WK_F32),
                       n->state};
    wk_tensor *out[2];
    if (n->plan != NULL)
        wk_plan_run(n->plan, in, out);
    else
        train(n, in, out);
    wk_keep(&n->state, out[1]);
    return wk_item(out[0]);
}

/* T as peers/dynamic.py draws it; x = sin and y = cos go on where the step before ended. */
typedef struct source {
    const char *task;
    uint32_t word;
    int64_t at;
    float x[MAX_T], y[MAX_T];
} source;

static int64_t next_batch(source *s) {
    s->word = s->word * 1664525 + 1013904223;
    const bool tutorial = strcmp(s->task, "tutorial") == 0;
    const int64_t T = tutorial ? 10 * (1 + (s->word >> 8) % 3) : 1 + (s->word >> 8) % MAX_T;
    for (int64_t t = 0; t < T; t++, s->at++) {
        s->x[t] = (float)sin(3.14159265358979 / 10 * (double)s->at);
        s->y[t] = (float)cos(3.14159265358979 / 10 * (double)s->at);
    }
    return T;
}

static void tell(const char *csv, const source *s, const char *spelling, const char *what, double value,
                 const char *unit) {
    char name[64];
    snprintf(name, sizeof name, "wick-%s, %s, %s", spelling, s->task, what);
    printf("  %-52s %14.2f %s\n", name, value, unit);
    FILE *rows = csv != NULL ? fopen(csv, "a") : NULL;
    if (rows == NULL) return;
    fprintf(rows, "wick-%s/%s/%s,%.6g,%s\n", spelling, s->task, what, value, unit);
    fclose(rows);
}

static int run(const char *spelling, const char *task, const char *csv) {
    source s = {.task = task, .word = 1};
    network n;
    double loss = 0, first = 0, warm = 0, blocks[BLOCKS] = {0};
    wk_manual_seed(4);
    network_make(&n, spelling);
    if (strcmp(spelling, "plan") == 0) plan_make(&n);
    const double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < WARM + BLOCK * BLOCKS && wk_ok(); i++) {
        const int64_t T = next_batch(&s);
        const double begin = seconds(CLOCK_MONOTONIC);
        loss = step(&n, s.x, s.y, T);
        const double time = seconds(CLOCK_MONOTONIC) - begin;
        if (i == 0) first = time;
        if (i < WARM)
            warm += time;
        else
            blocks[(i - WARM) / BLOCK] += time / BLOCK;
    }
    const double load = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (seconds(CLOCK_MONOTONIC) - wall);
    const double graphs = (double)captures(&n);
    network_free(&n);
    qsort(blocks, BLOCKS, sizeof *blocks, by_size);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    tell(csv, &s, spelling, "first", first * 1e3, "ms");
    tell(csv, &s, spelling, "warm", warm * 1e3, "ms");
    tell(csv, &s, spelling, "steady", blocks[BLOCKS / 2] * 1e6, "us");
    tell(csv, &s, spelling, "compiled", graphs, "graphs");
    tell(csv, &s, spelling, "memory", (double)usage.ru_maxrss / 1024, "MB");
    tell(csv, &s, spelling, "cpu/wall", load, "");
    tell(csv, &s, spelling, "loss", loss, "");
    wk_error error;
    if (wk_check(&error) == WK_OK) return 0;
    fprintf(stderr, "%s\n", error.message);
    return 1;
}

int main(int argc, char **argv) {
    if (argc > 2) return run(argv[1], argv[2], argc > 3 ? argv[3] : NULL);
    static const char *const spellings[] = {"ops", "as-written", "fused", "plan"}, *const tasks[] = {"tutorial", "any"};
    printf("One training step, T drawn at random; first, warm and steady as peers/dynamic.py tells them\n");
    for (int i = 0; i < 8; i++) {
        fflush(stdout);
        const pid_t child = fork();
        if (child == 0) return run(spellings[i / 2], tasks[i % 2], argc > 1 ? argv[1] : NULL);
        int status;
        if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) return 1;
    }
    return 0;
}
