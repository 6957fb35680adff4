/* custom.c -- operations that users register: a row whose functions call theirs. */
#include "op/custom.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "grad/backprop.h"
#include "grad/scope.h"
#include "kernel/record.h"
#include "tensor/words.h"

enum { NAME_NBYTES = 32, NAMES_NBYTES = 128, MAX_ATTRS = 8 };

struct wk_registered {
    wk_op row; /* first, so that a call's op leads here */
    struct wk_registered *next;
    wk_ctx *ctx;
    wk_custom_op of;
    int32_t plans; /* that call it */
    char name[NAME_NBYTES], in_names[NAMES_NBYTES];
    wk_attr_field fields[MAX_ATTRS];
    char field_names[MAX_ATTRS][NAME_NBYTES];
};

/* What a wk_call is to callbacks: the engine's, with what backward has besides. */
typedef struct use {
    wk_call call;
    const wk_backprop *b; /* in backward; else NULL */
    wk_tensor **gx;
} use;

static const struct wk_registered *registered(const wk_op *op) {
    return (const struct wk_registered *)(const void *)op;
}

static const wk_custom_op *callbacks(const wk_call *call) { return &registered(call->op)->of; }

/* ------------------------------------------------------------------------------------------------------ the row --- */

static bool shape(wk_call *c) {
    use u = {.call = *c};
    if (c->ctx != registered(c->op)->ctx) return wk__refuse(c, WK_ECONTEXT, "it is registered in another context");
    const wk_guest guest = wk__guest_begins(c->ctx);
    const bool fine = callbacks(c)->shape(&u.call);
    wk__guest_ends(c->ctx, guest, c->op->name);
    memcpy(c->out, u.call.out, sizeof c->out);
    if (!wk_ok()) return false;
    if (!fine) return wk__refuse(c, WK_EINVAL, "its shape function returned false");
    for (int32_t k = 0; k < c->op->out_count; k++)
        if (c->out[k] == NULL) return wk__refuse(c, WK_EINVAL, "its shape function declares no output %" PRId32, k);
    return true;
}

static void call_forward(const use *u) {
    use copy = *u;
    const wk_scope scope = wk_scope_open();
    const wk_guest guest = wk__guest_begins(u->call.ctx);
    wk_set_grad_enabled(false);
    callbacks(&copy.call)->forward(&copy.call);
    wk__guest_ends(u->call.ctx, guest, u->call.op->name);
    wk_scope_close(scope);
}

/* A plan records the operations that forward calls; or, if the whole is pure, the call itself. */
static bool note(const wk_call *c);
static void forward(wk_call *c) {
    struct wk_capture *capture = c->ctx->capture;
    const use u = {.call = *c};
    if (wk_likely(capture == NULL)) {
        call_forward(&u);
    } else if (!callbacks(c)->pure || !note(c)) {
        const char *outer = capture->within;
        capture->within = c->op->name;
        call_forward(&u);
        capture->within = outer;
    }
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_node *node = b->node;
    wk_tensor *in[WK__MAX_FIXED_INPUTS];
    use u = {.call = {.op = node->op, .ctx = b->ctx, .in = in, .in_count = node->in_count, .attrs = node->attrs},
             .b = b, .gx = gx};
    for (int32_t i = 0; i < node->in_count; i++) in[i] = node->in[i].saved;
    for (int32_t k = 0; k < node->out_count; k++) u.call.out[k] = node->out[k].saved;
    const wk_guest guest = wk__guest_begins(b->ctx);
    callbacks(&u.call)->backward(&u.call);
    wk__guest_ends(b->ctx, guest, node->op->name);
}

/* ------------------------------------------------------------------------------------------------ registration --- */

static bool is_name(const char *name) {
    const size_t length = name != NULL ? strlen(name) : 0;
    return length > 0 && length < NAME_NBYTES &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == length;
}

static wk_op *refuse(const char *what) { return wk__fail(wk__ctx(), WK_EINVAL, "op_register", "%s", what), NULL; }

