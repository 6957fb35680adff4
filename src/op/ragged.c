/* ragged.c -- see ragged.h. */
#include "op/ragged.h"

#include "kernel/kernel.h"
#include "grad/scope.h"
#include "op/elementwise.h"

/* Memory: | order (N) | lengths (N) | places (4N) | scratch for sorting (5N) | */
enum { ALWAYS = 2 + WK__MOST_PLACES, SORTING = 5 };

static void sort_rows(wk_ragged *r, const wk_array *lengths) {
    int64_t *const copy = r->lengths + r->rows * (1 + WK__MOST_PLACES), *const work = copy + r->rows;
    wk__kernels->copy[WK_I64](r->rows, copy, 1, lengths->data, lengths->strides[0]);
    wk__kernels->argsort[WK_I64](r->rows, r->rows, r->order, 1, copy, 1, true, work);
    for (int64_t i = 0; i < r->rows; i++) {
        r->lengths[i] = copy[r->order[i]];
        r->total += r->lengths[i];
    }
}

bool wk__ragged_sort_rows(wk_ctx *ctx, const wk_array *lengths, wk_ragged *r) {
    const int64_t all = r->total, room = r->rows * (ALWAYS + SORTING);
    r->memory = wk__tensor_make(ctx, WK_I64, 1, &room);
    if (r->memory == NULL) return false;
    r->order = r->memory->a.data;
    r->lengths = r->order + r->rows;
    r->total = 0;
    sort_rows(r, lengths);
    r->steps = r->lengths[0];
    r->is_full = r->total == all;
    return true;
}

/* ------------------------------------------------------------------------------------------------------- places --- */

void wk__ragged_places_sorted(const wk_ragged *r, int32_t number, const wk_array *a, wk_places *p) {
    const int64_t t = a->strides[1], b = a->strides[0];
    p->at = r->lengths + r->rows * (1 + number);
    for (int64_t i = 0; i < r->rows; i++)
        p->at[i] = r->order[i] * b + (r->reverse && r->lengths[i] > 0 ? (r->lengths[i] - 1) * t : 0);
}

/* A (rows,F) matrix. */
static wk_array matrix(void *data, const wk_places *p, int64_t rows, int64_t row, int64_t stride) {
    return (wk_array){.data = data,
                      .numel = rows * p->features,
                      .dtype = p->dtype,
                      .ndim = 2,
                      .dims = {rows, p->features},
                      .strides = {row, stride}};
}

/* The steps of a batch's only row. */
static void pack_single(const wk_ragged *r, const wk_places *p, const wk_stretch *s, bool late, void *packed) {
    const int64_t nbytes = wk__dtype_nbytes[p->dtype], skipped = late && s->from == 0, rows = s->rows - skipped;
    char *const first = (char *)wk__first_row(r, p) + (s->first + skipped - late) * p->step * nbytes;
    const wk_array to = matrix((char *)packed + skipped * p->features * nbytes, p, rows, p->features, 1);
    const wk_array from = matrix(first, p, rows, p->step, p->stride);
    if (rows > 0) wk__unary_rows(wk__kernels->copy[p->dtype], &to, &from);
}

void wk__ragged_pack(const wk_ragged *r, const wk_places *p, const wk_stretch *s, bool late, void *packed) {
    wk_unary_loop *copy = wk__kernels->copy[p->dtype];
    const int64_t nbytes = wk__dtype_nbytes[p->dtype];
    char *to = packed;
    if (r->rows == 1) {
        pack_single(r, p, s, late, packed);
        return;
    }
    for (int64_t step = s->from, n = s->alive; step < s->to; step++) {
        n = wk__ragged_alive(r, step, n);
        const char *from = wk__places_in(p, step - late);
        for (int64_t i = 0; i < n; i++, to += p->features * nbytes)
            if (step >= late) copy(p->features, to, 1, from + wk__places_row(p, i) * nbytes, p->stride);
    }
}

void wk__ragged_unpack(const wk_ragged *r, const wk_places *p, const wk_stretch *s, const void *packed, bool add) {
    wk_unary_loop *put = (add ? wk__kernels->accumulate : wk__kernels->copy)[p->dtype];
    const int64_t nbytes = wk__dtype_nbytes[p->dtype];
    const char *from = packed;
    for (int64_t step = s->from, n = s->alive; step < s->to; step++) {
        char *to = wk__places_in(p, step);
        n = wk__ragged_alive(r, step, n);
        for (int64_t i = 0; i < n; i++, from += p->features * nbytes)
            put(p->features, to + wk__places_row(p, i) * nbytes, p->stride, from, 1);
    }
}

void wk__ragged_number_rows(const wk_ragged *r, int64_t T, int64_t *numbers) {
    for (int64_t s = 0, n = r->rows; s < r->steps; s++) {
        n = wk__ragged_alive(r, s, n);
        for (int64_t i = 0; i < n; i++)
            *numbers++ = wk__ragged_row(r, i) * T + (r->reverse ? wk__ragged_length(r, i) - 1 - s : s);
    }
}

/* ------------------------------------------------------------------------------------------------------- states --- */

void wk__ragged_sort(const wk_ragged *r, const wk_array *a, void *sorted, int64_t features, wk_dtype dtype) {
    static const double zero = 0;
    const int64_t nbytes = features * wk__dtype_nbytes[dtype];
    if (a == NULL) wk__kernels->fill[dtype](r->rows * features, sorted, 1, &zero);
    for (int64_t i = 0; a != NULL && i < r->rows; i++)
        wk__kernels->copy[dtype](features, (char *)sorted + i * nbytes, 1,
                                 wk__array_at(a, wk__ragged_row(r, i) * a->strides[1]), a->strides[2]);
}

void wk__ragged_unsort(const wk_ragged *r, const wk_array *a, const void *sorted, bool add) {
    wk_unary_loop *put = (add ? wk__kernels->accumulate : wk__kernels->copy)[a->dtype];
    const int64_t features = a->dims[2], nbytes = features * wk__dtype_nbytes[a->dtype];
    for (int64_t i = 0; i < r->rows; i++)
        put(features, wk__array_at(a, wk__ragged_row(r, i) * a->strides[1]), a->strides[2],
            (const char *)sorted + i * nbytes, 1);
}

void wk__ragged_zero_ends(const wk_ragged *r, const wk_array *a) {
    static const double zero = 0;
    if (r->is_full) return;
    const int64_t nbytes = (r->rows * a->dims[1] - r->total) * a->dims[2] * wk__dtype_nbytes[a->dtype];
    wk_fill_loop *fill = (nbytes < WK_FAR_NBYTES ? wk__kernels->fill : wk__kernels->fill_far)[a->dtype];
    for (int64_t i = 0; i < r->rows; i++) {
        wk_array end = *a;
        end.dims[0] = 1;
        end.dims[1] -= r->lengths[i];
        end.numel = end.dims[1] * end.dims[2];
        end.data = wk__array_at(a, r->order[i] * a->strides[0] + r->lengths[i] * a->strides[1]);
        if (wk__array_is_contiguous(&end))
            fill(end.numel, end.data, 1, &zero);
        else
            wk__zero(&end);
    }
}
