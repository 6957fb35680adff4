/* train.h -- training the tutorial's network. */
#ifndef TRAIN_H
#define TRAIN_H

#include "history.h"

typedef struct training {
    uint64_t seed;
    int64_t iterations;
    int64_t fixed_T; /* time steps of every iteration; 0: 10, 20 or 30, drawn anew each time */
} training;

/* The most time steps that an iteration can have. */
int64_t longest_T(const training *how);

/* Called after each iteration, which is the last one of the history. */
typedef void watcher(void *self, const history *h);

/* Trains from the beginning and writes down all that happens. Returns the status of the first failure, which is told in
 * *error. */
wk_status train(const training *how, history *record, watcher *watch, void *self, wk_error *error);

#endif
