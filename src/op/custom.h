/* custom.h -- the registered operations as the table of rows sees them. */
#ifndef WK_OP_CUSTOM_H
#define WK_OP_CUSTOM_H

#include "grad/op.h"
#include "wick/custom.h"

/* The operation that is registered under this name, or NULL. */
const wk_op *wk__registered_find(const wk_ctx *ctx, const char *name);

#endif
