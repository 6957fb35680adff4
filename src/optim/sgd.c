/* sgd.c -- stochastic gradient descent with momentum, one kernel call for each run. The formula is in kernel.h. */
#include <float.h>
#include <math.h>

#include "kernel/kernel.h"
#include "nn/layer.h"
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
    .size = sizeof(wk_op),
    .name = "sgd_step",
    .row = -1,
    .in_count = INPUTS,
    .out_count = 1,
    .optional = 1u << MOMENTUM,
    .in_names = "values grads momentum",
    .flags = WK__OP_IN_PLACE | WK__OP_NO_GRAD,
    .attrs_nbytes = sizeof(sgd_attrs),
    .shape = wk__optim_shape,
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

static const wk_optim_kind sgd = {
    .name = "SGD", .maker = "sgd_new", .state_count = 1, .state_names = {"momentum_buffer"},
    WK_OPTIM_FIELDS(fields), .step = step,
};

wk_optim *wk_sgd_new(wk_module *module, double lr, const wk_sgd_options *options) {
    wk_sgd_options o;
    const wk_sgd_options defaults = WK_SGD_OPTIONS;
    if (!wk__options(&o, &defaults, options, sizeof o, "sgd_new")) return NULL;
    if (o.nesterov && !(o.momentum > 0 && o.dampening == 0)) {
        wk__fail(wk__ctx(), WK_EINVAL, "sgd_new",
                 "nesterov needs a momentum above 0 and a dampening of 0, not %g and %g", o.momentum, o.dampening);
        return NULL;
    }
    return wk__optim_new(module, &sgd, lr, &o, sizeof o, o.momentum == 0);
}
