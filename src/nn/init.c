/* init.c -- values that parameters begin with: torch.nn.init. */
#include <math.h>

#include "base/context.h"
#include "nn/layer.h"
#include "wick/grad.h"

/* t = values, which nobody differentiates. */
static void set(wk_tensor *t, wk_tensor *values, const char *function) {
    const bool recorded = wk_set_grad_enabled(false);
    if (wk_copy_(t, values) == NULL) wk__fail_as(wk__ctx(), function);
    wk_set_grad_enabled(recorded);
}

static bool check(const wk_tensor *t, const char *function) {
    if (t == NULL) wk__fail(wk__ctx(), WK_EINVAL, function, "t is NULL");
    return wk_ok();
}

void wk_init_uniform_(wk_tensor *t, double low, double high) {
    WK_SCOPE;
    if (check(t, "init_uniform_"))
        set(t, wk_uniform(low, high, wk_ndim(t), wk_dims(t), wk_dtype_of(t)), "init_uniform_");
}

static void normal(wk_tensor *t, double mean, double std, const char *function) {
    WK_SCOPE;
    set(t, wk_add_scalar(wk_mul_scalar(wk_randn(wk_ndim(t), wk_dims(t), wk_dtype_of(t)), std), mean), function);
}

void wk_init_normal_(wk_tensor *t, double mean, double std) {
    if (check(t, "init_normal_")) normal(t, mean, std, "init_normal_");
}

void wk_init_constant_(wk_tensor *t, double value) {
    WK_SCOPE;
    if (check(t, "init_constant_")) set(t, wk_scalar(value, wk_dtype_of(t)), "init_constant_");
}

/* How many numbers come into an output, and how many outputs an input goes to: w (O,I,K..). */
typedef struct fans {
    double in, out;
} fans;

static bool fans_of(const wk_tensor *w, fans *f, const char *function) {
    wk_shape_text text;
    if (!check(w, function)) return false;
    if (wk_ndim(w) < 2) {
        wk__fail(wk__ctx(), WK_ESHAPE, function, "t %s has no outputs and inputs: two dimensions at least",
                 wk__shape_text(&text, wk_ndim(w), wk_dims(w)));
        return false;
    }
    *f = (fans){(double)wk_dim(w, 1), (double)wk_dim(w, 0)};
    for (int32_t d = 2; d < wk_ndim(w); d++) f->in *= (double)wk_dim(w, d), f->out *= (double)wk_dim(w, d);
    return true;
}

static void uniform(wk_tensor *t, double bound, const char *function) {
    WK_SCOPE;
    set(t, wk_uniform(-bound, bound, wk_ndim(t), wk_dims(t), wk_dtype_of(t)), function);
}

static double xavier_std(const fans *f, double gain) { return gain * sqrt(2 / (f->in + f->out)); }
static double kaiming_std(const fans *f, double a) { return sqrt(2 / (1 + a * a)) / sqrt(f->in); }

void wk_init_xavier_uniform_(wk_tensor *t, double gain) {
    fans f;
    if (fans_of(t, &f, "init_xavier_uniform_")) uniform(t, sqrt(3) * xavier_std(&f, gain), "init_xavier_uniform_");
}

void wk_init_xavier_normal_(wk_tensor *t, double gain) {
    fans f;
    if (fans_of(t, &f, "init_xavier_normal_")) normal(t, 0, xavier_std(&f, gain), "init_xavier_normal_");
}

void wk_init_kaiming_uniform_(wk_tensor *t, double a) {
    fans f;
    if (fans_of(t, &f, "init_kaiming_uniform_")) uniform(t, sqrt(3) * kaiming_std(&f, a), "init_kaiming_uniform_");
}

void wk_init_kaiming_normal_(wk_tensor *t, double a) {
    fans f;
    if (fans_of(t, &f, "init_kaiming_normal_")) normal(t, 0, kaiming_std(&f, a), "init_kaiming_normal_");
}
