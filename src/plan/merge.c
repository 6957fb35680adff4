/* merge.c -- a loop of calls for one row each is a call for all of the rows.
 *
 *     T times:                                      copy  n T ...  y L2     sy 1
 *         copy  n 1  y L2[u]  ...             ->    gemm  m T ...  c L2     row 1
 *         gemm  m 1  c L2[u]  a L1:+u*(128)                        a L1     row 32
 *
 * Results of element-wise kernels depend on their elements alone, and those of a product on their row of A alone (NOTE
 * [Sums of a product] in kernel/gemm.inc), so that the bits stay the same. What is done in another order must not meet:
 * all trips of one call come before those of the next, so no trip may read or write what another one writes. Loops of
 * other calls stay loops, and so do those whose buffers live within a trip, which would have to be as many as there are
 * trips. */
#include <string.h>

#include "kernel/blas.h"
#include "plan/program.h"

/* How far a trip takes an address, or a number, on; and the member. Loops in loops are no rows. */
static wk_polynomial step_of(const wk_formula *f) { return wk__motion_of(f)->step[0]; }
static wk_polynomial member_step_of(const wk_formula *f) { return wk__motion_of(f)->member_step[0]; }
static bool moves_on(const wk_formula *f) { return !wk__is_number(step_of(f), 0); }

/* Is a real another one in each trip? */
static bool has_moving_real(const wk_program *p, int64_t c) {
    bool moves = false;
    for (int32_t w = 0; w < wk__program_call(p, c)->word_count; w++)
        moves |= wk__formulas_at(p, c)[w].space == WK__REAL && moves_on(&wk__formulas_at(p, c)[w]);
    return moves;
}

static bool is_address(const wk_program *p, int64_t c, int32_t w) {
    const char letter = wk__program_call(p, c)->noted.signature->letters[w];
    return letter == 'r' || letter == 'w';
}

/* ---------------------------------------------------------------------------------------------- one call's rows --- */

/* How many bytes a trip takes an address on, where that is the same for every T. */
static bool row_nbytes(const wk_program *p, const wk_formula *f, int64_t *nbytes) {
    const wk_polynomial step = step_of(f), member_step = member_step_of(f);
    *nbytes = step.a;
    if (f->space != WK__LOCAL || wk__is_number(member_step, 0)) return wk__is_constant(step);
    const wk_polynomial size = wk__family_at(p, f->id)->nbytes;
    *nbytes += member_step.a * wk__pitch(size.a);
    return wk__is_constant(step) && wk__is_constant(member_step) && wk__is_constant(size);
}

/* The number that a word is in all trips, for every T; -1: it is none. */
static int64_t number_at(const wk_formula *f) { return wk__is_constant(f->value) && !moves_on(f) ? f->value.a : -1; }

/* Elements of one trip in a row: single ones, or such that the next trip's follow them. */
static bool is_row_of_elements(const wk_program *p, int64_t c) {
    const wk_formula *f = wk__formulas_at(p, c);
    const int64_t n = number_at(&f[0]), element = wk__dtype_nbytes[wk__program_call(p, c)->noted.dtype];
    if (n < 1 || !wk__is_elementwise(p, c)) return false;
    for (int32_t w = 1; w < wk__program_call(p, c)->word_count; w++) {
        int64_t nbytes;
        if (!is_address(p, c, w)) continue;
        if (!row_nbytes(p, &f[w], &nbytes)) return false;
        if (n == 1 ? nbytes % element != 0 : nbytes != n * f[w + 1].value.a * element) return false;
        if (w == 1 && nbytes == 0) return false; /* a sum */
    }
    return true;
}

/* The words of a product. */
enum { M, N, K, A, A_ROW, A_COL, B, B_ROW, B_COL, BETA, C, C_ROW, C_COL };

/* Rows of A times B, in an order of sums that does not depend on how many rows there are: rows of A contiguous, and
 * either columns of B or rows of B. A CBLAS has orders of its own. */
