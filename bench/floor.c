/* floor.c -- the tutorial's training step as a person would write it for this one network and nothing else: no graph,
 * no shapes, no allocation, every size known to the compiler. What wick takes beyond it is the price of the graph.
 *
 *     h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)     H = 32, one input feature
 *     p_t = w_out . h_t + b_out,  loss = mean (p_t - y_t)^2,  Adam(0.02),  h_{T-1} is the next call's h_{-1}
 *
 *     floor [CSV]           us per iteration, T = 10, 20, 30 in turn; rows are appended to the file
 *     floor --losses FILE   one loss per line; FILE holds float32: the 1153 weights in PyTorch's order, then for each
 *                           iteration T, its T inputs and its T targets
 *
 * Built for the machine it runs on (-march=native). */
#define _POSIX_C_SOURCE 200809L
#include <stdalign.h>
#include <string.h>

#include "floor_math.h"
#include "measure.h"

enum { H = 32, V = H / W, MOST_STEPS = 64 };

/* ---- what is trained; every row starts at a cache line ---- */

/* The weights and everything that Adam keeps of them have this layout. */
typedef struct weights {
    vec w_ih[V], w_hh[H][V], b_ih[V], b_hh[V], w_out[V];
    float b_out, unused[W - 1];
} weights;

enum { VECTORS = sizeof(weights) / sizeof(vec), WEIGHTS = (H + 4) * H + 1 };

static weights parameters, gradients, first_moments, second_moments;
static double beta1_power = 1, beta2_power = 1;

/* hidden[0] is h_{-1}; partial[t] are the products of w_out and h_t, whose sum is p_t. */
static vec hidden[MOST_STEPS + 1][V], dpre[MOST_STEPS][V], partial[MOST_STEPS + W], transposed[H][V];
alignas(64) static float doutput[MOST_STEPS + W];

/* ---- the step ---- */

/* part[.][v] += sum_k lanes[k] rows[k][v], in four parts, so that multiply-adds need not wait for one another. */
INLINE void add_products(int v, const vec lanes[W], const vec rows[W][V], vec part[4][V]) {
    UNROLL for (int k = 0; k < W; k++) part[k % 4][v] = multiply_add(lanes[k], rows[k][v], part[k % 4][v]);
}

INLINE vec all_parts(int v, vec part[4][V]) { return (part[0][v] + part[1][v]) + (part[2][v] + part[3][v]); }

typedef float half __attribute__((vector_size(32)));

/* Transposition in 8x8 blocks, in three rounds of exchanges between pairs of rows. */
static void transpose(void) {
    for (int i = 0; i < H; i += 8) {
        for (int j = 0; j < H; j += 8) {
            half a[8], b[8];
            UNROLL for (int r = 0; r < 8; r++) a[r] = *(const half *)((const float *)parameters.w_hh[i + r] + j);
            UNROLL for (int r = 0; r < 4; r++) {
                b[r] = __builtin_shufflevector(a[r], a[r + 4], 0, 1, 2, 3, 8, 9, 10, 11);
                b[r + 4] = __builtin_shufflevector(a[r], a[r + 4], 4, 5, 6, 7, 12, 13, 14, 15);
            }
            UNROLL for (int r = 0; r < 8; r += 2) {
                a[r] = __builtin_shufflevector(b[r], b[r + 1], 0, 8, 1, 9, 4, 12, 5, 13);
                a[r + 1] = __builtin_shufflevector(b[r], b[r + 1], 2, 10, 3, 11, 6, 14, 7, 15);
            }
            UNROLL for (int r = 0; r < 8; r += 4) {
                UNROLL for (int q = 0; q < 2; q++) {
                    half *const even = (half *)((float *)transposed[j + r + 2 * q] + i);
                    half *const odd = (half *)((float *)transposed[j + r + 2 * q + 1] + i);
                    *even = __builtin_shufflevector(a[r + q], a[r + q + 2], 0, 1, 8, 9, 4, 5, 12, 13);
                    *odd = __builtin_shufflevector(a[r + q], a[r + q + 2], 2, 3, 10, 11, 6, 7, 14, 15);
                }
            }
        }
    }
}

