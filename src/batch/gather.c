/* gather.c -- tensors of one shape, wherever they are, one below the other:
 *
 *     y[dest + i] = source[row + i]   for i < count, of each piece (source, row, count, dest);    gsource[row + i] += g
 *
 * A source is a result of a batch, of which rows are taken, or a single tensor, which is a row. The pieces are an
 * input, i64 (pieces,4), in the order of their sources, so that the gradient asks for each slot once. */
#include "batch/batch.h"

#include "grad/apply.h"
#include "op/elementwise.h"
#include "op/rows.h"
#include "op/view.h"

typedef struct piece {
    int64_t source, row, count, dest;
} piece;

enum { PIECES, FIRST_SOURCE };

static const piece *pieces_of(const wk_array *places) { return places->data; }

/* ------------------------------------------------------------------------------------------------ moving pieces --- */

/* What pieces are taken from or put into: rows, or a single tensor, which is its own row. */
typedef struct rows {
    const wk_array *a;
    char *data;
    int64_t apart; /* bytes from a row to the next */
    bool single;
    bool is_plain; /* each row lies in one piece */
} rows;

/* Do the elements from dimension d on lie in one piece? */
static bool is_plain_from(const wk_array *a, int32_t d) {
    int64_t expected = 1;
    for (int32_t i = a->ndim - 1; i >= d; i--) {
        if (a->dims[i] != 1 && a->strides[i] != expected) return false;
        expected *= a->dims[i];
    }
    return true;
}

static rows rows_of(const wk_array *a, bool single) {
    const int64_t elements = single ? a->numel : a->strides[0];
    return (rows){a, a->data, elements * wk__dtype_nbytes[a->dtype], single, is_plain_from(a, single ? 0 : 1)};
}

/* `count` rows from `row` on. */
static void part_of(const rows *r, int64_t row, int64_t count, wk_array *part) {
    if (!r->single) {
        wk__array_narrow(r->a, 0, row, count, 1, part);
        return;
    }
    part->data = r->a->data;
    part->numel = r->a->numel;
    part->dtype = r->a->dtype;
    part->ndim = r->a->ndim + 1;
    part->dims[0] = 1, part->strides[0] = r->a->numel;
    for (int32_t d = 0; d < r->a->ndim; d++) part->dims[d + 1] = r->a->dims[d], part->strides[d + 1] = r->a->strides[d];
}

/* How rows are moved: they are set, or added to. */
typedef struct mover {
    wk_unary_loop *kernel;
    int64_t numel, nbytes; /* of a row */
    bool adds;
} mover;

/* Of rows like those of a. */
static mover mover_of(const wk_array *a, bool adds) {
    const int64_t numel = a->numel / a->dims[0];
    wk_unary_loop *kernel = (adds ? wk__kernels->accumulate : wk__kernels->copy)[a->dtype];
    return (mover){kernel, numel, numel * wk__dtype_nbytes[a->dtype], adds};
}

static void move_strided(const mover *m, const rows *y, int64_t to, const rows *x, int64_t from, int64_t count) {
    wk_array source, place;
    part_of(y, to, count, &place);
    part_of(x, from, count, &source);
    wk__set_or_add(&place, &source, m->adds);
}

/* `count` rows of x to those of y. Most pieces are a single row. */
static inline void move(const mover *m, const rows *y, int64_t to, const rows *x, int64_t from, int64_t count) {
    if (!y->is_plain || !x->is_plain) {
        move_strided(m, y, to, x, from, count);
        return;
    }
    const bool in_one = count == 1 || (y->apart == m->nbytes && x->apart == m->nbytes);
    const int64_t pieces = in_one ? 1 : count, numel = in_one ? count * m->numel : m->numel;
    for (int64_t i = 0; i < pieces; i++)
        m->kernel(numel, y->data + (to + i) * y->apart, 1, x->data + (from + i) * x->apart, 1);
}

