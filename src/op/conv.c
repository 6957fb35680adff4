/* conv.c -- convolutions of one, two and three dimensions, as products of matrices. The windows of an image become the
 * columns of a matrix, which the weights of each group multiply (im2col; Chellapilla et al. 2006):
 *
 *     columns (G, C/G K, L)     w (G, O/G, C/G K)     y (G, O/G, L)      K places in a window, L windows
 *
 *     y = w columns(x) + b        gw += g columns(x)^T        columns(gx) += w^T g        gb += sum of g over N and L
 *
 * By kernels (conv_images.c) this is done image by image. Gradients of gradients are those of the same as a composition
 * of views.
 *
 * A transposed convolution is the gradient of one: that of x with its elements `stride` apart, zeros between them, by
 * the same weights read backwards. */
#include "base/options.h"
#include "op/conv_images.h"

enum { X, W, B };

typedef struct conv_attrs {
    wk_dims_attr stride, padding, dilation, output_padding;
    int64_t groups;
} conv_attrs;

static const wk_attr_field fields[] = {
    {"stride", 'd', offsetof(conv_attrs, stride), 0},
    {"padding", 'd', offsetof(conv_attrs, padding), 0},
    {"dilation", 'd', offsetof(conv_attrs, dilation), 0},
    {"groups", 'i', offsetof(conv_attrs, groups), 1},
    {"output_padding", 'd', offsetof(conv_attrs, output_padding), 0}, /* of transposed ones alone */
};
enum { CONV_FIELDS = 4 };

/* How many dimensions a row walks; and of transposed ones, the convolution over as many. */
typedef struct conv_kind {
    int32_t n;
    const wk_op *plain;
} conv_kind;

static const conv_kind *kind_of(const wk_op *op) { return op->variant; }
static int32_t walked(const wk_call *c) { return kind_of(c->op)->n; }

/* ----------------------------------------------------------------------------------------------------- checking --- */

/* The numbers of a call, and the window that is as large as w. */
static bool window_of(wk_call *c, wk_window *window) {
    const conv_attrs *a = c->attrs;
    const int32_t n = walked(c);
    window->n = n;
    for (int32_t i = 0; i < n; i++) window->size[i] = c->in[W]->a.dims[2 + i];
    return wk__numbers_of(c, "stride", &a->stride, n, 1, 1, window->stride) &&
           wk__numbers_of(c, "padding", &a->padding, n, 0, 0, window->padding) &&
           wk__numbers_of(c, "dilation", &a->dilation, n, 1, 1, window->dilation);
}

/* Do w and b fit x, of whose channels w has those of one group in dimension `in`? */
static bool check_weights(wk_call *c, int32_t in, int64_t out_channels) {
    const wk_tensor *x = c->in[X], *w = c->in[W], *b = c->in[B];
    const int64_t groups = ((const conv_attrs *)c->attrs)->groups, channels = x->a.dims[x->a.ndim - walked(c) - 1];
    int64_t taken = w->a.dims[0];
    wk_shape_text tx, tw;
    if (in == 1 && __builtin_mul_overflow(w->a.dims[1], groups, &taken)) taken = INT64_MAX;
    if (channels != taken)
        return wk__refuse(c, WK_ESHAPE, "x %s and w %s: x has %lld channels, w takes %lld", wk__dims_text(&tx, x),
                          wk__dims_text(&tw, w), (long long)channels, (long long)taken);
    if (w->a.dims[0] % groups != 0)
        return wk__refuse(c, WK_ESHAPE, "w %s: %lld channels are not %lld groups of one size", wk__dims_text(&tw, w),
                          (long long)w->a.dims[0], (long long)groups);
    if (b != NULL && (b->a.ndim != 1 || b->a.dims[0] != out_channels))
        return wk__refuse(c, WK_ESHAPE, "w %s and b %s: b must be (%lld)", wk__dims_text(&tw, w), wk__dims_text(&tx, b),
                          (long long)out_channels);
    return true;
}

