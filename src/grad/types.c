/* types.c -- calls whose inputs are not of the one type that the row computes in (NOTE [Types]). */
#include "grad/op.h"

/* ------------------------------------------------------------------------------------------- what to compute in --- */

/* What decides between two types first: a floating one before whole numbers, these before bool. */
static int32_t rank_of(wk_dtype dtype) { return wk__dtype_is_floating(dtype) ? WK__HALF : wk__dtype_category[dtype]; }

/* The smallest type that holds what both hold: the wider one of a rank; f16 and bf16 meet in f32. -1 is no type. */
static wk_dtype promoted(wk_dtype a, wk_dtype b) {
    if (a == b || b < 0) return a;
    if (a < 0) return b;
    if (rank_of(a) != rank_of(b)) return rank_of(a) > rank_of(b) ? a : b;
    if (wk__dtype_nbytes[a] == wk__dtype_nbytes[b]) return WK_F32;
    return wk__dtype_nbytes[a] > wk__dtype_nbytes[b] ? a : b;
}

bool wk__dtype_holds(wk_dtype to, wk_dtype from) { return rank_of(from) <= rank_of(to); }

static bool is_index(wk_dtype dtype) { return dtype == WK_I64 || dtype == WK_I32 || dtype == WK_U8; }

/* Does input i, if it is there, have a say in the type? One that may hold indices has none when it does. */
static bool counts(const wk_call *c, int32_t i) {
    const wk_op *op = c->op;
    if (c->in[i] == NULL || op->in_count == WK__ANY_NUMBER) return c->in[i] != NULL;
    return !(op->own_type >> i & 1) && !((op->indices >> i & 1) && is_index(c->in[i]->a.dtype));
}

/* The type of several inputs together, as torch.result_type has it: a 0-d tensor counts only where it is of a higher
 * rank than all that have dimensions. */
static wk_dtype common_type(const wk_call *c) {
    wk_dtype most = -1, zero_dim = -1;
    for (int32_t i = 0; i < c->in_count; i++) {
        if (!counts(c, i)) continue;
        wk_dtype *kind = c->in[i]->a.ndim > 0 ? &most : &zero_dim;
        *kind = promoted(*kind, c->in[i]->a.dtype);
    }
    if (most < 0 || zero_dim < 0) return most < 0 ? zero_dim : most;
    return rank_of(zero_dim) > rank_of(most) ? promoted(most, zero_dim) : most;
}

static bool of_one_type(const wk_call *c, wk_dtype dtype) {
    bool same = true;
    for (int32_t i = 0; i < c->in_count; i++) same &= !counts(c, i) || c->in[i]->a.dtype == dtype;
    return same;
}

/* The type that inputs of the common one are to be cast to, or -1. */
static wk_dtype computed_in(const wk_call *c, wk_dtype common) {
    const wk_op *op = c->op;
    if ((op->flags & WK__OP_IN_PLACE) && op->apart == NULL) return -1;
    if (!(op->flags & WK__OP_PROMOTE) && !of_one_type(c, common)) return -1;
    if (wk__takes(op, common)) return common;
    if (wk__dtype_is_floating(common)) return WK_F32;
    if (op->flags & WK__OP_TO_I64) return WK_I64;
    return op->flags & WK__OP_TO_FLOAT ? WK_F32 : -1;
}

/* A view takes every type, a row of nothing but indices what indices may be. What is written must hold what was
 * computed. */
bool wk__accepts(const wk_op *op, wk_dtype dtype) {
    if (op->in_count > 0 && op->indices == (1u << op->in_count) - 1) return is_index(dtype);
    if (op->view != NULL || wk__takes(op, dtype)) return true;
    const wk_dtype computed = computed_in(&(wk_call){.op = op}, dtype);
    return computed >= 0 && (!(op->flags & WK__OP_IN_PLACE) || wk__dtype_holds(dtype, computed));
}

/* ------------------------------------------------------------------------------------------------------ refusal --- */

static bool refuse_type(wk_call *c, int32_t i) {
    char name[24];
    wk__input_name(c->op, i, name, sizeof name);
    return wk__refuse(c, WK_EDTYPE, "%s %s type %s%s: wk_cast it", name, c->op->types == 0 ? "has" : "cannot have",
                      wk_dtype_name(c->in[i]->a.dtype), c->op->types == 0 ? ", not a floating one" : "");
}

