/* test_rng.c -- random numbers against PyTorch's: the sequences of random.txt and the initial weights of init.txt.
 * Usage: test_rng DIRECTORY, the one with these files; tools/torch_random.py writes them and tells their format. */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "kernel/kernel.h"

enum { MAX_VALUES = 4096, MAX_NAME = 64 };

static int passed, failed;

static void check(bool ok, const char *what, int64_t n, int64_t i, const char *expected, double got) {
    passed += ok;
    failed += !ok;
    if (!ok) printf("FAIL %s n=%" PRId64 " [%" PRId64 "]: expected %s, got %a\n", what, n, i, expected, got);
}

/* ---- the draws by name ---- */

typedef enum { F32, F64, I64 } value_type;

typedef union {
    float f32[MAX_VALUES];
    double f64[MAX_VALUES];
    int64_t i64[MAX_VALUES];
} values;

typedef struct {
    const char *a, *b; /* as the file has them: numbers of either kind */
} arguments;

static double real(const char *text) { return strtod(text, NULL); }

static int64_t whole(const char *text) { return strtoll(text, NULL, 10); }

static void uniform_f32(wk_rng *rng, int64_t n, values *y, arguments x) {
    wk__rng_uniform_f32(rng, n, y->f32, real(x.a), real(x.b));
}

static void uniform_f64(wk_rng *rng, int64_t n, values *y, arguments x) {
    wk__rng_uniform_f64(rng, n, y->f64, real(x.a), real(x.b));
}

static void normal_f32(wk_rng *rng, int64_t n, values *y, arguments x) {
    wk__rng_normal_f32(rng, n, y->f32, real(x.a), real(x.b), wk__kernels->box_muller[WK_F32]);
}

static void normal_f64(wk_rng *rng, int64_t n, values *y, arguments x) {
    wk__rng_normal_f64(rng, n, y->f64, real(x.a), real(x.b), wk__kernels->box_muller[WK_F64]);
}

static void exponential_f32(wk_rng *rng, int64_t n, values *y, arguments x) {
    wk__rng_exponential_f32(rng, n, y->f32, real(x.a));
}

static void exponential_f64(wk_rng *rng, int64_t n, values *y, arguments x) {
    wk__rng_exponential_f64(rng, n, y->f64, real(x.a));
}

static void randint(wk_rng *rng, int64_t n, values *y, arguments x) {
    wk__rng_randint(rng, n, y->i64, whole(x.a), whole(x.b));
}

static void randperm(wk_rng *rng, int64_t n, values *y, arguments x) {
    (void)x;
    wk__rng_randperm(rng, n, y->i64);
}

static void bernoulli(wk_rng *rng, int64_t n, values *y, arguments x) {
    wk__rng_bernoulli_f32(rng, n, y->f32, real(x.a));
}

static void bernoulli_each(wk_rng *rng, int64_t n, values *y, arguments x) {
    (void)x;
    float p[MAX_VALUES];
    for (int64_t i = 0; i < n; i++) p[i] = (float)(i % 17) / 16;
    wk__rng_bernoulli_each_f32(rng, n, y->f32, p);
}

/* Doubles pass through the C library's log, sin and cos, each of which may be an ulp off: of six standard deviations, 4
 * ulp are 6e-15, and numbers of a rate of 2.5 are below 20. All else must agree to the last bit. */
static const struct draw {
    const char *kind;
    void (*make)(wk_rng *rng, int64_t n, values *y, arguments x);
    value_type type;
    double tolerance;
} draws[] = {
    {"uniform_f32", uniform_f32, F32, 0},
    {"uniform_f64", uniform_f64, F64, 0},
    {"normal_f32", normal_f32, F32, 0},
    {"normal_f64", normal_f64, F64, 6e-15},
    {"exponential_f32", exponential_f32, F32, 0},
    {"exponential_f64", exponential_f64, F64, 6e-15},
    {"randint", randint, I64, 0},
    {"randperm", randperm, I64, 0},
    {"bernoulli", bernoulli, F32, 0},
    {"bernoulli_each", bernoulli_each, F32, 0},
};

static const struct draw *find_draw(const char *kind) {
    for (size_t i = 0; i < sizeof draws / sizeof *draws; i++)
        if (strcmp(kind, draws[i].kind) == 0) return &draws[i];
    return NULL;
}

/* ---- comparing ---- */

static uint64_t bits_of(const values *y, value_type type, int64_t i) {
    uint64_t bits = 0;
    switch (type) {
    case F32: {
        uint32_t half;
        memcpy(&half, &y->f32[i], sizeof half);
        bits = half;
        break;
    }
    case F64: memcpy(&bits, &y->f64[i], sizeof bits); break;
    case I64: bits = (uint64_t)y->i64[i]; break;
    }
    return bits;
}

static void compare_value(const struct draw *d, const values *y, int64_t n, int64_t i, const char *expected) {
    const double got = d->type == F32 ? (double)y->f32[i] : d->type == F64 ? y->f64[i] : (double)y->i64[i];
    const bool ok = d->type == I64 ? y->i64[i] == whole(expected) : fabs(got - real(expected)) <= d->tolerance;
    check(ok, d->kind, n, i, expected, got);
}

/* FNV-1a over 64-bit words, as the generator computes it. */
static void compare_checksum(const struct draw *d, const values *y, int64_t n, const char *expected) {
    if (strcmp(expected, "-") == 0) return;
    uint64_t total = 0xcbf29ce484222325u;
    for (int64_t i = 0; i < n; i++) total = (total ^ bits_of(y, d->type, i)) * 0x100000001b3u;
    check(total == strtoull(expected, NULL, 10), d->kind, n, -1, expected, (double)total);
}

