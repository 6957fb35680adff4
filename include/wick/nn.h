/* wick/nn.h -- modules: named parameters in a tree, and the layers made of them.
 *
 * NOTE [Modules]. There is one type, wk_module. A parent owns its children; wk_module_free(root) frees the tree. Names
 * joined by dots are PyTorch's ("rnn.weight_ih_l0"), so weights saved there load here. Scopes never own modules.
 * A layer is a module with a class; users write classes the same way:
 *
 * ```c
 * #include <stdio.h>
 * #include <wick.h>
 *
 * typedef struct residual { wk_module *inner; wk_tensor *gate; } residual;    // y = x + gate tanh(inner(x))
 *
 * static wk_tensor *residual_forward(wk_module *m, wk_tensor *x) {
 *     const residual *self = wk_module_self(m);
 *     return wk_add(x, wk_mul(self->gate, wk_tanh(wk_forward(self->inner, x))));
 * }
 *
 * static void residual_describe(const wk_module *m, char *text, size_t nbytes) {
 *     const residual *self = wk_module_self(m);
 *     snprintf(text, nbytes, "gate=%g", wk_item(self->gate));
 * }
 *
 * static const wk_module_class residual_class = {
 *     sizeof(wk_module_class), "Residual", sizeof(residual), residual_forward, NULL, residual_describe,
 * };
 *
 * static wk_module *residual_new(wk_module *parent, const char *name, int64_t size) {
 *     wk_module *m = wk_module_new_of(parent, name, &residual_class);
 *     residual *self = wk_module_self(m);
 *     if (self == NULL) return NULL;
 *     self->inner = wk_linear_new(m, "inner", size, size, NULL);
 *     self->gate = wk_module_add_parameter(m, "gate", wk_scalar(0.5, WK_F32));
 *     return m;
 * }
 *
 * int main(void) {
 *     char text[1000];
 *     wk_module *net = wk_sequential_new(NULL, "net");
 *     wk_linear_new(net, NULL, 2, 8, NULL);                                   // under a Sequential, NULL counts:
 *     residual_new(net, NULL, 8);                                             // "0", "1", "2"
 *     wk_tanh_new(net, NULL);
 *     wk_tensor *y = wk_forward(net, wk_ones(WK_SHAPE(3, 2), WK_F32));
 *     wk_module_to_text(net, text, sizeof text);
 *     printf("%s\n%d x %d\n", text, (int)wk_dim(y, 0), (int)wk_dim(y, 1));
 *     wk_module_free(net);
 *     return wk_check(NULL) != WK_OK;
 * }
 * ```
 * ```text
 * Sequential(
 *   (0): Linear(in_features=2, out_features=8, bias=True)
 *   (1): Residual(
 *     gate=0.5
 *     (inner): Linear(in_features=8, out_features=8, bias=True)
 *   )
 *   (2): Tanh()
 * )
 * 3 x 8
 * ``` */
#ifndef WICK_NN_H
#define WICK_NN_H

#include "wick/ops.h"

WK_BEGIN_DECLS

typedef struct wk_module wk_module;

/* A module with no computation of its own, to hold others. parent NULL makes a root, which the caller frees.
 * NULL on failure: EINVAL (a name with a dot, empty under a parent, or taken by a sibling; a tree of more than
 * WK_MAX_MODULE_DEPTH levels, which are walked on the stack), ECONTEXT. Under a Sequential the name NULL stands for the
 * number of the child. */
#define WK_MAX_MODULE_DEPTH 100
WK_API wk_module *wk_module_new(wk_module *parent, const char *name);

/* Frees a root with all below it. Optimisers and snapshots hold a reference: memory goes when the last of them does.
 * NULL is allowed; ESTATE for a module that has a parent. */
WK_API void wk_module_free(wk_module *root);

