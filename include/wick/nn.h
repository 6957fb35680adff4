/* wick/nn.h -- modules: named parameters in a tree; the layers made of them are in layers.h.
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

#include "wick/tensor.h"

WK_BEGIN_DECLS

typedef struct wk_module wk_module;

/* A module without a computation of its own, to hold others. With parent NULL it is a root, which the caller frees.
 * Under a Sequential, the name NULL stands for the number of the child. NULL on failure: EINVAL (a name with a dot,
 * empty under a parent, or taken by a sibling; a tree of more than WK_MAX_MODULE_DEPTH levels, since functions recurse
 * into it), ECONTEXT. */
#define WK_MAX_MODULE_DEPTH 100
WK_API wk_module *wk_module_new(wk_module *parent, const char *name);

/* Frees a root and everything below it. Optimisers and snapshots hold a reference: the memory is freed with the last of
 * them. NULL is allowed; ESTATE for a module that has a parent. */
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
 * EINVAL for a class without a name, or of a size that this version does not know. wk_module_self is the data of the
 * module, NULL if its class has none; it and wk_module_class_of return NULL for NULL. */
WK_API wk_module *wk_module_new_of(wk_module *parent, const char *name, const wk_module_class *cls);
WK_API void *wk_module_self(const wk_module *m);
WK_API const wk_module_class *wk_module_class_of(const wk_module *m);

/* Adds a parameter to m, with a copy of init's values, and returns it. It requires a gradient, lives as long as the
 * module, and never moves in memory. Errors: EINVAL (the name is taken or has a dot), EDTYPE (not f32 or f64),
 * ECONTEXT, ESTATE (inside a plan's step). */
WK_API wk_tensor *wk_module_add_parameter(wk_module *m, const char *name, wk_tensor *init);

/* Gives a parameter of the same tree a second name, in m, and returns it: tied weights. Files contain it under both
 * names; optimisers and the functions below count it once. Errors: EINVAL (the name, or t is not a parameter of this
 * tree), ECONTEXT, ESTATE (inside a plan's step). */
WK_API wk_tensor *wk_module_share_parameter(wk_module *m, const char *name, wk_tensor *t);

/* Adds a buffer to m, with a copy of init's values, and returns it: a tensor of any type that belongs to the module's
 * state but is not trained. wk_copy_ writes it. Errors: EINVAL (the name is taken or has a dot), ECONTEXT, ESTATE
 * (inside a plan's step).
 * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_buffer */
WK_API wk_tensor *wk_module_add_buffer(wk_module *m, const char *name, wk_tensor *init);

/* The buffer with this dotted name, or NULL. */
WK_API wk_tensor *wk_module_buffer(const wk_module *m, const char *name);

/* The parameters of m and below, in the order in which they were made, m's own first: how many, one by its number, one
 * by its dotted name ("rnn.bias_hh_l0"). NULL if there is none. wk_name gives the dotted name from the root. */
WK_API int64_t wk_module_parameter_count(const wk_module *m);
WK_API wk_tensor *wk_module_parameter_at(const wk_module *m, int64_t index);
WK_API wk_tensor *wk_module_parameter(const wk_module *m, const char *name);

/* Freezes (false) or unfreezes the parameters of m and below. A frozen parameter gets no gradient, so no step changes
 * it. Errors: EINVAL (m is NULL), ECONTEXT, ESTATE (m is shared with other threads). */
WK_API void wk_module_requires_grad_(wk_module *m, bool requires_grad);

/* Puts m and all modules below it into training mode, in which they are made, or evaluation mode, for modules that
 * differ between the two. Errors: EINVAL (m is NULL), ECONTEXT. wk_module_training returns false for NULL. */
WK_API void wk_module_train(wk_module *m, bool training);
WK_API bool wk_module_training(const wk_module *m);

/* The name of a module ("" for NULL); its children: one by its name, how many, one by its number. NULL if there is
 * none. */
WK_API const char *wk_module_name(const wk_module *m);
WK_API wk_module *wk_module_child(const wk_module *m, const char *name);
WK_API int32_t wk_module_child_count(const wk_module *m);
WK_API wk_module *wk_module_child_at(const wk_module *m, int32_t index);

