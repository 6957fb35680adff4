/* why_dynamic.c -- the argument of wick as a program: one network, trained by a graph that is fixed, by a graph that is
 * made anew in each step, and by one that was recorded once and has its length as a number.
 *
 *     frozen    a plan of the step at T = 10. Fast; any other T is refused, which is what a static graph is
 *     eager     the program as it stands: the graph is what it did this time
 *     plan      the step recorded once, with the number of time steps as its trip count: any T, never recorded again
 *
 * The network is the tutorial's: RNN(1,32), a Linear at each time step, mean squared error, Adam; cos is learned from
 * sin, and the state is carried from step to step. All three begin with the same weights, see the same data, and lower
 * the learning rate in the same way: a plan reads it anew in each run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <wick.h>

#define FIRST_RATE 0.005
#define LAST_RATE 0.0002
enum { HIDDEN = 32, FIXED_T = 10, OTHER_T = 30, MAX_T = 60, MIN_STEPS = 100, MAX_STEPS = 100000 };

/* ------------------------------------------------------------------------------------------------- the network --- */

typedef struct network {
    wk_module *net, *rnn, *out;
    wk_optim *adam;
} network;

static void network_make(network *n) {
    wk_manual_seed(4);
    n->net = wk_module_new(NULL, "net");
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    n->rnn = wk_rnn_new(n->net, "rnn", 1, HIDDEN, &options);
    n->out = wk_linear_new(n->net, "out", HIDDEN, 1, NULL);
    n->adam = wk_adam_new(n->net, FIRST_RATE, NULL);
}

static void network_free(network *n) {
    wk_optim_free(n->adam);
    wk_module_free(n->net);
}

/* One step of training, as the tutorial writes it. in: x (1,T,1), y (1,T,1), state (1,1,H); out: loss, the state after.
 * The same function is run eagerly and recorded by plans. */
static bool train_step(void *user, wk_tensor *const *in, wk_tensor **out) {
    network *n = user;
    wk_tensor *state, *r = wk_rnn_forward(n->rnn, in[0], in[2], &state);
    wk_list *ys = wk_list_new();
    for (int64_t t = 0; t < wk_dim(r, 1); t++) wk_list_push(ys, wk_linear_forward(n->out, wk_select(r, 1, t)));
    out[0] = wk_mse_loss(wk_stack(ys, 1), in[1]);
    wk_optim_zero_grad(n->adam);
    wk_backward(out[0]);
    wk_optim_step(n->adam);
    out[1] = wk_detach(state);
    return true;
}

/* ------------------------------------------------------------------------------------------------------- a run --- */

typedef enum way { FROZEN, EAGER, PLAN, WAYS } way;
static const char *const way_names[WAYS] = {"frozen plan", "eager", "plan, T as trip count"};

typedef struct run {
    int count; /* steps made */
    int *T;    /* of each step */
    double *loss, *time;
    int64_t captures;
    wk_error refusal; /* of a T that the graph was not made for */
} run;

