/* wick/plan.h -- plans: a step of the program that is recorded once and then replayed without the cost of flexibility.
 *
 * A plan wraps a function, as jax.jit and torch.compile do. Its first run records which kernels the function calls, and
 * with which arguments; later runs make these calls and nothing else: no shape rules, no allocation, no recording for
 * backward. The results are those of the function, bit for bit. A WK_BATCH inside the function counts as a plain scope,
 * however: where a batch would sum in another order, the plan gives the bits of the function without WK_BATCH.
 *
 * ```c
 * #include <stdio.h>
 * #include <wick.h>
 *
 * typedef struct net { wk_module *module, *hidden, *out; wk_optim *adam; } net;
 *
 * // One step of training: the loss from x and its target, backward, Adam.
 * static bool step(void *user, wk_tensor *const *in, wk_tensor **out) {
 *     net *n = user;
 *     wk_tensor *y = wk_linear_forward(n->out, wk_tanh(wk_linear_forward(n->hidden, in[0])));
 *     out[0] = wk_mse_loss(y, in[1]);
 *     wk_optim_zero_grad(n->adam);
 *     wk_backward(out[0]);
 *     wk_optim_step(n->adam);
 *     return true;
 * }
 *
 * int main(void) {
 *     WK_SCOPE;
 *     wk_manual_seed(1);
 *     net n = {.module = wk_module_new(NULL, "net")};
 *     n.hidden = wk_linear_new(n.module, "hidden", 1, 16, NULL);
 *     n.out = wk_linear_new(n.module, "out", 16, 1, NULL);
 *     n.adam = wk_adam_new(n.module, 0.02, NULL);
 *     wk_plan *plan = wk_plan_new(step, &n, 2, 1, NULL);
 *     for (int i = 0; i < 300 && wk_ok(); i++) {
 *         WK_SCOPE;
 *         wk_tensor *x = wk_uniform(-1, 1, WK_SHAPE(64, 1), WK_F32), *loss;
 *         wk_plan_run(plan, (wk_tensor *[]){x, wk_mul(x, x)}, &loss);
 *         if (i == 299) printf("loss %.4f\n", wk_item(loss));
 *     }
 *     wk_plan_stats stats = WK_PLAN_STATS;
 *     wk_plan_stats_of(plan, &stats);
 *     printf("%d capture, %d hits\n", (int)stats.captures, (int)stats.hits);
 *     wk_plan_free(plan);
 *     wk_optim_free(n.adam);
 *     wk_module_free(n.module);
 *     return !wk_ok();
 * }
 * ```
 *
 * NOTE [What a plan records]. The function is called several times while it is recorded, without effect: shapes and
 * types are as usual, but elements have no values. Therefore everything that changes from run to run must be an input,
 * or must be stored in tensors that stay where they are (parameters, buffers), and everything that comes out must be an
 * output. What the function does to variables of the program happens while it is recorded, and not in later runs.
 *
 * Forward, backward, steps of optimisers, clipping, writes in place and random numbers are all part of a plan; random
 * numbers are drawn anew in each run, in the order of the function. So are checkpoints, with what they compute a second
 * time. Lengths of rows (wk_rnn_forward_ragged) are data, and read in each run. A user-defined operation is recorded as
 * the operations that its forward calls, or, if it is pure (wk_custom_op), as one call.
 *
 * Modes are part of a recording: training or evaluation of modules, frozen parameters, WK_NO_GRAD around the run. So
 * are the answers to the questions whether there is a gradient (wk_grad_of) and whether a tensor requires one, and the
 * parameters and children of modules and the parameters of optimisers. If one of these has changed and the step does
 * something else because of it, the step is recorded again; the earlier recording is used again once they are as they
 * were. wk_graph_size counts the step alone, which has a scope of its own. In anomaly mode (wk_set_anomaly) the
 * function itself is called, so that the operation that produces a NaN can be named.
 *
 * Some things are refused (ESTATE), with a message that says what to do instead, even if the step ignores the result of
 * such a call or calls wk_check:
 *
 *   - reading elements: wk_item, wk_data, wk_get_f64, wk_read, wk_to_text and the like, and operations whose shapes
 *     depend on elements
 *   - numbers that change: "mul_scalar: s was 0.5, then 0.25: ... pass a 0-d tensor that is an input"
 *   - tensors from outside the step that are other tensors in the next run: pass them as inputs
 *   - inputs that share memory with what the step writes, with other inputs or with tensors from outside: pass a
 *     wk_clone
 *   - wk_keep of a tensor that the step made: make it an output
 *   - making modules, optimisers and snapshots: make them before the run
 *   - gradients of gradients of gradients where rows have several lengths: the lengths would decide which calls are
 *     made
 *   - wk_from_data and wk_wrap, hooks, anomaly mode, wk_manual_seed, numbers drawn for the program (wk_randint),
 *     wk_optim_lr (pass the rate as an input) and wk_optim_set_lr (set the rate before the run: a step of an optimiser
 *     uses the rate that it finds)
 *
 * NOTE [Comparing]. A plan does not see that a C variable has changed; it goes on with the number that it recorded. To
 * find such changes, each recording is compared with a second one at once, with another in the next run (in as many
 * runs as wk_plan_options.checks says), and with others in the 10th run, the 100th, the 1000th and so on. A number that
 * has changed by then is refused by name, in each run until it is back to what it was. A comparison takes about as long
 * as ten steps. If no step may take so much longer than the others, set checks to 0 once the program is known to be
 * right: of a recording, only the comparison that is made at once is left.
 *
 * NOTE [Every length]. With `trips`, one recording serves every length T. The plan looks for loops over time in the
 * step, one after another or nested up to a depth of 3, and for sizes that grow with T or T^2; with `second_trips` also
 * for loops over a second number S, and for sizes of T times S. Where the step turns out not to be the same for all T,
 * it is recorded for one size only, and wk_plan_stats.unfolded counts that recording.
 *
 * What was found is tried on T = 1 to 8, 30 and 101, and on every other T once, before it first serves that T (with
 * `second_trips`, on every pair of T and S). A step that uses the last 128 of T therefore has a recording of its own
 * for each T from 129 on, and a step that does something else for T from 20 to 25 has one for each of these; no T is
 * served without having been compared with the step. The first run with a new T takes as long as about ten others;
 * wk_plan_stats.compared counts these runs. If that is too long, and all lengths are known to be alike, set
 * trust_trips: T is then compared only when it is larger than all before, and a step that differs for some T in between
 * goes unnoticed.
 * C numbers may differ from trip to trip if they have one of these forms, in which n is an integer that is linear in
 * the trip t and in T, and c a constant: c / n, c n, n / T, n / c. Examples are 1 / (t + 1), 0.1 * t and t / (double)T.
 * Powers and the like are not recognised, and neither is an inner loop that is as long as the outer one has come.
 * Tensors can express both: select the number of step t from a tensor with the numbers of all steps (made from
 * wk_arange, say), and let the inner loop run over all steps, with weights of 0 (wk_tril) for those that should not
 * count. */