/* What a class of modules can do. */
typedef struct wk_module_class {
    size_t size;         /* sizeof(wk_module_class) */
    const char *name;    /* "Linear" */
    size_t self_nbytes;  /* size of the data of each module of this class, zeroed at first */
    wk_tensor *(*forward)(wk_module *m, wk_tensor *x); /* or NULL: not a one-in-one-out module */
    void (*free)(wk_module *m);                        /* releases what self holds, or NULL */
    void (*describe)(const wk_module *m, char *text, size_t nbytes); /* "in_features=1, out_features=10"; or NULL */
} wk_module_class;

/* A module of a user's class, with its data. The class must outlive the module. NULL on failure: as wk_module_new, and
 * EINVAL for a class without a name, or of another size than this version knows. wk_module_self is the data of a
 * module, NULL where its class has none; it and wk_module_class_of say NULL of NULL. */
WK_API wk_module *wk_module_new_of(wk_module *parent, const char *name, const wk_module_class *cls);
WK_API void *wk_module_self(const wk_module *m);
WK_API const wk_module_class *wk_module_class_of(const wk_module *m);

/* Gives m a parameter with a copy of init's values, which requires a gradient, and returns it. It lives as long as the
 * module, at a place that never moves. Errors: EINVAL (the name is taken or has a dot), EDTYPE (not f32 or f64),
 * ECONTEXT, ESTATE (inside a plan's step). */
WK_API wk_tensor *wk_module_add_parameter(wk_module *m, const char *name, wk_tensor *init);

/* Gives m a second name for a parameter of the same tree, and returns it: tied weights. Files have it under both names;
 * for optimisers and below it counts once. Errors: EINVAL (the name, or t is no parameter of this tree), ECONTEXT,
 * ESTATE (inside a plan's step). */
WK_API wk_tensor *wk_module_share_parameter(wk_module *m, const char *name, wk_tensor *t);

/* Gives m a buffer, a tensor of any type that belongs to its state but is not trained, with a copy of init's values.
 * wk_copy_ writes it. Errors: EINVAL (the name is taken or has a dot), ECONTEXT, ESTATE (inside a plan's step).
 * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_buffer */
WK_API wk_tensor *wk_module_add_buffer(wk_module *m, const char *name, wk_tensor *init);

/* The buffer of this dotted name, or NULL. */
WK_API wk_tensor *wk_module_buffer(const wk_module *m, const char *name);

/* Parameters below m in the order of making, own ones first: count, one by number, one by its dotted name
 * ("rnn.bias_hh_l0"). NULL when there is none. wk_name gives the dotted name from the root. */
WK_API int64_t wk_module_parameter_count(const wk_module *m);
WK_API wk_tensor *wk_module_parameter_at(const wk_module *m, int64_t index);
WK_API wk_tensor *wk_module_parameter(const wk_module *m, const char *name);

/* Freezes (false) or thaws the parameters of m and below: a frozen one gets no gradient, so no step moves it. Errors:
 * EINVAL (m is NULL), ECONTEXT, ESTATE (m is shared with other threads). */
WK_API void wk_module_requires_grad_(wk_module *m, bool requires_grad);

/* Puts m and all below it into training (as they are made) or evaluation, for modules that differ between the two.
 * Errors: EINVAL (m is NULL), ECONTEXT. wk_module_training says false of NULL. */
WK_API void wk_module_train(wk_module *m, bool training);
WK_API bool wk_module_training(const wk_module *m);

/* The name of a module, "" of NULL; its children: one by its name, how many, one by number. NULL when there is none. */
WK_API const char *wk_module_name(const wk_module *m);
WK_API wk_module *wk_module_child(const wk_module *m, const char *name);
WK_API int32_t wk_module_child_count(const wk_module *m);
WK_API wk_module *wk_module_child_at(const wk_module *m, int32_t index);

/* The tree as PyTorch prints it: at most nbytes of text with the 0 at its end. Returns the length of the whole, so
 * wk_module_to_text(m, NULL, 0) + 1 bytes are enough. */
WK_API size_t wk_module_to_text(const wk_module *m, char *text, size_t nbytes);

/* Lets every thread run m, all at once: its parameters are shared from now on (NOTE [Threads] in tensor.h), require no
 * gradient and cannot be changed. There is no way back. The module outlives its use in other threads; whoever frees it
 * sees to that. Errors: EINVAL (m is NULL), ECONTEXT. */
