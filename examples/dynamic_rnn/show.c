/* show.c -- see show.h.
 *
 *      1  20  ████████████████████             0.53353    43      lines that are done: they scroll up
 *      2  30  ██████████████████████████████   0.40670    63
 *         target ⠤⠒⠉⠉⠒⠤⣀⣀⠤⠒⠉                                     \
 *     prediction ⣀⣀⠤⠤⠒⠒⠉⠉⠒⠒⠤                                      | the block at the bottom, which is redrawn:
 *                ⠉⠒⠤⣀                                             | plot and current line
 *      3  20  ████████████████████             0.27904    43     /
 */
#include "show.h"

#include <stdio.h>

#include "clock.h"
#include "messages.h"
#include "plot.h"

#define SHOW_SECONDS 3.0 /* that an animation takes, however many iterations it has */
#define FRAME_SECONDS 0.02 /* the curves are not redrawn more often than this */
#define PATIENCE_SECONDS 1.0 /* that nothing is shown because the training is to be played afterwards */

enum { LOSS_COLUMNS = 9, OPS_COLUMNS = 6, LEGEND_COLUMNS = 12 };

/* ---- lines ---- */

static int digits_of(int64_t number) {
    return number < 10 ? 1 : 1 + digits_of(number / 10);
}

static int iteration_columns(const show *s) {
    const int digits = digits_of(s->iterations), title = columns_of(say(MESSAGE_COLUMN_ITERATION));
    return digits > title ? digits : title;
}

/* How wide the longest bar is: as many columns as time steps, or what a narrow terminal leaves. */
static int bar_columns(const show *s) {
    const int others = iteration_columns(s) + 2 + digits_of(s->longest_T) + 2 + LOSS_COLUMNS + OPS_COLUMNS;
    const int left = s->terminal.columns - others;
    if (left < 1) return 0;
    return s->longest_T < left ? (int)s->longest_T : left;
}

static void print_titles(const show *s) {
    print_right(stdout, say(MESSAGE_COLUMN_ITERATION), iteration_columns(s));
    print_right(stdout, say(MESSAGE_COLUMN_STEPS), 2 + digits_of(s->longest_T));
    print_right(stdout, say(MESSAGE_COLUMN_LOSS), 2 + bar_columns(s) + LOSS_COLUMNS);
    print_right(stdout, say(MESSAGE_COLUMN_OPS), OPS_COLUMNS);
    printf("\n");
}

static void print_bar(const show *s, int64_t T) {
    const int columns = bar_columns(s);
    const int64_t filled = (T * columns + s->longest_T - 1) / s->longest_T;
    terminal_color(&s->terminal, INK_STEPS + (ink)((T - 1) / 10 % 3));
    for (int64_t i = 0; i < filled; i++) fputs(s->terminal.utf8 ? "\xe2\x96\x88" : "#", stdout);
    terminal_color(&s->terminal, INK_PLAIN);
    printf("%*s", columns - (int)filled, "");
}

static void print_line(const show *s, const history *h, int64_t number) {
    const iteration *it = &h->iterations[number];
    printf("%*lld  %*lld  ", iteration_columns(s), (long long)number + 1, digits_of(s->longest_T), (long long)it->T);
    print_bar(s, it->T);
    printf("%*.5f%*lld", LOSS_COLUMNS, it->loss, OPS_COLUMNS, (long long)it->op_count);
    printf("%s\n", s->terminal.moves ? "\033[K" : "");
}

/* ---- the block ---- */

static void print_plot(const show *s, const history *h) {
    static const message legends[PLOT_ROWS] = {MESSAGE_TARGET, MESSAGE_PREDICTION, MESSAGE_COUNT};
    static const ink inks[PLOT_ROWS] = {INK_TARGET, INK_PREDICTION, INK_PLAIN};
    const int legend = s->terminal.columns >= 3 * LEGEND_COLUMNS ? LEGEND_COLUMNS : 0;
    for (int row = 0; row < PLOT_ROWS; row++) {
        terminal_color(&s->terminal, inks[row]);
        if (legend) print_right(stdout, legends[row] < MESSAGE_COUNT ? say(legends[row]) : "", legend - 1);
        terminal_color(&s->terminal, INK_PLAIN);
        if (legend) printf(" ");
        plot_row(&s->terminal, h, row, s->terminal.columns - legend);
        printf("\033[K\n");
    }
}

/* Prints the lines up to `end` that are not there yet. */
static void print_lines(show *s, const history *h, int64_t end) {
    while (s->line_count < end) print_line(s, h, s->line_count++);
}

