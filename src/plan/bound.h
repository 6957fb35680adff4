/* bound.h -- a program for one number of trips, ready to run: addresses instead of places.
 *
 * NOTE [Another T]. Buffers lie where they would for the largest T so far, so that another T leaves most addresses as
 * they are. What it changes, such as counts, trips, and the last members of families, where gradients begin, is listed
 * with its polynomial, and set anew. */
#ifndef WK_PLAN_BOUND_H
#define WK_PLAN_BOUND_H

#include "kernel/kernel.h"
#include "plan/program.h"

/* Memory for the buffers of whichever program runs; no run leaves anything in it for the next. */
typedef struct wk_plan_arena {
    char *memory;
    size_t nbytes;
    uint32_t moves; /* counts how often it got another address */
} wk_plan_arena;

typedef struct wk_bound_step {
    void (*call)(wk_any_function *function, const wk_word *words);
    wk_any_function *function;
    const wk_word *words;
    bool may_fail;
} wk_bound_step;

/* A word that moves on from trip to trip. */
typedef struct wk_bump {
    wk_word *word;
    int64_t by;
} wk_bump;

/* A row of steps, or, where the next loops are inside it, these, so many times over. */
typedef struct wk_bound_loop {
    int32_t first, count, inside;
    int64_t trips;
    int64_t first_bump, bump_count;
    int64_t first_real, real_count; /* in it, if some move with the trips */
} wk_bound_loop;

/* An address in a chain, and how far a block takes it on. */
typedef struct wk_advance {
    wk_word *word;
    int64_t element_nbytes; /* times the elements of the block */
} wk_advance;

/* Where a fused step's addresses and numbers come from once they are known. */
typedef struct wk_fused_words {
    const wk_word *a, *b, *y, *s, *t;
} wk_fused_words;

/* A call, or several, which are fused into one: then step is that of the first. */
typedef struct wk_chain_link {
    wk_bound_step step;
    wk_word *n;
    int64_t first_advance, advance_count;
    int64_t first_fused, fused_count;
} wk_chain_link;

typedef struct wk_bound_chain {
    const wk_chain_link *links;
    const wk_advance *advances;
    wk_fused_step *fused;
    const wk_fused_words *fused_words;
    int32_t count;
    bool whole; /* in one block, however many elements there are */
} wk_bound_chain;

/* A word that is the address of an argument. */
typedef struct wk_patch {
    wk_word *word;
    int32_t space, id;
    int64_t offset;
} wk_patch;

/* What another T changes: a word, how far it moves, where an argument is met, or how many trips there are. */
typedef struct wk_moving {
    int64_t *to;
    wk_polynomial value;
} wk_moving;

/* A real that another T or another trip changes: they set and move its whole numbers, of which it is made anew. */
typedef struct wk_bound_real {
    wk_word *word, n;
    int64_t over;
    wk_real_form form;
    double number;
} wk_bound_real;

/* The scratch memory of a call whose numbers change. */
typedef struct wk_moving_scratch {
    wk_word *word;
    const wk_noted *noted;
    const wk_word *words;
} wk_moving_scratch;

typedef struct wk_bound {
    wk_trips t, most;  /* for which it is bound; for which there is room */
    uint32_t moves;    /* of the arena when this was bound; 0: not bound */
    wk_ctx *ctx;       /* whose heap the constants are from */
    char *constants;   /* what hoisted calls write */
    size_t constant_nbytes;
    uint64_t seen; /* the versions of what they read, added up */
    char *scratch; /* in the arena */
    size_t scratch_nbytes, buffer_nbytes;
    bool is_even;         /* buffers grow with T */
    bool moves_constants; /* another T is other constants */
    wk_growing steps, words, loops, bumps, patches, chains, links, advances, fused, fused_words;
    wk_growing moving, reals, scratches;
    wk_growing hoisted; /* wk_bound_step */
} wk_bound;

/* bind.c: makes b ready for so many trips. False when memory is out, recorded. */
bool wk__plan_bind(wk_bound *b, const wk_program *p, wk_trips t, wk_ctx *ctx, wk_plan_arena *arena);
void wk__bound_free(wk_bound *b);
int64_t wk__bound_nbytes(const wk_bound *b);

/* run.c: the same from other numbers of trips, if there is room. */
bool wk__bound_move(wk_bound *b, wk_trips t, const wk_plan_arena *arena);

/* chain.c: the call of a step that is a chain, given as its words; and making one of its calls, which are bound. */
void wk__chain_call(wk_any_function *function, const wk_word *chain);
bool wk__chain_bind(wk_bound *b, const wk_program *p, const wk_chain *chain);

/* Room for all chains of the program, whose lists must not move later. */
bool wk__chains_reserve(wk_bound *b, const wk_program *p);

/* Computes the constants, unless nothing that they are made of has changed since. */
void wk__bound_constants(wk_bound *b, const wk_program *p);

/* Runs it on these arguments. False when a call failed. */
bool wk__bound_run(const wk_bound *b, wk_ctx *ctx, wk_tensor *const *inputs, wk_tensor *const *outputs);

#endif