static void forward(int T, const float *x) {
    const weights *w = &parameters;
    transpose();
    const vec(*const rows)[V] = (const vec(*)[V])transposed;
    for (int t = 0; t < T; t++) {
        vec lanes[W], part[4][V] = {{{0}}};
        UNROLL for (int v = 0; v < V; v++)
            part[0][v] = multiply_add(splat(x[t]), w->w_ih[v], w->b_ih[v] + w->b_hh[v]);
        spread(hidden[t][0], lanes);
        UNROLL for (int v = 0; v < V; v++) add_products(v, lanes, rows, part);
        spread(hidden[t][1], lanes);
        UNROLL for (int v = 0; v < V; v++) {
            add_products(v, lanes, rows + W, part);
            vec h = all_parts(v, part);
            hyperbolic_tangent(&h); /* of the first vector, while the products for the second are under way */
            hidden[t + 1][v] = h;
        }
        partial[t] = multiply_add(hidden[t + 1][0], w->w_out[0], hidden[t + 1][1] * w->w_out[1]);
    }
}

/* The loss; doutput becomes its gradient with respect to the predictions. */
static float loss_and_gradient(int T, const float *y) {
    float total = 0;
    for (int t = 0; t < T; t++) {
        const float difference = sum(partial[t]) + parameters.b_out - y[t];
        total += difference * difference;
        doutput[t] = 2 * difference / (float)T;
    }
    return total / (float)T;
}

static void backward(int T, const float *x) {
    vec dh[V] = {{0}}, w_ih[V] = {{0}}, bias[V] = {{0}}, w_out[V] = {{0}};
    float b_out = 0;
    const vec(*const rows)[V] = (const vec(*)[V])parameters.w_hh;
    for (int t = T - 1; t >= 0; t--) {
        vec lanes[W], part[4][V] = {{{0}}};
        UNROLL for (int v = 0; v < V; v++) {
            const vec h = hidden[t + 1][v];
            const vec d = multiply_add(splat(doutput[t]), parameters.w_out[v], dh[v]) * (splat(1) - h * h);
            dpre[t][v] = d;
            w_ih[v] = multiply_add(splat(x[t]), d, w_ih[v]);
            bias[v] += d;
            w_out[v] = multiply_add(splat(doutput[t]), h, w_out[v]);
        }
        b_out += doutput[t];
        if (t == 0) break;
        spread(dpre[t][0], lanes);
        UNROLL for (int v = 0; v < V; v++) add_products(v, lanes, rows, part);
        spread(dpre[t][1], lanes);
        UNROLL for (int v = 0; v < V; v++) {
            add_products(v, lanes, rows + W, part);
            dh[v] = all_parts(v, part);
        }
    }
    UNROLL for (int v = 0; v < V; v++) {
        gradients.w_ih[v] = w_ih[v];
        gradients.b_ih[v] = gradients.b_hh[v] = bias[v];
        gradients.w_out[v] = w_out[v];
    }
    gradients.b_out = b_out;
}

/* The gradient of W_hh, sum_t dpre_t h_{t-1}^T, eight rows at a time in registers. */
static void backward_w_hh(int T) {
    enum { ROWS = 8 };
    for (int j = 0; j < H; j += ROWS) {
        vec acc[ROWS][V];
        UNROLL for (int r = 0; r < ROWS; r++) acc[r][0] = acc[r][1] = splat(0);
        for (int t = 0; t < T; t++)
            UNROLL for (int r = 0; r < ROWS; r++) {
                const vec factor = splat(((const float *)dpre[t])[j + r]);
                UNROLL for (int v = 0; v < V; v++) acc[r][v] = multiply_add(factor, hidden[t][v], acc[r][v]);
            }
        memcpy(gradients.w_hh[j], acc, sizeof acc);
    }
}

/* The formula is PyTorch's, in the form m + (g - m) / 10; dividing by sqrt(1 - beta2^t) is a product here. */
static void adam(void) {
    beta1_power *= 0.9, beta2_power *= 0.999;
    const vec step = splat((float)(-0.02 / (1 - beta1_power))), scale = splat((float)(1 / sqrt(1 - beta2_power)));
    vec *p = (vec *)&parameters, *m = (vec *)&first_moments, *v = (vec *)&second_moments;
    const vec *g = (const vec *)&gradients;
    for (int i = 0; i < VECTORS; i++) {
        m[i] = multiply_add(splat(0.1f), g[i] - m[i], m[i]);
        v[i] = multiply_add(splat(0.001f), multiply_add(g[i], g[i], -v[i]), v[i]);
        p[i] += quotient(step * m[i], multiply_add(square_root(v[i]), scale, splat(1e-8f)));
    }
}

