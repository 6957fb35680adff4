/* ragged.h -- a batch of sequences of several lengths, as a walk through time sees it.
 *
 * The rows are sorted by length, longest first (equal ones keep their order), so that those alive in a step are the
 * first ones, and what belongs to all steps lies packed, one step after the other:
 *
 *     x (3,4,*), lengths 2 4 1             step:   0     1   2 3
 *     order 1 0 2, 7 rows in all         packed: |1 0 2|1 0|1|1|
 *
 * In reverse, each row begins at its own last step: step s of row b is time lengths[b] - 1 - s. */
#ifndef WK_OP_RAGGED_H
#define WK_OP_RAGGED_H

#include "tensor/tensor.h"

typedef struct wk_ragged {
    int64_t rows, steps, total; /* steps: of the longest row; total: of all rows together */
    bool reverse;
    bool is_full;             /* every row has all steps of x */
    int64_t *order, *lengths; /* of the sorted rows: which row of the batch, and its length; NULL: all alike */
    wk_tensor *memory;
} wk_ragged;

/* lengths: N whole numbers from 0 to T, or NULL: T each. False when memory is out (not recorded). */
bool wk__ragged_sort_rows(wk_ctx *ctx, const wk_array *lengths, wk_ragged *r);
static inline bool wk__ragged_begin(wk_ctx *ctx, const wk_array *lengths, int64_t N, int64_t T, bool reverse,
                                    wk_ragged *r) {
    *r = (wk_ragged){.rows = N, .steps = T, .total = N * T, .reverse = reverse, .is_full = true};
    return lengths == NULL || N == 0 || wk__ragged_sort_rows(ctx, lengths, r);
}

static inline void wk__ragged_end(wk_ragged *r) { wk__unref(r->memory); }

static inline int64_t wk__ragged_row(const wk_ragged *r, int64_t i) { return r->order != NULL ? r->order[i] : i; }
static inline int64_t wk__ragged_length(const wk_ragged *r, int64_t i) {
    return r->lengths != NULL ? r->lengths[i] : r->steps;
}

/* How many rows are alive in step s, from how many there were in the step before or after it. */
static inline int64_t wk__ragged_alive(const wk_ragged *r, int64_t s, int64_t n) {
    if (r->lengths == NULL) return s < r->steps ? r->rows : 0;
    while (n > 0 && r->lengths[n - 1] <= s) n--;
    while (n < r->rows && r->lengths[n] > s) n++;
    return n;
}

/* NOTE [Stretches]. What a walk does for many steps at once, it does for a stretch of them: so many that the stretch
 * has `most` packed rows, or one step. Scratch memory is as large as a stretch, and what was written there is still
 * near when it is read again. A walk forward begins with {0}, one backward with wk__stretch_end. */
typedef struct wk_stretch {
    int64_t from, to;    /* its steps */
    int64_t first, rows; /* its packed rows */
    int64_t alive;       /* rows in one of them, where to begin counting */
} wk_stretch;

static inline wk_stretch wk__stretch_end(const wk_ragged *r) {
    return (wk_stretch){.from = r->steps, .to = r->steps, .first = r->total};
}

static inline void wk__stretch_after(const wk_ragged *r, int64_t most, wk_stretch *s) {
    s->from = s->to;
    s->first += s->rows;
    s->rows = r->total - s->first;
    if (s->rows <= most) {
        s->to = r->steps;
        return;
    }
    s->rows = 0;
    for (; s->to < r->steps; s->to++) {
        s->alive = wk__ragged_alive(r, s->to, s->alive);
        if (s->rows > 0 && s->rows + s->alive > most) return;
        s->rows += s->alive;
    }
}

static inline void wk__stretch_before(const wk_ragged *r, int64_t most, wk_stretch *s) {
    s->to = s->from;
    s->rows = s->first;
    if (s->rows <= most) {
        s->from = s->first = 0;
        return;
    }
    s->rows = 0;
    for (; s->from > 0; s->from--) {
        s->alive = wk__ragged_alive(r, s->from - 1, s->alive);
        if (s->rows > 0 && s->rows + s->alive > most) return;
        s->rows += s->alive;
        s->first -= s->alive;
    }
}

