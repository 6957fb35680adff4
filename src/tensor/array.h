/* array.h -- what a kernel sees of a tensor: where its elements lie, and nothing else.
 *
 * Element (i0, i1, ...) of an array lies at
 *
 *     data + i0 * strides[0] + i1 * strides[1] + ...          (strides in elements, never bytes)
 *
 *     dims (2,3), strides (3,1)            its transpose: dims (3,2), strides (1,3), the same data
 *     +----+----+----+----+----+----+
 *     | 00 | 01 | 02 | 10 | 11 | 12 |      expanded row:  dims (4,3), strides (0,1)
 *     +----+----+----+----+----+----+
 *
 * A 0-d array has no dims and one element. An array does not own its bytes. */
#ifndef WK_TENSOR_ARRAY_H
#define WK_TENSOR_ARRAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "wick/base.h"

typedef struct wk_array {
    void *data;
    int64_t numel;
    wk_dtype dtype;
    int32_t ndim;
    int64_t dims[WK_MAX_DIMS];
    int64_t strides[WK_MAX_DIMS];
} wk_array;

extern const uint8_t wk__dtype_nbytes[WK_DTYPE_COUNT];
extern const bool wk__dtype_is_float[WK_DTYPE_COUNT]; /* f32, f64: what floating kernels compute in */

/* What sort of numbers a type holds, in the order in which types give way to one another. */
enum { WK__BOOLEAN, WK__INTEGER, WK__HALF, WK__FLOAT };
extern const uint8_t wk__dtype_category[WK_DTYPE_COUNT];

/* Can it carry a gradient? */
static inline bool wk__dtype_is_floating(wk_dtype dtype) { return wk__dtype_category[dtype] >= WK__HALF; }

enum { WK__MOST_BITS = 44 }; /* elements: 2^44 of 8 bytes are more than any address space here */

/* Sets dims and row-major strides of an array whose ndim and numel are set. The shape has been checked. */
static inline void wk__array_row_major(wk_array *a, const int64_t *dims) {
    int64_t spread = 1; /* sizes of 0 count as 1, as in PyTorch */
    const bool empty = a->numel == 0;
    for (int32_t d = a->ndim - 1; d >= 0; d--) {
        a->dims[d] = dims[d];
        a->strides[d] = spread;
        if (wk_likely(!empty) || dims[d] > 1) spread *= dims[d];
    }
}

/* Sets dims, row-major strides and numel; false when there are more elements than can be. */
static inline bool wk__array_set_dims(wk_array *a, int32_t ndim, const int64_t *dims) {
    int64_t spread = 1; /* elements, with sizes of 0 counted as 1: it bounds every stride */
    bool empty = false;
    a->ndim = ndim;
    for (int32_t d = ndim - 1; d >= 0; d--) {
        a->dims[d] = dims[d];
        a->strides[d] = spread;
        empty |= dims[d] == 0;
        if (dims[d] <= 1) continue;
        if (wk_unlikely(__builtin_mul_overflow(spread, dims[d], &spread) || spread >> WK__MOST_BITS != 0)) return false;
    }
    a->numel = empty ? 0 : spread;
    return true;
}

/* Can there be an array of these dims? */
bool wk__dims_fit(int32_t ndim, const int64_t *dims);

/* Row-major with no gaps; sizes of 1 may have any stride. */
static inline bool wk__array_is_contiguous(const wk_array *a) {
    int64_t expected = 1;
    for (int32_t d = a->ndim - 1; d >= 0; d--) {
        if (a->dims[d] != 1 && a->strides[d] != expected) return a->numel == 0;
        expected *= a->dims[d];
    }
    return true;
}

/* No two indices reach the same element: each stride leads beyond all that smaller ones reach. (Of views of views of
 * unfold some are called overlapping that are not; nothing depends on it but speed, and writing them in place.) */
bool wk__array_is_injective(const wk_array *a);

static inline bool wk__has_dims(const wk_array *a, int32_t ndim, const int64_t *dims) {
    bool same = a->ndim == ndim;
    for (int32_t d = 0; same && d < ndim; d++) same = a->dims[d] == dims[d];
    return same;
}

static inline bool wk__same_dims(const wk_array *a, const wk_array *b) { return wk__has_dims(a, b->ndim, b->dims); }

static inline bool wk__same_strides(const wk_array *a, const wk_array *b) { /* of equal dims */
    bool same = true;
    for (int32_t d = 0; same && d < a->ndim; d++) same = a->dims[d] == 1 || a->strides[d] == b->strides[d];
    return same;
}

/* Bytes of its elements. */
static inline int64_t wk__array_nbytes(const wk_array *a) { return a->numel * wk__dtype_nbytes[a->dtype]; }

/* The address `offset` elements after the array's first. */
static inline void *wk__array_at(const wk_array *a, int64_t offset) {
    return (char *)a->data + offset * wk__dtype_nbytes[a->dtype];
}

/* Where the element at index lies, from the array's first; and the next index in row-major order, after the last one
 * the first. */
static inline int64_t wk__offset_of(const wk_array *a, const int64_t *index) {
    int64_t offset = 0;
    for (int32_t d = 0; d < a->ndim; d++) offset += index[d] * a->strides[d];
    return offset;
}

static inline void wk__next_index(int32_t ndim, const int64_t *dims, int64_t *index) {
    for (int32_t d = ndim - 1; d >= 0 && ++index[d] == dims[d]; d--) index[d] = 0;
}

/* The slice of a at one index of one dimension, which disappears. Both are in range. */
static inline void wk__array_select(const wk_array *a, int64_t dim, int64_t index, wk_array *out) {
    out->data = wk__array_at(a, index * a->strides[dim]);
    out->dtype = a->dtype;
    out->ndim = a->ndim - 1;
    out->numel = 1;
    int32_t d = 0;
    for (; d < dim; d++) out->numel *= out->dims[d] = a->dims[d], out->strides[d] = a->strides[d];
    for (; d < out->ndim; d++) out->numel *= out->dims[d] = a->dims[d + 1], out->strides[d] = a->strides[d + 1];
}

/* a stretched to more dims, with stride 0 where it repeats; false when the shapes do not allow it. */
bool wk__array_expand(const wk_array *a, int32_t ndim, const int64_t *dims, wk_array *out);

/* The common shape of two broadcast shapes, into out's dims; false when they do not fit. */
bool wk__broadcast_dims(const wk_array *a, const wk_array *b, int32_t *ndim, int64_t *dims);

/* dim counted from the end when negative; -1 when out of range. */
static inline int32_t wk__wrap_dim(int64_t dim, int32_t ndim) {
    if (dim < 0) dim += ndim;
    return dim >= 0 && dim < ndim ? (int32_t)dim : -1;
}

#endif
