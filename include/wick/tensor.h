/* wick/tensor.h -- tensors: making, owning, reading and naming them.
 *
 * NOTE [Ownership], in three sentences. A function that returns a `wk_tensor *` gives it to the innermost open scope,
 * which releases it when it closes. Arguments are borrowed. What must outlive its scope is handed up with its history
 * (`return wk_yield(y);`) or kept in a slot as a value (`wk_keep(&h, wk_detach(hn));`). */
#ifndef WICK_TENSOR_H
#define WICK_TENSOR_H

#include "wick/base.h"

#ifdef __cplusplus
#include <initializer_list>
/* Counts its arguments without evaluating them. */
template <class... T> char (&wk__count(T...))[sizeof...(T)];
#endif

WK_BEGIN_DECLS

/* An n-dimensional array of one element type: a view, by dims and strides, on storage that other tensors may share. */
typedef struct wk_tensor wk_tensor;

/* ------------------------------------------------------------------------------------------------------- scopes --- */

/* NOTE [Scopes]. A scope owns the tensors made while it is the innermost one, and marks the place on the tape where it
 * began. One training step is one scope:
 *
 *     for (int i = 0; i < 60 && wk_ok(); i++) {
 *         WK_SCOPE;                      // everything made below is released when this block is left, by any path:
 *         ...                            // its end, break, continue, return, goto
 *     }
 *
 * Closing a scope releases its tensors and cuts its part of the tape. A value that something else still holds (a slot,
 * an outer list) survives, but its history does not: a backward that reaches it fails with ECUT. What is made outside
 * every scope belongs to the root scope of the context, which closes with the context.
 *
 * A function that wick calls (a hook, the step of a plan, a user-defined operation ...) must leave what was there
 * before as it is: it closes the scopes that it opened and no others, drops only what it made, and leaves the same
 * context current. Otherwise the call that ran it fails with ESTATE. */
typedef uint64_t wk_scope;

/* Opens a scope and returns its mark; 0, with the failure recorded, when out of memory. */
WK_API wk_scope wk_scope_open(void);

/* Closes the scope with this mark, and every scope opened after it that is still open. 0 does nothing. Works while a
 * failure is pending. Errors: ESTATE (the scope has closed already, or was open before wick called the function that
 * closes it). */
WK_API void wk_scope_close(wk_scope scope);

WK_API void wk__scope_cleanup(wk_scope *scope);
#ifdef WK_CLEANUP
#define WK_SCOPE WK_CLEANUP(wk__scope_cleanup) wk_scope WK__JOIN(wk__scope_, __LINE__) = wk_scope_open()
#endif

/* What an open scope holds itself, without the scopes inside it. Begin with WK_SCOPE_MEMORY, which sets `size`. */
typedef struct wk_scope_memory {
    size_t size;
    int64_t handles; /* tensors that it will release */
    int64_t nbytes;  /* their memory: elements, and 256 for the handle */
    int64_t nodes;   /* ops on its part of the tape */
} wk_scope_memory;
#define WK_SCOPE_MEMORY { sizeof(wk_scope_memory), 0, 0, 0 }

/* Fills *memory for an open scope; 0 stands for the root scope of the context. ESTATE if the scope has closed, EINVAL
 * if memory is NULL or has no size; neither sticks. */
WK_API wk_status wk_scope_memory_stats(wk_scope scope, wk_scope_memory *memory);

/* Hands t, with its history, to the scope around the innermost one, and returns it: `return wk_yield(y);` as the last
 * line of a function that opened a scope. Does nothing to NULL, or to a tensor that an outer scope owns already. */
WK_API wk_tensor *wk_yield(wk_tensor *t);

/* Releases a temporary before its scope closes; t must not be used afterwards. NULL is allowed. ESTATE for a tensor
 * that was there before wick called the function that drops it. */
WK_API void wk_drop(wk_tensor *t);

/* Keeps a value in a slot beyond its scope: sets *slot = t and releases what the slot held before; with t NULL the slot
 * is emptied. While a failure is pending the slot stays as it is, so a loop that fails does not lose its state. History
 * is not kept: detach first, or a backward that reaches t fails with ECUT. */
WK_API void wk_keep(wk_tensor **slot, wk_tensor *t);

/* Empties a slot: releases what it holds and sets it to NULL. Works while a failure is pending. ECLOSED (from wk_keep
 * too) if the slot was filled without wk_keep and its tensor has gone with its scope. */
WK_API void wk_release(wk_tensor **slot);

