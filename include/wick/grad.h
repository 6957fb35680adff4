/* wick/grad.h -- gradients of what the program did, and the graph that it left.
 *
 * NOTE [Tape]. Every op on tensors that need a gradient is appended to the context's tape as it runs. The order of
 * appending is a topological order, so backward is one walk from the end to the beginning. */
#ifndef WICK_GRAD_H
#define WICK_GRAD_H

#include "wick/tensor.h"

WK_BEGIN_DECLS

/* Asks for gradients with respect to t, a leaf of floating type, or stops asking. Returns t. Parameters of modules
 * require gradients from the start. Errors: EGRAD (t was made by a recorded op), EDTYPE. */
WK_API wk_tensor *wk_requires_grad_(wk_tensor *t, bool requires_grad);

/* True when t is such a leaf or was computed from one. */
WK_API bool wk_requires_grad(const wk_tensor *t);

/* Differentiates loss, which has one element, with respect to every leaf it was computed from, and adds the results to
 * their gradients. The graph is used up: values saved for it are released as the walk passes. Errors:
 *   ESHAPE    loss has more than one element
 *   EGRAD     loss was not computed from anything that requires a gradient
 *   ECUT      "h comes from a scope that has closed: wk_detach it when you keep it"
 *   ECONSUMED "an earlier wk_backward used this part (op) already: add the losses, or use WK_RETAIN_GRAPH"
 *   EVERSION  names the tensor, who changed it and who needs it
 * A failed backward leaves nothing pending; the leaf gradients it touched count as absent. */
WK_API wk_status wk_backward(wk_tensor *loss);

enum { WK_RETAIN_GRAPH = 1, WK_CREATE_GRAPH = 2 };

/* wk_backward with flags: WK_RETAIN_GRAPH keeps the graph for another backward. Errors: as wk_backward, and EINVAL for
 * another flag. */
WK_API wk_status wk_backward_flags(wk_tensor *loss, uint32_t flags);

/* d y / d xs: out[i] becomes the gradient of y (one element) with respect to xs[i], any tensors that y was computed
 * from. Leaf gradients are left alone. With WK_CREATE_GRAPH the gradients are computed with recorded ops and can be
 * differentiated again (the graph is then retained). A tensor that y does not depend on gets zeros. The results belong
 * to the innermost scope; on failure they are NULL. Errors: those of wk_backward (ESHAPE, EGRAD also for an x that does
 * not require a gradient, ECUT, ECONSUMED, EVERSION), EINVAL (a flag that is none).
 * https://pytorch.org/docs/stable/generated/torch.autograd.grad.html */
WK_API wk_status wk_grad(wk_tensor *y, wk_tensor *const *xs, int32_t count, wk_tensor **out, uint32_t flags);

/* The gradient of a leaf, or NULL when there is none: none has come yet, or zero_grad was called since. It lives as
 * long as the leaf, is overwritten by later backwards, and has no history. */
WK_API wk_tensor *wk_grad_of(const wk_tensor *t);

/* Makes the gradient of a leaf absent; does nothing for other tensors. */
WK_API void wk_zero_grad(wk_tensor *t);

/* Turns recording off (false) or on in the current context and returns what it was. `WK_NO_GRAD;` turns it off until
 * its block is left, by any road. */
WK_API bool wk_set_grad_enabled(bool enabled);
WK_API bool wk_grad_enabled(void);

WK_API void wk__grad_enabled_cleanup(bool *was);
#ifdef WK_CLEANUP
#define WK_NO_GRAD \
    WK_CLEANUP(wk__grad_enabled_cleanup) bool WK__JOIN(wk__no_grad_, __LINE__) = wk_set_grad_enabled(false)
#endif

/* -------------------------------------------------------------------------------------------------------- hooks --- */

/* A function that sees a gradient and may return another in its place, of the same shape and type, or NULL. It must not
 * write what it is given, which others may hold too (EVERSION). It may call all of wick, wk_backward and wk_grad too;
 * recording is on in walks that create graph. */
typedef wk_tensor *wk_hook_fn(void *user, wk_tensor *gradient);

