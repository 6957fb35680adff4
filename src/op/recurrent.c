/* recurrent.c -- the walk forward of rnn, lstm and gru (NOTE [Recurrent rows]). */
#include "grad/apply.h"
#include "op/elementwise.h"
#include "op/recurrence.h"
#include "op/recurrent_noted.h"

/* --------------------------------------------------------------------------------------------------------- runs --- */

static void choose_stretch(wk_recurrence *run) {
    const wk_ragged *batch = &run->batch;
    run->most = run->is_chain ? batch->total : wk__recurrence_most(run->row, run->y);
    run->room = batch->total < run->most ? batch->total : run->most;
    if (run->room < batch->rows) run->room = batch->rows;
}

/* Field by field, since what is left out would be set to zero only to be set again. */
bool wk__recurrence_begin(wk_recurrence *run, wk_ctx *ctx, const wk_recurrent *row, const wk_recurrent_attrs *attrs,
                          const wk_array *const *arrays, const wk_array *y) {
    const wk_recurrent_inputs *at = wk__recurrent_inputs(row);
    const wk_array *x = arrays[at->x], *const *const weights = arrays + at->w_ih;
    run->row = row;
    run->ctx = ctx;
    run->dtype = y->dtype;
    run->I = x->dims[2];
    run->H = y->dims[2];
    run->y = y;
    run->x = x;
    run->lengths = arrays[at->lengths];
    run->h0 = arrays[at->h0];
    run->c0 = row->has_c ? arrays[at->c0] : NULL;
    run->w_ih = weights[0]; /* in their order */
    run->w_hh = weights[1];
    run->b_ih = weights[2];
    run->b_hh = weights[3];
    run->scratch_count = run->near_used = 0;
    if (!wk__ragged_begin(ctx, run->lengths, x->dims[0], x->dims[1], attrs->reverse, &run->batch)) return false;
    wk__ragged_places(&run->batch, 0, x, &run->at_x);
    wk__ragged_places(&run->batch, 1, y, &run->at_y);
    run->is_chain = run->batch.steps > 0 && wk__recurrence_is_chain(row, run->w_hh, y);
    choose_stretch(run);
    return true;
}

void wk__recurrence_end(wk_recurrence *run) {
    for (int32_t i = 0; i < run->scratch_count; i++) wk__unref(run->scratch[i]);
    wk__ragged_end(&run->batch);
}

/* Whole cache lines of any type. */
static int64_t whole_lines(int64_t elements) { return (elements + WK__LINE - 1) & -(int64_t)WK__LINE; }

void *wk__scratch_some(wk_recurrence *run, int64_t elements, bool *fine) {
    const int64_t nbytes = whole_lines(elements) * wk__dtype_nbytes[run->dtype];
    if (nbytes <= WK__NEAR_NBYTES - run->near_used && run->ctx->capture == NULL) {
        void *const at = run->near + run->near_used;
        run->near_used += (int32_t)nbytes;
        return at;
    }
    wk_tensor *t = wk__tensor_make(run->ctx, run->dtype, 1, &elements);
    if (t == NULL) return *fine = false, NULL;
    run->scratch[run->scratch_count++] = t;
    return t->a.data;
}

void wk__scratch_parts(wk_recurrence *run, const wk_scratch_part *parts, int32_t count, bool *fine) {
    int64_t elements = 0;
    for (int32_t i = 0; i < count; i++) elements += whole_lines(parts[i].elements);
    char *at = wk__scratch(run, elements, fine);
    for (int32_t i = 0; i < count; i++) {
        *parts[i].to = at != NULL && parts[i].elements > 0 ? at : NULL;
        if (at != NULL) at += whole_lines(parts[i].elements) * wk__dtype_nbytes[run->dtype];
    }
}

/* ------------------------------------------------------------------------------------------------------ forward --- */

/* What a run forward has in memory. */
typedef struct forward_run {
    wk_recurrence run;
    void *gates, *x, *h, *c, *c_kept, *bias, *recurrent, *work;
    wk_mat w_hh;        /* (H, G H) */
    bool has_all_gates; /* of every stretch, not only of the one at hand */
    bool runs_chain;    /* a single step is less work without */
    bool copies_h;      /* the states at the beginning are read from `h`, not where they lie */
} forward_run;

/* Laid out anew, so that rows of it are contiguous; a single row of the batch reads it as it is. */
static bool lays_out_weights(const wk_recurrence *r) { return r->batch.rows > 1 && r->batch.steps > 1; }

