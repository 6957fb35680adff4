/* reduction.c -- see reduction.h. */
#include "op/reduction.h"

const wk_attr_field wk__reduce_dims_fields[2] = {WK_DIMS_FIELDS};
const wk_attr_field wk__reduce_dim_fields[2] = {WK_DIM_FIELDS};
const wk_attr_field wk__along_fields[1] = {{"dim", 'i', offsetof(wk_reduction, dim), 0}};

/* -------------------------------------------------------------------------------------------------- shape rules --- */

/* The bit of a dimension; 0 for that of a 0-d x; -1 when there is none, recorded. */
static int64_t bit_of(wk_call *c, int64_t dim) {
    const wk_tensor *x = c->in[0];
    wk_shape_text text;
    if (x->a.ndim == 0 && (dim == 0 || dim == -1)) return 0;
    const int32_t d = wk__wrap_dim(dim, x->a.ndim);
    if (d >= 0) return (int64_t)1 << d;
    wk__refuse(c, WK_EINDEX, "x %s has no dimension %lld", wk__dims_text(&text, x), (long long)dim);
    return -1;
}

static int64_t all_of(const wk_tensor *x) { return ((int64_t)1 << x->a.ndim) - 1; }

bool wk__reduced_dim(wk_call *c) {
    wk_reduction *r = c->attrs;
    r->reduced = bit_of(c, r->dim);
    return r->reduced >= 0;
}

bool wk__reduced_dims(wk_call *c) {
    wk_reduction *r = c->attrs;
    r->reduced = r->dims.ndim == 0 ? all_of(c->in[0]) : 0;
    for (int32_t i = 0; i < r->dims.ndim; i++) {
        const int64_t bit = bit_of(c, r->dims.dims[i]);
        if (bit < 0) return false;
        if (r->reduced & bit)
            return wk__refuse(c, WK_EINVAL, "dimension %lld is named twice", (long long)r->dims.dims[i]);
        r->reduced |= bit;
    }
    return true;
}

/* The dims of x without what is reduced. */
static int32_t dims_left(const wk_array *x, int64_t reduced, bool keepdim, int64_t *dims) {
    int32_t ndim = 0;
    for (int32_t d = 0; d < x->ndim; d++) {
        const bool goes = reduced >> d & 1;
        if (!goes || keepdim) dims[ndim++] = goes ? 1 : x->dims[d];
    }
    return ndim;
}

bool wk__declare_reduced(wk_call *c, int32_t k, wk_dtype dtype) {
    const wk_reduction *r = c->attrs;
    int64_t dims[WK_MAX_DIMS];
    return wk__declare(c, k, dtype, dims_left(&c->in[0]->a, r->reduced, r->keepdim != 0, dims), dims);
}

bool wk__reduce_all_shape(wk_call *c) {
    wk_reduction *r = c->attrs;
    r->reduced = all_of(c->in[0]);
    return wk__check_float(c) && wk__declare_reduced(c, 0, c->in[0]->a.dtype);
}

bool wk__reduce_dims_shape(wk_call *c) {
    return wk__check_float(c) && wk__reduced_dims(c) && wk__declare_reduced(c, 0, c->in[0]->a.dtype);
}

bool wk__reduce_dim_shape(wk_call *c) {
    return wk__check_float(c) && wk__reduced_dim(c) && wk__declare_reduced(c, 0, c->in[0]->a.dtype);
}

bool wk__along_shape(wk_call *c) {
    return wk__check_float(c) && wk__reduced_dim(c) && wk__declare_like(c, 0, c->in[0]);
}

int64_t wk__reduced_count(const wk_array *x, int64_t reduced) {
    int64_t count = 1;
    for (int32_t d = 0; d < x->ndim; d++) count *= reduced >> d & 1 ? x->dims[d] : 1;
    return count;
}

/* ----------------------------------------------------------------------------------------------------- the walk --- */

enum { X, Y, B, ARRAYS };

/* A dimension of the walk, perhaps several of x's merged, with its stride in each array. */
typedef struct axis {
    int64_t n, stride[ARRAYS];
} axis;

typedef struct axes {
    int32_t count;
    axis at[WK_MAX_DIMS];
} axes;

/* Strides over x's dims of an array of x's shape, or of what is left of it. */
static void align(const wk_array *a, const wk_array *x, int64_t reduced, int64_t *strides) {
    const bool gone = a->ndim != x->ndim;
    for (int32_t d = 0, at = 0; d < x->ndim; d++) {
        const bool goes = reduced >> d & 1;
        const bool there = !(goes && (gone || a->dims[d] != x->dims[d]));
        strides[d] = there ? a->strides[at] : 0;
        at += !(goes && gone);
    }
}

/* A sorted insertion: the widest stride of x first, equal ones in the order of the dimensions. */
static void insert(axes *list, const axis *new) {
    int32_t at = list->count++;
    for (; at > 0 && list->at[at - 1].stride[X] < new->stride[X]; at--) list->at[at] = list->at[at - 1];
    list->at[at] = *new;
}

static bool continues(const axis *outer, const axis *inner) {
    for (int32_t a = 0; a < ARRAYS; a++)
        if (outer->stride[a] != inner->stride[a] * inner->n) return false;
    return true;
}