/* ---- random.txt ---- */

/* Compares y with the rest of the line: "all" and the values, or "some" and a checksum and indexed values. */
static bool compare_line(FILE *file, const struct draw *d, const values *y, int64_t n) {
    char how[MAX_NAME], text[MAX_NAME];
    if (fscanf(file, "%63s", how) != 1) return false;
    int64_t count = n;
    const bool all = strcmp(how, "all") == 0;
    if (!all) {
        if (fscanf(file, "%63s %" SCNd64, text, &count) != 2) return false;
        compare_checksum(d, y, n, text);
    }
    for (int64_t k = 0; k < count; k++) {
        int64_t i = k;
        if (!all && fscanf(file, "%" SCNd64, &i) != 1) return false;
        if (fscanf(file, "%63s", text) != 1 || i < 0 || i >= n) return false;
        compare_value(d, y, n, i, text);
    }
    return true;
}

static bool draw_line(FILE *file, wk_rng *rng, const char *kind) {
    static values y;
    char a[MAX_NAME], b[MAX_NAME];
    int64_t n;
    const struct draw *d = find_draw(kind);
    if (!d || fscanf(file, "%" SCNd64 " %63s %63s", &n, a, b) != 3 || n > MAX_VALUES) return false;
    d->make(rng, n, &y, (arguments){a, b});
    return compare_line(file, d, &y, n);
}

static bool random_line(FILE *file, wk_rng *rng, const char *word) {
    uint64_t seed;
    if (strcmp(word, "seed") != 0) return draw_line(file, rng, word);
    if (fscanf(file, "%" SCNu64, &seed) != 1) return false;
    wk__rng_seed(rng, seed);
    return true;
}

/* ---- init.txt ---- */

static bool init_line(FILE *file, wk_rng *rng, const char *word) {
    static float y[MAX_VALUES];
    char name[MAX_NAME], text[MAX_NAME];
    if (strcmp(word, "net") == 0) {
        uint64_t seed;
        if (fscanf(file, "%63s %" SCNu64 " %*d", name, &seed) != 2) return false;
        wk__rng_seed(rng, seed);
        return true;
    }
    int ndim;
    int64_t n = 1;
    if (strcmp(word, "parameter") != 0 || fscanf(file, "%63s %63s %d", name, text, &ndim) != 3) return false;
    for (int d = 0; d < ndim; d++) {
        int64_t dim;
        if (fscanf(file, "%" SCNd64, &dim) != 1) return false;
        n *= dim;
    }
    if (n > MAX_VALUES) return false;
    wk__rng_uniform_f32(rng, n, y, -real(text), real(text));
    for (int64_t i = 0; i < n; i++) {
        if (fscanf(file, "%63s", text) != 1) return false;
        check(y[i] == (float)real(text), name, n, i, text, (double)y[i]);
    }
    return true;
}

static void run_file(const char *directory, const char *name, bool (*line)(FILE *file, wk_rng *rng, const char *word)) {
    char path[4096], word[MAX_NAME];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    check(file != NULL, path, 0, 0, "a file that opens", NAN);
    if (!file) return;
    static wk_rng rng;
    bool well_formed = true;
    while (well_formed && fscanf(file, "%63s", word) == 1)
        well_formed = word[0] == '#' ? fscanf(file, "%*[^\n]") != EOF : line(file, &rng, word);
    check(well_formed, path, 0, ftell(file), "the format that its generator tells", NAN);
    fclose(file);
}

/* ---- what needs no file ---- */

static void test_words_equal_single_draws(void) {
    static wk_rng a, b;
    static uint32_t words[1500];
    wk__rng_seed(&a, 7);
    wk__rng_seed(&b, 7);
    for (int64_t n = 0; n < 1500; n += 97) {
        wk__rng_words(&a, n, words);
        for (int64_t i = 0; i < n; i++) check(words[i] == wk__rng_next32(&b), "words", n, i, "next32", words[i]);
    }
}

static void test_bernoulli_of_both_types(void) {
    static wk_rng a, b;
    float narrow[600];
    double wide[600];
    wk__rng_seed(&a, 3);
    wk__rng_seed(&b, 3);
    wk__rng_bernoulli_f32(&a, 600, narrow, 0.3);
    wk__rng_bernoulli_f64(&b, 600, wide, 0.3);
    for (int64_t i = 0; i < 600; i++) check((double)narrow[i] == wide[i], "bernoulli_f64", 600, i, "f32's", wide[i]);
    check(wk__rng_next32(&a) == wk__rng_next32(&b), "bernoulli_f64", 600, 600, "f32's next word", NAN);
}

/* The standard names this number: the ten thousandth of seed 5489 (C++11, [rand.predef]). */
static void test_standard_number(void) {
    static wk_rng rng;
    wk__rng_seed(&rng, 5489);
    uint32_t word = 0;
    for (int i = 0; i < 10000; i++) word = wk__rng_next32(&rng);
    check(word == 4123659995u, "mt19937", 10000, 9999, "4123659995", word);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: test_rng DIRECTORY\n");
        return 2;
    }
    test_standard_number();
    test_words_equal_single_draws();
    test_bernoulli_of_both_types();
    run_file(argv[1], "random.txt", random_line);
    run_file(argv[1], "init.txt", init_line);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
