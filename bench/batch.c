/* batch.c -- batching by itself, on the tasks of Neubig et al. 2017 (https://arxiv.org/abs/1705.07860) in the sizes of
 * bench/peers: what is written for one example, at once and in WK_BATCH, beside the same network batched by hand.
 *
 *     tree    child-sum Tree-LSTM over binary trees of 20 leaves, 16 to a step: H 128, a vocabulary of 1000, 5 classes
 *     tagger  bidirectional LSTM over sentences of 5 to 40 words, 16 to a step: E 64, H 64 each way, 10 tags
 *             (tagger_cell: with the library's cell in place of one spelled out in small operations)
 *
 * A step is forward, loss, backward, SGD. */
#include <string.h>

#include "rows.h"

enum { EXAMPLES = 256, STEP = 16, WORDS = 1000 };
enum { AT_ONCE, BATCHED, BY_HAND };

static uint32_t lcg = 42;

static int below(int n) {
    lcg = lcg * 1664525u + 1013904223u;
    return (int)((lcg >> 8) % (uint32_t)n);
}

static wk_tensor *weight(wk_module *m, const char *name, int64_t rows, int64_t cols) {
    WK_SCOPE;
    wk_tensor *t = wk_mul_scalar(wk_randn(WK_SHAPE(rows, cols), WK_F32), 0.08);
    return wk_module_add_parameter(m, name, t);
}

static wk_tensor *bias(wk_module *m, const char *name, int64_t size) {
    WK_SCOPE;
    return wk_module_add_parameter(m, name, wk_zeros(WK_SHAPE(size), WK_F32));
}

static wk_tensor *whole(const int64_t *numbers, int64_t count) {
    return wk_from_data(numbers, WK_SHAPE(count), WK_I64);
}

/* -------------------------------------------------------------------------------------------------------- trees --- */

enum { LEAVES = 20, NODES = 2 * LEAVES - 1, TREE_H = 128, CLASSES = 5 };

typedef struct node {
    int left, right, word, height;
} node; /* left -1: a leaf */
typedef struct tree {
    node nodes[NODES];
    int count, root, label;
} tree;

typedef struct tree_net {
    wk_module *m;
    wk_optim *sgd;
    wk_tensor *words, *w[3], *b[3], *u[3], *bu[3], *uf, *bf, *out, *bout; /* gates: input, output, update */
} tree_net;

typedef struct state {
    wk_tensor *h, *c;
} state;

static tree trees[EXAMPLES];

static int larger(int a, int b) { return a > b ? a : b; }

static int grow(tree *t, int leaves) {
    node n = {-1, -1, 0, 0};
    if (leaves == 1) {
        n.word = below(WORDS);
    } else {
        const int on_the_left = 1 + below(leaves - 1);
        n.left = grow(t, on_the_left);
        n.right = grow(t, leaves - on_the_left);
        n.height = 1 + larger(t->nodes[n.left].height, t->nodes[n.right].height);
    }
    t->nodes[t->count] = n;
    return t->count++;
}

static tree_net tree_net_new(void) {
    tree_net n = {.m = wk_module_new(NULL, "trees")};
    char name[] = "w0";
    wk_manual_seed(1);
    n.words = weight(n.m, "words", WORDS, TREE_H);
    for (int g = 0; g < 3; g++, name[1]++) {
        name[0] = 'w', n.w[g] = weight(n.m, name, TREE_H, TREE_H);
        name[0] = 'b', n.b[g] = bias(n.m, name, TREE_H);
        name[0] = 'u', n.u[g] = weight(n.m, name, TREE_H, TREE_H);
        name[0] = 'v', n.bu[g] = bias(n.m, name, TREE_H);
    }
    n.uf = weight(n.m, "uf", TREE_H, TREE_H), n.bf = bias(n.m, "bf", TREE_H);
    n.out = weight(n.m, "out", CLASSES, TREE_H), n.bout = bias(n.m, "bout", CLASSES);
    n.sgd = wk_sgd_new(n.m, 0.01, NULL);
    return n;
}

/* The cell of a leaf, or of an inner node; of one row or many. */
static state leaf_cell(const tree_net *n, wk_tensor *words) {
    wk_tensor *x = wk_embedding(words, n->words, -1);
    wk_tensor *i = wk_sigmoid(wk_linear(x, n->w[0], n->b[0])), *o = wk_sigmoid(wk_linear(x, n->w[1], n->b[1]));
    wk_tensor *c = wk_mul(i, wk_tanh(wk_linear(x, n->w[2], n->b[2])));
    return (state){wk_mul(o, wk_tanh(c)), c};
}

