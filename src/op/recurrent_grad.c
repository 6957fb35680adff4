/* recurrent_grad.c -- the gradient of rnn, lstm and gru by kernels: back through time (NOTE [Recurrent rows]). */
#include "op/elementwise.h"
#include "op/packed.h"
#include "op/recurrence.h"
#include "op/recurrent_noted.h"

typedef struct backward_run {
    wk_recurrence run;
    const wk_recurrent_use *use;
    wk_packed_slot *slots;
    wk_recurrent_inputs at;
    wk_places at_gy, at_gx;
    const void *gates, *c_kept;     /* of the run forward */
    void *dgates, *before, *x, *gx; /* of a stretch; before: h_{t-1} of its rows, unless they lie so */
    void *dh, *dc, *c0, *dbias, *work;
    bool runs_chain; /* a single step, before which nobody looks, has nothing to chain */
} backward_run;

static bool wants(const backward_run *g, int32_t i) {
    return i >= 0 && (g->slots[i].slot != NULL || g->slots[i].collects != NULL);
}

static const wk_array *slot_of(const backward_run *g, int32_t i) { return wk__packed_slot_array(&g->slots[i]); }

/* Does this stretch add to the slot? */
static bool adds(const backward_run *g, const wk_stretch *s, int32_t i) {
    return s->to < g->run.batch.steps || wk__packed_slot_add(&g->slots[i]);
}

/* Strides are no matter here. */
static bool fine(const wk_array *x, int32_t i) { return (void)x, (void)i, true; }

/* -------------------------------------------------------------------------------------------------- preparing --- */

/* gx goes through a packed copy unless its rows lie evenly. */
static bool packs_gx(const backward_run *g) {
    int64_t apart;
    return wants(g, g->at.x) && !wk__ragged_is_even(&g->run.batch, &g->at_gx, &apart);
}

/* Of a single row of the batch, the states before the steps lie in the output as they are, but for h0. */
static bool copies_before(const backward_run *g, const wk_stretch *s) {
    return g->run.batch.rows > 1 || (g->run.h0 != NULL && s->from == 0);
}

static bool make_room(backward_run *g) {
    wk_recurrence *r = &g->run;
    const int64_t N = r->batch.rows, H = r->H, width = r->row->columns * H;
    const char *kept = g->use->kept;
    bool good = true;
    g->dgates = wk__scratch(r, r->room * width, &good);
    g->before = wk__scratch(r, copies_before(g, &(wk_stretch){0}) ? r->room * H : 0, &good);
    g->x = wk__scratch(r, wants(g, g->at.w_ih) ? wk__packed_x_size(r) : 0, &good);
    g->gx = wk__scratch(r, packs_gx(g) ? r->room * r->I : 0, &good);
    const wk_scratch_part parts[] = {{&g->dh, N * H},
                                     {&g->dc, r->row->has_c ? N * H : 0},
                                     {&g->c0, r->c0 != NULL ? N * H : 0},
                                     {&g->dbias, width},
                                     {&g->work, g->runs_chain ? wk__rnn_chain_grad_work(H) : 0}};
    wk__scratch_parts(r, parts, 5, &good);
    g->gates = kept;
    g->c_kept = kept != NULL && r->row->has_c ? kept + r->batch.total * width * wk__dtype_nbytes[r->dtype] : NULL;
    return good;
}

/* The gradients of the last states, and the cells at the beginning. */
static void fill_room(backward_run *g) {
    static const double zero = 0;
    const wk_recurrence *r = &g->run;
    wk__ragged_sort(&r->batch, g->use->gy[1], g->dh, r->H, r->dtype);
    if (r->row->has_c) wk__ragged_sort(&r->batch, g->use->gy[2], g->dc, r->H, r->dtype);
    if (r->c0 != NULL) wk__ragged_sort(&r->batch, r->c0, g->c0, r->H, r->dtype);
    wk__kernels->fill[r->dtype](r->row->columns * r->H, g->dbias, 1, &zero);
}

/* Rows of step 0, before which there is nothing. */
static int64_t rows_from_nothing(const backward_run *g, const wk_stretch *s) {
    return g->run.h0 == NULL && s->from == 0 && s->to > 0 ? wk__ragged_alive(&g->run.batch, 0, 0) : 0;
}

