/* resolve.c -- the addresses of a recording become places (NOTE [Places] in recording.h). */
#include <stdlib.h>
#include <string.h>

#include "plan/recording.h"

enum { MET = 256 };
typedef struct resolver {
    wk_recording *r;
    struct sorted_block {
        char *data; /* where its elements begin */
        wk_buffer_block *block;
    } * sorted;                /* by that; of two, an empty one first */
    wk_buffer_block *met[MET]; /* the last one found by an address on such a line, where it is looked for first */
    int64_t last_external;
} resolver;

static bool is_behind(struct sorted_block a, struct sorted_block b) {
    return a.data > b.data || (a.data == b.data && a.block->nbytes > b.block->nbytes);
}

/* By Shell's method with gaps of 3 h + 1, where qsort would make a call for each comparison and each copy. */
static void sort_blocks(struct sorted_block *blocks, int64_t count) {
    int64_t gap = 1;
    while (gap < count / 3) gap = 3 * gap + 1;
    for (; gap > 0; gap /= 3)
        for (int64_t i = gap, at; i < count; i++) {
            const struct sorted_block next = blocks[i];
            for (at = i; at >= gap && is_behind(blocks[at - gap], next); at -= gap) blocks[at] = blocks[at - gap];
            blocks[at] = next;
        }
}

/* Does an address lie within n bytes, or, where `at_end` allows it, behind the last (of an empty array)? */
static bool within(const char *address, const char *begin, int64_t n, bool at_end) {
    return address >= begin && address < begin + n + at_end;
}

/* How many blocks begin at or below an address. */
static int64_t begun_at(const resolver *s, const char *address) {
    const struct sorted_block *at = s->sorted; /* those before it are among them */
    for (int64_t left = s->r->blocks.count, half; left > 0; left -= half) {
        half = (left + 1) / 2;
        at += at[half - 1].data <= address ? half : 0;
    }
    return at - s->sorted;
}

/* The block that ends at an address, or NULL: an empty tensor's does, where the next one may begin already. */
static wk_buffer_block *block_ending_at(const resolver *s, const char *address) {
    enum { NEAR = 3 }; /* one that begins there, empty ones, and one before */
    const int64_t begun = begun_at(s, address);
    for (int64_t i = begun; i-- > 0 && begun - i <= NEAR;)
        if (s->sorted[i].data + s->sorted[i].block->nbytes == address) return s->sorted[i].block;
    return NULL;
}

/* The argument that holds an address, or -1. */
static int32_t input_at(const wk_recording *r, const char *address, bool at_end) {
    for (int32_t i = 0; i < r->in_count; i++) {
        if (r->inputs[i] == NULL) continue;
        const wk_array *a = &r->inputs[i]->a;
        if (within(address, a->data, wk__array_nbytes(a), at_end)) return i;
    }
    return -1;
}

static bool is_external(resolver *s, const char *address, bool at_end) {
    const wk_growing *externals = &s->r->externals;
    if (address == (const char *)&s->r->ctx->cell) return true;
    for (int64_t i = 0; i < externals->count; i++) {
        const int64_t at = (s->last_external + i) % externals->count;
        const wk_plan_external *e = &WK_ITEMS(const wk_plan_external, *externals)[at];
        if (!within(address, e->begin, e->end - e->begin, at_end)) continue;
        s->last_external = at;
        return true;
    }
    return false;
}

static wk_buffer_block **met_at(resolver *s, const char *address) {
    return &s->met[(uintptr_t)address / WK__LINE % MET];
}

/* The block that holds an address, or NULL. What only reads there, before anything has written, looks at the empty
 * tensor that ends there, if there is one. */
static wk_buffer_block *block_at(resolver *s, char letter, const char *address, bool at_end) {
    if (at_end) return block_ending_at(s, address);
    wk_buffer_block *met = *met_at(s, address);
    if (met != NULL && within(address, met->data, met->nbytes, false)) return met;
    const int64_t begun = begun_at(s, address);
    wk_buffer_block *b = begun > 0 ? s->sorted[begun - 1].block : NULL;
    if (b == NULL || !within(address, b->data, b->nbytes, false)) return NULL;
    if (letter == 'w' || b->id >= 0 || address != b->data) return b;
    const bool reads_nothing =
        block_ending_at(s, address) != NULL || input_at(s->r, address, true) >= 0 || is_external(s, address, true);
    return reads_nothing ? NULL : b;
}

static bool refuse(const resolver *s, const wk_recorded_call *call, const char *what) {
    wk__fail(s->r->ctx, WK_ESTATE, call->row != NULL ? call->row->name : "plan_run", "a plan cannot hold it: %s%s %s",
             call->of_gradient ? "in its gradient, " : "", call->noted.name, what);
    return false;
}

