/* optim.c -- collecting parameters, finding runs, stepping (NOTE [Runs] in optim.h). */
#include "optim/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/capture.h"
#include "base/options.h"

/* least <= value < below; records what is not so. */
static bool check_number(const char *function, const char *what, double value, double least, double below) {
    if (value >= least && value < below) return true;
    if (isinf(value))
        wk__fail(wk__ctx(), WK_EINVAL, function, "%s is %g: it must be finite", what, value);
    else if (isinf(below))
        wk__fail(wk__ctx(), WK_EINVAL, function, "%s is %g: it must be at least %g", what, value, least);
    else
        wk__fail(wk__ctx(), WK_EINVAL, function, "%s is %g: it must be at least %g and below %g", what, value, least,
                 below);
    return false;
}

static bool check_options(const wk_optim_kind *kind, double lr, const wk_optim_options *options) {
    bool fine = check_number(kind->maker, "lr", lr, 0, INFINITY);
    for (int32_t f = 0; fine && f < kind->field_count; f++) {
        const wk_optim_field *field = &kind->fields[f];
        double value = 0;
        if (field->is_flag) continue; /* anything but 0 is true */
        memcpy(&value, (const char *)options + field->offset, sizeof value);
        fine = check_number(kind->maker, field->name, value, field->least, field->below);
    }
    return fine;
}

bool wk__optim_shape(wk_call *c) { return wk__check_float(c); }

/* ------------------------------------------------------------------------------------------- making and freeing --- */

static void slab_free(wk_optim_slab *slab) {
    for (int32_t s = 0; s < WK__MAX_STATES; s++) wk__unref(slab->states[s]);
    free(slab);
}

/* The optimiser's arrays beside a slab, made when the first parameter of the slab joins. */
static wk_optim_slab *slab_beside(wk_optim *optim, wk_slab *slab) {
    for (wk_optim_slab *s = optim->slabs; s != NULL; s = s->next)
        if (s->slab == slab) return s;
    wk_optim_slab *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    made->slab = slab;
    for (int32_t s = 0; s < optim->kind->state_count; s++) {
        if (!wk__optim_keeps(optim, s)) continue;
        const wk_array *values = &slab->values->a;
        made->states[s] = wk__tensor_make(optim->ctx, values->dtype, 1, values->dims);
        if (made->states[s] == NULL) {
            slab_free(made);
            return NULL;
        }
        wk__tensor_zero(made->states[s]);
    }
    made->next = optim->slabs;
    return optim->slabs = made;
}

static void run_clear(wk_optim_run *run) {
    for (int32_t i = 0; i < 2 + WK__MAX_STATES; i++) {
        wk__unref(run->flat[i]);
        run->flat[i] = NULL;
    }
}

/* Keeps the first `kept` runs. */
static void drop_runs(wk_optim *optim, int64_t kept) {
    while (optim->run_count > kept) run_clear(&optim->runs[--optim->run_count]);
}

static wk_optim_item *item_of(wk_optim *optim, const wk_tensor *t) {
    for (int64_t i = 0; i < optim->count; i++)
        if (optim->items[i].at.tensor == t) return &optim->items[i];
    return NULL;
}

/* A new array of items: those known already keep their counts and settings. Nothing changes on failure. */
static bool collect(wk_optim *optim) {
    const int64_t count = wk_module_parameter_count(optim->module);
    wk_optim_item *items = calloc((size_t)count + 1, sizeof *items);
    wk_optim_run *runs = calloc((size_t)count + 1, sizeof *runs);
    bool fine = items != NULL && runs != NULL;
    for (int64_t i = 0; fine && i < count; i++) {
        const wk_parameter *p = wk__module_parameter(optim->module, i);
        const wk_optim_item *known = item_of(optim, p->tensor);
        items[i] = known != NULL ? *known : (wk_optim_item){.lr_scale = 1, .weight_decay = -1};
        items[i].at = *p;
        items[i].slab = slab_beside(optim, p->slab);
        fine = items[i].slab != NULL;
    }
    if (!fine) {
        free(items);
        free(runs);
        return false;
    }
    drop_runs(optim, 0);
    free(optim->items);
    free(optim->runs);
    optim->items = items;
    optim->runs = runs;
    if (count != optim->count) wk__modes_joined(optim->ctx, optim->recordings);
    optim->count = count;
    return true;
}