/* What all have in common, before their windows are looked at. */
static bool check_call(wk_call *c) {
    const wk_tensor *w = c->in[W];
    const int64_t groups = ((const conv_attrs *)c->attrs)->groups;
    const int32_t n = walked(c);
    wk_shape_text text;
    if (!wk__check_float(c) || !wk__check_walked(c, n)) return false;
    if (w->a.ndim != n + 2 || wk__product(n, w->a.dims + 2) == 0)
        return wk__refuse(c, WK_ESHAPE, "w %s: two numbers of channels are followed by %d sizes of the window",
                          wk__dims_text(&text, w), (int)n);
    return groups > 0 || wk__refuse(c, WK_EINVAL, "groups is %lld and must be positive", (long long)groups);
}

static bool conv_shape(wk_call *c) {
    const wk_array *x = &c->in[X]->a, *w = &c->in[W]->a;
    wk_window window;
    if (!check_call(c) || !check_weights(c, 1, w->dims[0]) || !window_of(c, &window) || !wk__count_windows(c, &window))
        return false;
    int64_t dims[WK_MAX_DIMS] = {x->dims[0]};
    const int32_t channels = x->ndim - window.n - 1;
    dims[channels] = w->dims[0];
    for (int32_t i = 0; i < window.n; i++) dims[channels + 1 + i] = window.count[i];
    conv_attrs *a = c->attrs; /* the gradient reads what was left out, too */
    a->stride = wk__for_each_dim(window.n, 0, window.stride);
    a->padding = wk__for_each_dim(window.n, 0, window.padding);
    a->dilation = wk__for_each_dim(window.n, 0, window.dilation);
    return wk__declare(c, 0, x->dtype, x->ndim, dims);
}

static void conv_forward(wk_call *c) {
    wk_window window;
    if (window_of(c, &window) && wk__count_windows(c, &window))
        wk__conv_images(c, &window, ((const conv_attrs *)c->attrs)->groups);
}

/* The window of a call that was checked when it was made. */
static wk_window window_of_node(const wk_node *node, const wk_array *x, const wk_array *w) {
    const conv_attrs *a = node->attrs;
    wk_window window = {.n = w->ndim - 2};
    for (int32_t i = 0; i < window.n; i++) {
        window.size[i] = w->dims[2 + i];
        window.stride[i] = a->stride.dims[i], window.padding[i] = a->padding.dims[i];
        window.dilation[i] = a->dilation.dims[i];
        window.count[i] =
            (x->dims[x->ndim - window.n + i] + 2 * window.padding[i] - window.dilation[i] * (window.size[i] - 1) - 1) /
                window.stride[i] +
            1;
    }
    return window;
}

static bool conv_grad(wk_backprop *b) {
    const wk_window window = window_of_node(b->node, wk__saved_in(b, X), wk__saved_in(b, W));
    wk__conv_images_backward(b, &window, ((const conv_attrs *)b->node->attrs)->groups);
    return true;
}

/* ------------------------------------------------------------------------------- as a composition of views --- */

/* The windows (N,C,L..,K..) as columns (N,G,C/G K,L), without G where there is one group. */
static wk_tensor *columns_of(wk_tensor *windows, const wk_window *w, int64_t groups) {
    const int64_t N = wk_dim(windows, 0), rows = wk_dim(windows, 1) / groups * wk__product(w->n, w->size);
    const int64_t L = wk__product(w->n, w->count);
    int64_t order[WK_MAX_DIMS] = {0, 1};
    for (int32_t i = 0; i < w->n; i++) order[2 + i] = 2 + w->n + i, order[2 + w->n + i] = 2 + i;
    wk_tensor *columns = wk_permute(windows, 2 + 2 * w->n, order);
    return groups == 1 ? wk_reshape(columns, WK_SHAPE(N, rows, L)) : wk_reshape(columns, WK_SHAPE(N, groups, rows, L));
}

/* y (N,O,L..) + b for each channel. */
static wk_tensor *with_bias(wk_tensor *y, wk_tensor *b, int32_t n) {
    int64_t dims[WK_MAX_DIMS] = {b != NULL ? wk_numel(b) : 0, 1, 1, 1};
    return b != NULL ? wk_add(y, wk_reshape(b, n + 1, dims)) : y;
}

