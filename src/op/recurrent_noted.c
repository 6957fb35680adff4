/* recurrent_noted.c -- see recurrent_noted.h.
 *
 * words of both:   op, row, reverse, relu, kept | inputs (8) | outputs (3)
 * the gradient's:  ... | gradients of the outputs (3) | slots (8) | does each add? (8) */
#include "op/recurrent_noted.h"

#include "kernel/record.h"
#include "op/recurrence.h"
#include "tensor/words.h"

enum { INPUTS = WK__MAX_FIXED_INPUTS, OUTPUTS = WK__MAX_OUTPUTS, HEAD = 5 };
enum { FORWARD_WORDS = HEAD + (INPUTS + OUTPUTS) * WK__ARRAY_WORDS };
enum { GRAD_WORDS = FORWARD_WORDS + (OUTPUTS + INPUTS) * WK__ARRAY_WORDS + INPUTS };

#define WK__EIGHT(letters) letters letters letters letters letters letters letters letters
#define WK__THREE(letters) letters letters letters
#define WK__RECURRENT_LETTERS "ggnnw" WK__EIGHT(WK__NOTED_READ) WK__THREE(WK__NOTED_WRITE)
#define WK__RECURRENT_GRAD_LETTERS                                                        \
    "ggnnr" WK__EIGHT(WK__NOTED_READ) WK__THREE(WK__NOTED_READ) WK__THREE(WK__NOTED_READ) \
        WK__EIGHT(WK__NOTED_WRITE) "nnnnnnnn"
_Static_assert(sizeof WK__RECURRENT_LETTERS == FORWARD_WORDS + 1, "see above");
_Static_assert(sizeof WK__RECURRENT_GRAD_LETTERS == GRAD_WORDS + 1, "see above");

static wk_word *put_arrays(wk_word *to, const wk_array *const *arrays, int32_t count) {
    for (int32_t i = 0; i < count; i++) to = wk__words_of_array(to, arrays[i]);
    return to;
}

static const wk_word *take_arrays(const wk_word *from, const wk_array **arrays, wk_array *room, int32_t count) {
    for (int32_t i = 0; i < count; i++, from += WK__ARRAY_WORDS) arrays[i] = wk__array_of_words(from, &room[i]);
    return from;
}

/* What a use has in both directions. */
static wk_word *put_use(wk_word *to, const wk_recurrent_use *use) {
    *to++ = (wk_word){.p = (void *)(uintptr_t)use->op};
    *to++ = (wk_word){.p = (void *)(uintptr_t)use->row};
    *to++ = (wk_word){.i = use->attrs.reverse};
    *to++ = (wk_word){.i = use->attrs.relu};
    *to++ = (wk_word){.p = use->kept};
    return put_arrays(put_arrays(to, use->in, INPUTS), use->out, OUTPUTS);
}

static const wk_word *take_use(const wk_word *w, wk_recurrent_use *use, wk_array *room) {
    *use = (wk_recurrent_use){.ctx = wk__ctx(), .op = w[0].p, .row = w[1].p, .attrs = {w[2].i, w[3].i}, .kept = w[4].p};
    return take_arrays(take_arrays(w + HEAD, use->in, room, INPUTS), use->out, room + INPUTS, OUTPUTS);
}

static void call_forward(wk_any_function *f, const wk_word *words) {
    wk_recurrent_use use;
    wk_array room[INPUTS + OUTPUTS];
    (void)f;
    take_use(words, &use, room);
    wk__recurrent_run(&use, NULL);
}

static void call_grad(wk_any_function *f, const wk_word *words) {
    wk_recurrent_use use;
    wk_array room[2 * (INPUTS + OUTPUTS)];
    const wk_array *slots[INPUTS];
    wk_packed_slot at[INPUTS] = {{.slot = NULL}};
    (void)f;
    const wk_word *w = take_use(words, &use, room);
    w = take_arrays(w, use.gy, room + INPUTS + OUTPUTS, OUTPUTS);
    w = take_arrays(w, slots, room + INPUTS + 2 * OUTPUTS, INPUTS);
    for (int32_t i = 0; i < INPUTS; i++) at[i] = (wk_packed_slot){.slot = slots[i], .add = w[i].i != 0};
    use.slots = at;
    wk__recurrent_run_grad(&use);
}

bool wk__recurrent_is_whole(const wk_recurrent_use *use) {
    const wk_recurrent_inputs *at = wk__recurrent_inputs(use->row);
    const wk_array *y = use->out[0];
    if (use->in[at->lengths] != NULL) return true;
    if (wk__recurrence_is_chain(use->row, use->in[at->w_hh], y)) return false;
    return use->ctx->capture->any_size || y->dims[0] * y->dims[1] > wk__recurrence_most(use->row, y);
}

void wk__recurrent_note(const wk_recurrent_use *use) {
    static const wk_signature signature = {WK__RECURRENT_LETTERS, call_forward, NULL};
    const wk_noted noted = {
        .signature = &signature, .name = use->op->name, .dtype = use->out[0]->dtype, .may_fail = true};
    wk_word words[FORWARD_WORDS];
    put_use(words, use);
    wk__note(use->ctx, &noted, words);
}

void wk__recurrent_note_grad(const wk_recurrent_use *use) {
    static const wk_signature signature = {WK__RECURRENT_GRAD_LETTERS, call_grad, NULL};
    const wk_noted noted = {
        .signature = &signature, .name = use->op->name, .dtype = use->out[0]->dtype, .may_fail = true};
    wk_word words[GRAD_WORDS];
    const wk_array *slots[INPUTS] = {NULL};
    const int32_t count = wk__recurrent_inputs(use->row)->count;
    for (int32_t i = 0; i < count; i++)
        if (use->slots[i].slot != NULL) slots[i] = wk__packed_slot_array(&use->slots[i]);
    wk_word *w = put_arrays(put_arrays(put_use(words, use), use->gy, OUTPUTS), slots, INPUTS);
    for (int32_t i = 0; i < INPUTS; i++) w[i].i = i < count && wk__packed_slot_add(&use->slots[i]);
    wk__note(use->ctx, &noted, words);
}