static void forward(wk_call *c) {
    const wk_array *places = &c->in[PIECES]->a, *y = &c->out[0]->a;
    const piece *p = pieces_of(places);
    const rows to = rows_of(y, false);
    const mover m = mover_of(y, false);
    rows from = to;
    for (int64_t i = 0; i < places->dims[0]; i++) {
        const wk_array *x = &c->in[FIRST_SOURCE + p[i].source]->a;
        if (i == 0 || p[i].source != p[i - 1].source) from = rows_of(x, x->ndim < y->ndim);
        move(&m, &to, p[i].dest, &from, p[i].row, p[i].count);
    }
}

/* Has this source, a tensor, no history any more, and gets nothing but zeros? (NOTE [Idle gradients] in grad/idle.c) */
static bool ends_idle(const wk_backprop *b, int32_t input, const piece *p) {
    wk_array g;
    if (wk_likely(b->node->in[input].way.kind != WK__TO_CUT)) return false;
    wk__array_narrow(&b->gy[0]->a, 0, p->dest, p->count, 1, &g);
    return wk__is_zeros(&g);
}

/* Is p[0], the first piece of its source, all of it, and `left` the number of pieces from there on? */
static bool is_all(const piece *p, int64_t left, const rows *source) {
    const int64_t count = source->single ? 1 : source->a->dims[0];
    return p->count == count && (left == 1 || p[1].source != p[0].source);
}

static bool grad(wk_backprop *b) {
    const wk_array *places = wk__saved_in(b, PIECES), *g = &b->gy[0]->a;
    const piece *p = pieces_of(places);
    const rows from = rows_of(g, false);
    const mover set = mover_of(g, false), adds = mover_of(g, true);
    rows to = from;
    wk_array room;
    for (int64_t i = 0; i < places->dims[0]; i++) {
        const int32_t input = FIRST_SOURCE + (int32_t)p[i].source;
        bool add = true;
        if (!wk__wants(b, input) || ends_idle(b, input, &p[i])) continue;
        if (i == 0 || p[i].source != p[i - 1].source) {
            const wk_array *slot = wk__slot(b, input, &room, &add);
            if (slot == NULL) return true;
            to = rows_of(slot, slot->ndim < g->ndim);
            if (!add && !is_all(&p[i], places->dims[0] - i, &to)) add = true, wk__zero(slot);
        }
        move(add ? &adds : &set, &to, p[i].row, &from, p[i].dest, p[i].count);
    }
    return true;
}

/* The gradient of one source, whose pieces begin at p[0]: its rows' gradients, added where they came from. */
static wk_tensor *source_vjp(const wk_backprop *b, int32_t input, const piece *p, int64_t count) {
    int32_t ndim;
    wk_tensor *g = b->gy[0];
    const int64_t *dims = wk__edge_dims(&b->node->in[input], &ndim);
    wk_tensor *sum = NULL;
    for (int64_t i = 0; i < count; i++) {
        wk_tensor *part = wk_narrow(g, 0, p[i].dest, p[i].count);
        if (ndim < wk_ndim(g)) {
            part = wk_select(part, 0, 0);
        } else {
            wk_tensor *index = wk_arange((double)p[i].row, (double)(p[i].row + p[i].count), 1, WK_I64);
            part = wk_index_add(wk_zeros(ndim, dims, wk_dtype_of(g)), 0, index, part);
        }
        sum = sum != NULL ? wk_add(sum, part) : part;
    }
    return sum;
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_array *places = wk__saved_in(b, PIECES);
    const piece *p = pieces_of(places);
    for (int64_t i = 0, end; i < places->dims[0]; i = end) {
        const int32_t input = FIRST_SOURCE + (int32_t)p[i].source;
        for (end = i + 1; end < places->dims[0] && p[end].source == p[i].source;) end++;
        if (wk__wants(b, input)) gx[input] = source_vjp(b, input, &p[i], end - i);
    }
}

static bool shape(wk_call *c) { return wk__refuse(c, WK_EINVAL, "is declared by who calls it"); }

/* Not in ops.def: only batches call it, and only by the steps below. */
static const wk_op gather_op = {
    WK_INNER_ROW(batch_gather),
    .in_count = WK__ANY_NUMBER,
    .out_count = 1,
    .in_names = "places sources",
    .shape = shape,
    .forward = forward,
    .grad = grad,
    .vjp = vjp,
};

