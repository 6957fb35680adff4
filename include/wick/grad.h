/* wick/grad.h -- gradients of what the program computed, and the graph that it recorded.
 *
 * NOTE [Tape]. An operation on tensors that require gradients appends a node to the tape of its context when it runs.
 * The order of appending is a topological order, so backward is one walk from the end of the tape to the beginning. */
#ifndef WICK_GRAD_H
#define WICK_GRAD_H

#include "wick/tensor.h"

WK_BEGIN_DECLS

/* Makes t, a leaf of floating type, require a gradient, or no longer require one. Returns t. Parameters of modules
 * require gradients from the start. Errors: EGRAD (t was made by a recorded operation), EDTYPE. */
WK_API wk_tensor *wk_requires_grad_(wk_tensor *t, bool requires_grad);

/* True if t is a leaf that requires a gradient, or was computed from one. */
WK_API bool wk_requires_grad(const wk_tensor *t);

/* Computes the gradient of loss, which has one element, with respect to every leaf that it was computed from, and adds
 * it to the gradient of that leaf (wk_grad_of). The graph is used up: the values saved in it are released as the walk
 * passes them. Errors:
 *   ESHAPE    loss has more than one element
 *   EGRAD     loss was not computed from anything that requires a gradient
 *   ECUT      "h comes from a scope that has closed: wk_detach it when you keep it"
 *   ECONSUMED "an earlier wk_backward used this part (op) already: add the losses, or use WK_RETAIN_GRAPH"
 *   EVERSION  a value that the gradient needs was changed in place; names the tensor, who changed it and who needs it
 * A backward that fails leaves nothing pending in the graph; gradients of leaves that it had reached count as
 * absent. */
WK_API wk_status wk_backward(wk_tensor *loss);

enum { WK_RETAIN_GRAPH = 1, WK_CREATE_GRAPH = 2 };

/* wk_backward with flags: WK_RETAIN_GRAPH keeps the graph for another backward. Errors: those of wk_backward, and
 * EINVAL for any other flag. */
WK_API wk_status wk_backward_flags(wk_tensor *loss, uint32_t flags);

/* out[i] = d y / d xs[i], the gradient of y (one element) with respect to each of `count` tensors that y was computed
 * from, whether leaves or not; out[i] has the shape and type of xs[i], and is zero where y does not depend on xs[i].
 * The gradients of leaves (wk_grad_of) do not change. With WK_CREATE_GRAPH the results are computed by recorded
 * operations and can be differentiated again; the graph is then retained. The results belong to the innermost scope; on
 * failure they are NULL. Errors: those of wk_backward (ESHAPE, EGRAD also for an xs[i] that does not require a
 * gradient, ECUT, ECONSUMED, EVERSION), EINVAL (an unknown flag).
 * https://pytorch.org/docs/stable/generated/torch.autograd.grad.html */
WK_API wk_status wk_grad(wk_tensor *y, wk_tensor *const *xs, int32_t count, wk_tensor **out, uint32_t flags);

/* The gradient of a leaf; NULL if it is absent, because no backward has reached the leaf yet or wk_zero_grad was called
 * since. It lives as long as the leaf, is overwritten by later backwards, and has no history. */
WK_API wk_tensor *wk_grad_of(const wk_tensor *t);

/* Makes the gradient of a leaf absent; does nothing for other tensors. */
WK_API void wk_zero_grad(wk_tensor *t);

/* Turns recording on or off in the current context and returns the previous setting. `WK_NO_GRAD;` turns it off until
 * its block is left, by any path. */
WK_API bool wk_set_grad_enabled(bool enabled);
WK_API bool wk_grad_enabled(void);

WK_API void wk__grad_enabled_cleanup(bool *was);
#ifdef WK_CLEANUP
#define WK_NO_GRAD \
    WK_CLEANUP(wk__grad_enabled_cleanup) bool WK__JOIN(wk__no_grad_, __LINE__) = wk_set_grad_enabled(false)
