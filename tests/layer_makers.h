/* layer_makers.h -- the layer that a case of modules.txt asks for, and how it is run. */
#ifndef WK_TESTS_LAYER_MAKERS_H
#define WK_TESTS_LAYER_MAKERS_H

#include "ops_file.h"
#include "support.h"

static int32_t option(const ops_case *c, const char *name) {
    for (int a = 0; a < c->attr_count; a++)
        if (strcmp(c->attrs[a].name, name) == 0) return (int32_t)c->attrs[a].i;
    fail_msg("%s has no attribute %s", c->op, name);
    return 0;
}

static wk_rnn_options recurrent_options(const ops_case *c, wk_dtype dtype) {
    wk_rnn_options o = WK_RNN_OPTIONS;
    o.bias = option(c, "bias");
    o.batch_first = option(c, "batch_first");
    o.num_layers = option(c, "num_layers");
    o.bidirectional = option(c, "bidirectional");
    o.nonlinearity = option(c, "nonlinearity");
    o.dropout = c->attrs[6].f;
    o.dtype = dtype;
    return o;
}

#define RECURRENT(kind)                                                                             \
    static wk_module *kind##_new(const ops_case *c, wk_dtype dtype) {                               \
        const wk_rnn_options o = recurrent_options(c, dtype);                                       \
        return wk_##kind##_new(NULL, NULL, c->input[0].dims[2], option(c, "hidden_size"), &o);      \
    }                                                                                               \
    static wk_module *kind##_cell_new(const ops_case *c, wk_dtype dtype) {                          \
        wk_rnn_options o = WK_RNN_OPTIONS;                                                          \
        o.bias = option(c, "bias");                                                                 \
        o.dtype = dtype;                                                                            \
        return wk_##kind##_cell_new(NULL, NULL, c->input[0].dims[1], option(c, "hidden_size"), &o); \
    }
RECURRENT(rnn)
RECURRENT(lstm)
RECURRENT(gru)

static void rnn_forward(wk_module *m, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_rnn_forward_ragged(m, in[0], in[1], in[2], &out[1]);
}

static void lstm_forward(wk_module *m, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_lstm_forward_ragged(m, in[0], in[1], in[2], in[3], &out[1], &out[2]);
}

static void gru_forward(wk_module *m, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_gru_forward_ragged(m, in[0], in[1], in[2], &out[1]);
}

static void rnn_cell_forward(wk_module *m, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_rnn_cell_forward(m, in[0], in[1]);
}

static void lstm_cell_forward(wk_module *m, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_lstm_cell_forward(m, in[0], in[1], in[2], &out[1]);
}

static void gru_cell_forward(wk_module *m, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_gru_cell_forward(m, in[0], in[1]);
}

static wk_module *embedding_new(const ops_case *c, wk_dtype dtype) {
    wk_embedding_options o = WK_EMBEDDING_OPTIONS;
    o.padding_idx = option(c, "padding_idx");
    o.dtype = dtype;
    return wk_embedding_new(NULL, NULL, option(c, "num_embeddings"), option(c, "embedding_dim"), &o);
}

static wk_module *layer_norm_new(const ops_case *c, wk_dtype dtype) {
    wk_layer_norm_options o = WK_LAYER_NORM_OPTIONS;
    o.eps = c->attrs[1].f;
    o.elementwise_affine = option(c, "elementwise_affine");
    o.dtype = dtype;
    return wk_layer_norm_new(NULL, NULL, c->attrs[0].count, c->attrs[0].dims, &o);
}

static const ops_attr *find_option(const ops_case *c, const char *name) {
    for (int a = 0; a < c->attr_count; a++)
        if (strcmp(c->attrs[a].name, name) == 0) return &c->attrs[a];
    return NULL;
}

/* Numbers for each dimension, or NULL where the case has none. */
static const int64_t *numbers(const ops_case *c, const char *name) {
    const ops_attr *found = find_option(c, name);
    return found != NULL ? found->dims : NULL;
}

/* The channels of a convolution's x come before the dimensions that are walked. */
static wk_module *conv_new(const ops_case *c, wk_dtype dtype) {
    wk_conv_options o = WK_CONV_OPTIONS;
    const int32_t n = find_option(c, "kernel_size")->count, out = option(c, "out_channels");
    const int64_t in = c->input[0].dims[c->input[0].ndim - n - 1];
    o.strides = numbers(c, "stride"), o.paddings = numbers(c, "padding"), o.dilations = numbers(c, "dilation");
    o.output_paddings = numbers(c, "output_padding"), o.kernel_sizes = numbers(c, "kernel_size");
    o.groups = option(c, "groups"), o.bias = option(c, "bias"), o.dtype = dtype;
    if (strncmp(c->op, "ConvTranspose", 13) == 0)
        return (n == 1   ? wk_conv_transpose1d_new
                : n == 2 ? wk_conv_transpose2d_new
                         : wk_conv_transpose3d_new)(NULL, NULL, in, out, 0, &o);
    return (n == 1 ? wk_conv1d_new : n == 2 ? wk_conv2d_new : wk_conv3d_new)(NULL, NULL, in, out, 0, &o);
}

