/* windows.h -- where windows lie (wk_geometry in kernel.h), for the kernels that walk them. */
#ifndef WK_KERNEL_WINDOWS_H
#define WK_KERNEL_WINDOWS_H

#include "kernel/kernel.h"

static inline int64_t wk__plane_of(const wk_geometry *g) { return g->size[0] * g->size[1] * g->size[2]; }
static inline int64_t wk__windows_of(const wk_geometry *g) { return g->count[0] * g->count[1] * g->count[2]; }

/* Of the windows along dimension d, those from *first on and below *end have their place k inside of x. */
static inline void wk__windows_inside(const wk_geometry *g, int d, int64_t k, int64_t *first, int64_t *end) {
    const int64_t offset = k * g->dilation[d] - g->padding[d], stride = g->stride[d], behind = g->size[d] - offset;
    *first = offset < 0 ? (-offset + stride - 1) / stride : 0;
    *end = behind > 0 ? (behind + stride - 1) / stride : 0;
    if (*end > g->count[d]) *end = g->count[d];
    if (*first > *end) *first = *end;
}

/* The row of x that windows (a, b) see at place k; -1 outside. */
static inline int64_t wk__row_of_window(const wk_geometry *g, int64_t a, int64_t b, const int64_t *k) {
    const int64_t i = a * g->stride[0] + k[0] * g->dilation[0] - g->padding[0];
    const int64_t j = b * g->stride[1] + k[1] * g->dilation[1] - g->padding[1];
    return i >= 0 && i < g->size[0] && j >= 0 && j < g->size[1] ? i * g->size[1] + j : -1;
}

#endif
