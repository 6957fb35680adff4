/* text.c -- a program for people to read: calls with their formulas.
 *
 *     T times:
 *         linear/copy  n 1  y L0[u]  sy 1  ...        L0[u]: member u of the buffers of family 0, u being the trip */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plan/plan.h"

typedef struct text {
    char *to;
    size_t nbytes, length; /* room; what the whole text takes */
} text;

static void put(text *t, const char *format, ...) WK_PRINTF(2, 3);
static void put(text *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const size_t left = t->length < t->nbytes ? t->nbytes - t->length : 0;
    const int n = vsnprintf(left > 0 ? t->to + t->length : NULL, left, format, arguments);
    va_end(arguments);
    t->length += n > 0 ? (size_t)n : 0;
}

/* "3", "T", "2T+1" */
static void put_affine(text *t, wk_affine f) {
    if (f.b == 0)
        put(t, "%" PRId64, f.a);
    else if (f.b == 1)
        put(t, "T");
    else
        put(t, "%" PRId64 "T", f.b);
    if (f.b != 0 && f.a != 0) put(t, "%+" PRId64, f.a);
}

/* A formula in T, and what each trip u adds. */
static void put_moving(text *t, wk_affine at, wk_affine step) {
    if (at.a != 0 || at.b != 0 || (step.a == 0 && step.b == 0)) put_affine(t, at);
    if (step.a == 0 && step.b == 0) return;
    put(t, "+u*(");
    put_affine(t, step);
    put(t, ")");
}

static void put_real(text *t, const wk_formula *f) {
    double value;
    memcpy(&value, &f->value.a, sizeof value);
    if (f->numerator != 0) put(t, "%g/", f->numerator);
    if (f->numerator == 0 && f->divisor == 0) {
        put(t, "%g", value);
        return;
    }
    put(t, "(");
    put_affine(t, f->value);
    put(t, ")");
    if (f->divisor != 0 && f->divisor != 1) put(t, "/%g", f->divisor);
}

static void put_place(text *t, const wk_formula *f) {
    static const char *const names[] = {[WK__LOCAL] = "L", [WK__INPUT] = "in", [WK__OUTPUT] = "out"};
    if (f->space == WK__ABSOLUTE)
        put(t, "@%" PRIx64, (uint64_t)f->value.a);
    else if (f->space == WK__SCRATCH)
        put(t, "scratch");
    if (f->space == WK__ABSOLUTE || f->space == WK__SCRATCH) return;
    put(t, "%s%" PRId32, names[f->space], f->id);
    if (f->member.a != 0 || f->member.b != 0 || f->member_step != 0) {
        put(t, "[");
        put_moving(t, f->member, (wk_affine){f->member_step, 0});
        put(t, "]");
    }
    if (f->value.a == 0 && f->value.b == 0 && f->step.a == 0 && f->step.b == 0) return;
    put(t, ":");
    put_moving(t, f->value, f->step);
}

static void put_call(text *t, const wk_program *p, int64_t c, const char *indent) {
    const wk_recorded_call *call = &WK_ITEMS(const wk_recorded_call, p->calls)[c];
    const wk_chain *chain = wk__chain_of(p, c);
    put(t, "%s%s%s%s/%s", indent,
        call->hoisted   ? "once: "
        : chain != NULL ? (c == chain->first ? "/ " : "| ")
                        : "  ",
        call->row != NULL ? call->row->name : "-", call->of_gradient ? "'" : "", call->noted.name);
    for (int32_t w = 0; w < call->word_count; w++) {
        const wk_formula *f = &WK_ITEMS(const wk_formula, p->formulas)[call->first_word + w];
        put(t, "  ");
        if (f->space == WK__NUMBER)
            put_moving(t, f->value, f->step);
        else if (f->space == WK__REAL)
            put_real(t, f);
        else
            put_place(t, f);
    }
    put(t, "\n");
}

static void put_program(text *t, const wk_program *p) {
    for (int64_t l = 0; l < p->loops.count; l++) {
        const wk_plan_loop *loop = &WK_ITEMS(const wk_plan_loop, p->loops)[l];
        const bool once = loop->trips.a == 1 && loop->trips.b == 0;
        if (!once) {
            put_affine(t, loop->trips);
            put(t, " times:\n");
        }
        for (int32_t c = loop->first; c < loop->first + loop->count; c++) put_call(t, p, c, once ? "" : "    ");
    }
}

size_t wk_plan_text(const wk_plan *plan, char *text_, size_t nbytes) {
    text t = {text_, nbytes, 0};
    if (nbytes > 0) text_[0] = '\0';
    if (plan != NULL && plan->last != NULL) put_program(&t, &plan->last->program);
    return t.length;
}
