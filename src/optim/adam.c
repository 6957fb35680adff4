/* adam.c -- Adam and AdamW, one kernel call for each run of parameters. The formula is in kernel.h and optim.h. */
#include <math.h>

#include "kernel/kernel.h"
#include "optim/optim.h"

enum { VALUES, GRADS, FIRST_MOMENT, SECOND_MOMENT, INPUTS };

typedef struct adam_attrs {
    wk_optim_attrs of;
    double weight_decay, shrink, step_size, sqrt_bias2;
} adam_attrs;

static void forward(wk_call *c) {
    const adam_attrs *a = c->attrs;
    const wk_adam_options *o = &a->of.optim->options.adam;
    wk__kernels->adam[c->in[VALUES]->a.dtype](&(wk_adam_args){
        .n = c->in[VALUES]->a.numel,
        .p = c->in[VALUES]->a.data, .g = c->in[GRADS]->a.data,
        .m = c->in[FIRST_MOMENT]->a.data, .v = c->in[SECOND_MOMENT]->a.data,
        .beta1 = o->beta1, .beta2 = o->beta2, .eps = o->eps, .weight_decay = a->weight_decay, .shrink = a->shrink,
        .step_size = a->step_size, .sqrt_bias2 = a->sqrt_bias2,
    });
    wk__optim_written(a->of.optim, a->of.run, c->op);
}

static const wk_op adam_step = {
    WK_OPTIM_ROW(adam_step, INPUTS, adam_attrs),
    .in_names = "values grads m v",
    .forward = forward,
};

static void step(wk_optim *optim, wk_optim_run *run, int64_t steps, double weight_decay, double shrink) {
    const wk_adam_options *o = &optim->options.adam;
    const double t = (double)(steps + 1);
    adam_attrs attrs = {
        .of = {optim, run},
        .weight_decay = weight_decay,
        .shrink = shrink,
        .step_size = wk__optim_run_lr(optim, run) / (1 - pow(o->beta1, t)),
        .sqrt_bias2 = sqrt(1 - pow(o->beta2, t)),
    };
    wk__apply(&adam_step, run->flat, INPUTS, &attrs, NULL);
}

/* Adam's weights decay through their gradient, AdamW's by themselves. */
static void adam_step_of(wk_optim *optim, wk_optim_run *run, int64_t steps) {
    step(optim, run, steps, wk__optim_run_decay(optim, run, optim->options.adam.weight_decay), 0);
}

static void adamw_step_of(wk_optim *optim, wk_optim_run *run, int64_t steps) {
    const double decay = wk__optim_run_decay(optim, run, optim->options.adam.weight_decay);
    step(optim, run, steps, 0, wk__optim_run_lr(optim, run) * decay);
}

static const wk_optim_field fields[] = {
    WK_OPTIM_NUMBER(wk_adam_options, beta1, 0, 1),
    WK_OPTIM_NUMBER(wk_adam_options, beta2, 0, 1),
    WK_OPTIM_NUMBER(wk_adam_options, eps, 0, INFINITY),
    WK_OPTIM_NUMBER(wk_adam_options, weight_decay, 0, INFINITY),
};

static const wk_adam_options adam_options = WK_ADAM_OPTIONS, adamw_options = WK_ADAMW_OPTIONS;

#define KIND(title, function, standard, steps)                                                            \
    {                                                                                                     \
        .name = (title), .maker = (function), .state_count = 2, .state_names = {"exp_avg", "exp_avg_sq"}, \
        WK_OPTIM_OPTIONS(standard, fields), .step = (steps),                                              \
    }
static const wk_optim_kind adam = KIND("Adam", "adam_new", adam_options, adam_step_of);
static const wk_optim_kind adamw = KIND("AdamW", "adamw_new", adamw_options, adamw_step_of);

wk_optim *wk_adam_new(wk_module *module, double lr, const wk_adam_options *options) {
    return wk__optim_new(&adam, module, lr, options);
}

wk_optim *wk_adamw_new(wk_module *module, double lr, const wk_adamw_options *options) {
    return wk__optim_new(&adamw, module, lr, options);
}
