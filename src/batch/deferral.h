/* deferral.h -- a call on its way to its group. */
#ifndef WK_BATCH_DEFERRAL_H
#define WK_BATCH_DEFERRAL_H

#include "batch/batch.h"
#include "grad/scope.h"

enum {
    WK__FEW_OPERANDS = WK__MAX_FIXED_INPUTS,
    WK__MOST_PATHS = 16, /* looked at: who goes to more groups than that begins new ones, which may be merged later */
};

/* What is known of a call before its group. */
typedef struct wk_deferral {
    wk_call *c;
    wk_group *from; /* the latest of the groups of operands that are pending, or NULL */
    uint64_t hash;
    int32_t level;
    uint32_t shared; /* bit i: input i is the same tensor in all calls */
    bool needs_grad, records;
    bool is_short; /* there are at most WK__FEW_OPERANDS inputs, and these two are set */
    int32_t rows[WK__FEW_OPERANDS];
    wk_source sources[WK__FEW_OPERANDS];
} wk_deferral;

/* Where input i comes from. One that is absent has source 0 and row -1, which no promise has. */
static inline wk_source wk__operand(const wk_deferral *d, int32_t i, int32_t *row) {
    const wk_tensor *x = d->c->in[i];
    if (x != NULL && wk__is_batched(x)) return wk__source_of(x, row);
    *row = x != NULL ? 0 : -1;
    return (wk_source)x;
}

/* Is operand i the same tensor in all calls? */
static inline bool wk__is_shared_operand(uint32_t shared, int32_t i) { return i < 32 && (shared >> i & 1); }

/* Bit i: operand i is another in each call. The kind has few inputs. */
static inline uint32_t wk__own_operands(const wk_kind *kind) { return ~kind->shared & ((1u << kind->in_count) - 1); }

/* ------------------------------------------------------------------------------------------------------- kind.c --- */

/* Bit i: input i, which is there, is the same in all calls. */
uint32_t wk__shared_inputs(const wk_call *c);

/* Fills level, shared, hash, and what is recorded. */
void wk__deferral_describe(wk_deferral *d);

/* The kind of a call that was described, or NULL. */
wk_kind *wk__kind_find(wk_batch *b, const wk_deferral *d);

/* A new one, for which the outputs of its first call are declared, without elements. NULL when the call is to go the
 * usual way, which may cast, do it alone, or say what is wrong; or when it has failed (recorded). */
wk_kind *wk__kind_new(wk_batch *b, wk_deferral *d);

/* Enters it into the table, where there is room for it; it has a group, which has this call. */
void wk__kind_enter(wk_batch *b, const wk_deferral *d, wk_kind *k);

/* Are these the attributes that calls of this kind were given? */
static inline bool wk__same_attrs(const wk_kind *k, const wk_call *c) {
    const uint64_t *a = k->raw, *b = c->attrs;
    for (size_t at = 0; at < c->op->attrs_nbytes / sizeof *a; at++)
        if (a[at] != b[at]) return false;
    return true;
}

/* ----------------------------------------------------------------------------------------------------- number.c --- */

/* Is the call to take the row with a tensor in place of its number? (NOTE [Numbers]) */
bool wk__differs_in_number(const wk_deferral *d);

/* That tensor, of as many dimensions as the input. NULL when memory is out (recorded). */
wk_tensor *wk__number_of(const wk_call *c);

/* ----------------------------------------------------------------------------------------------------- caller.c --- */

/* Does x, which is there, lie in memory that the caller may write without a word? */
static inline bool wk__is_callers(const wk_tensor *x) {
    return x->live == WK__LIVE && x->storage->bytes_of == WK__OF_CALLER;
}

/* Where inputs do, c->in becomes `own`, which has room for WK__FEW_OPERANDS, with copies of them. False where the call
 * cannot be put off for that. */
bool wk__copy_callers(wk_call *c, wk_tensor **own);

/* ------------------------------------------------------------------------------------------------------- late.c --- */

/* Does the context remember that the calls of this kind became one group? (NOTE [Late kinds]) */
bool wk__is_late(const wk_ctx *ctx, uint64_t hash);

