/* history.h -- what happened in a run of training: every loss, every curve, and each shape of graph there was. */
#ifndef HISTORY_H
#define HISTORY_H

#include <wick.h>

typedef struct iteration {
    int64_t T;        /* time steps */
    int64_t first;    /* where they begin in the history's curves */
    int64_t op_count; /* recorded in the graph */
    int64_t shape;    /* of the graph: which of the history's shapes */
    double loss;
    double seconds; /* that the training step took */
} iteration;

/* Graphs that are equal but for their numbers. */
typedef struct graph_shape {
    uint64_t signature;
    int64_t first_iteration, iteration_count;
    wk_graph *graph; /* of the first iteration */
} graph_shape;

/* The curves of all iterations lie one behind another: x goes in, y should come out, and prediction does. */
typedef struct history {
    iteration *iterations;
    graph_shape *shapes;
    float *x, *y, *prediction;
    int64_t iteration_count, shape_count, step_count, iteration_limit;
} history;

/* Room for so many iterations of at most max_T time steps; false when memory is out. The caller frees it even then. */
bool history_make(history *h, int64_t iteration_limit, int64_t max_T);
void history_free(history *h);

/* Where the curves of the next iteration are written. */
typedef struct curves {
    float *x, *y, *prediction;
} curves;
curves history_next(const history *h);

/* Adds an iteration whose curves have been written behind those of the others. Looks at the graph in the open scope. */
void history_add(history *h, int64_t T, double loss, double seconds);

/* The history as it was after so many iterations: a look at the same memory, not to be freed. */
history history_until(const history *h, int64_t iteration_count);

/* Time of all training steps together. */
double history_seconds(const history *h);

/* How often an iteration had another graph than the one before it. */
int64_t history_changes(const history *h);

/* How many iterations a graph frozen in the first one that had T time steps could have run: those with the same shape.
 * 0 when no iteration had T time steps. */
int64_t history_runs_frozen(const history *h, int64_t T);

/* The first shape whose graph has T time steps, or NULL. */
const graph_shape *history_shape_of(const history *h, int64_t T);

double history_first_loss(const history *h);
double history_last_loss(const history *h);
bool history_learned(const history *h);

/* Learned is a mean of the last losses below this: the curves then lie on each other to the eye. One loss would be a
 * noisy judge, for it jumps with T. */
#define LEARNED_LOSS 0.05
enum { LEARNED_OVER = 5 };

#endif
