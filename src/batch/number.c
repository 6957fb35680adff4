/* number.c -- calls that do the same but for a number.
 *
 * NOTE [Numbers]. Sums divided by lengths, losses with weights of their own: the number is an attribute, so each call
 * is of another kind, and would run alone. Where a call with another number has come from the same group before, a call
 * takes the row that has a tensor in place of the number (wk_op.by_tensor), and brings its own as an operand:
 *
 *     sum --> mul_scalar 0.5           the first: one call of its kind
 *         +-> mul x, 0.25              the others: calls of one group, whose numbers are gathered
 *             mul x, 0.125
 */
#include "batch/deferral.h"
#include "wick/ops.h"

/* Does this group do the same with another number? */
static bool is_sibling(const wk_kind *kind, const wk_call *c) {
    const wk_array *x = &c->in[0]->a, *y = &kind->like[0];
    return kind->op == c->op && x->dtype == y->dtype && wk__same_dims(x, y) && !wk__same_attrs(kind, c);
}

bool wk__differs_in_number(const wk_deferral *d) {
    const wk_call *c = d->c;
    if (c->op->by_tensor == NULL || d->from == NULL) return false;
    if (c->in[0]->a.dtype != WK_F32 && c->in[0]->a.dtype != WK_F64) return false;
    const wk_path *path = d->from->paths;
    for (int looked_at = 0; path != NULL && looked_at < WK__MOST_PATHS; path = path->next, looked_at++)
        if (is_sibling(path->to->kind, c)) return true;
    return false;
}

wk_tensor *wk__number_of(const wk_call *c) {
    const wk_array *x = &c->in[0]->a;
    int64_t ones[WK_MAX_DIMS];
    for (int32_t d = 0; d < x->ndim; d++) ones[d] = 1;
    return wk_full(x->ndim, ones, *(const double *)c->attrs, x->dtype);
}
