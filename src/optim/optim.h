/* optim.h -- what all optimisers share: which parameters there are, and runs of them.
 *
 * NOTE [Runs]. A step works on runs: neighbours in one slab whose gradients are present and whose own counts of steps
 * and settings are equal. Usually that is one run for the whole model, and one call of a kernel:
 *
 *     slab      | w_ih | w_hh | b_ih | b_hh |  w  |  b  |    all have gradients: one run
 *     slab      | w_ih | w_hh | b_ih | b_hh |  .  |  b  |    the branch with w was not taken: two runs, w is left alone
 *
 * The update itself is a row that the engine runs, like every write to a tensor. */
#ifndef WK_OPTIM_OPTIM_H
#define WK_OPTIM_OPTIM_H

#include "grad/op.h"
#include "nn/module.h"
#include "wick/optim.h"

enum { WK__MAX_STATES = 3 };

/* A parameter as an optimiser sees it. */
typedef struct wk_optim_item {
    wk_parameter at;
    struct wk_optim_slab *slab;
    int64_t steps;       /* how many this parameter has had */
    double lr_scale;     /* the rate is multiplied by it */
    double weight_decay; /* below 0: that of the options */
} wk_optim_item;

/* The optimiser's arrays beside one slab: moments, momentum. */
typedef struct wk_optim_slab {
    struct wk_optim_slab *next;
    wk_slab *slab;
    wk_tensor *states[WK__MAX_STATES]; /* NULL: not used with the options given */
} wk_optim_slab;

/* A run, with flat tensors on its part of the slab: values, gradients, states. Kept from step to step as long as the
 * same parameters take part. */
typedef struct wk_optim_run {
    int64_t first, count; /* items */
    wk_tensor *flat[2 + WK__MAX_STATES];
} wk_optim_run;

/* The options of whichever kind. */
typedef union wk_optim_options {
    wk_adam_options adam;
    wk_sgd_options sgd;
    wk_rmsprop_options rmsprop;
} wk_optim_options;

/* A number among the options of a kind, at its place in wk_optim.options, and what it may be: least <= value < below.
 * Options that are given, and those of a checkpoint, are held to it. */
typedef struct wk_optim_field {
    const char *name; /* "beta1" */
    bool is_flag;     /* an int32_t, else a double */
    size_t offset;
    double least, below;
} wk_optim_field;
#define WK_OPTIM_NUMBER(options, field, least, below) {#field, false, offsetof(options, field), least, below}
#define WK_OPTIM_FLAG(options, field) {#field, true, offsetof(options, field), 0, 2}
#define WK_OPTIM_OPTIONS(standard, array)                                           \
    .defaults = &(standard), .options_nbytes = sizeof(standard), .fields = (array), \
    .field_count = sizeof(array) / sizeof *(array)

/* One kind of optimiser. */
typedef struct wk_optim_kind {
    const char *name;  /* "Adam" */
    const char *maker; /* "adam_new" */
    int32_t state_count;
    const char *state_names[WK__MAX_STATES]; /* "exp_avg": PyTorch's */
    const void *defaults;                    /* options */
    size_t options_nbytes;
    const wk_optim_field *fields;
    int32_t field_count;
    /* Looks at options each of which may be: sets `absent`; false, recorded, when they do not go together. NULL: they
     * do, and all states are kept. */
    bool (*settle)(struct wk_optim *optim);
    /* Updates one run, whose parameters have had `steps` steps before. */
    void (*step)(struct wk_optim *optim, wk_optim_run *run, int64_t steps);
} wk_optim_kind;

struct wk_optim {
    const wk_optim_kind *kind;
    wk_module *module;
    wk_ctx *ctx;
    double lr;
    uint64_t recordings; /* made when this was */
    int32_t holds;   /* of plans, beside the user's */
    uint32_t absent; /* bit s: the options given do without state s */
    wk_optim_item *items;
    int64_t count;
    wk_optim_slab *slabs;
    wk_optim_run *runs; /* room for count */
    int64_t run_count;
    wk_optim_options options;
};

/* A new optimiser of this kind over all parameters of the module, with a copy of the options that the caller has given,
 * or NULL for the defaults; NULL, recorded, on failure. */
wk_optim *wk__optim_new(const wk_optim_kind *kind, wk_module *module, double lr, const void *given);

/* Does this optimiser keep state s? */
static inline bool wk__optim_keeps(const wk_optim *optim, int32_t s) {
    return s < optim->kind->state_count && !(optim->absent >> s & 1);
}

/* The part of state s that belongs to parameter i, in the parameter's shape: held by the caller, NULL when memory is
 * out. */
wk_tensor *wk__optim_state(const wk_optim *optim, int64_t i, int32_t s);

/* The rate of a run, and its decay where the options have this one. */
static inline double wk__optim_run_lr(const wk_optim *optim, const wk_optim_run *run) {
    return optim->lr * optim->items[run->first].lr_scale;
}
static inline double wk__optim_run_decay(const wk_optim *optim, const wk_optim_run *run, double of_options) {
    const double own = optim->items[run->first].weight_decay;
    return own >= 0 ? own : of_options;
}

/* For the rows' forward: notes on every piece of the run that `op` wrote it. */
void wk__optim_written(const wk_optim *optim, const wk_optim_run *run, const wk_op *op);

/* The first attributes of an optimiser's row. */
typedef struct wk_optim_attrs {
    const wk_optim *optim;
    const wk_optim_run *run;
} wk_optim_attrs;

/* Shape rule of the rows, which write their first input. */
bool wk__optim_shape(wk_call *c);

/* What the rows have in common. */
#define WK_OPTIM_ROW(op, inputs, attrs)                                                                \
    WK_INNER_ROW(op), .in_count = (inputs), .out_count = 1, .flags = WK__OP_IN_PLACE | WK__OP_NO_GRAD, \
                      .attrs_nbytes = sizeof(attrs), .shape = wk__optim_shape

/* The data of a state that may be absent. */
static inline void *wk__optim_data(const wk_tensor *t) { return t != NULL ? t->a.data : NULL; }

#endif
