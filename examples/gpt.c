/* gpt.c -- a small GPT-2 that learns to predict the next character of a text, and then writes in its manner.
 *
 *     gpt [--text FILE] [--steps N] [--no-cache]
 *
 * Blocks of attention and of a two-layer network for each position add to a residual stream (N,T,WIDTH), from which the
 * scores of the next character are read. Generation keeps the keys and values of what it has read, so that a character
 * costs one position. Radford et al. 2019, "Language models are unsupervised multitask learners". */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wick.h>

enum { WIDTH = 64, HEADS = 4, BLOCKS = 2, CONTEXT = 64, BATCH = 4, SAMPLE = 600, MAX_TEXT = 1 << 20 };

typedef struct corpus {
    int64_t length, vocab_size;
    int64_t ids[MAX_TEXT]; /* of the characters, numbered as they first appear */
    char vocab[256];       /* the character of each id */
} corpus;

static bool corpus_read(corpus *c, const char *path) {
    int64_t id_plus_1[256] = {0}; /* 0: not seen yet */
    FILE *file = fopen(path, "rb");
    if (file == NULL) return false;
    for (int byte; c->length < MAX_TEXT && (byte = getc(file)) != EOF; c->length++) {
        if (id_plus_1[byte] == 0) c->vocab[c->vocab_size] = (char)byte, id_plus_1[byte] = ++c->vocab_size;
        c->ids[c->length] = id_plus_1[byte] - 1;
    }
    const bool fine = !ferror(file) && c->length > CONTEXT;
    fclose(file);
    return fine;
}

typedef struct block {
    wk_module *ln_1, *c_attn, *c_proj, *ln_2, *mlp;
    wk_tensor *k, *v; /* the cache, (1,HEADS,T,WIDTH / HEADS); NULL when empty */
} block;

typedef struct gpt {
    wk_module *net, *wte, *wpe, *ln_f, *lm_head;
    block h[BLOCKS];
    wk_optim *adamw;
} gpt;

static void block_make(block *b, wk_module *parent, int index) {
    wk_module *m = wk_module_new(parent, (char[]){(char)('0' + index), '\0'});
    b->ln_1 = wk_layer_norm_new(m, "ln_1", WK_SHAPE(WIDTH), NULL);
    b->c_attn = wk_linear_new(m, "c_attn", WIDTH, 3 * WIDTH, NULL);
    b->c_proj = wk_linear_new(m, "c_proj", WIDTH, WIDTH, NULL);
    b->ln_2 = wk_layer_norm_new(m, "ln_2", WK_SHAPE(WIDTH), NULL);
    b->mlp = wk_sequential_new(m, "mlp");
    wk_linear_new(b->mlp, "c_fc", WIDTH, 4 * WIDTH, NULL);
    wk_gelu_new(b->mlp, "act", true);
    wk_linear_new(b->mlp, "c_proj", 4 * WIDTH, WIDTH, NULL);
}

static void gpt_make(gpt *g, int64_t vocab_size) {
    g->net = wk_module_new(NULL, "gpt");
    g->wte = wk_embedding_new(g->net, "wte", vocab_size, WIDTH, NULL);
    g->wpe = wk_embedding_new(g->net, "wpe", CONTEXT, WIDTH, NULL);
    wk_init_normal_(wk_module_parameter(g->wte, "weight"), 0, 0.1); /* scores are products with it */
    wk_init_normal_(wk_module_parameter(g->wpe, "weight"), 0, 0.1);
    wk_module *blocks = wk_module_new(g->net, "h");
    for (int i = 0; i < BLOCKS; i++) block_make(&g->h[i], blocks, i);
    g->ln_f = wk_layer_norm_new(g->net, "ln_f", WK_SHAPE(WIDTH), NULL);
    wk_linear_options tied = WK_LINEAR_OPTIONS;
    tied.bias = 0;
    tied.weight = wk_module_parameter(g->wte, "weight");
    g->lm_head = wk_linear_new(g->net, "lm_head", WIDTH, vocab_size, &tied);
    g->adamw = wk_adamw_new(g->net, 0, NULL); /* train_step sets the rate */
}

