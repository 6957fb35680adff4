/* recurrent_twice.c -- gradients of gradients of rnn, lstm and gru.
 *
 * NOTE [Differentiated twice]. Where all rows have T steps, the gradient that is to be differentiated is that of the
 * composition (recurrent_compose.c). Where they have lengths, these decide which operations there are, and a plan, to
 * which they are data, cannot record any. So the gradient is a row of its own there, made by the kernels, and what is
 * recorded is one call, whatever the lengths:
 *
 *     G(x lengths h0 c0 w_ih w_hh b_ih b_hh, gradients of y hn cn)  =  | gx | gh0 | ... | gb_hh |  where wanted
 *
 * With v for the gradient of this vector, the gradient of G is that of G . v, in which G is the composition's: the
 * composition is differentiated twice, on leaves of its own, and goes. In a plan this is one call again. */
#include "grad/scope.h"
#include "grad/walk.h"
#include "kernel/record.h"
#include "op/recurrent_noted.h"
#include "tensor/words.h"

/* Places: first the row's inputs, then the gradients of its outputs. */
enum { INPUTS = WK__MAX_FIXED_INPUTS, PLACES = INPUTS + WK__MAX_OUTPUTS };

/* Sets of places are bits. */
typedef struct gradient_attrs {
    const wk_op *op; /* rnn, lstm or gru */
    wk_recurrent_attrs attrs;
    int64_t present, wanted;   /* which inputs G has, and of which the gradients */
    const wk_backprop *making; /* the walk's place at which G is called */
} gradient_attrs;

static bool has(int64_t set, int32_t place) { return set >> place & 1; }

/* The inputs of G one after another from, and to, their places. */
static int32_t gather(int64_t present, wk_tensor *const *places, wk_tensor **list) {
    int32_t count = 0;
    for (int32_t p = 0; p < PLACES; p++)
        if (has(present, p)) list[count++] = places[p];
    return count;
}

/* ------------------------------------------------------------------------------------------ the gradient of G --- */

/* What stands for t in a composition of its own: a leaf, or, where the result is to have a history, a node on top of
 * t's. */
static wk_tensor *apart(wk_tensor *t, bool recorded) {
    if (t == NULL || !wk__dtype_is_floating(t->a.dtype)) return t;
    if (recorded && wk__needs_grad(t)) return wk_expand(t, t->a.ndim, t->a.dims);
    wk_tensor *leaf = wk_detach(t);
    if (leaf != NULL) leaf->way.kind = WK__TO_LEAF; /* wk_requires_grad_ would tell plans of another mode */
    return leaf;
}

/* The vector's part for each gradient that is wanted. */
static void split(const gradient_attrs *a, wk_tensor *const *in, wk_tensor *vector, wk_tensor **parts) {
    int64_t at = 0;
    for (int32_t p = 0, n = 0; p < INPUTS; p++) {
        if (!has(a->wanted, p)) continue;
        parts[n++] = wk_reshape(wk_narrow(vector, 0, at, in[p]->a.numel), in[p]->a.ndim, in[p]->a.dims);
        at += in[p]->a.numel;
    }
}

/* gg[p] becomes the gradient of G . v with respect to in[p], for each p of `asked`. */
static void differentiate_twice(const gradient_attrs *a, wk_tensor *const *in, wk_tensor *v, int64_t asked,
                                wk_tensor **gg) {
    WK_SCOPE;
    const bool recorded = wk_set_grad_enabled(true);
    const wk_op *op = a->op;
    wk_recurrent_attrs attrs = a->attrs;
    wk_tensor *own[PLACES], *of[PLACES], *g[INPUTS] = {NULL}, *weights[INPUTS] = {NULL}, *found[PLACES] = {NULL};
    for (int32_t p = 0; p < PLACES; p++) own[p] = apart(in[p], recorded);
    wk_call c = {.op = op, .ctx = wk__ctx(), .in = own, .in_count = op->in_count, .attrs = &attrs};
    if (wk_ok()) wk__recurrent_compose(&c);
    split(a, in, v, weights);
    wk_walk first = {.ctx = c.ctx, .op = op->name, .flags = WK_CREATE_GRAPH}, second = first;
    first.target_count = gather(a->wanted, own, of);
    if (wk_ok()) wk__grads(&first, op->out_count, c.out, own + INPUTS, of, g);
    if (!recorded) second.flags = 0;
    second.target_count = gather(asked, own, of);
    if (wk_ok()) wk__grads(&second, first.target_count, g, weights, of, found);
    for (int32_t p = 0, n = 0; p < PLACES; p++)
        if (has(asked, p)) gg[p] = wk_yield(found[n++]);
    wk_set_grad_enabled(recorded);
}