WK_API wk_status wk_module_share(wk_module *m);

/* Runs a one-in-one-out module. EINVAL, naming the class, when it is not one or its forward returns NULL; what fails in
 * its forward is named after the function that the forward called. */
WK_API wk_tensor *wk_forward(wk_module *m, wk_tensor *x);

/* ---------------------------------------------------------------------------------------------------- snapshots --- */

/* A copy of all parameters and buffers of a module, aside: the best so far, or their average over time,
 *
 *     wk_snapshot *mean = wk_snapshot_new(net);
 *     ...  wk_optim_step(adam);  wk_snapshot_average(mean, 0.999);  ...         // in each step
 *     wk_snapshot_exchange(mean);  evaluate(net);  wk_snapshot_exchange(mean);  // with the mean, and back
 *
 * What joins the module later is not part of it. NULL on failure: EINVAL (m is NULL), ESTATE (inside a plan's step).
 * The caller frees it. */
typedef struct wk_snapshot wk_snapshot;
WK_API wk_snapshot *wk_snapshot_new(wk_module *m);
WK_API void wk_snapshot_free(wk_snapshot *snapshot);

/* Copies the module's values to the snapshot; the snapshot's to the module; or exchanges the two. Errors: ESTATE (the
 * module that would be written is shared with other threads). */
WK_API wk_status wk_snapshot_take(wk_snapshot *snapshot);
WK_API wk_status wk_snapshot_restore(wk_snapshot *snapshot);
WK_API wk_status wk_snapshot_exchange(wk_snapshot *snapshot);

/* kept = decay kept + (1 - decay) value; integers are copied. EINVAL unless 0 <= decay <= 1. */
WK_API wk_status wk_snapshot_average(wk_snapshot *snapshot, double decay);

/* ------------------------------------------------------------------------------------------------------- layers --- */

/* The functions below that make a layer have the errors of wk_module_new in common, EINVAL for a size that is not
 * positive or an option out of its range, and EDTYPE for parameters that are neither f32 nor f64. Options are the
 * caller's; NULL stands for the defaults. The functions ..._forward give tensors of the innermost scope. They refuse a
 * module of another class (EINVAL), an x or a state that is none for the layer (ESHAPE), and else what the operation of
 * that name refuses. */

/* Sequential: children one after another, each with one input and one output. What lies between them goes as soon as
 * the next child is done, unless the graph needs it: a hundred layers without gradients take the memory of one.
 * https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html */
WK_API wk_module *wk_sequential_new(wk_module *parent, const char *name);

/* Operations as modules: Tanh, Sigmoid, ReLU and SiLU; LeakyReLU (PyTorch's slope is 0.01), ELU (alpha 1), and GELU, to
 * which tanh means approximate="tanh". What they compute stands at the operations of these names.
 * https://pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity */
WK_API wk_module *wk_tanh_new(wk_module *parent, const char *name);
WK_API wk_module *wk_sigmoid_new(wk_module *parent, const char *name);
WK_API wk_module *wk_relu_new(wk_module *parent, const char *name);
WK_API wk_module *wk_silu_new(wk_module *parent, const char *name);
WK_API wk_module *wk_leaky_relu_new(wk_module *parent, const char *name, double negative_slope);
WK_API wk_module *wk_elu_new(wk_module *parent, const char *name, double alpha);
WK_API wk_module *wk_gelu_new(wk_module *parent, const char *name, bool tanh);

/* Dropout: wk_dropout in training, and nothing in evaluation (wk_module_train). EINVAL unless 0 <= p <= 1.
 * https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html */
WK_API wk_module *wk_dropout_new(wk_module *parent, const char *name, double p);

/* Linear: y = x W^T + b. Parameters weight (out,in) and bias (out), drawn as PyTorch draws them.
 * https://pytorch.org/docs/stable/generated/torch.nn.Linear.html */
