/* indexing.c -- see indexing.h. */
#include "op/indexing.h"

#include "kernel/kernel.h"
#include "tensor/iterate.h"

/* A 0-d array has one element, which index 0 names. */
static void begin(const wk_array *x, int64_t dim, wk_pick *p) {
    p->step = x->ndim > 0 ? x->strides[dim] : 1;
    p->size = x->ndim > 0 ? x->dims[dim] : 1;
}

void wk__pick_each(const wk_array *x, int64_t dim, const wk_array *index, const wk_array *values, wk_pick *p) {
    begin(x, dim, p);
    p->values = *values;
    p->index = *index;
    p->base = *index;
    p->base.data = x->data;
    p->base.dtype = x->dtype;
    for (int32_t d = 0; d < index->ndim; d++) p->base.strides[d] = d == dim || x->ndim == 0 ? 0 : x->strides[d];
}

void wk__pick_slices(const wk_array *x, int64_t dim, const wk_array *index, const wk_array *values, wk_pick *p) {
    const int32_t after = index->ndim - 1; /* how much further x's dimensions behind dim lie in values */
    begin(x, dim, p);
    p->values = *values;
    p->index = *values;
    p->index.data = index->data;
    p->index.dtype = index->dtype;
    p->base = *values;
    p->base.data = x->data;
    for (int32_t d = 0; d < values->ndim; d++) {
        const bool indexed = x->ndim > 0 && d >= dim && d < dim + index->ndim;
        p->index.strides[d] = indexed ? index->strides[d - dim] : 0;
        p->base.strides[d] = indexed ? 0 : x->strides[d < dim ? d : d - after];
    }
}

/* Where the index leads from an address of the base. */
static void *moved(const wk_pick *p, void *base, int64_t index) {
    const int64_t at = index < 0 ? index + p->size : index;
    return (char *)base + at * p->step * wk__dtype_nbytes[p->base.dtype];
}

void wk__pick_read(const wk_pick *p) {
    const wk_dtype dtype = p->base.dtype;
    const wk_array *const arrays[] = {&p->values, &p->base, &p->index};
    wk_rows r;
    for (bool more = wk__rows_begin(&r, 3, arrays); more; more = wk__rows_next(&r)) {
        const int64_t *index = r.data[2];
        if (r.stride[2] == 0)
            wk__kernels->copy[dtype](r.n, r.data[0], r.stride[0], moved(p, r.data[1], *index), r.stride[1]);
        else
            wk__kernels->gather[dtype](r.n, r.data[0], r.stride[0], r.data[1], r.stride[1], index, r.stride[2],
                                       p->step, p->size);
    }
}

/* The walk has the shape of the index, so that values may be stretched. */
void wk__pick_write(const wk_pick *p, bool add) {
    const wk_dtype dtype = p->base.dtype;
    wk_index_loop *scatter = add ? wk__kernels->scatter_add[dtype] : wk__kernels->scatter[dtype];
    wk_unary_loop *whole = add ? wk__kernels->accumulate[dtype] : wk__kernels->copy[dtype];
    const wk_array *const arrays[] = {&p->base, &p->values, &p->index};
    wk_rows r;
    for (bool more = wk__rows_begin(&r, 3, arrays); more; more = wk__rows_next(&r)) {
        const int64_t *index = r.data[2];
        if (r.stride[2] == 0) whole(r.n, moved(p, r.data[0], *index), r.stride[0], r.data[1], r.stride[1]);
        else
            scatter(r.n, r.data[0], r.stride[0], r.data[1], r.stride[1], index, r.stride[2], p->step, p->size);
    }
}

/* ------------------------------------------------------------------------------------------------------- checks --- */

/* Are all from `lowest` below `size`? Without a branch for each: what is too small or too large makes a difference
 * negative. */
static bool all_inside(int64_t n, const int64_t *index, int64_t lowest, int64_t size) {
    uint64_t above = 0, below = 0;
    for (int64_t i = 0; i < n; i++) {
        above |= (uint64_t)index[i] - (uint64_t)lowest;
        below |= (uint64_t)size - 1 - (uint64_t)index[i];
    }
    return (above | below) >> 63 == 0;
}

/* The first index of a row that is out of range, or NULL. */
static const int64_t *outside(int64_t n, const int64_t *index, int64_t stride, int64_t lowest, int64_t size) {
    if (stride == 1 && all_inside(n, index, lowest, size)) return NULL;
    for (int64_t i = 0; i < n; i++)
        if (index[i * stride] < lowest || index[i * stride] >= size) return &index[i * stride];
    return NULL;
}

bool wk__check_indices(wk_call *c, const wk_array *index, const wk_tensor *x, int64_t dim, bool from_end) {
    const int64_t size = x->a.ndim > 0 ? x->a.dims[dim] : 1, lowest = from_end ? -size : 0;
    wk_shape_text text;
    wk_rows r;
    for (bool more = wk__rows_begin(&r, 1, &index); more; more = wk__rows_next(&r)) {
        const int64_t *wrong = outside(r.n, r.data[0], r.stride[0], lowest, size);
        if (wrong != NULL)
            return wk__refuse(c, WK_EINDEX, "index %lld is out of range for dimension %d of %s", (long long)*wrong,
                              (int)dim, wk__dims_text(&text, x));
    }
    return true;
}

bool wk__check_dim_or_scalar(wk_call *c, int64_t *dim) {
    const int32_t ndim = c->in[0]->a.ndim, from_front = wk__wrap_dim(*dim, ndim > 0 ? ndim : 1);
    wk_shape_text text;
    if (from_front < 0)
        return wk__refuse(c, WK_EINDEX, "x %s has no dimension %lld", wk__dims_text(&text, c->in[0]), (long long)*dim);
    *dim = from_front;
    return true;
}
