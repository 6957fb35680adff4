/* recurrence.h -- one run of a recurrent row through time: what forward and gradient both need of it. */
#ifndef WK_OP_RECURRENCE_H
#define WK_OP_RECURRENCE_H

#include "op/matrix.h"
#include "op/ragged.h"
#include "op/recurrent.h"

enum { WK__MOST_SCRATCH = 6, WK__NEAR_NBYTES = 4096 };

typedef struct wk_recurrence {
    const wk_recurrent *row;
    wk_ctx *ctx;
    wk_dtype dtype;
    int64_t I, H;
    const wk_array *x, *lengths, *h0, *c0, *w_ih, *w_hh, *b_ih, *b_hh, *y; /* absent ones are NULL */
    wk_ragged batch;
    int64_t most, room; /* packed rows of a stretch at best, and at most */
    wk_places at_x, at_y;
    bool is_chain;
    wk_tensor *scratch[WK__MOST_SCRATCH];
    int32_t scratch_count;
    int32_t near_used;                             /* bytes of `near` */
    _Alignas(WK__LINE) char near[WK__NEAR_NBYTES]; /* scratch of single steps: two tensors are a tenth of their time */
} wk_recurrence;

/* How many packed rows a stretch is to have. A product goes over all of a weight, or of its gradient, for every
 * WK_GEMM_DEPTH rows anyway. Where gates of so many rows are near, that is a stretch; else it has more of them, so that
 * copying a weight is less than what is done with it. */
static inline int64_t wk__recurrence_most(const wk_recurrent *row, const wk_array *y) {
    enum { NEAR_NBYTES = 512 << 10, LONG_STRETCH = 16 * WK_GEMM_DEPTH };
    const int64_t width_nbytes = row->columns * y->dims[2] * wk__dtype_nbytes[y->dtype];
    return width_nbytes <= NEAR_NBYTES / WK_GEMM_DEPTH ? WK_GEMM_DEPTH : LONG_STRETCH;
}

/* One row of f32 and few H, whose steps are one kernel, the same for any T. */
static inline bool wk__recurrence_is_chain(const wk_recurrent *row, const wk_array *w_hh, const wk_array *y) {
    return row->has_chain && y->dtype == WK_F32 && y->dims[0] == 1 && y->dims[1] > 0 &&
           y->dims[2] <= wk__kernels_working()->rnn_chain_most && wk__array_is_contiguous(w_hh);
}

/* arrays: the inputs, in their order. False when memory is out (not recorded). */
bool wk__recurrence_begin(wk_recurrence *run, wk_ctx *ctx, const wk_recurrent *row, const wk_recurrent_attrs *attrs,
                          const wk_array *const *arrays, const wk_array *y);
void wk__recurrence_end(wk_recurrence *run);

/* Scratch memory of so many elements, until the end: in the run itself where there is room and no plan that would look
 * for it later. What grows with T is a block of its own, so that a plan finds it for any T. NULL for none; *fine
 * becomes false when memory is out. */
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

static inline const void *wk__row_at(const wk_mat *m, int64_t i) {
    return (const char *)m->data + i * m->row * wk__dtype_nbytes[m->dtype];
}

/* Packed rows from number i on of what lies evenly, `apart` elements from one to the next. */
static inline wk_mat wk__even_rows(const wk_recurrence *run, const wk_places *p, int64_t i, int64_t rows,
                                   int64_t apart) {
    char *const data = (char *)wk__first_row(&run->batch, p) + i * apart * wk__dtype_nbytes[p->dtype];
    return (wk_mat){data, p->dtype, rows, p->features, apart, p->stride};
}

/* x in a stretch as one matrix of packed rows: as it lies, or copied to `room`, where it must be if it is not even. */
static inline wk_mat wk__packed_x(const wk_recurrence *run, const wk_stretch *s, void *room) {
    int64_t apart;
    if (wk__ragged_is_even(&run->batch, &run->at_x, &apart))
        return wk__even_rows(run, &run->at_x, s->first, s->rows, apart);
    wk__ragged_pack(&run->batch, &run->at_x, s, false, room);
    return wk__rows_of(run, room, s->rows, run->I, run->I);
}

/* How many elements `room` needs. */
static inline int64_t wk__packed_x_size(const wk_recurrence *run) {
    int64_t apart;
    return wk__ragged_is_even(&run->batch, &run->at_x, &apart) ? 0 : run->room * run->I;
}

#endif