static state inner_cell(const tree_net *n, state l, state r) {
    wk_tensor *h = wk_add(l.h, r.h);
    wk_tensor *i = wk_sigmoid(wk_linear(h, n->u[0], n->bu[0])), *o = wk_sigmoid(wk_linear(h, n->u[1], n->bu[1]));
    wk_tensor *c = wk_mul(i, wk_tanh(wk_linear(h, n->u[2], n->bu[2])));
    c = wk_add(c, wk_mul(wk_sigmoid(wk_linear(l.h, n->uf, n->bf)), l.c));
    c = wk_add(c, wk_mul(wk_sigmoid(wk_linear(r.h, n->uf, n->bf)), r.c));
    return (state){wk_mul(o, wk_tanh(c)), c};
}

static state tree_state(const tree_net *n, const tree *t, int at) {
    const node *self = &t->nodes[at];
    if (self->left < 0) return leaf_cell(n, wk_full(WK_SHAPE(1), self->word, WK_I64));
    return inner_cell(n, tree_state(n, t, self->left), tree_state(n, t, self->right));
}

static wk_tensor *tree_losses(const tree_net *n, const tree *ts) {
    wk_list *losses = wk_list_new();
    for (int t = 0; t < STEP; t++) {
        wk_tensor *scores = wk_linear(tree_state(n, &ts[t], ts[t].root).h, n->out, n->bout);
        wk_list_push(losses, wk_cross_entropy(scores, wk_full(WK_SHAPE(1), ts[t].label, WK_I64)));
    }
    return wk_mean(wk_stack(losses, 0));
}

static state chosen(state all, const int64_t *rows, int count) {
    wk_tensor *index = whole(rows, count);
    return (state){wk_index_select(all.h, 0, index), wk_index_select(all.c, 0, index)};
}

/* Rows `first` and on become those of s. */
static void put(state all, int first, state s) {
    wk_copy_(wk_narrow(all.h, 0, first, wk_dim(s.h, 0)), s.h);
    wk_copy_(wk_narrow(all.c, 0, first, wk_dim(s.c, 0)), s.c);
}

/* Height by height: all nodes of one at once, their children taken from what is there. */
static wk_tensor *tree_losses_by_hand(const tree_net *n, const tree *ts) {
    static int64_t place[STEP][NODES], left[STEP * NODES], right[STEP * NODES];
    int64_t labels[STEP];
    const state all = {wk_empty(WK_SHAPE(STEP * NODES, TREE_H), WK_F32),
                       wk_empty(WK_SHAPE(STEP * NODES, TREE_H), WK_F32)};
    int highest = 0;
    for (int t = 0; t < STEP; t++) highest = larger(highest, ts[t].nodes[ts[t].root].height);
    for (int height = 0, total = 0; height <= highest; height++) {
        int count = 0;
        for (int t = 0; t < STEP; t++)
            for (int k = 0; k < NODES; k++) {
                const node *self = &ts[t].nodes[k];
                if (self->height != height) continue;
                left[count] = self->left < 0 ? self->word : place[t][self->left];
                right[count] = self->left < 0 ? 0 : place[t][self->right];
                place[t][k] = total + count++;
            }
        state s = height == 0 ? leaf_cell(n, whole(left, count))
                              : inner_cell(n, chosen(all, left, count), chosen(all, right, count));
        put(all, total, s);
        total += count;
    }
    for (int t = 0; t < STEP; t++) left[t] = place[t][ts[t].root], labels[t] = ts[t].label;
    wk_tensor *roots = wk_index_select(all.h, 0, whole(left, STEP));
    return wk_cross_entropy(wk_linear(roots, n->out, n->bout), whole(labels, STEP));
}

/* ------------------------------------------------------------------------------------------------------- tagger --- */

enum { LONGEST = 40, WORD_E = 64, TAG_H = 64, TAGS = 10 };

typedef struct sentence {
    int64_t length, words[LONGEST], tags[LONGEST];
} sentence;

typedef struct lstm {
    wk_tensor *wx, *wh, *b;
    wk_module *cell; /* or the library's */
} lstm;

typedef struct tag_net {
    wk_module *m;
    wk_optim *sgd;
    wk_tensor *words, *out, *bout;
    lstm forward, backward;
} tag_net;

static sentence sentences[EXAMPLES];

static lstm lstm_new(wk_module *m, bool is_cell, const char *wx, const char *wh, const char *b) {
    if (is_cell) return (lstm){.cell = wk_lstm_cell_new(m, wx, WORD_E, TAG_H, NULL)};
    return (lstm){weight(m, wx, 4 * TAG_H, WORD_E), weight(m, wh, 4 * TAG_H, TAG_H), bias(m, b, 4 * TAG_H), NULL};
}