#define POOL(op)                                                                      \
    static wk_module *op##_new(const ops_case *c, wk_dtype dtype) {                   \
        wk_pool_options o = WK_POOL_OPTIONS;                                          \
        o.kernel_sizes = numbers(c, "kernel_size"), o.strides = numbers(c, "stride"); \
        o.paddings = numbers(c, "padding");                                           \
        return (void)dtype, wk_##op##_new(NULL, NULL, 0, &o);                         \
    }
POOL(max_pool1d)
POOL(max_pool2d)
POOL(max_pool3d)
POOL(avg_pool1d)
POOL(avg_pool2d)
POOL(avg_pool3d)

#define BATCH_NORM(n)                                                                \
    static wk_module *batch_norm##n##d_new(const ops_case *c, wk_dtype dtype) {      \
        wk_batch_norm_options o = WK_BATCH_NORM_OPTIONS;                             \
        o.eps = c->attrs[0].f, o.affine = option(c, "affine"), o.dtype = dtype;      \
        wk_module *m = wk_batch_norm##n##d_new(NULL, NULL, c->input[0].dims[1], &o); \
        wk_module_train(m, option(c, "training") != 0);                              \
        return m;                                                                    \
    }
BATCH_NORM(1)
BATCH_NORM(2)
BATCH_NORM(3)

#define PLAIN(op)                                                   \
    static wk_module *op##_new(const ops_case *c, wk_dtype dtype) { \
        return (void)c, (void)dtype, wk_##op##_new(NULL, NULL);     \
    }
#define WITH(op, value)                                             \
    static wk_module *op##_new(const ops_case *c, wk_dtype dtype) { \
        return (void)dtype, wk_##op##_new(NULL, NULL, value);       \
    }
PLAIN(tanh)
PLAIN(sigmoid)
PLAIN(relu)
PLAIN(silu)
PLAIN(flatten)
WITH(leaky_relu, c->attrs[0].f)
WITH(elu, c->attrs[0].f)
WITH(dropout, c->attrs[0].f)
WITH(gelu, option(c, "tanh") != 0)

static wk_module *attention_new(const ops_case *c, wk_dtype dtype) {
    wk_multihead_attention_options o = WK_MULTIHEAD_ATTENTION_OPTIONS;
    o.bias = option(c, "bias"), o.batch_first = option(c, "batch_first"), o.dtype = dtype;
    return wk_multihead_attention_new(NULL, NULL, c->input[0].dims[2], option(c, "num_heads"), &o);
}

static void attention_forward(wk_module *m, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_multihead_attention_forward(m, in[0], in[1], in[2], NULL, false);
}

static void forward(wk_module *m, wk_tensor *const *in, wk_tensor **out) { out[0] = wk_forward(m, in[0]); }

static const struct {
    const char *name;
    int input_count; /* before the parameters */
    wk_module *(*make)(const ops_case *c, wk_dtype dtype);
    void (*forward)(wk_module *m, wk_tensor *const *in, wk_tensor **out);
} layers[] = {
    {"RNN", 3, rnn_new, rnn_forward},
    {"LSTM", 4, lstm_new, lstm_forward},
    {"GRU", 3, gru_new, gru_forward},
    {"RNNCell", 2, rnn_cell_new, rnn_cell_forward},
    {"LSTMCell", 3, lstm_cell_new, lstm_cell_forward},
    {"GRUCell", 2, gru_cell_new, gru_cell_forward},
    {"Embedding", 1, embedding_new, forward},
    {"LayerNorm", 1, layer_norm_new, forward},
    {"Dropout", 1, dropout_new, forward},
    {"Tanh", 1, tanh_new, forward},
    {"Sigmoid", 1, sigmoid_new, forward},
    {"ReLU", 1, relu_new, forward},
    {"SiLU", 1, silu_new, forward},
    {"LeakyReLU", 1, leaky_relu_new, forward},
    {"ELU", 1, elu_new, forward},
    {"GELU", 1, gelu_new, forward},
    {"MultiheadAttention", 3, attention_new, attention_forward},
    {"Flatten", 1, flatten_new, forward},
    {"Conv1d", 1, conv_new, forward},
    {"Conv2d", 1, conv_new, forward},
    {"Conv3d", 1, conv_new, forward},
    {"ConvTranspose1d", 1, conv_new, forward},
    {"ConvTranspose2d", 1, conv_new, forward},
    {"ConvTranspose3d", 1, conv_new, forward},
    {"MaxPool1d", 1, max_pool1d_new, forward},
    {"MaxPool2d", 1, max_pool2d_new, forward},
    {"MaxPool3d", 1, max_pool3d_new, forward},
    {"AvgPool1d", 1, avg_pool1d_new, forward},
    {"AvgPool2d", 1, avg_pool2d_new, forward},
    {"AvgPool3d", 1, avg_pool3d_new, forward},
    {"BatchNorm1d", 1, batch_norm1d_new, forward},
    {"BatchNorm2d", 1, batch_norm2d_new, forward},
    {"BatchNorm3d", 1, batch_norm3d_new, forward},
};
enum { LAYERS = sizeof layers / sizeof *layers };

#endif