/* Where the rows of a (N,T,F) array lie: row i in step s at base + i*row + s*step elements, or, where there is at, at
 * base + at[i] + s*step. */
enum { WK__MOST_PLACES = 4 };
typedef struct wk_places {
    char *base; /* NULL: there is no such array */
    int64_t step, row, *at;
    int64_t features, stride; /* F, and how far apart they are */
    wk_dtype dtype;
} wk_places;

static inline int64_t wk__places_row(const wk_places *p, int64_t i) { return p->at != NULL ? p->at[i] : i * p->row; }

/* number: which of the few places of this batch; a NULL: of no array. */
void wk__ragged_places_sorted(const wk_ragged *r, int32_t number, const wk_array *a, wk_places *p);
static inline void wk__ragged_places(const wk_ragged *r, int32_t number, const wk_array *a, wk_places *p) {
    if (a == NULL) {
        *p = (wk_places){0};
        return;
    }
    const int64_t t = a->strides[1];
    *p = (wk_places){.base = a->data,
                     .step = r->reverse ? -t : t,
                     .row = a->strides[0],
                     .features = a->dims[2],
                     .stride = a->strides[2],
                     .dtype = a->dtype};
    if (r->lengths != NULL)
        wk__ragged_places_sorted(r, number, a, p);
    else if (r->reverse && r->steps > 0)
        p->base = wk__array_at(a, (r->steps - 1) * t);
}

/* The array's memory as it lies in step s, from where its rows are counted. */
static inline void *wk__places_in(const wk_places *p, int64_t s) {
    return p->base != NULL ? p->base + s * p->step * wk__dtype_nbytes[p->dtype] : NULL;
}

/* Where the first row of the first step lies. */
static inline void *wk__first_row(const wk_ragged *r, const wk_places *p) {
    return p->base + (r->rows > 0 ? wk__places_row(p, 0) : 0) * wk__dtype_nbytes[p->dtype];
}

/* Do the packed rows lie evenly in the array itself, `*apart` elements from one to the next? Rows of one step do when
 * there is one, or none is missing; steps when there is one, or they go on so. */
static inline bool wk__ragged_is_even(const wk_ragged *r, const wk_places *p, int64_t *apart) {
    *apart = r->rows > 1 ? p->row : p->step;
    if (r->rows <= 1) return true;
    return r->is_full && (r->steps <= 1 || p->step == r->rows * p->row);
}

/* Packed rows (rows,F) of a stretch from the array; with `late`, each step's from the step before, and those of step 0
 * are left alone. The array's rows from packed ones, set or added to. */
void wk__ragged_pack(const wk_ragged *r, const wk_places *p, const wk_stretch *s, bool late, void *packed);
void wk__ragged_unpack(const wk_ragged *r, const wk_places *p, const wk_stretch *s, const void *packed, bool add);

/* The packed rows' numbers in a (N T,F) matrix. */
void wk__ragged_number_rows(const wk_ragged *r, int64_t T, int64_t *numbers);

/* Sorted rows (N,F), contiguous, from a (1,N,F) array, zeros if that is NULL; and back, set or added to. */
void wk__ragged_sort(const wk_ragged *r, const wk_array *a, void *sorted, int64_t features, wk_dtype dtype);
void wk__ragged_unsort(const wk_ragged *r, const wk_array *a, const void *sorted, bool add);

/* Zeros where the rows of a (N,T,F) array have ended. */
void wk__ragged_zero_ends(const wk_ragged *r, const wk_array *a);

/* A coin for each feature (N,T,F) of the packed rows, drawn in their order as PyTorch does, and zero behind their ends
 * (random.c); and wk_dropout, in training, of an x (N,T,F) that is zero there (dropout.c). Lengths are those that a
 * recurrent row has accepted. */
wk_tensor *wk__bernoulli_ragged(double p, wk_tensor *lengths, int64_t T, int64_t F, wk_dtype dtype);
wk_tensor *wk__dropout_ragged(wk_tensor *x, wk_tensor *lengths, double p);

#endif
