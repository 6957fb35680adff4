/* array.c -- shapes and strides. */
#include "tensor/array.h"

#include <string.h>

#define NBYTES(with, NAME, name, type, category) sizeof(type),
#define IS_FLOAT(with, NAME, name, type, category) WK__##category == WK__FLOAT,
#define CATEGORY(with, NAME, name, type, category) WK__##category,
#define TEXT(with, NAME, name, type, category) #name,

const uint8_t wk__dtype_nbytes[WK_DTYPE_COUNT] = {WK_DTYPES(NBYTES, )};
const bool wk__dtype_is_float[WK_DTYPE_COUNT] = {WK_DTYPES(IS_FLOAT, )};
const uint8_t wk__dtype_category[WK_DTYPE_COUNT] = {WK_DTYPES(CATEGORY, )};
static const char *const dtype_names[WK_DTYPE_COUNT] = {WK_DTYPES(TEXT, )};

const char *wk_dtype_name(wk_dtype dtype) { return dtype >= 0 && dtype < WK_DTYPE_COUNT ? dtype_names[dtype] : NULL; }

size_t wk_dtype_nbytes(wk_dtype dtype) { return dtype >= 0 && dtype < WK_DTYPE_COUNT ? wk__dtype_nbytes[dtype] : 0; }

/* The dimension with the smallest stride of those in `open` (a bit each); -1 when none is left. */
static int32_t innermost(const wk_array *a, uint32_t open) {
    int32_t found = -1;
    for (int32_t d = a->ndim - 1; d >= 0; d--)
        if ((open >> d & 1) && (found < 0 || a->strides[d] < a->strides[found])) found = d;
    return found;
}

bool wk__array_is_injective(const wk_array *a) {
    int64_t reach = 0; /* the largest offset within the dimensions seen so far */
    uint32_t open = 0;
    for (int32_t d = 0; d < a->ndim; d++)
        if (a->dims[d] > 1) open |= 1u << d;
    for (int32_t d; (d = innermost(a, open)) >= 0; open &= ~(1u << d)) {
        if (a->strides[d] <= reach) return a->numel == 0;
        reach += (a->dims[d] - 1) * a->strides[d];
    }
    return true;
}

bool wk__array_expand(const wk_array *a, int32_t ndim, const int64_t *dims, wk_array *out) {
    const int32_t shift = ndim - a->ndim; /* new dimensions appear at the front */
    if (shift < 0) return false;
    out->data = a->data;
    out->dtype = a->dtype;
    if (!wk__array_set_dims(out, ndim, dims)) return false;
    for (int32_t d = 0; d < ndim; d++) {
        const int64_t size = d < shift ? 1 : a->dims[d - shift];
        if (size != dims[d] && size != 1) return false;
        out->strides[d] = size == dims[d] && d >= shift ? a->strides[d - shift] : 0;
    }
    return true;
}

bool wk__dims_fit(int32_t ndim, const int64_t *dims) {
    wk_array probe;
    return wk__array_set_dims(&probe, ndim, dims);
}

bool wk__broadcast_dims(const wk_array *a, const wk_array *b, int32_t *ndim, int64_t *dims) {
    const int32_t n = a->ndim > b->ndim ? a->ndim : b->ndim;
    for (int32_t d = 1; d <= n; d++) { /* d counts from the end */
        const int64_t da = d <= a->ndim ? a->dims[a->ndim - d] : 1;
        const int64_t db = d <= b->ndim ? b->dims[b->ndim - d] : 1;
        if (da != db && da != 1 && db != 1) return false;
        dims[n - d] = da == 1 ? db : da;
    }
    *ndim = n;
    return true;
}