/* ---------------------------------------------------------------------------------------------------- in a plan --- */

/* words: op, reverse, relu, wanted, asked | G's inputs by their places (11) | v | the gradients asked for (11) */
enum { HEAD = 5, TWICE_WORDS = HEAD + (2 * PLACES + 1) * WK__ARRAY_WORDS };
#define WK__ELEVEN(letters) letters letters letters letters letters letters letters letters letters letters letters
#define WK__TWICE_LETTERS "gnnnn" WK__ELEVEN(WK__NOTED_READ) WK__NOTED_READ WK__ELEVEN(WK__NOTED_WRITE)
_Static_assert(PLACES == 11 && sizeof WK__TWICE_LETTERS == TWICE_WORDS + 1, "a letter for each word");

static void call_twice(wk_any_function *f, const wk_word *w) {
    WK_SCOPE;
    const gradient_attrs a = {.op = w[0].p, .attrs = {w[1].i, w[2].i}, .wanted = w[3].i};
    const int64_t asked = w[4].i;
    wk_tensor *in[PLACES], *v, *to[PLACES], *gg[PLACES] = {NULL};
    const wk_word *const inputs = w + HEAD, *const vector = inputs + PLACES * WK__ARRAY_WORDS;
    (void)f;
    if (!wk__tensors_of_words(inputs, in, PLACES) || !wk__tensors_of_words(vector, &v, 1) ||
        !wk__tensors_of_words(vector + WK__ARRAY_WORDS, to, PLACES))
        return;
    const bool enabled = wk_set_grad_enabled(false);
    differentiate_twice(&a, in, v, asked, gg);
    for (int32_t p = 0; p < PLACES; p++)
        if (has(asked, p)) wk_copy_(to[p], gg[p]);
    wk_set_grad_enabled(enabled);
}

static wk_word *put(wk_word *words, wk_tensor *const *tensors, int32_t count) {
    for (int32_t i = 0; i < count; i++) words = wk__words_of_array(words, tensors[i] != NULL ? &tensors[i]->a : NULL);
    return words;
}

#define WK__THIRD "lengths would decide which calls a third gradient of recurrent rows makes; leave them out"
static void note_twice(const gradient_attrs *a, wk_tensor *const *in, wk_tensor *v, int64_t asked, wk_tensor **gg) {
    static const wk_signature signature = {WK__TWICE_LETTERS, call_twice, NULL};
    const wk_noted noted = {.signature = &signature, .name = a->op->name, .dtype = v->a.dtype, .may_fail = true};
    wk_ctx *ctx = wk__ctx();
    wk_word words[TWICE_WORDS] = {
        {.p = (void *)(uintptr_t)a->op}, {.i = a->attrs.reverse}, {.i = a->attrs.relu}, {.i = a->wanted}, {.i = asked}};
    if (wk_grad_enabled() && wk__capture_refuses(ctx, a->op->name, WK__THIRD)) return;
    for (int32_t p = 0; p < PLACES; p++)
        if (has(asked, p)) gg[p] = wk_empty(in[p]->a.ndim, in[p]->a.dims, in[p]->a.dtype);
    if (wk_ok()) wk__note(ctx, &noted, (put(put(put(words + HEAD, in, PLACES), &v, 1), gg, PLACES), words));
}

/* ---------------------------------------------------------------------------------------------------- the row G --- */

