/* recording.h -- one dry run of a step, as the list of kernel calls that it makes (NOTE [Capture] in base/capture.h).
 *
 * NOTE [Places]. The addresses in that list mean something only while the step runs. Afterwards each of them is a
 * place: a space, a number in it, and an offset in bytes.
 *
 *     LOCAL      a buffer that the step made, numbered in the order in which kernels meet them: the numbers of a loop's
 *                buffers go up evenly from trip to trip, wherever the heap has put them
 *     INPUT, OUTPUT   an argument of the step
 *     ABSOLUTE   memory that was there before: parameters, their gradients, constants. It stays where it is, because
 *                the recording holds the tensors
 *
 *     SCRATCH    whatever is free during the call
 *
 * Numbers are words without a place. */
#ifndef WK_PLAN_RECORDING_H
#define WK_PLAN_RECORDING_H

#include "base/capture.h"
#include "grad/op.h"
#include "plan/growing.h"
#include "wick/plan.h"

enum { WK__NUMBER, WK__REAL, WK__ABSOLUTE, WK__LOCAL, WK__INPUT, WK__OUTPUT, WK__SCRATCH };

typedef struct wk_symbol {
    int32_t space, id;
    int64_t value; /* the number, the bits of the real, the address, or the offset */
} wk_symbol;

typedef struct wk_recorded_call {
    wk_noted noted;
    const wk_op *row; /* in which it was called, or NULL */
    bool of_gradient;
    bool hoisted; /* in a program: it is made before the runs */
    int32_t word_count;
    int64_t first_word;
} wk_recorded_call;

/* A tensor from outside that the step reads or writes: held. What the dry run did to its handle is undone. */
typedef struct wk_plan_external {
    wk_tensor *tensor;
    char *begin, *end;
    uint32_t version, epoch;
    const wk_op *writer;
    uint32_t writes;          /* how often the step writes it ... */
    const wk_op *last_writer; /* ... and which row does so last */
} wk_plan_external;

/* Memory that the step writes, of one or several of them; and what a run does to a handle. */
typedef struct wk_plan_extent {
    const char *begin, *end;
} wk_plan_extent;
typedef struct wk_plan_write {
    wk_tensor *tensor;
    const wk_op *last_writer;
    uint32_t count;
} wk_plan_write;

/* A leaf from outside whose gradient the step sets, adds to, asks for or clears: held. */
typedef struct wk_plan_leaf {
    wk_tensor *tensor;
    bool had, was_invalid; /* before the step */
    bool matters;          /* the step did not clear it before it looked */
    bool zeroed, told;     /* since it was last said in the list whether there is one */
} wk_plan_leaf;

/* The attributes of a row as it was called, for comparison. */
typedef struct wk_recorded_row {
    const wk_op *op;
    int64_t first_byte;
} wk_recorded_row;

/* A buffer of the step: the elements of a tensor, or scratch. */
typedef struct wk_buffer_block {
    char *block, *data;
    int64_t nbytes;
    int32_t id, output; /* its number as a place; the output that it is, or -1 */
} wk_buffer_block;

typedef struct wk_recording {
    wk_capture capture;
    struct wk_listener *listener; /* or NULL: calls are recorded */
    wk_ctx *ctx;
    int32_t number; /* odd and even ones fill memory differently */
    const wk_op *row;
    bool of_gradient, calls_hosts;
    wk_growing calls, words;             /* wk_recorded_call; wk_word */
    wk_growing symbols;                  /* wk_symbol, one for each word: after the run */
    wk_growing blocks;                   /* wk_buffer_block */
    wk_growing sizes;                    /* int64_t: of LOCAL buffers, by number */
    wk_growing externals, leaves, hosts; /* wk_plan_external, wk_plan_leaf, wk_host_call */
    wk_growing written_extents, writes;  /* wk_plan_extent, by address; wk_plan_write */
    wk_growing rows, attributes;
    wk_growing known;   /* a hash table of storages: recording_known.c */
    wk_tensor **inputs; /* stand-ins for the step's arguments; NULL where one is absent */
    uint32_t *input_writes;
    wk_array *outputs;
    int32_t in_count, out_count;
} wk_recording;

