/* random.c -- tensors of random numbers, drawn when they are asked for from the context's generator. No gradient. */
#include <math.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/rng.h"
#include "kernel/kernel.h"
#include "kernel/record.h"
#include "op/ragged.h"
#include "op/rows.h"
#include "tensor/words.h"
#include "wick/random.h"

/* ------------------------------------------------------------------------------------------------ the generator --- */

/* A seed that nobody gave. The clock is enough where the system has no entropy to offer. */
static uint64_t seed_from_system(void) {
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        seed = (uint64_t)now.tv_sec * 1000003u ^ (uint64_t)now.tv_nsec;
    }
    return seed;
}

/* The generator of the context, made at its first use. NULL, recorded, when memory is out. */
static wk_rng *generator(wk_ctx *ctx, const char *op) {
    if (ctx->rng != NULL) return ctx->rng;
    ctx->rng = malloc(sizeof *ctx->rng);
    if (ctx->rng == NULL) wk__out_of_memory(ctx, op);
    else wk__rng_seed(ctx->rng, seed_from_system());
    return ctx->rng;
}

void wk_manual_seed(uint64_t seed) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || wk__capture_refuses(ctx, "manual_seed", "seed before the run")) return;
    wk_rng *rng = generator(ctx, "manual_seed");
    if (rng != NULL) wk__rng_seed(rng, seed);
}

uint64_t wk_initial_seed(void) {
    wk_ctx *ctx = wk__ctx();
    const wk_rng *rng = wk__ready(ctx) ? generator(ctx, "initial_seed") : NULL;
    return rng != NULL ? rng->seed : 0;
}

int64_t wk_randint(int64_t low, int64_t high) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || wk__capture_refuses(ctx, "randint", "the number would be the same in every run")) return 0;
    wk_rng *rng = generator(ctx, "randint");
    int64_t y = 0;
    if (rng == NULL) return 0;
    if (low < high) wk__rng_randint(rng, 1, &y, low, high);
    else wk__fail(ctx, WK_EINVAL, "randint", "low %lld is not below high %lld", (long long)low, (long long)high);
    return y;
}

/* ----------------------------------------------------------------------------------------------------- the rows --- */

/* low and high: bounds; for bernoulli low is p, for exponential the rate. */
typedef struct draw_attrs {
    double low, high;
    int64_t from, to, dtype;
    wk_dims_attr dims;
} draw_attrs;

/* A generator and an output of the given type, or false. Everything that can fail comes before the first draw. */
static bool declare(wk_call *c, wk_dtype dtype) {
    const wk_dims_attr *d = &((const draw_attrs *)c->attrs)->dims;
    if (generator(c->ctx, c->op->name) == NULL || !wk__check_shape(c->ctx, c->op->name, d->ndim, d->dims, dtype))
        return false;
    return wk__declare(c, 0, dtype, d->ndim, d->dims);
}

static bool float_shape(wk_call *c) {
    const wk_dtype dtype = (wk_dtype)((const draw_attrs *)c->attrs)->dtype;
    if (dtype == WK_F32 || dtype == WK_F64) return declare(c, dtype);
    return wk__refuse(c, WK_EDTYPE, "the element type must be f32 or f64");
}

static bool uniform_shape(wk_call *c) {
    const draw_attrs *a = c->attrs;
    const bool is_f32 = a->dtype == WK_F32; /* in which the bounds are taken, and their distance */
    const double width = is_f32 ? (double)((float)a->high - (float)a->low) : a->high - a->low;
    if (isfinite(width) && a->low <= a->high) return float_shape(c);
    return wk__refuse(c, WK_EINVAL, "low %g and high %g are no range%s", a->low, a->high,
                      a->low <= a->high && is_f32 ? " of f32" : "");
}

static bool bernoulli_shape(wk_call *c) {
    const double p = ((const draw_attrs *)c->attrs)->low;
    return p >= 0 && p <= 1 ? float_shape(c) : wk__refuse(c, WK_EINVAL, "p is %g, not a probability from 0 to 1", p);
}