static float train_step(int T, const float *x, const float *y) {
    forward(T, x);
    const float loss = loss_and_gradient(T, y);
    backward(T, x);
    backward_w_hh(T);
    adam();
    memcpy(hidden[0], hidden[T], sizeof hidden[0]);
    return loss;
}

/* ---- the program ---- */

/* A new network: uniform weights in +-1/sqrt(32), as PyTorch's, though not its numbers. */
static void restart(void) {
    unsigned state = 1;
    memset(&first_moments, 0, sizeof first_moments);
    memset(&second_moments, 0, sizeof second_moments);
    memset(hidden, 0, sizeof hidden);
    beta1_power = beta2_power = 1;
    float *p = (float *)&parameters;
    for (int i = 0; i < WEIGHTS; i++) {
        state = state * 1664525u + 1013904223u;
        p[i] = ((float)(state >> 8) * 0x1p-23f - 1) * 0.17677669f;
    }
}

enum { ITERATIONS = 60, TRAININGS = 50 };

typedef struct data {
    int T[ITERATIONS];
    float x[ITERATIONS][MOST_STEPS], y[ITERATIONS][MOST_STEPS];
} data;

/* The tutorial's data: sin and cos, half a period in ten steps. T goes round three lengths. */
static void make_data(data *d, const int lengths[3]) {
    double start = 0;
    for (int i = 0; i < ITERATIONS; i++) {
        const int T = d->T[i] = lengths[i % 3];
        const double end = start + 3.14159265358979323846 * T / 10;
        for (int t = 0; t < T; t++) {
            const double at = start + (end - start) * t / (T - 1);
            d->x[i][t] = (float)sin(at), d->y[i][t] = (float)cos(at);
        }
        start = end;
    }
}

/* Whole trainings, each of a new network: a network trained for long has gradients so small that Adam's moments
 * underflow, and denormal numbers are slow. */
static double block(void *user) {
    const data *d = user;
    double time = 0;
    for (int k = 0; k < TRAININGS; k++) {
        restart();
        const double begin = seconds(CLOCK_MONOTONIC);
        for (int i = 0; i < ITERATIONS; i++) train_step(d->T[i], d->x[i], d->y[i]);
        time += seconds(CLOCK_MONOTONIC) - begin;
    }
    return time / (TRAININGS * ITERATIONS);
}

static int measure_all(const char *path) {
    static const struct {
        const char *name, *goal;
        int lengths[3];
    } rows[] = {{"tutorial_floor", "goal 1.4", {10, 20, 30}}, {"tutorial_floor (T 7 13 29)", "", {7, 13, 29}}};
    static data d;
    FILE *csv = path ? fopen(path, "a") : NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        make_data(&d, rows[i].lengths);
        report(csv, rows[i].name, measure(block, &d), 1e6, "us", rows[i].goal);
    }
    if (csv) fclose(csv);
    return 0;
}

static int losses(const char *path) {
    float x[MOST_STEPS], y[MOST_STEPS], T;
    FILE *file = fopen(path, "rb");
    if (!file || fread(&parameters, sizeof(float), WEIGHTS, file) != WEIGHTS) {
        fprintf(stderr, "floor: cannot read %d weights from %s\n", WEIGHTS, path);
        return 1;
    }
    while (fread(&T, sizeof T, 1, file) == 1) {
        if (!(T >= 1 && T <= MOST_STEPS) || fread(x, sizeof *x, (size_t)T, file) != (size_t)T ||
            fread(y, sizeof *y, (size_t)T, file) != (size_t)T) {
            fprintf(stderr, "floor: %s: an iteration needs 1 to %d inputs and targets\n", path, MOST_STEPS);
            return 1;
        }
        printf("%.9g\n", train_step((int)T, x, y));
    }
    fclose(file);
    return 0;
}

int main(int argc, char **argv) {
    make_tanh();
    if (argc == 3 && strcmp(argv[1], "--losses") == 0) return losses(argv[2]);
    if (argc <= 2 && (argc < 2 || argv[1][0] != '-')) return measure_all(argv[1]);
    fprintf(stderr, "usage: floor [CSV FILE] | floor --losses FILE\n");
    return 2;
}