#endif

/* -------------------------------------------------------------------------------------------------------- hooks --- */

/* A function that receives a gradient and returns another one of the same shape and type to use in its place, or NULL
 * to leave it. It must not write to the gradient that it receives, which others may hold too (EVERSION). It may call
 * any function of wick, wk_backward and wk_grad included; recording is on in walks that create a graph. */
typedef wk_tensor *wk_hook_fn(void *user, wk_tensor *gradient);

/* Has hook called in every later backward or wk_grad that passes t, once, when the gradient of t is complete. For the
 * output of an operation, that is before the gradient goes on to the operation's inputs. For a leaf, it is when the
 * walk has passed the first use of the leaf; the hook sees what this walk contributes, before it is added to the leaf's
 * gradient. Hooks of one tensor are called in the order of registration. Returns a handle, 0 on failure. A hook is
 * removed together with its leaf, or with the history of the operation's output. Errors: EGRAD (t does not require a
 * gradient), ESTATE (t was computed in a batch, or in a plan's step).
 * https://pytorch.org/docs/stable/generated/torch.Tensor.register_hook.html */
WK_API int64_t wk_register_hook(wk_tensor *t, wk_hook_fn *hook, void *user);

/* Removes a hook; does nothing for 0 or for a hook that is gone. */
WK_API void wk_remove_hook(int64_t hook);

/* What is reported about an operation: that it begins and ends, and that its gradient does in a backward (GRAD). For a
 * gradient there are no inputs, and the outputs are the gradients of the operation's outputs (NULL where none came). An
 * operation that fails ends with output_count 0. */
enum { WK_OP_BEGINS = 0, WK_OP_ENDS = 1, WK_OP_GRAD_BEGINS = 2, WK_OP_GRAD_ENDS = 3 };
typedef struct wk_op_event {
    size_t size;
    int32_t kind, input_count, output_count;
    const char *op; /* "matmul" */
    wk_tensor *const *inputs, *const *outputs;
} wk_op_event;

/* Has hook called before and after every operation of the current context, for profiling and tracing; NULL removes it.
 * What the hook itself calls is not reported, nor is what a plan records and runs. */
typedef void wk_op_hook_fn(void *user, const wk_op_event *event);
WK_API void wk_set_op_hook(wk_op_hook_fn *hook, void *user);

/* Turns anomaly mode on or off in the current context and returns the previous setting. In this mode, the first
 * operation whose result or gradient has a NaN or an infinity fails with ENAN: "add: output (2,2) has inf at [0,1]; a
 * (2,2) is finite, b (2,2) is finite", "backward: the gradient of mul with respect to a () has NaN at []". Slow. */
WK_API bool wk_set_anomaly(bool enabled);

/* ---------------------------------------------------------------------------------------------------- functions --- */

/* A function that the program passes to wick: it computes outputs from inputs with wick's operations, and returns false
 * if it cannot. `user` is the pointer that was passed with it. */
typedef bool wk_function(void *user, wk_tensor *const *inputs, wk_tensor **outputs);

/* Runs f without recording, and a second time when its gradient is needed; in between, only inputs and outputs are
 * held, not what f computed on the way. Gradients go to the inputs and to whatever else f reads, such as parameters.
 * Both runs see the same random numbers. Checkpoints may be nested, and gradients of gradients work. Where nothing is
 * recorded, f simply runs. `user` must live as long as the history. At most 3 outputs, which belong to the innermost
 * scope. Errors: EINVAL (f returned false, an input or output is NULL), ESTATE in backward (f gave outputs of other
 * shapes the second time), and f's own. Chen et al. 2016, https://arxiv.org/abs/1604.06174;
 * https://pytorch.org/docs/stable/checkpoint.html */
WK_API wk_status wk_checkpoint(wk_function *f, void *user, wk_tensor *const *inputs, int32_t input_count,
                               wk_tensor **outputs, int32_t output_count);