/* T of step i: always 10, or drawn from 1 .. MAX_T. */
static int T_of(int i, bool varies) {
    uint32_t word = (uint32_t)i * 2654435761u;
    word ^= word >> 15;
    return varies ? 1 + (int)((word * 2246822519u) >> 8) % MAX_T : FIXED_T;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A stretch of sin or cos, from time step `at` on. */
static wk_tensor *wave(double (*f)(double), int64_t at, int T) {
    float values[MAX_T];
    for (int t = 0; t < T; t++) values[t] = (float)f(3.14159265358979 / 10 * (double)(at + t));
    return wk_from_data(values, WK_SHAPE(1, T, 1), WK_F32);
}

static wk_plan *plan_make(way w, network *n) {
    static const wk_plan_dim trips[] = {{0, 1}, {1, 1}}; /* dimension 1 of x and of y */
    wk_plan_options options = WK_PLAN_OPTIONS;
    options.frozen = w == FROZEN;
    if (w == PLAN) {
        options.trips = trips;
        options.trip_count = 2;
    }
    return w == EAGER ? NULL : wk_plan_new(train_step, n, 3, 2, &options);
}

static void step(network *n, wk_plan *plan, run *r, int i, int64_t at, wk_tensor **state) {
    WK_SCOPE;
    wk_tensor *in[] = {wave(sin, at, r->T[i]), wave(cos, at, r->T[i]), *state}, *out[2];
    const double begin = seconds();
    if (plan != NULL)
        wk_plan_run(plan, in, out);
    else
        train_step(n, in, out);
    r->loss[i] = wk_item(out[0]);
    r->time[i] = seconds() - begin;
    wk_keep(state, out[1]);
}

/* The frozen plan meets a T that it was not made for. Nothing happens but a message. */
static void meet_other_T(wk_plan *plan, run *r, wk_tensor *state) {
    WK_SCOPE;
    wk_tensor *in[] = {wave(sin, 0, OTHER_T), wave(cos, 0, OTHER_T), state}, *out[2];
    wk_plan_run(plan, in, out);
    wk_check(&r->refusal);
}

static void train(way w, bool varies, run *r, int count) {
    network n;
    network_make(&n);
    wk_plan *plan = plan_make(w, &n);
    wk_tensor *state = NULL;
    wk_keep(&state, wk_zeros(WK_SHAPE(1, 1, HIDDEN), WK_F32));
    int64_t at = 0;
    for (r->count = 0; r->count < count && wk_ok(); r->count++) {
        r->T[r->count] = T_of(r->count, varies);
        wk_optim_set_lr(n.adam, FIRST_RATE * pow(LAST_RATE / FIRST_RATE, (double)r->count / count));
        step(&n, plan, r, r->count, at, &state);
        at += r->T[r->count];
    }
    if (w == FROZEN) meet_other_T(plan, r, state);
    if (plan != NULL) {
        wk_plan_stats stats = WK_PLAN_STATS;
        wk_plan_stats_of(plan, &stats);
        r->captures = stats.captures;
    }
    wk_plan_free(plan);
    wk_release(&state);
    network_free(&n);
}

/* ------------------------------------------------------------------------------------------------ what to tell --- */

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median time of the steps of this T in us, without the first steps; NaN if there is none. */
static double median_time(const run *r, int T) {
    double *times = malloc((size_t)r->count * sizeof *times);
    int count = 0;
    for (int i = 5; times != NULL && i < r->count; i++)
        if (r->T[i] == T) times[count++] = r->time[i];
    if (count > 0) qsort(times, (size_t)count, sizeof *times, by_size);
    const double median = count > 0 ? times[count / 2] * 1e6 : NAN;
    free(times);
    return median;
}

/* The mean over the T of a run of the median time at each: one slow moment of the machine does not show. */
static double mean_time(const run *r) {
    double sum = 0;
    int count = 0;
    for (int T = 1; T <= MAX_T; T++) {
        const double median = median_time(r, T);
        if (isnan(median)) continue;
        sum += median;
        count++;
    }
    return sum / count;
}

static double last_loss(const run *r) {
    double sum = 0;
    const int count = r->count < 20 ? r->count : 20;
    for (int i = r->count - count; i < r->count; i++) sum += r->loss[i];
    return sum / count;
}

static int equal_losses(const run *a, const run *b) {
    int equal = 0;
    for (int i = 0; i < a->count && i < b->count; i++) equal += memcmp(&a->loss[i], &b->loss[i], sizeof(double)) == 0;
    return equal;
}

static void print_cell(const run *r) {
    if (r->count == 0)
        printf("  %8s %10s %9s", "refused", "", "");
    else
        printf("  %8.2f %10.5f %9lld", mean_time(r), last_loss(r), (long long)r->captures);
}

static void print_table(run runs[2][WAYS]) {
    const run *fixed = runs[0], *varying = runs[1];
    printf("%-24s  %-29s  %s\n", "", "T = 10 always", "T drawn from 1 to 60");
    printf("%-24s  %8s %10s %9s  %8s %10s %9s\n", "", "us/step", "loss", "recorded", "us/step", "loss", "recorded");
    for (int w = 0; w < WAYS; w++) {
        printf("%-24s", way_names[w]);
        print_cell(&fixed[w]);
        print_cell(&varying[w]);
        printf("\n");
    }
    printf("\nThe frozen plan, given T = %d:\n    %s\n", OTHER_T, fixed[FROZEN].refusal.message);
    printf("The losses of eager and of the plan are equal to the last bit in %d of %d steps.\n",
           equal_losses(&varying[EAGER], &varying[PLAN]), varying[EAGER].count);
}

/* --------------------------------------------------------------------------------------------------- a picture --- */

#define INK "#1f2a37"
#define MUTED "#5f6b7a"
#define FAINT "#e7eaee"
static const char *const way_colors[WAYS] = {"#c9553d", "#2f7fc1", "#2a9d8f"};

enum { WIDTH = 1000, HEIGHT = 640, LEFT = 80, RIGHT = WIDTH - 40, DECADES = 6 };
enum { TIME_TOP = 128, TIME_BOTTOM = 368, LOSS_TOP = 440, LOSS_BOTTOM = 590 };

static double x_of_T(double T) { return LEFT + (T - 0.5) / MAX_T * (RIGHT - LEFT); }
static double y_of_time(double us, double most) { return TIME_BOTTOM - us / most * (TIME_BOTTOM - TIME_TOP); }
static double y_of_loss(double loss) { /* from 1 down to 1e-6 */
    return LOSS_TOP - fmax(-DECADES, fmin(0, log10(loss))) / DECADES * (LOSS_BOTTOM - LOSS_TOP);
}

static void draw_number(wk_svg *svg, double x, double y, char anchor, double number) {
    char text[32];
    snprintf(text, sizeof text, "%g", number);
    wk_svg_text(svg, x, y, 13, anchor, MUTED, text);
}

static void draw_times(wk_svg *svg, run runs[2][WAYS]) {
    const double most = 4 * ceil(fmax(1, median_time(&runs[1][EAGER], MAX_T)) * 1.1 / 4);
    for (int i = 0; i <= 4; i++) {
        const double y = y_of_time(most * i / 4, most);
        wk_svg_line(svg, LEFT, y, RIGHT, y, FAINT, 1);
        draw_number(svg, LEFT - 10, y + 4.5, 'e', most * i / 4);
    }
    for (int T = 10; T <= MAX_T; T += 10) draw_number(svg, x_of_T(T), TIME_BOTTOM + 22, 'm', T);
    wk_svg_text(svg, RIGHT, TIME_BOTTOM + 40, 13, 'e', MUTED, "time steps T");
    for (int w = EAGER; w < WAYS; w++)
        for (int T = 1; T <= MAX_T; T++) {
            const double us = median_time(&runs[1][w], T);
            if (us <= most) wk_svg_circle(svg, x_of_T(T), y_of_time(us, most), 4, way_colors[w], "#ffffff");
        }
    const double x = x_of_T(FIXED_T), y = y_of_time(median_time(&runs[0][FROZEN], FIXED_T), most);
    wk_svg_line(svg, x, TIME_TOP, x, TIME_BOTTOM, way_colors[FROZEN], 1);
    wk_svg_rect(svg, x - 6, y - 6, 12, 12, 2, way_colors[FROZEN], "#ffffff");
    wk_svg_text(svg, x + 10, TIME_TOP + 14, 13, 's', way_colors[FROZEN],
                "the frozen plan runs at this T and at no other");
}

static void draw_loss(wk_svg *svg, const run *r, const char *color, double width) {
    double *xy = malloc(2 * (size_t)r->count * sizeof *xy);
    for (int i = 0; xy != NULL && i < r->count; i++) {
        xy[2 * i] = LEFT + (double)i / r->count * (RIGHT - LEFT);
        xy[2 * i + 1] = y_of_loss(r->loss[i]);
    }
    if (xy != NULL) wk_svg_polyline(svg, xy, r->count, color, width, 1);
    free(xy);
}

static void draw_losses(wk_svg *svg, run runs[2][WAYS]) {
    static const char *const powers[] = {"1", "10⁻²", "10⁻⁴", "10⁻⁶"};
    for (int decade = 0; decade <= DECADES; decade += 2) {
        const double y = y_of_loss(pow(10, -decade));
        wk_svg_line(svg, LEFT, y, RIGHT, y, FAINT, 1);
        wk_svg_text(svg, LEFT - 10, y + 4.5, 13, 'e', MUTED, powers[decade / 2]);
    }
    wk_svg_text(svg, LEFT, LOSS_TOP - 12, 13, 's', MUTED, "loss while T changes; the plan drawn over eager");
    for (int i = 0; i <= 4; i++)
        draw_number(svg, LEFT + i * (RIGHT - LEFT) / 4.0, LOSS_BOTTOM + 22, 'm', runs[1][EAGER].count * i / 4);
    wk_svg_text(svg, RIGHT, LOSS_BOTTOM + 40, 13, 'e', MUTED, "steps of training");
    draw_loss(svg, &runs[1][EAGER], "#a9cbe8", 4);
    draw_loss(svg, &runs[1][PLAN], way_colors[PLAN], 1.2);
}

static wk_svg *draw(run runs[2][WAYS]) {
    wk_svg *svg = wk_svg_new(WIDTH, HEIGHT, "#ffffff", "wick: why dynamic");
    wk_svg_text(svg, 40, 48, 24, 's', INK, "A graph of any length, at the speed of a fixed one");
    wk_svg_text(svg, 40, 74, 14, 's', MUTED,
                "microseconds for a step of training: RNN(1,32), a Linear at each time step, Adam");
    double x = 40;
    for (int w = 0; w < WAYS; w++) {
        if (w == FROZEN) wk_svg_rect(svg, x + 1, 93, 10, 10, 2, way_colors[w], "none");
        else wk_svg_circle(svg, x + 6, 98, 5, way_colors[w], "none");
        wk_svg_text(svg, x + 18, 103, 14, 's', INK, way_names[w]);
        x += 50 + wk_svg_text_width(14, way_names[w]);
    }
    draw_times(svg, runs);
    draw_losses(svg, runs);
    return svg;
}

static void save_picture(run runs[2][WAYS], const char *directory, wk_error *error) {
    char path[4096];
    snprintf(path, sizeof path, "%s/why_dynamic.svg", directory);
    mkdir(directory, 0777); /* when it cannot be made, saving says so */
    wk_svg *svg = draw(runs);
    if (wk_svg_save(svg, path, error) == WK_OK) printf("Picture: %s\n", path);
    wk_svg_free(svg);
}

/* -------------------------------------------------------------------------------------------------------- main --- */

static const char help[] =
    "usage: why_dynamic [--steps N] [--out DIR]\n\n"
    "Trains one network with a graph that is fixed, with one that is made anew in each step, and with one that was\n"
    "recorded once and has its length as a number. Prints times and losses side by side, draws DIR/why_dynamic.svg.\n\n"
    "  --steps N    steps of training in each run, 100 .. 100000 (default 1000)\n"
    "  --out DIR    where the picture goes (default out)\n";

typedef struct options {
    int steps;
    const char *directory;
} options;

static int wrong(const char *what, const char *argument) {
    fprintf(stderr, "why_dynamic: %s \"%s\"; see why_dynamic --help\n", what, argument);
    return 2;
}

/* -1: go on; otherwise the status to exit with. */
static int read_options(int argc, char **argv, options *o) {
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return fputs(help, stdout), 0;
        if (strcmp(argv[i], "--out") != 0 && strcmp(argv[i], "--steps") != 0) return wrong("there is no", argv[i]);
        if (value == NULL || *value == '\0') return wrong("no value for", argv[i]);
        if (strcmp(argv[i++], "--out") == 0) {
            o->directory = value;
            continue;
        }
        char *end;
        const long steps = strtol(value, &end, 10);
        if (*end != '\0' || steps < MIN_STEPS || steps > MAX_STEPS)
            return wrong("--steps takes a number from 100 to 100000, not", value);
        o->steps = (int)steps;
    }
    return -1;
}

