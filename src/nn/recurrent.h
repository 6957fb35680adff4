/* recurrent.h -- what RNN, LSTM and GRU have in common as modules, and their cells. */
#ifndef WK_NN_RECURRENT_H
#define WK_NN_RECURRENT_H

#include "nn/layer.h"

typedef struct wk_layer_weights {
    wk_tensor *w_ih, *w_hh, *b_ih, *b_hh;
} wk_layer_weights;

/* h, and of an LSTM c; NULL where there is none. */
typedef struct wk_layer_states {
    wk_tensor *h, *c;
} wk_layer_states;

struct wk_recurrent_module;

/* One kind of network: its classes, and one layer of it in one direction. */
typedef struct wk_recurrent_kind {
    wk_module_class layers, cell;
    int32_t gates; /* blocks of H rows in the weights */
    bool has_c, has_nonlinearity;
    wk_tensor *(*run)(const struct wk_recurrent_module *self, const wk_layer_weights *w, wk_tensor *x,
                      wk_tensor *lengths, wk_layer_states first, bool reverse, wk_layer_states *last);
    void (*step)(wk_tensor *const *in, wk_tensor **out); /* of a cell: NOTE [Cells] in op/recurrent.h */
} wk_recurrent_kind;

typedef struct wk_recurrent_module {
    const wk_recurrent_kind *kind;
    wk_rnn_options options;
    int64_t input_size, hidden_size;
    int32_t directions;
    wk_layer_weights *each; /* of layer l in direction d: number l directions + d */
} wk_recurrent_module;

/* What every class of layers and of cells has; the name and forward are the kind's. */
void wk__recurrent_free(wk_module *m);
void wk__recurrent_describe(const wk_module *m, char *text, size_t nbytes);
void wk__recurrent_describe_cell(const wk_module *m, char *text, size_t nbytes);
#define WK_RECURRENT_LAYERS(title)                                                                    \
    {                                                                                                 \
        .size = sizeof(wk_module_class), .name = (title), .self_nbytes = sizeof(wk_recurrent_module), \
        .free = wk__recurrent_free, .describe = wk__recurrent_describe,                               \
    }
#define WK_RECURRENT_CELL(title, forward_)                                                            \
    {                                                                                                 \
        .size = sizeof(wk_module_class), .name = (title), .self_nbytes = sizeof(wk_recurrent_module), \
        .forward = (forward_), .free = wk__recurrent_free, .describe = wk__recurrent_describe_cell,   \
    }

wk_module *wk__recurrent_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                             const wk_rnn_options *options, const wk_recurrent_kind *kind, bool is_cell,
                             const char *function);

/* The functions that make a network of a kind, and its cell. */
#define WK_RECURRENT_NEW(net, kind)                                                                               \
    wk_module *wk_##net##_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,       \
                              const wk_rnn_options *options) {                                                    \
        return wk__recurrent_new(parent, name, input_size, hidden_size, options, (kind), false, #net "_new");     \
    }                                                                                                             \
    wk_module *wk_##net##_cell_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,  \
                                   const wk_rnn_options *options) {                                               \
        return wk__recurrent_new(parent, name, input_size, hidden_size, options, (kind), true, #net "_cell_new"); \
    }

/* All layers in all directions, x and the result in the order of the options. Last states are stored where there is a
 * place for them. */
wk_tensor *wk__recurrent_forward_all(wk_module *m, const wk_recurrent_kind *kind, wk_tensor *x, wk_tensor *lengths,
                                     wk_layer_states first, wk_tensor **hn, wk_tensor **cn, const char *function);

/* That of a network with h alone, for rows of one length and of several. */
#define WK_RECURRENT_FORWARD(net, kind)                                                                   \
    wk_tensor *wk_##net##_forward(wk_module *m, wk_tensor *x, wk_tensor *h0, wk_tensor **hn) {            \
        const wk_layer_states first = {h0, NULL};                                                         \
        return wk__recurrent_forward_all(m, (kind), x, NULL, first, hn, NULL, #net "_forward");           \
    }                                                                                                     \
    wk_tensor *wk_##net##_forward_ragged(wk_module *m, wk_tensor *x, wk_tensor *lengths, wk_tensor *h0,   \
                                         wk_tensor **hn) {                                                \
        const wk_layer_states first = {h0, NULL};                                                         \
        return wk__recurrent_forward_all(m, (kind), x, lengths, first, hn, NULL, #net "_forward_ragged"); \
    }

/* True when x and the states have the shapes that a cell takes; else records which has not. */
bool wk__recurrent_check_step(const wk_recurrent_module *self, wk_tensor *x, wk_layer_states before,
                              const char *function);

/* One step: the layer over a sequence of one. x (N,I), states (N,H). */
wk_layer_states wk__recurrent_step(wk_module *m, const wk_recurrent_kind *kind, wk_tensor *x, wk_layer_states before,
                                   const char *function);

#endif
