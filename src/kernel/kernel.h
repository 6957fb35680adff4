/* kernel.h -- tables of plain loops over memory. A kernel knows neither tensors nor graphs; it gets pointers,
 * lengths and strides, and it cannot fail.
 *
 * Reference first, speed as overlay: `wk__kernels_ref` is complete and in plain C. Each ISA's table is the same list
 * with functions of its own in most slots of f32 and f64 and some of the others, and `wk__kernels` points to the best
 * table that this machine runs (WK_ISA picks another by its name). Whatever the table, a kernel computes a sum in
 * an order fixed by shape and layout, and an element-wise result depends on the element alone, not on where it lies.
 *
 * NOTE [Two NaNs]. One NaN is as good as another. Of two that meet in a sum or a product the processor gives the
 * first, with its sign and payload; but which is the first, the compiler decides anew wherever a formula is compiled:
 * in a loop, in its last few elements, in a fused kernel. Whether a result is NaN is a promise, which NaN it is none.
 * To write the instructions out would make it one, and take the two most frequent of all kernels out of the compiler's
 * hands. */
#ifndef WK_KERNEL_KERNEL_H
#define WK_KERNEL_KERNEL_H

#include "base/cpu.h"
#include "wick/base.h"

/* So many bytes, written at once, do not stay in the caches until somebody reads them. `fill` goes past the caches
 * then; `fill_far` always does, for those who write as much in parts. */
enum { WK_FAR_NBYTES = 16 << 20 };

/* Element-wise loops over n elements. A stride is in elements: 1 is contiguous, 0 repeats one element.
 * y may be the same memory as an input when both have the same stride; otherwise they do not overlap. Where y is
 * repeated, a loop that adds to y adds the whole sum to its one element; the others leave the last element there. */
typedef void wk_fill_loop(int64_t n, void *y, int64_t sy, const void *value);
typedef void wk_unary_loop(int64_t n, void *y, int64_t sy, const void *x, int64_t sx);
typedef void wk_binary_loop(int64_t n, void *y, int64_t sy, const void *a, int64_t sa, const void *b, int64_t sb);
typedef void wk_scale_loop(int64_t n, void *y, int64_t sy, const void *x, int64_t sx, double s);
/* y = beta y + (factor g / count) (a - b), where g is one element: the factor in double, then rounded. beta: 0 or 1. */
typedef void wk_scaled_diff_loop(int64_t n, void *y, int64_t sy, const void *a, int64_t sa, const void *b, int64_t sb,
                                 const void *g, double factor, int64_t count, double beta);

/* Ranges without gaps: from a in steps of b, or from a to b. */
typedef void wk_range_loop(int64_t n, void *y, double a, double b);

/* y = a where the condition, a bool, holds, else b. */
typedef void wk_where_loop(int64_t n, void *y, int64_t sy, const uint8_t *condition, int64_t sc, const void *a,
                           int64_t sa, const void *b, int64_t sb);

/* y = f(x, s, t), and gx = its gradient (add: gx += it), where the formula in maps.def reads g and x or y. gx is not
 * repeated. */
typedef void wk_map_loop(int64_t n, void *y, int64_t sy, const void *x, int64_t sx, double s, double t);
typedef void wk_map_grad_loop(int64_t n, void *gx, int64_t sgx, const void *g, int64_t sg, const void *x_or_y,
                              int64_t s_xy, double s, double t, bool add);

/* Reductions write one element; n = 0 gives 0. */
typedef void wk_reduce_loop(int64_t n, void *y, const void *x, int64_t sx);
typedef void wk_reduce2_loop(int64_t n, void *y, const void *a, int64_t sa, const void *b, int64_t sb);

/* One dimension reached by index: the i-th of n elements lies at(i) * step elements on from where it would lie with
 * index 0, at(i) being index[i * si], counted from `size` when negative; size 0: none is. Indices are in range.
 *
 *     gather    y[i sy] (+)= x[i sx + at(i) step]            scatter   y[i sy + at(i) step] (+)= x[i sx] */
typedef void wk_index_loop(int64_t n, void *y, int64_t sy, const void *x, int64_t sx, const int64_t *index, int64_t si,
                           int64_t step, int64_t size);

/* index[i si] = the place in x of what comes i-th in order, for i < count <= n. Equal elements keep their order; NaN is
 * above all numbers. work: scratch of wk__argsort_work(n, element size) bytes, 64-byte aligned. */
typedef void wk_argsort_kernel(int64_t n, int64_t count, int64_t *index, int64_t si, const void *x, int64_t sx,
                               bool descending, void *work);
static inline int64_t wk__argsort_work(int64_t n, int64_t element_nbytes) {
    const int64_t word = element_nbytes < 8 && n <= UINT32_MAX ? 8 : 16; /* bytes, see argsort.c */
    return 2 * n * word;
}

