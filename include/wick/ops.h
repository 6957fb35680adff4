/* wick/ops.h -- the operations. ops.def is their list and their manual: each row there is a prototype here. */
#ifndef WICK_OPS_H
#define WICK_OPS_H

#include "wick/tensor.h"

WK_BEGIN_DECLS

/* How the windows of a convolution move over its input. Each number holds for all dimensions that the windows move
 * along; an array with one number for each dimension takes its place where they differ. Options NULL: the defaults.
 *
 *     wk_conv_options o = WK_CONV_OPTIONS;
 *     o.stride = 2, o.paddings = (const int64_t[]){1, 3};
 *     wk_tensor *y = wk_conv2d(x, w, b, &o);
 *
 * The last three are read by layers only (wk_conv2d_new). */
typedef struct wk_conv_options {
    size_t size;
    int64_t stride, padding, dilation;
    int64_t output_padding; /* of transposed convolutions: added to the end, as the sizes leave it open */
    int64_t groups;         /* channels are divided into this many groups, each with weights of its own */
    const int64_t *strides, *paddings, *dilations, *output_paddings;
    const int64_t *kernel_sizes;
    int32_t bias;   /* 1: with a bias */
    wk_dtype dtype; /* of the parameters, WK_F32 or WK_F64 */
} wk_conv_options;
#define WK_CONV_OPTIONS \
    { sizeof(wk_conv_options), 1, 0, 1, 0, 1, NULL, NULL, NULL, NULL, NULL, 1, WK_F32 }

/* How the windows of a pooling operation move. stride 0: the size of the window. */
typedef struct wk_pool_options {
    size_t size;
    int64_t stride, padding;
    int64_t dilation;          /* of max_pool */
    int32_t count_include_pad; /* of avg_pool; 1: padding counts as elements of 0 */
    const int64_t *kernel_sizes, *strides, *paddings, *dilations;
} wk_pool_options;
#define WK_POOL_OPTIONS \
    { sizeof(wk_pool_options), 0, 0, 1, 1, NULL, NULL, NULL, NULL }

#define WK_OP_FILE(file, kind)
#define WK_OP(name, formula, parameters) WK_API wk_tensor *wk_##name parameters;
#include "wick/ops.def"
#undef WK_OP
#undef WK_OP_FILE

/* ---------------------------------------------------------------------------------- made of several operations --- */

/* x in parts along dim: wk_split makes parts of size split_size, of which the last may be smaller; wk_chunk makes at
 * most `chunks` parts, equal but for the last. The parts are views (wk_narrow). NULL on failure. Errors: EINDEX, EINVAL
 * (a size or a count that is not positive). https://pytorch.org/docs/stable/generated/torch.split.html,
 * torch.chunk.html */
WK_API wk_list *wk_split(wk_tensor *x, int64_t split_size, int32_t dim);
WK_API wk_list *wk_chunk(wk_tensor *x, int64_t chunks, int32_t dim);

/* Whether all elements of a are close to those of b (wk_isclose), and whether a and b have the same shape and equal
 * elements. Both read elements, as wk_item does; false on failure. Errors of wk_allclose: ESHAPE (they do not
 * broadcast), EINVAL (a tolerance below 0). https://pytorch.org/docs/stable/generated/torch.allclose.html,
 * torch.equal.html */
WK_API bool wk_allclose(wk_tensor *a, wk_tensor *b, double rtol, double atol, bool equal_nan);
WK_API bool wk_equal(wk_tensor *a, wk_tensor *b);

/* ------------------------------------------------------------------------------------------ losses with options --- */

/* Each loss has a short form in ops.def, with PyTorch's defaults, and one that takes options (NULL: the defaults):
 *
 *     wk_loss_options o = WK_LOSS_OPTIONS;
 *     o.label_smoothing = 0.1;
 *     wk_tensor *loss = wk_cross_entropy_options(logits, target, &o);
 *
 * Errors: those of the short form, and EINVAL for an option out of its range, ESHAPE for a weight of another shape. */
enum { WK_REDUCTION_NONE, WK_REDUCTION_MEAN, WK_REDUCTION_SUM };

