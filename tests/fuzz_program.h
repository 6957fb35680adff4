/* fuzz_program.h -- a random program: ops on random shapes and views, in nested scopes that yield, list and drop what
 * they made. The same seed is the same program, on whatever numbers, of either type, with or without scopes. */
#ifndef WK_TESTS_FUZZ_PROGRAM_H
#define WK_TESTS_FUZZ_PROGRAM_H

#include <string.h>

#include "splitmix.h"
#include "wick.h"

enum { LEAVES = 7, MAX_LEAF = 12, MAX_LIVE = 24, MAX_NUMEL = 64, MAX_DEPTH = 4 };

/* Every decision comes from next_word, never from a value, so that a program can be run again with other numbers. */
typedef struct machine {
    uint64_t random;
    wk_dtype dtype;
    bool scoped;    /* nested scopes, drops; else everything is made in one scope */
    bool reads;     /* looks at elements now and then, and makes some things without recording */
    bool detaches;  /* may detach: then differences tell another gradient */
    bool copies;    /* writes no tensor where it stands, as what a batch has computed cannot be */
    wk_tensor *(*more)(struct machine *); /* further operations, if not NULL: then what is refused is passed over */
    bool was_in_a_plan;                   /* and something was refused for that */
    int32_t live_count;
    wk_tensor *leaf[LEAVES], *live[MAX_LIVE]; /* live: what the program can still reach, the newest last */
    wk_tensor *buffer;                        /* of the outermost scope, written by all */
    wk_tensor *middle;                        /* some tensor that was computed on the way to the loss */
} machine;

/* n is 0 where a failure has left no sizes. */
static int64_t below(machine *m, int64_t n) { return (int64_t)(next_word(&m->random) % (uint64_t)(n > 0 ? n : 1)); }
static bool chance(machine *m, int percent) { return below(m, 100) < percent; }
static wk_tensor *pick(machine *m) { return m->live[below(m, m->live_count)]; }
static int32_t some_dim(machine *m, const wk_tensor *t) { return (int32_t)(below(m, 2 * wk_ndim(t)) - wk_ndim(t)); }

/* The newest tensor with so many dimensions; else a leaf that has them (all leaves stay reachable). */
static wk_tensor *pick_of(machine *m, int32_t ndim) {
    for (int tries = 0; tries < 8; tries++) {
        wk_tensor *t = pick(m);
        if (wk_ndim(t) == ndim) return t;
    }
    static const int of_ndim[] = {0, 1, 2, 4};
    return m->leaf[of_ndim[ndim]];
}

/* From -1 to 1, exact in f32, and made by rows, so that the step of a plan may do it. */
static wk_tensor *constant(machine *m, int32_t ndim, const int64_t *dims) {
    int64_t numel = 1;
    for (int32_t d = 0; d < ndim; d++) numel *= dims[d];
    const double first = (double)below(m, 257), step = (double)(1 + below(m, 256));
    wk_tensor *places = wk_add_scalar(wk_mul_scalar(wk_arange(0, (double)numel, 1, m->dtype), step), first);
    return wk_reshape(wk_add_scalar(wk_mul_scalar(wk_remainder_scalar(places, 257), 1.0 / 128), -1), ndim, dims);
}

/* ------------------------------------------------------------------------------------------ random operations --- */

static bool broadcasts(const wk_tensor *a, const wk_tensor *b) {
    int64_t numel = 1;
    for (int32_t d = 1; d <= wk_ndim(a) || d <= wk_ndim(b); d++) {
        const int64_t da = d <= wk_ndim(a) ? wk_dim(a, -d) : 1, db = d <= wk_ndim(b) ? wk_dim(b, -d) : 1;
        if (da != db && da != 1 && db != 1) return false;
        numel *= da == 1 ? db : da;
    }
    return numel <= MAX_NUMEL;
}

/* Some tensor of this shape from the pool, a new constant where none fits. So weights, too, get gradients by several
 * roads. */
