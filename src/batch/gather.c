/* gather.c -- tensors of one shape, wherever they are, one below the other:
 *
 *     y[dest + i] = source[row + i]   for i < count, of each run (source, row, count, dest);     gsource[row + i] += g
 *
 * A source is a result of a batch, of which rows are taken, or a single tensor, which is a row. The runs are an input,
 * i64 (runs,4), in the order of their sources, so that the gradient asks for each slot once. */
#include "batch/batch.h"

#include "grad/apply.h"
#include "op/elementwise.h"
#include "op/rows.h"
#include "op/view.h"

typedef struct run {
    int64_t source, row, count, dest;
} run;

enum { RUNS, FIRST_SOURCE };

static const run *runs_of(const wk_array *places) { return places->data; }

/* `count` rows of a from `row` on; a single tensor is its own row. */
static void rows_at(const wk_array *a, bool single, int64_t row, int64_t count, wk_array *part) {
    if (!single) {
        wk__array_narrow(a, 0, row, count, 1, part);
        return;
    }
    part->data = a->data;
    part->numel = a->numel;
    part->dtype = a->dtype;
    part->ndim = a->ndim + 1;
    part->dims[0] = 1, part->strides[0] = a->numel;
    for (int32_t d = 0; d < a->ndim; d++) part->dims[d + 1] = a->dims[d], part->strides[d + 1] = a->strides[d];
}

static void forward(wk_call *c) {
    const wk_array *places = &c->in[RUNS]->a, *y = &c->out[0]->a;
    const run *runs = runs_of(places);
    wk_array from, to;
    for (int64_t i = 0; i < places->dims[0]; i++) {
        const wk_array *x = &c->in[FIRST_SOURCE + runs[i].source]->a;
        rows_at(x, x->ndim < y->ndim, runs[i].row, runs[i].count, &from);
        wk__array_narrow(y, 0, runs[i].dest, runs[i].count, 1, &to);
        wk__set_or_add(&to, &from, false);
    }
}

static bool grad(wk_backprop *b) {
    const wk_array *places = wk__saved_in(b, RUNS), *g = &b->gy[0]->a, *slot = NULL;
    const run *runs = runs_of(places);
    wk_array room, from, to;
    for (int64_t i = 0; i < places->dims[0]; i++) {
        const int32_t input = FIRST_SOURCE + (int32_t)runs[i].source;
        bool add;
        if (!wk__wants(b, input)) continue;
        if (i == 0 || runs[i].source != runs[i - 1].source) {
            if ((slot = wk__slot(b, input, &room, &add)) == NULL) return true;
            if (!add) wk__zero(slot);
        }
        rows_at(slot, slot->ndim < g->ndim, runs[i].row, runs[i].count, &to);
        wk__array_narrow(g, 0, runs[i].dest, runs[i].count, 1, &from);
        wk__set_or_add(&to, &from, true);
    }
    return true;
}

