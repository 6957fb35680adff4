/* embedding.c -- a table of vectors that numbers choose from. */
#include <stdio.h>

#include "base/context.h"
#include "nn/layer.h"

typedef struct embedding {
    wk_tensor *weight;
    int64_t padding_idx;
} embedding;

static void describe(const wk_module *m, char *text, size_t nbytes) {
    const embedding *self = wk_module_self(m);
    char padding[40] = "";
    if (self->padding_idx >= 0) snprintf(padding, sizeof padding, ", padding_idx=%lld", (long long)self->padding_idx);
    snprintf(text, nbytes, "%lld, %lld%s", (long long)wk_dim(self->weight, 0), (long long)wk_dim(self->weight, 1),
             padding);
}

static const wk_module_class embedding_class = {
    .size = sizeof(wk_module_class), .name = "Embedding", .self_nbytes = sizeof(embedding),
    .forward = wk_embedding_forward, .describe = describe,
};

static bool check(const wk_embedding_options *o, int64_t num_embeddings, int64_t embedding_dim) {
    if (!wk__layer_size(num_embeddings, "num_embeddings", "embedding_new") ||
        !wk__layer_size(embedding_dim, "embedding_dim", "embedding_new"))
        return false;
    if (o->padding_idx < -1 || o->padding_idx >= num_embeddings)
        wk__fail(wk__ctx(), WK_EINVAL, "embedding_new", "padding_idx is %lld and must be -1, or one of %lld rows",
                 (long long)o->padding_idx, (long long)num_embeddings);
    return wk_ok();
}

/* All numbers are drawn, that of the padding too, and then its row is made zero, as in PyTorch. */
static wk_tensor *weight_new(wk_module *m, const wk_embedding_options *o, int64_t num_embeddings, int64_t dim) {
    const wk_scope scope = wk_scope_open();
    wk_tensor *init = wk_randn(WK_SHAPE(num_embeddings, dim), o->dtype);
    if (o->padding_idx >= 0) wk_copy_(wk_select(init, 0, o->padding_idx), wk_scalar(0, o->dtype));
    wk_tensor *weight = wk_module_add_parameter(m, "weight", init);
    wk_scope_close(scope);
    return weight;
}

wk_module *wk_embedding_new(wk_module *parent, const char *name, int64_t num_embeddings, int64_t embedding_dim,
                            const wk_embedding_options *options) {
    wk_embedding_options o;
    const wk_embedding_options defaults = WK_EMBEDDING_OPTIONS;
    if (!wk_ok() || !wk__options(&o, &defaults, options, sizeof o, "embedding_new") ||
        !check(&o, num_embeddings, embedding_dim) || !wk__layer_dtype(o.dtype, "embedding_new"))
        return NULL;
    wk_module *m = wk__module_new(parent, name, &embedding_class, "embedding_new");
    embedding *self = wk_module_self(m);
    if (self == NULL) return NULL;
    self->padding_idx = o.padding_idx;
    self->weight = weight_new(m, &o, num_embeddings, embedding_dim);
    return wk__layer_made(m, "embedding_new");
}

wk_tensor *wk_embedding_forward(wk_module *m, wk_tensor *input) {
    const embedding *self = wk__layer_self(m, &embedding_class, "embedding_forward");
    if (self == NULL) return NULL;
    return wk__layer_gives(wk_embedding(input, self->weight, self->padding_idx), "embedding_forward");
}