static wk_tensor *fitting(machine *m, int32_t ndim, const int64_t *dims) {
    const int32_t start = (int32_t)below(m, m->live_count);
    for (int32_t i = 0; i < m->live_count; i++) {
        wk_tensor *t = m->live[(start + i) % m->live_count];
        if (wk_ndim(t) == ndim && memcmp(wk_dims(t), dims, (size_t)ndim * sizeof *dims) == 0) return t;
    }
    return constant(m, ndim, dims);
}

static wk_tensor *random_binary(machine *m) {
    wk_tensor *a = pick(m), *b = chance(m, 50) ? fitting(m, wk_ndim(a), wk_dims(a)) : pick(m);
    if (!broadcasts(a, b)) return NULL;
    switch (below(m, 3)) {
    case 0: return wk_add(a, b);
    case 1: return wk_sub(a, b);
    default: return wk_tanh(wk_mul(a, b));
    }
}

static wk_tensor *random_unary(machine *m) {
    wk_tensor *x = pick(m);
    switch (below(m, 6)) {
    case 0: return wk_neg(x);
    case 1: return wk_tanh(x);
    case 2: return wk_mul_scalar(x, 0.7);
    case 3: return wk_tanh(wk_sum(x));
    case 4: return wk_numel(x) > 0 ? wk_mean(x) : NULL;
    default: return m->detaches ? wk_detach(x) : NULL;
    }
}

/* x with every dimension stretched from 1, or new in front, or (back) summed to one with some sizes 1. */
static wk_tensor *random_stretch(machine *m) {
    wk_tensor *x = pick(m);
    int64_t dims[WK_MAX_DIMS], numel = 1;
    const bool back = chance(m, 50), front = !back && wk_ndim(x) < 4 && chance(m, 50);
    int32_t ndim = 0;
    if (front) dims[ndim++] = 1 + below(m, 3);
    for (int32_t d = 0; d < wk_ndim(x); d++) {
        const int64_t size = wk_dim(x, d);
        dims[ndim++] = back ? (chance(m, 50) ? 1 : size) : (size == 1 ? 1 + below(m, 3) : size);
    }
    for (int32_t d = 0; d < ndim; d++) numel *= dims[d];
    if (numel > MAX_NUMEL) return NULL;
    return back ? wk_tanh(wk_sum_to_size(x, ndim, dims)) : wk_expand(x, ndim, dims);
}

static wk_tensor *random_reshape(machine *m) {
    wk_tensor *x = pick(m);
    const int64_t numel = wk_numel(x);
    switch (below(m, 4)) {
    case 0: return wk_reshape(x, WK_SHAPE(-1));
    case 1: return numel > 0 ? wk_reshape(x, WK_SHAPE(1, numel)) : NULL;
    case 2: return numel % 2 == 0 ? wk_reshape(x, WK_SHAPE(numel / 2, 2)) : NULL;
    default: return numel % 3 == 0 && numel > 0 ? wk_reshape(x, WK_SHAPE(3, -1, 1)) : NULL;
    }
}

static wk_tensor *random_view(machine *m) {
    wk_tensor *x = pick(m);
    if (wk_ndim(x) == 0) return NULL;
    const int32_t dim = some_dim(m, x);
    const int64_t size = wk_dim(x, dim);
    switch (below(m, 5)) {
    case 0:
    case 1: return size > 0 ? wk_select(x, dim, below(m, 2 * size) - size) : NULL;
    case 2: return wk_transpose(x, dim, some_dim(m, x));
    case 3: return random_reshape(m);
    default: return random_stretch(m);
    }
}

/* A view that leaves elements out, or shows some of them twice. */
static wk_tensor *random_part(machine *m) {
    wk_tensor *x = pick(m);
    if (wk_ndim(x) == 0) return NULL;
    const int32_t dim = some_dim(m, x), other = some_dim(m, x);
    const int64_t size = wk_dim(x, dim), window = 1 + below(m, 3);
    switch (below(m, 4)) {
    case 0: return wk_slice(x, dim, below(m, 3), size, 1 + below(m, 2));
    case 1: return wk_narrow(x, dim, size / 2, size - size / 2);
    case 2: return (dim - other) % wk_ndim(x) != 0 ? wk_diagonal(x, below(m, 3) - 1, dim, other) : NULL;
    default: return window <= size && wk_ndim(x) < 4 ? wk_unfold(x, dim, window, 1 + below(m, 2)) : NULL;
    }
}