static bool exponential_shape(wk_call *c) {
    const double rate = ((const draw_attrs *)c->attrs)->low;
    return rate > 0 && isfinite(rate) ? float_shape(c) : wk__refuse(c, WK_EINVAL, "rate is %g, not above 0", rate);
}

static bool randint_shape(wk_call *c) {
    const draw_attrs *a = c->attrs;
    if (a->from < a->to) return declare(c, WK_I64);
    return wk__refuse(c, WK_EINVAL, "low %lld is not below high %lld", (long long)a->from, (long long)a->to);
}

static bool randperm_shape(wk_call *c) {
    draw_attrs *a = c->attrs;
    if (a->to < 0 || a->to > UINT32_MAX)
        return wk__refuse(c, WK_EINVAL, "n is %lld, not from 0 to 2^32 - 1", (long long)a->to);
    a->dims = (wk_dims_attr){1, {a->to}};
    return declare(c, WK_I64);
}

/* One call of the generator: n numbers into y. The two numbers are bounds; for bernoulli the first is p. */
typedef void draw_loop(wk_rng *rng, int64_t n, void *y, double low, double high);
typedef void draw_whole_loop(wk_rng *rng, int64_t n, void *y, int64_t from, int64_t to);

/* uniform_f32 and so on: the generator's function of that name as a draw_loop, which binds its numbers to a and b. */
#define DRAW(name, ...)                                                     \
    static void name(wk_rng *rng, int64_t n, void *y, double a, double b) { \
        (void)a, (void)b;                                                   \
        wk__rng_##name(rng, n, y, __VA_ARGS__);                             \
    }
DRAW(normal_f32, 0, 1, wk__kernels->box_muller[WK_F32])
DRAW(normal_f64, 0, 1, wk__kernels->box_muller[WK_F64])
DRAW(uniform_f32, a, b)
DRAW(uniform_f64, a, b)
DRAW(bernoulli_f32, a)
DRAW(bernoulli_f64, a)
DRAW(exponential_f32, a)
DRAW(exponential_f64, a)
#undef DRAW

static void whole(wk_rng *rng, int64_t n, void *y, int64_t from, int64_t to) { wk__rng_randint(rng, n, y, from, to); }
static void permutation(wk_rng *rng, int64_t n, void *y, int64_t from, int64_t to) {
    (void)from, (void)to;
    wk__rng_randperm(rng, n, y);
}

/* Draws now, or, where a plan records, in each run of the plan. */
static void call_draw(wk_any_function *f, const wk_word *w) {
    ((draw_loop *)f)(w[0].p, w[1].i, w[2].p, w[3].f, w[4].f);
}
static void call_draw_whole(wk_any_function *f, const wk_word *w) {
    ((draw_whole_loop *)f)(w[0].p, w[1].i, w[2].p, w[3].i, w[4].i);
}

/* The draw is noted, and counted: a checkpoint asks whether there were any. */
static bool note_draw(wk_ctx *ctx, const wk_noted *noted, const wk_word *words) {
    if (wk_likely(ctx->capture == NULL)) return false;
    ctx->capture->draws++;
    return wk__note(ctx, noted, words);
}

static void run(wk_call *c, draw_loop *f32, draw_loop *f64) {
    static const wk_signature signature = {"gnwff", call_draw, NULL};
    const draw_attrs *a = c->attrs;
    const wk_array *y = &c->out[0]->a;
    draw_loop *const f = y->dtype == WK_F32 ? f32 : f64;
    const wk_noted noted = {&signature, (wk_any_function *)f, c->op->name, y->dtype, false};
    const wk_word words[] = {{.p = c->ctx->rng}, {.i = y->numel}, {.p = y->data}, {.f = a->low}, {.f = a->high}};
    if (!note_draw(c->ctx, &noted, words)) f(c->ctx->rng, y->numel, y->data, a->low, a->high);
}

static void run_whole(wk_call *c, draw_whole_loop *f) {
    static const wk_signature signature = {"gnwnn", call_draw_whole, NULL};
    const draw_attrs *a = c->attrs;
    const wk_array *y = &c->out[0]->a;
    const wk_noted noted = {&signature, (wk_any_function *)f, c->op->name, y->dtype, false};
    const wk_word words[] = {{.p = c->ctx->rng}, {.i = y->numel}, {.p = y->data}, {.i = a->from}, {.i = a->to}};
    if (!note_draw(c->ctx, &noted, words)) f(c->ctx->rng, y->numel, y->data, a->from, a->to);
}

