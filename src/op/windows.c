/* windows.c -- see windows.h. */
#include "op/windows.h"

wk_dims_attr wk__for_each_dim(int32_t n, int64_t all, const int64_t *each) {
    wk_dims_attr numbers = {.ndim = n};
    for (int32_t d = 0; d < n; d++) numbers.dims[d] = each != NULL ? each[d] : all;
    return numbers;
}

bool wk__numbers_of(wk_call *c, const char *what, const wk_dims_attr *given, int32_t n, int64_t none, int64_t least,
                    int64_t *numbers) {
    if (given->ndim > 1 && given->ndim != n)
        return wk__refuse(c, WK_EINVAL, "%s has %d numbers: one, or one for each of %d dimensions", what,
                          (int)given->ndim, (int)n);
    for (int32_t d = 0; d < n; d++) {
        numbers[d] = given->ndim == 0 ? none : given->dims[given->ndim > 1 ? d : 0];
        if (numbers[d] < least || numbers[d] > INT32_MAX)
            return wk__refuse(c, WK_EINVAL, "%s is %lld and must be %s", what, (long long)numbers[d],
                              numbers[d] > INT32_MAX ? "below 2^31"
                              : least > 0            ? "positive"
                                                     : "0 or more");
    }
    return true;
}

bool wk__check_walked(wk_call *c, int32_t n) {
    const wk_tensor *x = c->in[0];
    wk_shape_text text;
    const bool walks = x->a.ndim == n + 1 || x->a.ndim == n + 2;
    for (int32_t d = x->a.ndim - n; walks && d < x->a.ndim; d++)
        if (x->a.dims[d] > INT32_MAX)
            return wk__refuse(c, WK_ESHAPE, "x %s is too long to be walked", wk__dims_text(&text, x));
    if (walks && x->a.dims[x->a.ndim - n - 1] == 0)
        return wk__refuse(c, WK_ESHAPE, "x %s has no channels", wk__dims_text(&text, x));
    return walks ||
           wk__refuse(c, WK_ESHAPE, "x %s has %d dimensions: %d are walked, before them are N and C, or C alone",
                      wk__dims_text(&text, x), (int)x->a.ndim, (int)n);
}

bool wk__count_windows(wk_call *c, wk_window *w) {
    const wk_tensor *x = c->in[0];
    wk_shape_text text;
    for (int32_t i = 0; i < w->n; i++) {
        const int64_t size = x->a.dims[x->a.ndim - w->n + i] + 2 * w->padding[i];
        const int64_t reach = w->dilation[i] * (w->size[i] - 1) + 1;
        if (reach > size)
            return wk__refuse(c, WK_ESHAPE, "a window of %lld does not fit dimension %d of x %s, padded to %lld",
                              (long long)reach, (int)(x->a.ndim - w->n + i), wk__dims_text(&text, x), (long long)size);
        w->count[i] = (size - reach) / w->stride[i] + 1;
    }
    return true;
}

wk_geometry wk__geometry_of(const wk_window *w, int64_t planes, const wk_array *x) {
    wk_geometry g = {planes, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}};
    for (int32_t i = 0; i < w->n; i++) {
        const int32_t d = WK__MAX_WALKED - w->n + i;
        g.size[d] = x->dims[x->ndim - w->n + i], g.count[d] = w->count[i], g.kernel[d] = w->size[i];
        g.stride[d] = w->stride[i], g.padding[d] = w->padding[i], g.dilation[d] = w->dilation[i];
    }
    return g;
}

static wk_tensor *padded(wk_tensor *x, const wk_window *w, double value) {
    int64_t pads[2 * WK__MAX_WALKED], sum = 0;
    for (int32_t i = 0; i < w->n; i++) {
        pads[2 * i] = pads[2 * i + 1] = w->padding[w->n - 1 - i];
        sum += w->padding[i];
    }
    return sum > 0 ? wk_pad(x, 2 * w->n, pads, value) : x;
}

wk_tensor *wk__windows(wk_tensor *x, const wk_window *w, double value) {
    const int32_t first = wk_ndim(x) - w->n;
    x = padded(x, w, value);
    for (int32_t i = 0; i < w->n; i++) {
        x = wk_unfold(x, first + i, w->dilation[i] * (w->size[i] - 1) + 1, w->stride[i]);
        if (w->dilation[i] > 1) x = wk_slice(x, -1, 0, INT64_MAX, w->dilation[i]);
    }
    return x;
}

wk_tensor *wk__with_batch(wk_tensor *x, int32_t n) { return wk_ndim(x) == n + 1 ? wk_unsqueeze(x, 0) : x; }

/* A copy, and no view: what a row gives may be changed in place, for which the whole of a view must still be held. */
wk_tensor *wk__without_batch(wk_tensor *y, const wk_tensor *x, int32_t n) {
    return wk_ndim(x) == n + 1 ? wk_clone(wk_squeeze(y, 0)) : y;
}