wk_optim *wk__optim_new(const wk_optim_kind *kind, wk_module *module, double lr, const void *given) {
    wk_ctx *ctx = wk__ctx();
    wk_optim new = {.kind = kind, .ctx = ctx, .lr = lr, .recordings = ctx != NULL ? ctx->recordings : 0};
    if (!wk__options(&new.options, kind->defaults, given, kind->options_nbytes, kind->maker)) return NULL;
    if (!wk__ready(ctx) || wk__capture_refuses(ctx, kind->maker, "make optimisers before the run")) return NULL;
    if (module == NULL) return wk__fail(ctx, WK_EINVAL, kind->maker, "module is NULL"), NULL;
    if (module->root->ctx != ctx)
        return wk__fail(ctx, WK_ECONTEXT, kind->maker, "module belongs to another context"), NULL;
    if (!check_options(kind, lr, &new.options) || (kind->settle != NULL && !kind->settle(&new))) return NULL;
    wk_optim *optim = malloc(sizeof *optim);
    if (optim != NULL) {
        *optim = new;
        optim->module = wk__module_retain(module);
        if (collect(optim)) return optim;
        wk_optim_free(optim);
    }
    wk__out_of_memory(ctx, kind->maker);
    return NULL;
}

void wk_optim_free(wk_optim *optim) {
    if (optim == NULL || optim->holds-- > 0) return;
    drop_runs(optim, 0);
    for (wk_optim_slab *s = optim->slabs, *next; s != NULL; s = next) {
        next = s->next;
        slab_free(s);
    }
    wk__module_release(optim->module);
    free(optim->items);
    free(optim->runs);
    free(optim);
}

/* --------------------------------------------------------------------------------------------------------- runs --- */

/* A tensor on elements [begin, end) of a flat one. */
static wk_tensor *flat_part(wk_tensor *whole, int64_t begin, int64_t end) {
    wk_array part = {.data = wk__array_at(&whole->a, begin), .dtype = whole->a.dtype};
    wk__array_set_dims(&part, 1, (const int64_t[]){end - begin});
    return wk__tensor_view(whole, &part);
}

wk_tensor *wk__optim_state(const wk_optim *optim, int64_t i, int32_t s) {
    const wk_optim_item *item = &optim->items[i];
    wk_tensor *whole = item->slab->states[s];
    wk_array part = item->at.tensor->a;
    part.data = wk__array_at(&whole->a, item->at.begin);
    return wk__tensor_view(whole, &part);
}

static bool has_grad(const wk_optim_item *item) { return item->at.tensor->meta->has_grad; }

/* Does item i go on where the item before it ended? */
static bool continues(const wk_optim *optim, int64_t i) {
    const wk_optim_item *before = &optim->items[i - 1], *item = &optim->items[i];
    return has_grad(item) && item->slab == before->slab && item->at.begin == before->at.end &&
           item->steps == before->steps && item->lr_scale == before->lr_scale &&
           item->weight_decay == before->weight_decay;
}

/* Makes the flat tensors of a run, unless the run is the same as in the step before. */
static bool run_set(wk_optim *optim, wk_optim_run *run, int64_t first, int64_t count) {
    if (run->flat[0] != NULL && run->first == first && run->count == count) return true;
    run_clear(run);
    const wk_optim_slab *slab = optim->items[first].slab;
    wk_tensor *whole[2 + WK__MAX_STATES] = {slab->slab->values, slab->slab->grads};
    for (int32_t s = 0; s < WK__MAX_STATES; s++) whole[2 + s] = slab->states[s];
    run->first = first;
    run->count = count;
    for (int32_t i = 0; i < 2 + WK__MAX_STATES; i++) {
        if (whole[i] == NULL) continue;
        run->flat[i] = flat_part(whole[i], optim->items[first].at.begin, optim->items[first + count - 1].at.end);
        if (run->flat[i] != NULL) continue;
        run_clear(run); /* half a run is none */
        return false;
    }
    return true;
}

static bool find_runs(wk_optim *optim) {
    int64_t runs = 0;
    for (int64_t i = 0, end; i < optim->count; i = end) {
        end = i + 1;
        if (!has_grad(&optim->items[i])) continue;
        while (end < optim->count && continues(optim, end)) end++;
        if (runs >= optim->run_count) optim->run_count = runs + 1;
        if (!run_set(optim, &optim->runs[runs++], i, end - i)) return false;
    }
    drop_runs(optim, runs);
    return true;
}

void wk__optim_written(const wk_optim *optim, const wk_optim_run *run, const wk_op *op) {
    for (int64_t i = run->first; i < run->first + run->count; i++)
        wk__storage_written(optim->items[i].at.tensor->storage, op);
}

/* -------------------------------------------------------------------------------------------------------- steps --- */

static wk_status refuse_joined(wk_optim *optim) {
    for (int64_t i = 0; i < wk_module_parameter_count(optim->module); i++) {
        const wk_tensor *t = wk_module_parameter_at(optim->module, i);
        if (item_of(optim, t) == NULL)
            return wk__fail(optim->ctx, WK_ESTATE, "optim_step",
                            "%s joined the module after the optimiser was made: wk_optim_add it", wk_name(t));
    }
    return WK_OK;
}

/* A gradient that a failed backward left is worth nothing. */
static bool check_gradients(wk_optim *optim) {
    for (int64_t i = 0; i < optim->count; i++) {
        if (wk_likely(!optim->items[i].at.tensor->meta->grad_invalid)) continue;
        wk__fail(optim->ctx, WK_ESTATE, "optim_step",
                 "the gradient of %s is invalid, a backward failed: wk_optim_zero_grad first",
                 wk_name(optim->items[i].at.tensor));
        return false;
    }
    return true;
}

