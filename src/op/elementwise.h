/* elementwise.h -- running an element-wise kernel over arrays of any layout (of one array: wk__unary_rows). */
#ifndef WK_OP_ELEMENTWISE_H
#define WK_OP_ELEMENTWISE_H

#include "grad/backprop.h"
#include "kernel/kernel.h"
#include "tensor/iterate.h"

void wk__binary_rows(wk_binary_loop *kernel, const wk_array *y, const wk_array *a, const wk_array *b);

/* The same where y, a and b are what a call or its gradient works on, of which its shape rule knew more (NOTE [Alike]).
 * The gradient's y is a slot. */
static inline void wk__binary_alike(uint8_t alike, wk_binary_loop *kernel, const wk_array *y, const wk_array *a,
                                    const wk_array *b) {
    if (wk_likely(alike & WK__FLAT)) kernel(y->numel, y->data, 1, a->data, 1, b->data, 1);
    else wk__binary_rows(kernel, y, a, b);
}
static inline void wk__unary_alike(uint8_t alike, wk_unary_loop *kernel, const wk_array *y, const wk_array *x) {
    if (wk_likely(alike & WK__FLAT)) kernel(y->numel, y->data, 1, x->data, 1);
    else wk__unary_rows(kernel, y, x);
}

void wk__scale_rows(wk_scale_loop *kernel, const wk_array *y, const wk_array *x, double s);

/* y = 0 */
void wk__zero(const wk_array *y);

/* y = x as y's type, of the same dims or broadcast. */
void wk__convert_rows(const wk_array *y, const wk_array *x);

/* A tensor for a row's own use, with the dims of `like`, or a copy of x without gaps: held by the caller. NULL,
 * recorded, when memory is out. */
wk_tensor *wk__temporary(wk_ctx *ctx, const wk_op *op, wk_dtype dtype, const wk_array *like);
wk_tensor *wk__temporary_copy(wk_ctx *ctx, const wk_op *op, const wk_array *x);

/* y (+)= x, which broadcasts to y. */
static inline void wk__set_or_add(const wk_array *y, const wk_array *x, bool add) {
    wk__unary_rows((add ? wk__kernels->accumulate : wk__kernels->copy)[y->dtype], y, x);
}

/* y (+)= x summed over the dimensions in which y is stretched to x's shape. */
void wk__sum_elements_to(const wk_array *y, const wk_array *x, bool add); /* of any number */
static inline void wk__sum_to(const wk_array *y, const wk_array *x, bool add) {
    if (x->numel == 1 && y->numel == 1)
        (add ? wk__kernels->accumulate : wk__kernels->copy)[y->dtype](1, y->data, 1, x->data, 1);
    else
        wk__sum_elements_to(y, x, add);
}

/* The shape rule of y = f(a, b) with broadcasting, in their type or as bools, and of y = f(x). */
bool wk__binary_shape(wk_call *c);
bool wk__relation_shape(wk_call *c);
bool wk__unary_shape(wk_call *c);

/* For shape rules of rows with a number: can s be a number of input 0's type? Whole numbers take whole ones. */
bool wk__check_number_slow(wk_call *c, double s);
static inline bool wk__check_number(wk_call *c, double s) {
    return wk_likely(wk__dtype_is_floating(c->in[0]->a.dtype)) || wk__check_number_slow(c, s);
}

/* What is known of a gradient whose slot was described in `room`, or is a whole tensor: without gaps. */
static inline uint8_t wk__slot_alike(const wk_backprop *b, const wk_array *slot, const wk_array *room) {
    return slot != room ? b->node->alike : 0;
}

/* Where grad works out what is to be set in a slot, or added to it: the slot itself, or (`add`) a tensor of its shape,
 * which wk__worked_out adds to it then. False: no memory, which is recorded. */
typedef struct wk_workplace {
    const wk_array *gx, *at; /* the slot; where to work */
    wk_array room;
    wk_tensor *apart;
    bool add;
} wk_workplace;
bool wk__work_on_slot(wk_backprop *b, int32_t i, wk_workplace *w);
void wk__worked_out(const wk_workplace *w);

/* Did input i have the shape of the output? */
bool wk__is_unstretched(const wk_backprop *b, int32_t i);

/* The gradient of input i from g, which has the output's shape: summed over what broadcasting stretched. */
wk_tensor *wk__unstretched(const wk_backprop *b, int32_t i, wk_tensor *g);

#endif