/* May c, the latest of whose operands are just below this level, be one more call of g, of a late kind? Then g is of
 * that level, or of a later one. */
bool wk__late_takes(wk_group *g, const wk_call *c, int32_t level);

/* `by` has an output of `from`, of a late kind, as an operand. */
void wk__late_used(wk_batch *b, wk_group *from, wk_group *by);

/* ------------------------------------------------------------------------------------------------------ group.c --- */

/* A group of this kind and level, without calls. NULL when memory is out. */
wk_group *wk__group_new(wk_batch *b, wk_kind *kind, int32_t level);

/* Of the pending groups that c has operands from the latest, from which the fewest ways part, or NULL. */
wk_group *wk__latest_pending(const wk_call *c);

/* Room in a column for another run; false when memory is out. */
bool wk__column_grow(wk_batch *b, wk_column *column);

/* Is row `row` of this source the one that makes the last run longer by one; where the column is shared, the row? */
static inline bool wk__column_goes_on(const wk_column *column, wk_source source, int32_t row) {
    return column->source == source && column->next == row;
}

/* The last run is complete. */
static inline void wk__column_settle(wk_column *column) {
    wk_run *last = &column->runs[column->count - 1];
    last->count = column->next - last->row;
}

/* One run less, or more, is of this source. */
void wk__source_release(wk_source s);
static inline void wk__source_retain(wk_source s) {
    wk_group *g = wk__source_group(s);
    if (g != NULL)
        wk__group_that_runs(g)->holds++;
    else if (s != 0)
        wk__retain((wk_tensor *)s);
}

/* A group holds an operand with its history. A call that nobody can ask for any more may run with others of its group,
 * and then gradients, though of zeros, go back to its operands as well: so what was recorded for them must not be cut
 * off the tape by a scope that closes before the batch does. */
static inline void wk__source_hold(wk_source s) {
    wk__source_retain(s);
    const wk_tensor *t = wk__source_group(s) == NULL ? (wk_tensor *)s : NULL;
    if (t != NULL && t->way.kind == WK__TO_NODE) wk__scopes_join(t->ctx, t->depth, t->ctx->batch->depth);
}

/* Behind the others, whose last run it goes on, or begins another, for which there is room. */
static inline void wk__column_push(wk_column *column, wk_source source, int32_t row) {
    if (wk__column_goes_on(column, source, row)) {
        column->next++;
        return;
    }
    if (column->count > 0) wk__column_settle(column);
    column->runs[column->count++] = (wk_run){source, row, 1};
    column->source = source;
    column->next = row + 1;
    wk__source_hold(source);
}

/* Operand i of one more call of g, for which there is room. */
static inline void wk__group_push(wk_batch *b, wk_group *g, int32_t i, wk_source source, int32_t row) {
    wk_group *from = wk__source_group(source);
    wk__column_push(&g->columns[i], source, row);
    if (from != NULL && from->kind->is_late && from->is_open && !from->is_pinned) wk__late_used(b, from, g);
}

/* Is x like the tensors that are in this column? */
static inline bool wk__is_like(const wk_column *column, const wk_tensor *x) {
    const wk_tensor *y = (const wk_tensor *)column->source;
    if (y == NULL || wk__source_group(column->source) != NULL) return false;
    return x->way.kind == y->way.kind && x->a.dtype == y->a.dtype && wk__same_dims(&x->a, &y->a) && !wk__is_callers(x);
}

/* After the last call came one of g. */
static inline void wk__group_comes_next(wk_batch *b, wk_group *g) {
    if (b->last != NULL && b->last->after[0] != g) {
        b->last->after[1] = b->last->after[0];
        b->last->after[0] = g;
    }
    b->last = g;
    if (g->kind->is_late) return;
    if (b->last_firm != NULL) b->last_firm->firm_after = g;
    b->last_firm = g;
}

/* ------------------------------------------------------------------------------------------------------ defer.c --- */

/* Any call but the usual one (usual.c): true, it is put off, or has failed (recorded, no outputs). */
bool wk__batch_takes_unusual(wk_batch *b, wk_call *c);

#endif