/* A list of tensors, for wk_stack and the like. It belongs to the scope that is innermost when it is made. A tensor
 * that is pushed is handed to that scope too, as by wk_yield, so a loop body with its own scope can push to a list
 * outside. The list itself does not own its tensors. wk_list_at returns NULL for an index out of range. */
typedef struct wk_list wk_list;
WK_API wk_list *wk_list_new(void);
WK_API void wk_list_push(wk_list *list, wk_tensor *t);
WK_API int64_t wk_list_length(const wk_list *list);
WK_API wk_tensor *wk_list_at(const wk_list *list, int64_t index);

/* A list of the given tensors: wk_cat(WK_LIST(a, b), 1). NULL on failure; EINVAL if one of the tensors is NULL. */
WK_API wk_list *wk_list_of(int64_t count, wk_tensor *const *tensors);
#ifdef __cplusplus
#define WK_LIST(...)                                                 \
    wk_list_of(static_cast<int64_t>(sizeof(wk__count(__VA_ARGS__))), \
               std::initializer_list<wk_tensor *>{__VA_ARGS__}.begin())
#else
#define WK_LIST(...)                                                                       \
    wk_list_of((int64_t)(sizeof((wk_tensor *const[]){__VA_ARGS__}) / sizeof(wk_tensor *)), \
               (wk_tensor *const[]){__VA_ARGS__})
#endif

/* ------------------------------------------------------------------------------------------------------- making --- */

/* `WK_SHAPE(1, T, 1)` stands for the two arguments (int32_t ndim, const int64_t *dims) of a shape; a 0-d tensor has the
 * shape `0, NULL` (WK_SCALAR). */
#ifdef __cplusplus
#define WK_SHAPE(...) \
    static_cast<int32_t>(sizeof(wk__count(__VA_ARGS__))), std::initializer_list<int64_t>{__VA_ARGS__}.begin()
#else
#define WK_SHAPE(...) \
    (int32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}
#endif
#define WK_SCALAR 0, NULL

/* A contiguous tensor of the given shape and type, filled with 0, 1 or value; wk_empty leaves the elements
 * uninitialised. All functions of this section return contiguous tensors. Errors: ESHAPE (a negative size, more than
 * WK_MAX_DIMS dimensions), EDTYPE, ENOMEM. */
WK_API wk_tensor *wk_zeros(int32_t ndim, const int64_t *dims, wk_dtype dtype);
WK_API wk_tensor *wk_ones(int32_t ndim, const int64_t *dims, wk_dtype dtype);
WK_API wk_tensor *wk_full(int32_t ndim, const int64_t *dims, double value, wk_dtype dtype);
WK_API wk_tensor *wk_empty(int32_t ndim, const int64_t *dims, wk_dtype dtype);

/* A 0-d tensor. Errors: EDTYPE. */
WK_API wk_tensor *wk_scalar(double value, wk_dtype dtype);

/* A tensor with a copy of `data`: elements of the given type in row-major order. Errors: as above, and EINVAL when data
 * is NULL and the tensor is not empty. */
WK_API wk_tensor *wk_from_data(const void *data, int32_t ndim, const int64_t *dims, wk_dtype dtype);

/* A tensor of the shape and type of t, filled as above. */
WK_API wk_tensor *wk_zeros_like(const wk_tensor *t);
WK_API wk_tensor *wk_ones_like(const wk_tensor *t);
WK_API wk_tensor *wk_full_like(const wk_tensor *t, double value);
WK_API wk_tensor *wk_empty_like(const wk_tensor *t);

/* start, start + step, ... up to but excluding end: (n) with n = ceil((end - start) / step), equal to PyTorch's on one
 * thread, bit for bit. Integer types take integers only. Errors: EINVAL (steps that do not lead to end, fractions),
 * EDTYPE (bool, f16, bf16: cast a range). https://pytorch.org/docs/stable/generated/torch.arange.html */
WK_API wk_tensor *wk_arange(double start, double end, double step, wk_dtype dtype);

/* `steps` numbers at equal distances from start to end, both included; wk_logspace: base to the power of each of these.
 * The shape is (steps), the type f32 or f64; wk_linspace equals PyTorch's on one thread, bit for bit. Errors: EINVAL
 * (steps < 0), EDTYPE. https://pytorch.org/docs/stable/generated/torch.linspace.html, torch.logspace.html */
WK_API wk_tensor *wk_linspace(double start, double end, int64_t steps, wk_dtype dtype);
WK_API wk_tensor *wk_logspace(double start, double end, int64_t steps, double base, wk_dtype dtype);

/* A matrix (rows,cols) with ones on its diagonal. Errors: ESHAPE (a negative size), EDTYPE.
 * https://pytorch.org/docs/stable/generated/torch.eye.html */