static wk_tensor *random_cat(machine *m) {
    wk_tensor *x = pick(m);
    if (wk_ndim(x) == 0 || wk_numel(x) > MAX_NUMEL / 4) return NULL;
    const int32_t dim = some_dim(m, x);
    wk_list *parts = wk_split(x, 2, dim);
    wk_list_push(parts, fitting(m, wk_ndim(x), wk_dims(x)));
    wk_list_push(parts, constant(m, wk_ndim(x), wk_dims(x)));
    wk_list_push(parts, x);
    return wk_cat(parts, dim);
}

static wk_tensor *random_product(machine *m) {
    wk_tensor *a = pick_of(m, 2);
    const int64_t inner = wk_dim(a, 1), columns = 1 + below(m, 4);
    wk_tensor *b = chance(m, 40) ? wk_transpose(a, 0, 1) : constant(m, WK_SHAPE(inner, columns));
    for (int tries = 0; tries < 4; tries++) {
        wk_tensor *other = pick_of(m, 2);
        if (wk_dim(other, 0) == inner) b = other;
    }
    return wk_tanh(wk_matmul(a, b));
}

static wk_tensor *random_linear(machine *m) {
    wk_tensor *x = pick(m);
    if (wk_ndim(x) == 0 || wk_numel(x) > 32) return NULL;
    const int64_t in = wk_dim(x, -1), out = 1 + below(m, 3);
    wk_tensor *w = fitting(m, WK_SHAPE(out, in)), *b = chance(m, 60) ? fitting(m, WK_SHAPE(out)) : NULL;
    return wk_tanh(wk_linear(x, w, b));
}

static wk_tensor *random_lengths(machine *m, const wk_tensor *x) {
    const double first = (double)below(m, 5), step = (double)(1 + below(m, 7)), rows = (double)wk_dim(x, 0);
    return wk_remainder_scalar(wk_arange(first, first + rows * step, step, WK_I64), (double)(wk_dim(x, 1) + 1));
}

static wk_tensor *random_recurrent(machine *m) {
    wk_tensor *x = pick_of(m, 3), *hn = NULL, *cn = NULL, *r;
    const int64_t n = wk_dim(x, 0), in = wk_dim(x, 2), hidden = 1 + below(m, 3), kind = below(m, 3);
    const int64_t rows = hidden * (kind == 0 ? 1 : kind == 1 ? 4 : 3);
    if (wk_numel(x) > 32) return NULL;
    wk_tensor *h0 = chance(m, 60) ? fitting(m, WK_SHAPE(1, n, hidden)) : NULL;
    wk_tensor *c0 = h0 != NULL && kind == 1 ? fitting(m, WK_SHAPE(1, n, hidden)) : NULL;
    wk_tensor *b_ih = chance(m, 60) ? fitting(m, WK_SHAPE(rows)) : NULL;
    wk_tensor *b_hh = b_ih != NULL ? fitting(m, WK_SHAPE(rows)) : NULL; /* often the same tensor */
    wk_tensor *w_ih = fitting(m, WK_SHAPE(rows, in)), *w_hh = fitting(m, WK_SHAPE(rows, hidden));
    wk_tensor *lengths = chance(m, 50) ? random_lengths(m, x) : NULL;
    const bool reverse = chance(m, 40);
    if (kind == 0)
        r = wk_rnn(x, lengths, h0, w_ih, w_hh, b_ih, b_hh, false, reverse, &hn); /* relu bends */
    else if (kind == 1)
        r = wk_lstm(x, lengths, h0, c0, w_ih, w_hh, b_ih, b_hh, reverse, &hn, &cn);
    else
        r = wk_gru(x, lengths, h0, w_ih, w_hh, b_ih, b_hh, reverse, &hn);
    if (cn != NULL && chance(m, 30)) return cn;
    return chance(m, 40) ? hn : r;
}