/* The field of an attribute, behind those before it. */
static bool add_field(struct wk_registered *r, const wk_custom_attr *attr) {
    const int32_t f = r->row.field_count;
    if (!is_name(attr->name) || strchr("ifd", attr->kind) == NULL || attr->kind == 0) return false;
    snprintf(r->field_names[f], NAME_NBYTES, "%s", attr->name);
    r->fields[f] = (wk_attr_field){r->field_names[f], (char)attr->kind, (uint16_t)r->row.attrs_nbytes, attr->fallback};
    r->row.attrs_nbytes += attr->kind == 'd' ? sizeof(wk_dims_attr) : sizeof(int64_t);
    r->row.field_count++;
    return r->row.attrs_nbytes <= WK__ATTRS_NBYTES;
}

static bool fill(struct wk_registered *r) {
    const wk_custom_op *of = &r->of;
    snprintf(r->name, sizeof r->name, "%s", of->name);
    snprintf(r->in_names, sizeof r->in_names, "%s", of->input_names != NULL ? of->input_names : "x");
    r->row = (wk_op){.size = sizeof(wk_op), .name = r->name, .row = -1, .in_count = of->input_count,
                     .out_count = of->output_count, .optional = of->optional, .in_names = r->in_names,
                     .flags = of->backward == NULL ? WK__OP_NO_GRAD : 0, .shape = shape, .forward = forward,
                     .vjp = vjp, .fields = r->fields};
    for (int32_t i = 0; i < of->input_count; i++) r->row.reads[i] = of->saved_inputs | of->saved_outputs << 16;
    for (int32_t a = 0; a < of->attr_count; a++)
        if (!add_field(r, &of->attrs[a])) return false;
    return true;
}

static bool in_order(const wk_custom_op *of) {
    if (!is_name(of->name)) return refuse("name is not one of 1 to 31 letters, digits and _"), false;
    if (of->input_count < 1 || of->input_count > WK_CUSTOM_MAX_INPUTS || of->output_count < 1 ||
        of->output_count > WK_CUSTOM_MAX_OUTPUTS || of->attr_count < 0 || of->attr_count > MAX_ATTRS)
        return refuse("there may be 1 to 6 inputs, 1 to 2 outputs and 8 attributes"), false;
    if (of->shape == NULL || of->forward == NULL)
        return refuse(of->shape == NULL ? "shape is NULL" : "forward is NULL"), false;
    if (of->saved_inputs >> of->input_count != 0 || of->saved_outputs >> of->output_count != 0)
        return refuse("saved_inputs or saved_outputs names one that there is not"), false;
    return of->attrs != NULL || of->attr_count == 0 ? true : (refuse("attrs is NULL"), false);
}

const wk_op *wk_op_register(const wk_custom_op *op) {
    static const wk_custom_op defaults = WK_CUSTOM_OP;
    wk_ctx *ctx = wk__ctx();
    wk_custom_op of;
    if (!wk__ready(ctx)) return NULL;
    if (op == NULL) return refuse("op is NULL");
    if (!wk__options(&of, &defaults, op, sizeof of, "op_register") || !in_order(&of)) return NULL;
    if (wk_op_find(of.name) != NULL)
        return wk__fail(ctx, WK_EINVAL, "op_register", "there is an op of the name %s already", of.name), NULL;
    struct wk_registered *r = calloc(1, sizeof *r);
    if (r == NULL) return wk__out_of_memory(ctx, "op_register"), NULL;
    r->of = of;
    r->ctx = ctx;
    r->next = ctx->ops;
    if (!fill(r)) return free(r), refuse("an attribute has no name or kind, or they take more than 320 bytes");
    ctx->ops = r;
    return &r->row;
}

wk_status wk_op_unregister(const wk_op *op) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return wk__status(ctx);
    struct wk_registered **at = &ctx->ops;
    while (*at != NULL && &(*at)->row != op) at = &(*at)->next;
    if (*at == NULL) return wk__fail(ctx, WK_EINVAL, "op_unregister", "op is not registered in this context");
    if (ctx->guarded > 0)
        return wk__fail(ctx, WK_ESTATE, "op_unregister", "a function that wick called may be its own");
    for (const wk_node *node = ctx->tape.last; node != NULL; node = node->prev)
        if (node->op == op)
            return wk__fail(ctx, WK_ESTATE, "op_unregister", "%s stands on the tape: close the scope first", op->name);
    if ((*at)->plans > 0)
        return wk__fail(ctx, WK_ESTATE, "op_unregister", "a plan calls %s: free the plan first", op->name);
    struct wk_registered *r = *at;
    *at = r->next;
    free(r);
    return WK_OK;
}