/* Calls hook in every later backward or wk_grad that comes by t, once, when the gradient of t is whole: for what an op
 * made, before it goes on to the op's inputs; for a leaf, when the walk has passed the leaf's first user, with what
 * this walk brings, before that is added. Hooks of one tensor are called in the order of registering. Returns a handle,
 * 0 on failure. A hook goes with its leaf, or with the history of what it is for. Errors: EGRAD (t requires no
 * gradient), ESTATE (t was computed in a batch, or in a plan's step). */
WK_API int64_t wk_register_hook(wk_tensor *t, wk_hook_fn *hook, void *user);

/* Removes a hook; does nothing for 0 or one that has gone. */
WK_API void wk_remove_hook(int64_t hook);

/* What happens around an op. GRAD: its gradient, in a backward; then there are no inputs, and the outputs are the
 * gradients of its outputs (NULL where none came). An op that fails ends with output_count 0. */
enum { WK_OP_BEGINS = 0, WK_OP_ENDS = 1, WK_OP_GRAD_BEGINS = 2, WK_OP_GRAD_ENDS = 3 };
typedef struct wk_op_event {
    size_t size;
    int32_t kind, input_count, output_count;
    const char *op; /* "matmul" */
    wk_tensor *const *inputs, *const *outputs;
} wk_op_event;

/* Calls hook before and after every op of the current context, for profiling and tracing; NULL: no more. What the hook
 * itself calls is not reported, nor is what a plan records and runs. */
typedef void wk_op_hook_fn(void *user, const wk_op_event *event);
WK_API void wk_set_op_hook(wk_op_hook_fn *hook, void *user);

/* Turns anomaly mode on or off in the current context and returns what it was. In it, the first op that gives NaN or
 * infinity, forward or as a gradient, fails with ENAN: "add: output (2,2) has inf at [0,1]; a (2,2) is finite, b
 * (2,2) is finite", "backward: the gradient of mul with respect to a () has NaN at []". Slow. */
WK_API bool wk_set_anomaly(bool enabled);

/* ---------------------------------------------------------------------------------------------------- functions --- */

/* A function that users hand to wick: fills outputs from inputs with wick's operations, and returns false when it
 * cannot. `user` is what was given beside it. */
typedef bool wk_function(void *user, wk_tensor *const *inputs, wk_tensor **outputs);

/* Runs f without recording, and once more when its gradient is asked for: between the two, only inputs and outputs are
 * held, not what f made. The gradient goes to the inputs and to whatever else f reads, such as parameters; the random
 * numbers are the same both times; checkpoints may lie in checkpoints, and gradients of gradients work. While nothing
 * is recorded f just runs. `user` must live as long as the history. At most 3 outputs. Errors: EINVAL (f returned
 * false, an input or output is NULL), ESTATE in backward (f gave outputs of other shapes the second time), and f's own.
 * Chen et al. 2016, https://arxiv.org/abs/1604.06174; https://pytorch.org/docs/stable/checkpoint.html */
WK_API wk_status wk_checkpoint(wk_function *f, void *user, wk_tensor *const *inputs, int32_t input_count,
                               wk_tensor **outputs, int32_t output_count);

/* The gradient that goes with a function: fills gradients[i] for input i, of its shape and type, from the gradients of
 * the outputs (NULL where none came), with operations, so that it can be differentiated in turn. An entry left NULL:
 * the outputs do not depend on that input. False when it cannot. */
typedef bool wk_gradient_function(void *user, wk_tensor *const *inputs, wk_tensor *const *outputs,
                                  wk_tensor *const *output_gradients, wk_tensor **gradients);

/* Runs forward without recording, as one operation whose gradient is backward: torch.autograd.Function. Both see the
 * same inputs and outputs, which are kept until backward. `user` must live as long as the history. At most 3 outputs.
 * For an operation with a name, a shape rule and numbers of its own see wk_op_register. Errors: EINVAL (a function
 * returned false, an input or output is NULL), ESHAPE in backward (a gradient of another shape or type than its
 * input). */
