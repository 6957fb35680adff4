/* rmsprop.c -- RMSprop, one kernel call for each run of parameters. The formula is in kernel.h. */
#include <math.h>

#include "kernel/kernel.h"
#include "optim/optim.h"

enum { VALUES, GRADS, SQUARE_AVG, GRAD_AVG, MOMENTUM, INPUTS };

typedef struct rmsprop_attrs {
    wk_optim_attrs of;
    double lr, weight_decay;
} rmsprop_attrs;

static void forward(wk_call *c) {
    const rmsprop_attrs *a = c->attrs;
    const wk_rmsprop_options *o = &a->of.optim->options.rmsprop;
    wk__kernels->rmsprop[c->in[VALUES]->a.dtype](&(wk_rmsprop_args){
        .n = c->in[VALUES]->a.numel,
        .p = c->in[VALUES]->a.data,
        .g = c->in[GRADS]->a.data,
        .v = c->in[SQUARE_AVG]->a.data,
        .a = wk__optim_data(c->in[GRAD_AVG]),
        .b = wk__optim_data(c->in[MOMENTUM]),
        .lr = a->lr,
        .alpha = o->alpha,
        .eps = o->eps,
        .weight_decay = a->weight_decay,
        .momentum = o->momentum,
    });
    wk__optim_written(a->of.optim, a->of.run, c->op);
}

static const wk_op rmsprop_step = {
    WK_OPTIM_ROW(rmsprop_step, INPUTS, rmsprop_attrs),
    .optional = 1u << GRAD_AVG | 1u << MOMENTUM,
    .in_names = "values grads square_avg grad_avg momentum",
    .forward = forward,
};

static void step(wk_optim *optim, wk_optim_run *run, int64_t steps) {
    (void)steps;
    rmsprop_attrs attrs = {
        .of = {optim, run},
        .lr = wk__optim_run_lr(optim, run),
        .weight_decay = wk__optim_run_decay(optim, run, optim->options.rmsprop.weight_decay),
    };
    wk__apply(&rmsprop_step, run->flat, INPUTS, &attrs, NULL);
}

static const wk_optim_field fields[] = {
    WK_OPTIM_NUMBER(wk_rmsprop_options, alpha, 0, INFINITY),
    WK_OPTIM_NUMBER(wk_rmsprop_options, eps, 0, INFINITY),
    WK_OPTIM_NUMBER(wk_rmsprop_options, weight_decay, 0, INFINITY),
    WK_OPTIM_NUMBER(wk_rmsprop_options, momentum, 0, INFINITY),
    WK_OPTIM_FLAG(wk_rmsprop_options, centered),
};

static bool settle(wk_optim *optim) {
    const wk_rmsprop_options *o = &optim->options.rmsprop;
    optim->absent = (uint32_t)(o->centered == 0) << (GRAD_AVG - SQUARE_AVG) | (uint32_t)(o->momentum == 0)
                                                                                  << (MOMENTUM - SQUARE_AVG);
    return true;
}

static const wk_rmsprop_options defaults = WK_RMSPROP_OPTIONS;
static const wk_optim_kind rmsprop = {
    .name = "RMSprop",
    .maker = "rmsprop_new",
    .state_count = 3,
    .state_names = {"square_avg", "grad_avg", "momentum_buffer"},
    WK_OPTIM_OPTIONS(defaults, fields),
    .settle = settle,
    .step = step,
};

wk_optim *wk_rmsprop_new(wk_module *module, double lr, const wk_rmsprop_options *options) {
    return wk__optim_new(&rmsprop, module, lr, options);
}