/* Numbers a buffer at its first use, which has to write it, or read nothing. Outputs have numbers of their own. */
static bool first_use(resolver *s, const wk_recorded_call *call, wk_buffer_block *b, bool is_fine) {
    b->id = 0;
    if (b->output < 0) {
        int64_t *size = WK_PUSH(int64_t, s->r->sizes);
        if (size == NULL) return wk__out_of_memory(s->r->ctx, "plan_run"), false;
        *size = b->nbytes;
        b->id = (int32_t)(s->r->sizes.count - 1);
    }
    return is_fine || refuse(s, call, "reads elements that no kernel wrote");
}

/* Finds the place of an address; WK__NUMBER: it is in nothing that is known. */
static bool find_place(resolver *s, const wk_recorded_call *call, char letter, char *address, bool at_end,
                       wk_symbol *symbol) {
    wk_buffer_block *b = block_at(s, letter, address, at_end);
    int32_t input;
    if (b != NULL) {
        if (b->id < 0 && !first_use(s, call, b, letter == 'w' || at_end)) return false;
        *met_at(s, address) = b;
        const bool output = b->output >= 0;
        *symbol = (wk_symbol){output ? WK__OUTPUT : WK__LOCAL, output ? b->output : b->id, address - b->data};
    } else if ((input = input_at(s->r, address, at_end)) >= 0) {
        *symbol = (wk_symbol){WK__INPUT, input, address - (char *)s->r->inputs[input]->a.data};
    } else if (is_external(s, address, at_end)) {
        *symbol = (wk_symbol){WK__ABSOLUTE, 0, (int64_t)(intptr_t)address};
    } else {
        *symbol = (wk_symbol){WK__NUMBER, 0, 0};
    }
    return true;
}

static bool resolve_address(resolver *s, const wk_recorded_call *call, char letter, char *address, wk_symbol *symbol) {
    *symbol = (wk_symbol){WK__NUMBER, 0, 0};
    if (letter == 'g') *symbol = (wk_symbol){WK__ABSOLUTE, 0, (int64_t)(intptr_t)address};
    if (letter == 'g' || address == NULL) return true;
    for (int at_end = 0; at_end < 2 && symbol->space == WK__NUMBER; at_end++)
        if (!find_place(s, call, letter, address, at_end, symbol)) return false;
    return symbol->space != WK__NUMBER || refuse(s, call, "uses memory that is no tensor's");
}

/* What is not written: addresses that are read, and numbers. */
static bool resolve_read(resolver *s, const wk_recorded_call *call, char letter, wk_word word, wk_symbol *symbol) {
    if (letter == 'r' || letter == 'g') return resolve_address(s, call, letter, word.p, symbol);
    *symbol = (wk_symbol){letter == 'f' ? WK__REAL : letter == 'k' ? WK__SCRATCH : WK__NUMBER, 0, word.i};
    if (letter == 'k') symbol->value = 0;
    return true;
}

/* Reads before writes: a buffer that one call reads and writes is not met for the first time. */
static bool resolve_call(resolver *s, const wk_recorded_call *call) {
    const char *letters = call->noted.signature->letters;
    const wk_word *words = WK_ITEMS(const wk_word, s->r->words) + call->first_word;
    wk_symbol *symbols = WK_ITEMS(wk_symbol, s->r->symbols) + call->first_word;
    for (int32_t w = 0; w < call->word_count; w++)
        if (letters[w] != 'w' && !resolve_read(s, call, letters[w], words[w], &symbols[w])) return false;
    for (const char *at = letters; (at = strchr(at, 'w')) != NULL; at++)
        if (!resolve_address(s, call, 'w', words[at - letters].p, &symbols[at - letters])) return false;
    return true;
}

static bool resolve_calls(resolver *s) {
    wk_recording *r = s->r;
    s->sorted = malloc(((size_t)r->blocks.count + 1) * sizeof *s->sorted);
    if (s->sorted == NULL || wk__growing_add(&r->symbols, r->words.count, sizeof(wk_symbol)) == NULL)
        return wk__out_of_memory(r->ctx, "plan_run"), false;
    for (int64_t i = 0; i < r->blocks.count; i++) {
        wk_buffer_block *b = &WK_ITEMS(wk_buffer_block, r->blocks)[i];
        s->sorted[i] = (struct sorted_block){b->data, b};
    }
    sort_blocks(s->sorted, r->blocks.count);
    bool fine = true;
    for (int64_t i = 0; fine && i < r->calls.count; i++) fine = resolve_call(s, wk__call_at(r, i));
    return fine;
}

bool wk__plan_resolve(wk_recording *r) {
    resolver s = {.r = r};
    const bool fine = resolve_calls(&s);
    free(s.sorted);
    return fine;
}
