/* recurrent_compose.c -- rnn, lstm and gru out of small operations, for gradients of gradients
 * (NOTE [Differentiated twice] in recurrent_twice.c). The walk is that of NOTE [Recurrent rows]: packed rows, those
 * still alive in each step. */
#include "grad/scope.h"
#include "op/ragged.h"
#include "op/recurrent.h"

typedef struct composition {
    const wk_recurrent *row;
    wk_tensor *const *in;
    wk_recurrent_inputs at;
    wk_ragged batch;
    wk_tensor *places, *order, *inverse; /* i64: of packed rows in x (N T,I); sorted rows of the batch, and back */
} composition;

/* Numbers that say where rows go, where all are of T steps: by operations, which a plan records. */
static bool make_even_indices(composition *c, int64_t T) {
    const int64_t N = c->batch.rows, steps[] = {1};
    wk_tensor *of_steps = wk_reshape(wk_arange(0, (double)(N * T), 1, WK_I64), WK_SHAPE(N, T));
    if (c->batch.reverse) of_steps = wk_flip(of_steps, 1, steps);
    c->places = wk_reshape(wk_transpose(of_steps, 0, 1), WK_SHAPE(N * T));
    c->order = c->inverse = wk_arange(0, (double)N, 1, WK_I64);
    return wk_ok();
}

static bool make_indices(composition *c, wk_ctx *ctx, int64_t T) {
    const wk_ragged *b = &c->batch;
    c->places = wk_empty(WK_SHAPE(b->total), WK_I64);
    c->order = wk_empty(WK_SHAPE(b->rows), WK_I64);
    c->inverse = wk_empty(WK_SHAPE(b->rows), WK_I64);
    if (ctx->failure.status != WK_OK) return false;
    int64_t *place = wk_data_mut(c->places), *order = wk_data_mut(c->order), *inverse = wk_data_mut(c->inverse);
    wk__ragged_number_rows(b, T, place);
    for (int64_t i = 0; i < b->rows; i++) {
        order[i] = wk__ragged_row(b, i);
        inverse[order[i]] = i;
    }
    return true;
}

/* The state (N,H) at the beginning, sorted. */
static wk_tensor *first_state(const composition *c, int32_t i, int64_t H) {
    if (i >= 0 && c->in[i] != NULL) return wk_index_select(wk_select(c->in[i], 0, 0), 0, c->order);
    return wk_zeros(WK_SHAPE(c->batch.rows, H), wk_dtype_of(c->in[c->at.x]));
}

/* The rows that have come to their end after step s go to the lists of last states; the others go on. */
static wk_states part_with_ended(const composition *c, int64_t s, int64_t n, wk_states now, wk_list *hs, wk_list *cs) {
    const int64_t going_on = wk__ragged_alive(&c->batch, s + 1, n);
    if (going_on == n) return now;
    wk_list_push(hs, wk_narrow(now.h, 0, going_on, n - going_on));
    now.h = wk_narrow(now.h, 0, 0, going_on);
    if (!c->row->has_c) return now;
    wk_list_push(cs, wk_narrow(now.c, 0, going_on, n - going_on));
    now.c = wk_narrow(now.c, 0, 0, going_on);
    return now;
}

/* The shortest rows came to their end first. (1,N,H) in the order of the batch */
static wk_tensor *last_state(const composition *c, const wk_list *ended) {
    wk_list *sorted = wk_list_new();
    for (int64_t i = wk_list_length(ended) - 1; i >= 0; i--) wk_list_push(sorted, wk_list_at(ended, i));
    return wk_unsqueeze(wk_index_select(wk_cat(sorted, 0), 0, c->inverse), 0);
}