typedef struct wk_linear_options {
    size_t size;
    int32_t bias;      /* 1: with a bias */
    wk_tensor *weight; /* a parameter (out,in) of the same tree to share (ESHAPE); NULL: one of its own */
    wk_dtype dtype;    /* of the parameters, WK_F32 or WK_F64 */
} wk_linear_options;
#define WK_LINEAR_OPTIONS { sizeof(wk_linear_options), 1, NULL, WK_F32 }

WK_API wk_module *wk_linear_new(wk_module *parent, const char *name, int64_t in_features, int64_t out_features,
                                const wk_linear_options *options);

/* x (...,in) -> (...,out) */
WK_API wk_tensor *wk_linear_forward(wk_module *linear, wk_tensor *x);

/* Conv1d, Conv2d, Conv3d and ConvTranspose1d to 3d: wk_conv2d and its like with weights to learn. Parameters weight, of
 * the shape that the operation takes, and bias (out), drawn as PyTorch draws them. kernel_size holds for all dimensions
 * that are walked, unless options have kernel_sizes. wk_forward runs them: x (N,C,S..) or (C,S..).
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

/* MaxPool1d to 3d, AvgPool1d to 3d: wk_max_pool2d and its like, for a Sequential.
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

/* Flatten: wk_flatten(x, 1, -1), between what has dimensions and what has features.
 * https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html */
WK_API wk_module *wk_flatten_new(wk_module *parent, const char *name);

/* BatchNorm1d, BatchNorm2d and BatchNorm3d: wk_batch_norm of x (N,C), (N,C,L), (N,C,H,W) or (N,C,D,H,W), by the moments
 * of the batch in training, and by those of the buffers in evaluation (wk_module_train). Parameters weight and bias,
 * 1 and 0 at first; buffers running_mean, running_var and num_batches_tracked, as PyTorch has them. Each training
 * forward, under WK_NO_GRAD too, moves them: kept = (1 - momentum) kept + momentum now, the variance being divided by
 * n - 1. ESHAPE in training when there is one element for each channel.
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

/* Embedding: rows of a table, chosen by whole numbers. Parameter weight (num_embeddings,embedding_dim), normal as
 * PyTorch draws it. https://pytorch.org/docs/stable/generated/torch.nn.Embedding.html */
typedef struct wk_embedding_options {
    size_t size;
    wk_dtype dtype;      /* of the weight, WK_F32 or WK_F64 */
    int64_t padding_idx; /* the row of this number is zero at first and gets no gradient; -1: none is so */
} wk_embedding_options;
#define WK_EMBEDDING_OPTIONS \
    { sizeof(wk_embedding_options), WK_F32, -1 }

WK_API wk_module *wk_embedding_new(wk_module *parent, const char *name, int64_t num_embeddings, int64_t embedding_dim,
                                   const wk_embedding_options *options);

/* input (...) of whole numbers -> (...,embedding_dim). EINDEX for a number outside. */
WK_API wk_tensor *wk_embedding_forward(wk_module *embedding, wk_tensor *input);

/* LayerNorm: wk_layer_norm over the last dimensions, dims. Parameters weight and bias of these dims, 1 and 0 at first.
 * https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html */
typedef struct wk_layer_norm_options {
    size_t size;
    double eps;
    int32_t elementwise_affine; /* 1: with weight and bias */
    wk_dtype dtype;             /* of the parameters, WK_F32 or WK_F64 */
} wk_layer_norm_options;
#define WK_LAYER_NORM_OPTIONS { sizeof(wk_layer_norm_options), 1e-5, 1, WK_F32 }

WK_API wk_module *wk_layer_norm_new(wk_module *parent, const char *name, int32_t ndim, const int64_t *dims,
                                    const wk_layer_norm_options *options);

/* x (...,dims) -> the same shape. */
WK_API wk_tensor *wk_layer_norm_forward(wk_module *layer_norm, wk_tensor *x);

