/* state.h -- the state of a tree as a list of names and tensors: what is saved, loaded and kept aside. */
#ifndef WK_NN_STATE_H
#define WK_NN_STATE_H

#include "nn/module.h"

typedef struct wk_named {
    char *name; /* "rnn.weight_ih_l0" */
    wk_tensor *tensor;
} wk_named;

typedef struct wk_state {
    wk_named *items;
    int64_t count;
} wk_state;

/* Parameters and buffers of m and below in PyTorch's order, each under its path from m, with "prefix." in front unless
 * prefix is "". A shared parameter comes under each of its names. False when memory is out. */
bool wk__state_of(const wk_module *m, const char *prefix, wk_state *state);
void wk__state_free(wk_state *state);

#endif
