/* batch_norm.h -- what the layer needs beside the row: the moments that x was normalized by. */
#ifndef WK_OP_BATCH_NORM_H
#define WK_OP_BATCH_NORM_H

#include "op/rows.h"

/* The mean and the variance (divided by n) of each channel of x (N,C,..), in *mean and *var (C), recorded; NULL on
 * failure. */
void wk__channel_moments(wk_tensor *x, wk_tensor **mean, wk_tensor **var);

#endif
