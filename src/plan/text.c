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

static void put_term(text *t, int64_t factor, const char *power, const char *sign) {
    if (factor == 0) return;
    put(t, "%s", factor > 0 ? sign : "-");
    const int64_t times = factor > 0 ? factor : -factor;
    if (times != 1 || *power == '\0') put(t, "%" PRId64, times);
    put(t, "%s", power);
}

/* "3", "T", "2T+1", "TS-S" */
static void put_polynomial(text *t, wk_polynomial f) {
    const int64_t factors[] = {f.c, f.f, f.e, f.b, f.d, f.a};
    static const char *const powers[] = {"T^2", "TS", "S^2", "T", "S", ""};
    bool any = false;
    for (int32_t i = 0; i < 6; i++) {
        put_term(t, factors[i], powers[i], any ? "+" : "");
        any |= factors[i] != 0;
    }
    if (!any) put(t, "0");
}

static bool moves(const wk_polynomial *step) {
    bool any = false;
    for (int32_t d = 0; d < WK__DEPTH; d++) any |= !wk__is_number(step[d], 0);
    return any;
}

/* A formula in T, and what each trip adds: u of the outermost loop, v and w of those inside it. */
static void put_moving(text *t, wk_polynomial at, const wk_polynomial *step) {
    if (!wk__is_number(at, 0) || !moves(step)) put_polynomial(t, at);
    for (int32_t d = 0; d < WK__DEPTH; d++) {
        if (wk__is_number(step[d], 0)) continue;
        put(t, "+%c*(", "uvw"[d]);
        put_polynomial(t, step[d]);
        put(t, ")");
    }
}

static void put_real(text *t, const wk_formula *f) {
    double value;
    memcpy(&value, &f->value.a, sizeof value);
    if (f->form == WK__BITS) {
        put(t, "%g", value);
        return;
    }
    if (f->form != WK__FRACTION) put(t, f->form == WK__QUOTIENT ? "%g/" : "%g*", f->number);
    put(t, "(");
    put_moving(t, f->value, wk__motion_of(f)->step);
    put(t, ")");
    if (f->form != WK__FRACTION || wk__is_number(wk__motion_of(f)->over, 1)) return;
    put(t, "/(");
    put_polynomial(t, wk__motion_of(f)->over);
    put(t, ")");
}

static void put_place(text *t, const wk_formula *f) {
    static const char *const names[] = {[WK__LOCAL] = "L", [WK__INPUT] = "in", [WK__OUTPUT] = "out"};
    if (f->space == WK__ABSOLUTE)
        put(t, "@%" PRIx64, (uint64_t)f->value.a);
    else if (f->space == WK__SCRATCH)
        put(t, "scratch");
    if (f->space == WK__ABSOLUTE || f->space == WK__SCRATCH) return;
    put(t, "%s%" PRId32, names[f->space], f->id);
    const wk_motion *m = wk__motion_of(f);
    if (!wk__is_number(m->member, 0) || moves(m->member_step)) {
        put(t, "[");
        put_moving(t, m->member, m->member_step);
        put(t, "]");
    }
    if (wk__is_number(f->value, 0) && !moves(m->step)) return;
    put(t, ":");
    put_moving(t, f->value, m->step);
}

static void put_call(text *t, const wk_program *p, int64_t c, int32_t indent) {
    const wk_recorded_call *call = wk__program_call(p, c);
    const wk_chain *chain = wk__chain_of(p, c);
    put(t, "%*s%s%s%s/%s", (int)indent, "",
        call->hoisted   ? "once: "
        : chain != NULL ? (c == chain->first ? "/ " : "| ")
                        : "  ",
        call->row != NULL ? call->row->name : "-", call->of_gradient ? "'" : "", call->noted.name);
    for (int32_t w = 0; w < call->word_count; w++) {
        const wk_formula *f = &wk__formulas_of(p, call)[w];
        put(t, "  ");
        if (f->space == WK__NUMBER) put_moving(t, f->value, wk__motion_of(f)->step);
        else if (f->space == WK__REAL)
            put_real(t, f);
        else
            put_place(t, f);
    }
    put(t, "\n");
}

static void put_loops(text *t, const wk_program *p, int64_t from, int64_t to, int32_t indent) {
    for (int64_t l = from; l < to; l += 1 + wk__loop_at(p, l)->inside) {
        const wk_plan_loop *loop = wk__loop_at(p, l);
        const int32_t within = wk__is_once(loop) ? indent : indent + 4;
        if (!wk__is_once(loop)) {
            put(t, "%*s", (int)indent, "");
            put_polynomial(t, loop->trips);
            put(t, " times:\n");
        }
        put_loops(t, p, l + 1, l + 1 + loop->inside, within);
        for (int32_t c = loop->first; loop->inside == 0 && c < loop->first + loop->count; c++)
            put_call(t, p, c, within);
    }
}

size_t wk_plan_text(const wk_plan *plan, char *text_, size_t nbytes) {
    text t = {text_, text_ != NULL ? nbytes : 0, 0};
    if (text_ != NULL && nbytes > 0) text_[0] = '\0';
    if (plan != NULL && plan->last != NULL) put_loops(&t, &plan->last->program, 0, plan->last->program.loops.count, 0);
    return t.length;
}
