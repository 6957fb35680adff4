/* rnn_work.h -- how the scratch memory of the RNN kernels is laid out. P is H rounded up to whole vectors of the
 * widest ISA, so that a row of P elements is read and written without tails; what lies behind H in a row is zero.
 * Behind all that lies the scratch of the matrix products, if any is large (gemm_work.h).
 *
 *     +-----------------+-----------------+-----+-------------+-------------+---------+
 *     | recurrent (H,P) | input (I,P)     | bias| dpre (TB,P) | prev (TB,P) | carry   |
 *     | W_hh transposed | W_ih transposed | (P) | gradient of | h_{t-1}     | (B,P)   |
 *     | (backward: W_hh)|                 |     | tanh's      | beside dpre | d h_t   |
 *     |                 |                 |     | argument    |             |         |
 *     +-----------------+-----------------+-----+-------------+-------------+---------+
 *
 * The members are offsets in elements. A kernel uses what it needs of it. */
#ifndef WK_KERNEL_RNN_WORK_H
#define WK_KERNEL_RNN_WORK_H

#include <stdint.h>

#include "kernel/gemm_work.h"

enum { WK_RNN_PAD = 16 };

typedef struct wk_rnn_layout {
    int64_t padded; /* P */
    int64_t recurrent, input, bias, dpre, prev, carry, product, size;
} wk_rnn_layout;

/* The most that the products of either direction ask for. */
static inline int64_t wk__rnn_product_work(int64_t rows, int64_t B, int64_t I, int64_t H) {
    const int64_t products[][3] = {{rows, H, I}, {rows, I, H}, {H, I, rows}, {H, H, rows}, {B, H, H}};
    int64_t most = 0;
    for (int i = 0; i < 5; i++) {
        const int64_t work = wk__gemm_work(products[i][0], products[i][1], products[i][2]);
        most = work > most ? work : most;
    }
    return most;
}

static inline wk_rnn_layout wk__rnn_layout(int64_t T, int64_t B, int64_t I, int64_t H) {
    const int64_t P = (H + WK_RNN_PAD - 1) / WK_RNN_PAD * WK_RNN_PAD;
    wk_rnn_layout at = {.padded = P, .recurrent = 0};
    at.input = at.recurrent + H * P;
    at.bias = at.input + I * P;
    at.dpre = at.bias + P;
    at.prev = at.dpre + T * B * P;
    at.carry = at.prev + T * B * P;
    at.product = at.carry + B * P;
    at.size = at.product + wk__rnn_product_work(T * B, B, I, H);
    return at;
}

#endif
