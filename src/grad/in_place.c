/* in_place.c -- one call of a row that writes its first input (in_place.h). */
#include "grad/in_place.h"

#include "grad/apply.h"
#include "grad/scope.h"
#include "wick/grad.h"

/* NOTE [Stale views]. A recorded write in place gives the storage a new history. A view made before it still carries
 * the old one, or none, and a gradient through it would be silently wrong. So storage and handles count such writes,
 * and where the two differ the view is stale. That is looked at for as long as there is a storage with a count. */
bool wk__no_stale_view(wk_call *c) {
    if (!c->ctx->grad_enabled) return true;
    for (int32_t i = 0; i < c->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (x == NULL || x->live == WK__PROMISED || wk_likely(x->epoch == x->storage->epoch)) continue;
        char name[24];
        return wk__refuse(c, WK_EVERSION, "%s shares memory that %s wrote after it was made: take the view again",
                          wk__input_name(c->op, i, name, sizeof name),
                          x->storage->writer != NULL ? x->storage->writer->name : "the user");
    }
    return true;
}

/* The tensor whose history a recorded write into y changes: y, or what y is a view of. NULL when there is none any more
 * that would: its history was cut off by detach, or it has gone. */
static wk_tensor *base_of(wk_tensor *y) {
    if (!(y->flags & WK__VIEW)) return y;
    wk_tensor *base = wk__storage_home(y->storage);
    return (y->flags & WK__DETACHED) || base->live != WK__LIVE ? NULL : base;
}

/* A write that would lose a gradient is refused here, before anything is written. */
static bool check_recorded(wk_call *c, const wk_tensor *base) {
    const wk_tensor *y = c->in[0];
    if (base == NULL)
        return wk__refuse(c, WK_EGRAD, "a recorded write into a view %s would lose its gradient: write into a copy",
                          y->flags & WK__DETACHED ? "that was detached" : "of a tensor that is gone");
    if (base->way.kind == WK__TO_LEAF || base->way.kind == WK__TO_CUT)
        return wk__refuse(c, WK_EGRAD, "%s is a leaf that requires a gradient: write it under WK_NO_GRAD",
                          base->meta != NULL && base->meta->name[0] != '\0' ? base->meta->name : "the tensor");
    return true;
}

/* The history of the base: what it was, with y's region replaced. */
static bool record_base(wk_call *c, wk_tensor *base) {
    wk_tensor *const y = c->in[0], *const in[] = {base, y};
    wk_region region = {.dims.ndim = y->a.ndim, .strides.ndim = y->a.ndim};
    region.offset = ((char *)y->a.data - (char *)base->a.data) / wk__dtype_nbytes[y->a.dtype];
    for (int32_t d = 0; d < y->a.ndim; d++) {
        region.dims.dims[d] = y->a.dims[d];
        region.strides.dims[d] = y->a.strides[d];
    }
    wk_call write = {
        .op = wk__region_write, .ctx = c->ctx, .in = in, .in_count = 2, .attrs = &region, .out = {base}};
    return wk__tape_record(&write);
}

/* A tensor's place on the tape, to be put back when the write does not come about. */
typedef struct history {
    wk_node *node;
    wk_way way;
} history;

static history history_of(const wk_tensor *t) { return (history){t->node, t->way}; }
static void history_put_back(wk_tensor *t, history h) { t->node = h.node, t->way = h.way; }

/* NOTE [Before]. A gradient may read what is overwritten: that of sin_ reads its x. The node then has a copy of y from
 * before the write, with the history that y had, in place of each input that is y. */
static bool reads_before(const wk_call *c) { return (c->reads & WK_READS_IN(0)) != 0; }

/* NULL, recorded, when memory is out. */
static wk_tensor *copy_before(wk_call *c) {
    WK_NO_GRAD;
    wk_tensor *const y = c->in[0], *before = wk__tensor_make(c->ctx, y->a.dtype, y->a.ndim, y->a.dims);
    if (before == NULL || wk__copy_into(before, y) == NULL) {
        wk__refuse_no_memory(c);
        wk__unref(before);
        return NULL;
    }
    history_put_back(before, history_of(y));
    return before;
}

static void keep_before(wk_node *node, const wk_tensor *y, wk_tensor *before) {
    for (int32_t i = 0; i < node->in_count; i++) {
        wk_edge *edge = &node->in[i];
        if (edge->saved == NULL || edge->saved->storage != y->storage) continue;
        wk__unref(edge->saved);
        edge->saved = wk__retain(before);
        edge->version = before->storage->version;
    }
}

/* The node of the write. */
static bool record_write(wk_call *c) {
    if (wk_likely(!reads_before(c))) return wk__tape_record(c);
    wk_tensor *before = copy_before(c);
    const bool recorded = before != NULL && wk__tape_record(c);
    if (recorded) keep_before(c->ctx->tape.last, c->in[0], before);
    wk__unref(before);
    return recorded;
}

/* Views other than these two are stale from now on. Tensors of one block go the short way, which asks for no count. */
static void note_rewrite(wk_tensor *y, wk_tensor *base) {
    if (y->storage->epoch == 0) y->ctx->rewritten++;
    y->epoch = base->epoch = ++y->storage->epoch;
    base->flags &= (uint8_t)~WK__ONE_BLOCK;
    y->ctx->watch |= WK__WATCH_REWRITES;
}

