/* attention.c -- attention of several heads, with weights to learn. */
#include "base/context.h"
#include "nn/layer.h"

typedef struct attention {
    int64_t embed_dim, num_heads;
    double dropout;
    int32_t batch_first;
    wk_tensor *in_weight, *in_bias;
    wk_module *out;
} attention;

static const wk_module_class attention_class;

/* ------------------------------------------------------------------------------------------------------- making --- */

static bool check(const wk_multihead_attention_options *o, int64_t embed_dim, int64_t num_heads) {
    static const char function[] = "multihead_attention_new";
    if (!wk__layer_size(embed_dim, "embed_dim", function) || !wk__layer_size(num_heads, "num_heads", function) ||
        !wk__layer_probability(o->dropout, "dropout", function) || !wk__layer_dtype(o->dtype, function))
        return false;
    if (embed_dim % num_heads != 0)
        wk__fail(wk__ctx(), WK_EINVAL, function, "embed_dim %lld is not %lld heads of one size", (long long)embed_dim,
                 (long long)num_heads);
    return wk_ok();
}

/* In PyTorch's order: first the weights of the output are drawn, then those of the inputs; biases are 0. */
static void parameters(wk_module *m, attention *self, const wk_multihead_attention_options *o) {
    WK_SCOPE;
    const int64_t E = self->embed_dim;
    wk_linear_options linear = WK_LINEAR_OPTIONS;
    linear.bias = o->bias, linear.dtype = o->dtype;
    self->in_weight = wk_module_add_parameter(m, "in_proj_weight", wk_zeros(WK_SHAPE(3 * E, E), o->dtype));
    if (o->bias) self->in_bias = wk_module_add_parameter(m, "in_proj_bias", wk_zeros(WK_SHAPE(3 * E), o->dtype));
    self->out = wk_linear_new(m, "out_proj", E, E, &linear);
    if (self->in_weight == NULL || self->out == NULL) return;
    wk_init_xavier_uniform_(self->in_weight, 1);
    if (o->bias) wk_init_constant_(wk_module_parameter(self->out, "bias"), 0);
}

wk_module *wk_multihead_attention_new(wk_module *parent, const char *name, int64_t embed_dim, int64_t num_heads,
                                      const wk_multihead_attention_options *options) {
    wk_multihead_attention_options o;
    const wk_multihead_attention_options defaults = WK_MULTIHEAD_ATTENTION_OPTIONS;
    if (!wk_ok() || !wk__options(&o, &defaults, options, sizeof o, "multihead_attention_new") ||
        !check(&o, embed_dim, num_heads))
        return NULL;
    wk_module *m = wk__module_new(parent, name, &attention_class, "multihead_attention_new");
    attention *self = wk_module_self(m);
    if (self == NULL) return NULL;
    *self =
        (attention){.embed_dim = embed_dim, .num_heads = num_heads, .dropout = o.dropout, .batch_first = o.batch_first};
    parameters(m, self, &o);
    return wk__layer_made(m, "multihead_attention_new");
}

/* ------------------------------------------------------------------------------------------------------ forward --- */

/* Projections (..,E) as heads (N,H,T,E/H). */
static wk_tensor *heads_of(const attention *self, wk_tensor *y) {
    y = wk_unflatten(y, -1, WK_SHAPE(self->num_heads, self->embed_dim / self->num_heads));
    return self->batch_first ? wk_transpose(y, 1, 2) : wk_permute(y, WK_SHAPE(1, 2, 0, 3));
}

/* The heads of what is asked, of what it is compared with, and of what is found there; of one x by one product. */
static void project(const attention *self, wk_tensor *const *x, wk_tensor **heads) {
    const int64_t E = self->embed_dim;
    const bool is_one = x[0] == x[1] && x[1] == x[2];
    wk_tensor *all = is_one ? wk_linear(x[0], self->in_weight, self->in_bias) : NULL;
    for (int32_t i = 0; i < 3; i++) {
        wk_tensor *y = is_one ? wk_narrow(all, -1, i * E, E)
                              : wk_linear(x[i], wk_narrow(self->in_weight, 0, i * E, E),
                                          self->in_bias != NULL ? wk_narrow(self->in_bias, 0, i * E, E) : NULL);
        heads[i] = heads_of(self, y);
    }
}

/* Heads side by side again, as x lay. */
static wk_tensor *joined(const attention *self, wk_tensor *y) {
    wk_tensor *rows = self->batch_first ? wk_transpose(y, 1, 2) : wk_permute(y, WK_SHAPE(2, 0, 1, 3));
    return wk_flatten(rows, -2, -1);
}

static bool check_input(const attention *self, const wk_tensor *x, const char *what) {
    wk_shape_text text;
    if (x != NULL && wk_ndim(x) == 3 && wk_dim(x, 2) == self->embed_dim) return true;
    wk__fail(wk__ctx(), x == NULL ? WK_EINVAL : WK_ESHAPE, "multihead_attention_forward",
             "%s is %s and must be (%s,%lld)", what, x == NULL ? "NULL" : wk__shape_text(&text, wk_ndim(x), wk_dims(x)),
             self->batch_first ? "N,T" : "T,N", (long long)self->embed_dim);
    return false;
}

/* As in PyTorch, a bool tells this layer what to leave out, and the operation what to look at. */
static wk_tensor *for_the_operation(wk_tensor *attn_mask) {
    return attn_mask != NULL && wk_dtype_of(attn_mask) == WK_BOOL ? wk_logical_not(attn_mask) : attn_mask;
}

wk_tensor *wk_multihead_attention_forward(wk_module *m, wk_tensor *query, wk_tensor *key, wk_tensor *value,
                                          wk_tensor *attn_mask, bool is_causal) {
    static const char function[] = "multihead_attention_forward";
    const attention *self = wk__layer_self(m, &attention_class, function);
    if (self == NULL || !check_input(self, query, "query") || !check_input(self, key, "key") ||
        !check_input(self, value, "value"))
        return NULL;
    wk_tensor *heads[3];
    const wk_scope scope = wk_scope_open();
    project(self, (wk_tensor *const[]){query, key, value}, heads);
    wk_tensor *y = wk_scaled_dot_product_attention(heads[0], heads[1], heads[2], for_the_operation(attn_mask),
                                                   wk_module_training(m) ? self->dropout : 0, is_causal);
    y = wk_yield(wk_linear_forward(self->out, joined(self, y)));
    wk_scope_close(scope);
    return wk__layer_gives(y, function);
}

static wk_tensor *of_itself(wk_module *m, wk_tensor *x) {
    return wk_multihead_attention_forward(m, x, x, x, NULL, false);
}

static const wk_module_class attention_class = {
    .size = sizeof(wk_module_class),
    .name = "MultiheadAttention",
    .self_nbytes = sizeof(attention),
    .forward = of_itself,
};
