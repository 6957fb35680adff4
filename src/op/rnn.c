/* rnn.c -- an RNN layer over a sequence, in one direction, as one op.
 *
 *     h_t = f(a_t),  a_t = w_ih x_t + b_ih + w_hh h_(t-1) + b_hh               t = 0 .. T-1, f = tanh or relu
 *
 * Backward through time, g_t being the gradient of h_t from outside, d_t the whole gradient of a_t:
 *
 *     d_t = (g_t + w_hh^T d_(t+1)) f'(a_t)         f' = 1 - h_t^2, or with relu 1 where h_t > 0
 *     gx_t += w_ih^T d_t        gw_ih += sum d_t x_t^T        gw_hh += sum d_t h_(t-1)^T
 *     gh0 += w_hh^T d_0         gb_ih += sum d_t              gb_hh += sum d_t
 *
 * Only the states are kept: f' needs no a. In reverse, the kernel walks through time with negative strides. */
#include "op/elementwise.h"
#include "op/packed.h"
#include "op/rows.h"

enum { X, H0, W_IH, W_HH, B_IH, B_HH, INPUTS };

typedef struct rnn_attrs { int64_t relu, reverse; } rnn_attrs;
static const wk_attr_field fields[] = {{"relu", 'i', offsetof(rnn_attrs, relu), 0},
                                       {"reverse", 'i', offsetof(rnn_attrs, reverse), 0}};

/* -------------------------------------------------------------------------------------------------------- shape --- */

/* Input i must have this shape, if it is there. */
static bool expect(wk_call *c, int32_t i, const char *name, int32_t ndim, const int64_t *dims) {
    const wk_tensor *t = c->in[i];
    bool same = t == NULL || t->a.ndim == ndim;
    for (int32_t d = 0; same && t != NULL && d < ndim; d++) same = t->a.dims[d] == dims[d];
    wk_shape_text have, want;
    return same || wk__refuse(c, WK_ESHAPE, "%s is %s and must be %s", name, wk__dims_text(&have, t),
                              wk__shape_text(&want, ndim, dims));
}

static bool shape(wk_call *c) {
    const wk_tensor *x = c->in[X], *w = c->in[W_IH];
    wk_shape_text text;
    if (!wk__check_float(c)) return false;
    if (x->a.ndim != 3) return wk__refuse(c, WK_ESHAPE, "x is %s and must be (N,T,I)", wk__dims_text(&text, x));
    if (w->a.ndim != 2) return wk__refuse(c, WK_ESHAPE, "w_ih is %s and must be (H,I)", wk__dims_text(&text, w));
    if ((c->in[B_IH] == NULL) != (c->in[B_HH] == NULL))
        return wk__refuse(c, WK_EINVAL, "b_ih and b_hh come together or not at all");
    const int64_t n = x->a.dims[0], t = x->a.dims[1], in = x->a.dims[2], h = w->a.dims[0];
    return expect(c, W_IH, "w_ih", 2, (const int64_t[]){h, in}) &&
           expect(c, W_HH, "w_hh", 2, (const int64_t[]){h, h}) && expect(c, B_IH, "b_ih", 1, (const int64_t[]){h}) &&
           expect(c, B_HH, "b_hh", 1, (const int64_t[]){h}) && expect(c, H0, "h0", 3, (const int64_t[]){1, n, h}) &&
           wk__declare(c, 0, x->a.dtype, 3, (const int64_t[]){n, t, h}) &&
           wk__declare(c, 1, x->a.dtype, 3, (const int64_t[]){1, n, h});
}

/* ------------------------------------------------------------------------------------------------------ kernels --- */

/* The kernel wants contiguous weights and states, and features of x side by side. */
static bool fine_for_kernel(const wk_array *x, int32_t i) {
    return i == X ? x->dims[2] == 1 || x->strides[2] == 1 : wk__array_is_contiguous(x);
}

typedef struct job {
    wk_packed in[INPUTS];
    wk_tensor *work;
    wk_rnn_args args;
} job;

static void job_end(job *j) {
    for (int32_t i = 0; i < INPUTS; i++) wk__packed_end(&j->in[i]);
    wk__unref(j->work);
}

/* A (N,T,F) array as the kernel walks through it. */
typedef struct sequence {
    void *data; /* NULL: not there */
    int64_t t, b;
} sequence;

