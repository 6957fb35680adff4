/* wick/custom.h -- operations of one's own, written in C with the public functions.
 *
 * An operation says its shape, computes its outputs and gives its gradient; the engine checks, allocates, records and
 * differentiates as with its own. (Compiled and run by the tests:)
 *
 * ```c
 * #include <stdio.h>
 * #include <wick.h>
 *
 * static bool shape(wk_call *call) {
 *     const wk_tensor *x = wk_call_input(call, 0);
 *     if (wk_dtype_of(x) != WK_F64) return wk_call_refuse(call, WK_EDTYPE, "x must be f64");
 *     return wk_call_declare_like(call, 0, x);
 * }
 *
 * static void forward(wk_call *call) { // y = x^n, element by element
 *     const double *x = wk_data(wk_contiguous(wk_call_input(call, 0)));
 *     double *y = wk_data_mut(wk_call_output(call, 0));
 *     for (int64_t e = 0; e < wk_numel(wk_call_output(call, 0)); e++) {
 *         y[e] = 1;
 *         for (int64_t i = 0; i < wk_call_int(call, "n"); i++) y[e] *= x[e];
 *     }
 * }
 *
 * static void backward(wk_call *call) { // gx = n g x^(n-1), with operations, so that it has a gradient in turn
 *     const int64_t n = wk_call_int(call, "n");
 *     const wk_attr lower = {.name = "n", .i = n - 1};
 *     wk_tensor *x = wk_call_input(call, 0), *power = NULL;
 *     wk_op_call(wk_op_find("power"), &lower, 1, &x, 1, &power);
 *     wk_call_set_gradient(call, 0, wk_mul_scalar(wk_mul(wk_call_gradient(call, 0), power), (double)n));
 * }
 *
 * int main(void) {
 *     const wk_custom_attr n = {"n", WK_ATTR_INT, 2};
 *     wk_custom_op power = WK_CUSTOM_OP;
 *     power.name = "power", power.input_names = "x", power.attrs = &n, power.attr_count = 1;
 *     power.shape = shape, power.forward = forward, power.backward = backward;
 *     power.saved_inputs = 1; // bit 0: backward reads input 0
 *     const wk_op *op = wk_op_register(&power);
 *     wk_tensor *x = wk_requires_grad_(wk_scalar(3, WK_F64), true), *y, *g, *gg;
 *     wk_op_call(op, &(wk_attr){.name = "n", .i = 3}, 1, &x, 1, &y);
 *     wk_grad(y, &x, 1, &g, WK_CREATE_GRAPH);
 *     wk_grad(g, &x, 1, &gg, 0);
 *     printf("%g %g %g\n", wk_item(y), wk_item(g), wk_item(gg));
 *     return wk_check(NULL);
 * }
 * ```
 * ```text
 * 27 27 18
 * ``` */
#ifndef WICK_CUSTOM_H
#define WICK_CUSTOM_H

#include "wick/grad.h"
#include "wick/ops.h"

WK_BEGIN_DECLS

/* One call of an operation, as its callbacks see it; valid while they run. */
typedef struct wk_call wk_call;

enum { WK_CUSTOM_MAX_INPUTS = 6, WK_CUSTOM_MAX_OUTPUTS = 2 };

/* An attribute of the operation, passed by name: WK_ATTR_INT, WK_ATTR_FLOAT, or WK_ATTR_DIMS, whose default is always
 * (). */
typedef struct wk_custom_attr {
    const char *name;
    int32_t kind;
    double fallback;
} wk_custom_attr;

/* What describes an operation. Begin with WK_CUSTOM_OP. Strings and attributes are copied. */
typedef struct wk_custom_op {
    size_t size;
    const char *name;        /* of letters, digits and _, at most 31; no row's and no other registered one's */
    const char *input_names; /* "x w": one word for each input, for messages; NULL: "x" */
    int32_t input_count, output_count;
    uint32_t optional;       /* bit i: input i may be NULL */
    /* What backward reads; nothing else is kept for it. Bit i: input i; bit k: output k. */
    uint32_t saved_inputs, saved_outputs;
    const wk_custom_attr *attrs;
    int32_t attr_count;
    /* Declares every output, from shapes and attributes; returns false after wk_call_refuse. */
    bool (*shape)(wk_call *call);
    /* Fills the outputs, which are contiguous; inputs may have any strides. Operations are allowed and not recorded. */
    void (*forward)(wk_call *call);
    /* Sets the gradients of the inputs, with operations. An input that it does not set has no influence on the outputs.
     * NULL: the operation has no gradient, and is never recorded. */
    void (*backward)(wk_call *call);
    void *user;
    /* Not 0: forward depends on nothing but its inputs and attributes, and changes nothing but its outputs, so a plan
     * (wick/plan.h) may call it again in each run. Not needed if forward consists of wick's operations: a plan records
     * those. */
    int32_t pure;
} wk_custom_op;
#define WK_CUSTOM_OP \
    { sizeof(wk_custom_op), NULL, NULL, 1, 1, 0, 0, 0, NULL, 0, NULL, NULL, NULL, NULL, 0 }

/* Registers an operation with the current context: wk_op_find finds it and wk_op_call calls it. NULL on failure: EINVAL
 * (a name that is taken or not allowed, a missing callback, a count out of range). It is removed with the context, or
 * by wk_op_unregister: ESTATE while the tape or a plan uses it, and inside a function that wick calls. */
WK_API const wk_op *wk_op_register(const wk_custom_op *op);
WK_API wk_status wk_op_unregister(const wk_op *op);

/* ------------------------------------------------------------------------------------------ what callbacks see --- */

/* The `user` of the operation's wk_custom_op. */
WK_API void *wk_call_user(const wk_call *call);

/* Input i; in backward only if it was saved (EINVAL otherwise). NULL if absent. */
WK_API wk_tensor *wk_call_input(wk_call *call, int32_t i);

/* Output k: in forward, to be filled; in backward, only if it was saved. */
WK_API wk_tensor *wk_call_output(wk_call *call, int32_t k);

/* The attribute of this name; 0 or NULL if there is none. *ndim is set to the number of dims. */
WK_API int64_t wk_call_int(const wk_call *call, const char *name);
WK_API double wk_call_float(const wk_call *call, const char *name);
WK_API const int64_t *wk_call_dims(const wk_call *call, const char *name, int32_t *ndim);

/* In shape: declares output k. Returns false, with the failure recorded, if the shape is not valid or memory is out. */
WK_API bool wk_call_declare(wk_call *call, int32_t k, wk_dtype dtype, int32_t ndim, const int64_t *dims);
WK_API bool wk_call_declare_like(wk_call *call, int32_t k, const wk_tensor *x);

/* Fails this call: `return wk_call_refuse(call, WK_ESHAPE, "x has no rows");`. The operation's name is put in front. */
WK_API bool wk_call_refuse(wk_call *call, wk_status status, const char *message);

/* In backward: the gradient of output k (NULL if none came); whether the gradient of input i is wanted; and setting it,
 * with the shape and type of the input (ESHAPE). */
WK_API wk_tensor *wk_call_gradient(const wk_call *call, int32_t k);
WK_API bool wk_call_wants(const wk_call *call, int32_t i);
WK_API bool wk_call_set_gradient(wk_call *call, int32_t i, wk_tensor *g);

WK_END_DECLS

#endif
