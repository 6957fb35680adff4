/* wick/plan.h -- plans: a step of the program, recorded once and run again without what made it flexible.
 *
 * A plan wraps a function, as jax.jit and torch.compile do. Its first run records which kernels the function calls,
 * and with which arguments; the later ones make these calls and nothing else: no shape rules, no allocation, no
 * recording for backward. The result is that of the function, bit for bit. A WK_BATCH in it is a plain scope, though:
 * where the function sums a batch in another order, the plan's bits are those of the function without the WK_BATCH.
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
 * What the function may do. It is called, several times, without effect while it is recorded: shapes and types are as
 * ever, elements have no values. So everything that changes from run to run goes in as an input or stands in tensors
 * that stay where they are (parameters, buffers); everything that comes out is an output. Forward, backward, steps of
 * optimisers, clipping, writes in place and random numbers are all part of a plan; random numbers are drawn anew in
 * each run, in the order of the function. So are checkpoints: what they run again, a plan does, too. Lengths of rows
 * (wk_rnn_forward_ragged) are data, and looked at in each run. Operations of one's own are recorded by what their
 * forward calls, or, if they are pure (wk_custom_op), called as they are. Where modules are in another mode, training
 * or evaluation, parameters were frozen or thawed, or WK_NO_GRAD is around it, and the step then does something else,
 * that is another recording, and the first is there when the modes are as they were. So it is where the step asks
 * whether there is a gradient (wk_grad_of), or whether a tensor requires one, and the answer is another than before;
 * and where a module has got another parameter or child, or an optimiser has taken one up.
 * wk_graph_size is that of the step alone, which has a scope of its own. In anomaly mode (wk_set_anomaly)
 * the function itself is called, so that the operation that gives a NaN can be named. Refused with a message that
 * says what to do instead (ESTATE), whether or not the step looks at what such a call returns, or calls wk_check:
 *
 *   - reading elements: wk_item, wk_data, wk_get_f64, wk_read, wk_to_text and their like, and operations whose shapes
 *     depend on them
 *   - numbers that change: "mul_scalar: s was 0.5, then 0.25: ... pass a 0-d tensor that is an input"
 *   - tensors from outside that are other ones the next time: give them as inputs
 *   - inputs that share memory with what the step writes, other inputs or tensors from outside: give a wk_clone
 *   - wk_keep of what the step made: make it an output
 *   - making modules, optimisers and snapshots: make them before the run
 *   - where rows have several lengths, gradients of gradients of gradients: the lengths would decide which calls are
 *     made
 *   - wk_from_data and wk_wrap, hooks, anomaly mode, wk_manual_seed and numbers drawn for the program (wk_randint),
 *     wk_optim_set_lr: a step of an optimiser takes the rate that it finds; and wk_optim_lr, which is to be an input
 *
 * A number of C that changes from run to run is not seen by a plan, which goes on with the one it recorded. Therefore
 * each recording is compared with a second, with another in the next run (as often as wk_plan_options.checks says),
 * and with others in the 10th run, the 100th, the 1000th and so on; what has changed by then is refused by name, in
 * each run until it is as it was. A comparison takes as long as some ten steps; where none may be that much longer
 * than the others, set checks to 0 once the program is right.
 *
 * One recording for every length. With `trips`, a plan looks for loops over time in the step, loops after and in one
 * another, to a depth of 3, and sizes that grow with T or T^2; with `second_trips` also for loops over S, and sizes of
 * T times S. wk_plan_stats.unfolded counts where it found them not to be the same for all T, and recorded for one
 * size. What it found it tries on T = 1 to 8, 30 and 101, and on each other T once, before it first serves that: a step
 * that takes the last 128 of T has a recording of its own for each T from 129 on, and one that does something else for
 * T from 20 to 25 for these. So no T is served as its neighbours are that was not compared with the step. The run that
 * meets a T for the first time takes as long as some ten others, wk_plan_stats.compared counts them, and with
 * `second_trips` it is each pair of T and S that is met. Where all lengths are known to be alike and that is too long,
 * set trust_trips: T is then compared when it is larger than all before, and whatever is between these goes unseen.
 * Numbers of C may be others in each trip t if they are a number over a whole one, times a whole one, or a whole one
 * over T or a number, and the whole ones go evenly with t and T: 1 / (t + 1), 0.1 * t, t / (double)T. That is not so
 * with other numbers, such as powers, and with an inner loop as long as the outer one has come. Both can be had from
 * tensors: select the number of step t from a tensor of all of them, which wk_arange may begin, and let the inner loop
 * run over all steps, with weights of 0 (wk_tril) for those that are not meant.
 *
 * What else the function does to the program's variables happens while it is recorded and never again. */
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
    int32_t capacity;         /* recordings kept at once; beyond, the one unused for longest goes */
    int32_t frozen;           /* not 0: the first run fixes the shapes and the modes for good */
    int32_t checks;           /* later runs of a recording that record again and compare, at once; 0: never */
    const wk_plan_dim *trips; /* dimensions that are all one number, of which one recording shall serve every value */
    int32_t trip_count;
    const wk_plan_dim *second_trips; /* others that are a number of their own, such as the steps of a decoder */
    int32_t second_trip_count;
    int32_t trust_trips; /* not 0: numbers of trips are compared only where they are larger than all before */
} wk_plan_options;
#define WK_PLAN_OPTIONS \
    { sizeof(wk_plan_options), 16, 0, 1, NULL, 0, NULL, 0, 0 }