static void leave_block(show *s) {
    if (s->has_block) printf("\033[%dA", PLOT_ROWS + 1);
    s->has_block = false;
}

/* Draws the block below the lines that are done: all but the current one. */
static void redraw_block(show *s, const history *h) {
    terminal_ask_size(&s->terminal);
    leave_block(s);
    print_lines(s, h, h->iteration_count - 1);
    print_plot(s, h);
    print_line(s, h, h->iteration_count - 1);
    s->has_block = true;
    s->redrawn = seconds_now();
}

/* ---- from beginning to end ---- */

void show_begin(show *s, const options *o, int64_t longest_T) {
    *s = (show){.terminal = terminal_ask(), .iterations = o->iterations, .longest_T = longest_T};
    s->began = seconds_now();
    if (s->terminal.rows < 2 * (PLOT_ROWS + 1)) s->terminal.moves = false;
    if (s->terminal.moves && !o->fast) s->pause = SHOW_SECONDS / (double)o->iterations;
    setvbuf(stdout, NULL, _IOFBF, 1 << 16); /* what belongs together is seen at once */

    if (o->fixed_steps > 0) {
        printf(say(MESSAGE_INTRO_FIXED), (long long)o->fixed_steps);
    } else {
        fputs(say(MESSAGE_INTRO_DRAWN), stdout);
    }
    printf("\n");
    printf(say(MESSAGE_INTRO_BUILD), wk_version(), wk_isa(), (long long)o->seed);
    printf("\n\n");
    print_titles(s);
    if (s->terminal.moves) terminal_hide_cursor();
    fflush(stdout);
}

static void show_now(show *s, const history *h) {
    if (s->terminal.moves) {
        redraw_block(s, h);
    } else {
        print_lines(s, h, h->iteration_count);
    }
    fflush(stdout);
}

/* Between two pauses a processor falls asleep and its caches go cold: a training that stopped to be looked at would
 * take several times as long. So it runs first, is over before anybody could look, and is played afterwards. */
void show_iteration(show *s, const history *h) {
    const double now = seconds_now();
    if (s->pause > 0 && now - s->began < PATIENCE_SECONDS) return;
    s->pause = 0; /* a long training is an animation itself */
    if (!s->terminal.moves || now - s->redrawn >= FRAME_SECONDS) show_now(s, h);
}

static void play(show *s, const history *h) {
    const double began = seconds_now();
    for (int64_t i = 1; i <= h->iteration_count; i++) {
        const history past = history_until(h, i);
        if (seconds_now() - s->redrawn >= FRAME_SECONDS) show_now(s, &past);
        sleep_until(began + s->pause * (double)i);
    }
}

void show_end(show *s, const history *h) {
    if (s->pause > 0) play(s, h);
    if (s->terminal.moves) {
        leave_block(s);
        print_lines(s, h, h->iteration_count);
        print_plot(s, h);
        terminal_show_cursor();
    }
    s->ended = seconds_now();
    printf("\n");
}

/* ---- summary ---- */

/* What a graph that is frozen, as other libraries do it, would have been good for. */
static void print_frozen(const history *h) {
    const long long count = h->iteration_count, first_T = h->iterations[0].T, frozen_T = 10;
    if (h->shape_count == 1) {
        printf(say(MESSAGE_SUM_ONE_SHAPE), first_T);
    } else {
        printf(say(MESSAGE_SUM_SHAPES), (long long)h->shape_count, (long long)history_changes(h));
        printf("\n");
        if (history_shape_of(h, frozen_T)) {
            printf(say(MESSAGE_SUM_FROZEN), frozen_T, (long long)history_runs_frozen(h, frozen_T), count);
        } else {
            printf(say(MESSAGE_SUM_NONE_FROZEN), frozen_T, count);
        }
    }
    printf("\n");
}

void show_summary(const show *s, const history *h) {
    const double computing = history_seconds(h), showing = s->ended - s->began - computing;
    const long long count = h->iteration_count;
    if (count == 0) return;
    printf(say(history_learned(h) ? MESSAGE_SUM_LEARNED : MESSAGE_SUM_NOT_LEARNED), history_first_loss(h),
           history_last_loss(h), count, LEARNED_LOSS);
    printf("\n");
    printf(say(MESSAGE_SUM_COMPUTING), computing * 1e3);
    printf("\n");
    if (s->pause > 0) {
        printf(say(MESSAGE_SUM_ANIMATION), showing);
        printf("\n");
    }
    print_frozen(h);
}