static wk_tensor *convolve(wk_tensor *x, wk_tensor *w, wk_tensor *b, const wk_window *window, int64_t groups) {
    const int64_t O = wk_dim(w, 0), rows = wk_dim(w, 1) * wk__product(window->n, window->size);
    wk_tensor *columns = columns_of(wk__windows(x, window, 0), window, groups);
    wk_tensor *weights =
        groups == 1 ? wk_reshape(w, WK_SHAPE(O, rows)) : wk_reshape(w, WK_SHAPE(groups, O / groups, rows));
    int64_t dims[WK_MAX_DIMS] = {wk_dim(x, 0), O};
    for (int32_t i = 0; i < window->n; i++) dims[2 + i] = window->count[i];
    return with_bias(wk_reshape(wk_matmul(weights, columns), window->n + 2, dims), b, window->n);
}

static void conv_compose(wk_call *c) {
    wk_window window;
    if (!window_of(c, &window) || !wk__count_windows(c, &window)) return;
    wk_tensor *x = wk__with_batch(c->in[X], window.n);
    wk_tensor *y = convolve(x, c->in[W], c->in[B], &window, ((const conv_attrs *)c->attrs)->groups);
    c->out[0] = wk__without_batch(y, c->in[X], window.n);
}

/* -------------------------------------------------------------------------------------- transposed convolutions --- */

/* So many steps of so many places each: is that more than there can be elements? */
static bool goes_too_far(int64_t steps, int64_t places) {
    int64_t all;
    return __builtin_mul_overflow(steps, places, &all) || all >> WK__MOST_BITS != 0;
}

/* The result has (S - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1 places. */
static bool transposed_shape(wk_call *c) {
    const conv_attrs *a = c->attrs;
    const wk_tensor *x = c->in[X], *w = c->in[W];
    const int32_t n = walked(c);
    wk_shape_text text;
    wk_window t;
    int64_t more[WK__MAX_WALKED];
    if (!check_call(c)) return false;
    if (goes_too_far(w->a.dims[1], a->groups)) return wk__refuse_no_memory(c);
    if (!check_weights(c, 0, w->a.dims[1] * a->groups) || !window_of(c, &t) ||
        !wk__numbers_of(c, "output_padding", &a->output_padding, n, 0, 0, more))
        return false;
    for (int32_t i = 0; i < n; i++) {
        const int64_t size = x->a.dims[x->a.ndim - n + i];
        if (more[i] >= t.stride[i] && more[i] >= t.dilation[i])
            return wk__refuse(c, WK_EINVAL, "output_padding is %lld and must be below stride or dilation",
                              (long long)more[i]);
        if (goes_too_far(size, t.stride[i]) || goes_too_far(t.size[i], t.dilation[i]) || goes_too_far(1, t.padding[i]))
            return wk__refuse_no_memory(c);
        if (size == 0 || (size - 1) * t.stride[i] - 2 * t.padding[i] + t.dilation[i] * (t.size[i] - 1) + more[i] < 0)
            return wk__refuse(c, WK_ESHAPE, "padding %lld leaves nothing of dimension %d of x %s",
                              (long long)t.padding[i], (int)(x->a.ndim - n + i), wk__dims_text(&text, x));
    }
    return true;
}

/* Dimension d of x with its elements `stride` apart, each followed by zeros. */
static wk_tensor *spread_out(wk_tensor *x, int32_t d, int64_t stride) {
    if (stride == 1) return x;
    wk_tensor *apart = wk_pad(wk_unsqueeze(wk_transpose(x, d, -1), -1), WK_SHAPE(0, stride - 1), 0);
    return wk_transpose(wk_flatten(apart, -2, -1), d, -1);
}

/* x (N,C,S..) spread out, and with so many zeros around it that each window over it is one element of the result:
 * dilation (size - 1) - padding in front, and behind it output_padding more, without those of the last element. */
static wk_tensor *stretched(wk_tensor *x, const wk_window *t, const int64_t *more) {
    int64_t pads[2 * WK__MAX_WALKED] = {0};
    for (int32_t i = 0; i < t->n; i++) {
        const int64_t around = t->dilation[i] * (t->size[i] - 1) - t->padding[i];
        x = spread_out(x, 2 + i, t->stride[i]);
        pads[2 * (t->n - 1 - i)] = around;
        pads[2 * (t->n - 1 - i) + 1] = around + more[i] - (t->stride[i] - 1);
    }
    return wk_pad(x, 2 * t->n, pads, 0);
}

