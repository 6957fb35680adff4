/* conv_images.c -- convolutions and their gradients by kernels, one image after another: its columns are made forward,
 * and again on the way back, so that they stay in the cache and nothing of their size is kept. */
#include "op/conv_images.h"

#include "op/elementwise.h"
#include "op/matrix.h"
#include "op/packed.h"

enum { X, W, B };

/* What a run works with: x (N,C,S..), w (O, C/G K) and y or its gradient (N,O,L), without gaps. */
typedef struct conv_run {
    wk_ctx *ctx;
    wk_geometry g; /* of one image */
    wk_dtype dtype;
    int64_t N, O, groups, rows, L; /* rows of columns in a group */
    bool is_product;               /* x itself is the columns: windows of one place, side by side */
    const char *x, *w;
    char *columns; /* of one image (G, C/G K, L); NULL where x is */
} conv_run;

/* How many images x has. */
static int64_t images_of(const wk_array *x, int32_t n) { return x->ndim == n + 2 ? x->dims[0] : 1; }

static int64_t nbytes_of(const conv_run *r, int64_t elements) { return elements * wk__dtype_nbytes[r->dtype]; }

static conv_run run_of(wk_ctx *ctx, const wk_array *x, const wk_array *w, const wk_window *window, int64_t groups) {
    const int64_t channels = x->dims[x->ndim - window->n - 1], K = wk__product(window->n, window->size);
    conv_run r = {.ctx = ctx,
                  .g = wk__geometry_of(window, channels, x),
                  .dtype = x->dtype,
                  .N = images_of(x, window->n),
                  .O = w->dims[0],
                  .groups = groups,
                  .rows = channels / groups * K,
                  .L = wk__product(window->n, window->count),
                  .is_product = K == 1};
    for (int32_t i = 0; i < window->n; i++)
        if (window->stride[i] != 1 || window->padding[i] != 0) r.is_product = false;
    return r;
}

/* Room for the columns of an image, held by the caller; NULL where none is needed. False when memory is out. */
static bool make_columns(conv_run *r, const wk_op *op, wk_tensor **room) {
    const wk_array like = {.ndim = 2, .dims = {r->groups * r->rows, r->L}};
    *room = NULL;
    if (r->is_product) return true;
    *room = wk__temporary(r->ctx, op, r->dtype, &like);
    r->columns = *room != NULL ? (*room)->a.data : NULL;
    return *room != NULL;
}

/* Group g of an array of matrices (rows,cols), those of an image one after another. */
static wk_mat group_of(const conv_run *r, const void *data, int64_t g, int64_t rows, int64_t cols) {
    return (wk_mat){(char *)(uintptr_t)data + nbytes_of(r, g * rows * cols), r->dtype, rows, cols, cols, 1};
}

static const char *image_of(const conv_run *r, const void *x, int64_t n) {
    const int64_t *size = r->g.size;
    return (const char *)x + nbytes_of(r, n * r->g.planes * size[0] * size[1] * size[2]);
}

/* The columns of image n. */
static const void *columns_of_image(const conv_run *r, int64_t n) {
    const char *x = image_of(r, r->x, n);
    if (r->is_product) return x;
    wk__kernels->columns[r->dtype](&(wk_windows){r->g, x, r->columns, NULL});
    return r->columns;
}

static void run_forward(const conv_run *r, const wk_array *b, char *y) {
    for (int64_t n = 0; n < r->N; n++, y += nbytes_of(r, r->O * r->L)) {
        const void *columns = columns_of_image(r, n);
        if (b != NULL)
            wk__kernels->spread[r->dtype](&(wk_fibres){
                .count = r->O, .n = r->L, .y = y, .y_next = r->L, .y_along = 1, .x = b->data, .x_next = b->strides[0]});
        for (int64_t g = 0; g < r->groups; g++) {
            const wk_mat w = group_of(r, r->w, g, r->O / r->groups, r->rows);
            const wk_mat x = group_of(r, columns, g, r->rows, r->L), to = group_of(r, y, g, r->O / r->groups, r->L);
            wk__gemm(r->ctx, &w, &x, &to, b != NULL);
        }
    }
}

static bool is_contiguous(const wk_array *x, int32_t i) { return (void)i, wk__array_is_contiguous(x); }

void wk__conv_images(wk_call *c, const wk_window *window, int64_t groups) {
    const wk_array *x = &c->in[X]->a, *w = &c->in[W]->a;
    wk_packed packs[2];
    wk_tensor *room = NULL;
    if (c->out[0]->a.numel == 0) return;
    conv_run r = run_of(c->ctx, x, w, window, groups);
    const bool packed_x = wk__pack(c->ctx, x, is_contiguous(x, X), &packs[X]);
    const bool packed_w = wk__pack(c->ctx, w, is_contiguous(w, W), &packs[W]);
    r.x = wk__packed_data(&packs[X]), r.w = wk__packed_data(&packs[W]);
    if (!packed_x || !packed_w) wk__refuse_no_memory(c);
    else if (make_columns(&r, c->op, &room)) run_forward(&r, c->in[B] != NULL ? &c->in[B]->a : NULL, c->out[0]->a.data);
    wk__unref(room);
    wk__packed_end(&packs[X]);
    wk__packed_end(&packs[W]);
}