/* ----------------------------------------------------------------------------------------- finding the sources --- */

/* What is being gathered: its pieces and, in `sources`, who those are of. */
typedef struct gathering {
    wk_ctx *ctx;
    piece *pieces;       /* in order; neighbours joined */
    wk_tensor **sources; /* behind one place for the tensor of pieces */
    int64_t count, piece_count;
    int32_t source_count;
} gathering;

/* The number of a group's output among the sources. */
static int32_t number_of(gathering *p, wk_group *g, wk_tensor *source) {
    const int32_t number = g->place;
    if (number >= 0 && number < p->source_count && p->sources[number] == source) return number;
    p->sources[p->source_count] = source;
    return g->place = p->source_count++;
}

static void add_tensor(gathering *p, wk_tensor *source) {
    p->sources[p->source_count] = source;
    p->pieces[p->piece_count++] = (piece){p->source_count++, 0, 1, p->count++};
}

/* Rows of a group's result are a piece, or more of the last one. */
static void add_rows(gathering *p, wk_group *g, wk_tensor *source, int64_t row, int64_t count) {
    piece *last = p->piece_count > 0 ? &p->pieces[p->piece_count - 1] : NULL;
    if (last != NULL && p->sources[last->source] == source && last->row + last->count == row)
        last->count += count;
    else
        p->pieces[p->piece_count++] = (piece){number_of(p, g, source), row, count, p->count};
    p->count += count;
}

/* The outputs of `count` calls that follow one another, of which this is the first. */
static void add_calls(gathering *p, wk_source source, int32_t row, int32_t count) {
    if (wk__source_group(source) == NULL) {
        add_tensor(p, (wk_tensor *)source);
        return;
    }
    const wk_member m = wk__member_at(source, row);
    wk_tensor *result = m.group->result[m.output];
    if (m.group->alone)
        add_tensor(p, result);
    else if (m.group->order == NULL)
        add_rows(p, m.group, result, m.call, count);
    else
        for (int32_t i = 0; i < count; i++) add_rows(p, m.group, result, m.group->order->rows[m.call + i], 1);
}

/* In the order of the rows, where they have one of their own; such a column is one run, or ordered already. */
static void add_column(gathering *p, const wk_column *column, const wk_order *order) {
    const wk_run *runs = column->runs;
    if (order == NULL || column->is_ordered)
        for (int32_t r = 0; r < column->count; r++) add_calls(p, runs[r].source, runs[r].row, runs[r].count);
    else
        for (int32_t i = 0; i < runs->count; i++) add_calls(p, runs->source, runs->row + order->calls[i], 1);
}

/* The pieces in the order of their sources: a counting sort, with the next free place of each source in `next`. */
static void sort_pieces(const gathering *p, int64_t *next, piece *sorted) {
    for (int32_t s = 0; s <= p->source_count; s++) next[s] = 0;
    for (int64_t i = 0; i < p->piece_count; i++) next[p->pieces[i].source + 1]++;
    for (int32_t s = 0; s < p->source_count; s++) next[s + 1] += next[s];
    for (int64_t i = 0; i < p->piece_count; i++) sorted[next[p->pieces[i].source]++] = p->pieces[i];
}

/* The tensor of pieces; the innermost scope owns it. */
static wk_tensor *places_of(const gathering *p) {
    wk_tensor *places = wk_empty(WK_SHAPE(p->piece_count, 4), WK_I64);
    const int32_t size_class = wk__heap_class((size_t)(p->source_count + 1) * sizeof(int64_t));
    int64_t *next = places != NULL ? wk__heap_alloc(&p->ctx->heap, size_class) : NULL;
    if (next == NULL) return wk__out_of_memory(p->ctx, "batch"), NULL;
    sort_pieces(p, next, places->a.data);
    wk__heap_free(&p->ctx->heap, next, size_class);
    return places;
}

