/* layer.h -- what the layers share. But for that they are written with the public headers, as a user's would be. */
#ifndef WK_NN_LAYER_H
#define WK_NN_LAYER_H

#include "base/options.h"
#include "nn/module.h"
#include "wick/layers.h"
#include "wick/ops.h"

/* The module's data if it is of this class, else NULL and a record:
 * "rnn_forward: m is Linear, not a module of class RNN". */
void *wk__layer_self(const wk_module *m, const wk_module_class *cls, const char *function);

/* A new parameter of m, uniform in [-bound, bound). */
wk_tensor *wk__uniform_parameter(wk_module *m, const char *name, double bound, int32_t ndim, const int64_t *dims,
                                 wk_dtype dtype);

/* PyTorch draws the weights of Linear and of convolutions with kaiming_uniform(a = sqrt 5), which comes to 1 / sqrt(n)
 * for n inputs of an output, by a road with roundings of its own; the road is kept, so that the first weights are the
 * same to the bit. */
double wk__weight_bound(int64_t n);

/* What a function that makes a layer returns: m, or NULL when one of its parameters could not be made (recorded). Then
 * m is gone, and its parent as it was. */
wk_module *wk__layer_made(wk_module *m, const char *function);

/* What the forward of a layer returns: y, or NULL when the operation in it failed (NOTE [Whose failure]). */
wk_tensor *wk__layer_gives(wk_tensor *y, const char *function);

/* True when t has this shape; else records that `what` has another. */
bool wk__layer_shape(const wk_tensor *t, const char *what, int32_t ndim, const int64_t *dims, const char *function);

/* A number as Python prints it: with the fewest digits that give it back, and a point or an exponent. */
typedef struct wk_number_text {
    char bytes[32];
} wk_number_text;
const char *wk__number_text(wk_number_text *text, double value);

/* True when 0 <= p <= 1; else records that p is no probability. */
bool wk__layer_probability(double p, const char *what, const char *function);

/* True when parameters can be of this type; else records which types there are for them. */
bool wk__layer_dtype(wk_dtype dtype, const char *function);

/* True when count > 0; else records that a size must be positive. */
bool wk__layer_size(int64_t count, const char *what, const char *function);

#endif
