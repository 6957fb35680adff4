/* state.c -- the state of a tree as a list of names and tensors: what is saved, loaded and kept aside. */
#include "nn/state.h"

#include <stdlib.h>
#include <string.h>

void wk__state_free(wk_state *state) {
    for (int64_t i = 0; i < state->count; i++) free(state->items[i].name);
    free(state->items);
    *state = (wk_state){0};
}

/* "prefix.name" in memory of its own, or NULL. */
static char *joined(const char *prefix, const char *name) {
    const size_t before = strlen(prefix), after = strlen(name) + 1;
    char *text = malloc(before + 1 + after);
    if (text == NULL) return NULL;
    memcpy(text, prefix, before);
    if (before > 0) text[before] = '.';
    memcpy(text + before + (before > 0), name, after);
    return text;
}

static bool collect(wk_state *state, const char *prefix, const wk_parameter *members, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        char *name = joined(prefix, members[i].name);
        if (name == NULL || !wk__grow((void **)&state->items, (int32_t)state->count, sizeof *state->items)) {
            free(name);
            return false;
        }
        state->items[state->count++] = (wk_named){name, members[i].tensor};
    }
    return true;
}

static bool collect_tree(wk_state *state, const char *prefix, const wk_module *m) {
    bool fine = collect(state, prefix, m->parameters, m->parameter_count) &&
                collect(state, prefix, m->buffers, m->buffer_count);
    for (int32_t i = 0; fine && i < m->child_count; i++) {
        char *name = joined(prefix, m->children[i]->name);
        fine = name != NULL && collect_tree(state, name, m->children[i]);
        free(name);
    }
    return fine;
}

bool wk__state_of(const wk_module *m, const char *prefix, wk_state *state) {
    *state = (wk_state){0};
    if (collect_tree(state, prefix, m)) return true;
    wk__state_free(state);
    return false;
}