/* The states before the steps of a stretch, for its rows from number rows_from_nothing on. */
static wk_mat states_before(const backward_run *g, const wk_stretch *s) {
    const wk_recurrence *r = &g->run;
    const int64_t skipped = rows_from_nothing(g, s), rows = s->rows - skipped;
    if (!copies_before(g, s))
        return wk__even_rows(r, &r->at_y, rows > 0 ? s->first + skipped - 1 : 0, rows, r->at_y.step);
    if (s->from == 0) wk__ragged_sort(&r->batch, r->h0, g->before, r->H, r->dtype); /* and perhaps empty rows' */
    wk__ragged_pack(&r->batch, &r->at_y, s, true, g->before);
    return wk__rows_of(r, (const char *)g->before + skipped * r->H * wk__dtype_nbytes[r->dtype], rows, r->H, r->H);
}

/* ---------------------------------------------------------------------------------------------------- the steps --- */

static void run_chain(const backward_run *g) {
    const wk_recurrence *r = &g->run;
    wk__kernels->rnn_chain_grad[r->dtype](&(wk_rnn_chain_grad_args){
        .T = r->batch.steps,
        .H = r->H,
        .out = wk__first_row(&r->batch, &r->at_y),
        .gout = g->at_gy.base != NULL ? wk__first_row(&r->batch, &g->at_gy) : NULL,
        .w_hh = r->w_hh->data,
        .out_t = r->at_y.step,
        .gout_t = g->at_gy.step,
        .dh = g->dh,
        .dgates = g->dgates,
        .dbias = g->dbias,
        .relu = r->row->is_relu,
        .to_zero = !wants(g, g->at.h0),
        .work = g->work,
    });
}

/* Rows first .. of packed states. */
static const void *packed_c(const backward_run *g, int64_t first) {
    return g->c_kept != NULL ? (const char *)g->c_kept + first * g->run.H * wk__dtype_nbytes[g->run.dtype] : NULL;
}

/* `before` is states_before of the stretch. */
static void run_steps(const backward_run *g, const wk_stretch *at, const wk_mat *before) {
    const wk_recurrence *r = &g->run;
    const int64_t H = r->H, G = r->row->gates * H, skipped = rows_from_nothing(g, at);
    wk_step_grad_kernel *step = r->row->step_grad(r->dtype);
    const wk_mat w_hh = wk__matrix_of(r->w_hh);
    for (int64_t s = at->to - 1, end = at->rows, n = 0; s >= at->from; s--, end -= n) {
        n = wk__ragged_alive(&r->batch, s, n);
        const int64_t row = end - n, first = at->first + row;
        step(&(wk_step_grad_args){
            .n = n,
            .H = H,
            .gates = g->gates != NULL ? wk__gate_columns(r, g->gates, first, n, 0, 0).data : NULL,
            .h_before = row >= skipped ? wk__row_at(before, row - skipped) : NULL,
            .c_before = s > 0 ? packed_c(g, first - wk__ragged_alive(&r->batch, s - 1, n)) : g->c0,
            .c = packed_c(g, first),
            .out = wk__places_in(&r->at_y, s),
            .gout = wk__places_in(&g->at_gy, s),
            .out_row = r->at_y.row,
            .gout_row = g->at_gy.row,
            .out_at = r->at_y.at,
            .gout_at = g->at_gy.at,
            .dh = g->dh,
            .dc = g->dc,
            .dgates = wk__gate_columns(r, g->dgates, row, n, 0, 0).data,
            .dbias = g->dbias,
        });
        const wk_mat d = wk__gate_columns(r, g->dgates, row, n, r->row->is_turned ? H : 0, G);
        const wk_mat dh = wk__rows_of(r, g->dh, n, H, H);
        if (s > 0 || wants(g, g->at.h0)) wk__gemm(r->ctx, &d, &w_hh, &dh, r->row->carries);
    }
}

/* ------------------------------------------------------------------------------- all steps of a stretch at once --- */

/* Of a single row: is the gradient of this weight, d^T x, collected? */
static bool collects(const backward_run *g, int32_t i, const wk_mat *d, const wk_mat *x) {
    if (g->slots[i].collects == NULL) return false;
    return d->rows == 0 || wk__packed_slot_collect(g->slots, i, d->data, x->data);
}

/* In the gru's | n | r | z | m |, n comes to the place of m, which is not used any more: the gates that x reaches lie
 * side by side then, as those that h reaches did. */
