/* wick/batch.h -- automatic batching: a scope in which calls are deferred, and calls of one kind are run as one. */
#ifndef WICK_BATCH_H
#define WICK_BATCH_H

#include "wick/tensor.h"

WK_BEGIN_DECLS

/* NOTE [Batch]. For networks whose structure differs from example to example: trees, sequences, graphs. The program is
 * written for one example, with whatever recursion and loops that takes, and wick batches the operations that it calls:
 *
 *     WK_BATCH;                                     // a scope, and closed like one
 *     wk_list *losses = wk_list_new();
 *     for (int i = 0; i < 16; i++) wk_list_push(losses, loss_of(trees[i]));
 *     wk_tensor *loss = wk_mean(wk_stack(losses, 0));
 *     wk_backward(loss);                            // here everything runs
 *
 * Inside a batch most operations return at once, with a tensor whose shape and type are known and whose elements are
 * computed later. Deferred operations run when the program looks at elements (wk_item, wk_data, wk_backward, wk_keep,
 * ...), when it calls an operation that cannot be deferred, and when the batch closes. Calls of one operation on
 * tensors of the same shapes that do not depend on one another run as one call on all of them: calls of linear with one
 * weight become a single matrix product.
 *
 * Values and gradients are those of the same program without the batch, except for the order in which sums are rounded.
 * These are the differences:
 *   - Errors that depend on values, such as an index out of range, are reported when the elements are computed. Shapes
 *     and types are checked by the call itself. After a failure, operations that had not run never will, and using
 *     their results is ESTATE.
 *   - A result computed in a batch shares its memory with other results. It therefore cannot have hooks, and cannot be
 *     written in place (ESTATE): not by wk_add_ and the like, nor by wk_data_mut or wk_write. A wk_clone of it can be
 *     written. Tensors from wk_zeros, wk_from_data and so on can be written as usual: deferred operations that still
 *     have to read them run first.
 *   - Calls that ran as one are one part of the graph. When one of several losses is differentiated, that part is kept
 *     for the others until the batch closes, so each loss may have a wk_backward of its own; but a single wk_backward
 *     of their sum walks the graph once instead of once for each loss. A second wk_backward of the same loss is
 *     ECONSUMED, as usual. Because the part is kept, a backward of something that was computed from the loss afterwards
 *     is not refused; its gradients add up, as with WK_RETAIN_GRAPH.
 *   - Calls on which the loss does not depend, but which ran together with calls on which it does, receive gradients of
 *     zero. So do leaves that only they read and that would otherwise have no gradient. If the derivative of such a
 *     call is infinite, as that of log at 0, zero times infinity is NaN, also in the gradient of a weight that all
 *     calls share. These zeros do not use up the history of what the calls read, and that history may already be gone
 *     (used up, overwritten, or kept beyond its scope); only wk_grad with WK_CREATE_GRAPH refuses the latter.
 *   - Random numbers are drawn in program order.
 *   - In anomaly mode (wk_set_anomaly), under an op hook, and inside wk_checkpoint nothing is deferred.
 *
 * Scopes inside a batch work as usual and release early what is no longer needed. wk_yield hands a result out of the
 * batch. A batch inside a batch is a plain scope, so a function may open one without knowing whether its caller has.
 *
 * Neubig, Goldberg & Dyer 2017, "On-the-fly operation batching in dynamic computation graphs",
 * https://arxiv.org/abs/1705.07860 */

/* Opens a batch and returns its mark, for wk_scope_close. Otherwise as wk_scope_open. */
WK_API wk_scope wk_batch_open(void);

#ifdef WK_CLEANUP
#define WK_BATCH WK_CLEANUP(wk__scope_cleanup) wk_scope WK__JOIN(wk__batch_, __LINE__) = wk_batch_open()
#endif

WK_END_DECLS

#endif
