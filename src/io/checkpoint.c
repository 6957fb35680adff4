/* checkpoint.c -- all that a training goes on from, in one safetensors file:
 *
 *     model.rnn.weight_ih_l0 ...                              parameters and buffers
 *     optimizer.0.exp_avg.rnn.weight_ih_l0 ...                the arrays of optimiser 0
 *     optimizer.0.step.rnn.weight_ih_l0 ...                   the counts of steps     \
 *     optimizer.0.lr, optimizer.0.beta1 ...                   its options              |  numbers
 *     generator.state, generator.spare_normal                 the random stream       /
 *     __metadata__: "optimizer.0": "Adam"
 *
 * NOTE [One list for both ways]. Saving and loading go through the same list of names and tensors. A number becomes a
 * tensor of its own in it; the function that visits all numbers makes these tensors, checks them once they are loaded,
 * and takes the numbers back, depending on its mode. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "io/safetensors.h"
#include "optim/optim.h"
#include "wick/random.h"

enum { COLLECT, CHECK, TAKE };

typedef struct checkpoint {
    wk_ctx *ctx;
    wk_module *module;
    wk_optim *const *optims;
    int32_t optim_count;
    wk_state tensors, numbers;
    int64_t next; /* of the numbers, in CHECK and TAKE */
    int mode;
} checkpoint;

/* Adds a tensor under a name, to a list whose names are freed with it. */
static WK_PRINTF(3, 4) void add(wk_state *list, wk_tensor *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *name = malloc((size_t)length + 1);
    if (name == NULL || t == NULL || !wk__grow((void **)&list->items, (int32_t)list->count, sizeof *list->items)) {
        free(name);
        wk__io_out_of_memory();
        return;
    }
    va_start(arguments, format);
    vsnprintf(name, (size_t)length + 1, format, arguments);
    va_end(arguments);
    list->items[list->count++] = (wk_named){name, t};
}

/* ------------------------------------------------------------------------------------------------------ numbers --- */

/* One number of optimiser `index`, least <= number < below. `of` is a parameter's name with a dot before it, or "". */
static void number(checkpoint *c, double *value, double least, double below, int32_t index, const char *what,
                   const char *dot, const char *of) {
    if (c->mode == COLLECT) {
        add(&c->numbers, wk_scalar(*value, WK_F64), "optimizer.%d.%s%s%s", (int)index, what, dot, of);
        return;
    }
    const wk_named *item = &c->numbers.items[c->next++];
    const double loaded = wk_item(item->tensor);
    if (c->mode == TAKE) *value = loaded;
    else if (!(loaded >= least && loaded < below))
        wk__io_fail(WK_EFORMAT, "%s is %g, which cannot be", item->name, loaded);
}

/* One that is whole. */
static void whole_number(checkpoint *c, double *value, double below, int32_t index, const char *what, const char *dot,
                         const char *of) {
    number(c, value, 0, below, index, what, dot, of);
    if (c->mode != CHECK || !wk_ok()) return;
    const wk_named *item = &c->numbers.items[c->next - 1];
    const double loaded = wk_item(item->tensor);
    if (loaded != floor(loaded)) wk__io_fail(WK_EFORMAT, "%s is %g, which is not whole", item->name, loaded);
}

static void visit_field(checkpoint *c, wk_optim_options *options, int32_t index, const wk_optim_field *field) {
    char *at = (char *)options + field->offset;
    if (!field->is_flag) {
        number(c, (double *)(void *)at, field->least, field->below, index, field->name, "", "");
        return;
    }
    double value = *(int32_t *)(void *)at;
    whole_number(c, &value, field->below, index, field->name, "", "");
    *(int32_t *)(void *)at = (int32_t)value;
}

/* The options, each of which may be; do they go together, and with the arrays that the optimiser has? */
static void visit_options(checkpoint *c, wk_optim *optim, int32_t index) {
    const wk_optim_kind *kind = optim->kind;
    const int64_t first = c->next;
    for (int32_t f = 0; f < kind->field_count; f++) visit_field(c, &optim->options, index, &kind->fields[f]);
    if (c->mode != CHECK || kind->settle == NULL || !wk_ok()) return;
    wk_optim loaded = *optim;
    c->next = first;
    c->mode = TAKE;
    for (int32_t f = 0; f < kind->field_count; f++) visit_field(c, &loaded.options, index, &kind->fields[f]);
    c->mode = CHECK;
    if (kind->settle(&loaded) && loaded.absent != optim->absent)
        wk__io_fail(WK_EFORMAT, "the options of optimizer.%d need other arrays than there are", (int)index);
}

/* The name of an optimiser's parameter, from its module. Names are asked for in the order that they have there, mostly,
 * so it is looked for from the last one on. */
static const char *name_of(const wk_state *names, int64_t *last, const wk_tensor *t) {
    for (int64_t looked_at = 0; looked_at < names->count; looked_at++, ++*last) {
        if (*last >= names->count) *last = 0;
        if (names->items[*last].tensor == t) return names->items[*last].name;
    }
    return "";
}