/* Is there a use for a copy of h0 but for the product of the first step? */
static bool copies_first_h(const forward_run *f) {
    const wk_recurrence *r = &f->run;
    return f->runs_chain || r->row->carries || r->batch.steps == 0 || r->batch.order != NULL ||
           (r->h0 != NULL && r->h0->strides[2] != 1);
}

/* The states, as they come and go: in the output that has the last ones, unless its rows have another order. */
static void *room_for_state(wk_recurrence *r, const wk_array *last, bool *fine) {
    return r->batch.order == NULL ? last->data : wk__scratch(r, r->batch.rows * r->H, fine);
}

/* Of an rnn, gates and states are alike; where their rows lie alike too, each state takes its gates' place. */
static bool gates_fit_output(const wk_recurrence *r) {
    int64_t apart;
    return r->row->columns == 1 && wk__ragged_is_even(&r->batch, &r->at_y, &apart) && apart == r->H &&
           r->batch.order == NULL;
}

int64_t wk__recurrent_kept_size(const wk_recurrent *row, int64_t total, int64_t H) {
    return total * (row->columns * H + (row->has_c ? H : 0));
}

/* Gates of all steps go to `kept`, if there will be a gradient that reads them, and if not, to the output; or to
 * scratch, where they stay for a stretch. call: the one to keep them, or NULL. */
static bool make_kept(forward_run *f, const wk_recurrent_use *use, wk_call *call) {
    const wk_recurrence *r = &f->run;
    const int64_t size = wk__recurrent_kept_size(r->row, r->batch.total, r->H);
    f->gates = use->kept;
    if (f->gates == NULL && call != NULL && r->row->keeps_gates && wk__call_records(call)) {
        call->kept = wk__tensor_make(r->ctx, r->dtype, 1, &size);
        if (call->kept == NULL) return false;
        f->gates = call->kept->a.data;
    }
    f->c_kept = NULL;
    if (f->gates != NULL && r->row->has_c)
        f->c_kept = (char *)f->gates + r->batch.total * r->row->columns * r->H * wk__dtype_nbytes[r->dtype];
    return true;
}

static bool make_room(forward_run *f, const wk_recurrent_use *use, wk_call *call) {
    wk_recurrence *r = &f->run;
    const int64_t H = r->H, width = r->row->columns * H;
    bool fine = true;
    const wk_scratch_part parts[] = {{&f->bias, width},
                                     {&f->recurrent, lays_out_weights(r) ? H * r->row->gates * H : 0},
                                     {&f->work, f->runs_chain ? wk__rnn_chain_work(H) : 0}};
    f->h = room_for_state(r, use->out[1], &fine);
    f->c = r->row->has_c ? room_for_state(r, use->out[2], &fine) : NULL;
    wk__scratch_parts(r, parts, 3, &fine);
    f->x = wk__scratch(r, wk__packed_x_size(r), &fine);
    if (!fine || !make_kept(f, use, call)) return false;
    if (f->gates == NULL && gates_fit_output(r)) f->gates = use->out[0]->data;
    f->has_all_gates = f->gates != NULL;
    if (f->gates == NULL) f->gates = wk__scratch(r, r->room * width, &fine);
    return fine;
}

/* bias = b_ih + b_hh, each in its columns. */
static void add_biases(const forward_run *f) {
    const wk_recurrence *r = &f->run;
    static const double zero = 0;
    const int64_t H = r->H, rows = r->row->gates * H, row_nbytes = H * wk__dtype_nbytes[r->dtype];
    const wk_array *ih = r->b_ih, *hh = r->b_hh;
    wk_unary_loop *copy = wk__kernels->copy[r->dtype];
    char *const to = f->bias;
    if (ih == NULL) {
        wk__kernels->fill[r->dtype](r->row->columns * H, to, 1, &zero);
    } else if (!r->row->is_turned) {
        wk__kernels->add[r->dtype](rows, to, 1, ih->data, ih->strides[0], hh->data, hh->strides[0]);
    } else { /* n of x alone, r and z of both, m of h alone */
        copy(H, to, 1, wk__array_at(ih, (rows - H) * ih->strides[0]), ih->strides[0]);
        copy(rows, to + row_nbytes, 1, hh->data, hh->strides[0]);
        wk__kernels->accumulate[r->dtype](rows - H, to + row_nbytes, 1, ih->data, ih->strides[0]);
    }
}