/* gw (+)= g columns^T, of image n. */
static void add_to_weights(const conv_run *r, int64_t n, const void *g, void *gw, bool add) {
    const void *columns = columns_of_image(r, n);
    for (int64_t i = 0; i < r->groups; i++) {
        const wk_mat gi = group_of(r, g, i, r->O / r->groups, r->L), x = group_of(r, columns, i, r->rows, r->L);
        const wk_mat xt = wk__transposed(&x), to = group_of(r, gw, i, r->O / r->groups, r->rows);
        wk__gemm(r->ctx, &gi, &xt, &to, add);
    }
}

/* gx += w^T g, back from columns to where they came from, of image n; of a product it may be set, too. */
static void add_to_image(const conv_run *r, int64_t n, const void *g, void *gx, bool add) {
    void *image = (void *)(uintptr_t)image_of(r, gx, n), *columns = r->is_product ? image : r->columns;
    for (int64_t i = 0; i < r->groups; i++) {
        const wk_mat w = group_of(r, r->w, i, r->O / r->groups, r->rows), wt = wk__transposed(&w);
        const wk_mat gi = group_of(r, g, i, r->O / r->groups, r->L), to = group_of(r, columns, i, r->rows, r->L);
        wk__gemm(r->ctx, &wt, &gi, &to, add && r->is_product);
    }
    if (!r->is_product) wk__kernels->columns_add[r->dtype](&(wk_windows_back){r->g, image, columns, NULL});
}

static void run_backward(const conv_run *r, const wk_array *g, wk_packed_slot *t) {
    void *gx = wk__packed_slot_data(&t[X]), *gw = wk__packed_slot_data(&t[W]);
    const bool add_x = wk__packed_slot_add(&t[X]), add_w = wk__packed_slot_add(&t[W]);
    if (gx != NULL && !add_x && (!r->is_product || r->O == 0)) wk__zero(wk__packed_slot_array(&t[X]));
    if (gw != NULL && !add_w && r->N == 0) wk__zero(wk__packed_slot_array(&t[W]));
    for (int64_t n = 0; n < r->N; n++) {
        const char *gn = (const char *)g->data + nbytes_of(r, n * r->O * r->L);
        if (gw != NULL) add_to_weights(r, n, gn, gw, add_w || n > 0);
        if (gx != NULL) add_to_image(r, n, gn, gx, add_x);
    }
}

/* gb (O) (+)= the sum of g (N,O,L) over all but O. */
static void add_to_bias(const conv_run *r, const wk_array *g, const wk_packed_slot *t) {
    const wk_array *slot = wk__packed_slot_array(t);
    wk_array to = *slot, from = *g;
    to.ndim = 2, to.dims[1] = 1, to.strides[1] = 0;
    from.ndim = 3;
    from.dims[0] = r->N, from.dims[1] = r->O, from.dims[2] = r->L;
    from.strides[0] = r->O * r->L, from.strides[1] = r->L, from.strides[2] = 1;
    wk__sum_to(&to, &from, wk__packed_slot_add(t));
}

void wk__conv_images_backward(wk_backprop *b, const wk_window *window, int64_t groups) {
    const wk_array *x = wk__saved_in(b, X), *w = wk__saved_in(b, W), *g = &b->gy[0]->a;
    conv_run r = run_of(b->ctx, x, w, window, groups);
    wk_packed packs[2];
    wk_packed_slot t[3];
    wk_tensor *room = NULL;
    int32_t begun = 0;
    bool fine = wk__pack(b->ctx, x, is_contiguous(x, X), &packs[X]);
    fine &= wk__pack(b->ctx, w, is_contiguous(w, W), &packs[W]);
    if (!fine) wk__out_of_memory(b->ctx, b->node->op->name);
    r.x = wk__packed_data(&packs[X]), r.w = wk__packed_data(&packs[W]);
    while (fine && begun < b->node->in_count) fine = wk__packed_slot_begin(b, begun, t, is_contiguous), begun++;
    fine = fine && make_columns(&r, b->node->op, &room);
    if (fine) run_backward(&r, g, t);
    if (fine && wk__packed_slot_data(&t[B]) != NULL) add_to_bias(&r, g, &t[B]);
    for (int32_t i = 0; i < begun; i++) wk__packed_slot_end(&t[i]);
    wk__unref(room);
    wk__packed_end(&packs[X]);
    wk__packed_end(&packs[W]);
}