static void visit_optim(checkpoint *c, wk_optim *optim, int32_t index) {
    wk_state names;
    if (!wk__state_of(optim->module, "", &names)) {
        wk__io_out_of_memory();
        return;
    }
    number(c, &optim->lr, 0, INFINITY, index, "lr", "", "");
    visit_options(c, optim, index);
    for (int64_t i = 0, last = 0; i < optim->count && wk_ok(); i++) {
        double steps = (double)optim->items[i].steps;
        whole_number(c, &steps, 0x1p53, index, "step", ".", name_of(&names, &last, optim->items[i].at.tensor));
        optim->items[i].steps = (int64_t)steps;
    }
    wk__state_free(&names);
}

/* The generator as integers: its words, then these. */
enum { POSITION = WK_RNG_WORDS, SEED, HAS_SPARE, GENERATOR_LENGTH };

static void collect_generator(checkpoint *c) {
    int64_t state[GENERATOR_LENGTH];
    const wk_rng *rng = c->ctx->rng;
    for (int32_t i = 0; i < WK_RNG_WORDS; i++) state[i] = rng->words[i];
    state[POSITION] = rng->position;
    state[HAS_SPARE] = rng->has_spare_normal;
    memcpy(&state[SEED], &rng->seed, sizeof rng->seed);
    add(&c->numbers, wk_from_data(state, WK_SHAPE(GENERATOR_LENGTH), WK_I64), WK__GENERATOR_STATE);
    add(&c->numbers, wk_scalar(rng->spare_normal, WK_F64), "generator.spare_normal");
}

static void check_generator(const int64_t *state) {
    bool fine = state[POSITION] >= 0 && state[POSITION] <= WK_RNG_WORDS && (state[HAS_SPARE] & ~1) == 0;
    for (int32_t i = 0; i < WK_RNG_WORDS; i++) fine &= state[i] >= 0 && state[i] <= UINT32_MAX;
    if (!fine) wk__io_fail(WK_EFORMAT, WK__GENERATOR_STATE " is none of a generator");
}

static void take_generator(checkpoint *c, const int64_t *state, double spare_normal) {
    wk_rng *rng = c->ctx->rng;
    for (int32_t i = 0; i < WK_RNG_WORDS; i++) rng->words[i] = (uint32_t)state[i];
    rng->position = (int32_t)state[POSITION];
    rng->has_spare_normal = state[HAS_SPARE] != 0;
    rng->spare_normal = spare_normal;
    memcpy(&rng->seed, &state[SEED], sizeof rng->seed);
}

/* All numbers, in one order. True when all is well. */
static bool visit_numbers(checkpoint *c, int mode) {
    c->mode = mode;
    c->next = 0;
    for (int32_t i = 0; i < c->optim_count && wk_ok(); i++) visit_optim(c, c->optims[i], i);
    if (mode == COLLECT && wk_ok()) collect_generator(c);
    if (mode == COLLECT || !wk_ok()) return wk_ok();
    const int64_t *state = wk_data(c->numbers.items[c->next].tensor);
    if (mode == CHECK) check_generator(state);
    else take_generator(c, state, wk_item(c->numbers.items[c->next + 1].tensor));
    return wk_ok();
}

/* ------------------------------------------------------------------------------------------------------ tensors --- */

/* The views belong to the innermost scope. */
static void collect_states(checkpoint *c, const wk_optim *optim, int32_t index, const wk_state *names) {
    for (int32_t s = 0; s < optim->kind->state_count; s++) {
        for (int64_t i = 0, last = 0; wk__optim_keeps(optim, s) && i < optim->count && wk_ok(); i++) {
            wk_tensor *view = wk__optim_state(optim, i, s);
            if (view != NULL) view = wk__give_to_scope(view);
            add(&c->tensors, view, "optimizer.%d.%s.%s", (int)index, optim->kind->state_names[s],
                name_of(names, &last, optim->items[i].at.tensor));
        }
    }
}

/* Lists all there is. True when all is well. */
static bool collect(checkpoint *c) {
    wk_initial_seed(); /* makes the generator, if nobody has */
    if (!wk_ok()) return false;
    if (!wk__state_of(c->module, "model", &c->tensors)) wk__io_out_of_memory();
    for (int32_t i = 0; i < c->optim_count && wk_ok(); i++) {
        wk_state names;
        if (!wk__state_of(c->optims[i]->module, "", &names)) {
            wk__io_out_of_memory();
            break;
        }
        collect_states(c, c->optims[i], i, &names);
        wk__state_free(&names);
    }
    return wk_ok() && visit_numbers(c, COLLECT);
}

