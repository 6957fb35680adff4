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

/* What was recorded in the scopes from `depth` down to the one inside of `to` goes on there when they close. */
static inline void wk__scopes_join(wk_ctx *ctx, int32_t depth, int32_t to) {
    for (; depth > to; depth--) ctx->frames[depth].joined = true;
}

/* A tensor that may be older than the innermost scope was given a new history there: either the history lives on to the
 * scope that owns the tensor, or, when none does (a slot), this scope will cut it. False when memory is out. */
bool wk__scope_follow(wk_tensor *t);

/* NOTE [Guests]. A function of the program that runs inside a call of wick (a hook, an operation of one's own, what is
 * checkpointed or recorded) finds scopes open with which wick goes on when it returns. It can neither close them nor
 * drop what they own (ESTATE), nor free the context; what it opens it closes, and the context that was current is so
 * again at its end. A guest that leaves things otherwise fails, and they are put in order. What fails in a guest is
 * named after the call that it made (NOTE [Whose failure] in base/context.h). */
typedef struct wk_guest {
    int32_t depth, guarded;
    int64_t guarded_handles;
    bool grad_enabled;
} wk_guest;

/* Around a call of such a function, on behalf of `op`. Recording is on or off afterwards as it was before. */
wk_guest wk__guest_begins(wk_ctx *ctx);
void wk__guest_ends(wk_ctx *ctx, wk_guest guest, const char *op);

/* The tensors of a list, one after another. */
wk_tensor *const *wk__list_items(const wk_list *list);

/* The public edge of functions that take a list, as wk__usable for tensors. */
bool wk__list_usable(wk_ctx *ctx, const wk_list *list, const char *op, const char *argument);

/* batch/open.c: the batch that the innermost scope is closes. First, where nothing is pending, its promises go, which
 * nobody can ask for any more; then the scope lets go of its other handles; then the batch goes, before the scope's
 * part of the tape does. */
void wk__batch_closes(wk_ctx *ctx);
void wk__batch_close(wk_ctx *ctx);

/* Hands t to the scope at `depth`, which lies outside the innermost one. */
void wk__yield_to(wk_ctx *ctx, wk_tensor *t, int32_t depth);

#endif