WK_API wk_status wk_function_apply(wk_function *forward, wk_gradient_function *backward, void *user,
                                   wk_tensor *const *inputs, int32_t input_count, wk_tensor **outputs,
                                   int32_t output_count);

/* How gradients are compared: |gradient - difference| <= atol + rtol |difference|, the difference being
 * (f(x + eps) - f(x - eps)) / 2 eps, element by element. The defaults are torch.autograd.gradcheck's. */
typedef struct wk_gradcheck_options {
    size_t size;
    double eps, atol, rtol;
} wk_gradcheck_options;
#define WK_GRADCHECK_OPTIONS { sizeof(wk_gradcheck_options), 1e-6, 1e-5, 1e-3 }

/* Compares the gradients of f, both wk_grad's and wk_backward's, with central differences. Outputs are weighted with
 * fixed numbers and summed. Checked are the inputs that require a gradient, which are f64 leaves; other inputs may be
 * anything, NULL too. f sees the same random numbers each time, and the stream is where it was afterwards. Gradients of
 * the inputs stay as they are; those of other leaves that f reads are added to. options NULL: the defaults. At most 32
 * inputs and 32 outputs. Errors:
 *   EDIFFERS  "the gradient of w at [2,1] is 0.5 by wk_backward, expected 0.25 by differences"
 *   EGRAD     no input requires a gradient, one that does is no leaf, or no output depends on one
 *   EDTYPE    an input that requires a gradient is not f64
 *   EINVAL    f returned false, or left an output NULL
 * https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html */
WK_API wk_status wk_gradcheck(wk_function *f, void *user, wk_tensor *const *inputs, int32_t input_count,
                              int32_t output_count, const wk_gradcheck_options *options);

/* The same for gradients of gradients: checks the function that gives the gradients of f, whose inputs are those of f
 * and the gradients of its outputs ("gradient of output 0"). At most 32 of both together (EINVAL). Errors else: as
 * wk_gradcheck (EDIFFERS, EGRAD, EDTYPE). */
WK_API wk_status wk_gradgradcheck(wk_function *f, void *user, wk_tensor *const *inputs, int32_t input_count,
                                  int32_t output_count, const wk_gradcheck_options *options);

/* ---------------------------------------------------------------------------------------------------- the graph --- */

/* How many ops the innermost open scope has recorded so far. */
WK_API int64_t wk_graph_size(void);

/* A number that is equal for two scopes that recorded the same ops on the same shapes with the same connections, and
 * (but for a chance of 2^-64) differs otherwise. Connections are those that gradients take; values of
 * scalar attributes and tensors do not count. */
WK_API uint64_t wk_graph_signature(void);

/* A copy of what the innermost scope recorded, to look at or draw; it outlives the scope. NULL on failure.
 * The caller frees it with wk_graph_free (NULL is allowed). */
typedef struct wk_graph wk_graph;
WK_API wk_graph *wk_graph_copy(void);
WK_API void wk_graph_free(wk_graph *graph);

/* Nodes are numbered in the order of computing: what a node reads has a smaller number. */
enum { WK_NODE_OP = 0, WK_NODE_LEAF = 1 }; /* LEAF: a tensor that requires a gradient, such as a parameter */
typedef struct wk_graph_node {
    int32_t kind;
    int32_t ndim;            /* shape of the first output */
    const char *op;          /* "linear"; "leaf" */
    const char *name;        /* of the leaf ("out.weight"), else "" */
    const char *detail;      /* numbers worth showing: "dim=1, index=3"; else "" */
    int64_t dims[WK_MAX_DIMS];
    int64_t steps;           /* number of cells of a fused sequence op, else 0 */
    int32_t input_count;
    const int64_t *inputs;   /* numbers of the nodes it reads, which are part of the graph */
} wk_graph_node;

WK_API int64_t wk_graph_node_count(const wk_graph *graph);
/* Fills *node; its pointers live as long as the graph. EINDEX outside; this does not stick. */
WK_API wk_status wk_graph_node_at(const wk_graph *graph, int64_t index, wk_graph_node *node);

WK_END_DECLS

#endif
