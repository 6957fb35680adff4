/* scope.h -- opening and closing scopes from the inside. */
#ifndef WK_GRAD_SCOPE_H
#define WK_GRAD_SCOPE_H

#include "grad/tape.h"

/* Makes the root scope of a new context. False when memory is out. */
bool wk__scopes_init(wk_ctx *ctx);

/* Closes every scope, the root too, and frees what they own. */
void wk__scopes_free(wk_ctx *ctx);

/* open and close for a context at hand. 0 when memory is out. */
wk_scope wk__scope_open(wk_ctx *ctx);
void wk__scope_close_innermost(wk_ctx *ctx);

/* The tensors of a list, one after another. */
wk_tensor *const *wk__list_items(const wk_list *list);

/* Hands t to the scope at `depth`, which lies outside the innermost one. */
void wk__yield_to(wk_ctx *ctx, wk_tensor *t, int32_t depth);

#endif
