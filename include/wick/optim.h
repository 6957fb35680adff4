/* wick/optim.h -- optimisers: one fused pass over the parameters of a module.
 *
 * A parameter whose gradient is absent (see wk_grad_of) is left alone by a step: its value, its moments and its own
 * count of steps, as in PyTorch with zero_grad(set_to_none=True). An optimiser holds a reference to its module. */
#ifndef WICK_OPTIM_H
#define WICK_OPTIM_H

#include "wick/nn.h"

WK_BEGIN_DECLS

typedef struct wk_optim wk_optim;

/* Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980), as torch.optim.Adam:
 *   m = beta1 m + (1-beta1) g;  v = beta2 v + (1-beta2) g^2
 *   p -= lr / (1-beta1^t) * m / (sqrt(v / (1-beta2^t)) + eps)
 * weight_decay adds weight_decay p to g. https://pytorch.org/docs/stable/generated/torch.optim.Adam.html */
typedef struct wk_adam_options {
    size_t size;
    double beta1, beta2, eps, weight_decay;
} wk_adam_options;
#define WK_ADAM_OPTIONS { sizeof(wk_adam_options), 0.9, 0.999, 1e-8, 0.0 }

/* An optimiser for all parameters that the module has now, with learning rate lr; options NULL: the defaults. It holds
 * a reference to the module. The caller frees it. Errors of all functions that make an optimiser: EINVAL (lr or an
 * option is out of its range, which the message states), ESTATE (inside a plan's step). */
WK_API wk_optim *wk_adam_new(wk_module *module, double lr, const wk_adam_options *options);

/* AdamW (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101), as torch.optim.AdamW: Adam, with the weights
 * decayed directly, p *= 1 - lr weight_decay, instead of through their gradients. Errors: EINVAL.
 * https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html */
typedef wk_adam_options wk_adamw_options;
#define WK_ADAMW_OPTIONS { sizeof(wk_adamw_options), 0.9, 0.999, 1e-8, 0.01 }

WK_API wk_optim *wk_adamw_new(wk_module *module, double lr, const wk_adamw_options *options);

/* RMSprop (Tieleman and Hinton 2012), as torch.optim.RMSprop:
 *   v = alpha v + (1-alpha) g^2;  p -= lr g / (sqrt(v) + eps)
 * centered subtracts the square of the mean gradient from v; with momentum, b = momentum b + g / (sqrt(v) + eps) and
 * p -= lr b. weight_decay adds weight_decay p to g. Errors: EINVAL.
 * https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html */
typedef struct wk_rmsprop_options {
    size_t size;
    double alpha, eps, weight_decay, momentum;
    int32_t centered;
} wk_rmsprop_options;
#define WK_RMSPROP_OPTIONS { sizeof(wk_rmsprop_options), 0.99, 1e-8, 0.0, 0.0, 0 }

WK_API wk_optim *wk_rmsprop_new(wk_module *module, double lr, const wk_rmsprop_options *options);

/* Stochastic gradient descent, as torch.optim.SGD: p -= lr g; with momentum,
 *   b = momentum b + (1-dampening) g, the first time b = g;  p -= lr b, or with nesterov  p -= lr (g + momentum b)
 * weight_decay adds weight_decay p to g. Errors: EINVAL, also for nesterov without momentum or with dampening.
 * https://pytorch.org/docs/stable/generated/torch.optim.SGD.html */
typedef struct wk_sgd_options {
    size_t size;
    double momentum, dampening, weight_decay;
    int32_t nesterov;
} wk_sgd_options;
#define WK_SGD_OPTIONS { sizeof(wk_sgd_options), 0.0, 0.0, 0.0, 0 }

WK_API wk_optim *wk_sgd_new(wk_module *module, double lr, const wk_sgd_options *options);

/* Makes the gradients of the optimiser's parameters absent. */
WK_API void wk_optim_zero_grad(wk_optim *optim);

/* Updates every parameter whose gradient is present. Errors: ESTATE (parameters have joined the module since:
 * wk_optim_add them; a backward failed and left its gradients invalid: wk_optim_zero_grad first). */
WK_API wk_status wk_optim_step(wk_optim *optim);

/* Adds the parameters that joined the module after the optimiser was made; the others keep their moments. */
WK_API wk_status wk_optim_add(wk_optim *optim);

/* The learning rate of the steps to come; a schedule sets it before each step. wk_optim_lr returns 0 for NULL. Errors:
 * EINVAL (lr is negative or not finite), ESTATE inside a plan's step, whose replays use the rate that they find
 * (wk_optim_lr returns NaN there). */
WK_API double wk_optim_lr(const wk_optim *optim);
WK_API void wk_optim_set_lr(wk_optim *optim, double lr);

/* The 2-norm of all gradients of a module, taken together as one vector: f64 (), owned by the innermost scope. Absent
 * gradients do not count. https://pytorch.org/docs/stable/generated/torch.nn.utils.get_total_norm.html */
WK_API wk_tensor *wk_grad_norm(wk_module *module);

/* Settings of a single parameter, which do the work of PyTorch's parameter groups: a weight decay of its own in place
 * of the options', and a factor by which the learning rate is multiplied for it, 1 by default. With a factor of 0 the
 * parameter does not change.
 *
 *     for (int64_t i = 0; i < wk_module_parameter_count(net); i++) {           // biases and norms do not decay
 *         wk_tensor *p = wk_module_parameter_at(net, i);
 *         if (wk_ndim(p) < 2) wk_optim_set_weight_decay(adamw, p, 0);
 *     }
 *
 * Checkpoints do not store these settings; set them whenever the optimiser is made. Neighbouring parameters with the
 * same settings are updated together. Errors: EINVAL (a number that is negative or not finite, a tensor that the
 * optimiser does not train). https://pytorch.org/docs/stable/optim.html#per-parameter-options */
WK_API void wk_optim_set_weight_decay(wk_optim *optim, const wk_tensor *parameter, double weight_decay);
WK_API void wk_optim_set_lr_scale(wk_optim *optim, const wk_tensor *parameter, double scale);

/* Scales all gradients of a module by one factor, so that their norm is at most max_norm, and returns the norm that
 * they had (NaN on failure, and inside a plan's step, where it is not known: make wk_grad_norm an output). Absent
 * gradients do not count. A norm that is not finite makes all gradients useless, as in PyTorch. Errors: EINVAL
 * (max_norm is negative or NaN).
 * https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html */
WK_API double wk_clip_grad_norm(wk_module *module, double max_norm);

/* Frees the optimiser and its reference to the module. NULL is allowed. */
WK_API void wk_optim_free(wk_optim *optim);

WK_END_DECLS

#endif
