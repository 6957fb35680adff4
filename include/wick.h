/* wick.h -- define-by-run deep learning in C. This is the one header to include.
 *
 * You write an ordinary C program with loops and ifs; the graph is whatever that program did this time, and
 * wk_backward() differentiates it. A tour in thirty lines (compiled and run by the tests, as all examples in these
 * headers):
 *
 * ```c
 * #include <stdio.h>
 * #include <wick.h>
 *
 * int main(void) {
 *     wk_manual_seed(1);
 *     wk_module *net = wk_module_new(NULL, "net");
 *     wk_module *hidden = wk_linear_new(net, "hidden", 1, 16, NULL);
 *     wk_module *out = wk_linear_new(net, "out", 16, 1, NULL);
 *     wk_optim *adam = wk_adam_new(net, 0.02, NULL);
 *     double last = 0;
 *
 *     for (int i = 0; i < 300 && wk_ok(); i++) {
 *         WK_SCOPE;                                                   // this step's tensors and graph
 *         wk_tensor *x = wk_uniform(-1, 1, WK_SHAPE(64, 1), WK_F32);
 *         wk_tensor *y = wk_tanh(wk_linear_forward(hidden, x));
 *         while (wk_randint(0, 2) == 1) y = wk_tanh(y);               // as deep as chance decides
 *         wk_tensor *loss = wk_mse_loss(wk_linear_forward(out, y), wk_mul(x, x));
 *         wk_optim_zero_grad(adam);
 *         wk_backward(loss);
 *         wk_optim_step(adam);
 *         last = wk_item(loss);
 *     }
 *
 *     wk_error e;
 *     if (wk_check(&e)) fprintf(stderr, "%s\n", e.message);           // the first failure, if there was one
 *     printf("loss %.4f\n", last);
 *     wk_optim_free(adam);
 *     wk_module_free(net);
 *     return e.status != WK_OK;
 * }
 * ```
 *
 * The headers, in the order in which a reader needs them: tensor.h (scopes, tensors), ops.h with ops.def (the
 * operations), grad.h (gradients, the graph), nn.h (modules), layers.h, optim.h (optimisers), random.h (random
 * numbers), io.h (files), plan.h (recorded steps), batch.h (calls of many examples run as one), custom.h (user-defined
 * operations), viz.h (pictures); base.h has failure, contexts and element types. C++17 also has wick.hpp, beside this
 * file.
 *
 * Threads: several threads may use several contexts at once, but one context is used by one thread at a time. */
#ifndef WICK_H
#define WICK_H

#include "wick/base.h"
#include "wick/tensor.h"
#include "wick/ops.h"
#include "wick/grad.h"
#include "wick/batch.h"
#include "wick/custom.h"
#include "wick/nn.h"
#include "wick/layers.h"
#include "wick/optim.h"
#include "wick/plan.h"
#include "wick/io.h"
#include "wick/random.h"
#include "wick/viz.h"

#ifdef WK_TRACE
#include "wick/trace.h"
#endif

#endif