static bool has_an_order(const wk_formula *f) {
    const int64_t n = number_at(&f[N]), k = number_at(&f[K]);
    const int64_t b_row = number_at(&f[B_ROW]), b_col = number_at(&f[B_COL]);
    if (n < 1 || k < 1 || number_at(&f[A_COL]) != 1 || number_at(&f[C_COL]) != 1) return false;
    const bool columns = b_row == 1 && (b_col > 1 || n == 1), rows = b_row > 1 && b_col == 1 && n > 1 && k > 1;
    return (columns || rows) && !wk__blas_takes(WK_F32, INT32_MAX, INT32_MAX, INT32_MAX);
}

/* Are the rows that a trip begins with so many bytes behind those before, as a row is behind the one above it? */
static bool go_on(const wk_formula *row, int64_t rows, int64_t columns, int64_t nbytes) {
    const int64_t element = sizeof(float);
    if (nbytes % element != 0 || nbytes < columns * element) return false;
    return rows == 1 || (number_at(row) >= columns && nbytes == rows * number_at(row) * element);
}

/* A row of a product, or several of them. */
static bool is_row_of_product(const wk_program *p, int64_t c) {
    const wk_recorded_call *call = wk__program_call(p, c);
    const wk_formula *f = wk__formulas_at(p, c);
    int64_t a, b, of_c;
    if (call->noted.dtype != WK_F32 || strcmp(call->noted.name, "gemm") != 0) return false;
    const int64_t m = number_at(&f[M]);
    if (m < 1 || !has_an_order(f)) return false;
    if (!row_nbytes(p, &f[A], &a) || !row_nbytes(p, &f[B], &b) || !row_nbytes(p, &f[C], &of_c)) return false;
    return b == 0 && go_on(&f[A_ROW], m, f[K].value.a, a) && go_on(&f[C_ROW], m, f[N].value.a, of_c);
}

/* ---------------------------------------------------------------------------------------------------- apartness --- */

/* Bytes from the first element of a row to behind the last. */
static int64_t extent(const wk_program *p, int64_t c, int32_t w) {
    const wk_formula *f = wk__formulas_at(p, c);
    const int64_t stride = f[w + 1].value.a, columns = !is_row_of_product(p, c) ? 1
                                                       : w == A                 ? f[K].value.a
                                                                                : f[N].value.a;
    return ((f[0].value.a - 1) * (stride < 0 ? -stride : stride) + columns) *
           wk__dtype_nbytes[wk__program_call(p, c)->noted.dtype];
}

/* Does no trip meet there what another trip of the other call does? */
static bool trips_apart(const wk_program *p, int64_t c, int32_t v, int64_t d, int32_t w) {
    const wk_formula *a = &wk__formulas_at(p, c)[v], *b = &wk__formulas_at(p, d)[w];
    if (wk__are_apart(a, b)) return true;
    if (!wk__same_place(a, b) || (a->space != WK__LOCAL && a->space != WK__OUTPUT)) return false;
    int64_t nbytes;
    if (a->space == WK__LOCAL && !wk__is_number(member_step_of(a), 0)) return !moves_on(a);
    const int64_t c_extent = extent(p, c, v), d_extent = extent(p, d, w);
    if (!row_nbytes(p, a, &nbytes)) return false;
    return (nbytes < 0 ? -nbytes : nbytes) >= (c_extent > d_extent ? c_extent : d_extent);
}

static bool calls_apart(const wk_program *p, int64_t c, int64_t d) {
    const char *of_c = wk__program_call(p, c)->noted.signature->letters,
               *of_d = wk__program_call(p, d)->noted.signature->letters;
    for (int32_t v = 0; v < wk__program_call(p, c)->word_count; v++)
        for (int32_t w = 0; w < wk__program_call(p, d)->word_count; w++) {
            if (!is_address(p, c, v) || !is_address(p, d, w) || (of_c[v] == 'r' && of_d[w] == 'r')) continue;
            if (!trips_apart(p, c, v, d, w)) return false;
        }
    return true;
}

/* ------------------------------------------------------------------------------------------------------ merging --- */