static wk_tensor *random_stack(machine *m) {
    wk_list *list = wk_list_new();
    wk_tensor *first = pick(m);
    const int64_t count = 1 + below(m, 3);
    if (wk_ndim(first) > 3 || wk_numel(first) * count > MAX_NUMEL) return NULL;
    for (int64_t i = 0; i < count; i++)
        wk_list_push(list, chance(m, 50) ? first : fitting(m, wk_ndim(first), wk_dims(first)));
    return wk_stack(list, (int32_t)(below(m, 2 * wk_ndim(first) + 2) - wk_ndim(first) - 1));
}

static wk_tensor *random_loss(machine *m) {
    wk_tensor *x = pick(m);
    return wk_numel(x) > 0 ? wk_tanh(wk_mse_loss(x, fitting(m, wk_ndim(x), wk_dims(x)))) : NULL;
}

/* A buffer written twice; what reads it between and after sees both. */
static wk_tensor *random_write(machine *m) {
    wk_tensor *x = pick(m), *row = pick(m);
    wk_tensor *y = wk_zeros(wk_ndim(x), wk_dims(x), m->dtype);
    wk_copy_(y, x);
    if (!broadcasts(row, y) || wk_ndim(row) > wk_ndim(y)) return y;
    for (int32_t d = 1; d <= wk_ndim(row); d++)
        if (wk_dim(row, -d) != 1 && wk_dim(row, -d) != wk_dim(y, -d)) return y;
    wk_tensor *between = wk_mul_scalar(y, 0.5);
    wk_copy_(y, row);
    return wk_add(between, y);
}

/* A sum hands one gradient to both its inputs; one of them gets more from what read it before. */
static wk_tensor *random_shared(machine *m) {
    wk_tensor *x = pick(m), *a = wk_tanh(x), *b = wk_neg(fitting(m, wk_ndim(x), wk_dims(x)));
    wk_tensor *before = chance(m, 50) ? wk_mul(a, a) : wk_sum(wk_tanh(wk_reshape(a, WK_SHAPE(-1))));
    return wk_tanh(wk_add(chance(m, 50) ? wk_add(a, b) : wk_add(b, a), before));
}

/* The buffer is written as a whole, and read by an op that does not need its value again. */
static wk_tensor *random_buffer_use(machine *m) {
    wk_tensor *x = pick(m);
    if (wk_ndim(x) <= 2 && broadcasts(x, m->buffer) && (wk_ndim(x) < 1 || wk_dim(x, -1) == 1 || wk_dim(x, -1) == 3) &&
        (wk_ndim(x) < 2 || wk_dim(x, 0) == 1 || wk_dim(x, 0) == 2))
        wk_copy_(m->buffer, x);
    return wk_mul_scalar(m->buffer, 0.9);
}

/* A row or a column of it is written, through a view, perhaps of a view. */
static wk_tensor *random_buffer_part(machine *m) {
    const int32_t dim = (int32_t)below(m, 2);
    wk_tensor *view = chance(m, 50) ? m->buffer : wk_transpose(wk_transpose(m->buffer, 0, 1), 0, 1);
    wk_tensor *part = wk_select(view, dim, below(m, wk_dim(view, dim)));
    if (part == NULL) return NULL;
    wk_copy_(part, chance(m, 70) ? fitting(m, 1, wk_dims(part)) : constant(m, 1, wk_dims(part)));
    return wk_mul_scalar(chance(m, 50) ? part : m->buffer, -1.1);
}

static wk_tensor *random_op(machine *m) {
    static wk_tensor *(*const kinds[])(machine *) = {
        random_binary, random_binary,     random_unary,       random_view,    random_view,  random_view,
        random_linear, random_recurrent,  random_stack,       random_product, random_write, random_loss,
        random_shared, random_buffer_use, random_buffer_part, random_part,    random_part,  random_cat,
    };
    if (m->more != NULL && chance(m, 60)) return m->more(m);
    return kinds[below(m, (int64_t)(sizeof kinds / sizeof *kinds))](m);
}

/* ------------------------------------------------------------------------------------------- random structure --- */

static void make_live(machine *m, wk_tensor *t) {
    if (t != NULL && wk_ndim(t) <= 4 && m->live_count < MAX_LIVE) m->live[m->live_count++] = t;
}

static void random_block(machine *m, int depth);

