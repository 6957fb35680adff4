/* recurrent_shape.c -- the shape rule of rnn, lstm and gru. */
#include "grad/apply.h"
#include "op/indexing.h"
#include "op/recurrent.h"

WK_NOINLINE static bool refuse_shape(wk_call *c, int32_t i, int32_t ndim, const int64_t *dims) {
    wk_shape_text have, want;
    char name[24];
    return wk__refuse(c, WK_ESHAPE, "%s is %s and must be %s", wk__input_name(c->op, i, name, sizeof name),
                      wk__dims_text(&have, c->in[i]), wk__shape_text(&want, ndim, dims));
}

/* Input i must have this shape, if it is there. */
WK_INLINE bool expect_1(wk_call *c, int32_t i, int64_t n) {
    const wk_tensor *t = c->in[i];
    if (wk_likely(t == NULL || (t->a.ndim == 1 && t->a.dims[0] == n))) return true;
    return refuse_shape(c, i, 1, (const int64_t[]){n});
}

WK_INLINE bool expect_2(wk_call *c, int32_t i, int64_t rows, int64_t cols) {
    const wk_tensor *t = c->in[i];
    if (wk_likely(t == NULL || (t->a.ndim == 2 && t->a.dims[0] == rows && t->a.dims[1] == cols))) return true;
    return refuse_shape(c, i, 2, (const int64_t[]){rows, cols});
}

WK_INLINE bool expect_state(wk_call *c, int32_t i, int64_t n, int64_t h) {
    const wk_tensor *t = c->in[i];
    const int64_t *d = t != NULL ? t->a.dims : NULL;
    if (wk_likely(t == NULL || (t->a.ndim == 3 && d[0] == 1 && d[1] == n && d[2] == h))) return true;
    return refuse_shape(c, i, 3, (const int64_t[]){1, n, h});
}

/* H, from w_ih (G H,I), in which G is 1, 3 or 4; w_hh (G H,H) has it without a division. */
static int64_t hidden_size(const wk_recurrent *r, const wk_array *w_ih, const wk_array *w_hh) {
    const bool agree = w_hh->ndim == 2 && w_hh->dims[1] * r->gates == w_ih->dims[0];
    return wk_likely(agree) ? w_hh->dims[1] : w_ih->dims[0] / r->gates;
}

WK_NOINLINE static bool refuse_weight(wk_call *c, const wk_recurrent *r, const wk_tensor *w) {
    wk_shape_text text;
    if (r->gates == 1) return wk__refuse(c, WK_ESHAPE, "w_ih is %s and must be (H,I)", wk__dims_text(&text, w));
    return wk__refuse(c, WK_ESHAPE, "w_ih is %s and must be (%d H,I)", wk__dims_text(&text, w), (int)r->gates);
}

static bool declare_outputs(wk_call *c, const wk_recurrent *r, int64_t n, int64_t t, int64_t h) {
    const wk_dtype dtype = c->in[0]->a.dtype;
    const int64_t state[] = {1, n, h};
    return wk__declare(c, 0, dtype, 3, (const int64_t[]){n, t, h}) && wk__declare(c, 1, dtype, 3, state) &&
           (!r->has_c || wk__declare(c, 2, dtype, 3, state));
}

/* Types, and what else must hold before sizes can be compared. */
static bool check_kinds(wk_call *c, const wk_recurrent *r, const wk_recurrent_inputs *at) {
    const wk_tensor *x = c->in[at->x];
    wk_shape_text text;
    if (c->in[at->lengths] != NULL && !wk__check_index_type(c, at->lengths)) return false;
    if (!(r->has_c ? wk__check_float_of(c, 8) : wk__check_float_of(c, 7))) return false;
    if (x->a.ndim != 3) return wk__refuse(c, WK_ESHAPE, "x is %s and must be (N,T,I)", wk__dims_text(&text, x));
    return true;
}

static bool check_pairs(wk_call *c, const wk_recurrent *r, const wk_recurrent_inputs *at) {
    if ((c->in[at->b_ih] == NULL) != (c->in[at->b_hh] == NULL))
        return wk__refuse(c, WK_EINVAL, "b_ih and b_hh come together or not at all");
    if (r->has_c && (c->in[at->h0] == NULL) != (c->in[at->c0] == NULL))
        return wk__refuse(c, WK_EINVAL, "h0 and c0 come together or not at all");
    return true;
}

bool wk__recurrent_shape(wk_call *c) {
    const wk_recurrent *r = wk__recurrent_of(c->op, c->attrs);
    const wk_recurrent_inputs *at = wk__recurrent_inputs(r);
    if (!check_kinds(c, r, at)) return false;
    const wk_array *x = &c->in[at->x]->a, *w = &c->in[at->w_ih]->a;
    const int64_t n = x->dims[0], t = x->dims[1], in = x->dims[2], g = w->dims[0];
    const int64_t h = hidden_size(r, w, &c->in[at->w_hh]->a);
    if (w->ndim != 2 || g != h * r->gates) return refuse_weight(c, r, c->in[at->w_ih]);
    return check_pairs(c, r, at) && expect_2(c, at->w_ih, g, in) && expect_2(c, at->w_hh, g, h) &&
           expect_1(c, at->b_ih, g) && expect_1(c, at->b_hh, g) && expect_state(c, at->h0, n, h) &&
           (!r->has_c || expect_state(c, at->c0, n, h)) && expect_1(c, at->lengths, n) &&
           declare_outputs(c, r, n, t, h);
}