static void bring_together(const backward_run *g, void *gates) {
    const wk_recurrence *r = &g->run;
    if (!r->row->is_turned) return;
    wk__kernels->copy[r->dtype](r->H, wk__gate_columns(r, gates, 0, 1, 3 * r->H, r->H).data, 1, gates, 1);
}

/* Those gates of packed rows `first` .. */
static wk_mat side_by_side(const backward_run *g, const void *gates, int64_t first, int64_t rows) {
    const wk_recurrence *r = &g->run;
    return wk__gate_columns(r, gates, first, rows, r->row->is_turned ? r->H : 0, r->row->gates * r->H);
}

/* gW_hh = d^T h_before. Without h0, the rows of step 0 are zeros. */
static void recurrent_gradient(const backward_run *g, const wk_stretch *s, const wk_mat *before) {
    const wk_mat d = side_by_side(g, g->dgates, s->rows - before->rows, before->rows);
    if (collects(g, g->at.w_hh, &d, before)) return;
    const wk_mat d_t = wk__transposed(&d), gw = wk__matrix_of(slot_of(g, g->at.w_hh));
    wk__gemm(g->run.ctx, &d_t, before, &gw, adds(g, s, g->at.w_hh));
}

/* gW_ih = d^T x */
static void input_weight_gradient(const backward_run *g, const wk_stretch *s) {
    const wk_recurrence *r = &g->run;
    const wk_mat x = wk__packed_x(r, s, g->x), row = side_by_side(g, g->dgates, 0, s->rows);
    wk_gate_part part[2];
    const int32_t parts = wk__gate_parts(r->row, r->H, s->rows == 1, part);
    if (s->rows == 1) bring_together(g, g->dgates);
    if (collects(g, g->at.w_ih, &row, &x)) return;
    for (int32_t k = 0; k < parts; k++) {
        const wk_mat d = wk__gate_columns(r, g->dgates, 0, s->rows, part[k].to, part[k].rows);
        const wk_mat d_t = wk__transposed(&d);
        const wk_mat gw = wk__rows_from(slot_of(g, g->at.w_ih), part[k].from, part[k].rows);
        wk__gemm(r->ctx, &d_t, &x, &gw, adds(g, s, g->at.w_ih));
    }
}

/* gx = d W_ih; no two stretches have rows of it in common. */
static void input_gradient(const backward_run *g, const wk_stretch *s) {
    const wk_recurrence *r = &g->run;
    const bool add = wk__packed_slot_add(&g->slots[g->at.x]);
    int64_t apart;
    const bool even = wk__ragged_is_even(&r->batch, &g->at_gx, &apart);
    const wk_mat gx =
        even ? wk__even_rows(r, &g->at_gx, s->first, s->rows, apart) : wk__rows_of(r, g->gx, s->rows, r->I, r->I);
    wk_gate_part part[2];
    const int32_t parts = wk__gate_parts(r->row, r->H, false, part);
    for (int32_t k = 0; k < parts; k++) {
        const wk_mat d = wk__gate_columns(r, g->dgates, 0, s->rows, part[k].to, part[k].rows);
        const wk_mat w = wk__rows_from(r->w_ih, part[k].from, part[k].rows);
        wk__gemm(r->ctx, &d, &w, &gx, k > 0 || (add && even));
    }
    if (!even) wk__ragged_unpack(&r->batch, &g->at_gx, s, g->gx, add);
}

static void bias_gradient(const backward_run *g, int32_t i) {
    if (!wants(g, i)) return;
    const wk_array *slot = slot_of(g, i);
    const wk_mat sums = side_by_side(g, g->dbias, 0, 1);
    wk_unary_loop *put = (wk__packed_slot_add(&g->slots[i]) ? wk__kernels->accumulate : wk__kernels->copy)[slot->dtype];
    put(sums.cols, slot->data, slot->strides[0], sums.data, 1);
}

static void run_stretches(const backward_run *g) {
    const wk_recurrence *r = &g->run;
    wk_stretch s = wk__stretch_end(&r->batch);
    do {
        wk__stretch_before(&r->batch, r->most, &s);
        const wk_mat before = states_before(g, &s);
        if (g->runs_chain)
            run_chain(g);
        else
            run_steps(g, &s, &before);
        if (wants(g, g->at.x)) input_gradient(g, &s); /* first, while W_ih may still be near */
        if (wants(g, g->at.w_hh)) recurrent_gradient(g, &s, &before);
        if (wants(g, g->at.w_ih)) input_weight_gradient(g, &s);
    } while (s.from > 0);
}

