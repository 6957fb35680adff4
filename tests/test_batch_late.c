/* test_batch_late.c -- kinds that came to one group in the batch before (NOTE [Late kinds] in batch/late.c): gradients
 * are those of the program without a batch where their group moves to later levels, is pinned by what does not move, or
 * cannot take a call that depends on it. A failure names its seed; `test_batch_late DATA FIRST COUNT` runs others. */
#include "batch/batch.h"
#include "splitmix.h"
#include "support.h"

enum { H = 3, WEIGHTS = 5, STEPS = 5, MOST = 6, LONGEST = 9 };
enum { TAGS, FED_BACK, GOES_ON, READ, PROGRAMS };

static uint64_t first_seed = 1, seed_count = 60;

typedef struct network {
    wk_tensor *forward, *backward, *out, *after, *words;
} network;

static wk_tensor *step(wk_tensor *w, wk_tensor *x, wk_tensor *h) { return wk_tanh(wk_add(x, wk_linear(h, w, NULL))); }

static wk_tensor *score(const network *n, wk_tensor *a, wk_tensor *b) {
    wk_list *both = wk_list_new();
    wk_list_push(both, a), wk_list_push(both, b);
    return wk_linear(wk_cat(both, 1), n->out, NULL);
}

/* Losses at every step of a sequence that is gone through both ways. */
static void push_losses(wk_list *losses, const network *n, int program, int length) {
    wk_tensor *x[LONGEST], *h[LONGEST + 1], *b, *scores = NULL, *more = NULL;
    h[0] = b = wk_zeros(WK_SHAPE(1, H), WK_F64);
    for (int t = 0; t < length; t++) x[t] = wk_narrow(n->words, 0, t, 1);
    for (int t = 0; t < length; t++) h[t + 1] = step(n->forward, wk_sin(x[t]), h[t]);
    for (int t = length - 1; t >= 0; t--) {
        b = step(n->backward, wk_sin(x[t]), b);
        scores = score(n, program == FED_BACK && scores != NULL ? scores : h[t + 1], b);
        if (program == GOES_ON) more = step(n->after, scores, more != NULL ? more : scores);
        wk_list_push(losses, wk_mean(wk_square(more != NULL ? more : scores)));
    }
    if (program == READ) wk_item(wk_list_at(losses, wk_list_length(losses) - 1));
}

/* One step: the gradients of all weights. */
static bool run(const network *n, wk_tensor *const *weights, uint64_t seed, bool batched, double *all) {
    const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
    const int program = (int)(next_word(&seed) % 8), sequences = 2 + (int)(next_word(&seed) % (MOST - 1));
    wk_list *losses = wk_list_new();
    wk_tensor *gradients[WEIGHTS];
    for (int s = 0; s < sequences; s++)
        push_losses(losses, n, s > 0 && program < PROGRAMS ? program : TAGS, 1 + (int)(next_word(&seed) % LONGEST));
    const bool has_moved = batched && wk__ctx()->batch->some_moved;
    wk_grad(wk_mean(wk_stack(losses, 0)), weights, WEIGHTS, gradients, 0);
    for (int i = 0; i < WEIGHTS; i++) {
        wk_read(gradients[i], all, (size_t)wk_numel(gradients[i]) * sizeof *all);
        all += wk_numel(gradients[i]);
    }
    wk_scope_close(scope);
    return has_moved;
}

static wk_tensor *leaf(int64_t rows, int64_t cols) {
    return wk_requires_grad_(wk_randn(WK_SHAPE(rows, cols), WK_F64), true);
}

/* How often a group had moved. */
static int one_seed(uint64_t seed) {
    WK_SCOPE;
    enum { COUNT = 3 * H * H + 2 * H * H + LONGEST * H };
    double once[COUNT], batch[COUNT];
    char what[64];
    int moved = 0;
    wk_manual_seed(seed);
    const network n = {leaf(H, H), leaf(H, H), leaf(H, 2 * H), leaf(H, H), leaf(LONGEST, H)};
    wk_tensor *const weights[] = {n.forward, n.backward, n.out, n.after, n.words};
    snprintf(what, sizeof what, "gradient, seed %llu", (unsigned long long)seed);
    for (int s = 0; s < STEPS; s++) {
        run(&n, weights, STEPS * seed + (uint64_t)s, false, once);
        moved += run(&n, weights, STEPS * seed + (uint64_t)s, true, batch);
        assert_ok();
        for (int i = 0; i < COUNT; i++) assert_close(batch[i], once[i], 1e-12 * (1 + fabs(once[i])), what);
    }
    return moved;
}

static void gradients_are_the_same(void **state) {
    (void)state;
    int moved = 0;
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) moved += one_seed(seed);
    assert_true(moved > (int)seed_count / 4);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradients_are_the_same)};
    wk_read_seeds(argc, argv, &first_seed, &seed_count);
    return wk_test_main("batch_late", tests, 1);
}
