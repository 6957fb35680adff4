/* powers.h -- element-wise functions that gradients of reductions and losses are written with. They are rows, recorded
 * and differentiable like all others, but not part of ops.def. */
#ifndef WK_OP_POWERS_H
#define WK_OP_POWERS_H

#include "op/rows.h"

/* |x|^p; and with the sign of x, where 0 gives 0 for every p: (x, 0) is the sign, (x, -1) is 1/x, or 0. */
wk_tensor *wk__abs_power(wk_tensor *x, double p);
wk_tensor *wk__signed_power(wk_tensor *x, double p);

/* max(log x, -100), whose gradient at 0 is that at 1e-12. */
wk_tensor *wk__log_clamped(wk_tensor *x);

/* 1 where a = b, or where both are NaN, else 0: a constant. */
wk_tensor *wk__equal(wk_tensor *a, wk_tensor *b);

/* a share, and 0 where the share is 0, whatever a is: a loss that does not count. */
wk_tensor *wk__weigh(wk_tensor *a, wk_tensor *share);

/* sum / shares: NaN where there are none; then a gradient of 0, as PyTorch's. */
wk_tensor *wk__per_share(wk_tensor *sum, wk_tensor *shares);

#endif
