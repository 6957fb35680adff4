/* recurrent.h -- what the rows rnn, lstm and gru share: all but the step itself.
 *
 * NOTE [Recurrent rows]. A row is a wk_recurrent, which says what one step is. The walk through time is one for all:
 *
 *     gates = x W_ih^T                for a stretch of steps at once, x packed step by step (ragged.h)
 *     for each step:                  gates += h W_hh^T for the rows still alive, then the step's kernel
 *
 * and backwards, with d for the gradient of `gates`:
 *
 *     for each step, from the last:   the kernel gives d;  dh = d W_hh
 *     gx = d W_ih    gW_hh = d^T h_before    gW_ih = d^T x          for a stretch at once
 *
 * So the work follows the sum of the lengths, and each row's numbers are those it would have alone. A row of `gates`
 * holds blocks of H (kernel.h draws them). In the gru's, what comes from x is turned by one block, because its first
 * block, which only x reaches, and its last, which only h reaches, are apart:
 *
 *     W_ih, W_hh (rows)    | r | z | n |        gates    | n | r | z | m |
 *                                               from x   |-2-|---1---|
 *                                               from h       |-----------| */
#ifndef WK_OP_RECURRENT_H
#define WK_OP_RECURRENT_H

#include "grad/backprop.h"
#include "kernel/kernel.h"
#include "op/rows.h"

/* The state of a small-op composition: h, and c of an lstm. */
typedef struct wk_states {
    wk_tensor *h, *c;
} wk_states;

typedef struct wk_recurrent {
    int32_t gates;    /* blocks of H rows in W_ih and W_hh */
    int32_t columns;  /* blocks of H in a row of `gates` */
    bool is_turned;   /* the gru's order of blocks */
    bool has_c;       /* a second state */
    bool keeps_gates; /* the gradient reads what the step left there */
    bool carries;     /* the step itself reads h, so its gradient leaves a part of dh, to which the product is added */
    bool is_relu;
    bool has_chain; /* the kernel rnn_chain is this row's */
    wk_step_kernel *(*step)(wk_dtype dtype);
    wk_step_grad_kernel *(*step_grad)(wk_dtype dtype);
    wk_states (*compose)(wk_tensor *from_x, wk_tensor *from_h, wk_states before); /* one step, both products given */
} wk_recurrent;

typedef struct wk_recurrent_attrs {
    int64_t reverse, relu;
} wk_recurrent_attrs;

/* The inputs in their order: x lengths h0 [c0] w_ih w_hh b_ih b_hh. */
typedef struct wk_recurrent_inputs {
    int32_t x, lengths, h0, c0, w_ih, w_hh, b_ih, b_hh, count; /* c0 is -1 where there is none */
} wk_recurrent_inputs;

static inline const wk_recurrent_inputs *wk__recurrent_inputs(const wk_recurrent *r) {
    static const wk_recurrent_inputs h_alone = {0, 1, 2, -1, 3, 4, 5, 6, 7}, h_and_c = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    return r->has_c ? &h_and_c : &h_alone;
}

/* The parts of the product with W_ih: rows `from` .. of W_ih make the columns `to` .. of the gates. With `single`, they
 * are where h's are, as one, and whoever multiplies copies n from m's place, or to it: for a single row that is less
 * than another product. (Not where sums go over the gates: a row's have the bits of a row among others.) */
typedef struct wk_gate_part {
    int64_t from, rows, to;
} wk_gate_part;

static inline int32_t wk__gate_parts(const wk_recurrent *r, int64_t H, bool single, wk_gate_part part[2]) {
    if (!r->is_turned || single) {
        part[0] = (wk_gate_part){0, r->gates * H, r->is_turned ? H : 0};
        return 1;
    }
    part[0] = (wk_gate_part){0, (r->gates - 1) * H, H};
    part[1] = (wk_gate_part){(r->gates - 1) * H, H, 0};
    return 2;
}

/* The variant of a row (wk_op.variant); an rnn has two, with tanh and with relu. */
static inline const wk_recurrent *wk__recurrent_of(const wk_op *op, const void *attrs) {
    return (const wk_recurrent *)op->variant + (((const wk_recurrent_attrs *)attrs)->relu != 0);
}