/* A block in a scope of its own: up to two of its tensors are handed up, one of them through a list of the outer
 * scope. */
static void inner_block(machine *m, int depth) {
    const int32_t before = m->live_count;
    wk_list *list = wk_list_new();
    wk_tensor *up[2] = {NULL, NULL};
    const wk_scope scope = m->scoped ? wk_scope_open() : 0;
    random_block(m, depth + 1);
    for (int k = 0; k < 2 && m->live_count > before; k++)
        up[k] = chance(m, 80) ? m->live[before + below(m, m->live_count - before)] : NULL;
    if (up[0] != NULL && m->scoped) wk_yield(up[0]);
    if (up[1] != NULL) wk_list_push(list, up[1]);
    wk_scope_close(scope);
    m->live_count = before;
    make_live(m, up[0]);
    make_live(m, wk_list_at(list, 0));
}

/* The newest is given back early; nothing but the tape may know it then. */
static void drop_newest(machine *m, int32_t before) {
    if (m->live_count <= before + 1) return;
    wk_tensor *t = m->live[--m->live_count];
    for (int32_t i = 0; i < m->live_count; i++)
        if (m->live[i] == t) return;
    if (m->scoped) wk_drop(t);
}

/* What a program does that goes by values: it looks at some, and it makes some that nobody will differentiate. */
static void look_around(machine *m) {
    if (chance(m, 15)) wk_data(pick(m));
    if (!chance(m, 10)) return;
    const bool enabled = wk_set_grad_enabled(false);
    make_live(m, random_op(m));
    wk_set_grad_enabled(enabled);
}

static void random_block(machine *m, int depth) {
    const int32_t before = m->live_count;
    const int64_t steps = 2 + below(m, 6);
    for (int64_t i = 0; i < steps && wk_ok(); i++) {
        if (depth < MAX_DEPTH && chance(m, 30)) inner_block(m, depth);
        else make_live(m, random_op(m));
        if (chance(m, 15)) drop_newest(m, before);
        if (m->reads) look_around(m);
        if (m->more != NULL) m->was_in_a_plan |= wk_check(NULL) == WK_ESTATE;
    }
}

static const struct { int32_t ndim; int64_t dims[3]; } shapes[LEAVES] = {
    {0, {0}}, {1, {3}}, {2, {2, 3}}, {2, {3, 2}}, {3, {2, 2, 3}}, {3, {1, 2, 1}}, {2, {0, 3}},
};

/* A number for each element of each leaf, leaf i from i * MAX_LEAF; behind them some for `middle`. */
enum { OF_LEAVES = LEAVES * MAX_LEAF, NUMBERS = OF_LEAVES + MAX_NUMEL };
typedef struct numbers { double of[NUMBERS]; } numbers;

static inline wk_tensor *leaf_of(int i, wk_dtype dtype, const numbers *values) {
    float narrow[MAX_LEAF];
    for (int k = 0; k < MAX_LEAF; k++) narrow[k] = (float)values->of[i * MAX_LEAF + k];
    const void *data = dtype == WK_F32 ? (const void *)narrow : values->of + i * MAX_LEAF;
    return wk_requires_grad_(wk_from_data(data, shapes[i].ndim, shapes[i].dims, dtype), true);
}

/* Runs the program of a seed on m's leaves; returns its loss, to which half of what it made leads. */
static inline wk_tensor *run_on_leaves(machine *m, uint64_t seed) {
    m->random = seed;
    m->detaches = seed % 4 == 0;
    for (int i = 0; i < LEAVES; i++) make_live(m, m->leaf[i]);
    m->buffer = wk_zeros(WK_SHAPE(2, 3), m->dtype);
    random_block(m, 0);
    wk_tensor *loss = m->middle = wk_mul(m->leaf[0], m->leaf[0]);
    for (int32_t i = 0; i < m->live_count; i++) {
        wk_tensor *t = m->live[i];
        if (i >= LEAVES && wk_requires_grad(t) && wk_numel(t) <= MAX_NUMEL) m->middle = t;
        if (wk_numel(t) > 0 && chance(m, 50)) loss = wk_add(loss, wk_mean(wk_tanh(t)));
    }
    return loss;
}

#endif
