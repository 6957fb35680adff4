/* late.c -- kinds of which all calls become one group.
 *
 * NOTE [Late kinds]. What nobody needs before the end waits (NOTE [Waiting] in merge.c), so the losses of sentences,
 * which hang on steps of all levels, become one group. But to be told apart first and merged then costs more than to
 * run them. So a context remembers kinds that came to one group, and in the next batch their calls go into one from the
 * beginning. When a call comes to it from a later level, the group moves behind that, and what depends on it moves too:
 *
 *     level      2      3       4                      2      3       4       5
 *     step 1 -> [ cat ] [loss]              ->                step 2 [ cat ] [loss]
 *
 * It must be known what depends on it. So groups of late kinds have paths to all groups that have their outputs as
 * operands; and where one of those does not move itself, the group is pinned. A call that comes from a later level then
 * begins another group, and its kind is not late any more. */
#include "batch/deferral.h"

/* ------------------------------------------------------------------------------------------------------- moving --- */

enum { MOST_MOVED = 16 };

static bool is_operand(const wk_group *g, const wk_call *c) {
    for (int32_t i = 0; i < c->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (x != NULL && x->live == WK__PROMISED && wk__source_group((wk_source)x->storage) == g) return true;
    }
    return false;
}

/* Can g and all that depends on it move behind the operands of c, which do not depend on it then? */
static bool can_move(const wk_group *g, const wk_call *c, int32_t *left) {
    if (!g->kind->is_late || g->is_pinned || --*left < 0 || is_operand(g, c)) return false;
    for (const wk_path *path = g->paths; path != NULL; path = path->next)
        if (!can_move(path->to, c, left)) return false;
    return true;
}

static void move(wk_group *g, int32_t level) {
    if (g->level >= level) return;
    g->level = level;
    for (const wk_path *path = g->paths; path != NULL; path = path->next) move(path->to, level + 1);
}

bool wk__late_takes(wk_group *g, const wk_call *c, int32_t level) {
    int32_t left = MOST_MOVED;
    if (level <= g->level) return true;
    if (!can_move(g, c, &left)) return g->kind->is_late = false;
    move(g, level);
    return c->ctx->batch->some_moved = true;
}

void wk__late_used(wk_batch *b, wk_group *from, wk_group *by) {
    for (const wk_path *path = from->paths; path != NULL; path = path->next)
        if (path->to == by) return;
    wk_path *path = by->kind->is_late ? wk__batch_alloc(b, sizeof *path) : NULL;
    from->is_pinned = path == NULL;
    if (path == NULL) return;
    *path = (wk_path){from->paths, by};
    from->paths = path;
}

/* -------------------------------------------------------------------------------------------------- remembering --- */

static int32_t place_of(const wk_ctx *ctx, uint64_t hash) {
    int32_t i = 0;
    while (i < WK__LATE_KINDS && ctx->late_kinds[i] != hash) i++;
    return i;
}

bool wk__is_late(const wk_ctx *ctx, uint64_t hash) { return place_of(ctx, hash) < WK__LATE_KINDS; }

/* At the front, where the oldest makes room; or not any more. */
static void note(wk_ctx *ctx, uint64_t hash, bool is_late) {
    int32_t i = place_of(ctx, hash);
    if (i == WK__LATE_KINDS && is_late) i--;
    if (i == WK__LATE_KINDS) return;
    for (; i > 0 && is_late; i--) ctx->late_kinds[i] = ctx->late_kinds[i - 1];
    ctx->late_kinds[i] = is_late ? hash : 0;
}

void wk__late_kinds_note(wk_batch *b) {
    for (int32_t l = 0; l < b->level_count; l++)
        for (const wk_group *g = b->levels[l].first; g != NULL; g = g->next) {
            const wk_kind *kind = g->kind;
            if (kind->group_count > 1) note(b->ctx, kind->hash, kind->joined_count == kind->group_count - 1);
        }
}