/* Is it a number of rows wherever the program is right? For one number of trips that was seen (verify.c). */
static bool counts(wk_polynomial trips) {
    const bool of_one = (trips.d | trips.e | trips.f) == 0 || (trips.b | trips.c | trips.f) == 0;
    return wk__grows(trips) && (of_one || wk__value_at(trips, (wk_trips){1, 1}) >= 0);
}

static bool can_be_merged(const wk_program *p, const wk_plan_loop *loop) {
    if (loop->depth > 0 || loop->inside > 0 || wk__is_once(loop) || !counts(loop->trips)) return false;
    for (int64_t c = loop->first; c < loop->first + loop->count; c++)
        if (has_moving_real(p, c) || (!is_row_of_elements(p, c) && !is_row_of_product(p, c))) return false;
    for (int64_t c = loop->first; c < loop->first + loop->count; c++)
        for (int64_t d = c; d < loop->first + loop->count; d++)
            if (!calls_apart(p, c, d)) return false;
    return true;
}

static wk_polynomial times(wk_polynomial q, int64_t factor) {
    return (wk_polynomial){q.a * factor, q.b * factor, q.c * factor, q.d * factor, q.e * factor, q.f * factor};
}

/* The word behind an address leads to the next element, or, of matrices, to the next row. */
static void merge_call(wk_program *p, int64_t c, wk_polynomial trips) {
    wk_formula *f = wk__formulas_at(p, c);
    const bool product = is_row_of_product(p, c);
    const int64_t element = wk__dtype_nbytes[wk__program_call(p, c)->noted.dtype], n = f[0].value.a;
    for (int32_t w = 1; w < wk__program_call(p, c)->word_count; w++) {
        int64_t nbytes;
        if (!is_address(p, c, w) || (product && w == B) || !row_nbytes(p, &f[w], &nbytes)) continue;
        if (n == 1) f[w + 1].value = wk__number(nbytes / element);
        if (f[w].motion != NULL) f[w].motion->step[0] = f[w].motion->member_step[0] = wk__number(0);
    }
    f[0].value = times(trips, n);
}

/* Rows of calls that are made once, one behind the other, are one row. */
static void join(wk_program *p) {
    wk_plan_loop *loops = WK_ITEMS(wk_plan_loop, p->loops), *last = NULL;
    int64_t count = 0;
    for (int64_t l = 0; l < p->loops.count; l++) {
        const wk_plan_loop loop = loops[l];
        const bool once = loop.depth == 0 && loop.inside == 0 && wk__is_once(&loop);
        if (once && last != NULL) {
            last->count += loop.count;
            continue;
        }
        last = once ? &loops[count] : NULL;
        loops[count++] = loop;
    }
    p->loops.count = count;
}

/* What later recordings are compared with. */
static bool keep_as_recorded(wk_program *p) {
    bool fine = true;
    if (p->recorded_loops.items != NULL) return true;
    if (!wk__growing_copy(&p->recorded_formulas, &p->formulas, sizeof(wk_formula))) return false;
    for (int64_t i = 0; i < p->formulas.count; i++) {
        wk_formula *f = &WK_ITEMS(wk_formula, p->recorded_formulas)[i];
        if (f->motion != NULL) fine &= (f->motion = wk__motion_new(p, f->motion)) != NULL;
    }
    return fine && wk__growing_copy(&p->recorded_loops, &p->loops, sizeof(wk_plan_loop));
}

bool wk__program_merge(wk_program *p) {
    bool any = false;
    for (int64_t l = 0; l < p->loops.count; l++) {
        wk_plan_loop *loop = wk__loop_at(p, l);
        if (!can_be_merged(p, loop)) continue;
        if (!keep_as_recorded(p)) return false;
        for (int64_t c = loop->first; c < loop->first + loop->count; c++) merge_call(p, c, loop->trips);
        loop->trips = wk__number(1);
        any = true;
    }
    if (!any) return true;
    join(p);
    return wk__program_fuse(p) && wk__program_place(p);
}
