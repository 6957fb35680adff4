/* einsum.c -- sums of products, written as indices: "bij,bjk->bik" is y[b,i,k] = sum over j of a[b,i,j] b[b,j,k].
 *
 * Operands come together from left to right, two at a time. Before that each is brought to one dimension per index: a
 * diagonal is taken where an index stands twice, a size of 1 that stretches goes, and an index that nobody needs any
 * more is summed over. What remains is a product of matrices,
 *
 *     a (batch, M, K)  b (batch, K, N)  ->  y (batch, M, N)        batch: in both, and needed later; K: in both, not
 *
 * or, where there is nothing to sum over, of elements. Indices are numbers and sets of them are bits: letters in the
 * order of the alphabet, capitals first, then the dimensions of "...", counted so that the last one is the same for all
 * operands. Gradients are those of the rows below. */
#include <string.h>

#include "op/rows.h"

enum { LETTERS = 52, INDICES = LETTERS + WK_MAX_DIMS };

typedef struct summation {
    wk_ctx *ctx;
    const char *equation;
    wk_tensor *const *operands;
    int32_t count, dots;   /* operands; dimensions that "..." stands for at most */
    int64_t size[INDICES]; /* of each index; -1 before one is known */
} summation;

/* Indices in an order. */
typedef struct order {
    int32_t count;
    uint8_t at[2 * WK_MAX_DIMS]; /* in a product on its way there may be more than a tensor can have */
} order;

/* A tensor and the index of each of its dimensions. */
typedef struct term {
    wk_tensor *x;
    order of;
} term;

/* ----------------------------------------------------------------------------------------- reading an equation --- */

static int32_t letter(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    return c >= 'a' && c <= 'z' ? 26 + c - 'a' : -1;
}

static char letter_of(int32_t index) {
    if (index >= LETTERS) return '.';
    return (char)(index < 26 ? 'A' + index : 'a' + index - 26);
}

static bool refuse(const summation *e, wk_status status, const char *what) {
    wk__fail(e->ctx, status, "einsum", "\"%s\": %s", e->equation, what);
    return false;
}

static bool ends_term(const char *at) { return *at == '\0' || *at == ',' || *at == '-'; }

/* How many letters the term at `at` has, and whether it has dots; -1, recorded, where there is anything else. */
static int32_t count_letters(const summation *e, const char *at, bool *has_dots) {
    int32_t letters = 0;
    for (*has_dots = false; !ends_term(at); at++) {
        if (letter(*at) >= 0) letters++;
        else if (*at == '.' && at[1] == '.' && at[2] == '.' && !*has_dots) *has_dots = true, at += 2;
        else if (*at != ' ') return refuse(e, WK_EINVAL, "a term has letters, blanks and once \"...\""), -1;
    }
    return letters;
}

/* Goes behind the term that was counted; `dots` is what its "..." stands for. */
static const char *read_term(const char *at, int32_t dots, order *o) {
    for (o->count = 0; !ends_term(at); at++) {
        if (letter(*at) >= 0) o->at[o->count++] = (uint8_t)letter(*at);
        if (*at != '.') continue;
        for (int32_t d = dots; d > 0; d--) o->at[o->count++] = (uint8_t)(INDICES - d);
        at += 2;
    }
    return at;
}

/* Each operand has as many dimensions as its term has indices; e->dots is found. */
static bool check_terms(summation *e) {
    const char *at = e->equation;
    order skipped;
    for (int32_t i = 0; i < e->count; i++) {
        bool has_dots;
        const int32_t letters = count_letters(e, at, &has_dots), ndim = wk_ndim(e->operands[i]);
        if (letters < 0) return false;
        if (letters > ndim || (letters < ndim && !has_dots)) {
            wk_shape_text text;
            wk__fail(e->ctx, WK_ESHAPE, "einsum", "\"%s\": operand %d is %s and has %d indices", e->equation, (int)i,
                     wk__dims_text(&text, e->operands[i]), (int)letters);
            return false;
        }
        if (ndim - letters > e->dots) e->dots = ndim - letters;
        at = read_term(at, 0, &skipped);
        if (*at != ',' && i + 1 < e->count) return refuse(e, WK_EINVAL, "there are more operands than terms");
        if (*at == ',' && i + 1 == e->count) return refuse(e, WK_EINVAL, "there are more terms than operands");
        at += *at == ',';
    }
    return (*at == '\0' || at[1] == '>') || refuse(e, WK_EINVAL, "the result stands behind \"->\"");
}