static int64_t vector_numel(const gradient_attrs *a, const wk_node *node) {
    int64_t numel = 0;
    for (int32_t p = 0; p < node->in_count; p++)
        if (has(a->wanted, p)) numel += node->in[p].saved->a.numel;
    return numel;
}

static bool gradient_shape(wk_call *c) {
    const gradient_attrs *a = c->attrs;
    const int64_t numel = vector_numel(a, a->making->node);
    return wk__declare(c, 0, a->making->node->out[0].dtype, 1, &numel);
}

static void gradient_forward(wk_call *c) {
    const gradient_attrs *a = c->attrs;
    const wk_node *node = a->making->node;
    wk_packed_slot slots[INPUTS] = {{.slot = NULL}};
    wk_recurrent_use use;
    char *at = c->out[0]->a.data;
    wk__recurrent_use_of(a->making, &use);
    use.slots = slots;
    for (int32_t p = 0; p < node->in_count; p++) {
        if (!has(a->wanted, p)) continue;
        const wk_array *x = &node->in[p].saved->a;
        slots[p].room = (wk_array){.data = at, .dtype = x->dtype};
        wk__array_set_dims(&slots[p].room, x->ndim, x->dims);
        slots[p].slot = &slots[p].room;
        at += wk__array_nbytes(x);
    }
    for (int32_t p = 0, n = 0; p < PLACES; p++) {
        if (!has(a->present, p)) continue;
        if (p >= INPUTS) use.gy[p - INPUTS] = &c->in[n]->a;
        n++;
    }
    (wk__recurrent_is_noted(&use) ? wk__recurrent_note_grad : wk__recurrent_run_grad)(&use);
}

static void gradient_vjp(const wk_backprop *b, wk_tensor **gx) {
    const gradient_attrs *a = b->node->attrs;
    wk_tensor *in[PLACES] = {NULL}, *gg[PLACES] = {NULL};
    int64_t asked = 0;
    for (int32_t p = 0, n = 0; p < PLACES; p++) {
        if (!has(a->present, p)) continue;
        if (wk__wants(b, n)) asked |= INT64_C(1) << p;
        in[p] = b->node->in[n++].saved;
    }
    (b->ctx->capture != NULL ? note_twice : differentiate_twice)(a, in, b->gy[0], asked, gg);
    gather(a->present, gg, gx);
}

static const wk_op gradient_row = {
    WK_INNER_ROW(recurrent_grad),
    .in_count = WK__ANY_NUMBER,
    .out_count = 1,
    .in_names = "an input",
    .shape = gradient_shape,
    .forward = gradient_forward,
    .vjp = gradient_vjp,
    .attrs_nbytes = sizeof(gradient_attrs),
};

void wk__recurrent_vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_node *node = b->node;
    const wk_recurrent_attrs *attrs = node->attrs;
    gradient_attrs a = {.op = node->op, .attrs = *attrs, .making = b};
    wk_tensor *places[PLACES] = {NULL}, *list[PLACES], *parts[INPUTS] = {NULL};
    if (node->in[wk__recurrent_inputs(wk__recurrent_of(node->op, attrs))->lengths].saved == NULL) {
        wk__backprop_composition(b);
        return;
    }
    for (int32_t p = 0; p < node->in_count; p++) {
        places[p] = node->in[p].saved;
        if (wk__wants(b, p)) a.wanted |= INT64_C(1) << p;
    }
    for (int32_t k = 0; k < node->out_count; k++) /* where it is recorded, that of a sum is one number, stretched */
        places[INPUTS + k] = b->gy[k] != NULL ? wk_contiguous(b->gy[k]) : NULL;
    for (int32_t p = 0; p < PLACES; p++)
        if (places[p] != NULL) a.present |= INT64_C(1) << p;
    const int32_t count = gather(a.present, places, list);
    wk_tensor *vector = wk__apply(&gradient_row, list, count, &a, NULL);
    if (vector == NULL) return;
    if (vector->node != NULL) wk__node_save_inputs(vector->node, list);
    split(&a, places, vector, parts);
    for (int32_t p = 0, n = 0; p < node->in_count; p++)
        if (has(a.wanted, p)) gx[p] = parts[n++];
}