static tag_net tag_net_new(bool with_cells) {
    tag_net n = {.m = wk_module_new(NULL, "tagger")};
    wk_manual_seed(1);
    n.words = weight(n.m, "words", WORDS, WORD_E);
    n.forward = lstm_new(n.m, with_cells, "wx", "wh", "b");
    n.backward = lstm_new(n.m, with_cells, "vx", "vh", "c");
    n.out = weight(n.m, "out", TAGS, 2 * TAG_H), n.bout = bias(n.m, "bout", TAGS);
    n.sgd = wk_sgd_new(n.m, 0.01, NULL);
    return n;
}

/* Input, forget and output gate side by side, and the update. s.h NULL: the first step. */
static state lstm_cell(wk_tensor *from_x, const lstm *l, state s) {
    wk_tensor *gates = s.h != NULL ? wk_add(from_x, wk_linear(s.h, l->wh, NULL)) : from_x;
    wk_tensor *ifo = wk_sigmoid(wk_narrow(gates, 1, 0, 3 * TAG_H));
    wk_tensor *update = wk_tanh(wk_narrow(gates, 1, 3 * TAG_H, TAG_H));
    wk_tensor *c = wk_mul(wk_narrow(ifo, 1, 0, TAG_H), update);
    if (s.c != NULL) c = wk_add(c, wk_mul(wk_narrow(ifo, 1, TAG_H, TAG_H), s.c));
    return (state){wk_mul(wk_narrow(ifo, 1, 2 * TAG_H, TAG_H), wk_tanh(c)), c};
}

/* What comes from x, for one word or for those of all steps at once; nothing yet, where a cell does that. */
static wk_tensor *projected(wk_tensor *x, const lstm *l) { return l->cell != NULL ? x : wk_linear(x, l->wx, l->b); }

static state step(wk_tensor *from_x, const lstm *l, state s) {
    if (l->cell == NULL) return lstm_cell(from_x, l, s);
    s.h = wk_lstm_cell_forward(l->cell, from_x, s.h, s.c, &s.c);
    return s;
}

static wk_tensor *side_by_side(wk_tensor *a, wk_tensor *b) {
    wk_list *both = wk_list_new();
    wk_list_push(both, a), wk_list_push(both, b);
    return wk_cat(both, 1);
}

static void push_losses(wk_list *losses, const tag_net *n, const sentence *s) {
    wk_tensor *x[LONGEST], *h[LONGEST];
    state f = {NULL, NULL}, b = {NULL, NULL};
    for (int64_t t = 0; t < s->length; t++) x[t] = wk_embedding(whole(&s->words[t], 1), n->words, -1);
    for (int64_t t = 0; t < s->length; t++) {
        f = step(projected(x[t], &n->forward), &n->forward, f);
        h[t] = f.h;
    }
    for (int64_t t = s->length - 1; t >= 0; t--) {
        b = step(projected(x[t], &n->backward), &n->backward, b);
        wk_tensor *scores = wk_linear(side_by_side(h[t], b.h), n->out, n->bout);
        wk_list_push(losses, wk_cross_entropy(scores, whole(&s->tags[t], 1)));
    }
}

static wk_tensor *tag_losses(const tag_net *n, const sentence *s) {
    wk_list *losses = wk_list_new();
    for (int i = 0; i < STEP; i++) push_losses(losses, n, &s[i]);
    return wk_mul_scalar(wk_sum(wk_stack(losses, 0)), 1.0 / STEP);
}

/* One direction over all sentences, longest first: at each step the rows that are still alive. h (total, H), in the
 * order of steps. */
static wk_tensor *run_by_hand(wk_tensor *x, const lstm *l, const int64_t *alive, int64_t longest) {
    wk_tensor *from_x = projected(x, l);
    wk_list *hs = wk_list_new();
    state s = {NULL, NULL};
    for (int64_t t = 0, at = 0; t < longest; at += alive[t++]) {
        if (t > 0 && alive[t] < alive[t - 1])
            s = (state){wk_narrow(s.h, 0, 0, alive[t]), wk_narrow(s.c, 0, 0, alive[t])};
        s = step(wk_narrow(from_x, 0, at, alive[t]), l, s);
        wk_list_push(hs, s.h);
    }
    return wk_cat(hs, 0);
}

static int by_length(const void *a, const void *b) {
    const sentence *const *x = a, *const *y = b;
    return ((*x)->length < (*y)->length) - ((*x)->length > (*y)->length);
}

