/* embedding.c -- a table of vectors that numbers choose from. */
#include <stdio.h>

#include "nn/layer.h"

typedef struct embedding { wk_tensor *weight; } embedding;

static void describe(const wk_module *m, char *text, size_t nbytes) {
    const embedding *self = wk_module_self(m);
    snprintf(text, nbytes, "%lld, %lld", (long long)wk_dim(self->weight, 0), (long long)wk_dim(self->weight, 1));
}

static const wk_module_class embedding_class = {
    .size = sizeof(wk_module_class), .name = "Embedding", .self_nbytes = sizeof(embedding),
    .forward = wk_embedding_forward, .describe = describe,
};

wk_module *wk_embedding_new(wk_module *parent, const char *name, int64_t num_embeddings, int64_t embedding_dim,
                            const wk_embedding_options *options) {
    wk_embedding_options o;
    const wk_embedding_options defaults = WK_EMBEDDING_OPTIONS;
    if (!wk__options(&o, &defaults, options, sizeof o, "embedding_new") ||
        !wk__layer_size(num_embeddings, "num_embeddings", "embedding_new") ||
        !wk__layer_size(embedding_dim, "embedding_dim", "embedding_new"))
        return NULL;
    wk_module *m = wk_module_new_of(parent, name, &embedding_class);
    embedding *self = wk_module_self(m);
    if (self == NULL) return NULL;
    const wk_scope scope = wk_scope_open();
    self->weight = wk_module_add_parameter(m, "weight", wk_randn(WK_SHAPE(num_embeddings, embedding_dim), o.dtype));
    wk_scope_close(scope);
    return wk__layer_made(m, parent);
}

wk_tensor *wk_embedding_forward(wk_module *m, wk_tensor *input) {
    const embedding *self = wk__layer_self(m, &embedding_class, "embedding_forward");
    return self != NULL ? wk_embedding(input, self->weight) : NULL;
}
