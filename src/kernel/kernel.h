/* kernel.h -- tables of plain loops over memory. A kernel knows neither tensors nor graphs; it gets pointers,
 * lengths and strides, and it cannot fail.
 *
 * Reference first, speed as overlay: `wk__kernels_ref` is complete and in plain C. Each ISA's table is the same list
 * with its own functions in the f32 slots, and `wk__kernels` points to the best table that this machine runs
 * (WK_ISA=ref|avx2|avx512 picks another). Whatever the table, a kernel computes a sum in an order fixed by shape and
 * layout, and an element-wise result depends on the element alone, not on where it lies. */
#ifndef WK_KERNEL_KERNEL_H
#define WK_KERNEL_KERNEL_H

#include "wick/base.h"

/* Element-wise loops over n elements. A stride is in elements: 1 is contiguous, 0 repeats one element.
 * y may be the same memory as an input when both have the same stride; otherwise they do not overlap. Where y is
 * repeated, a loop that adds to y adds the whole sum to its one element; the others leave the last element there. */
typedef void wk_fill_loop(int64_t n, void *y, int64_t sy, const void *value);
typedef void wk_unary_loop(int64_t n, void *y, int64_t sy, const void *x, int64_t sx);
typedef void wk_binary_loop(int64_t n, void *y, int64_t sy, const void *a, int64_t sa, const void *b, int64_t sb);
typedef void wk_scale_loop(int64_t n, void *y, int64_t sy, const void *x, int64_t sx, double s);
typedef void wk_scaled_diff_loop(int64_t n, void *y, int64_t sy, const void *a, int64_t sa, const void *b, int64_t sb,
                                 double s, double beta);

/* Reductions write one element; n = 0 gives 0. */
typedef void wk_reduce_loop(int64_t n, void *y, const void *x, int64_t sx);
typedef void wk_reduce2_loop(int64_t n, void *y, const void *a, int64_t sa, const void *b, int64_t sb);

/* y = f(a, b) with a constant of the function, element by element. */
typedef void wk_pair_loop(int64_t n, void *y, int64_t sy, const void *a, int64_t sa, const void *b, int64_t sb,
                          double s);

/* Fibres: the runs of elements along a dimension that is reduced, scanned or normalised, `count` of them of n elements.
 *
 *     x(j,i) at x + j*x_next + i*x_along       rows of a matrix:     x_next = its width, x_along = 1
 *                                              its columns:          x_next = 1, x_along = its width
 *
 * A fold writes y(j); with `add` it takes y(j) in, so that a fibre may come in pieces. n = 0 gives what changes nothing
 * (0 for a sum, 1 for a product, -infinity for a maximum). A scan and the softmax family write y(j,i). b is a second
 * input, s a constant; kernels.def says which of them a kernel reads. */
typedef struct wk_fibres {
    int64_t count, n;
    void *y;
    int64_t y_next, y_along;
    const void *x;
    int64_t x_next, x_along;
    const void *b;
    int64_t b_next, b_along;
    double s;
    bool add;
} wk_fibres;
typedef void wk_fibre_kernel(const wk_fibres *f);

/* C (m,n) = beta C + A (m,k) B (k,n). A matrix is a pointer with a row and a column stride, so a transpose is the
 * same pointer with its strides exchanged. beta is 0 or 1; with 0, C is written and never read. */
typedef struct wk_matrix {
    const void *data;
    int64_t row, col;
} wk_matrix;
typedef void wk_gemm_kernel(int64_t m, int64_t n, int64_t k, wk_matrix a, wk_matrix b, double beta, void *c,
                            int64_t c_row, int64_t c_col);

/* One layer of a tanh RNN over a whole sequence (Elman 1990; the formula of torch.nn.RNN):
 *
 *     h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh),   t = 0 .. T-1
 *
 *     x(t,b,i)   at x + t*x_t + b*x_b + i          T steps, B rows of the batch, I features; the last axis contiguous
 *     out(t,b,j) at out + t*out_t + b*out_b + j    H features
 *     h0, gh0, ghn: contiguous (B,H)    w_ih (H,I), w_hh (H,H), b_ih, b_hh (H): contiguous
 *     h0 NULL = zeros; b_ih and b_hh NULL = no bias.
 *
 * work: scratch of wk__rnn_work(T, B, I, H) elements, for either direction, 64-byte aligned, of any content. */