static void uniform_forward(wk_call *c) { run(c, uniform_f32, uniform_f64); }
static void randn_forward(wk_call *c) { run(c, normal_f32, normal_f64); }
static void bernoulli_forward(wk_call *c) { run(c, bernoulli_f32, bernoulli_f64); }
static void exponential_forward(wk_call *c) { run(c, exponential_f32, exponential_f64); }
static void randint_forward(wk_call *c) { run_whole(c, whole); }
static void randperm_forward(wk_call *c) { run_whole(c, permutation); }

static const wk_attr_field fields[] = {
    {"dims", 'd', offsetof(draw_attrs, dims), 0},
    {"dtype", 't', offsetof(draw_attrs, dtype), WK_F32},
    {"low", 'f', offsetof(draw_attrs, low), 0},
    {"high", 'f', offsetof(draw_attrs, high), 1},
};
static const wk_attr_field bernoulli_fields[] = {
    {"dims", 'd', offsetof(draw_attrs, dims), 0},
    {"dtype", 't', offsetof(draw_attrs, dtype), WK_F32},
    {"p", 'f', offsetof(draw_attrs, low), 0.5},
};
static const wk_attr_field exponential_fields[] = {
    {"dims", 'd', offsetof(draw_attrs, dims), 0},
    {"dtype", 't', offsetof(draw_attrs, dtype), WK_F32},
    {"rate", 'f', offsetof(draw_attrs, low), 1},
};
static const wk_attr_field randint_fields[] = {
    {"dims", 'd', offsetof(draw_attrs, dims), 0},
    {"low", 'i', offsetof(draw_attrs, from), 0},
    {"high", 'i', offsetof(draw_attrs, to), 1},
};
static const wk_attr_field randperm_fields[] = {{"n", 'i', offsetof(draw_attrs, to), 0}};

#define RANDOM_ROW(row, list, shape_rule, forward_function, instead_) \
    const wk_op wk__op_##row = {                                      \
        WK_ROW(row),                                                  \
        .out_count = 1,                                               \
        .flags = WK__OP_RANDOM | WK__OP_NO_GRAD,                      \
        WK_ATTRS(draw_attrs, list),                                   \
        .shape = (shape_rule),                                        \
        .forward = (forward_function),                                \
        .instead = (instead_),                                        \
    };
RANDOM_ROW(rand, fields, uniform_shape, uniform_forward, NULL)
RANDOM_ROW(uniform, fields, uniform_shape, uniform_forward, "scale wk_rand by tensors that are inputs")
RANDOM_ROW(randn, fields, float_shape, randn_forward, NULL)
RANDOM_ROW(bernoulli, bernoulli_fields, bernoulli_shape, bernoulli_forward,
           "compare wk_rand with a p that is an input (wk_lt)")
RANDOM_ROW(exponential, exponential_fields, exponential_shape, exponential_forward,
           "divide wk_exponential of rate 1 by a rate that is an input")
RANDOM_ROW(randint_tensor, randint_fields, randint_shape, randint_forward, NULL)
RANDOM_ROW(randperm, randperm_fields, randperm_shape, randperm_forward, NULL)

static wk_tensor *draw(const wk_op *op, draw_attrs *attrs, int32_t ndim, const int64_t *dims) {
    return wk__dims_attr_set(&attrs->dims, ndim, dims, op->name) ? wk__apply(op, NULL, 0, attrs, NULL) : NULL;
}

wk_tensor *wk_rand(int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    return draw(&wk__op_rand, &(draw_attrs){.high = 1, .dtype = dtype}, ndim, dims);
}

wk_tensor *wk_uniform(double low, double high, int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    return draw(&wk__op_uniform, &(draw_attrs){.low = low, .high = high, .dtype = dtype}, ndim, dims);
}

