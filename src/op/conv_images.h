/* conv_images.h -- convolutions by kernels. */
#ifndef WK_OP_CONV_IMAGES_H
#define WK_OP_CONV_IMAGES_H

#include "grad/backprop.h"
#include "op/windows.h"

/* Fills the output of a convolution whose windows were counted: inputs x, w and b. */
void wk__conv_images(wk_call *c, const wk_window *window, int64_t groups);

/* Its gradients. */
void wk__conv_images_backward(wk_backprop *b, const wk_window *window, int64_t groups);

#endif
