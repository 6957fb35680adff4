/* wick/ops.h -- the operations. ops.def is their list and their manual: each row there is a prototype here. */
#ifndef WICK_OPS_H
#define WICK_OPS_H

#include "wick/tensor.h"

WK_BEGIN_DECLS

/* How windows go over what is convolved. A number holds for all dimensions that are walked; where they differ, an array
 * of one number for each takes its place. Options NULL: the defaults.
 *
 *     wk_conv_options o = WK_CONV_OPTIONS;
 *     o.stride = 2, o.paddings = (const int64_t[]){1, 3};
 *     wk_tensor *y = wk_conv2d(x, w, b, &o);
 *
 * The last four are for layers alone (wk_conv2d_new). */
typedef struct wk_conv_options {
    size_t size;
    int64_t stride, padding, dilation;
    int64_t output_padding; /* of transposed ones: places behind, which the sizes leave open */
    int64_t groups;         /* channels come in so many groups, each with weights of its own */
    const int64_t *strides, *paddings, *dilations, *output_paddings;
    const int64_t *kernel_sizes;
    int32_t bias;   /* 1: with a bias */
    wk_dtype dtype; /* of the parameters, WK_F32 or WK_F64 */
} wk_conv_options;
#define WK_CONV_OPTIONS \
    { sizeof(wk_conv_options), 1, 0, 1, 0, 1, NULL, NULL, NULL, NULL, NULL, 1, WK_F32 }

/* And over what is pooled. stride 0: as large as the window. */
typedef struct wk_pool_options {
    size_t size;
    int64_t stride, padding;
    int64_t dilation;          /* of max_pool */
    int32_t count_include_pad; /* of avg_pool; 1: padding counts as places with 0 */
    const int64_t *kernel_sizes, *strides, *paddings, *dilations;
} wk_pool_options;
#define WK_POOL_OPTIONS \
    { sizeof(wk_pool_options), 0, 0, 1, 1, NULL, NULL, NULL, NULL }

#define WK_OP_FILE(file)
#define WK_OP(name, formula, parameters) WK_API wk_tensor *wk_##name parameters;
#include "wick/ops.def"
#undef WK_OP
#undef WK_OP_FILE

/* ---------------------------------------------------------------------------------- made of several operations --- */

/* x in parts along dim, each `split_size` long, but for a last one that may be shorter; in `chunks` parts at most, all
 * but the last of one length. The parts are views (wk_narrow). NULL on failure. Errors: EINDEX, EINVAL (a size or a
 * count that is not positive). https://pytorch.org/docs/stable/generated/torch.split.html, torch.chunk.html */
WK_API wk_list *wk_split(wk_tensor *x, int64_t split_size, int32_t dim);
WK_API wk_list *wk_chunk(wk_tensor *x, int64_t chunks, int32_t dim);

/* Reads, as wk_item is: are all elements of a near to those of b (wk_isclose)? Have a and b one shape and equal
 * elements? false on failure, too. Errors of wk_allclose: ESHAPE (they do not broadcast), EINVAL
 * (a tolerance below 0). https://pytorch.org/docs/stable/generated/torch.allclose.html, torch.equal.html */
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
    wk_tensor *weight;      /* one for each class, or, in the binary ones, stretched over the losses; NULL: 1 */
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
 * and its numbers as {name, value} pairs. Rows are known outside by name only. */
typedef struct wk_op wk_op;

/* The row of this name, or NULL. */
WK_API const wk_op *wk_op_find(const char *name);

/* All rows: wk_op_at(0) ... wk_op_at(wk_op_count() - 1). NULL outside. */
WK_API int32_t wk_op_count(void);
WK_API const wk_op *wk_op_at(int32_t index);

WK_API const char *wk_op_name(const wk_op *op);
WK_API const char *wk_op_formula(const wk_op *op);

/* Kinds of attributes. The first four are whole numbers, of which three stand for something else: 0 or 1, a wk_dtype,
 * a WK_REDUCTION_. */
enum {
    WK_ATTR_INT = 'i',
    WK_ATTR_BOOL = 'b',
    WK_ATTR_DTYPE = 't',
    WK_ATTR_REDUCTION = 'r',
    WK_ATTR_FLOAT = 'f',
    WK_ATTR_DIMS = 'd',
    WK_ATTR_STRING = 's',
};

/* An attribute: a whole number (i), WK_ATTR_FLOAT (f), WK_ATTR_DIMS (n numbers at dims), WK_ATTR_STRING (s). */
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

/* The names of the inputs, "x w b", as its manual has them; "" when there are none. */
WK_API const char *wk_op_input_names(const wk_op *op);

/* May the inputs be of this element type, whether the row computes in it or in another one that they are cast to? Of
 * inputs that hold indices or conditions the manual tells. false for rows without inputs. */
WK_API bool wk_op_takes(const wk_op *op, wk_dtype dtype);

/* Name and kind (WK_ATTR_INT ...) of an attribute; NULL and 0 outside. */
WK_API const char *wk_op_attr_name(const wk_op *op, int32_t index, char *kind);

/* Calls a row. An absent optional input is NULL; attributes may come in any order; missing ones take the row's default,
 * which is 0 unless its manual says otherwise. outputs has room for the row's outputs, all set to NULL first.
 * Errors: EINVAL (an attribute of unknown name, a wrong number of inputs), and the row's own. */
WK_API wk_status wk_op_call(const wk_op *op, const wk_attr *attrs, int32_t attr_count, wk_tensor *const *inputs,
                            int32_t input_count, wk_tensor **outputs);

WK_END_DECLS

#endif