static void clear_cache(gpt *g) {
    for (int i = 0; i < BLOCKS; i++) wk_release(&g->h[i].k), wk_release(&g->h[i].v);
}

/* (N,T,WIDTH) -> (N,HEADS,T,WIDTH / HEADS) */
static wk_tensor *to_heads(wk_tensor *x) {
    return wk_transpose(wk_unflatten(x, -1, WK_SHAPE(HEADS, WIDTH / HEADS)), 1, 2);
}

/* Each position attends to itself and to those before it; a single new one, behind a cache, to all there are. */
static wk_tensor *attention(block *b, wk_tensor *x, bool use_cache) {
    wk_list *qkv = wk_chunk(wk_linear_forward(b->c_attn, x), 3, -1);
    wk_tensor *q = to_heads(wk_list_at(qkv, 0)), *k = to_heads(wk_list_at(qkv, 1)), *v = to_heads(wk_list_at(qkv, 2));
    const bool cached = b->k != NULL;
    if (cached) k = wk_cat(WK_LIST(b->k, k), 2), v = wk_cat(WK_LIST(b->v, v), 2);
    if (use_cache) wk_keep(&b->k, k), wk_keep(&b->v, v);
    wk_tensor *y = wk_scaled_dot_product_attention(q, k, v, NULL, 0, !cached);
    return wk_linear_forward(b->c_proj, wk_flatten(wk_transpose(y, 1, 2), 2, 3));
}

/* ids (N,T), the first at position `from` -> scores of the character after each, (N,T,V). */
static wk_tensor *forward(gpt *g, wk_tensor *ids, int64_t from, bool use_cache) {
    wk_tensor *positions = wk_arange((double)from, (double)(from + wk_dim(ids, 1)), 1, WK_I64);
    wk_tensor *x = wk_add(wk_embedding_forward(g->wte, ids), wk_embedding_forward(g->wpe, positions));
    for (block *b = g->h; b < g->h + BLOCKS; b++) {
        x = wk_add(x, attention(b, wk_layer_norm_forward(b->ln_1, x), use_cache));
        x = wk_add(x, wk_forward(b->mlp, wk_layer_norm_forward(b->ln_2, x)));
    }
    return wk_linear_forward(g->lm_head, wk_layer_norm_forward(g->ln_f, x));
}

/* Linear warm-up over a tenth of the steps, then half a cosine down to a tenth of the peak. */
static double learning_rate(int step, int steps) {
    const double peak = 4e-3, warm_up = 1 + steps / 10;
    if (step < warm_up) return peak * (step + 1) / warm_up;
    return peak * (0.55 + 0.45 * cos(acos(-1) * (step - warm_up) / (steps - warm_up)));
}

/* BATCH random windows of the text; the targets are the same windows one character later. */
static double train_step(gpt *g, wk_tensor *text, double lr) {
    WK_SCOPE;
    wk_tensor *starts = wk_randint_tensor(0, wk_dim(text, 0) - CONTEXT, WK_SHAPE(BATCH, 1));
    wk_tensor *at = wk_add(starts, wk_arange(0, CONTEXT, 1, WK_I64));
    wk_tensor *scores = forward(g, wk_index(text, WK_LIST(at)), 0, false);
    wk_tensor *targets = wk_index(text, WK_LIST(wk_add_scalar(at, 1)));
    wk_tensor *loss = wk_cross_entropy(wk_flatten(scores, 0, 1), wk_flatten(targets, 0, 1));
    wk_optim_zero_grad(g->adamw);
    wk_backward(loss);
    wk_clip_grad_norm(g->net, 1);
    wk_optim_set_lr(g->adamw, lr);
    wk_optim_step(g->adamw);
    return wk_item(loss);
}