static wk_tensor *tag_losses_by_hand(const tag_net *n, const sentence *s) {
    static int64_t words[2][STEP * LONGEST], tags[STEP * LONGEST], back[STEP * LONGEST], place[STEP][LONGEST];
    const sentence *sorted[STEP];
    int64_t alive[LONGEST] = {0}, total = 0;
    for (int i = 0; i < STEP; i++) sorted[i] = &s[i];
    qsort(sorted, STEP, sizeof *sorted, by_length);
    for (int64_t t = 0; t < sorted[0]->length; t++)
        for (int i = 0; i < STEP && sorted[i]->length > t; i++, total++) {
            words[0][total] = sorted[i]->words[t], tags[total] = sorted[i]->tags[t];
            words[1][total] = sorted[i]->words[sorted[i]->length - 1 - t];
            place[i][t] = total;
            alive[t]++;
        }
    for (int64_t t = 0, at = 0; t < sorted[0]->length; t++)
        for (int i = 0; i < alive[t]; i++) back[at++] = place[i][sorted[i]->length - 1 - t];
    wk_tensor *f =
        run_by_hand(wk_embedding(whole(words[0], total), n->words, -1), &n->forward, alive, sorted[0]->length);
    wk_tensor *b =
        run_by_hand(wk_embedding(whole(words[1], total), n->words, -1), &n->backward, alive, sorted[0]->length);
    wk_tensor *h = side_by_side(f, wk_index_select(b, 0, whole(back, total)));
    wk_tensor *loss = wk_cross_entropy(wk_linear(h, n->out, n->bout), whole(tags, total));
    return wk_mul_scalar(loss, (double)total / STEP);
}

/* -------------------------------------------------------------------------------------------------------- steps --- */

typedef struct setup {
    int way;
    tree_net *trees;
    tag_net *tagger;
} setup;

static wk_tensor *losses_of(const setup *s, int first) {
    if (s->trees != NULL) return (s->way == BY_HAND ? tree_losses_by_hand : tree_losses)(s->trees, &trees[first]);
    return (s->way == BY_HAND ? tag_losses_by_hand : tag_losses)(s->tagger, &sentences[first]);
}

static int next_step; /* blocks go through the examples in turn */

static double examples_block(void *user) {
    const setup *s = user;
    wk_optim *sgd = s->trees != NULL ? s->trees->sgd : s->tagger->sgd;
    const double before = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < 4; i++, next_step = (next_step + 1) % (EXAMPLES / STEP)) {
        const wk_scope scope = s->way == BATCHED ? wk_batch_open() : wk_scope_open();
        wk_tensor *loss = losses_of(s, next_step * STEP);
        wk_optim_zero_grad(sgd);
        wk_backward(loss);
        wk_optim_step(sgd);
        wk_scope_close(scope);
    }
    return (seconds(CLOCK_MONOTONIC) - before) / (4 * STEP);
}

/* --------------------------------------------------------------------------------------------------------- rows --- */

static void measure_examples(FILE *csv, const char *what, setup s, const char *goal) {
    static const char *const ways[] = {"at_once", "batch", "by_hand"};
    for (s.way = AT_ONCE; s.way <= BY_HAND; s.way++) {
        char name[64];
        snprintf(name, sizeof name, "%s_%s", what, ways[s.way]);
        next_step = 0;
        report(csv, name, measure(examples_block, &s), 1e6, "us", s.way == BATCHED ? goal : "");
    }
}

int main(int argc, char **argv) {
    FILE *csv = rows_begin(argc, argv);
    for (int i = 0; i < EXAMPLES; i++) trees[i].root = grow(&trees[i], LEAVES), trees[i].label = below(CLASSES);
    for (int i = 0; i < EXAMPLES; i++) {
        sentences[i].length = 5 + below(36);
        for (int t = 0; t < sentences[i].length; t++)
            sentences[i].words[t] = below(WORDS), sentences[i].tags[t] = below(TAGS);
    }
    tree_net tn = tree_net_new();
    tag_net gn = tag_net_new(false), cn = tag_net_new(true);
    printf("Batching by itself, time for an example (forward, backward, SGD)\n");
    measure_examples(csv, "tree", (setup){.trees = &tn}, "goal 143: 7000 a second");
    measure_examples(csv, "tagger", (setup){.tagger = &gn}, "goal 125: 8000 a second");
    measure_examples(csv, "tagger_cell", (setup){.tagger = &cn}, "goal 125: 8000 a second");
    wk_optim_free(tn.sgd), wk_module_free(tn.m);
    wk_optim_free(gn.sgd), wk_module_free(gn.m);
    wk_optim_free(cn.sgd), wk_module_free(cn.m);
    return rows_end(csv);
}