WK_API wk_tensor *wk_eye(int64_t rows, int64_t cols, wk_dtype dtype);

/* A tensor on the caller's memory, without a copy: elements of the given type in row-major order. Writing the tensor
 * writes that memory. When the last tensor on it is gone, release(data, user) is called, once, by whatever call
 * released that tensor (closing a scope, freeing the context); the memory must stay valid until then. Gradients may
 * read the memory later than the calls in the program suggest: while a scope that uses the tensor is open, write the
 * memory only through the tensor. Inside a batch, what a deferred call reads there is copied when it is called, except
 * for operands that all calls share, such as weights. release may be NULL, and is not called if wk_wrap fails. Errors:
 * EINVAL (data is NULL or not aligned), and as above. */
WK_API wk_tensor *wk_wrap(void *data, int32_t ndim, const int64_t *dims, wk_dtype dtype,
                          void (*release)(void *data, void *user), void *user);

/* ------------------------------------------------------------------------------------------------------ devices --- */

/* NOTE [Devices]. Tensors are made on the current device of their context, which is WK_CPU unless it was set. This
 * holds for every function that makes tensors, layers and optimisers included, as under torch.set_default_device. A
 * tensor that is made from another one lies on the device of that one. For one block, or for a single call:
 *
 *     WK_DEVICE(WK_CPU);                  // until this block is left, by any path
 *     wk_tensor *x = wk_zeros(WK_SHAPE(64, 10), WK_F32);
 *     wk_tensor *table = WK_ON(WK_CPU, wk_randn(WK_SHAPE(1000, 10), WK_F32));
 *
 * The CPU is the only device that wick has today; programs that name their devices are ready for others. */

/* Sets the current device and returns the previous one; on failure returns -1 and sets nothing. Errors: EDEVICE. */
WK_API wk_device wk_set_device(wk_device device);
WK_API wk_device wk_current_device(void);
WK_API wk_device wk_device_of(const wk_tensor *t); /* -1 of NULL */

WK_API void wk__device_cleanup(const wk_device *was);
#ifdef WK_CLEANUP
#define WK_DEVICE(device) \
    WK_CLEANUP(wk__device_cleanup) wk_device WK__JOIN(wk__device_, __LINE__) = wk_set_device(device)

/* `made` is any expression that makes a tensor, a module or an optimiser; its value is the value of WK_ON. It is
 * evaluated with `device` as the current device; afterwards the previous device is current again, also when an
 * exception is thrown. WK_ON may be nested. If the device does not exist (EDEVICE), nothing is made and the value is
 * NULL. (A block in parentheses is a GNU extension, like the cleanup attribute.) */
#define WK_ON(device, made)                                                                              \
    __extension__({                                                                                      \
        WK_CLEANUP(wk__device_cleanup) wk_device WK__JOIN(wk__on_, __COUNTER__) = wk_set_device(device); \
        made;                                                                                            \
    })
#endif

/* A copy of t on that device, or t itself if it is there already. The gradient arrives on the device of t. Errors:
 * EDEVICE. https://pytorch.org/docs/stable/generated/torch.Tensor.to.html */
WK_API wk_tensor *wk_to_device(wk_tensor *t, wk_device device);

/* ------------------------------------------------------------------------------------------------------ sharing --- */

/* NOTE [Threads]. A tensor belongs to the context that made it, and only that context may use it, with two exceptions:
 *
 *     shared = wk_share(weights);            // any thread may read it, all at once; nobody may write it
 *     queue_put(q, wk_send(batch));          // it goes to one other thread:  batch = wk_adopt(queue_get(q));
 *
 * Both return a copy of the values, without history, name or gradient, that no scope owns. The caller holds the copy
 * and releases it with wk_release; wk_keep adds further holders, as for any tensor; and the last one to release it
 * frees it, in any thread. The queue is the caller's; its lock orders memory between the threads. wk_module_share
 * shares a model as a whole. */

/* A copy that every context may read and none may change (ESTATE). The caller releases it with wk_release. */
WK_API wk_tensor *wk_share(wk_tensor *t);
WK_API bool wk_is_shared(const wk_tensor *t); /* false of NULL */

/* A copy on its way to another context; only wk_adopt and wk_release accept it. */
WK_API wk_tensor *wk_send(wk_tensor *t);

/* Gives a tensor from wk_send to the innermost scope of the current context, and returns it. EINVAL for any other
 * tensor, and for a second wk_adopt of the same one. */
WK_API wk_tensor *wk_adopt(wk_tensor *t);

