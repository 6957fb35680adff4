/* indexing.c -- see indexing.h. */
#include "op/indexing.h"

#include "kernel/record.h"
#include "tensor/iterate.h"
#include "tensor/words.h"

/* A 0-d array has one element, which index 0 names. */
static void begin(const wk_array *x, int64_t dim, wk_pick *p) {
    p->step = x->ndim > 0 ? x->strides[dim] : 1;
    p->size = x->ndim > 0 ? x->dims[dim] : 1;
}

void wk__pick_each(const wk_array *x, int64_t dim, const wk_array *index, const wk_array *values, wk_pick *p) {
    begin(x, dim, p);
    p->size = 0;
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

/* What a plan does for a row with one index: it looks at the index in each run (NOTE [Capture] in base/capture.h).
 * words: n, y, its stride, x, its stride, index, step in bytes, size */
static int64_t picked_nbytes(const wk_word *w) {
    const int64_t index = *(const int64_t *)w[5].p;
    return (index < 0 ? index + w[7].i : index) * w[6].i;
}

static void call_read_whole(wk_any_function *f, const wk_word *w) {
    ((wk_unary_loop *)f)(w[0].i, w[1].p, w[2].i, (const char *)w[3].p + picked_nbytes(w), w[4].i);
}

static void call_write_whole(wk_any_function *f, const wk_word *w) {
    ((wk_unary_loop *)f)(w[0].i, (char *)w[1].p + picked_nbytes(w), w[2].i, w[3].p, w[4].i);
}

static const wk_signature read_whole = {"nwnrnrnn", call_read_whole, NULL};
static const wk_signature write_whole = {"nwnrnrnn", call_write_whole, NULL};

static bool note_whole(const wk_pick *p, const wk_signature *signature, wk_unary_loop *kernel, const char *name,
                       const wk_word *words) {
    const wk_noted noted = {
        .signature = signature, .function = (wk_any_function *)kernel, .name = name, .dtype = p->base.dtype};
    return wk__note(wk__ctx(), &noted, words);
}

/* The first words of a call for row r: from array x to array y of the walk. */
#define WHOLE_WORDS(p, r, y, x)                                                                                \
    (const wk_word[]) {                                                                                        \
        {.i = (r)->n}, {.p = (r)->data[y]}, {.i = (r)->stride[y]}, {.p = (r)->data[x]}, {.i = (r)->stride[x]}, \
            {.p = (r)->data[2]}, {.i = (p)->step * wk__dtype_nbytes[(p)->base.dtype]}, {.i = (p)->size},       \
    }

static void read_row(const wk_pick *p, const wk_rows *r) {
    const wk_dtype dtype = p->base.dtype;
    const int64_t *index = r->data[2];
    if (r->stride[2] != 0)
        wk__kernels->gather[dtype](r->n, r->data[0], r->stride[0], r->data[1], r->stride[1], index, r->stride[2],
                                   p->step, p->size);
    else if (!note_whole(p, &read_whole, wk__kernels_working()->copy[dtype], "copy", WHOLE_WORDS(p, r, 0, 1)))
        wk__kernels->copy[dtype](r->n, r->data[0], r->stride[0], moved(p, r->data[1], *index), r->stride[1]);
}

void wk__pick_read(const wk_pick *p) {
    const wk_array *const arrays[] = {&p->values, &p->base, &p->index};
    wk_rows r;
    for (bool more = wk__rows_begin(&r, 3, arrays); more; more = wk__rows_next(&r)) read_row(p, &r);
}

static void write_row(const wk_pick *p, const wk_rows *r, bool add) {
    const wk_kernels *table = wk__kernels;
    const wk_dtype dtype = p->base.dtype;
    const int64_t *index = r->data[2];
    if (r->stride[2] != 0) {
        (add ? table->scatter_add : table->scatter)[dtype](r->n, r->data[0], r->stride[0], r->data[1], r->stride[1],
                                                           index, r->stride[2], p->step, p->size);
        return;
    }
    const wk_kernels *working = wk__kernels_working();
    wk_unary_loop *whole = (add ? working->accumulate : working->copy)[dtype];
    if (!note_whole(p, &write_whole, whole, add ? "accumulate" : "copy", WHOLE_WORDS(p, r, 0, 1)))
        whole(r->n, moved(p, r->data[0], *index), r->stride[0], r->data[1], r->stride[1]);
}

/* The walk has the shape of the index, so that values may be stretched. */
void wk__pick_write(const wk_pick *p, bool add) {
    const wk_array *const arrays[] = {&p->base, &p->values, &p->index};
    wk_rows r;
    for (bool more = wk__rows_begin(&r, 3, arrays); more; more = wk__rows_next(&r)) write_row(p, &r, add);
}

/* ------------------------------------------------------------------------------------------------------- checks --- */

enum { CHECK_HEAD = 6 };

/* The first index of a row that is out of range, or NULL. */
static const int64_t *outside(int64_t n, const int64_t *index, int64_t stride, int64_t lowest, int64_t size) {
    if (stride == 1 && wk__all_inside(n, index, lowest, size)) return NULL;
    for (int64_t i = 0; i < n; i++)
        if (index[i * stride] < lowest || index[i * stride] >= size) return &index[i * stride];
    return NULL;
}

/* What is wrong with the first index that is, if one is. words: n, index, its stride, the row, dim, from_end, x; in a
 * plan it is looked for in each run, and of x there is but the shape */
static void call_check(wk_any_function *f, const wk_word *w) {
    wk_array x = {.ndim = 0};
    wk_shape_text text;
    (void)f;
    wk__array_of_words(w + CHECK_HEAD, &x);
    const int64_t dim = w[4].i, size = x.ndim > 0 ? x.dims[dim] : 1;
    const int64_t *wrong = outside(w[0].i, w[1].p, w[2].i, w[5].i != 0 ? -size : 0, size);
    if (wrong != NULL)
        wk__fail(wk__ctx(), WK_EINDEX, ((const wk_op *)w[3].p)->name,
                 "index %lld is out of range for dimension %d of %s", (long long)*wrong, (int)dim,
                 wk__shape_text(&text, x.ndim, x.dims));
}

static bool note_check(const wk_call *c, const wk_rows *r, const wk_array *x, int64_t dim, bool from_end) {
    static const wk_signature signature = {"nrngnn" WK__NOTED_SHAPE, call_check, NULL};
    const wk_noted noted = {.signature = &signature, .name = "check_indices", .dtype = WK_I64, .may_fail = true};
    wk_word words[CHECK_HEAD + WK__ARRAY_WORDS] = {{.i = r->n},         {.p = r->data[0]},
                                                   {.i = r->stride[0]}, {.p = (void *)(uintptr_t)c->op},
                                                   {.i = dim},          {.i = from_end}};
    wk_array shape = *x;
    shape.data = NULL;
    wk__words_of_array(words + CHECK_HEAD, &shape);
    return wk__note(c->ctx, &noted, words);
}

static bool refuse_index(wk_call *c, int64_t index, int64_t dim, const wk_tensor *x) {
    wk_shape_text text;
    return wk__refuse(c, WK_EINDEX, "index %lld is out of range for dimension %d of %s", (long long)index, (int)dim,
                      wk__dims_text(&text, x));
}

bool wk__check_indices(wk_call *c, const wk_array *index, const wk_tensor *x, int64_t dim, bool from_end) {
    const int64_t size = x->a.ndim > 0 ? x->a.dims[dim] : 1, lowest = from_end ? -size : 0;
    wk_rows r;
    for (bool more = wk__rows_begin(&r, 1, &index); more; more = wk__rows_next(&r)) {
        if (wk_unlikely(c->ctx->capture != NULL) && note_check(c, &r, &x->a, dim, from_end)) continue;
        const int64_t *wrong = outside(r.n, r.data[0], r.stride[0], lowest, size);
        if (wrong != NULL) return refuse_index(c, *wrong, dim, x);
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

/* ----------------------------------------------------------------------------------------------- piece by piece --- */

enum { PIECE = 1024 }; /* indices that are checked at a time */

/* `count` elements of a row from element i on. */
static wk_rows piece_of(const wk_rows *r, int64_t i, int64_t count) {
    wk_rows piece = *r;
    piece.n = count;
    for (int32_t a = 0; a < r->count; a++)
        piece.data[a] = (char *)r->data[a] + i * r->stride[a] * (int64_t)r->nbytes[a];
    return piece;
}

static bool move_piece(wk_call *c, const wk_pick *p, const wk_rows *r, int64_t dim, int32_t what) {
    const int64_t size = c->in[0]->a.ndim > 0 ? c->in[0]->a.dims[dim] : 1;
    const int64_t *wrong = outside(r->stride[2] != 0 ? r->n : 1, r->data[2], r->stride[2], 0, size);
    if (wrong != NULL) return refuse_index(c, *wrong, dim, c->in[0]);
    if (what == WK__PICK_READ)
        read_row(p, r);
    else
        write_row(p, r, what == WK__PICK_ADD);
    return true;
}

static bool move_row(wk_call *c, const wk_pick *p, const wk_rows *r, int64_t dim, int32_t what) {
    bool fine = true;
    if (r->n <= PIECE) return move_piece(c, p, r, dim, what);
    for (int64_t i = 0; fine && i < r->n; i += PIECE) {
        const wk_rows piece = piece_of(r, i, r->n - i < PIECE ? r->n - i : PIECE);
        fine = move_piece(c, p, &piece, dim, what);
    }
    return fine;
}

void wk__pick_checked(wk_call *c, const wk_pick *p, const wk_array *index, int64_t dim, int32_t what) {
    const wk_array *const arrays[] = {what == WK__PICK_READ ? &p->values : &p->base,
                                      what == WK__PICK_READ ? &p->base : &p->values, &p->index};
    wk_rows r;
    if (wk_unlikely(c->ctx->capture != NULL)) {
        if (!wk__check_indices(c, index, c->in[0], dim, false)) return;
        if (what == WK__PICK_READ)
            wk__pick_read(p);
        else
            wk__pick_write(p, what == WK__PICK_ADD);
        return;
    }
    bool more = wk__rows_begin(&r, 3, arrays);
    while (more) more = move_row(c, p, &r, dim, what) && wk__rows_next(&r);
}