static bool runs_make(run runs[2][WAYS], int steps) {
    bool fine = true;
    for (int k = 0; k < 2 * WAYS; k++) {
        run *r = &runs[k / WAYS][k % WAYS];
        *r = (run){.T = calloc((size_t)steps, sizeof *r->T),
                   .loss = calloc((size_t)steps, sizeof *r->loss),
                   .time = calloc((size_t)steps, sizeof *r->time)};
        fine = fine && r->T != NULL && r->loss != NULL && r->time != NULL;
    }
    return fine;
}

static void runs_free(run runs[2][WAYS]) {
    for (int k = 0; k < 2 * WAYS; k++) {
        free(runs[k / WAYS][k % WAYS].T);
        free(runs[k / WAYS][k % WAYS].loss);
        free(runs[k / WAYS][k % WAYS].time);
    }
}

/* All but the frozen plan run twice: with T = 10 always, and with T drawn. */
static void train_all(run runs[2][WAYS], int steps) {
    for (int w = 0; w < WAYS; w++) {
        train((way)w, false, &runs[0][w], steps);
        if (w != FROZEN) train((way)w, true, &runs[1][w], steps);
    }
}

int main(int argc, char **argv) {
    options o = {.steps = 1000, .directory = "out"};
    const int leave = read_options(argc, argv, &o);
    if (leave >= 0) return leave;
    run runs[2][WAYS];
    wk_error error = {0};
    if (runs_make(runs, o.steps)) {
        train_all(runs, o.steps);
        wk_check(&error);
    } else {
        error = (wk_error){.status = WK_ENOMEM, .message = "out of memory"};
    }
    if (error.status == WK_OK) {
        print_table(runs);
        save_picture(runs, o.directory, &error);
    }
    runs_free(runs);
    if (error.status == WK_OK) return 0;
    fprintf(stderr, "why_dynamic: %s\n", error.message);
    return 1;
}