/* A plan for calling f(user, inputs, outputs) with in_count inputs and out_count outputs, in the current context. It
 * holds the tensors and optimisers that f uses; `user` must live as long as it. EINVAL. The caller frees it. */
WK_API wk_plan *wk_plan_new(wk_function *f, void *user, int32_t in_count, int32_t out_count,
                            const wk_plan_options *options);

/* Runs it: f's outputs as new tensors of the innermost scope, without history. Inputs are contiguous, an absent one is
 * NULL. With shapes, types or absences that it has not met, or other gradients being there, it records first. Errors:
 *   ESHAPE    a frozen plan: "input 0 is (4,3), and the plan was made for (5,3)"; trips that are not all one number
 *   ESTATE    the function does what a plan cannot, see above; an input is not contiguous, or has a history; one that
 *             the step writes is shared with other threads
 *   EINVAL    the function returned false
 *   ECONTEXT  another context is the current one
 * and what f itself fails with. */
WK_API wk_status wk_plan_run(wk_plan *plan, wk_tensor *const *inputs, wk_tensor **outputs);

/* NULL is allowed. Also where another context is the current one, as long as no thread uses the plan's. ESTATE in the
 * plan's own function. */
WK_API void wk_plan_free(wk_plan *plan);

/* What a plan did so far; nothing, for NULL. */
typedef struct wk_plan_stats {
    size_t size;
    int64_t hits;      /* runs of what was recorded before */
    int64_t captures;  /* recordings made */
    int64_t evictions; /* recordings thrown away for want of room */
    int64_t entries;   /* recordings there are */
    int64_t unfolded;  /* those for a single size although there are trips, because sizes decide more than lengths */
    int64_t kernels;   /* calls in the recording that was run last; those of a loop count once */
    int64_t nbytes;    /* memory of all of them, buffers and lists */
    int64_t buffer_nbytes; /* of that, buffers of the one run last */
    int64_t compared;      /* numbers of trips that were compared with the step before they were served */
} wk_plan_stats;
#define WK_PLAN_STATS \
    { sizeof(wk_plan_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0 }

WK_API void wk_plan_stats_of(const wk_plan *plan, wk_plan_stats *stats);

/* What the plan ran last, as text for people: a line for each call, with row, kernel and arguments; `T` is the number
 * of trips and `u` the trip of a loop, `v` and `w` of loops inside it, L, in and out are buffers, inputs and outputs, a
 * bar is before what runs a block at a time, `once:` before what is computed from constants alone. Returns its length,
 * as snprintf does; what does not fit is cut off. Empty before the first run. */
WK_API size_t wk_plan_text(const wk_plan *plan, char *text, size_t nbytes);

WK_END_DECLS

#endif