static sequence sequence_of(const wk_array *a, bool reverse) {
    if (a == NULL) return (sequence){0};
    const int64_t t = a->strides[1], last = a->dims[1] - 1;
    return reverse ? (sequence){wk__array_at(a, last * t), -t, a->strides[0]} : (sequence){a->data, t, a->strides[0]};
}

/* Collects pointers, strides and scratch memory. False when memory is out. */
static bool job_begin(job *j, wk_ctx *ctx, const rnn_attrs *attrs, const wk_array *const *in, const wk_array *out) {
    const int64_t n = out->dims[0], t = out->dims[1], h = out->dims[2], features = in[X]->dims[2];
    const int64_t room = wk__rnn_work(t, n, features, h);
    j->work = wk__tensor_make(ctx, out->dtype, 1, &room);
    bool fine = j->work != NULL;
    for (int32_t i = 0; i < INPUTS; i++)
        fine &= wk__pack(ctx, in[i], in[i] == NULL || fine_for_kernel(in[i], i), &j->in[i]);
    if (!fine) return false;
    const sequence x = sequence_of(j->in[X].array, attrs->reverse), y = sequence_of(out, attrs->reverse);
    j->args = (wk_rnn_args){
        .T = t, .B = n, .I = features, .H = h,
        .x = x.data, .x_t = x.t, .x_b = x.b,
        .h0 = wk__packed_data(&j->in[H0]),
        .w_ih = wk__packed_data(&j->in[W_IH]), .w_hh = wk__packed_data(&j->in[W_HH]),
        .b_ih = wk__packed_data(&j->in[B_IH]), .b_hh = wk__packed_data(&j->in[B_HH]),
        .out = y.data, .out_t = y.t, .out_b = y.b,
        .relu = attrs->relu != 0, .work = j->work->a.data,
    };
    return true;
}

/* hn is the last state; without steps it is h0, and without h0 zero. */
static void copy_last_state(const wk_call *c, bool reverse) {
    const wk_array *out = &c->out[0]->a, *hn = &c->out[1]->a;
    wk_unary_loop *copy = wk__kernels->copy[hn->dtype];
    if (out->dims[1] > 0) {
        wk_array last = *hn;
        last.data = wk__array_at(out, reverse ? 0 : (out->dims[1] - 1) * out->strides[1]);
        last.strides[1] = out->strides[0];
        wk__unary_rows(copy, hn, &last);
    } else if (c->in[H0] != NULL) {
        wk__unary_rows(copy, hn, &c->in[H0]->a);
    } else {
        wk__zero(hn);
    }
}

static void forward(wk_call *c) {
    const rnn_attrs *attrs = c->attrs;
    const wk_array *in[INPUTS];
    job j;
    for (int32_t i = 0; i < INPUTS; i++) in[i] = c->in[i] != NULL ? &c->in[i]->a : NULL;
    if (job_begin(&j, c->ctx, attrs, in, &c->out[0]->a)) wk__kernels->rnn_forward[c->out[0]->a.dtype](&j.args);
    else wk__refuse(c, WK_ENOMEM, "out of memory");
    job_end(&j);
    copy_last_state(c, attrs->reverse);
}

/* ----------------------------------------------------------------------------------------------------- gradient --- */

static void run_backward(wk_backprop *b, const job *j, const wk_packed_slot *t) {
    const bool reverse = ((const rnn_attrs *)b->node->attrs)->reverse;
    const wk_tensor *ghn = b->gy[1];
    const sequence gout = sequence_of(b->gy[0] != NULL ? &b->gy[0]->a : NULL, reverse);
    const sequence gx = sequence_of(wk__packed_slot_array(&t[X]), reverse);
    wk__kernels->rnn_backward[wk__saved_out(b, 0)->dtype](&(wk_rnn_grad_args){
        .fwd = j->args,
        .gout = gout.data, .gout_t = gout.t, .gout_b = gout.b,
        .ghn = ghn != NULL ? ghn->a.data : NULL,
        .gx = gx.data, .gx_t = gx.t, .gx_b = gx.b,
        .gh0 = wk__packed_slot_data(&t[H0]),
        .gw_ih = wk__packed_slot_data(&t[W_IH]), .gw_hh = wk__packed_slot_data(&t[W_HH]),
        .gb_ih = wk__packed_slot_data(&t[B_IH]), .gb_hh = wk__packed_slot_data(&t[B_HH]),
        .add_x = wk__packed_slot_add(&t[X]), .add_h0 = wk__packed_slot_add(&t[H0]),
        .add_w_ih = wk__packed_slot_add(&t[W_IH]), .add_w_hh = wk__packed_slot_add(&t[W_HH]),
        .add_b_ih = wk__packed_slot_add(&t[B_IH]), .add_b_hh = wk__packed_slot_add(&t[B_HH]),
    });
}