/* The gradient of one source, whose runs begin at runs[0]: its rows' gradients, added where they came from. */
static wk_tensor *source_vjp(const wk_backprop *b, int32_t input, const run *runs, int64_t count) {
    int32_t ndim;
    wk_tensor *g = b->gy[0];
    const int64_t *dims = wk__edge_dims(&b->node->in[input], &ndim);
    wk_tensor *sum = NULL;
    for (int64_t i = 0; i < count; i++) {
        wk_tensor *part = wk_narrow(g, 0, runs[i].dest, runs[i].count);
        if (ndim < wk_ndim(g)) {
            part = wk_select(part, 0, 0);
        } else {
            wk_tensor *index = wk_arange((double)runs[i].row, (double)(runs[i].row + runs[i].count), 1, WK_I64);
            part = wk_index_add(wk_zeros(ndim, dims, wk_dtype_of(g)), 0, index, part);
        }
        sum = sum != NULL ? wk_add(sum, part) : part;
    }
    return sum;
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_array *places = wk__saved_in(b, RUNS);
    const run *runs = runs_of(places);
    for (int64_t i = 0, end; i < places->dims[0]; i = end) {
        const int32_t input = FIRST_SOURCE + (int32_t)runs[i].source;
        for (end = i + 1; end < places->dims[0] && runs[end].source == runs[i].source;) end++;
        if (wk__wants(b, input)) gx[input] = source_vjp(b, input, &runs[i], end - i);
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

/* What is being gathered: for each of n items its run and, in `sources`, who that is of. */
typedef struct gathering {
    wk_ctx *ctx;
    int64_t count;
    run *runs;           /* in the order of the items; neighbours joined */
    wk_tensor **sources; /* behind one place for the runs */
    int64_t run_count;
    int32_t source_count;
} gathering;

/* Item x is another run, or the next row of the last one. */
static void add_item(gathering *p, wk_operand x, int64_t dest) {
    const wk_batch_entry *e = wk__operand_entry(x);
    const bool of_rows = e != NULL && !e->group->alone;
    wk_tensor *source = e != NULL ? e->group->result[wk__operand_output(x)] : (wk_tensor *)x;
    const int64_t row = of_rows ? e->place : 0;
    run *last = p->run_count > 0 ? &p->runs[p->run_count - 1] : NULL;
    const bool known = of_rows && e->group->source >= 0 && e->group->source < p->source_count &&
                       p->sources[e->group->source] == source;
    if (last != NULL && of_rows && p->sources[last->source] == source && last->row + last->count == row) {
        last->count++;
        return;
    }
    const int32_t number = known ? e->group->source : p->source_count;
    if (!known) p->sources[p->source_count++] = source;
    if (of_rows) e->group->source = number;
    p->runs[p->run_count++] = (run){number, row, 1, dest};
}

/* The runs in the order of their sources: a counting sort, with the next free place of each source in `next`. */
static void sort_runs(const gathering *p, int64_t *next, run *sorted) {
    for (int32_t s = 0; s <= p->source_count; s++) next[s] = 0;
    for (int64_t i = 0; i < p->run_count; i++) next[p->runs[i].source + 1]++;
    for (int32_t s = 0; s < p->source_count; s++) next[s + 1] += next[s];
    for (int64_t i = 0; i < p->run_count; i++) sorted[next[p->runs[i].source]++] = p->runs[i];
}

/* The tensor of places; the innermost scope owns it. */
static wk_tensor *places_of(const gathering *p) {
    wk_tensor *places = wk_empty(WK_SHAPE(p->run_count, 4), WK_I64);
    const int32_t size_class = wk__heap_class((size_t)(p->source_count + 1) * sizeof(int64_t));
    int64_t *next = places != NULL ? wk__heap_alloc(&p->ctx->heap, size_class) : NULL;
    if (next == NULL) return wk__fail(p->ctx, WK_ENOMEM, "batch", "out of memory"), NULL;
    sort_runs(p, next, places->a.data);
    wk__heap_free(&p->ctx->heap, next, size_class);
    return places;
}

/* Runs the row on the sources; like is any item. */
static wk_tensor *gather(gathering *p, const wk_array *like) {
    wk_tensor *places = places_of(p), **in = p->sources - 1;
    wk_call c = {
        .op = &gather_op, .ctx = p->ctx, .in = in, .in_count = p->source_count + 1, .reads = WK_READS_IN(RUNS)};
    int64_t dims[WK_MAX_DIMS] = {p->count};
    if (places == NULL) return NULL;
    in[RUNS] = places;
    for (int32_t d = 0; d < like->ndim; d++) dims[d + 1] = like->dims[d];
    for (int32_t i = 0; i < p->source_count; i++) c.needs_grad |= wk__needs_grad(p->sources[i]);
    if (!wk__declare(&c, 0, like->dtype, like->ndim + 1, dims)) return NULL;
    if (!wk__call_fill(&c) || !wk__call_record(&c)) return wk__call_abandon(&c);
    return wk__call_give(&c) ? c.out[0] : NULL;
}

wk_tensor *wk__batch_gather(wk_ctx *ctx, int64_t count, const wk_operand *items) {
    const wk_array *like = wk__operand_array(items[0]);
    const size_t run_nbytes = (size_t)count * sizeof(run),
                 nbytes = run_nbytes + (size_t)(count + 1) * sizeof(wk_tensor *);
    const int32_t size_class = wk__heap_class(nbytes);
    run *runs = wk__heap_alloc(&ctx->heap, size_class);
    if (runs == NULL) return wk__fail(ctx, WK_ENOMEM, "batch", "out of memory"), NULL;
    gathering p = {
        .ctx = ctx, .count = count, .runs = runs, .sources = (wk_tensor **)(void *)((char *)runs + run_nbytes) + 1};
    for (int64_t i = 0; i < count; i++) add_item(&p, items[i], i);
    wk_tensor *y = p.run_count == 1 && p.sources[0]->a.ndim > like->ndim ? p.sources[0] : NULL;
    if (y == NULL)
        y = gather(&p, like);
    else if (y->a.dims[0] != count)
        y = wk_narrow(y, 0, runs[0].row, count);
    wk__heap_free(&ctx->heap, runs, size_class);
    return y;
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
    return wk__tape_record(&c) || wk__refuse(&c, WK_ENOMEM, "out of memory");
}
