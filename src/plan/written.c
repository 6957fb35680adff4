/* written.c -- memory that was there before and that a step writes: nothing that a run is given may lie in it, and the
 * run leaves its handles as the step would. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "plan/recording.h"

/* -------------------------------------------------------------------------------------------------- as recorded --- */

static int by_address(const void *a, const void *b) {
    const wk_plan_extent *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* Extents that meet or overlap are one: parameters lie side by side. */
static void join(wk_growing *extents) {
    wk_plan_extent *all = extents->items;
    int64_t count = extents->count > 0;
    qsort(all, (size_t)extents->count, sizeof *all, by_address);
    for (int64_t i = 1; i < extents->count; i++) {
        wk_plan_extent *last = &all[count - 1];
        if (all[i].begin > last->end)
            all[count++] = all[i];
        else if (all[i].end > last->end)
            last->end = all[i].end;
    }
    extents->count = count;
}

bool wk__recording_note_written(wk_recording *r) {
    for (int64_t i = 0; i < r->externals.count; i++) {
        const wk_plan_external *e = &WK_ITEMS(const wk_plan_external, r->externals)[i];
        if (e->writes == 0) continue;
        wk_plan_extent *extent = WK_PUSH(wk_plan_extent, r->written_extents);
        wk_plan_write *write = WK_PUSH(wk_plan_write, r->writes);
        if (extent == NULL || write == NULL) return false;
        *extent = (wk_plan_extent){e->begin, e->end};
        *write = (wk_plan_write){e->tensor, e->last_writer, e->writes};
    }
    if (r->written_extents.count > 0) join(&r->written_extents);
    return true;
}

/* ------------------------------------------------------------------------------------------------------- as run --- */

static char *begin_of(const wk_tensor *t) { return t->a.data; }
static char *end_of(const wk_tensor *t) { return begin_of(t) + t->a.numel * (int64_t)wk__dtype_nbytes[t->a.dtype]; }

/* A recording takes its inputs, and what it met outside, for different memory. Where the step writes some of it, no
 * other input may lie there. */
static bool lies_apart(const wk_recording *r, wk_plan_extent e, const char *written, int32_t but,
                       wk_tensor *const *inputs) {
    for (int32_t j = 0; j < r->in_count; j++) {
        if (j == but || inputs[j] == NULL || begin_of(inputs[j]) >= e.end || end_of(inputs[j]) <= e.begin) continue;
        wk__fail(r->ctx, WK_ESTATE, "plan_run",
                 "the step writes %s, whose memory input %" PRId32 " shares: give it a wk_clone", written, j);
        return false;
    }
    return true;
}

/* Nor may what the step only reads outside lie in an input that it writes. */
static bool lies_inside(const wk_recording *r, int32_t i, const wk_tensor *input) {
    for (int64_t k = 0; k < r->externals.count; k++) {
        const wk_plan_external *e = &WK_ITEMS(const wk_plan_external, r->externals)[k];
        if (e->begin >= end_of(input) || e->end <= begin_of(input)) continue;
        wk__fail(r->ctx, WK_ESTATE, "plan_run",
                 "the step writes input %" PRId32 ", whose memory %s shares, which it uses too: give a wk_clone", i,
                 wk_name(e->tensor)[0] != '\0' ? wk_name(e->tensor) : "a tensor from outside");
        return true;
    }
    return false;
}

/* Input i, which the step writes. */
WK_NOINLINE static bool can_be_written(const wk_recording *r, int32_t i, wk_tensor *const *inputs) {
    char name[32];
    snprintf(name, sizeof name, "input %" PRId32, i);
    return wk__writable(r->ctx, inputs[i], "plan_run", name) &&
           lies_apart(r, (wk_plan_extent){begin_of(inputs[i]), end_of(inputs[i])}, name, i, inputs) &&
           !lies_inside(r, i, inputs[i]);
}

bool wk__inputs_apart(const wk_recording *r, wk_tensor *const *inputs) {
    for (int32_t i = 0; i < r->in_count; i++)
        if (r->input_writes[i] > 0 && !can_be_written(r, i, inputs)) return false;
    for (int64_t i = 0; i < r->written_extents.count; i++)
        if (!lies_apart(r, WK_ITEMS(const wk_plan_extent, r->written_extents)[i], "what is outside", -1, inputs))
            return false;
    return true;
}

void wk__note_writes(const wk_recording *r, wk_tensor *const *inputs) {
    for (int64_t i = 0; i < r->writes.count; i++) {
        const wk_plan_write *write = &WK_ITEMS(const wk_plan_write, r->writes)[i];
        write->tensor->storage->version += write->count;
        write->tensor->storage->writer = write->last_writer;
    }
    for (int32_t i = 0; i < r->in_count; i++)
        if (r->input_writes[i] > 0) {
            inputs[i]->storage->version += r->input_writes[i];
            inputs[i]->storage->writer = r->inputs[i]->storage->writer;
        }
}