/* Runs the row on the sources; like is any operand. */
static wk_tensor *gather(gathering *p, const wk_array *like) {
    wk_tensor *places = places_of(p), **in = p->sources - 1;
    wk_call c = {
        .op = &gather_op, .ctx = p->ctx, .in = in, .in_count = p->source_count + 1, .reads = WK_READS_IN(PIECES)};
    int64_t dims[WK_MAX_DIMS] = {p->count};
    if (places == NULL) return NULL;
    in[PIECES] = places;
    for (int32_t d = 0; d < like->ndim; d++) dims[d + 1] = like->dims[d];
    for (int32_t i = 0; i < p->source_count; i++) c.needs_grad |= wk__needs_grad(p->sources[i]);
    if (!wk__declare(&c, 0, like->dtype, like->ndim + 1, dims)) return NULL;
    if (!wk__call_fill(&c) || !wk__call_record(&c)) return wk__call_abandon(&c);
    return wk__call_give(&c) ? c.out[0] : NULL;
}

/* What has been found to be one piece of a result needs no copy. */
static wk_tensor *gathered(gathering *p, const wk_array *like) {
    wk_tensor *y = p->piece_count == 1 && p->sources[0]->a.ndim > like->ndim ? p->sources[0] : NULL;
    if (y == NULL) return gather(p, like);
    return y->a.dims[0] == p->count ? y : wk_narrow(y, 0, p->pieces[0].row, p->count);
}

/* One run of a result in the order that is wanted needs no search. NULL: it is not that. */
static wk_tensor *one_run(const wk_run *run, const wk_order *order) {
    if (wk__source_group(run->source) == NULL) return NULL;
    const wk_member m = wk__member_at(run->source, run->row);
    const bool is_whole = run->count == m.group->count;
    if (m.group->alone || m.group->order != order || (order != NULL && !is_whole)) return NULL;
    wk_tensor *y = m.group->result[m.output];
    return is_whole ? y : wk_narrow(y, 0, m.call, run->count);
}

static wk_tensor *search(wk_ctx *ctx, int32_t count, const wk_column *columns, const wk_order *order) {
    size_t most = 0;
    for (int32_t i = 0; i < count; i++)
        for (int32_t r = 0; r < columns[i].count; r++) most += (size_t)columns[i].runs[r].count;
    const int32_t size_class = wk__heap_class(most * sizeof(piece) + (most + 1) * sizeof(wk_tensor *));
    piece *pieces = wk__heap_alloc(&ctx->heap, size_class);
    if (pieces == NULL) return wk__out_of_memory(ctx, "batch"), NULL;
    gathering p = {.ctx = ctx, .pieces = pieces, .sources = (wk_tensor **)(void *)(pieces + most) + 1};
    for (int32_t i = 0; i < count; i++) add_column(&p, &columns[i], order);
    wk_tensor *y = gathered(&p, wk__source_array(columns[0].runs[0].source));
    wk__heap_free(&ctx->heap, pieces, size_class);
    return y;
}

wk_tensor *wk__batch_gather(wk_ctx *ctx, int32_t count, const wk_column *columns, const wk_order *order) {
    const bool is_one = count == 1 && columns->count == 1;
    wk_tensor *y = is_one ? one_run(columns->runs, columns->is_ordered ? NULL : order) : NULL;
    return y != NULL || ctx->failure.status != WK_OK ? y : search(ctx, count, columns, order);
}

/* ------------------------------------------------------------------------------------------------------- a row --- */

static bool row_view(const void *attrs, const wk_array *x, wk_array *y) {
    wk__array_select(x, 0, *(const int64_t *)attrs, y);
    return true;
}

static const wk_attr_field row_fields[] = {{"row", 'i', 0, 0}};

static bool row_shape(wk_call *c) { return wk__view_shape(c); }

/* select of dimension 0, of what a batch made. */
static const wk_op row_op = {
    WK_INNER_ROW(batch_row),       .in_count = 1,      .out_count = 1,   .in_names = "x",
    WK_ATTRS(int64_t, row_fields), .shape = row_shape, .view = row_view, WK_VIEW_GRADIENT,
};

bool wk__batch_record_row(wk_tensor *t, wk_tensor *y, int64_t place) {
    wk_call c = {
        .op = &row_op, .ctx = t->ctx, .in = &y, .in_count = 1, .attrs = &place, .needs_grad = true, .out = {t}};
    return wk__tape_record(&c) || wk__refuse_no_memory(&c);
}