/* Columns of the gates of a stretch, from its packed row number `row` on. */
static wk_mat gates_of(const forward_run *f, const wk_stretch *s, int64_t row, int64_t n, int64_t to, int64_t cols) {
    return wk__gate_columns(&f->run, f->gates, f->has_all_gates ? s->first + row : row, n, to, cols);
}

/* gates = x W_ih^T, and 0 where nothing comes from x. */
static void project(const forward_run *f, const wk_stretch *s) {
    const wk_recurrence *r = &f->run;
    const int64_t H = r->H;
    wk_gate_part part[2];
    const int32_t parts = wk__gate_parts(r->row, H, s->rows == 1, part);
    const wk_mat x = wk__packed_x(r, s, f->x);
    for (int32_t k = 0; k < parts; k++) {
        const wk_mat w = wk__rows_from(r->w_ih, part[k].from, part[k].rows), w_t = wk__transposed(&w);
        const wk_mat to = gates_of(f, s, 0, s->rows, part[k].to, part[k].rows);
        wk__gemm(r->ctx, &x, &w_t, &to, false);
    }
    if (!r->row->is_turned) return;
    const wk_mat no_x = wk__rows_of(r, x.data, s->rows, 0, 0), no_w = wk__rows_of(r, r->w_ih->data, 0, H, H);
    const wk_mat m = gates_of(f, s, 0, s->rows, 3 * H, H);
    if (s->rows == 1) wk__kernels->copy[r->dtype](H, gates_of(f, s, 0, 1, 0, H).data, 1, m.data, 1);
    wk__gemm(r->ctx, &no_x, &no_w, &m, false); /* a product of no terms */
}

static void lay_out_weights(forward_run *f) {
    const wk_recurrence *r = &f->run;
    const int64_t G = r->row->gates * r->H;
    const wk_mat w = wk__matrix_of(r->w_hh);
    f->w_hh = wk__transposed(&w);
    if (!lays_out_weights(r) || r->w_hh->strides[1] != 1) return;
    wk__kernels->transpose[r->dtype](G, r->H, r->w_hh->data, r->w_hh->strides[0], f->recurrent);
    f->w_hh = wk__rows_of(r, f->recurrent, r->H, G, G);
}

static void run_chain(const forward_run *f) {
    const wk_recurrence *r = &f->run;
    wk__kernels->rnn_chain[r->dtype](&(wk_rnn_chain_args){
        .T = r->batch.steps,
        .H = r->H,
        .gates = f->gates,
        .bias = f->bias,
        .w_hh = r->w_hh->data,
        .h = f->h,
        .out = wk__first_row(&r->batch, &r->at_y),
        .out_t = r->at_y.step,
        .relu = r->row->is_relu,
        .from_zero = r->h0 == NULL,
        .work = f->work,
    });
}

/* The first n states before step s. */
static wk_mat states_before(const forward_run *f, int64_t s, int64_t n) {
    const wk_recurrence *r = &f->run;
    const bool in_place = s == 0 && r->h0 != NULL && !f->copies_h;
    return in_place ? wk__rows_of(r, r->h0->data, n, r->H, r->h0->strides[1]) : wk__rows_of(r, f->h, n, r->H, r->H);
}

static void run_steps(const forward_run *f, const wk_stretch *at) {
    const wk_recurrence *r = &f->run;
    const int64_t H = r->H, G = r->row->gates * H, nbytes = wk__dtype_nbytes[r->dtype];
    const int64_t from_h = r->row->is_turned ? H : 0, width = r->row->columns * H;
    wk_step_kernel *step = r->row->step(r->dtype);
    for (int64_t s = at->from, row = 0, n = at->alive; s < at->to; s++, row += n) {
        n = wk__ragged_alive(&r->batch, s, n);
        char *const gates = gates_of(f, at, row, n, 0, 0).data;
        const wk_mat h = states_before(f, s, n), to = wk__rows_of(r, gates + from_h * nbytes, n, G, width);
        if (s > 0 || r->h0 != NULL) wk__gemm(r->ctx, &h, &f->w_hh, &to, true);
        step(&(wk_step_args){
            .n = n,
            .H = H,
            .gates = gates,
            .bias = f->bias,
            .h = f->h,
            .c = f->c,
            .c_kept = f->c_kept != NULL ? (char *)f->c_kept + (at->first + row) * H * nbytes : NULL,
            .out = wk__places_in(&r->at_y, s),
            .out_row = r->at_y.row,
            .out_at = r->at_y.at,
        });
    }
}