/* Writes the tree as PyTorch prints it: at most nbytes, the 0 at the end included. Returns the length of the whole
 * text, so wk_module_to_text(m, NULL, 0) + 1 bytes are enough. */
WK_API size_t wk_module_to_text(const wk_module *m, char *text, size_t nbytes);

/* Sets all parameters and buffers of one module to the values of another's, found by name: a target network, a teacher.
 * As torch's to.load_state_dict(from.state_dict()). Nothing changes unless all names and shapes agree; types are
 * converted. Errors: EINVAL (NULL, a name that one of them lacks), ESHAPE, ESTATE (to is shared with other threads). */
WK_API wk_status wk_module_copy(wk_module *to, const wk_module *from);

/* Lets all threads run m at the same time: from now on its parameters are shared (NOTE [Threads] in tensor.h), require
 * no gradient and cannot be changed. This cannot be undone. The module must outlive its use in other threads; whoever
 * frees it is responsible for that. Errors: EINVAL (m is NULL), ECONTEXT. */
WK_API wk_status wk_module_share(wk_module *m);

/* Runs a module with one input and one output. EINVAL, naming the class, if the module is not of that kind or its
 * forward returns NULL. A failure inside its forward carries the name of the function that failed there. */
WK_API wk_tensor *wk_forward(wk_module *m, wk_tensor *x);

/* ---------------------------------------------------------------------------------------------------- snapshots --- */

/* A copy of all parameters and buffers of a module, kept aside: the best so far, or their average over time,
 *
 *     wk_snapshot *mean = wk_snapshot_new(net);
 *     ...  wk_optim_step(adam);  wk_snapshot_average(mean, 0.999);  ...         // in each step
 *     wk_snapshot_exchange(mean);  evaluate(net);  wk_snapshot_exchange(mean);  // with the mean, and back
 *
 * Parameters that join the module later are not part of it. NULL on failure: EINVAL (m is NULL), ESTATE (inside a
 * plan's step). The caller frees it. */
typedef struct wk_snapshot wk_snapshot;
WK_API wk_snapshot *wk_snapshot_new(wk_module *m);
WK_API void wk_snapshot_free(wk_snapshot *snapshot);

/* take copies the module's values to the snapshot, restore the snapshot's to the module; exchange swaps the two.
 * Errors: ESTATE (the module that would be written is shared with other threads). */
WK_API wk_status wk_snapshot_take(wk_snapshot *snapshot);
WK_API wk_status wk_snapshot_restore(wk_snapshot *snapshot);
WK_API wk_status wk_snapshot_exchange(wk_snapshot *snapshot);

/* kept = decay kept + (1 - decay) value; integers are copied. EINVAL unless 0 <= decay <= 1. */
WK_API wk_status wk_snapshot_average(wk_snapshot *snapshot, double decay);

/* ------------------------------------------------------------------------------------------------- first values --- */

/* torch.nn.init: sets all elements of t, a parameter or any other tensor of f32 or f64, without recording. Layers start
 * with PyTorch's defaults; these functions are for other initial values:
 *
 *     wk_init_normal_(wk_module_parameter(net, "tok.weight"), 0, 0.02);
 *
 * xavier takes a gain, which is 1 for linear layers. kaiming takes the negative slope of the relu that follows: 0, or
 * that of a leaky one. A weight (O,I,K..) has a fan-in of I K and a fan-out of O K. Errors: EINVAL, EDTYPE, ESHAPE
 * (fewer than two dimensions, which do not determine the fans). Glorot & Bengio 2010, He et al. 2015;
 * https://pytorch.org/docs/stable/nn.init.html */
WK_API void wk_init_constant_(wk_tensor *t, double value);
WK_API void wk_init_uniform_(wk_tensor *t, double low, double high);
WK_API void wk_init_normal_(wk_tensor *t, double mean, double std);
WK_API void wk_init_xavier_uniform_(wk_tensor *t, double gain);
WK_API void wk_init_xavier_normal_(wk_tensor *t, double gain);
WK_API void wk_init_kaiming_uniform_(wk_tensor *t, double a);
WK_API void wk_init_kaiming_normal_(wk_tensor *t, double a);

WK_END_DECLS

#endif
