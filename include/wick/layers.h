/* wick/layers.h -- layers: modules that compute, with PyTorch's names, options and initial weights. */
#ifndef WICK_LAYERS_H
#define WICK_LAYERS_H

#include "wick/nn.h"
#include "wick/ops.h"

WK_BEGIN_DECLS

/* The functions below that make a layer share these errors: those of wk_module_new, EINVAL for a size that is not
 * positive or an option out of its range, and EDTYPE for parameters that are neither f32 nor f64. Options belong to the
 * caller; NULL stands for the defaults. The functions ..._forward return tensors of the innermost scope. They refuse a
 * module of another class (EINVAL), an x or a state that does not fit the layer (ESHAPE), and otherwise what the
 * operation of that name refuses. */

/* Sequential: runs its children one after another, each with one input and one output. What a child returned is
 * released as soon as the next child is done, unless the graph needs it: without gradients, a hundred layers take the
 * memory of one. https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html */
WK_API wk_module *wk_sequential_new(wk_module *parent, const char *name);

/* Operations as modules: Tanh, Sigmoid, ReLU and SiLU; LeakyReLU (PyTorch's default slope is 0.01), ELU (alpha 1), and
 * GELU, where tanh means approximate="tanh". The operations of these names have the formulas.
 * https://pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity */
WK_API wk_module *wk_tanh_new(wk_module *parent, const char *name);
WK_API wk_module *wk_sigmoid_new(wk_module *parent, const char *name);
WK_API wk_module *wk_relu_new(wk_module *parent, const char *name);
WK_API wk_module *wk_silu_new(wk_module *parent, const char *name);
WK_API wk_module *wk_leaky_relu_new(wk_module *parent, const char *name, double negative_slope);
WK_API wk_module *wk_elu_new(wk_module *parent, const char *name, double alpha);
WK_API wk_module *wk_gelu_new(wk_module *parent, const char *name, bool tanh);

/* Dropout: wk_dropout in training mode, the identity in evaluation mode (wk_module_train). EINVAL unless 0 <= p <= 1.
 * https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html */
WK_API wk_module *wk_dropout_new(wk_module *parent, const char *name, double p);

/* Linear: y = x W^T + b. Parameters weight (out,in) and bias (out), initialised as in PyTorch.
 * https://pytorch.org/docs/stable/generated/torch.nn.Linear.html */
typedef struct wk_linear_options {
    size_t size;
    int32_t bias;      /* 1: with a bias */
    wk_tensor *weight; /* a parameter (out,in) of the same tree to share (ESHAPE); NULL: one of its own */
    wk_dtype dtype;    /* of the parameters, WK_F32 or WK_F64 */
} wk_linear_options;
#define WK_LINEAR_OPTIONS \
    { sizeof(wk_linear_options), 1, NULL, WK_F32 }

WK_API wk_module *wk_linear_new(wk_module *parent, const char *name, int64_t in_features, int64_t out_features,
                                const wk_linear_options *options);

/* x (...,in) -> (...,out) */
WK_API wk_tensor *wk_linear_forward(wk_module *linear, wk_tensor *x);

/* Conv1d, Conv2d, Conv3d and ConvTranspose1d to 3d: wk_conv2d and the like, with learned weights. Parameters weight, of
 * the shape that the operation takes, and bias (out), initialised as in PyTorch. kernel_size holds for all dimensions
 * that the windows move along, unless options have kernel_sizes. wk_forward runs them: x (N,C,S..) or (C,S..).
 *
 *     wk_conv_options o = WK_CONV_OPTIONS;
 *     o.padding = 2;
 *     wk_conv2d_new(net, "conv1", 1, 16, 5, &o);      // nn.Conv2d(1, 16, 5, padding=2)
 *
 * https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html, torch.nn.ConvTranspose2d.html */
#define WK_CONV_NEW(layer)                                                                           \
    WK_API wk_module *wk_##layer##_new(wk_module *parent, const char *name, int64_t in, int64_t out, \
                                       int64_t kernel_size, const wk_conv_options *options);
WK_CONV_NEW(conv1d)
WK_CONV_NEW(conv2d)
WK_CONV_NEW(conv3d)
WK_CONV_NEW(conv_transpose1d)
WK_CONV_NEW(conv_transpose2d)
WK_CONV_NEW(conv_transpose3d)
#undef WK_CONV_NEW