static void run(const composition *c, wk_tensor **out) {
    const wk_recurrent_inputs *at = &c->at;
    wk_tensor *const *in = c->in;
    const int64_t N = wk_dim(in[at->x], 0), T = wk_dim(in[at->x], 1), I = wk_dim(in[at->x], 2);
    const int64_t H = wk_dim(in[at->w_hh], 1);
    wk_tensor *packed = wk_index_select(wk_reshape(in[at->x], WK_SHAPE(N * T, I)), 0, c->places);
    wk_tensor *from_x = wk_linear(packed, in[at->w_ih], in[at->b_ih]);
    wk_states now = {first_state(c, at->h0, H), c->row->has_c ? first_state(c, at->c0, H) : NULL};
    wk_list *hs = wk_list_new(), *cs = wk_list_new(), *states = wk_list_new();
    int64_t n = N, first = 0;
    now = part_with_ended(c, -1, n, now, hs, cs); /* rows of no steps */
    for (int64_t s = 0; s < c->batch.steps; s++, first += n) {
        n = wk__ragged_alive(&c->batch, s, n);
        now = c->row->compose(wk_narrow(from_x, 0, first, n), wk_linear(now.h, in[at->w_hh], in[at->b_hh]), now);
        wk_list_push(states, now.h);
        now = part_with_ended(c, s, n, now, hs, cs);
    }
    wk_tensor *none = wk_zeros(WK_SHAPE(N * T, H), wk_dtype_of(in[at->x])), *y = none;
    if (wk_list_length(states) > 0) y = wk_index_add(none, 0, c->places, wk_cat(states, 0));
    out[0] = wk_reshape(y, WK_SHAPE(N, T, H));
    if (wk_list_length(hs) == 0) wk_list_push(hs, now.h), wk_list_push(cs, now.c != NULL ? now.c : now.h);
    out[1] = last_state(c, hs);
    if (c->row->has_c) out[2] = last_state(c, cs);
}

void wk__recurrent_compose(wk_call *call) {
    wk_ctx *ctx = call->ctx;
    const wk_recurrent *row = wk__recurrent_of(call->op, call->attrs);
    composition c = {.row = row, .in = call->in, .at = *wk__recurrent_inputs(row)};
    const wk_tensor *x = c.in[c.at.x], *lengths = c.in[c.at.lengths];
    const wk_array *a = lengths != NULL ? &lengths->a : NULL;
    const int64_t T = x->a.dims[1];
    if (!wk__ragged_begin(ctx, a, x->a.dims[0], T, ((const wk_recurrent_attrs *)call->attrs)->reverse, &c.batch))
        wk__out_of_memory(ctx, "a recurrent network in small operations");
    else if (lengths == NULL ? make_even_indices(&c, T) : make_indices(&c, ctx, T))
        run(&c, call->out);
    wk__ragged_end(&c.batch);
}

/* ------------------------------------------------------------------------------------------------------ batches --- */

/* x (B,N,T,I) -> (B N,T,I), lengths (B,N) -> (B N), states (B,1,N,H) -> (1,B N,H), and what comes out back. */
void wk__recurrent_batched(wk_call *c) {
    const wk_recurrent *r = wk__recurrent_of(c->op, c->attrs);
    const wk_recurrent_inputs *at = wk__recurrent_inputs(r);
    wk_tensor *const *in = c->in, **out = c->out, *all[WK__MAX_FIXED_INPUTS];
    const int64_t *dims = wk_dims(in[at->x]), count = dims[0], n = dims[1], t = dims[2], rows = count * n;
    const int64_t h = wk_dim(in[at->w_hh], 1);
    for (int32_t i = 0; i < at->count; i++) all[i] = in[i];
    all[at->x] = wk_reshape(in[at->x], WK_SHAPE(rows, t, dims[3]));
    if (in[at->lengths] != NULL) all[at->lengths] = wk_reshape(in[at->lengths], WK_SHAPE(rows));
    if (in[at->h0] != NULL) all[at->h0] = wk_reshape(in[at->h0], WK_SHAPE(1, rows, h));
    if (r->has_c && in[at->c0] != NULL) all[at->c0] = wk_reshape(in[at->c0], WK_SHAPE(1, rows, h));
    if (wk__apply(c->op, all, at->count, c->attrs, out) == NULL) return;
    out[0] = wk_reshape(out[0], WK_SHAPE(count, n, t, h));
    out[1] = wk_reshape(out[1], WK_SHAPE(count, 1, n, h));
    if (r->has_c) out[2] = wk_reshape(out[2], WK_SHAPE(count, 1, n, h));
}

/* -------------------------------------------------------------------------------------------------------- cells --- */

static const wk_op *on_sequences(const wk_op *cell) { return cell->variant; }
static const wk_recurrent *kind_of(const wk_op *cell) { return on_sequences(cell)->variant; }

void wk__cell(const wk_op *cell, wk_tensor *const *in, wk_tensor **out) {
    wk_call c = {.op = cell, .ctx = wk__ctx(), .in = in, .in_count = cell->in_count};
    if (c.ctx != NULL && wk_unlikely(c.ctx->watch & WK__WATCH_BATCH)) {
        wk__compose(cell, in, cell->in_count, NULL, out);
        return;
    }
    wk__cell_compose(&c);
    for (int32_t k = 0; k < cell->out_count; k++) out[k] = c.out[k];
}