/* How many elements are not 0; and their numbers, x's first one being number `first`, one after another into found,
 * which has room for so many. Returns how many it found; at most `room`. */
typedef int64_t wk_count_loop(int64_t n, const void *x, int64_t sx);
typedef int64_t wk_find_loop(int64_t n, const void *x, int64_t sx, int64_t first, int64_t room, int64_t *found);

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
typedef void wk_gemm_kernel(int64_t m, int64_t n, int64_t k, const wk_matrix *a, const wk_matrix *b, double beta,
                            void *c, int64_t c_row, int64_t c_col);

/* The same for large matrices, to the bit and faster. work: scratch of wk__gemm_work(dtype, m, n, k) elements, which
 * are more than 0 (gemm_work.h), 64-byte aligned, of any content. */
typedef void wk_gemm_packed_kernel(int64_t m, int64_t n, int64_t k, const wk_matrix *a, const wk_matrix *b,
                                   double beta, void *c, int64_t c_row, int64_t c_col, void *work);

/* A step of a recurrent network, for n rows of a batch with H states each. The matrix products have left
 * W_ih x + W_hh h in `gates`, where blocks of H lie side by side in each row; the step adds its bias. With
 * s(x) = 1 / (1 + e^-x):
 *
 *     rnn_tanh_step, rnn_relu_step   | a |                h' = tanh a, or max(0, a)             Elman 1990
 *     lstm_step                      | i | f | g | o |    c' = s(f) c + s(i) tanh g,            Gers et al. 2000
 *                                                         h' = s(o) tanh c'
 *     gru_step                       | n | r | z | m |    n' = tanh(n + s(r) m),                Cho et al. 2014
 *                                                         h' = (1 - s(z)) n' + s(z) h
 *
 * What lstm_step and gru_step leave in `gates` is for their gradients: the values of s and tanh, and m as it is, which
 * is W_hn h + b_hn, while n is W_in x + b_in. All is contiguous, but the rows of `out`: row i begins at
 * out + i*out_row, or where there is out_at, at out + out_at[i]. Of an rnn, rows of `out` may be those of `gates`. */
typedef struct wk_step_args {
    int64_t n, H;
    void *gates;
    const void *bias; /* a row of gates */
    void *h, *c;      /* (n,H): the states before, in whose place those after come; c of lstm alone */
    void *c_kept;     /* (n,H): c' once more, for the gradient; or NULL */
    void *out;        /* h' once more */
    int64_t out_row;
    const int64_t *out_at;
} wk_step_args;
typedef void wk_step_kernel(const wk_step_args *a);

/* Its gradient, from gout, that of out (NULL: zeros), and dh and dc, those of the states after as far as they come from
 * later steps. dh and dc become those of the states before, but for what comes through the products: rnn and lstm leave
 * dh as it is, for that is all through products. */
typedef struct wk_step_grad_args {
    int64_t n, H;
    const void *gates;        /* as the step left them; not rnn */
    const void *h_before;     /* (n,H), gru alone; NULL: zeros */
    const void *c_before, *c; /* (n,H), lstm alone; c_before NULL: zeros */
    const void *out, *gout;
    int64_t out_row, gout_row;
    const int64_t *out_at, *gout_at;
    void *dh, *dc; /* (n,H) */
    void *dgates;  /* as gates */
    void *dbias;   /* a row of gates, to which the sum over n is added */
} wk_step_grad_args;
typedef void wk_step_grad_kernel(const wk_step_grad_args *a);

/* All T steps of an rnn for one row: h = f(gates_t + bias + W_hh h), t = 0 .. T-1, with W_hh (H,H), gates (T,H) and
 * h (H) contiguous, and h once more at out + t*out_t, which may be where gates_t is. What counts here is the time from
 * one step to the next. A table says in rnn_chain_most up to which H it is of use. work: wk__rnn_chain_work(H)
 * elements, 64-byte aligned. */
typedef struct wk_rnn_chain_args {
    int64_t T, H;
    const void *gates, *bias, *w_hh;
    void *h;
    void *out;
    int64_t out_t;
    bool relu, from_zero; /* from_zero: h is zero before */
    void *work;
} wk_rnn_chain_args;
typedef void wk_rnn_chain_kernel(const wk_rnn_chain_args *a);

/* Its gradient, t = T-1 .. 0: dgates_t = (gout_t + dh) f'(out_t), dh = W_hh^T dgates_t, dbias += dgates_t. gout NULL:
 * zeros. work: wk__rnn_chain_grad_work(H) elements, for W_hh in whole vectors. */