#ifndef WICK_PLAN_H
#define WICK_PLAN_H

#include "wick/grad.h"

WK_BEGIN_DECLS

typedef struct wk_plan wk_plan;

/* A dimension of an input. */
typedef struct wk_plan_dim {
    int32_t input, dim;
} wk_plan_dim;

typedef struct wk_plan_options {
    size_t size;
    int32_t capacity;         /* recordings kept at once; when full, the least recently used one is dropped */
    int32_t frozen;           /* not 0: the first run fixes the shapes and modes for good */
    int32_t checks;           /* how many of the next runs of a recording record again and compare; 0: none */
    const wk_plan_dim *trips; /* dimensions that are all the number of trips T; one recording serves every T */
    int32_t trip_count;
    const wk_plan_dim *second_trips; /* dimensions that are all a second number S, such as the steps of a decoder */
    int32_t second_trip_count;
    int32_t trust_trips; /* not 0: a number of trips is compared only if it is larger than all before */
} wk_plan_options;
#define WK_PLAN_OPTIONS \
    { sizeof(wk_plan_options), 16, 0, 1, NULL, 0, NULL, 0, 0 }

/* Makes a plan that calls f(user, inputs, outputs) with in_count inputs and out_count outputs, in the current context.
 * The plan holds the tensors and optimisers that f uses; `user` must live as long as the plan. options NULL: the
 * defaults. The caller frees the plan. Errors: EINVAL (f is NULL, a count is negative, the capacity is below 1, or
 * trips name a dimension that no input has). */
WK_API wk_plan *wk_plan_new(wk_function *f, void *user, int32_t in_count, int32_t out_count,
                            const wk_plan_options *options);

/* Runs the plan. outputs become the outputs of f: new tensors of the innermost scope, without history. Inputs must be
 * contiguous; an absent one is NULL. The plan records first when it has no recording for the shapes, types and absences
 * of the inputs, or for the gradients that are present. Errors:
 *   ESHAPE    a frozen plan: "input 0 is (4,3), and the plan was made for (5,3)"; dimensions in trips that differ
 *   ESTATE    the function does what a plan cannot (NOTE [What a plan records]); an input is not contiguous, or has a
 *             history; an input that the step writes is shared with other threads
 *   EINVAL    the function returned false
 *   ECONTEXT  another context is the current one
 * and whatever f itself fails with. */
WK_API wk_status wk_plan_run(wk_plan *plan, wk_tensor *const *inputs, wk_tensor **outputs);

/* Frees a plan. NULL is allowed. Another context may be current, as long as no thread uses the plan's. ESTATE in the
 * plan's own function. */
WK_API void wk_plan_free(wk_plan *plan);

/* What a plan has done so far; all zero for NULL. Begin with WK_PLAN_STATS, which sets `size`. */
typedef struct wk_plan_stats {
    size_t size;
    int64_t hits;      /* runs that replayed a recording made before */
    int64_t captures;  /* recordings made */
    int64_t evictions; /* recordings dropped for lack of room */
    int64_t entries;   /* recordings held now */
    int64_t unfolded;  /* of these, recordings for a single size although there are trips */
    int64_t kernels;   /* calls in the recording that ran last; those of a loop count once */
    int64_t nbytes;    /* memory of all recordings: buffers and lists of calls */
    int64_t buffer_nbytes; /* of that, the buffers of the recording that ran last */
    int64_t compared;      /* runs that compared a new number of trips with the step before they served it */
} wk_plan_stats;
#define WK_PLAN_STATS \
    { sizeof(wk_plan_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0 }

WK_API void wk_plan_stats_of(const wk_plan *plan, wk_plan_stats *stats);

/* Writes the recording that ran last as text for people to read: a line for each call, with row, kernel and arguments.
 * `T` is the number of trips; `u` is the trip of a loop, `v` and `w` those of loops inside it; L, in and out are
 * buffers, inputs and outputs; a bar marks calls that run one block of elements at a time, and `once:` what is computed
 * from constants alone. Writes at most nbytes, the 0 at the end included, and returns the length of the whole text, as
 * snprintf does. Empty before the first run. */
WK_API size_t wk_plan_text(const wk_plan *plan, char *text, size_t nbytes);

WK_END_DECLS

#endif