/* The i-th operand with its indices, of the term at *at, which goes on to the next. */
static term next_term(const summation *e, const char **at, int32_t i) {
    bool has_dots;
    const int32_t letters = count_letters(e, *at, &has_dots);
    term t = {.x = e->operands[i]};
    *at = read_term(*at, wk_ndim(t.x) - letters, &t.of);
    *at += **at == ',';
    return t;
}

static uint64_t bit(int32_t index) { return UINT64_C(1) << index; }

static uint64_t set_of(const order *o) {
    uint64_t set = 0;
    for (int32_t d = 0; d < o->count; d++) set |= bit(o->at[d]);
    return set;
}

/* The size of an index, which is the same in all operands, but that a 1 stretches. */
static bool find_sizes(summation *e) {
    const char *at = e->equation;
    for (int32_t i = 0; i < INDICES; i++) e->size[i] = -1;
    for (int32_t i = 0; i < e->count; i++) {
        const term t = next_term(e, &at, i);
        for (int32_t d = 0; d < t.of.count; d++) {
            int64_t *size = &e->size[t.of.at[d]], n = wk_dim(t.x, d);
            if (*size == -1 || *size == 1) *size = n;
            if (n == *size || n == 1) continue;
            wk__fail(e->ctx, WK_ESHAPE, "einsum", "\"%s\": index %c is %lld and %lld", e->equation,
                     letter_of(t.of.at[d]), (long long)*size, (long long)n);
            return false;
        }
    }
    return true;
}

/* Without "->": the dimensions of "...", then the letters that stand once, in order. */
static void implied_result(const summation *e, order *out) {
    uint64_t once = 0, seen = 0;
    for (const char *at = e->equation; *at != '\0'; at++) {
        if (letter(*at) < 0) continue;
        once = seen & bit(letter(*at)) ? once & ~bit(letter(*at)) : once | bit(letter(*at));
        seen |= bit(letter(*at));
    }
    out->count = 0;
    for (int32_t d = e->dots; d > 0; d--) out->at[out->count++] = (uint8_t)(INDICES - d);
    for (int32_t i = 0; i < LETTERS; i++)
        if (once & bit(i) && out->count < WK_MAX_DIMS + 1) out->at[out->count++] = (uint8_t)i;
}

/* Behind the arrow. */
static bool written_result(const summation *e, const char *at, order *out) {
    bool has_dots;
    const int32_t letters = count_letters(e, at, &has_dots);
    if (letters < 0) return false;
    if (letters > WK_MAX_DIMS) return refuse(e, WK_ESHAPE, "the result has too many dimensions");
    return *read_term(at, e->dots, out) == '\0' || refuse(e, WK_EINVAL, "there is one result");
}

