/* history.c -- see history.h. */
#include "history.h"

#include <math.h>
#include <stdlib.h>

bool history_make(history *h, int64_t iteration_limit, int64_t max_T) {
    const size_t iterations = (size_t)iteration_limit, steps = iterations * (size_t)max_T;
    *h = (history){.iteration_limit = iteration_limit};
    h->iterations = calloc(iterations, sizeof *h->iterations);
    h->shapes = calloc(iterations, sizeof *h->shapes);
    h->x = calloc(steps, sizeof *h->x);
    h->y = calloc(steps, sizeof *h->y);
    h->prediction = calloc(steps, sizeof *h->prediction);
    return h->iterations && h->shapes && h->x && h->y && h->prediction;
}

void history_free(history *h) {
    for (int64_t i = 0; i < h->shape_count; i++) wk_graph_free(h->shapes[i].graph);
    free(h->iterations);
    free(h->shapes);
    free(h->x);
    free(h->y);
    free(h->prediction);
    *h = (history){0};
}

curves history_next(const history *h) {
    return (curves){h->x + h->step_count, h->y + h->step_count, h->prediction + h->step_count};
}

/* The number of the open scope's shape, which is added when it is new. */
static int64_t find_shape(history *h) {
    const uint64_t signature = wk_graph_signature();
    int64_t shape = 0;
    while (shape < h->shape_count && h->shapes[shape].signature != signature) shape++;
    if (shape == h->shape_count) {
        h->shapes[h->shape_count++] = (graph_shape){
            .signature = signature, .first_iteration = h->iteration_count, .graph = wk_graph_copy()};
    }
    h->shapes[shape].iteration_count++;
    return shape;
}

void history_add(history *h, int64_t T, double loss, double seconds) {
    h->iterations[h->iteration_count] = (iteration){
        .T = T,
        .first = h->step_count,
        .op_count = wk_graph_size(),
        .shape = find_shape(h),
        .loss = loss,
        .seconds = seconds,
    };
    h->iteration_count++;
    h->step_count += T;
}

/* ---- questions ---- */

history history_until(const history *h, int64_t iteration_count) {
    history past = *h;
    past.iteration_count = iteration_count;
    past.step_count = iteration_count < h->iteration_count ? h->iterations[iteration_count].first : h->step_count;
    return past;
}

double history_seconds(const history *h) {
    double seconds = 0;
    for (int64_t i = 0; i < h->iteration_count; i++) seconds += h->iterations[i].seconds;
    return seconds;
}

int64_t history_changes(const history *h) {
    int64_t changes = 0;
    for (int64_t i = 1; i < h->iteration_count; i++) changes += h->iterations[i].shape != h->iterations[i - 1].shape;
    return changes;
}

const graph_shape *history_shape_of(const history *h, int64_t T) {
    for (int64_t i = 0; i < h->iteration_count; i++) {
        if (h->iterations[i].T == T) return &h->shapes[h->iterations[i].shape];
    }
    return NULL;
}

int64_t history_runs_frozen(const history *h, int64_t T) {
    const graph_shape *shape = history_shape_of(h, T);
    return shape ? shape->iteration_count : 0;
}

double history_first_loss(const history *h) {
    return h->iteration_count > 0 ? h->iterations[0].loss : NAN;
}

double history_last_loss(const history *h) {
    return h->iteration_count > 0 ? h->iterations[h->iteration_count - 1].loss : NAN;
}

bool history_learned(const history *h) {
    const int64_t count = h->iteration_count < LEARNED_OVER ? h->iteration_count : LEARNED_OVER;
    double sum = 0;
    for (int64_t i = h->iteration_count - count; i < h->iteration_count; i++) sum += h->iterations[i].loss;
    return sum < LEARNED_LOSS * (double)count; /* NaN is not */
}
