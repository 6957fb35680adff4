/* text.c -- elements as text, laid out as PyTorch's print(tensor).
 *
 *     tensor([[ 1.0000, -2.5000,  0.3333],        all numbers of a tensor are written in one way, and as wide as the
 *             [    nan,  0.0000, 10.0000]])       widest of them; zeros, inf and nan are not asked for their width
 *
 * Floating numbers are written
 *
 *     1.e+00     as a power of ten     when the largest is above 1e8 or above 1000 times the smallest, or one of them
 *                                      is below 1e-4 and there are fractions
 *     1.         with a bare point     when all are whole
 *     1.0000     with `precision` decimals otherwise
 *
 * where largest and smallest are of the magnitudes, without 0, inf and nan. */
#include "tensor/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernel/convert.h"

enum {
    NUMBER_NBYTES = 512, /* the longest f64 has 309 digits before its point; precision adds at most 100 */
    ELLIPSIS = -1,
};

/* How the elements of one array are written. */
typedef struct layout {
    const wk_array *a;
    const wk_text_options *options;
    bool summarized; /* long dimensions show their ends only */
    bool floating, whole, scientific;
    int width;
} layout;

/* ------------------------------------------------------------------------------------------------------ numbers --- */

/* printf writes the point of the locale, a comma under half of the world's. */
static void set_point(char *text) {
    const size_t before = strspn(text, "-0123456789"), point = strcspn(text + before, "0123456789e");
    if (point == 0) return;
    text[before] = '.';
    memmove(text + before + 1, text + before + point, strlen(text + before + point) + 1);
}

static void write_float(const layout *l, double value, char *text) {
    if (isnan(value))
        strcpy(text, "nan");
    else if (isinf(value))
        strcpy(text, value > 0 ? "inf" : "-inf");
    else if (l->scientific)
        snprintf(text, NUMBER_NBYTES, "%.*e", l->options->precision, value);
    else if (l->whole)
        snprintf(text, NUMBER_NBYTES, "%.0f.", value);
    else
        snprintf(text, NUMBER_NBYTES, "%.*f", l->options->precision, value);
    if (isfinite(value)) set_point(text);
}

static void write_number(const layout *l, int64_t offset, char *text) {
    const void *element = wk__array_at(l->a, offset);
    if (l->floating) {
        write_float(l, wk__get_number(l->a->dtype, element), text);
        return;
    }
    int64_t value;
    wk__convert[l->a->dtype][WK_I64](1, &value, 1, element, 1);
    if (l->a->dtype == WK_BOOL)
        strcpy(text, value ? "True" : "False");
    else
        snprintf(text, NUMBER_NBYTES, "%" PRId64, value);
}

/* ---------------------------------------------------------------------------------------------------- measuring --- */

/* Are there elements of dimension d that are not shown? */
static bool is_cut(const layout *l, int32_t d) {
    return l->summarized && l->a->dims[d] > 2 * (int64_t)l->options->edgeitems;
}

/* How many places dimension d takes in the text, one of them for the dots where something is left out; and the index of
 * the element at a place, ELLIPSIS for the dots. */
static int64_t place_count(const layout *l, int32_t d) {
    return is_cut(l, d) ? 2 * (int64_t)l->options->edgeitems + 1 : l->a->dims[d];
}

static int64_t index_at(const layout *l, int32_t d, int64_t place) {
    if (!is_cut(l, d) || place < l->options->edgeitems) return place;
    return place == l->options->edgeitems ? ELLIPSIS : l->a->dims[d] - (place_count(l, d) - place);
}

/* What has been seen of the floating numbers that have a magnitude. */
typedef struct range {
    double smallest, largest;
    bool whole;
} range;

typedef void visitor(layout *l, int64_t offset, range *seen);

/* Visits the elements that are shown, below dimension d. */
static void visit(layout *l, int32_t d, int64_t offset, visitor *each, range *seen) {
    if (d == l->a->ndim) {
        each(l, offset, seen);
        return;
    }
    for (int64_t place = 0, n = place_count(l, d); place < n; place++) {
        const int64_t index = index_at(l, d, place);
        if (index != ELLIPSIS) visit(l, d + 1, offset + index * l->a->strides[d], each, seen);
    }
}

