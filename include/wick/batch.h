/* wick/batch.h -- batching by itself: a scope in which calls are put off, and those of one kind run as one. */
#ifndef WICK_BATCH_H
#define WICK_BATCH_H

#include "wick/tensor.h"

WK_BEGIN_DECLS

/* NOTE [Batch]. For networks in which each example has a shape of its own: trees, sequences, graphs. The program is
 * written for one example, with whatever recursion and loops it takes, and the batch is made of what it calls:
 *
 *     WK_BATCH;                                     // a scope, closed like one
 *     wk_list *losses = wk_list_new();
 *     for (int i = 0; i < 16; i++) wk_list_push(losses, loss_of(trees[i]));
 *     wk_tensor *loss = wk_mean(wk_stack(losses, 0));
 *     wk_backward(loss);                            // here it all runs
 *
 * Inside, most operations return at once, with a tensor that has its shape and type, and its elements later. They run
 * when somebody looks at elements (wk_item, wk_data, wk_backward, wk_keep, ...), when an operation is called that
 * cannot be put off, and when the batch closes. Calls that do the same to tensors of one shape, and do not depend on
 * one another, run as one call on all of them: linear with one weight is a single matrix product.
 *
 * Values and gradients are those of the same program without the batch, but for the order in which sums round. What is
 * different:
 *   - An error that depends on values, such as an index out of range, comes when the elements are made. Shapes and
 *     types are checked by the call. After a failure, what had not run will not: using it is ESTATE.
 *   - What is computed in a batch shares its memory with others, and cannot be written in place (ESTATE): not by
 *     wk_add_ and its like, wk_data_mut, wk_write. A wk_clone can. Tensors from wk_zeros, wk_from_data and so on can be
 *     written as ever; what was put off and still has to read them runs first. Nor can it have hooks.
 *   - What ran as one call is one part of the graph, which stays for the batch's other losses when one is
 *     differentiated, until the batch closes. Each of several losses may have a wk_backward of its own; but one of
 *     their sum passes once in place of as often as there are losses.
 *     A second one of the same loss is ECONSUMED, as ever; but as that part stays, one of what was computed from the
 *     loss afterwards is not refused but adds up, as with WK_RETAIN_GRAPH.
 *     Calls on which the loss does not depend, but which ran with others, get gradients of zero, and so do leaves that
 *     only they read, which have no gradient otherwise; where their derivative is infinite, as that of a log of 0, zero
 *     times that is NaN, also in the gradient of a weight that all share. What such calls read is not used up by that,
 *     and may have lost its history: it was used up or overwritten, or kept beyond its scope. Only wk_grad with
 *     WK_CREATE_GRAPH refuses that.
 *   - Random numbers are drawn in the order of the program.
 *   - Under wk_set_anomaly, an op hook or inside wk_checkpoint nothing is put off.
 *
 * Scopes inside work as ever, and let go early of what is not needed. wk_yield hands a result out of the batch. A batch
 * inside a batch is a plain scope, so functions may open one without asking.
 * Neubig, Goldberg & Dyer 2017, "On-the-fly operation batching in dynamic computation graphs",
 * https://arxiv.org/abs/1705.07860 */

/* Opens a batch; its mark is closed by wk_scope_close. As wk_scope_open in all else. */
WK_API wk_scope wk_batch_open(void);

#ifdef WK_CLEANUP
#define WK_BATCH WK_CLEANUP(wk__scope_cleanup) wk_scope WK__JOIN(wk__batch_, __LINE__) = wk_batch_open()
#endif

WK_END_DECLS

#endif