static bool read_result(const summation *e, order *out) {
    const char *arrow = e->equation;
    while (*arrow != '\0' && *arrow != '-') arrow++;
    if (*arrow == '\0') implied_result(e, out);
    else if (!written_result(e, arrow + 2, out)) return false;
    if (out->count > WK_MAX_DIMS) return refuse(e, WK_ESHAPE, "the result has too many dimensions");
    for (int32_t d = 0; d < out->count; d++) {
        if (e->size[out->at[d]] < 0) return refuse(e, WK_EINVAL, "an index of the result stands in no operand");
        for (int32_t before = 0; before < d; before++)
            if (out->at[before] == out->at[d]) return refuse(e, WK_EINVAL, "an index of the result stands there twice");
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------ single terms --- */

static void remove_index(order *o, int32_t d) {
    o->count--;
    for (; d < o->count; d++) o->at[d] = o->at[d + 1];
}

/* The diagonal over the dimensions of an index that stands twice. */
static bool take_diagonals(const summation *e, term *t) {
    for (int32_t d = 1; d < t->of.count; d++)
        for (int32_t before = 0; before < d; before++) {
            const uint8_t index = t->of.at[d];
            if (t->of.at[before] != index) continue;
            if (wk_dim(t->x, before) != wk_dim(t->x, d))
                return refuse(e, WK_ESHAPE, "an index stands twice in a term, at dimensions of different sizes");
            t->x = wk_diagonal(t->x, 0, before, d);
            remove_index(&t->of, d);
            remove_index(&t->of, before);
            t->of.at[t->of.count++] = index;
            if (t->x == NULL) return false;
            d = 0; /* begin again */
            break;
        }
    return true;
}

/* Sizes of 1 that stretch elsewhere say nothing of the term's elements. */
static void drop_stretched(const summation *e, term *t) {
    for (int32_t d = t->of.count - 1; d >= 0; d--) {
        if (wk_dim(t->x, d) != 1 || e->size[t->of.at[d]] == 1) continue;
        t->x = wk_select(t->x, d, 0);
        remove_index(&t->of, d);
    }
}

/* Sums over the indices that are not to be kept. */
static void sum_out(term *t, uint64_t keep) {
    int64_t dims[WK_MAX_DIMS];
    int32_t count = 0;
    for (int32_t d = 0; d < t->of.count; d++)
        if (!(keep & bit(t->of.at[d]))) dims[count++] = d;
    if (count == 0) return;
    t->x = wk_sum_dims(t->x, count, dims, false);
    while (count > 0) remove_index(&t->of, (int32_t)dims[--count]);
}

/* A view of the term with its dimensions in another order. */
static wk_tensor *permuted(const term *t, const order *o) {
    int64_t dims[WK_MAX_DIMS];
    for (int32_t d = 0; d < o->count; d++) {
        dims[d] = 0;
        while (t->of.at[dims[d]] != o->at[d]) dims[d]++;
    }
    return wk_permute(t->x, o->count, dims);
}

static wk_tensor *in_order(const term *t, const order *o) {
    return memcmp(t->of.at, o->at, (size_t)o->count) == 0 ? t->x : permuted(t, o);
}

/* ---------------------------------------------------------------------------------------------- products of two --- */

/* The indices of o that are in the set, behind what is in the list. */
static void append(order *list, const order *o, uint64_t set) {
    for (int32_t d = 0; d < o->count; d++)
        if (set & bit(o->at[d])) list->at[list->count++] = o->at[d];
}

static order selected(const order *o, uint64_t set) {
    order list = {0};
    append(&list, o, set);
    return list;
}

static int64_t extent(const summation *e, const order *o) {
    int64_t n = 1;
    for (int32_t d = 0; d < o->count; d++) n *= e->size[o->at[d]];
    return n;
}

/* x under the sizes of an order, 1 where an index is not in the set. */
static wk_tensor *sized(const summation *e, wk_tensor *x, const order *o, uint64_t set) {
    int64_t dims[2 * WK_MAX_DIMS];
    for (int32_t d = 0; d < o->count; d++) dims[d] = set & bit(o->at[d]) ? e->size[o->at[d]] : 1;
    return wk_reshape(x, o->count, dims);
}

/* The two in one order, (batch, M, K) and (batch, K, N), as matrices or batches of them. */
static wk_tensor *matrix_product(const summation *e, const term *a, const term *b, uint64_t batch, uint64_t summed) {
    const order both = selected(&a->of, batch), k = selected(&a->of, summed);
    const order m = selected(&a->of, ~(batch | summed)), n = selected(&b->of, ~(batch | summed));
    order of_a = both, of_b = both;
    append(&of_a, &m, ~UINT64_C(0)), append(&of_a, &k, ~UINT64_C(0));
    append(&of_b, &k, ~UINT64_C(0)), append(&of_b, &n, ~UINT64_C(0));
    const int64_t B = extent(e, &both), M = extent(e, &m), K = extent(e, &k), N = extent(e, &n);
    wk_tensor *pa = in_order(a, &of_a), *pb = in_order(b, &of_b);
    if (both.count == 0) return wk_mm(wk_reshape(pa, WK_SHAPE(M, K)), wk_reshape(pb, WK_SHAPE(K, N)));
    return wk_bmm(wk_reshape(pa, WK_SHAPE(B, M, K)), wk_reshape(pb, WK_SHAPE(B, K, N)));
}

/* a = a b, over the indices that are kept. False when something failed. */
static bool multiply(const summation *e, term *a, term *b, uint64_t keep) {
    sum_out(a, keep | set_of(&b->of));
    sum_out(b, keep | set_of(&a->of));
    const uint64_t in_a = set_of(&a->of), in_b = set_of(&b->of), summed = in_a & in_b & ~keep;
    order y = selected(&a->of, in_b & keep);
    append(&y, &a->of, ~in_b), append(&y, &b->of, ~in_a);
    if (y.count > WK_MAX_DIMS) return refuse(e, WK_ESHAPE, "a product on the way has too many dimensions");
    if (summed != 0) {
        a->x = sized(e, matrix_product(e, a, b, in_a & in_b & keep, summed), &y, ~UINT64_C(0));
    } else {
        const order of_a = selected(&y, in_a), of_b = selected(&y, in_b);
        a->x = wk_mul(sized(e, in_order(a, &of_a), &y, in_a), sized(e, in_order(b, &of_b), &y, in_b));
    }
    a->of = y;
    return a->x != NULL;
}

/* --------------------------------------------------------------------------------------------------- altogether --- */

/* All indices of the terms from `at` on. */
static uint64_t needed_from(const char *at) {
    uint64_t set = 0;
    for (; *at != '\0' && *at != '-'; at++) {
        if (letter(*at) >= 0) set |= bit(letter(*at));
        if (*at == '.')
            for (int32_t d = LETTERS; d < INDICES; d++) set |= bit(d);
    }
    return set;
}

/* What a product is computed in: halves are rounded at the end, not on the way. */
static wk_dtype computed_in(const summation *e) {
    const wk_dtype dtype = wk_dtype_of(e->operands[0]);
    bool wide = e->count > 1 && wk__dtype_category[dtype] == WK__HALF;
    for (int32_t i = 1; i < e->count; i++) wide &= wk_dtype_of(e->operands[i]) == dtype;
    return wide ? WK_F32 : dtype;
}

static wk_tensor *summed_product(const summation *e, const order *out) {
    const char *at = e->equation;
    const wk_dtype half = wk_dtype_of(e->operands[0]), computed = computed_in(e);
    const uint64_t result = set_of(out);
    term y = {0};
    for (int32_t i = 0; i < e->count; i++) {
        term t = next_term(e, &at, i);
        if (computed != half) t.x = wk_cast(t.x, computed);
        if (!take_diagonals(e, &t)) return NULL;
        drop_stretched(e, &t);
        if (i == 0) y = t;
        else if (!multiply(e, &y, &t, result | needed_from(at))) return NULL;
    }
    sum_out(&y, result);
    if (y.x == NULL) return NULL;
    if (computed != half) return wk_cast(in_order(&y, out), half);
    return e->count == 1 ? permuted(&y, out) : in_order(&y, out); /* an operand itself is nobody's result */
}

typedef struct einsum_attrs {
    const char *equation;
} einsum_attrs;

static const wk_attr_field fields[] = {{"equation", 's', offsetof(einsum_attrs, equation), 0}};

static bool understood(summation *e, order *out) { return check_terms(e) && find_sizes(e) && read_result(e, out); }

static bool shape(wk_call *c) {
    const einsum_attrs *a = c->attrs;
    summation e = {.ctx = c->ctx, .equation = a->equation, .operands = c->in, .count = c->in_count};
    order out;
    if (a->equation == NULL || c->in_count < 1)
        return wk__refuse(c, WK_EINVAL, "there is no equation, or there are no operands");
    return understood(&e, &out);
}

static void compose(wk_call *c) {
    const einsum_attrs *a = c->attrs;
    summation e = {.ctx = c->ctx, .equation = a->equation, .operands = c->in, .count = c->in_count};
    order of_result;
    if (understood(&e, &of_result)) c->out[0] = summed_product(&e, &of_result);
}

const wk_op wk__op_einsum = {
    WK_ROW(einsum),          .in_count = WK__ANY_NUMBER,     .out_count = 1, .in_names = "operands",
    .types = WK__EVERY_TYPE, WK_ATTRS(einsum_attrs, fields), .shape = shape, .compose = compose,
};

wk_tensor *wk_einsum(const char *equation, int32_t count, wk_tensor *const *operands) {
    einsum_attrs attrs = {equation};
    return wk__compose(&wk__op_einsum, operands, operands != NULL ? count : 0, &attrs, NULL);
}
