/* sgd.c -- stochastic gradient descent with momentum, one kernel call for each run. The formula is in kernel.h. */
#include <float.h>
#include <math.h>

#include "kernel/kernel.h"
#include "optim/optim.h"

enum { VALUES, GRADS, MOMENTUM, INPUTS };

typedef struct sgd_attrs {
    wk_optim_attrs of;
    double lr, weight_decay;
    bool first;
} sgd_attrs;

static void forward(wk_call *c) {
    const sgd_attrs *a = c->attrs;
    const wk_sgd_options *o = &a->of.optim->options.sgd;
    wk__kernels->sgd[c->in[VALUES]->a.dtype](&(wk_sgd_args){
        .n = c->in[VALUES]->a.numel,
        .p = c->in[VALUES]->a.data,
        .g = c->in[GRADS]->a.data,
        .b = wk__optim_data(c->in[MOMENTUM]),
        .lr = a->lr,
        .momentum = o->momentum,
        .dampening = o->dampening,
        .weight_decay = a->weight_decay,
        .nesterov = o->nesterov != 0,
        .first = a->first,
    });
    wk__optim_written(a->of.optim, a->of.run, c->op);
}

static const wk_op sgd_step = {
    WK_OPTIM_ROW(sgd_step, INPUTS, sgd_attrs),
    .optional = 1u << MOMENTUM,
    .in_names = "values grads momentum",
    .forward = forward,
};

static void step(wk_optim *optim, wk_optim_run *run, int64_t steps) {
    sgd_attrs attrs = {
        .of = {optim, run},
        .lr = wk__optim_run_lr(optim, run),
        .first = steps == 0,
        .weight_decay = wk__optim_run_decay(optim, run, optim->options.sgd.weight_decay),
    };
    wk__apply(&sgd_step, run->flat, INPUTS, &attrs, NULL);
}

static const wk_optim_field fields[] = {
    WK_OPTIM_NUMBER(wk_sgd_options, momentum, 0, INFINITY),
    WK_OPTIM_NUMBER(wk_sgd_options, dampening, -DBL_MAX, INFINITY),
    WK_OPTIM_NUMBER(wk_sgd_options, weight_decay, 0, INFINITY),
    WK_OPTIM_FLAG(wk_sgd_options, nesterov),
};

static bool settle(wk_optim *optim) {
    const wk_sgd_options *o = &optim->options.sgd;
    optim->absent = o->momentum == 0;
    if (!o->nesterov || (o->momentum > 0 && o->dampening == 0)) return true;
    wk__fail(optim->ctx, WK_EINVAL, optim->kind->maker,
             "nesterov needs a momentum above 0 and a dampening of 0, not %g and %g", o->momentum, o->dampening);
    return false;
}

static const wk_sgd_options defaults = WK_SGD_OPTIONS;
static const wk_optim_kind sgd = {
    .name = "SGD",
    .maker = "sgd_new",
    .state_count = 1,
    .state_names = {"momentum_buffer"},
    WK_OPTIM_OPTIONS(defaults, fields),
    .settle = settle,
    .step = step,
};

wk_optim *wk_sgd_new(wk_module *module, double lr, const wk_sgd_options *options) {
    return wk__optim_new(&sgd, module, lr, options);
}
