/* recurrent_noted.h -- recurrent rows over rows of several lengths in a plan. The lengths are data: they decide how
 * many rows are alive in a step, so a plan does not hold the row's kernels, but calls the row again as a whole, which
 * looks at the lengths that there are then. */
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

/* Notes the use if something is captured and the row reads lengths. False: the caller does the work. */
bool wk__recurrent_note(const wk_recurrent_use *use);
bool wk__recurrent_note_grad(const wk_recurrent_use *use);

/* recurrent.c, recurrent_grad.c: the work, with failures recorded. */
void wk__recurrent_run(const wk_recurrent_use *use, wk_call *call);
void wk__recurrent_run_grad(const wk_recurrent_use *use);

/* How many elements forward keeps for `total` steps of all rows together. */
int64_t wk__recurrent_kept_size(const wk_recurrent *row, int64_t total, int64_t H);

#endif
