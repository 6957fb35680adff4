/* rnn_work.h -- how the scratch memory of the RNN kernels is laid out. P is H rounded up to whole vectors of the
 * widest ISA, so that a row of P elements is read and written without tails; what lies behind H in a row is zero.
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

enum { WK_RNN_PAD = 16 };

typedef struct wk_rnn_layout {
    int64_t padded; /* P */
    int64_t recurrent, input, bias, dpre, prev, carry, size;
} wk_rnn_layout;

static inline wk_rnn_layout wk__rnn_layout(int64_t T, int64_t B, int64_t I, int64_t H) {
    const int64_t P = (H + WK_RNN_PAD - 1) / WK_RNN_PAD * WK_RNN_PAD;
    wk_rnn_layout at = {.padded = P, .recurrent = 0};
    at.input = at.recurrent + H * P;
    at.bias = at.input + I * P;
    at.dpre = at.bias + P;
    at.prev = at.dpre + T * B * P;
    at.carry = at.prev + T * B * P;
    at.size = at.carry + B * P;
    return at;
}

#endif