/* Writes y and records it, all or nothing. */
static bool write_recorded(wk_call *c, wk_tensor *base) {
    wk_tensor *y = c->in[0];
    wk_node *const last = c->ctx->tape.last;
    const history of_y = history_of(y), of_base = history_of(base);
    const bool recorded = record_write(c) && (base == y || record_base(c, base));
    if (recorded && wk__scope_follow(y) && wk__scope_follow(base)) c->op->forward(c);
    else wk__refuse_no_memory(c);
    if (wk_likely(c->ctx->failure.status == WK_OK)) {
        note_rewrite(y, base);
        return true;
    }
    wk__tape_cut(c->ctx, last);
    history_put_back(y, of_y);
    history_put_back(base, of_base);
    return false;
}

/* NOTE [In place]. A row that is also there in place (WK_ROW_AND_IN_PLACE) is the same row with a flag: its shape rule
 * declares a result, which must be of y's shape and type, and its forward writes y instead. Another input may be y
 * itself, element for element, but not see y's memory in another way: it would change while it is read. A gradient
 * that reads the output reads y as written, one that reads y as it was a copy (NOTE [Before]).
 *
 * Where the row has no kernels for y's type, or inputs are of several, the result is computed apart, in the types in
 * which the row would have it, and copied: of halves it is rounded once. */
static bool fits(wk_call *c, const wk_tensor *result) {
    const wk_tensor *y = c->in[0];
    wk_shape_text ty, tr;
    if (!wk__dtype_holds(y->a.dtype, result->a.dtype))
        return wk__refuse(c, WK_EDTYPE, "the result is %s and does not fit into %s, in place: wk_cast that first",
                          wk_dtype_name(result->a.dtype), wk_dtype_name(y->a.dtype));
    if (!wk__same_dims(&result->a, &y->a))
        return wk__refuse(c, WK_ESHAPE, "the result %s does not fit into %s, in place", wk__dims_text(&tr, result),
                          wk__dims_text(&ty, y));
    for (int32_t i = 1; i < c->in_count; i++) {
        const wk_array *x = c->in[i] != NULL && c->in[i]->storage == y->storage ? &c->in[i]->a : NULL;
        if (x == NULL || (x->data == y->a.data && wk__same_dims(x, &y->a) && wk__same_strides(x, &y->a))) continue;
        char name[24];
        return wk__refuse(c, WK_EINVAL, "%s shares memory with what is written: copy it first",
                          wk__input_name(c->op, i, name, sizeof name));
    }
    return true;
}

/* The shape rule. What it declares is only looked at; false also when the result is to be computed apart. */
static bool check_shape(wk_call *c) {
    const bool right = c->op->shape(c);
    wk_tensor *declared = c->out[0]; /* of a row that exists in place only, none */
    c->retype |= right && declared != NULL && declared->a.dtype != c->in[0]->a.dtype;
    const bool fit = right && !c->retype && (declared == NULL || fits(c, declared));
    wk__call_abandon(c);
    return fit;
}

/* The result, computed as the row that makes a tensor of its own. */
static wk_tensor *computed_apart(wk_call *c) {
    wk_tensor *const before = reads_before(c) && c->ctx->grad_enabled ? copy_before(c) : NULL;
    wk_tensor *result = wk__apply(c->op->apart, c->in, c->in_count, c->attrs, NULL);
    if (before != NULL && result != NULL && result->node != NULL) keep_before(result->node, c->in[0], before);
    wk__unref(before);
    return wk_ok() ? result : NULL;
}

WK_NOINLINE static wk_tensor *write_from_apart(wk_call *c) {
    wk_tensor *const y = c->in[0];
    WK_SCOPE;
    wk_tensor *result = computed_apart(c);
    if (result == NULL || !fits(c, result) || wk__copy_into(y, wk__cast(result, y->a.dtype)) == NULL)
        return wk__fail_as(c->ctx, c->op->name), NULL;
    y->storage->writer = c->op;
    return y;
}

/* y <- x, where x is first to become of y's type. */
WK_NOINLINE static wk_tensor *write_cast(wk_call *c) {
    WK_SCOPE;
    return wk__copy_into(c->in[0], wk__cast(c->in[1], c->in[0]->a.dtype));
}

WK_NOINLINE static wk_tensor *write_retyped(wk_call *c) {
    return c->op->apart != NULL ? write_from_apart(c) : write_cast(c);
}

WK_NOINLINE static wk_tensor *refuse_to_write(wk_call *c) {
    char name[24];
    wk__writable(c->ctx, c->in[0], c->op->name, wk__input_name(c->op, 0, name, sizeof name));
    return NULL;
}

wk_tensor *wk__apply_in_place(wk_call *c) {
    wk_tensor *const y = c->in[0], *const base = base_of(y);
    const bool needs_grad = c->needs_grad || (base != NULL && wk__needs_grad(base));
    const bool record = needs_grad && c->ctx->grad_enabled && !(c->op->flags & WK__OP_NO_GRAD);
    if (wk_unlikely(y->flags & (WK__SHARED | WK__BATCHED))) return refuse_to_write(c);
    if (!wk__array_is_injective(&y->a))
        return wk__refuse(c, WK_EINVAL, "elements of the tensor overlap and cannot be written in place: wk_clone it"),
               NULL;
    if (record && !check_recorded(c, base)) return NULL;
    if (!check_shape(c)) return c->retype ? write_retyped(c) : NULL;
    c->out[0] = y;
    if (!record) c->op->forward(c);
    else if (!write_recorded(c, base)) return NULL;
    if (wk_unlikely(c->ctx->failure.status != WK_OK)) return NULL; /* nothing was written */
    wk__storage_written(y->storage, c->op);
    if (record) y->node->out[0].version = y->storage->version; /* what a gradient saved is y as written */
    return y;
}