/* The functions of such a row. */
bool wk__recurrent_shape(wk_call *c);
void wk__recurrent_forward(wk_call *c);
bool wk__recurrent_grad(wk_backprop *b);
int64_t wk__recurrent_steps(const wk_node *node);
void wk__recurrent_vjp(const wk_backprop *b, wk_tensor **gx); /* NOTE [Differentiated twice] */
void wk__recurrent_compose(wk_call *c);
void wk__recurrent_batched(wk_call *c); /* the sequences of all calls are the rows of one */

/* One call. Last states are stored where there is a place for them. */
wk_tensor *wk__recurrent_apply(const wk_op *op, wk_tensor *const *in, wk_recurrent_attrs attrs, wk_tensor **hn,
                               wk_tensor **cn);

/* NOTE [Cells]. A cell is the row on sequences, its variant, for one step. In a batch it is a row of its own, so that a
 * step is one call that is put off: x (N,I), h (N,H), of an lstm c (N,H), and the weights -> the next h and c. */
void wk__cell(const wk_op *cell, wk_tensor *const *in, wk_tensor **out);
bool wk__cell_shape(wk_call *c);
bool wk__cell_outputs(wk_call *c);
void wk__cell_compose(wk_call *c);
void wk__cell_batched(wk_call *c);

/* The cells of lstm.c and gru.c. */
void wk__lstm_cell(wk_tensor *const *in, wk_tensor **out);
void wk__gru_cell(wk_tensor *const *in, wk_tensor **out);

/* For compositions: gate k of `count` that lie side by side, gates (N, count H). */
static inline wk_tensor *wk__gate(wk_tensor *gates, int64_t count, int64_t k) {
    const int64_t H = wk_dim(gates, 1) / count;
    return wk_narrow(gates, 1, k * H, H);
}

/* The fields of these rows and cells: first what all have, then what goes with h alone, and with h and c. */
#define WK_RECURRENT_FUNCTIONS                                                               \
    .batch = WK__BATCH_ROWS, .batched = wk__recurrent_batched, .shape = wk__recurrent_shape, \
    .forward = wk__recurrent_forward, .grad = wk__recurrent_grad, .vjp = wk__recurrent_vjp,  \
    .compose = wk__recurrent_compose, .steps = wk__recurrent_steps
#define WK_CELL_FUNCTIONS                                                                                       \
    .batch = WK__BATCH_ROWS, .batched = wk__cell_batched, .shape = wk__cell_shape, .compose = wk__cell_compose, \
    .outputs = wk__cell_outputs
#define WK_RECURRENT_OF_H                                                                             \
    .in_count = 7, .out_count = 2, .in_names = "x lengths h0 w_ih w_hh b_ih b_hh", .indices = 1 << 1, \
    .optional = 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6, .batch_shared = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6, \
    .reads = WK_RECURRENT_READS_7, WK_RECURRENT_FUNCTIONS
#define WK_RECURRENT_OF_H_AND_C                                                                                \
    .in_count = 8, .out_count = 3, .in_names = "x lengths h0 c0 w_ih w_hh b_ih b_hh", .indices = 1 << 1,       \
    .optional = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 7, .batch_shared = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7, \
    .reads = WK_RECURRENT_READS_8, WK_RECURRENT_FUNCTIONS

/* The gradient of each input reads the first output, and, as compose does, all inputs. */
#define WK_RECURRENT_ALL(count) (((1u << (count)) - 1) | WK_READS_OUT(0))
#define WK_RECURRENT_READS_7                                                                                     \
    {                                                                                                            \
        WK_RECURRENT_ALL(7), WK_RECURRENT_ALL(7), WK_RECURRENT_ALL(7), WK_RECURRENT_ALL(7), WK_RECURRENT_ALL(7), \
            WK_RECURRENT_ALL(7), WK_RECURRENT_ALL(7)                                                             \
    }
#define WK_RECURRENT_READS_8                                                                                     \
    {                                                                                                            \
        WK_RECURRENT_ALL(8), WK_RECURRENT_ALL(8), WK_RECURRENT_ALL(8), WK_RECURRENT_ALL(8), WK_RECURRENT_ALL(8), \
            WK_RECURRENT_ALL(8), WK_RECURRENT_ALL(8), WK_RECURRENT_ALL(8)                                        \
    }

#endif
