/* habit.c -- whether putting off has paid.
 *
 * NOTE [Habits]. A program in which there is nothing to merge, such as one long chain of small calls, is slower in a
 * batch: every call is gone over twice. Whether there is something shows only when it has run. So the context remembers
 * what batches came to, by the call that they began with. Where two in a row had less than three calls for two groups,
 * the next ones run their calls at once, as outside of a batch. Now and then one tries again: after 31 of them, and
 * each time that it was in vain, after twice as many as before, up to 248. */
#include "batch/batch.h"

enum { POOR = 2, POOREST = 5, REST = 31 };

bool wk__habit_begin(wk_batch *b, const wk_call *c) {
    const int64_t numel = c->in[0] != NULL ? c->in[0]->a.numel : 0;
    const uint64_t key = ((uint64_t)(uintptr_t)c->op ^ (uint64_t)numel) * UINT64_C(0x9e3779b97f4a7c15);
    wk_habit *habit = b->habit = &b->ctx->habits[key >> 60];
    if (habit->key != key) *habit = (wk_habit){.key = key};
    b->at_once = habit->rest > 0;
    return !b->at_once;
}

void wk__habit_end(wk_batch *b) {
    wk_habit *habit = b->habit;
    if (habit == NULL) return;
    if (b->at_once) {
        habit->rest--;
        return;
    }
    const bool pays = 2 * b->call_count >= 3 * b->group_count;
    if (pays)
        habit->poor = 0;
    else if (habit->poor < POOREST)
        habit->poor++;
    if (habit->poor >= POOR) habit->rest = (uint8_t)(REST << (habit->poor - POOR));
}