/* The step as a plan has it. */
typedef struct wk_plan_step {
    wk_function *function;
    void *user;
    int32_t in_count, out_count;
    bool any_size; /* there are trips: one recording is to serve all their numbers */
} wk_plan_step;

/* Numbers of trips. S is 1 where there is but one such number. */
typedef struct wk_trips {
    int64_t T, S;
} wk_trips;

/* The larger of each of the two. */
static inline wk_trips wk__larger_trips(wk_trips a, wk_trips b) {
    return (wk_trips){a.T > b.T ? a.T : b.T, a.S > b.S ? a.S : b.S};
}

/* What an argument looks like. */
typedef struct wk_plan_argument {
    bool present;
    wk_dtype dtype;
    int32_t ndim;
    int64_t dims[WK_MAX_DIMS];
} wk_plan_argument;

/* A dry run of the step, with arguments that look like these. */
typedef struct wk_dry_run {
    wk_ctx *ctx;
    const wk_plan_step *step;
    const wk_plan_argument *arguments;
    int32_t number;
    bool apart; /* each gradient has memory of its own */
} wk_dry_run;

/* Who hears of the calls of a dry run in place of their being recorded. */
typedef struct wk_listener {
    void (*call)(struct wk_listener *listener, const wk_recording *r, const wk_noted *noted, const wk_word *words);
} wk_listener;

/* Runs it. False, recorded as a failure, when it cannot be captured. listener: NULL, to record it. */
bool wk__plan_record(wk_recording *r, const wk_dry_run *run, wk_listener *listener);
void wk__recording_free(wk_recording *r);
int64_t wk__recording_nbytes(const wk_recording *r);

/* buffers.c. Fills fresh memory with numbers that another recording does not have. Notes a block of the heap; and, at
 * the end, which of them are the elements of tensors. */
void wk__recording_fill(const wk_recording *r, void *memory, size_t nbytes);
void wk__recording_took(wk_heap_capture *heap, void *block, size_t nbytes);
void wk__recording_find_elements(wk_recording *r);
/* How long the buffer is whose elements begin there: a tensor that the step made. -1: there is none. */
int64_t wk__recording_buffer_nbytes(const wk_recording *r, const char *data);

/* Notes the storage of t, unless the step itself, or the plan for it, made that. */
void wk__recording_note_external(wk_recording *r, wk_tensor *t);

/* arguments.c. False when memory is out. */
bool wk__recording_make_inputs(wk_recording *r, const wk_plan_argument *arguments);
bool wk__recording_list_inputs(const wk_recording *r);
void wk__recording_take_output(wk_recording *r, int32_t k, wk_tensor *t);

/* written.c: lists what the externals have been written; false when memory is out. Do inputs lie apart from that, and
 * from those that the step writes? Else a failure. The versions of all this, as if the step had run. */
bool wk__recording_note_written(wk_recording *r);
bool wk__inputs_apart(const wk_recording *r, wk_tensor *const *inputs);
void wk__note_writes(const wk_recording *r, wk_tensor *const *inputs);

/* resolve.c: turns addresses into places. */
bool wk__plan_resolve(wk_recording *r);

/* compare.c: are two recordings of the same sizes the same? False: recorded as a failure, by name. */
bool wk__recordings_agree(const wk_recording *a, const wk_recording *b);

/* A word without what is padding in it: a letter that is a digit says how many of its bytes are not. */
static inline wk_word wk__word_alone(char letter, wk_word word) {
    if (letter >= '1' && letter <= '7') word.i &= (INT64_C(1) << 8 * (letter - '0')) - 1;
    return word;
}

/* A call's words as symbols. */
static inline const wk_symbol *wk__symbols_of(const wk_recording *r, const wk_recorded_call *call) {
    return WK_ITEMS(const wk_symbol, r->symbols) + call->first_word;
}

static inline const wk_recorded_call *wk__call_at(const wk_recording *r, int64_t i) {
    return &WK_ITEMS(const wk_recorded_call, r->calls)[i];
}

#endif