/* Both lists as one, for as long as they live; the names stay theirs. NULL when memory is out. */
static wk_named *all_items(checkpoint *c) {
    const size_t tensors = (size_t)c->tensors.count, numbers = (size_t)c->numbers.count;
    wk_named *all = malloc((tensors + numbers + 1) * sizeof *all);
    if (all == NULL) {
        wk__io_out_of_memory();
        return NULL;
    }
    if (tensors > 0) memcpy(all, c->tensors.items, tensors * sizeof *all);
    if (numbers > 0) memcpy(all + tensors, c->numbers.items, numbers * sizeof *all);
    return all;
}

/* ---------------------------------------------------------------------------------------------- saving, loading --- */

enum { MOST_OPTIMS = 64, KEY_NBYTES = 24 };

static void optim_key(char *key, int32_t index) { snprintf(key, KEY_NBYTES, "optimizer.%d", (int)index); }

static void save(checkpoint *c, const char *path, const wk_state *all) {
    char keys[MOST_OPTIMS][KEY_NBYTES];
    wk_pair metadata[MOST_OPTIMS + 1] = {WK__FOR_PYTORCH};
    for (int32_t i = 0; i < c->optim_count; i++) {
        optim_key(keys[i], i);
        metadata[1 + i] = (wk_pair){keys[i], c->optims[i]->kind->name};
    }
    wk__safetensors_write(path, all->items, all->count, metadata, 1 + c->optim_count);
}

/* Were the file's optimisers of these kinds? */
static bool check_kinds(checkpoint *c, const wk_safetensors *file) {
    char key[KEY_NBYTES];
    for (int32_t i = 0; i < c->optim_count; i++) {
        optim_key(key, i);
        const char *was = wk_safetensors_metadata(file, key), *is = c->optims[i]->kind->name;
        if (was != NULL && strcmp(was, is) == 0) continue;
        wk__io_fail(WK_EINVAL, "%s: %s is %.32s in the file, not %s", file->path, key,
                    was != NULL ? was : "not there", is);
        return false;
    }
    return true;
}

/* Numbers are loaded into tensors of their own and looked at before anything of the training changes. */
static void load(checkpoint *c, const char *path, const wk_state *all) {
    wk_safetensors *file = wk__safetensors_open(path);
    if (file == NULL) return;
    const uint32_t flags = c->optim_count == 0 ? WK__LOAD_NO_OPTIMISERS : 0;
    if (check_kinds(c, file) && wk__load_check(file, all, flags) && wk__load_values(file, &c->numbers) &&
        visit_numbers(c, CHECK) && wk__load_values(file, &c->tensors))
        visit_numbers(c, TAKE);
    wk_safetensors_close(file);
}

static bool usable(const checkpoint *c, const char *path) {
    if (path == NULL || c->module == NULL)
        return wk__io_fail(WK_EINVAL, "%s is NULL", path == NULL ? "path" : "module"), false;
    if (c->optims == NULL && c->optim_count > 0) return wk__io_fail(WK_EINVAL, "optims are NULL"), false;
    if (c->optim_count < 0 || c->optim_count > MOST_OPTIMS)
        return wk__io_fail(WK_EINVAL, "%d optimisers are not from 0 to %d", (int)c->optim_count, MOST_OPTIMS), false;
    bool mine = c->module->root->ctx == c->ctx, there = true;
    for (int32_t i = 0; i < c->optim_count; i++) {
        there &= c->optims[i] != NULL;
        mine &= c->optims[i] == NULL || c->optims[i]->ctx == c->ctx;
    }
    if (!there) wk__io_fail(WK_EINVAL, "an optimiser is NULL");
    else if (!mine) wk__io_fail(WK_ECONTEXT, "module or an optimiser belongs to another context");
    return there && mine;
}

static void with_list(checkpoint *c, const char *path,
                      void (*action)(checkpoint *c, const char *path, const wk_state *all)) {
    if (!usable(c, path)) return;
    const wk_scope scope = wk_scope_open();
    if (collect(c)) {
        const wk_state all = {.items = all_items(c), .count = c->tensors.count + c->numbers.count};
        if (all.items != NULL) action(c, path, &all);
        free(all.items);
    }
    wk__state_free(&c->tensors);
    wk__state_free(&c->numbers);
    wk_scope_close(scope);
}

wk_status wk_checkpoint_save(const char *path, wk_module *module, wk_optim *const *optims, int32_t optim_count,
                             wk_error *error) {
    checkpoint c = {.ctx = wk__ctx(), .module = module, .optims = optims, .optim_count = optim_count};
    if (!wk__ready(c.ctx)) return wk__pending(c.ctx, error);
    with_list(&c, path, save);
    return wk__settle("checkpoint_save", error);
}

wk_status wk_checkpoint_load(const char *path, wk_module *module, wk_optim *const *optims, int32_t optim_count,
                             wk_error *error) {
    checkpoint c = {.ctx = wk__ctx(), .module = module, .optims = optims, .optim_count = optim_count};
    if (!wk__ready(c.ctx)) return wk__pending(c.ctx, error);
    with_list(&c, path, load);
    return wk__settle("checkpoint_load", error);
}