/* w (C,O/G,K..) read backwards, with the two numbers of channels exchanged in each group: (O,C/G,K..). */
static wk_tensor *transposed_weights(wk_tensor *w, int32_t n, int64_t groups) {
    int64_t dims[WK_MAX_DIMS] = {0}, back[WK__MAX_WALKED] = {0};
    for (int32_t i = 0; i < n; i++) back[i] = 2 + i, dims[2 + i] = wk_dim(w, 2 + i);
    dims[0] = wk_dim(w, 1) * groups, dims[1] = wk_dim(w, 0) / groups;
    w = wk_unflatten(wk_flip(w, n, back), 0, WK_SHAPE(groups, wk_dim(w, 0) / groups));
    return wk_reshape(wk_transpose(w, 1, 2), n + 2, dims);
}

static void transposed_compose(wk_call *c) {
    const conv_attrs *a = c->attrs;
    wk_window t;
    int64_t more[WK__MAX_WALKED];
    if (!window_of(c, &t) || !wk__numbers_of(c, "output_padding", &a->output_padding, t.n, 0, 0, more)) return;
    wk_tensor *x = stretched(wk__with_batch(c->in[X], t.n), &t, more);
    for (int32_t i = 0; i < t.n; i++) {
        t.stride[i] = 1, t.padding[i] = 0;
        t.count[i] = wk_dim(x, 2 + i) - t.dilation[i] * (t.size[i] - 1);
    }
    conv_attrs attrs = {.dilation = wk__for_each_dim(t.n, 0, t.dilation), .groups = a->groups};
    wk_tensor *const in[] = {x, transposed_weights(c->in[W], t.n, a->groups), c->in[B]};
    c->out[0] = wk__without_batch(wk__apply(kind_of(c->op)->plain, in, 3, &attrs, NULL), c->in[X], t.n);
}

/* --------------------------------------------------------------------------------------------------------- rows --- */

static wk_tensor *with_options(const wk_op *op, wk_tensor *x, wk_tensor *w, wk_tensor *b,
                               const wk_conv_options *options) {
    wk_conv_options o;
    if (!wk__options(&o, &(wk_conv_options)WK_CONV_OPTIONS, options, sizeof o, op->name)) return NULL;
    const int32_t n = kind_of(op)->n;
    conv_attrs attrs = {
        .stride = wk__for_each_dim(n, o.stride, o.strides),
        .padding = wk__for_each_dim(n, o.padding, o.paddings),
        .dilation = wk__for_each_dim(n, o.dilation, o.dilations),
        .groups = o.groups,
        .output_padding = wk__for_each_dim(n, o.output_padding, o.output_paddings),
    };
    return (wk__is_composed(op) ? wk__compose : wk__apply)(op, (wk_tensor *const[]){x, w, b}, 3, &attrs, NULL);
}

#define ALL (WK_READS_IN(X) | WK_READS_IN(W) | WK_READS_IN(B))
#define PLAIN(n)                                                                                                       \
    .variant = &(const conv_kind){n, NULL}, WK_FIRST_ATTRS(conv_attrs, fields, CONV_FIELDS), .reads = {ALL, ALL, ALL}, \
    .shape = conv_shape, .forward = conv_forward, .grad = conv_grad, .compose = conv_compose
#define TRANSPOSED(n)                                                                                              \
    .variant = &(const conv_kind){n, &wk__op_conv##n##d}, WK_ATTRS(conv_attrs, fields), .shape = transposed_shape, \
    .compose = transposed_compose

#define CONV(op, ...)                                                                              \
    const wk_op wk__op_##op =                                                                      \
        {                                                                                          \
            WK_ROW(op),         .in_count = 3,       .out_count = 1,                               \
            .optional = 1 << B, .in_names = "x w b", .types = WK__WHOLE_NUMBERS,                   \
            __VA_ARGS__,                                                                           \
    };                                                                                             \
    wk_tensor *wk_##op(wk_tensor *x, wk_tensor *w, wk_tensor *b, const wk_conv_options *options) { \
        return with_options(&wk__op_##op, x, w, b, options);                                       \
    }
CONV(conv1d, PLAIN(1))
CONV(conv2d, PLAIN(2))
CONV(conv3d, PLAIN(3))
CONV(conv_transpose1d, TRANSPOSED(1))
CONV(conv_transpose2d, TRANSPOSED(2))
CONV(conv_transpose3d, TRANSPOSED(3))
