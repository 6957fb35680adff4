/* compare.c -- two recordings of one step at the same sizes must be the same; what differs is refused by name. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernel/convert.h"
#include "plan/recording.h"

static bool refuse(const wk_recording *r, const char *op, const char *format, const char *what, double before,
                   double now) {
    char text[160];
    snprintf(text, sizeof text, format, what, before, now);
    wk__fail(r->ctx, WK_ESTATE, op, "%s", text);
    return false;
}

/* Do two calls of a row differ in an attribute? Shapes show in the calls of kernels. */
static bool attribute_differs(const wk_attr_field *field, const char *a, const char *b) {
    return field->kind != 'd' && memcmp(a + field->offset, b + field->offset, sizeof(int64_t)) != 0;
}

/* What to do about an attribute that changes. */
static const char *advice(const wk_op *op, char kind) {
    const bool number = kind == 'f' || kind == 'i';
    if (number && op->instead != NULL) return op->instead;
    return kind == 'f' ? "spell it out in tensors, of which this is an input, or have a plan for each"
                       : "have a plan for each";
}

static bool row_agrees(const wk_recording *a, const wk_recording *b, const wk_recorded_row *x,
                       const wk_recorded_row *y) {
    const wk_op *op = x->op;
    const char *of_x = WK_ITEMS(const char, a->attributes), *of_y = WK_ITEMS(const char, b->attributes);
    if (op != y->op) {
        wk__fail(a->ctx, WK_ESTATE, "plan_run",
                 "the step does not do the same each time: it called %s, then %s in its place; what chooses has to be "
                 "an input (wk_where), or have a plan for each",
                 op->name, y->op->name);
        return false;
    }
    for (int32_t i = 0; i < op->field_count; i++) {
        const wk_attr_field *field = &op->fields[i];
        if (!attribute_differs(field, of_x + x->first_byte, of_y + y->first_byte)) continue;
        char before[40], now[40];
        wk_writer was = wk__writer(before, sizeof before), is = wk__writer(now, sizeof now);
        wk__write_attr(&was, field, of_x + x->first_byte);
        wk__write_attr(&is, field, of_y + y->first_byte);
        wk__fail(a->ctx, WK_ESTATE, op->name, "%s was %s, then %s: a plan would go on with the first; %s", field->name,
                 before, now, advice(op, field->kind));
        return false;
    }
    return true;
}

static bool rows_agree(const wk_recording *a, const wk_recording *b) {
    const int64_t count = a->rows.count < b->rows.count ? a->rows.count : b->rows.count;
    for (int64_t i = 0; i < count; i++)
        if (!row_agrees(a, b, &WK_ITEMS(const wk_recorded_row, a->rows)[i],
                        &WK_ITEMS(const wk_recorded_row, b->rows)[i]))
            return false;
    if (a->rows.count == b->rows.count) return true;
    const wk_recording *longer = a->rows.count > b->rows.count ? a : b;
    wk__fail(a->ctx, WK_ESTATE, "plan_run",
             "the step does not do the same each time: it made %" PRId64 " calls, then %" PRId64
             ", from %s on; what decides how many has to be the shape of an input, or have a plan for each",
             a->rows.count, b->rows.count, WK_ITEMS(const wk_recorded_row, longer->rows)[count].op->name);
    return false;
}

static double element(const wk_recorded_call *call, const wk_symbol *x) {
    return wk__get_number(call->noted.dtype, &x->value);
}

/* How word w differs that should not. */
static bool refuse_word(const wk_recording *a, const wk_recorded_call *call, int32_t w, const wk_symbol *x,
                        const wk_symbol *y) {
    const char *row = call->row != NULL ? call->row->name : "plan_run";
    if (call->noted.signature->letters[w] == 'v') {
        wk__fail(a->ctx, WK_ESTATE, "plan_run",
                 "a tensor was filled with %g, then with %g: a plan would go on with the first; make it before, and "
                 "give it as an input",
                 element(call, x), element(call, y));
        return false;
    }
    if (x->space == WK__REAL) {
        double before, now;
        memcpy(&before, &x->value, sizeof before);
        memcpy(&now, &y->value, sizeof now);
        return refuse(a, row,
                      "%s got the number %g, then %g: what is read from elements, or changes from run to run, "
                      "a plan cannot hold",
                      call->noted.name, before, now);
    }
    if (call->noted.may_fail && call->noted.signature->letters[w] == 'g') {
        wk__fail(a->ctx, WK_ESTATE, call->noted.name, "it was of one optimiser, then of another: have a plan for each");
        return false;
    }
    if (x->space == WK__ABSOLUTE || y->space == WK__ABSOLUTE) {
        wk__fail(a->ctx, WK_ESTATE, row,
                 "it read one tensor from outside the step, then another in its place: give it as an input");
        return false;
    }
    return refuse(a, row, "%s got %g, then %g: the step does not do the same each time", call->noted.name,
                  (double)x->value, (double)y->value);
}

static bool call_agrees(const wk_recording *a, const wk_recording *b, int64_t i) {
    const wk_recorded_call *x = wk__call_at(a, i), *y = wk__call_at(b, i);
    if (x->noted.function != y->noted.function || strcmp(x->noted.name, y->noted.name) != 0) {
        wk__fail(a->ctx, WK_ESTATE, x->row != NULL ? x->row->name : "plan_run",
                 "the step does not do the same each time: kernel %s, then %s", x->noted.name, y->noted.name);
        return false;
    }
    const wk_symbol *sx = wk__symbols_of(a, x), *sy = wk__symbols_of(b, y);
    for (int32_t w = 0; w < x->word_count; w++)
        if (sx[w].space != sy[w].space || sx[w].id != sy[w].id || sx[w].value != sy[w].value)
            return refuse_word(a, x, w, &sx[w], &sy[w]);
    return true;
}

bool wk__recordings_agree(const wk_recording *a, const wk_recording *b) {
    if (!rows_agree(a, b)) return false;
    const int64_t count = a->calls.count < b->calls.count ? a->calls.count : b->calls.count;
    for (int64_t i = 0; i < count; i++)
        if (!call_agrees(a, b, i)) return false;
    if (a->calls.count == b->calls.count) return true;
    return refuse(a, "plan_run", "the step does not do the same each time: %s%g kernels, then %g", "",
                  (double)a->calls.count, (double)b->calls.count);
}