typedef struct wk_rnn_args {
    int64_t T, B, I, H;
    const void *x;
    int64_t x_t, x_b;
    const void *h0, *w_ih, *w_hh, *b_ih, *b_hh;
    void *out;
    int64_t out_t, out_b;
    void *work;
} wk_rnn_args;
typedef void wk_rnn_forward_kernel(const wk_rnn_args *a);

/* Gradients of the above. gout lies like out, with strides of its own (NULL: zero); ghn is the gradient of h_{T-1}
 * (NULL: zero). Every target may be NULL (not wanted); `add_*` says whether to add to what lies there or to set it.
 * gx(t,b,i) lies at gx + t*gx_t + b*gx_b + i. */
typedef struct wk_rnn_grad_args {
    wk_rnn_args fwd; /* as in the forward call; out holds its result */
    const void *gout;
    int64_t gout_t, gout_b;
    const void *ghn;
    void *gx;
    int64_t gx_t, gx_b;
    void *gh0, *gw_ih, *gw_hh, *gb_ih, *gb_hh;
    bool add_x, add_h0, add_w_ih, add_w_hh, add_b_ih, add_b_hh;
} wk_rnn_grad_args;
typedef void wk_rnn_backward_kernel(const wk_rnn_grad_args *a);
int64_t wk__rnn_work(int64_t T, int64_t B, int64_t I, int64_t H);

/* Adam (Kingma & Ba 2015) over n contiguous parameters, rounded as torch.optim.Adam of PyTorch 1.13 rounds it on CPUs
 * with FMA: each line is one operation after the other in the element type, fma(a, b, c) = a b + c is rounded once,
 * and constants are computed in double, then rounded. Every table gives the same bits.
 *
 *     g = fma(weight_decay, p, g)                          where weight_decay is not 0
 *     m = fma(1 - beta1, g, beta1 m)
 *     v = fma((1 - beta2) g, g, beta2 v)
 *     p = p + (-step_size m) / (sqrt(v) / sqrt_bias2 + eps)
 *
 * step_size = lr / (1 - beta1^t) and sqrt_bias2 = sqrt(1 - beta2^t) in step t = 1, 2, ... */
typedef struct wk_adam_args {
    int64_t n;
    void *p, *m, *v;
    const void *g;
    double beta1, beta2, eps, weight_decay, step_size, sqrt_bias2;
} wk_adam_args;
typedef void wk_adam_kernel(const wk_adam_args *a);

/* SGD as torch.optim.SGD, rounded likewise. Without momentum b is NULL, and d = g.
 *
 *     g = fma(weight_decay, p, g)                          where weight_decay is not 0
 *     b = first ? g : fma(1 - dampening, g, momentum b)
 *     d = nesterov ? fma(momentum, b, g) : b
 *     p = fma(-lr, d, p) */
typedef struct wk_sgd_args {
    int64_t n;
    void *p, *b;
    const void *g;
    double lr, momentum, dampening, weight_decay;
    bool nesterov, first;
} wk_sgd_args;
typedef void wk_sgd_kernel(const wk_sgd_args *a);

typedef struct wk_kernels {
    const char *isa; /* "ref", "avx2" or "avx512" */
#define WK_KERNEL(name, type, dtypes) type *name[WK_DTYPE_COUNT];
#include "kernel/kernels.def"
#undef WK_KERNEL
} wk_kernels;

extern const wk_kernels wk__kernels_ref, wk__kernels_avx2, wk__kernels_avx512;
extern const wk_kernels *wk__kernels; /* the table in use; set once, before main, by select.c */

/* Makes the named table current ("ref", "avx2", "avx512"; NULL: the best one). False, and nothing changes, when this
 * machine or build lacks it. */
bool wk__kernels_select(const char *isa);

#endif