static void unsort_to(const backward_run *g, int32_t i, const void *sorted) {
    if (wants(g, i)) wk__ragged_unsort(&g->run.batch, slot_of(g, i), sorted, wk__packed_slot_add(&g->slots[i]));
}

static void gradients_at_end(const backward_run *g) {
    const wk_recurrence *r = &g->run;
    const wk_recurrent_inputs *at = &g->at;
    unsort_to(g, at->h0, g->dh);
    unsort_to(g, at->c0, g->dc);
    bias_gradient(g, at->b_hh);
    bring_together(g, g->dbias);
    bias_gradient(g, at->b_ih);
    if (wants(g, at->x) && !wk__packed_slot_add(&g->slots[at->x])) wk__ragged_zero_ends(&r->batch, slot_of(g, at->x));
}

/* ------------------------------------------------------------------------------------------------------ the row --- */

static bool begin(backward_run *g, const wk_recurrent_use *use) {
    wk_recurrence *r = &g->run;
    g->use = use;
    g->slots = use->slots;
    g->at = *wk__recurrent_inputs(use->row);
    if (!wk__recurrence_begin(r, use->ctx, use->row, &use->attrs, use->in, use->out[0])) return false;
    g->runs_chain = r->is_chain && (r->batch.steps > 1 || wants(g, g->at.h0));
    wk__ragged_places(&r->batch, 2, use->gy[0], &g->at_gy);
    wk__ragged_places(&r->batch, 3, wants(g, g->at.x) ? slot_of(g, g->at.x) : NULL, &g->at_gx);
    return make_room(g);
}

void wk__recurrent_run_grad(const wk_recurrent_use *use) {
    backward_run g;
    if (begin(&g, use)) {
        fill_room(&g);
        run_stretches(&g);
        gradients_at_end(&g);
    } else {
        wk__out_of_memory(use->ctx, use->op->name);
    }
    wk__recurrence_end(&g.run);
}

void wk__recurrent_use_of(const wk_backprop *b, wk_recurrent_use *use) {
    const wk_node *node = b->node;
    use->ctx = b->ctx;
    use->op = node->op;
    use->row = wk__recurrent_of(node->op, node->attrs);
    use->attrs = *(const wk_recurrent_attrs *)node->attrs;
    use->kept = node->saves & WK__SAVES_KEPT ? (*wk__node_kept(node))->a.data : NULL;
    for (int32_t i = 0; i < WK__MAX_FIXED_INPUTS; i++)
        use->in[i] = i < node->in_count && node->in[i].saved != NULL ? wk__saved_in(b, i) : NULL;
    for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) {
        use->out[k] = NULL;
        use->gy[k] = k < node->out_count && b->gy[k] != NULL ? &b->gy[k]->a : NULL;
    }
    use->out[0] = wk__saved_out(b, 0);
}

/* One step of one row, as cells take it: the gradients of the weights are outer products. */
static bool is_single(const wk_recurrent_use *use, const wk_recurrent_inputs *at) {
    const wk_array *y = use->out[0];
    return y->dims[0] == 1 && y->dims[1] == 1 && use->in[at->lengths] == NULL && use->in[at->x]->strides[2] == 1;
}

bool wk__recurrent_grad(wk_backprop *b) {
    wk_recurrent_use use;
    wk_packed_slot slots[WK__MAX_FIXED_INPUTS];
    int32_t begun = 0;
    bool good = true;
    wk__recurrent_use_of(b, &use);
    use.slots = slots;
    const wk_recurrent_inputs *at = wk__recurrent_inputs(use.row);
    const uint32_t outer = is_single(&use, at) ? 1u << at->w_ih | 1u << at->w_hh : 0;
    for (; begun < b->node->in_count && good; begun++)
        good = ((outer >> begun & 1) && wk__packed_slot_collects(b, begun, slots)) ||
               wk__packed_slot_begin(b, begun, slots, fine);
    if (good) (wk__recurrent_is_noted(&use) ? wk__recurrent_note_grad : wk__recurrent_run_grad)(&use);
    for (int32_t i = 0; i < begun; i++) wk__packed_slot_end(&slots[i]);
    return true;
}
