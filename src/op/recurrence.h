/* recurrence.h -- one run of a recurrent row through time: what forward and gradient both need of it. */
#ifndef WK_OP_RECURRENCE_H
#define WK_OP_RECURRENCE_H

#include "op/matrix.h"
#include "op/ragged.h"
#include "op/recurrent.h"

enum { WK__MOST_SCRATCH = 6 };

typedef struct wk_recurrence {
    const wk_recurrent *row;
    wk_ctx *ctx;
    wk_dtype dtype;
    int64_t I, H;
    const wk_array *x, *lengths, *h0, *c0, *w_ih, *w_hh, *b_ih, *b_hh, *y; /* absent ones are NULL */
    wk_ragged batch;
    wk_places at_x, at_y;
    wk_tensor *scratch[WK__MOST_SCRATCH];
    int32_t scratch_count;
    bool is_chain; /* one row, few H: the steps are one kernel */
} wk_recurrence;

/* arrays: the inputs, in their order. False when memory is out (not recorded). */
bool wk__recurrence_begin(wk_recurrence *run, wk_ctx *ctx, const wk_recurrent *row, const wk_recurrent_attrs *attrs,
                          const wk_array *const *arrays, const wk_array *y);
void wk__recurrence_end(wk_recurrence *run);

/* Scratch memory of so many elements, until the end. What grows with T is a block of its own, so that a plan finds it
 * for any T. NULL for none; *fine becomes false when memory is out. */
void *wk__scratch_some(wk_recurrence *run, int64_t elements, bool *fine);
static inline void *wk__scratch(wk_recurrence *run, int64_t elements, bool *fine) {
    return elements > 0 && *fine ? wk__scratch_some(run, elements, fine) : NULL;
}

/* Scratch whose sizes do not grow with T, all of it in one block. */
typedef struct wk_scratch_part {
    void **to;
    int64_t elements; /* 0: NULL */
} wk_scratch_part;
void wk__scratch_parts(wk_recurrence *run, const wk_scratch_part *parts, int32_t count, bool *fine);

static inline void *wk__elements(const wk_recurrence *run, const wk_tensor *t, int64_t at) {
    return (char *)t->a.data + at * wk__dtype_nbytes[run->dtype];
}

static inline wk_mat wk__rows_of(const wk_recurrence *run, const void *data, int64_t rows, int64_t cols,
                                 int64_t apart) {
    return (wk_mat){(void *)data, run->dtype, rows, cols, apart, 1};
}

/* Columns to .. to+cols of rows first .. first+n of packed gates. */
static inline wk_mat wk__gate_columns(const wk_recurrence *run, const void *gates, int64_t first, int64_t n, int64_t to,
                                      int64_t cols) {
    const int64_t width = run->row->columns * run->H;
    return wk__rows_of(run, (const char *)gates + (first * width + to) * wk__dtype_nbytes[run->dtype], n, cols, width);
}

static inline wk_mat wk__rows_from(const wk_array *w, int64_t from, int64_t rows) {
    wk_mat m = wk__matrix_of(w);
    m.data = wk__array_at(w, from * w->strides[0]);
    m.rows = rows;
    return m;
}

/* x as one matrix of packed rows: as it lies, or copied to `room`, where it must be if it is not even. */
static inline wk_mat wk__packed_x(const wk_recurrence *run, void *room) {
    int64_t apart;
    if (wk__ragged_is_even(&run->batch, &run->at_x, &apart))
        return (wk_mat){
            wk__first_row(&run->batch, &run->at_x), run->dtype, run->batch.total, run->I, apart, run->at_x.stride};
    wk__ragged_pack(&run->batch, &run->at_x, false, room);
    return wk__rows_of(run, room, run->batch.total, run->I, run->I);
}

/* How many elements `room` needs. */
static inline int64_t wk__packed_x_size(const wk_recurrence *run) {
    int64_t apart;
    return wk__ragged_is_even(&run->batch, &run->at_x, &apart) ? 0 : run->batch.total * run->I;
}

#endif