/* The gradient of a function: it computes gradients[i], of the shape and type of input i, from the gradients of the
 * outputs (NULL where none came), with operations, so that it can be differentiated in turn. An entry that stays NULL
 * means that the outputs do not depend on that input. Returns false if it cannot. */
typedef bool wk_gradient_function(void *user, wk_tensor *const *inputs, wk_tensor *const *outputs,
                                  wk_tensor *const *output_gradients, wk_tensor **gradients);

/* Runs forward without recording, as one operation whose gradient is backward, like torch.autograd.Function. Both see
 * the same inputs and outputs, which are kept until backward. `user` must live as long as the history. At most 3
 * outputs, which belong to the innermost scope. For an operation with a name, a shape rule and attributes, see
 * wk_op_register. Errors: EINVAL (a function returned false, an input or output is NULL), ESHAPE in backward (a
 * gradient whose shape or type is not its input's).
 * https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function */
WK_API wk_status wk_function_apply(wk_function *forward, wk_gradient_function *backward, void *user,
                                   wk_tensor *const *inputs, int32_t input_count, wk_tensor **outputs,
                                   int32_t output_count);

/* How gradients are compared: |gradient - difference| <= atol + rtol |difference|, element by element, with the central
 * difference (f(x + eps) - f(x - eps)) / (2 eps). The defaults are those of torch.autograd.gradcheck. */
typedef struct wk_gradcheck_options {
    size_t size;
    double eps, atol, rtol;
} wk_gradcheck_options;
#define WK_GRADCHECK_OPTIONS { sizeof(wk_gradcheck_options), 1e-6, 1e-5, 1e-3 }

/* Compares the gradients of f, from wk_grad and from wk_backward, with central differences. Outputs are multiplied by
 * fixed weights and summed. The inputs that require a gradient are checked, and must be f64 leaves; other inputs may be
 * anything, also NULL. f sees the same random numbers in every call, and afterwards the random stream is where it was.
 * The gradients of the inputs do not change; those of other leaves that f reads are added to. options NULL: the
 * defaults. At most 32 inputs and 32 outputs. Errors:
 *   EDIFFERS  "the gradient of w at [2,1] is 0.5 by wk_backward, expected 0.25 by differences"
 *   EGRAD     no input requires a gradient, an input that does is not a leaf, or no output depends on one
 *   EDTYPE    an input that requires a gradient is not f64
 *   EINVAL    f returned false, or left an output NULL
 * https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html */
WK_API wk_status wk_gradcheck(wk_function *f, void *user, wk_tensor *const *inputs, int32_t input_count,
                              int32_t output_count, const wk_gradcheck_options *options);

/* The same for gradients of gradients: checks the function that computes the gradients of f, whose inputs are the
 * inputs of f and the gradients of its outputs ("gradient of output 0"); at most 32 of both together (EINVAL). Other
 * errors: those of wk_gradcheck (EDIFFERS, EGRAD, EDTYPE). */
WK_API wk_status wk_gradgradcheck(wk_function *f, void *user, wk_tensor *const *inputs, int32_t input_count,
                                  int32_t output_count, const wk_gradcheck_options *options);

/* ---------------------------------------------------------------------------------------------------- the graph --- */

/* How many operations the innermost open scope has recorded so far. */
WK_API int64_t wk_graph_size(void);

/* A hash that is equal for two scopes that recorded the same operations on the same shapes with the same connections,
 * and otherwise differs (but for a chance of 2^-64). Connections are those that gradients take; the values of scalar
 * attributes and of tensors do not count. */
WK_API uint64_t wk_graph_signature(void);

/* A copy of what the innermost scope recorded, to inspect or draw; it outlives the scope. NULL on failure. The caller
 * frees it with wk_graph_free (NULL is allowed). */
typedef struct wk_graph wk_graph;
WK_API wk_graph *wk_graph_copy(void);
WK_API void wk_graph_free(wk_graph *graph);

/* Nodes are numbered in the order of computation: the inputs of a node have smaller numbers. */
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