wk_tensor *wk_randn(int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    return draw(&wk__op_randn, &(draw_attrs){.dtype = dtype}, ndim, dims);
}

wk_tensor *wk_bernoulli(double p, int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    return draw(&wk__op_bernoulli, &(draw_attrs){.low = p, .dtype = dtype}, ndim, dims);
}

wk_tensor *wk_exponential(double rate, int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    return draw(&wk__op_exponential, &(draw_attrs){.low = rate, .dtype = dtype}, ndim, dims);
}

wk_tensor *wk_randint_tensor(int64_t low, int64_t high, int32_t ndim, const int64_t *dims) {
    return draw(&wk__op_randint_tensor, &(draw_attrs){.from = low, .to = high}, ndim, dims);
}

wk_tensor *wk_randperm(int64_t n) { return draw(&wk__op_randperm, &(draw_attrs){.to = n}, 0, NULL); }

/* ------------------------------------------------------------------------------------ rows of several lengths --- */

typedef struct ragged_attrs {
    double p;
    int64_t T, F, dtype;
} ragged_attrs;

static bool ragged_shape(wk_call *c) {
    const ragged_attrs *a = c->attrs;
    if (generator(c->ctx, c->op->name) == NULL) return false;
    return wk__declare(c, 0, (wk_dtype)a->dtype, 3, (const int64_t[]){c->in[0]->a.dims[0], a->T, a->F});
}

static void draw_rows(wk_ctx *ctx, double p, const wk_array *lengths, const wk_array *y) {
    draw_loop *const coins = y->dtype == WK_F32 ? bernoulli_f32 : bernoulli_f64;
    wk_ragged r;
    wk_places at;
    if (!wk__ragged_begin(ctx, lengths, y->dims[0], y->dims[1], false, &r)) {
        wk__out_of_memory(ctx, "bernoulli");
        return;
    }
    wk__ragged_places(&r, 0, y, &at);
    for (int64_t s = 0, n = 0; s < r.steps; s++) {
        n = wk__ragged_alive(&r, s, n);
        char *const step = wk__places_in(&at, s);
        for (int64_t i = 0; i < n; i++)
            coins(ctx->rng, at.features, step + wk__places_row(&at, i) * wk__dtype_nbytes[y->dtype], p, 0);
    }
    wk__ragged_zero_ends(&r, y);
    wk__ragged_end(&r);
}

/* words: generator, p, lengths, y */
static void call_draw_rows(wk_any_function *f, const wk_word *w) {
    wk_array lengths, y;
    (void)f;
    draw_rows(wk__ctx(), w[1].f, wk__array_of_words(w + 2, &lengths), wk__array_of_words(w + 2 + WK__ARRAY_WORDS, &y));
}

static void ragged_forward(wk_call *c) {
    static const wk_signature signature = {"gf" WK__NOTED_READ WK__NOTED_WRITE, call_draw_rows, NULL};
    const wk_array *lengths = &c->in[0]->a, *y = &c->out[0]->a;
    const wk_noted noted = {.signature = &signature, .name = c->op->name, .dtype = y->dtype, .may_fail = true};
    wk_word words[2 + 2 * WK__ARRAY_WORDS] = {{.p = c->ctx->rng}, {.f = ((const ragged_attrs *)c->attrs)->p}};
    wk__words_of_array(wk__words_of_array(words + 2, lengths), y);
    if (!note_draw(c->ctx, &noted, words)) call_draw_rows(NULL, words);
}

static const wk_op ragged_op = {
    WK_INNER_ROW(bernoulli),
    .in_count = 1,
    .out_count = 1,
    .in_names = "lengths",
    .flags = WK__OP_RANDOM | WK__OP_NO_GRAD,
    .shape = ragged_shape,
    .forward = ragged_forward,
    .attrs_nbytes = sizeof(ragged_attrs),
};

wk_tensor *wk__bernoulli_ragged(double p, wk_tensor *lengths, int64_t T, int64_t F, wk_dtype dtype) {
    ragged_attrs a = {.p = p, .T = T, .F = F, .dtype = dtype};
    return wk__apply(&ragged_op, &lengths, 1, &a, NULL);
}