static void merge(axes *list) {
    int32_t last = 0;
    for (int32_t i = 1; i < list->count; i++) {
        axis *outer = &list->at[last], *inner = &list->at[i];
        if (continues(outer, inner)) {
            inner->n *= outer->n;
            *outer = *inner;
        } else {
            list->at[++last] = *inner;
        }
    }
    if (list->count > 0) list->count = last + 1;
}

/* Takes the innermost axis out of the list; a list without one gives one of length 1. */
static axis innermost(axes *list) {
    return list->count > 0 ? list->at[--list->count] : (axis){.n = 1};
}

/* Kept and reduced axes of the arrays, without sizes of 1. */
static void sort_out(const wk_array *x, int64_t strides[ARRAYS][WK_MAX_DIMS], int64_t reduced, axes *kept, axes *gone) {
    kept->count = gone->count = 0;
    for (int32_t d = 0; d < x->ndim; d++) {
        const axis new = {x->dims[d], {strides[X][d], strides[Y][d], strides[B][d]}};
        if (new.n != 1) insert(reduced >> d & 1 ? gone : kept, &new);
    }
    merge(kept);
    merge(gone);
}

static void move(wk_fibres *f, const int64_t nbytes[ARRAYS], const axis *a, int64_t steps) {
    f->x = (const char *)f->x + steps * a->stride[X] * nbytes[X];
    f->y = (char *)f->y + steps * a->stride[Y] * nbytes[Y];
    if (f->b != NULL) f->b = (const char *)f->b + steps * a->stride[B] * nbytes[B];
}

/* Calls the kernel at every place of the outer axes, the reduced ones fastest: their later places add. */
static void run(wk_fibre_kernel *kernel, wk_fibres *f, const axes *kept, const axes *gone,
                const int64_t nbytes[ARRAYS]) {
    int64_t index[2 * WK_MAX_DIMS] = {0};
    const bool add = f->add;
    for (int32_t d = 0; d >= 0;) {
        bool begun = false;
        for (int32_t i = 0; i < gone->count; i++) begun |= index[kept->count + i] != 0;
        f->add = add || begun;
        kernel(f);
        for (d = kept->count + gone->count - 1; d >= 0; d--) {
            const axis *a = d < kept->count ? &kept->at[d] : &gone->at[d - kept->count];
            if (++index[d] < a->n) {
                move(f, nbytes, a, 1);
                break;
            }
            move(f, nbytes, a, 1 - a->n);
            index[d] = 0;
        }
    }
}

void wk__fibres(wk_fibre_kernel *kernel, const wk_array *y, const wk_array *x, const wk_array *b, int64_t reduced,
                double s, bool add) {
    wk_fibres f = {.y = y->data, .x = x->data, .b = b != NULL ? b->data : NULL, .s = s, .add = add};
    const int64_t nbytes[ARRAYS] = {wk__dtype_nbytes[x->dtype], wk__dtype_nbytes[y->dtype],
                                    b != NULL ? wk__dtype_nbytes[b->dtype] : 0};
    int64_t strides[ARRAYS][WK_MAX_DIMS] = {{0}};
    axes kept, gone;
    if (y->numel == 0) return;
    align(x, x, reduced, strides[X]);
    align(y, x, reduced, strides[Y]);
    if (b != NULL) align(b, x, reduced, strides[B]);
    sort_out(x, strides, reduced, &kept, &gone);
    const axis across = innermost(&kept), along = innermost(&gone);
    f.count = across.n, f.x_next = across.stride[X], f.y_next = across.stride[Y], f.b_next = across.stride[B];
    f.n = along.n, f.x_along = along.stride[X], f.y_along = along.stride[Y], f.b_along = along.stride[B];
    if (x->numel == 0) gone.count = 0, f.n = 0; /* fibres of nothing */
    run(kernel, &f, &kept, &gone, nbytes);
}

void wk__fold(const wk_call *c, wk_fibre_kernel *kernel) {
    const wk_reduction *r = c->attrs;
    wk__fibres(kernel, &c->out[0]->a, &c->in[0]->a, NULL, r->reduced, r->s, false);
}

/* ---------------------------------------------------------------------------------------------------- gradients --- */

wk_tensor *wk__kept(const wk_backprop *b, wk_tensor *t) {
    const wk_reduction *r = b->node->attrs;
    wk_array x = {0};
    int64_t kept[WK_MAX_DIMS];
    const int64_t *dims = wk__edge_dims(&b->node->in[0], &x.ndim);
    for (int32_t d = 0; d < x.ndim; d++) x.dims[d] = dims[d];
    return wk_reshape(t, dims_left(&x, r->reduced, true, kept), kept);
}

wk_tensor *wk__spread(const wk_backprop *b, wk_tensor *t) {
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[0], &ndim);
    return wk_expand(wk__kept(b, t), ndim, dims);
}

wk_tensor *wk__reduce_dims(const wk_op *op, wk_tensor *x, int32_t ndim, const int64_t *dims, wk_reduction attrs) {
    return wk__dims_attr_set(&attrs.dims, ndim, dims, op->name) ? wk__apply1(op, x, &attrs) : NULL;
}

wk_array wk__stretched(const wk_backprop *b, const wk_array *t, const wk_array *gx) {
    const wk_reduction *r = b->node->attrs;
    wk_array wide = *gx;
    wide.data = t->data;
    wide.dtype = t->dtype;
    align(t, gx, r->reduced, wide.strides);
    return wide;
}
