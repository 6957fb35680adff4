/* record.h -- a kernel table whose functions note their arguments instead of working (NOTE [Capture] in
 * base/capture.h), and the signatures by which a noted call can be made later.
 *
 * A type of kernel in kernel.h has a block in record.c; without it the library does not compile. The table stands in
 * for wk__kernels while there is a capture in any thread (select.c). */
#ifndef WK_KERNEL_RECORD_H
#define WK_KERNEL_RECORD_H

#include "base/capture.h"
#include "base/context.h"
#include "kernel/kernel.h"

/* Notes calls in contexts that capture; elsewhere its functions call those of the table that works. */
extern const wk_kernels wk__kernels_recording;

/* For functions outside the table that fill tensors: notes the call, if something is captured in ctx. Else false, and
 * the caller does the work. */
bool wk__note(const wk_ctx *ctx, const wk_noted *noted, const wk_word *words);

/* wk_unary_loop as it is noted, for conversions, which are in a table of their own. */
extern const wk_signature wk__unary_signature;

#endif