/* MaxPool1d to 3d, AvgPool1d to 3d: wk_max_pool2d and the like, as modules for a Sequential.
 * https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html, torch.nn.AvgPool2d.html */
#define WK_POOL_NEW(layer)                                                                       \
    WK_API wk_module *wk_##layer##_new(wk_module *parent, const char *name, int64_t kernel_size, \
                                       const wk_pool_options *options);
WK_POOL_NEW(max_pool1d)
WK_POOL_NEW(max_pool2d)
WK_POOL_NEW(max_pool3d)
WK_POOL_NEW(avg_pool1d)
WK_POOL_NEW(avg_pool2d)
WK_POOL_NEW(avg_pool3d)
#undef WK_POOL_NEW

/* Flatten: wk_flatten(x, 1, -1), x (N,*) -> (N, product of *), between layers over channels and layers over features.
 * https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html */
WK_API wk_module *wk_flatten_new(wk_module *parent, const char *name);

/* BatchNorm1d, BatchNorm2d and BatchNorm3d: wk_batch_norm of x (N,C), (N,C,L), (N,C,H,W) or (N,C,D,H,W), with the
 * moments of the batch in training mode and with those in the buffers in evaluation mode (wk_module_train). Parameters
 * weight and bias (C), 1 and 0 at first; buffers running_mean, running_var and num_batches_tracked, as in PyTorch. Each
 * forward in training mode, under WK_NO_GRAD too, updates the buffers: kept = (1 - momentum) kept + momentum now, where
 * the variance is divided by n - 1. ESHAPE in training mode if there is one element for each channel.
 * https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html; Ioffe & Szegedy 2015 */
typedef struct wk_batch_norm_options {
    size_t size;
    double eps, momentum;
    int32_t affine;              /* 1: with weight and bias */
    int32_t track_running_stats; /* 1: with buffers; 0: always by the moments of the batch */
    wk_dtype dtype;              /* of parameters and buffers, WK_F32 or WK_F64 */
} wk_batch_norm_options;
#define WK_BATCH_NORM_OPTIONS \
    { sizeof(wk_batch_norm_options), 1e-5, 0.1, 1, 1, WK_F32 }

WK_API wk_module *wk_batch_norm1d_new(wk_module *parent, const char *name, int64_t num_features,
                                      const wk_batch_norm_options *options);
WK_API wk_module *wk_batch_norm2d_new(wk_module *parent, const char *name, int64_t num_features,
                                      const wk_batch_norm_options *options);
WK_API wk_module *wk_batch_norm3d_new(wk_module *parent, const char *name, int64_t num_features,
                                      const wk_batch_norm_options *options);

/* Embedding: rows of a table, chosen by integers. Parameter weight (num_embeddings,embedding_dim), initialised from a
 * normal distribution as in PyTorch. https://pytorch.org/docs/stable/generated/torch.nn.Embedding.html */
typedef struct wk_embedding_options {
    size_t size;
    wk_dtype dtype;      /* of the weight, WK_F32 or WK_F64 */
    int64_t padding_idx; /* the row of this number is zero at first and gets no gradient; -1: none is so */
} wk_embedding_options;
#define WK_EMBEDDING_OPTIONS \
    { sizeof(wk_embedding_options), WK_F32, -1 }

WK_API wk_module *wk_embedding_new(wk_module *parent, const char *name, int64_t num_embeddings, int64_t embedding_dim,
                                   const wk_embedding_options *options);

/* input (...), integers -> (...,embedding_dim). EINDEX for a number that is not a row. */
WK_API wk_tensor *wk_embedding_forward(wk_module *embedding, wk_tensor *input);

/* LayerNorm: wk_layer_norm over the last dimensions, whose sizes are dims. Parameters weight and bias (dims), 1 and 0
 * at first. https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html */
typedef struct wk_layer_norm_options {
    size_t size;
    double eps;
    int32_t elementwise_affine; /* 1: with weight and bias */
    wk_dtype dtype;             /* of the parameters, WK_F32 or WK_F64 */
} wk_layer_norm_options;
#define WK_LAYER_NORM_OPTIONS \
    { sizeof(wk_layer_norm_options), 1e-5, 1, WK_F32 }

WK_API wk_module *wk_layer_norm_new(wk_module *parent, const char *name, int32_t ndim, const int64_t *dims,
                                    const wk_layer_norm_options *options);

/* x (...,dims) -> the same shape. */
WK_API wk_tensor *wk_layer_norm_forward(wk_module *layer_norm, wk_tensor *x);