static bool grad(wk_backprop *b) {
    const wk_array *in[INPUTS];
    wk_packed_slot t[INPUTS];
    job j;
    for (int32_t i = 0; i < INPUTS; i++) in[i] = b->node->in[i].saved != NULL ? wk__saved_in(b, i) : NULL;
    bool fine = job_begin(&j, b->ctx, b->node->attrs, in, wk__saved_out(b, 0));
    if (!fine) wk__fail(b->ctx, WK_ENOMEM, "rnn", "out of memory");
    int32_t begun = 0;
    while (fine && begun < INPUTS) fine = wk__packed_slot_begin(b, begun, t, fine_for_kernel), begun++;
    if (fine) run_backward(b, &j, t);
    for (int32_t i = 0; i < begun; i++) wk__packed_slot_end(&t[i]);
    job_end(&j);
    return true;
}

/* The same from small ops, one step after the other; for gradients of gradients. */
static void compose(const void *attrs, wk_tensor *const *in, wk_tensor **out) {
    const rnn_attrs *a = attrs;
    const int64_t time[] = {1};
    wk_tensor *x = a->reverse ? wk_flip(in[X], 1, time) : in[X];
    const int64_t n = wk_dim(in[X], 0), steps = wk_dim(in[X], 1), h = wk_dim(in[W_HH], 0);
    wk_tensor *state = in[H0] != NULL ? wk_select(in[H0], 0, 0) : wk_zeros(WK_SHAPE(n, h), wk_dtype_of(in[X]));
    wk_list *states = wk_list_new();
    for (int64_t t = 0; t < steps; t++) {
        wk_tensor *from_x = wk_linear(wk_select(x, 1, t), in[W_IH], in[B_IH]);
        wk_tensor *sum = wk_add(from_x, wk_linear(state, in[W_HH], in[B_HH]));
        state = a->relu ? wk_relu(sum) : wk_tanh(sum);
        wk_list_push(states, state);
    }
    out[0] = steps > 0 ? wk_stack(states, 1) : wk_zeros(WK_SHAPE(n, 0, h), wk_dtype_of(in[X]));
    if (a->reverse) out[0] = wk_flip(out[0], 1, time);
    out[1] = wk_reshape(state, WK_SHAPE(1, n, h));
}

static int64_t steps(const wk_node *node) { return node->out[0].dims[1]; }

/* The kernels read x, the weights and the states; compose reads all inputs. */
#define ALL (0x3fu | WK_READS_OUT(0))

const wk_op wk__op_rnn = {
    WK_ROW(rnn), .in_count = INPUTS, .out_count = 2, .optional = 1 << H0 | 1 << B_IH | 1 << B_HH,
    .in_names = "x h0 w_ih w_hh b_ih b_hh", .reads = {ALL, ALL, ALL, ALL, ALL, ALL},
    .shape = shape, .forward = forward, .grad = grad, .compose = compose, .steps = steps,
    WK_ATTRS(rnn_attrs, fields),
};

wk_tensor *wk_rnn(wk_tensor *x, wk_tensor *h0, wk_tensor *w_ih, wk_tensor *w_hh, wk_tensor *b_ih, wk_tensor *b_hh,
                  bool relu, bool reverse, wk_tensor **hn) {
    rnn_attrs attrs = {relu, reverse};
    wk_tensor *outs[2];
    wk__apply(&wk__op_rnn, (wk_tensor *const[]){x, h0, w_ih, w_hh, b_ih, b_hh}, INPUTS, &attrs, outs);
    if (hn != NULL) *hn = outs[1];
    return outs[0];
}
