/* recurrent_noted.h -- recurrent rows in a plan. Lengths are data that decide how many rows are alive in a step, and
 * stretches (ragged.h) begin where the sizes say: there a plan calls the row again as a whole. It holds the kernels
 * of a chain, which are the same for any T, and those of a single stretch, if they need not serve other sizes. */
#ifndef WK_OP_RECURRENT_NOTED_H
#define WK_OP_RECURRENT_NOTED_H

#include "op/packed.h"
#include "op/recurrent.h"

/* One use of a row, without tensors and tape. Absent arrays are NULL. */
typedef struct wk_recurrent_use {
    wk_ctx *ctx;
    const wk_op *op; /* for messages */
    const wk_recurrent *row;
    wk_recurrent_attrs attrs;
    const wk_array *in[WK__MAX_FIXED_INPUTS], *out[WK__MAX_OUTPUTS];
    void *kept; /* what forward leaves for the gradient, or NULL */
    const wk_array *gy[WK__MAX_OUTPUTS];
    wk_packed_slot *slots; /* of the gradient */
} wk_recurrent_use;

/* Is something captured in which the use is a whole? Else the caller does the work. */
bool wk__recurrent_is_whole(const wk_recurrent_use *use);
static inline bool wk__recurrent_is_noted(const wk_recurrent_use *use) {
    return wk_unlikely(use->ctx->capture != NULL) && wk__recurrent_is_whole(use);
}
void wk__recurrent_note(const wk_recurrent_use *use);
void wk__recurrent_note_grad(const wk_recurrent_use *use);

/* The use of the row that a node recorded, without slots. */
void wk__recurrent_use_of(const wk_backprop *b, wk_recurrent_use *use);

/* recurrent.c, recurrent_grad.c: the work, with failures recorded. */
void wk__recurrent_run(const wk_recurrent_use *use, wk_call *call);
void wk__recurrent_run_grad(const wk_recurrent_use *use);

/* How many elements forward keeps for `total` steps of all rows together. */
int64_t wk__recurrent_kept_size(const wk_recurrent *row, int64_t total, int64_t H);

#endif
