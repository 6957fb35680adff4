/* wick/nn.h -- modules: named parameters in a tree, and the layers made of them.
 *
 * NOTE [Modules]. There is one type, wk_module. A parent owns its children; wk_module_free(root) frees the tree. Names
 * joined by dots are PyTorch's ("rnn.weight_ih_l0"), so weights saved there load here. Scopes never own modules.
 * A layer is a module with a class; users write classes the same way. */
#ifndef WICK_NN_H
#define WICK_NN_H

#include "wick/tensor.h"

WK_BEGIN_DECLS

typedef struct wk_module wk_module;

/* A module with no computation of its own, to hold others. parent NULL makes a root, which the caller frees.
 * NULL on failure: EINVAL (a name with a dot, empty under a parent, or taken by a sibling). */
WK_API wk_module *wk_module_new(wk_module *parent, const char *name);

/* Frees a root with all below it. Optimisers hold a reference: memory goes when the last of them is freed too.
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

/* A module of a user's class, with its data. The class must outlive the module. */
WK_API wk_module *wk_module_new_of(wk_module *parent, const char *name, const wk_module_class *cls);
WK_API void *wk_module_self(const wk_module *m);
WK_API const wk_module_class *wk_module_class_of(const wk_module *m);

/* Gives m a parameter with a copy of init's values, which requires a gradient, and returns it. It lives as long as the
 * module, at a place that never moves. Errors: EINVAL (the name is taken or has a dot), EDTYPE (not floating). */
WK_API wk_tensor *wk_module_add_parameter(wk_module *m, const char *name, wk_tensor *init);

/* Parameters below m in the order of making, own ones first: count, one by number, one by its dotted name
 * ("rnn.bias_hh_l0"). NULL when there is none. wk_name gives the dotted name from the root. */
WK_API int64_t wk_module_parameter_count(const wk_module *m);
WK_API wk_tensor *wk_module_parameter_at(const wk_module *m, int64_t index);
WK_API wk_tensor *wk_module_parameter(const wk_module *m, const char *name);

WK_API const char *wk_module_name(const wk_module *m);
WK_API wk_module *wk_module_child(const wk_module *m, const char *name);

/* Lets every thread run m, all at once: its parameters are shared from now on (NOTE [Threads] in tensor.h), require no
 * gradient and cannot be changed. There is no way back. The module outlives its use in other threads; whoever frees it
 * sees to that. Errors: ECONTEXT. */
WK_API wk_status wk_module_share(wk_module *m);

/* Runs a one-in-one-out module. EINVAL, naming the class, when it is not one. */
WK_API wk_tensor *wk_forward(wk_module *m, wk_tensor *x);

/* ------------------------------------------------------------------------------------------------------- layers --- */

/* Linear: y = x W^T + b. Parameters weight (out,in) and bias (out), drawn as PyTorch draws them.
 * https://pytorch.org/docs/stable/generated/torch.nn.Linear.html */
typedef struct wk_linear_options {
    size_t size;
    int32_t bias; /* 1: with a bias */
} wk_linear_options;
#define WK_LINEAR_OPTIONS { sizeof(wk_linear_options), 1 }

WK_API wk_module *wk_linear_new(wk_module *parent, const char *name, int64_t in_features, int64_t out_features,
                                const wk_linear_options *options);

/* x (...,in) -> (...,out) */
WK_API wk_tensor *wk_linear_forward(wk_module *linear, wk_tensor *x);

/* RNN: one layer with tanh over sequences of any length, the length being whatever x has at each call. Parameters
 * weight_ih_l0 (H,I), weight_hh_l0 (H,H), bias_ih_l0 (H), bias_hh_l0 (H), drawn as PyTorch draws them.
 * https://pytorch.org/docs/stable/generated/torch.nn.RNN.html */
typedef struct wk_rnn_options {
    size_t size;
    int32_t bias;        /* 1: with biases */
    int32_t batch_first; /* 1: x and the result are (N,T,*); 0: (T,N,*) */
} wk_rnn_options;
#define WK_RNN_OPTIONS { sizeof(wk_rnn_options), 1, 0 }

WK_API wk_module *wk_rnn_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                             const wk_rnn_options *options);

/* x (N,T,I), or (T,N,I) without batch_first; h0 (1,N,H) or NULL for zeros. Returns the states of all steps (N,T,H), or
 * (T,N,H); *hn, when hn is not NULL, becomes the last state (1,N,H) (NULL on failure). */
WK_API wk_tensor *wk_rnn_forward(wk_module *rnn, wk_tensor *x, wk_tensor *h0, wk_tensor **hn);

/* RNNCell: one step, h' = tanh(W_ih x + b_ih + W_hh h + b_hh), built from linear, add and tanh. x (N,I), h (N,H) or
 * NULL for zeros -> (N,H). Parameters weight_ih, weight_hh, bias_ih, bias_hh.
 * https://pytorch.org/docs/stable/generated/torch.nn.RNNCell.html */
WK_API wk_module *wk_rnn_cell_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                                  const wk_rnn_options *options);
WK_API wk_tensor *wk_rnn_cell_forward(wk_module *cell, wk_tensor *x, wk_tensor *h);

WK_END_DECLS

#endif