typedef struct wk_rnn_chain_grad_args {
    int64_t T, H;
    const void *out, *gout, *w_hh;
    int64_t out_t, gout_t;
    void *dh, *dgates, *dbias; /* (H), (T,H), (H) */
    bool relu, to_zero;        /* to_zero: nobody wants dh in the end */
    void *work;
} wk_rnn_chain_grad_args;
typedef void wk_rnn_chain_grad_kernel(const wk_rnn_chain_grad_args *a);

static inline int64_t wk__rnn_chain_work(int64_t H) { return (H + 1) * ((H + 15) / 16 * 16); }
static inline int64_t wk__rnn_chain_grad_work(int64_t H) { return H % 16 != 0 ? wk__rnn_chain_work(H) : 0; }

/* dst (cols,rows) = the transpose of src (rows,cols), rows of which are src_row apart; dst is contiguous. */
typedef void wk_transpose_kernel(int64_t rows, int64_t cols, const void *src, int64_t src_row, void *dst);

/* Layer normalization (Ba, Kiros, Hinton 2016) of rows of n elements, one after another:
 *
 *     y = (x - mean) / sqrt(variance + eps) weight + bias       mean and variance (divided by n) of the row
 *
 * x, y (rows,n), weight, bias (n): contiguous; without weight 1, without bias 0. */
typedef struct wk_layer_norm_args {
    int64_t rows, n;
    const void *x, *weight, *bias;
    double eps;
    void *y;
} wk_layer_norm_args;
typedef void wk_layer_norm_kernel(const wk_layer_norm_args *a);

/* Its gradients from g, that of y, which lies as y does. Every target may be NULL; `add_*` says whether to add to what
 * lies there or to set it. */
typedef struct wk_layer_norm_grad_args {
    wk_layer_norm_args fwd; /* bias and y are not looked at */
    const void *g;
    void *gx, *gweight, *gbias;
    bool add_x, add_weight, add_bias;
} wk_layer_norm_grad_args;
typedef void wk_layer_norm_grad_kernel(const wk_layer_norm_grad_args *a);

/* Where windows go over `planes` planes of three dimensions, the first of which may be 1: count windows of kernel
 * places each, as op/windows.h draws them. */
typedef struct wk_geometry {
    int64_t planes, size[3], count[3], kernel[3], stride[3], padding[3], dilation[3];
} wk_geometry;

/* x (planes, size..) and y, all contiguous. columns: y (planes, kernel.., count..) is what stands at each place of each
 * window, 0 in padding. max_windows: y (planes, count..) is the largest of each window, and index says where in x that
 * stands, or -1 where a window is all padding. */
typedef struct wk_windows {
    wk_geometry g;
    const void *x;
    void *y;
    int64_t *index;
} wk_windows;
typedef void wk_windows_kernel(const wk_windows *w);

/* The ways back, which add y to x where it came from. */
typedef struct wk_windows_back {
    wk_geometry g;
    void *x;
    const void *y;
    const int64_t *index; /* of max_windows_add */
} wk_windows_back;
typedef void wk_windows_back_kernel(const wk_windows_back *w);

/* Adam (Kingma & Ba 2015) over n contiguous parameters, rounded as torch.optim.Adam of PyTorch 1.13 rounds it on CPUs
 * with FMA: each line is one operation after the other in the element type, fma(a, b, c) = a b + c is rounded once,
 * and constants are computed in double, then rounded. Every table gives the same bits.
 *
 *     g = fma(weight_decay, p, g)                          where weight_decay is not 0
 *     p = (1 - shrink) p                                   where shrink is not 0
 *     m = fma(1 - beta1, g, beta1 m)
 *     v = fma((1 - beta2) g, g, beta2 v)
 *     p = p + (-step_size m) / (sqrt(v) / sqrt_bias2 + eps)
 *
 * step_size = lr / (1 - beta1^t) and sqrt_bias2 = sqrt(1 - beta2^t) in step t = 1, 2, ... AdamW (Loshchilov & Hutter
 * 2019) is the same with shrink = lr weight_decay in place of weight_decay. */