static bool refuse(wk_call *c) {
    int32_t from = 0;
    while (!counts(c, from)) from++;
    const wk_tensor *first = c->in[from];
    for (int32_t i = from; i < c->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (!counts(c, i)) continue;
        if (!wk__takes(c->op, x->a.dtype) && !wk__dtype_is_floating(x->a.dtype)) return refuse_type(c, i);
        if (x->a.dtype == first->a.dtype) continue;
        char name[24], other[24];
        return wk__refuse(c, WK_EDTYPE, "%s has type %s and %s has %s: wk_cast one of them",
                          wk__input_name(c->op, from, other, sizeof other), wk_dtype_name(first->a.dtype),
                          wk__input_name(c->op, i, name, sizeof name), wk_dtype_name(x->a.dtype));
    }
    return refuse_type(c, from);
}

WK_NOINLINE bool wk__check_float_slow(wk_call *c) {
    const wk_dtype common = common_type(c);
    if (wk__takes(c->op, common) && of_one_type(c, common)) return true; /* an input of another type has its own */
    c->retype = computed_in(c, common) >= 0;
    return c->retype ? false : refuse(c);
}

bool wk__check_index_type(wk_call *c, int32_t i) {
    const wk_dtype dtype = c->in[i]->a.dtype;
    char name[24];
    if (wk_likely(dtype == WK_I64)) return true;
    c->retype = is_index(dtype) && (c->op->indices >> i & 1);
    return c->retype ? false
                     : wk__refuse(c, WK_EDTYPE, "%s has type %s, not i64: wk_cast it",
                                  wk__input_name(c->op, i, name, sizeof name), wk_dtype_name(dtype));
}

/* --------------------------------------------------------------------------------------------------- the detour --- */

/* The outputs as the half type that the inputs had, in place of what was computed in f32. */
static void outputs_to_half(const wk_op *op, wk_dtype half, wk_tensor **outs) {
    for (int32_t k = 0; k < op->out_count; k++) {
        wk_tensor *wide = outs[k];
        if (wide != NULL && !wk__dtype_is_floating(wide->a.dtype)) continue; /* indices */
        outs[k] = wide != NULL ? wk__cast(wide, half) : NULL;
        wk_drop(wide);
    }
}

/* By way of a common half, so that x has no digits that it would not have there. */
static wk_tensor *as_computed(wk_tensor *x, wk_dtype common, wk_dtype computed) {
    wk_tensor *y = wk__dtype_is_floating(common) ? wk__cast(x, common) : x, *z = wk__cast(y, computed);
    if (y != x && y != z) wk_drop(y);
    return z;
}

/* Input i for the call that starts again. */
static wk_tensor *retyped(const wk_call *c, int32_t i, wk_dtype common, wk_dtype computed) {
    wk_tensor *x = c->in[i];
    if (counts(c, i)) return computed >= 0 ? as_computed(x, common, computed) : x;
    return x != NULL && (c->op->indices >> i & 1) && is_index(x->a.dtype) ? wk__cast(x, WK_I64) : x;
}

/* `in` has room for the inputs. */
static wk_tensor *apply_with(const wk_call *c, wk_tensor **in, wk_tensor **outs) {
    wk_tensor *room[WK__MAX_OUTPUTS] = {NULL};
    const wk_dtype common = common_type(c), computed = common >= 0 ? computed_in(c, common) : -1;
    for (int32_t i = 0; i < c->in_count; i++) in[i] = retyped(c, i, common, computed);
    if (outs == NULL) outs = room;
    (wk__is_composed(c->op) ? wk__compose : wk__apply)(c->op, in, c->in_count, c->attrs, outs);
    for (int32_t i = 0; i < c->in_count; i++)
        if (in[i] != c->in[i]) wk_drop(in[i]);
    if (computed >= 0 && computed != common && wk__dtype_category[common] == WK__HALF)
        outputs_to_half(c->op, common, outs);
    if (wk_unlikely(outs[0] == NULL)) wk__fail_as(c->ctx, c->op->name);
    return outs[0];
}

WK_NOINLINE wk_tensor *wk__apply_retyped(const wk_call *c, wk_tensor **outs) {
    wk_tensor *few[WK__MAX_FIXED_INPUTS];
    if (c->in_count <= WK__MAX_FIXED_INPUTS) return apply_with(c, few, outs);
    wk_heap *heap = &c->ctx->heap;
    const int32_t size_class = wk__heap_class((size_t)c->in_count * sizeof(wk_tensor *));
    wk_tensor **in = wk__heap_alloc(heap, size_class);
    if (in == NULL) return wk__out_of_memory(c->ctx, c->op->name), NULL;
    wk_tensor *y = apply_with(c, in, outs);
    wk__heap_free(heap, in, size_class);
    return y;
}