/* ------------------------------------------------------------------------------------------------------- asking --- */
/* These work while a failure is pending, and return 0, NULL or -1 for NULL. */

WK_API int32_t wk_ndim(const wk_tensor *t);
WK_API int64_t wk_dim(const wk_tensor *t, int32_t dim);    /* size of one dimension; dim < 0 counts from the end */
WK_API const int64_t *wk_dims(const wk_tensor *t);         /* ndim sizes, valid as long as t */
WK_API const int64_t *wk_strides(const wk_tensor *t);      /* ndim strides in elements, valid as long as t */
WK_API int64_t wk_numel(const wk_tensor *t);               /* number of elements; 1 for a 0-d tensor */
WK_API wk_dtype wk_dtype_of(const wk_tensor *t);           /* -1 of NULL */
WK_API bool wk_is_contiguous(const wk_tensor *t);          /* row-major with no gaps */

/* A name for messages and pictures; at most 127 bytes of it are copied. wk_name returns "" if there is none. */
WK_API void wk_set_name(wk_tensor *t, const char *name);
WK_API const char *wk_name(const wk_tensor *t);

/* ------------------------------------------------------------------------------------------------------ as text --- */

/* How wk_to_text writes; the fields are those of torch.set_printoptions. */
typedef struct wk_text_options {
    size_t size;
    int32_t precision; /* decimals of floating numbers, 0 to 100 */
    int32_t edgeitems; /* of more than `threshold` elements, the first and last so many of each dimension are shown */
    int64_t threshold;
    int32_t linewidth;
    int32_t sci_mode; /* 1.2e+05 always (1), never (0), or when small and large numbers meet (-1) */
} wk_text_options;
#define WK_TEXT_OPTIONS \
    { sizeof(wk_text_options), 4, 3, 1000, 80, -1 }

/* Writes t as PyTorch's print(t) does, with PyTorch's names of element types, and a 0 at the end:
 *
 *     tensor([[ 1.0000, -2.5000],
 *             [    nan,  0.3333]], requires_grad=True)
 *
 * The text of an operation's result ends with the name of the operation, "grad_fn=<TanhBackward0>"; if it was made in a
 * scope that has closed, with "grad_fn=<cut>"; the text of NULL is "None". Writes at most nbytes, the 0 included, and
 * returns the length of the whole text without the 0, as snprintf does: wk_to_text(t, NULL, 0, NULL) + 1 bytes are
 * enough. options may be NULL. Works while a failure is pending. On failure the text is empty. Errors: EINVAL
 * (options), ESTATE (in a plan's step), ECLOSED, ECONTEXT.
 * https://pytorch.org/docs/stable/generated/torch.set_printoptions.html */
WK_API size_t wk_to_text(const wk_tensor *t, char *text, size_t nbytes, const wk_text_options *options);

/* ------------------------------------------------------------------------------------------------ reading bytes --- */

/* The elements of t, laid out by wk_strides. Valid until the next call that writes the storage of t, and at most as
 * long as t. NULL on failure, or if t has no elements. */
WK_API const void *wk_data(const wk_tensor *t);

/* The same for writing. It counts as a change in place ("user write"): a backward that needs the old values fails with
 * EVERSION. Valid until the next wick call on that storage. EINVAL for an expanded tensor, whose elements overlap. */
WK_API void *wk_data_mut(wk_tensor *t);

/* The only element of t, as a double. ESHAPE if t has more than one element, or none; NaN on failure. */
WK_API double wk_item(const wk_tensor *t);

/* The element at `index` (ndim numbers, of which each may count from the end) as a double; NaN on failure. Errors:
 * EINDEX. */
WK_API double wk_get_f64(const wk_tensor *t, const int64_t *index);
WK_API void wk_put_f64(wk_tensor *t, const int64_t *index, double value);

/* The same as an integer, converted as by wk_cast to WK_I64, with all 64 bits; 0 on failure. Errors: EINDEX. */
WK_API int64_t wk_get_i64(const wk_tensor *t, const int64_t *index);
WK_API void wk_put_i64(wk_tensor *t, const int64_t *index, int64_t value);

/* Copies all elements of t, in row-major order, to `data`, which has room for nbytes. EINVAL when that is not
 * numel x element size. */
WK_API wk_status wk_read(const wk_tensor *t, void *data, size_t nbytes);

/* The reverse: sets all elements of t from data. A change in place, as by wk_data_mut. Errors: EINVAL (another size, or
 * elements of t overlap). */
WK_API wk_status wk_write(wk_tensor *t, const void *data, size_t nbytes);

WK_END_DECLS

#endif
