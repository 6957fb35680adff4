/* watch.h -- what is looked at around an op when somebody asked for it: op hooks and anomaly mode. */
#ifndef WK_GRAD_WATCH_H
#define WK_GRAD_WATCH_H

#include "grad/walk.h"

void wk__watch_begins(wk_call *c);

/* checkpoint.c: notes the inputs that require a gradient. */
void wk__reads_collect(wk_call *c);

/* After the call; `fine` says whether it has outputs. False when it fails after all. */
bool wk__watch_ends(wk_call *c, bool fine);

/* The same around an op's gradient. Ops that the gradient itself calls are reported, but not searched for anomalies:
 * those show in what it gives. Returns what to give back. */
uint8_t wk__watch_grad_begins(wk_backprop *b);
void wk__watch_grad_ends(wk_backprop *b, uint8_t watch);

#endif
