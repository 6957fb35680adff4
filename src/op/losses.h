/* losses.h -- what the rows of losses check. */
#ifndef WK_OP_LOSSES_H
#define WK_OP_LOSSES_H

#include "op/rows.h"

/* Is it one of WK_REDUCTION_...? EINVAL. */
bool wk__check_reduction(wk_call *c, int64_t reduction);

/* x and target are floating and have one shape. ESHAPE, also where they would broadcast; EDTYPE. */
bool wk__check_pair(wk_call *c);

#endif