/* RNN, LSTM, GRU: layers over sequences of any length, the length being whatever x has at each call. Each layer reads
 * the states of the one below it, the first x; with two directions, D = 2, each layer also runs from the last step to
 * the first, and what it gives are both states side by side. Parameters weight_ih_l0 (G H,I), or (G H,D H) above,
 * weight_hh_l0 (G H,H), bias_ih_l0 (G H), bias_hh_l0 (G H), and of the other direction weight_ih_l0_reverse and so on,
 * with G = 1, 4 and 3, drawn as PyTorch draws them. What a layer computes stands at wk_rnn, wk_lstm and wk_gru; there
 * is no proj_size. EINVAL for another nonlinearity than tanh but of RNN and RNNCell.
 * https://pytorch.org/docs/stable/generated/torch.nn.RNN.html, torch.nn.LSTM.html and torch.nn.GRU.html */
enum { WK_RNN_TANH, WK_RNN_RELU };
typedef struct wk_rnn_options {
    size_t size;
    int32_t bias;          /* 1: with biases */
    int32_t batch_first;   /* 1: x and the result are (N,T,*); 0: (T,N,*) */
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

/* x (N,T,I), or (T,N,I) without batch_first; h0 (L D,N,H) or NULL for zeros: a state for each layer and direction, in
 * the order of the parameters. Returns the states of all steps of the last layer (N,T,D H), or (T,N,D H); *hn, when hn
 * is not NULL, becomes the last states (L D,N,H) (NULL on failure). N and T may be 0. Errors: ESHAPE (x, or a state),
 * EDTYPE (they are not of the parameters' type). */
WK_API wk_tensor *wk_rnn_forward(wk_module *rnn, wk_tensor *x, wk_tensor *h0, wk_tensor **hn);
WK_API wk_tensor *wk_gru_forward(wk_module *gru, wk_tensor *x, wk_tensor *h0, wk_tensor **hn);

/* An LSTM has a second state; h0 and c0 come together or not at all (EINVAL). */
WK_API wk_tensor *wk_lstm_forward(wk_module *lstm, wk_tensor *x, wk_tensor *h0, wk_tensor *c0, wk_tensor **hn,
                                  wk_tensor **cn);

/* The same for rows of several lengths: `lengths` (N), i64 and in any order, says how many steps each row of the batch
 * has, 0 to T. What lies behind its end is not looked at in x and is zero in the result; the last states are those of
 * each row's own last step, and those at the beginning for a row of none. lengths NULL: T each. Dropout draws numbers
 * for the steps there are, in PyTorch's order. It is what torch.nn.utils.rnn.pack_padded_sequence, the layer and
 * pad_packed_sequence give, at the cost of the steps there are. Errors: EINVAL ("lengths[1] is 6 and must be from 0 to
 * 5, the steps of x"), ESHAPE (there are not N of them), EDTYPE (they are no whole numbers).
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

/* LSTMCell and GRUCell: one step of the layer. x (N,I), h and c (N,H) or NULL for zeros -> the next h (N,H); *c_after,
 * when c_after is not NULL, becomes the next c. Parameters weight_ih (G H,I), weight_hh (G H,H), bias_ih and bias_hh.
 * Errors: EINVAL (options of several layers, directions or dropout; h without c), ESHAPE (x, or a state), EDTYPE.
 * https://pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html, torch.nn.GRUCell.html */
WK_API wk_module *wk_lstm_cell_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                                   const wk_rnn_options *options);
WK_API wk_module *wk_gru_cell_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                                  const wk_rnn_options *options);
WK_API wk_tensor *wk_lstm_cell_forward(wk_module *cell, wk_tensor *x, wk_tensor *h, wk_tensor *c, wk_tensor **c_after);
WK_API wk_tensor *wk_gru_cell_forward(wk_module *cell, wk_tensor *x, wk_tensor *h);

/* RNNCell: the same, h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with relu, built from linear, add and tanh.
 * https://pytorch.org/docs/stable/generated/torch.nn.RNNCell.html */
WK_API wk_module *wk_rnn_cell_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                                  const wk_rnn_options *options);
WK_API wk_tensor *wk_rnn_cell_forward(wk_module *cell, wk_tensor *x, wk_tensor *h);

WK_END_DECLS

#endif