typedef struct wk_loss_options {
    size_t size;
    int32_t reduction;      /* WK_REDUCTION_NONE: a loss for each element; MEAN; SUM */
    int64_t ignore_index;   /* of nll_loss and cross_entropy: targets that count for nothing */
    double beta;            /* of smooth_l1_loss and huber_loss (delta there): where the square becomes a line */
    double label_smoothing; /* of cross_entropy: 0 to 1, the part of the target that all classes share */
    wk_tensor *weight;      /* (C), one for each class; in the binary ones, broadcast to the losses; NULL: 1 */
    wk_tensor *pos_weight;  /* of binary_cross_entropy_with_logits: for targets of 1; NULL: 1 */
} wk_loss_options;
#define WK_LOSS_OPTIONS { sizeof(wk_loss_options), WK_REDUCTION_MEAN, -100, 1, 0, NULL, NULL }

WK_API wk_tensor *wk_mse_loss_options(wk_tensor *x, wk_tensor *target, const wk_loss_options *options);
WK_API wk_tensor *wk_l1_loss_options(wk_tensor *x, wk_tensor *target, const wk_loss_options *options);
WK_API wk_tensor *wk_smooth_l1_loss_options(wk_tensor *x, wk_tensor *target, const wk_loss_options *options);
WK_API wk_tensor *wk_huber_loss_options(wk_tensor *x, wk_tensor *target, const wk_loss_options *options);
WK_API wk_tensor *wk_binary_cross_entropy_options(wk_tensor *x, wk_tensor *target, const wk_loss_options *options);
WK_API wk_tensor *wk_binary_cross_entropy_with_logits_options(wk_tensor *x, wk_tensor *target,
                                                              const wk_loss_options *options);
WK_API wk_tensor *wk_nll_loss_options(wk_tensor *log_probs, wk_tensor *target, const wk_loss_options *options);
WK_API wk_tensor *wk_cross_entropy_options(wk_tensor *logits, wk_tensor *target, const wk_loss_options *options);

/* --------------------------------------------------------------------------------- calling an operation by name --- */

/* For bindings, tests and tools: every row of ops.def can be found by its name and called with its inputs in an array
 * and its attributes as {name, value} pairs. Only the names are public; the numbers of rows may change. */
typedef struct wk_op wk_op;

/* The row of this name, or NULL. */
WK_API const wk_op *wk_op_find(const char *name);

/* All rows: wk_op_at(0) ... wk_op_at(wk_op_count() - 1). NULL outside. */
WK_API int32_t wk_op_count(void);
WK_API const wk_op *wk_op_at(int32_t index);

WK_API const char *wk_op_name(const wk_op *op);
WK_API const char *wk_op_formula(const wk_op *op);

/* Kinds of attributes. The first four are integers; three of these have a meaning: 0 or 1, a wk_dtype, a
 * WK_REDUCTION_. */
enum {
    WK_ATTR_INT = 'i',
    WK_ATTR_BOOL = 'b',
    WK_ATTR_DTYPE = 't',
    WK_ATTR_REDUCTION = 'r',
    WK_ATTR_FLOAT = 'f',
    WK_ATTR_DIMS = 'd',
    WK_ATTR_STRING = 's',
};

/* An attribute and its value: an integer kind (i), WK_ATTR_FLOAT (f), WK_ATTR_DIMS (n numbers at dims), WK_ATTR_STRING
 * (s). */
typedef struct wk_attr {
    const char *name;
    int64_t i;
    double f;
    const int64_t *dims;
    int32_t n;
    const char *s;
} wk_attr;

/* How many inputs (-1: any number), outputs and attributes a row has. */
WK_API int32_t wk_op_input_count(const wk_op *op);
WK_API int32_t wk_op_output_count(const wk_op *op);
WK_API int32_t wk_op_attr_count(const wk_op *op);

/* The names of the inputs as in the manual, "x w b"; "" if there are none. */
WK_API const char *wk_op_input_names(const wk_op *op);

/* Whether the inputs may be of this element type, be it that the row computes in it or casts it to another one. For
 * inputs that hold indices or conditions, see the manual. false for rows without inputs. */
WK_API bool wk_op_takes(const wk_op *op, wk_dtype dtype);

/* Name and kind (WK_ATTR_INT ...) of an attribute; NULL and 0 if index is out of range. */
WK_API const char *wk_op_attr_name(const wk_op *op, int32_t index, char *kind);

/* Calls a row. An absent optional input is NULL. Attributes may come in any order; a missing one takes the row's
 * default, which is 0 unless its manual says otherwise. outputs has room for all outputs of the row, which belong to
 * the innermost scope, and is set to NULL first. Errors: EINVAL (an unknown attribute, a wrong number of inputs), and
 * those of the row. */
WK_API wk_status wk_op_call(const wk_op *op, const wk_attr *attrs, int32_t attr_count, wk_tensor *const *inputs,
                            int32_t input_count, wk_tensor **outputs);

WK_END_DECLS

#endif