/* The common beginning: is there an optimiser, of this context, and nothing pending? */
static bool usable(const wk_optim *optim, const char *function) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return false;
    if (wk_likely(optim != NULL && optim->ctx == ctx)) return true;
    if (optim == NULL) wk__fail(ctx, WK_EINVAL, function, "optim is NULL");
    else wk__fail(ctx, WK_ECONTEXT, function, "the optimiser belongs to another context than the current one");
    return false;
}

/* A plan makes the whole step again, with the counts, rates and gradients that there are then. */
static bool step_again(void *optim) { return wk_optim_step(optim) == WK_OK; }
static void hold(void *optim) { ((wk_optim *)optim)->holds++; }
static void let_go(void *optim) { wk_optim_free(optim); }

static wk_status note_step(wk_optim *optim) {
    optim->ctx->capture->host(optim->ctx->capture, &(wk_host_call){"optim_step", step_again, hold, let_go, optim});
    return wk__status(optim->ctx);
}

wk_status wk_optim_step(wk_optim *optim) {
    if (!usable(optim, "optim_step")) return wk__status(wk__ctx());
    if (wk_module_parameter_count(optim->module) != optim->count) return refuse_joined(optim);
    if (wk_unlikely(optim->ctx->capture != NULL)) return note_step(optim);
    if (!check_gradients(optim)) return wk__status(wk__ctx());
    if (!find_runs(optim)) return wk__out_of_memory(optim->ctx, "optim_step");
    const bool enabled = optim->ctx->grad_enabled;
    optim->ctx->grad_enabled = false;
    for (int64_t r = 0; r < optim->run_count; r++) {
        wk_optim_run *run = &optim->runs[r];
        optim->kind->step(optim, run, optim->items[run->first].steps);
        if (wk_unlikely(optim->ctx->failure.status != WK_OK)) break; /* this run and those after it had no step */
        for (int64_t i = run->first; i < run->first + run->count; i++) optim->items[i].steps++;
    }
    optim->ctx->grad_enabled = enabled;
    wk__fail_as(optim->ctx, "optim_step");
    return wk__status(optim->ctx);
}

void wk_optim_zero_grad(wk_optim *optim) {
    if (!usable(optim, "optim_zero_grad")) return;
    wk_capture *capture = optim->ctx->capture;
    for (int64_t i = 0; i < optim->count; i++) {
        wk_meta *meta = optim->items[i].at.tensor->meta;
        if (wk_unlikely(capture != NULL)) capture->leaf(capture, optim->items[i].at.tensor, true);
        meta->has_grad = false;
        meta->grad_invalid = false;
    }
}

wk_status wk_optim_add(wk_optim *optim) {
    if (!usable(optim, "optim_add")) return wk__status(wk__ctx());
    return collect(optim) ? WK_OK : wk__out_of_memory(optim->ctx, "optim_add");
}

double wk_optim_lr(const wk_optim *optim) {
    if (optim == NULL) return 0;
    return wk__capture_refuses(optim->ctx, "optim_lr", "give the rate as an input") ? NAN : optim->lr;
}

void wk_optim_set_lr(wk_optim *optim, double lr) {
    if (!usable(optim, "optim_set_lr") ||
        wk__capture_refuses(optim->ctx, "optim_set_lr", "set it before the run: a step takes the rate that it finds"))
        return;
    if (check_number("optim_set_lr", "lr", lr, 0, INFINITY)) optim->lr = lr;
}

/* -------------------------------------------------------------------------------------- settings of a parameter --- */

/* Where the setting `what` of a parameter is to be put; NULL, recorded, when it is none. */
static wk_optim_item *to_set(wk_optim *optim, const wk_tensor *parameter, const char *what, double value,
                             const char *function) {
    if (!usable(optim, function) || wk__capture_refuses(optim->ctx, function, "set it before the run")) return NULL;
    if (!check_number(function, what, value, 0, INFINITY) || !wk__usable(optim->ctx, parameter, function, "parameter"))
        return NULL;
    wk_optim_item *item = item_of(optim, parameter);
    if (item == NULL) wk__fail(optim->ctx, WK_EINVAL, function, "parameter is none that the optimiser trains");
    return item;
}

void wk_optim_set_weight_decay(wk_optim *optim, const wk_tensor *parameter, double weight_decay) {
    wk_optim_item *item = to_set(optim, parameter, "weight_decay", weight_decay, "optim_set_weight_decay");
    if (item != NULL) item->weight_decay = weight_decay;
}

void wk_optim_set_lr_scale(wk_optim *optim, const wk_tensor *parameter, double scale) {
    wk_optim_item *item = to_set(optim, parameter, "scale", scale, "optim_set_lr_scale");
    if (item != NULL) item->lr_scale = scale;
}