/* MultiheadAttention: scaled dot-product attention in num_heads heads, each with embed_dim / num_heads features of
 * query, key and value. Parameters in_proj_weight (3 E,E), in_proj_bias (3 E), out_proj.weight (E,E) and out_proj.bias
 * (E), initialised as in PyTorch. https://pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html */
typedef struct wk_multihead_attention_options {
    size_t size;
    double dropout;      /* of weights, in training */
    int32_t bias;        /* 1: with biases */
    int32_t batch_first; /* 1: all are (N,T,E); 0: (T,N,E) */
    wk_dtype dtype;      /* of the parameters, WK_F32 or WK_F64 */
} wk_multihead_attention_options;
#define WK_MULTIHEAD_ATTENTION_OPTIONS \
    { sizeof(wk_multihead_attention_options), 0, 1, 0, WK_F32 }

WK_API wk_module *wk_multihead_attention_new(wk_module *parent, const char *name, int64_t embed_dim, int64_t num_heads,
                                             const wk_multihead_attention_options *options);

/* query (N,L,E), key and value (N,S,E) -> (N,L,E), or without batch_first (L,N,E) and so on. attn_mask broadcasts to
 * (N,H,L,S). True in a bool attn_mask means that a step must not be attended to, as in PyTorch's layer; beware that
 * it is the other way about in wk_scaled_dot_product_attention, as in PyTorch's function. A floating one is added to
 * the scores. is_causal masks all later steps by itself; only one of the two may be given (EINVAL). wk_forward(m, x)
 * is self-attention of x without a mask. */
WK_API wk_tensor *wk_multihead_attention_forward(wk_module *attention, wk_tensor *query, wk_tensor *key,
                                                 wk_tensor *value, wk_tensor *attn_mask, bool is_causal);

/* RNN, LSTM, GRU: layers over sequences of any length, taken from x at each call. The first layer reads x, each other
 * one the states of the layer below it. With two directions (D = 2) each layer also runs from the last step to the
 * first, and its result is the states of both directions side by side. Parameters weight_ih_l0 (G H,I), or (G H,D H)
 * above the first layer, weight_hh_l0 (G H,H), bias_ih_l0 (G H), bias_hh_l0 (G H), and for the other direction
 * weight_ih_l0_reverse and so on, with G = 1, 4 and 3 for RNN, LSTM and GRU, initialised as in PyTorch. The formulas
 * are those of wk_rnn, wk_lstm and wk_gru; there is no proj_size. EINVAL for a nonlinearity other than tanh, except for
 * RNN and RNNCell. https://pytorch.org/docs/stable/generated/torch.nn.RNN.html, torch.nn.LSTM.html and
 * torch.nn.GRU.html */
enum { WK_RNN_TANH, WK_RNN_RELU };
typedef struct wk_rnn_options {
    size_t size;
    int32_t bias;        /* 1: with biases */
    int32_t batch_first; /* 1: x and the result are (N,T,*); 0: (T,N,*) */
    int32_t num_layers;
    int32_t bidirectional; /* 1: two directions */
    int32_t nonlinearity;  /* WK_RNN_TANH, or of RNN and its cell WK_RNN_RELU */
    wk_dtype dtype;        /* of the parameters, WK_F32 or WK_F64 */
    double dropout;        /* with this probability between a layer and the next, in training */
} wk_rnn_options;
#define WK_RNN_OPTIONS \
    { sizeof(wk_rnn_options), 1, 0, 1, 0, WK_RNN_TANH, WK_F32, 0 }

WK_API wk_module *wk_rnn_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                             const wk_rnn_options *options);
WK_API wk_module *wk_lstm_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                              const wk_rnn_options *options);
WK_API wk_module *wk_gru_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                             const wk_rnn_options *options);

/* x (N,T,I), or (T,N,I) without batch_first; h0 (L D,N,H) or NULL for zeros: one state for each layer and direction, in
 * the order of the parameters. Returns the states of the last layer after all steps (N,T,D H), or (T,N,D H). If hn is
 * not NULL, *hn becomes the last states (L D,N,H) (NULL on failure). N and T may be 0. Errors: ESHAPE (x, or a state),
 * EDTYPE (x or a state is not of the parameters' type). */