static void print_progress(int step, double loss) {
    static const char bar[] = "############################################################";
    const bool colors = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
    printf(colors ? "step %5d   loss %.4f   \033[34m%.*s\033[0m\n" : "step %5d   loss %.4f   %.*s\n", step, loss,
           (int)fmin(12 * loss, sizeof bar - 1), bar);
    fflush(stdout);
}

static void train(gpt *g, wk_tensor *text, int steps) {
    double sum = 0; /* since the last line */
    for (int i = 1, count = 1; i <= steps && wk_ok(); i++, count++) {
        sum += train_step(g, text, learning_rate(i - 1, steps));
        if (i % ((steps + 9) / 10) == 0 || i == steps) print_progress(i, sum / count), sum = count = 0;
    }
}

/* Samples the character after these, of which the first is at position `from`, at a temperature of 0.7. */
static int64_t sample_next(gpt *g, const int64_t *ids, int64_t count, int64_t from) {
    WK_SCOPE;
    wk_tensor *scores = forward(g, wk_from_data(ids, WK_SHAPE(1, count), WK_I64), from, true);
    wk_tensor *p = wk_softmax(wk_div_scalar(wk_select(scores, 1, -1), 0.7), -1);
    return wk_get_i64(wk_multinomial(p, 1, false), (int64_t[]){0, 0});
}

/* Writes on from the first character of the text. When the context is full, its later half becomes a new one. */
static void write_sample(gpt *g, const corpus *c, bool use_cache) {
    WK_NO_GRAD;
    int64_t ids[SAMPLE + 1] = {c->ids[0]};
    for (int64_t count = 1, start = 0, cached = 0; count <= SAMPLE && wk_ok(); count++) {
        putchar(c->vocab[ids[count - 1]]);
        const bool full = count - start > CONTEXT;
        if (full) start = count - CONTEXT / 2;
        if (full || !use_cache) clear_cache(g), cached = start;
        ids[count] = sample_next(g, ids + cached, count - cached, cached - start);
        cached = count;
    }
    putchar('\n');
}

static const char help[] = "usage: gpt [--text FILE] [--steps N] [--no-cache]\n\n"
                           "Trains a small GPT on the characters of a text and prints what it then writes.\n\n"
                           "  --text FILE   the text, of which 1 MiB is read (default include/wick/ops.def)\n"
                           "  --steps N     steps of training, 1 .. 1000000 (default 1600)\n"
                           "  --no-cache    computes the whole context again for each character written\n";

int main(int argc, char **argv) {
    static corpus c;
    const char *path = "include/wick/ops.def";
    long steps = 1600;
    bool use_cache = true;
    for (int i = 1; i < argc; i++) {
        char *end = argv[i];
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return fputs(help, stdout), 0;
        if (strcmp(argv[i], "--no-cache") == 0) use_cache = false;
        else if (strcmp(argv[i], "--text") == 0 && i + 1 < argc) path = argv[++i];
        else if (strcmp(argv[i], "--steps") != 0 || i + 1 == argc || (steps = strtol(argv[++i], &end, 10)) < 1 ||
                 steps > 1000000 || *end != '\0')
            return fprintf(stderr, "gpt: what is \"%s\"? See gpt --help\n", argv[i]), 2;
    }
    if (!corpus_read(&c, path)) return fprintf(stderr, "gpt: cannot read %d bytes of \"%s\"\n", CONTEXT + 1, path), 1;
    WK_SCOPE;
    wk_manual_seed(1);
    gpt g = {0};
    gpt_make(&g, c.vocab_size);
    train(&g, wk_from_data(c.ids, WK_SHAPE(c.length), WK_I64), (int)steps);
    write_sample(&g, &c, use_cache);
    clear_cache(&g);
    wk_optim_free(g.adamw);
    wk_module_free(g.net);
    wk_error error;
    return wk_check(&error) == WK_OK ? 0 : (fprintf(stderr, "gpt: %s\n", error.message), 1);
}
