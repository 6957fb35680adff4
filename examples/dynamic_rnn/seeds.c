/* seeds.c -- see seeds.h. */
#define _POSIX_C_SOURCE 200809L
#include "seeds.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "messages.h"
#include "terminal.h"
#include "train.h"

enum { SEED_COLUMNS = 10, LOSS_COLUMNS = 10, CURVE_COLUMNS = 20 };
#define PROGRESS_SECONDS 2.0 /* nobody waits longer without being told how far it is */

typedef struct tally {
    int64_t trained, learned;
    double seconds; /* of computing */
} tally;

/* ---- the table ---- */

static void print_titles(void) {
    print_right(stdout, say(MESSAGE_COLUMN_SEED), SEED_COLUMNS);
    print_right(stdout, say(MESSAGE_COLUMN_FIRST), LOSS_COLUMNS);
    print_right(stdout, say(MESSAGE_COLUMN_LAST), LOSS_COLUMNS);
    printf("   ");
    print_left(stdout, say(MESSAGE_COLUMN_CURVE), CURVE_COLUMNS);
    printf("\n");
}

/* The mean logarithm of the losses in part `part` of `parts` of a run. */
static double mean_log_loss(const history *h, int part, int parts) {
    const int64_t begin = h->iteration_count * part / parts, end = h->iteration_count * (part + 1) / parts;
    double sum = 0;
    for (int64_t i = begin; i < end; i++) sum += log10(h->iterations[i].loss);
    return sum / (double)(end - begin);
}

/* Eight heights for losses from 0.003 to 1. */
static void print_curve(const terminal *t, const history *h) {
    static const char *const blocks[8] = {"\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84",
                                          "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88"};
    static const char *const letters[8] = {"_", ".", ",", "-", "~", "=", "^", "#"};
    const int parts = h->iteration_count < CURVE_COLUMNS ? (int)h->iteration_count : CURVE_COLUMNS;
    terminal_color(t, INK_PREDICTION);
    for (int part = 0; part < parts; part++) {
        const double height = (mean_log_loss(h, part, parts) + 2.5) / 2.5 * 7;
        const int level = isfinite(height) ? (int)lround(fmax(0, fmin(7, height))) : 7;
        fputs(t->utf8 ? blocks[level] : letters[level], stdout);
    }
    terminal_color(t, INK_PLAIN);
    printf("%*s", CURVE_COLUMNS - parts, "");
}

static void print_row(const terminal *t, const history *h, int64_t seed) {
    printf("%*lld%*.4f%*.4f   ", SEED_COLUMNS, (long long)seed, LOSS_COLUMNS, history_first_loss(h), LOSS_COLUMNS,
           history_last_loss(h));
    print_curve(t, h);
    printf("%s%s\n", history_learned(h) ? "   " : "", history_learned(h) ? say(MESSAGE_LEARNED) : "");
    if (t->moves) fflush(stdout);
}

/* ---- the training ---- */

/* Says how far it is where the table itself goes somewhere else. */
static void print_progress(const terminal *t, const options *o, const tally *all, double *told) {
    if (t->moves || !isatty(STDERR_FILENO) || seconds_now() - *told < PROGRESS_SECONDS) return;
    *told = seconds_now();
    fprintf(stderr, say(MESSAGE_SEEDS_PROGRESS), (long long)all->trained, (long long)o->seeds);
    fprintf(stderr, "\n");
}

static bool train_seed(const options *o, int64_t seed, const terminal *t, tally *all) {
    const training how = {.seed = (uint64_t)seed, .iterations = o->iterations, .fixed_T = o->fixed_steps};
    wk_error error = {.message = ""};
    history h;
    bool done = history_make(&h, how.iterations, longest_T(&how));
    if (!done) {
        fprintf(stderr, "dynamic_rnn: %s\n", say(MESSAGE_NO_MEMORY));
    } else if (train(&how, &h, NULL, NULL, &error) != WK_OK) {
        fprintf(stderr, "dynamic_rnn: ");
        fprintf(stderr, say(MESSAGE_FAILED), error.message);
        fprintf(stderr, "\n");
        done = false;
    } else {
        print_row(t, &h, seed);
        all->trained++;
        all->learned += history_learned(&h);
        all->seconds += history_seconds(&h);
    }
    history_free(&h);
    return done;
}

int train_seeds(const options *o) {
    const terminal t = terminal_ask();
    const int64_t first = o->seed < 0 ? 0 : o->seed;
    double told = seconds_now();
    tally all = {0};

    printf(say(MESSAGE_SEEDS_INTRO), (long long)o->seeds, (long long)o->iterations, LEARNED_LOSS);
    printf("\n\n");
    print_titles();
    while (all.trained < o->seeds && train_seed(o, first + all.trained, &t, &all)) print_progress(&t, o, &all, &told);

    printf("\n");
    printf(say(MESSAGE_SEEDS_COUNT), (long long)all.learned, (long long)all.trained);
    printf(" ");
    printf(say(MESSAGE_SEEDS_COMPUTING), all.seconds * 1e3);
    printf("\n");
    return all.trained == o->seeds ? 0 : 1;
}