WK_API wk_tensor *wk_rnn_forward(wk_module *rnn, wk_tensor *x, wk_tensor *h0, wk_tensor **hn);
WK_API wk_tensor *wk_gru_forward(wk_module *gru, wk_tensor *x, wk_tensor *h0, wk_tensor **hn);

/* An LSTM has a second state, c: c0 and *cn have the shape of h0. h0 and c0 are either both given or both NULL
 * (EINVAL). */
WK_API wk_tensor *wk_lstm_forward(wk_module *lstm, wk_tensor *x, wk_tensor *h0, wk_tensor *c0, wk_tensor **hn,
                                  wk_tensor **cn);

/* The same for rows of several lengths: `lengths` (N), i64 and in any order, says how many steps each row of the batch
 * has, 0 to T. What lies behind its end is not looked at in x and is zero in the result; the last states are those of
 * each row's own last step, and those at the beginning for a row of none. lengths NULL: T each. Dropout draws numbers
 * for the steps there are, in PyTorch's order. It is what torch.nn.utils.rnn.pack_padded_sequence, the layer and
 * pad_packed_sequence give, at the cost of the steps there are. Errors: EINVAL ("lengths[1] is 6 and must be from 0 to
 * 5, the steps of x"), ESHAPE (there are not N of them), EDTYPE (they are not integers).
 *
 * ```c
 * #include <stdio.h>
 * #include <wick.h>
 *
 * int main(void) {
 *     const int64_t steps[3] = {2, 4, 1};                                       // rows of 2, 4 and 1 steps
 *     wk_module *gru = wk_gru_new(NULL, "gru", 5, 8, NULL);
 *     wk_tensor *x = wk_randn(WK_SHAPE(4, 3, 5), WK_F32), *hn;                  // T = 4, N = 3
 *     wk_tensor *lengths = wk_from_data(steps, WK_SHAPE(3), WK_I64);
 *     wk_tensor *y = wk_gru_forward_ragged(gru, x, lengths, NULL, &hn);
 *     printf("%g\n", wk_get_f64(y, (const int64_t[]){1, 2, 0}));                // row 2 has no step 1
 *     wk_module_free(gru);
 *     return wk_check(NULL) != WK_OK;
 * }
 * ```
 * ```text
 * 0
 * ``` */
WK_API wk_tensor *wk_rnn_forward_ragged(wk_module *rnn, wk_tensor *x, wk_tensor *lengths, wk_tensor *h0,
                                        wk_tensor **hn);
WK_API wk_tensor *wk_gru_forward_ragged(wk_module *gru, wk_tensor *x, wk_tensor *lengths, wk_tensor *h0,
                                        wk_tensor **hn);
WK_API wk_tensor *wk_lstm_forward_ragged(wk_module *lstm, wk_tensor *x, wk_tensor *lengths, wk_tensor *h0,
                                         wk_tensor *c0, wk_tensor **hn, wk_tensor **cn);

/* LSTMCell and GRUCell: one step of the layer. x (N,I), h and c (N,H) or NULL for zeros -> the next h (N,H). If c_after
 * is not NULL, *c_after becomes the next c. Parameters weight_ih (G H,I), weight_hh (G H,H), bias_ih and bias_hh (G H).
 * Errors: EINVAL (options of several layers, directions or dropout; h without c), ESHAPE (x, or a state), EDTYPE.
 * https://pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html, torch.nn.GRUCell.html */
WK_API wk_module *wk_lstm_cell_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                                   const wk_rnn_options *options);
WK_API wk_module *wk_gru_cell_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                                  const wk_rnn_options *options);
WK_API wk_tensor *wk_lstm_cell_forward(wk_module *cell, wk_tensor *x, wk_tensor *h, wk_tensor *c, wk_tensor **c_after);
WK_API wk_tensor *wk_gru_cell_forward(wk_module *cell, wk_tensor *x, wk_tensor *h);

/* RNNCell: the same with h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu in place of tanh; made of linear, add and
 * tanh or relu. x (N,I), h (N,H) or NULL for zeros -> the next h (N,H). Parameters weight_ih (H,I), weight_hh (H,H),
 * bias_ih and bias_hh (H).
 * https://pytorch.org/docs/stable/generated/torch.nn.RNNCell.html */
WK_API wk_module *wk_rnn_cell_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                                  const wk_rnn_options *options);
WK_API wk_tensor *wk_rnn_cell_forward(wk_module *cell, wk_tensor *x, wk_tensor *h);

WK_END_DECLS

#endif