void *wk__registered_free(void *registered_op) {
    struct wk_registered *r = registered_op, *next = r->next;
    free(r);
    return next;
}

const wk_op *wk__registered_find(const wk_ctx *ctx, const char *name) {
    for (const struct wk_registered *r = ctx->ops; r != NULL; r = r->next)
        if (strcmp(r->name, name) == 0) return &r->row;
    return NULL;
}

/* ----------------------------------------------------------------------------------------------------- in plans --- */

/* words: the row | its attributes | inputs (6) | outputs (2) */
enum { ATTR_WORDS = WK__ATTRS_NBYTES / 8, FIRST_ARRAY = 1 + ATTR_WORDS };
enum { CUSTOM_WORDS = FIRST_ARRAY + (WK_CUSTOM_MAX_INPUTS + WK_CUSTOM_MAX_OUTPUTS) * WK__ARRAY_WORDS };
#define WK__TWICE(letters) letters letters
#define WK__CUSTOM_LETTERS                                                                         \
    "g" WK__TWICE(WK__TWICE("nnnnnnnnnn")) WK__TWICE(WK__NOTED_READ WK__NOTED_READ WK__NOTED_READ) \
        WK__TWICE(WK__NOTED_WRITE)
_Static_assert(sizeof WK__CUSTOM_LETTERS == CUSTOM_WORDS + 1, "a letter for each word");

static void call_again(wk_any_function *f, const wk_word *words) {
    const wk_op *op = words[0].p;
    wk_tensor *in[WK_CUSTOM_MAX_INPUTS];
    int64_t attrs[ATTR_WORDS];
    use u = {.call = {.op = op, .ctx = wk__ctx(), .in = in, .in_count = op->in_count, .attrs = attrs}};
    const wk_word *inputs = words + FIRST_ARRAY, *outputs = inputs + WK_CUSTOM_MAX_INPUTS * WK__ARRAY_WORDS;
    const wk_scope scope = wk_scope_open();
    (void)f;
    memcpy(attrs, words + 1, sizeof attrs);
    if (wk__tensors_of_words(inputs, in, op->in_count) && wk__tensors_of_words(outputs, u.call.out, op->out_count))
        call_forward(&u);
    wk_scope_close(scope);
}

static void hold(void *r) { ((struct wk_registered *)r)->plans++; }
static void let_go(void *r) { ((struct wk_registered *)r)->plans--; }

static bool note(const wk_call *c) {
    static const wk_signature signature = {WK__CUSTOM_LETTERS, call_again, NULL};
    const wk_noted noted = {
        .signature = &signature, .name = c->op->name, .dtype = c->out[0]->a.dtype, .may_fail = true};
    wk_word words[CUSTOM_WORDS] = {{.p = (void *)(uintptr_t)c->op}}, *w = words + FIRST_ARRAY;
    if (c->op->attrs_nbytes > 0) memcpy(words + 1, c->attrs, c->op->attrs_nbytes);
    for (int32_t i = 0; i < WK_CUSTOM_MAX_INPUTS; i++)
        w = wk__words_of_array(w, i < c->in_count && c->in[i] != NULL ? &c->in[i]->a : NULL);
    for (int32_t k = 0; k < WK_CUSTOM_MAX_OUTPUTS; k++)
        w = wk__words_of_array(w, k < c->op->out_count ? &c->out[k]->a : NULL);
    c->ctx->capture->hold(c->ctx->capture, &(wk_host_call){.name = c->op->name,
                                                           .hold = hold,
                                                           .let_go = let_go,
                                                           .object = (void *)(uintptr_t)registered(c->op)});
    return wk__note(c->ctx, &noted, words);
}

/* ---------------------------------------------------------------------------------------------------- accessors --- */

static use *use_of(const wk_call *call) { return (use *)(uintptr_t)call; }