typedef struct wk_adam_args {
    int64_t n;
    void *p, *m, *v;
    const void *g;
    double beta1, beta2, eps, weight_decay, shrink, step_size, sqrt_bias2;
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

/* RMSprop (Tieleman & Hinton 2012) as torch.optim.RMSprop, rounded likewise. a is NULL unless centered, b is NULL
 * without momentum.
 *
 *     g = fma(weight_decay, p, g)                          where weight_decay is not 0
 *     v = fma((1 - alpha) g, g, alpha v)
 *     a = fma(1 - alpha, g, alpha a)                       centered
 *     s = sqrt(v) + eps,  or  sqrt(fma(-a, a, v)) + eps    centered
 *     p = p + (-lr g) / s,  or  b = momentum b + g / s;  p = fma(-lr, b, p) */
typedef struct wk_rmsprop_args {
    int64_t n;
    void *p, *v, *a, *b;
    const void *g;
    double lr, alpha, eps, weight_decay, momentum;
} wk_rmsprop_args;
typedef void wk_rmsprop_kernel(const wk_rmsprop_args *a);

/* Element-wise kernels in a row, made as one, in f32 over n contiguous elements: what one of them gives need not go
 * through memory to be an input of the next. The bits are those of the kernels one after another. Inputs are where they
 * would be (y may be the memory of an input), a single element that is repeated, or the result of the step before. */
typedef enum wk_fused_input { WK__FUSED_ELEMENTS, WK__FUSED_ONE, WK__FUSED_BEFORE } wk_fused_input;
typedef struct wk_fused_step {
    int32_t kernel; /* WK__FUSED_<name> */
    wk_fused_input from_a, from_b;
    const void *a, *b;
    void *y; /* NULL: the next step alone reads it */
    double s, t;
} wk_fused_step;
typedef void wk_fused_kernel(int64_t n, const wk_fused_step *steps, int32_t count);
enum {
#define WK_FUSED(name) WK__FUSED_##name,
#include "kernel/fused.def"
    WK__FUSED_COUNT
};

/* C += a_0^T b_0 + a_1^T b_1 + ... in f32, of k rows a (m) and b (n), with the bits of a gemm for each of them, one
 * after another. C's rows are contiguous. Behind the end of a row of b, whole vectors of 16 are read. */
typedef void wk_outers_kernel(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, const float *b,
                              int64_t b_row, float *c, int64_t c_row);

/* Converts elements beside one another, as convert.h says, and returns how many of the first ones it has done: 0 where
 * there is no faster way than one by one. */
typedef int64_t wk_convert_kernel(wk_dtype from, wk_dtype to, int64_t n, void *y, const void *x);

/* How many slots a row has, by its element types: the floats come first among types, then whole numbers. */
enum {
    WK__SLOTS_FLOAT = WK_F64 + 1,
    WK__SLOTS_PLAIN = WK__SLOTS_FLOAT,
    WK__SLOTS_NUMBER = WK_BOOL + 1,
    WK__SLOTS_PLAIN_NUMBER = WK__SLOTS_NUMBER,
    WK__SLOTS_ANY = WK_DTYPE_COUNT,
    WK__SLOTS_MOVE = WK__SLOTS_ANY,
    WK__SLOTS_PLAIN_MOVE = WK__SLOTS_ANY,
};

typedef struct wk_kernels {
    const char *isa;        /* its name in WK_KERNEL_TABLES */
    int64_t rnn_chain_most; /* the largest H that its rnn_chain in f32 is of use for */
    wk_fused_kernel *fused; /* or NULL */
    wk_outers_kernel *add_outers; /* or NULL */
    wk_convert_kernel *convert;   /* or NULL */
#define WK_KERNEL(name, type, dtypes) type *name[WK__SLOTS_##dtypes];
#include "kernel/kernels.def"
#undef WK_KERNEL
} wk_kernels;

enum { /* the rows of the list by number */
#define WK_KERNEL(name, type, dtypes) WK__KERNEL_##name,
#include "kernel/kernels.def"
#undef WK_KERNEL
};

/* The tables of this build, best first. cpu.h can tell whether this machine runs one, and the file of one, but for ref,
 * is simd_<name>.c. */
#if defined(WK_ON_X86)
#define WK_KERNEL_TABLES(TABLE) TABLE(avx512) TABLE(avx2) TABLE(ref)
#elif defined(WK_ON_ARM)
#define WK_KERNEL_TABLES(TABLE) TABLE(neon) TABLE(ref)
#else
#define WK_KERNEL_TABLES(TABLE) TABLE(ref)
#endif

#define WK_KERNEL_TABLE(name) extern const wk_kernels wk__kernels_##name;
WK_KERNEL_TABLES(WK_KERNEL_TABLE)
#undef WK_KERNEL_TABLE

/* The table in use; set before main by select.c. Threads that record exchange it while others read it. */
extern const wk_kernels *wk__kernels_in_use;
#define wk__kernels __atomic_load_n(&wk__kernels_in_use, __ATOMIC_RELAXED)

/* While somebody records, wk__kernels is the table of record.h. The table that works is then still to be had. */
const wk_kernels *wk__kernels_working(void);
void wk__kernels_record(void);
void wk__kernels_record_end(void);

/* Are all of n indices from `lowest` on and below `size`? */
bool wk__all_inside(int64_t n, const int64_t *index, int64_t lowest, int64_t size);

/* Makes the named table current (NULL: the best one). False, and nothing changes, when this machine or build lacks
 * it. */
bool wk__kernels_select(const char *isa);

#endif