/* The magnitude of a floating element; 0 when it has none to go by. */
static double magnitude(const layout *l, int64_t offset) {
    const double value = fabs(wk__get_number(l->a->dtype, wk__array_at(l->a, offset)));
    return isfinite(value) ? value : 0;
}

static void see(layout *l, int64_t offset, range *seen) {
    const double value = magnitude(l, offset);
    if (value == 0) return;
    seen->smallest = fmin(seen->smallest, value);
    seen->largest = fmax(seen->largest, value);
    seen->whole &= value == ceil(value);
}

static void widen(layout *l, int64_t offset, range *seen) {
    (void)seen;
    char text[NUMBER_NBYTES];
    if (l->floating && magnitude(l, offset) == 0) return;
    write_number(l, offset, text);
    const int width = (int)strlen(text);
    if (width > l->width) l->width = width;
}

/* The width is that of the way chosen here, also when the options then ask for the other: so it is in PyTorch. */
static void measure(layout *l) {
    range seen = {.smallest = INFINITY, .largest = 0, .whole = true};
    if (l->floating) visit(l, 0, 0, see, &seen);
    l->whole = seen.whole;
    l->scientific = seen.largest > 0 && (seen.largest / seen.smallest > 1000 || seen.largest > 1e8 ||
                                         (!seen.whole && seen.smallest < 1e-4));
    visit(l, 0, 0, widen, &seen);
    if (l->options->sci_mode >= 0) l->scientific = l->options->sci_mode > 0;
}

/* ------------------------------------------------------------------------------------------------------ writing --- */

/* Text with the place where its last line begins. */
typedef struct page {
    wk_writer *writer;
    size_t line;
} page;

static void break_lines(page *p, int32_t count, int indent) {
    for (int32_t i = 0; i < count; i++) wk__write(p->writer, "\n");
    p->line = p->writer->used;
    wk__write(p->writer, "%*s", indent, "");
}

static void write_element(page *p, const layout *l, int64_t offset) {
    char text[NUMBER_NBYTES];
    write_number(l, offset, text);
    wk__write(p->writer, "%*s", l->width, text);
}

/* The last dimension: as many elements to a line as fit, beginning with the bracket before them. */
static void write_vector(page *p, const layout *l, int32_t d, int64_t offset, int indent) {
    const int fit = (l->options->linewidth - (indent - 1)) / (l->width + 2), on_a_line = fit > 1 ? fit : 1;
    for (int64_t place = 0, n = place_count(l, d); place < n; place++) {
        const int64_t index = index_at(l, d, place);
        if (place > 0) wk__write(p->writer, ",");
        if (place > 0 && place % on_a_line == 0)
            break_lines(p, 1, indent);
        else if (place > 0)
            wk__write(p->writer, " ");
        if (index == ELLIPSIS)
            wk__write(p->writer, " ...");
        else
            write_element(p, l, offset + index * l->a->strides[d]);
    }
}

/* What lies in the brackets of dimension d: slices, with an empty line more between them for each dimension further
 * out. */
static void write_slices(page *p, const layout *l, int32_t d, int64_t offset, int indent) {
    if (d == l->a->ndim - 1) {
        write_vector(p, l, d, offset, indent);
        return;
    }
    for (int64_t place = 0, n = place_count(l, d); place < n; place++) {
        const int64_t index = index_at(l, d, place);
        if (place > 0) wk__write(p->writer, ",");
        if (place > 0) break_lines(p, l->a->ndim - 1 - d, indent);
        if (index == ELLIPSIS) {
            wk__write(p->writer, "...");
            continue;
        }
        wk__write(p->writer, "[");
        write_slices(p, l, d + 1, offset + index * l->a->strides[d], indent + 1);
        wk__write(p->writer, "]");
    }
}

size_t wk__write_elements(wk_writer *writer, const wk_array *a, const wk_text_options *options) {
    layout l = {.a = a, .options = options, .summarized = a->numel > options->threshold, .width = 1};
    page p = {.writer = writer, .line = 0};
    l.floating = wk__dtype_category[a->dtype] == WK__FLOAT || wk__dtype_category[a->dtype] == WK__HALF;
    if (a->numel > 0) measure(&l);
    if (a->numel > 0 && a->ndim == 0) {
        write_element(&p, &l, 0);
        return 0;
    }
    wk__write(writer, "[");
    if (a->numel > 0) write_slices(&p, &l, 0, 0, (int)writer->used);
    wk__write(writer, "]");
    return p.line;
}