/* A tensor of the call; in backward one that is not there because it was not saved is a mistake. */
static wk_tensor *tensor_of(wk_call *call, wk_tensor *t, bool saved, const char *what, int32_t i) {
    if (t == NULL && use_of(call)->b != NULL && !saved)
        wk__refuse(call, WK_EINVAL, "backward reads %s %" PRId32 ", which is not saved", what, i);
    return t;
}

void *wk_call_user(const wk_call *call) { return callbacks(call)->user; }

wk_tensor *wk_call_input(wk_call *call, int32_t i) {
    if (i < 0 || i >= call->in_count) return NULL;
    return tensor_of(call, call->in[i], callbacks(call)->saved_inputs >> i & 1, "input", i);
}

wk_tensor *wk_call_output(wk_call *call, int32_t k) {
    if (k < 0 || k >= call->op->out_count) return NULL;
    return tensor_of(call, call->out[k], callbacks(call)->saved_outputs >> k & 1, "output", k);
}

/* Where the attribute of this name and kind stands, or NULL. */
static const void *attr_at(const wk_call *call, const char *name, char kind) {
    for (int32_t f = 0; name != NULL && f < call->op->field_count; f++) {
        const wk_attr_field *field = &call->op->fields[f];
        if (field->kind == kind && strcmp(field->name, name) == 0) return (const char *)call->attrs + field->offset;
    }
    return NULL;
}

int64_t wk_call_int(const wk_call *call, const char *name) {
    const int64_t *at = attr_at(call, name, 'i');
    return at != NULL ? *at : 0;
}

double wk_call_float(const wk_call *call, const char *name) {
    const double *at = attr_at(call, name, 'f');
    return at != NULL ? *at : 0;
}

const int64_t *wk_call_dims(const wk_call *call, const char *name, int32_t *ndim) {
    const wk_dims_attr *at = attr_at(call, name, 'd');
    if (ndim != NULL) *ndim = at != NULL ? at->ndim : 0;
    return at != NULL ? at->dims : NULL;
}

bool wk_call_declare(wk_call *call, int32_t k, wk_dtype dtype, int32_t ndim, const int64_t *dims) {
    if (k < 0 || k >= call->op->out_count || call->out[k] != NULL)
        return wk__refuse(call, WK_EINVAL, "there is no output %" PRId32 " to declare", k);
    return wk__check_shape(call->ctx, call->op->name, ndim, dims, dtype) && wk__declare(call, k, dtype, ndim, dims);
}

bool wk_call_declare_like(wk_call *call, int32_t k, const wk_tensor *x) {
    return wk__usable(call->ctx, x, call->op->name, "what an output is to be like") &&
           wk_call_declare(call, k, x->a.dtype, x->a.ndim, x->a.dims);
}

bool wk_call_refuse(wk_call *call, wk_status status, const char *message) {
    return wk__refuse(call, status < 0 ? status : WK_EINVAL, "%s", message != NULL ? message : "refused");
}

wk_tensor *wk_call_gradient(const wk_call *call, int32_t k) {
    const wk_backprop *b = use_of(call)->b;
    return b != NULL && k >= 0 && k < call->op->out_count ? b->gy[k] : NULL;
}

bool wk_call_wants(const wk_call *call, int32_t i) {
    const wk_backprop *b = use_of(call)->b;
    return b != NULL && i >= 0 && i < call->in_count && wk__wants(b, i);
}

bool wk_call_set_gradient(wk_call *call, int32_t i, wk_tensor *g) {
    const use *u = use_of(call);
    int32_t ndim;
    wk_shape_text given, expected;
    char name[24];
    if (!wk_call_wants(call, i) || !wk__ready(call->ctx)) return wk_ok();
    if (!wk__usable(call->ctx, g, call->op->name, "a gradient that backward sets")) return false;
    const wk_edge *edge = &u->b->node->in[i];
    const int64_t *dims = wk__edge_dims(edge, &ndim);
    if (!wk__edge_fits(edge, g))
        return wk__refuse(call, WK_ESHAPE, "backward gives %s %s of type %s a gradient %s of type %s",
                          wk__input_name(call->op, i, name, sizeof name), wk__shape_text(&expected, ndim, dims),
                          wk_dtype_name(wk__edge_dtype(edge)), wk__dims_text(&given, g), wk_dtype_name(g->a.dtype));
    u->gx[i] = g;
    return true;
}