static void run_stretches(forward_run *f) {
    const wk_recurrence *r = &f->run;
    if (!f->runs_chain) lay_out_weights(f);
    for (wk_stretch s = {0}; s.to < r->batch.steps;) {
        wk__stretch_after(&r->batch, r->most, &s);
        project(f, &s);
        if (f->runs_chain)
            run_chain(f);
        else
            run_steps(f, &s);
    }
}

static bool run_forward(forward_run *f, const wk_recurrent_use *use, wk_call *call) {
    wk_recurrence *r = &f->run;
    const bool has_c = use->row->has_c;
    if (!wk__recurrence_begin(r, use->ctx, use->row, &use->attrs, use->in, use->out[0])) return false;
    f->runs_chain = r->is_chain && r->batch.steps > 1;
    f->copies_h = copies_first_h(f);
    if (!make_room(f, use, call)) return false;
    add_biases(f);
    if (f->copies_h) wk__ragged_sort(&r->batch, r->h0, f->h, r->H, r->dtype);
    if (has_c) wk__ragged_sort(&r->batch, r->c0, f->c, r->H, r->dtype);
    run_stretches(f);
    if (r->batch.order == NULL) return true;
    wk__ragged_unsort(&r->batch, use->out[1], f->h, false);
    if (has_c) wk__ragged_unsort(&r->batch, use->out[2], f->c, false);
    wk__ragged_zero_ends(&r->batch, use->out[0]);
    return true;
}

static bool check_lengths(const wk_recurrent_use *use) {
    const wk_array *lengths = use->in[wk__recurrent_inputs(use->row)->lengths];
    const int64_t steps = use->out[0]->dims[1];
    for (int64_t i = 0; lengths != NULL && i < lengths->numel; i++) {
        const int64_t length = *(const int64_t *)wk__array_at(lengths, i * lengths->strides[0]);
        if (length < 0 || length > steps) {
            wk__fail(use->ctx, WK_EINVAL, use->op->name,
                     "lengths[%lld] is %lld and must be from 0 to %lld, the steps of x", (long long)i,
                     (long long)length, (long long)steps);
            return false;
        }
    }
    return true;
}

void wk__recurrent_run(const wk_recurrent_use *use, wk_call *call) {
    forward_run f;
    if (!check_lengths(use)) return;
    if (!run_forward(&f, use, call)) wk__out_of_memory(use->ctx, use->op->name);
    wk__recurrence_end(&f.run);
}

/* For a plan, which has to have room for rows of any length. False when memory is out, recorded. */
static bool keep_for_plan(wk_call *c, wk_recurrent_use *use) {
    const wk_array *y = &c->out[0]->a;
    const int64_t size = wk__recurrent_kept_size(use->row, y->dims[0] * y->dims[1], y->dims[2]);
    if (!use->row->keeps_gates || !wk__call_records(c)) return true;
    c->kept = wk__tensor_make(c->ctx, y->dtype, 1, &size);
    if (c->kept == NULL) return wk__refuse_no_memory(c);
    use->kept = c->kept->a.data;
    return true;
}

void wk__recurrent_forward(wk_call *c) {
    wk_recurrent_use use;
    use.ctx = c->ctx;
    use.op = c->op;
    use.row = wk__recurrent_of(c->op, c->attrs);
    use.attrs = *(const wk_recurrent_attrs *)c->attrs;
    use.kept = NULL;
    int32_t i = 0;
    for (; i < c->in_count; i++) use.in[i] = c->in[i] != NULL ? &c->in[i]->a : NULL;
    for (; i < WK__MAX_FIXED_INPUTS; i++) use.in[i] = NULL;
    for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) use.out[k] = k < c->op->out_count ? &c->out[k]->a : NULL;
    if (wk_likely(!wk__recurrent_is_noted(&use)))
        wk__recurrent_run(&use, c);
    else if (keep_for_plan(c, &use))
        wk__recurrent_note(&use);
}

wk_tensor *wk__recurrent_apply(const wk_op *op, wk_tensor *const *in, wk_recurrent_attrs attrs, wk_tensor **hn,
                               wk_tensor **cn) {
    wk_tensor *outs[WK__MAX_OUTPUTS] = {NULL};
    wk__apply(op, in, op->in_count, &attrs, outs);
    if (hn != NULL) *hn = outs[1];
    if (cn != NULL) *cn = outs[2];
    return outs[0];
}

int64_t wk__recurrent_steps(const wk_node *node) { return node->out[0].dims[1]; }