/* The row on one step. c has the inputs x h [c] w_ih w_hh b_ih b_hh, of which x and the states are given apart. */
static wk_states one_step(const wk_call *c, wk_tensor *x, wk_states first) {
    const wk_op *op = on_sequences(c->op);
    const wk_recurrent_inputs *at = wk__recurrent_inputs(kind_of(c->op));
    wk_tensor *all[WK__MAX_FIXED_INPUTS] = {NULL};
    wk_states last = {NULL, NULL};
    all[at->x] = x;
    all[at->h0] = first.h;
    if (at->c0 >= 0) all[at->c0] = first.c;
    for (int32_t i = at->w_ih; i < at->count; i++) all[i] = c->in[i - 1]; /* there are no lengths */
    wk__recurrent_apply(op, all, (wk_recurrent_attrs){0}, &last.h, &last.c);
    return last;
}

void wk__cell_compose(wk_call *c) {
    const bool has_c = kind_of(c->op)->has_c;
    wk_tensor *const *in = c->in;
    const wk_states first = {in[1] != NULL ? wk_unsqueeze(in[1], 0) : NULL,
                             has_c && in[2] != NULL ? wk_unsqueeze(in[2], 0) : NULL};
    const wk_states last = one_step(c, wk_unsqueeze(in[0], 1), first);
    c->out[0] = wk_select(last.h, 0, 0);
    if (has_c) c->out[1] = wk_select(last.c, 0, 0);
}

/* x (B,N,I) and states (B,N,H): B N sequences. */
void wk__cell_batched(wk_call *c) {
    const bool has_c = kind_of(c->op)->has_c;
    wk_tensor *const *in = c->in;
    const int64_t *dims = wk_dims(in[0]), count = dims[0], n = dims[1], rows = count * n;
    const int64_t h = wk_dim(in[has_c ? 4 : 3], 1);
    const wk_states first = {in[1] != NULL ? wk_reshape(in[1], WK_SHAPE(1, rows, h)) : NULL,
                             has_c && in[2] != NULL ? wk_reshape(in[2], WK_SHAPE(1, rows, h)) : NULL};
    const wk_states last = one_step(c, wk_reshape(in[0], WK_SHAPE(rows, 1, dims[2])), first);
    c->out[0] = wk_reshape(last.h, WK_SHAPE(count, n, h));
    if (has_c) c->out[1] = wk_reshape(last.c, WK_SHAPE(count, n, h));
}

static bool is_of(const wk_tensor *t, wk_dtype dtype, int64_t rows, int64_t cols) {
    return t == NULL || (t->a.dtype == dtype && t->a.ndim == 2 && t->a.dims[0] == rows && t->a.dims[1] == cols);
}

static bool is_bias(const wk_tensor *t, wk_dtype dtype, int64_t n) {
    return t == NULL || (t->a.dtype == dtype && t->a.ndim == 1 && t->a.dims[0] == n);
}

/* The row on sequences checks. */
bool wk__cell_shape(wk_call *c) { return (void)c, true; }

/* What is not as it should be, or of several types, is for the row itself. */
bool wk__cell_outputs(wk_call *c) {
    const wk_recurrent *r = kind_of(c->op);
    wk_tensor *const *in = c->in, *const *w = in + (r->has_c ? 3 : 2);
    const wk_array *x = &in[0]->a, *w_hh = &w[1]->a;
    const wk_dtype dtype = x->dtype;
    if (x->ndim != 2 || w_hh->ndim != 2 || !wk__dtype_is_float[dtype]) return false;
    const int64_t n = x->dims[0], h = w_hh->dims[1], dims[] = {n, h};
    if (!is_of(w[0], dtype, r->gates * h, x->dims[1]) || !is_of(w[1], dtype, r->gates * h, h)) return false;
    if (!is_bias(w[2], dtype, r->gates * h) || !is_bias(w[3], dtype, r->gates * h)) return false;
    if ((w[2] == NULL) != (w[3] == NULL) || !is_of(in[1], dtype, n, h)) return false;
    if (r->has_c && ((in[1] == NULL) != (in[2] == NULL) || !is_of(in[2], dtype, n, h))) return false;
    return wk__declare(c, 0, dtype, 2, dims) && (!r->has_c || wk__declare(c, 1, dtype, 2, dims));
}
