/* run.c -- running what is bound, on other arguments each time, and for another T. */
#include "plan/bound.h"

/* ---------------------------------------------------------------------------------------------------- another T --- */

/* Reals, from the whole numbers that they are made of. */
static void set_reals(const wk_bound *b, int64_t first, int64_t count) {
    const wk_bound_real *reals = WK_ITEMS(const wk_bound_real, b->reals) + first;
    for (int64_t i = 0; i < count; i++)
        reals[i].word->i = wk__real_of(reals[i].form, reals[i].number, reals[i].n.i, reals[i].over);
}

/* False when a call needs more scratch memory than there is. */
static bool move_scratch(const wk_bound *b) {
    for (int64_t i = 0; i < b->scratches.count; i++) {
        const wk_moving_scratch *scratch = &WK_ITEMS(const wk_moving_scratch, b->scratches)[i];
        const int64_t nbytes = scratch->noted->signature->scratch(scratch->noted, scratch->words);
        if (nbytes > (int64_t)b->scratch_nbytes) return false;
        scratch->word->p = nbytes > 0 ? b->scratch : NULL;
    }
    return true;
}

bool wk__bound_move(wk_bound *b, wk_trips t, const wk_plan_arena *arena) {
    if (b->moves == 0 || b->moves != arena->moves || !b->is_even || t.T > b->most.T || t.S > b->most.S) return false;
    const wk_moving *moving = WK_ITEMS(const wk_moving, b->moving);
    for (int64_t i = 0; i < b->moving.count; i++) *moving[i].to = wk__value_at(moving[i].value, t);
    set_reals(b, 0, b->reals.count);
    b->t = t;
    if (b->moves_constants) b->seen = UINT64_MAX;
    return move_scratch(b);
}

/* ---------------------------------------------------------------------------------------------------- constants --- */

void wk__bound_constants(wk_bound *b, const wk_program *p) {
    uint64_t versions = 0;
    for (int64_t i = 0; i < p->base->externals.count; i++)
        versions += WK_ITEMS(const wk_plan_external, p->base->externals)[i].tensor->storage->version;
    if (wk_likely(versions == b->seen)) return;
    for (int64_t s = 0; s < b->hoisted.count; s++) {
        const wk_bound_step *step = &WK_ITEMS(const wk_bound_step, b->hoisted)[s];
        step->call(step->function, step->words);
    }
    b->seen = versions;
}

/* -------------------------------------------------------------------------------------------------------- a run --- */

static void patch(const wk_bound *b, wk_tensor *const *inputs, wk_tensor *const *outputs) {
    for (int64_t i = 0; i < b->patches.count; i++) {
        const wk_patch *at = &WK_ITEMS(const wk_patch, b->patches)[i];
        const wk_tensor *t = (at->space == WK__INPUT ? inputs : outputs)[at->id];
        at->word->p = (char *)t->a.data + at->offset;
    }
}

static bool call_all(const wk_bound_step *steps, int32_t count, const wk_ctx *ctx) {
    for (int32_t s = 0; s < count; s++) {
        steps[s].call(steps[s].function, steps[s].words);
        if (wk_unlikely(steps[s].may_fail) && ctx->failure.status != WK_OK) return false;
    }
    return true;
}

static bool run_loops(const wk_bound *b, const wk_ctx *ctx, const wk_bound_loop *loop, const wk_bound_loop *end);

static bool run_body(const wk_bound *b, const wk_ctx *ctx, const wk_bound_loop *loop) {
    if (loop->inside > 0) return run_loops(b, ctx, loop + 1, loop + 1 + loop->inside);
    return call_all(WK_ITEMS(const wk_bound_step, b->steps) + loop->first, loop->count, ctx);
}

/* A row of steps so many times over: most of the time of a loop over single elements is spent here, so that what does
 * not change is in registers. Returns how many trips there were. */
static int64_t run_trips(const wk_bound_step *steps, int32_t count, const wk_bump *bumps, int64_t bump_count,
                         int64_t trips, const wk_ctx *ctx) {
    const wk_bump *const end = bumps + bump_count;
    for (int64_t u = 0; u < trips; u++) {
        if (wk_unlikely(!call_all(steps, count, ctx))) return u;
        for (const wk_bump *bump = bumps; bump < end; bump++) bump->word->i += bump->by;
    }
    return trips;
}

/* The same for loops in a loop, and where reals change. */
static int64_t run_trips_of_loops(const wk_bound *b, const wk_ctx *ctx, const wk_bound_loop *loop,
                                  const wk_bump *bumps) {
    for (int64_t u = 0; u < loop->trips; u++) {
        if (!run_body(b, ctx, loop)) return u;
        for (int64_t i = 0; i < loop->bump_count; i++) bumps[i].word->i += bumps[i].by;
        set_reals(b, loop->first_real, loop->real_count);
    }
    return loop->trips;
}

/* Afterwards the words are again what they were before. */
static bool run_loop(const wk_bound *b, const wk_ctx *ctx, const wk_bound_loop *loop) {
    const wk_bump *bumps = WK_ITEMS(const wk_bump, b->bumps) + loop->first_bump;
    const wk_bound_step *steps = WK_ITEMS(const wk_bound_step, b->steps) + loop->first;
    const int64_t u = loop->inside > 0 || loop->real_count > 0
                          ? run_trips_of_loops(b, ctx, loop, bumps)
                          : run_trips(steps, loop->count, bumps, loop->bump_count, loop->trips, ctx);
    for (int64_t i = 0; i < loop->bump_count; i++) bumps[i].word->i -= bumps[i].by * u;
    set_reals(b, loop->first_real, loop->real_count);
    return u >= loop->trips;
}

static bool run_loops(const wk_bound *b, const wk_ctx *ctx, const wk_bound_loop *loop, const wk_bound_loop *end) {
    for (; loop < end; loop += 1 + loop->inside)
        if (!(loop->trips == 1 ? run_body(b, ctx, loop) : run_loop(b, ctx, loop))) return false;
    return true;
}

bool wk__bound_run(const wk_bound *b, wk_ctx *ctx, wk_tensor *const *inputs, wk_tensor *const *outputs) {
    patch(b, inputs, outputs);
    const wk_bound_loop *loops = WK_ITEMS(const wk_bound_loop, b->loops);
    return run_loops(b, ctx, loops, loops + b->loops.count);
}
