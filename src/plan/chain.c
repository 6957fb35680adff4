/* chain.c -- running chains (fuse.c): all links on one block of elements, then on the next. */
#include "plan/bound.h"

/* Takes the addresses of a link n elements on. */
static void advance(const wk_bound_chain *chain, const wk_chain_link *link, int64_t n) {
    const wk_advance *advances = chain->advances + link->first_advance;
    for (int64_t a = 0; a < link->advance_count; a++) advances[a].word->i += n * advances[a].element_nbytes;
}

/* The words of what a fused step does not have. */
static const wk_word nothing;

static void call_fused(const wk_bound_chain *chain, const wk_chain_link *link, int64_t n) {
    wk_fused_step *steps = chain->fused + link->first_fused;
    const wk_fused_words *words = chain->fused_words + link->first_fused;
    for (int64_t s = 0; s < link->fused_count; s++) {
        steps[s].a = words[s].a->p, steps[s].b = words[s].b->p, steps[s].y = words[s].y->p;
        steps[s].s = words[s].s->f, steps[s].t = words[s].t->f;
    }
    ((wk_fused_kernel *)link->step.function)(n, steps, (int32_t)link->fused_count);
}

static void run_block(const wk_bound_chain *chain, int64_t n) {
    for (int32_t l = 0; l < chain->count; l++) {
        const wk_chain_link *link = &chain->links[l];
        if (link->fused_count > 0) {
            call_fused(chain, link, n);
        } else {
            link->n->i = n;
            link->step.call(link->step.function, link->step.words);
        }
        if (!chain->whole) advance(chain, link, n);
    }
}

/* Afterwards the words are again what they were before. */
void wk__chain_call(wk_any_function *function, const wk_word *words) {
    const wk_bound_chain *chain = (const wk_bound_chain *)(const void *)words;
    const int64_t n = chain->links[0].n->i, block = chain->whole ? n : WK__BLOCK;
    (void)function;
    for (int64_t done = 0; done < n; done += block) run_block(chain, n - done < block ? n - done : block);
    if (chain->whole) return;
    for (int32_t l = 0; l < chain->count; l++) {
        advance(chain, &chain->links[l], -n);
        chain->links[l].n->i = n;
    }
}

bool wk__chains_reserve(wk_bound *b, const wk_program *p) {
    int64_t links = 0;
    for (int64_t c = 0; c < p->chains.count; c++) links += WK_ITEMS(const wk_chain, p->chains)[c].count;
    enum { MOST_ADDRESSES = 3 };
    return wk__growing_reserve(&b->chains, p->chains.count, sizeof(wk_bound_chain)) &&
           wk__growing_reserve(&b->links, links, sizeof(wk_chain_link)) &&
           wk__growing_reserve(&b->advances, MOST_ADDRESSES * links, sizeof(wk_advance)) &&
           wk__growing_reserve(&b->fused, links, sizeof(wk_fused_step)) &&
           wk__growing_reserve(&b->fused_words, links, sizeof(wk_fused_words));
}

static bool is_block(const wk_program *p, const wk_formula *f) {
    return f->space == WK__LOCAL && WK_ITEMS(const wk_plan_family, p->families)[f->id].block >= 0;
}

/* Which addresses of a call move with the elements: not those of blocks, which are used anew. */
static void add_advances(wk_bound *b, const wk_program *p, int32_t c, wk_word *words) {
    const char *letters = wk__program_call(p, c)->noted.signature->letters;
    const int64_t nbytes = wk__program_call(p, c)->noted.dtype == WK_F32 ? 4 : 8;
    for (int32_t w = 1; letters[w] == 'w' || letters[w] == 'r'; w += 2)
        if (!is_block(p, &wk__formulas_at(p, c)[w]))
            *WK_PUSH(wk_advance, b->advances) = (wk_advance){&words[w], words[w + 1].i * nbytes};
}

/* ------------------------------------------------------------------------------------------------------- fusing --- */

/* Which kernel of fused.def it is, or -1. */
static int32_t fused_kernel(const wk_recorded_call *call) {
    const wk_kernels *table = wk__kernels_working();
#define WK_FUSED(name) \
    if (call->noted.function == (wk_any_function *)table->name[WK_F32]) return WK__FUSED_##name;
#include "kernel/fused.def"
    return -1;
}

static bool can_be_fused(const wk_program *p, int32_t c) {
    const char *letters = wk__program_call(p, c)->noted.signature->letters;
    const wk_formula *f = wk__formulas_at(p, c);
    if (wk__kernels_working()->fused == NULL || fused_kernel(wk__program_call(p, c)) < 0 || f[2].value.a != 1)
        return false;
    for (int32_t w = 3; letters[w] == 'r'; w += 2)
        if (f[w + 1].value.a != 0 && f[w + 1].value.a != 1) return false;
    return true;
}

/* Is what the call gives read by the next call at most, and gone then? */
static bool is_passed_on(const wk_program *p, int32_t c) {
    const wk_formula *y = &wk__formulas_at(p, c)[1];
    if (!is_block(p, y)) return false;
    const wk_plan_family *family = &WK_ITEMS(const wk_plan_family, p->families)[y->id];
    return family->made_by == c && family->needed_until <= c + 1;
}

static wk_fused_input input_from(const wk_formula *address, const wk_formula *before) {
    if (address[1].value.a == 0) return WK__FUSED_ONE;
    return before != NULL && wk__same_place(address, before) ? WK__FUSED_BEFORE : WK__FUSED_ELEMENTS;
}

/* before: where the step before leaves what it gives, or NULL. */
static void add_fused(wk_bound *b, const wk_program *p, int32_t c, const wk_formula *before, bool passed_on) {
    const wk_recorded_call *call = wk__program_call(p, c);
    const wk_word *words = WK_ITEMS(const wk_word, b->words) + call->first_word;
    const wk_formula *f = wk__formulas_at(p, c);
    const char *letters = call->noted.signature->letters;
    const bool pair = letters[5] == 'r', number = letters[5] == 'f';
    *WK_PUSH(wk_fused_words, b->fused_words) = (wk_fused_words){
        .a = &words[3],
        .b = pair ? &words[5] : &nothing,
        .y = passed_on ? &nothing : &words[1],
        .s = number ? &words[5] : &nothing,
        .t = number && letters[6] == 'f' ? &words[6] : &nothing,
    };
    *WK_PUSH(wk_fused_step, b->fused) = (wk_fused_step){
        .kernel = fused_kernel(call),
        .from_a = input_from(&f[3], before),
        .from_b = pair ? input_from(&f[5], before) : WK__FUSED_BEFORE,
    };
}

/* Adds the link of calls [c, end), which are fused if there are several. */
static void add_link(wk_bound *b, const wk_program *p, int32_t c, int32_t end) {
    const wk_recorded_call *call = wk__program_call(p, c);
    wk_word *words = WK_ITEMS(wk_word, b->words) + call->first_word;
    wk_chain_link link = {
        .step = {call->noted.signature->call, call->noted.function, words, false},
        .n = words,
        .first_advance = b->advances.count,
        .first_fused = b->fused.count,
    };
    for (int32_t d = c; d < end; d++)
        add_advances(b, p, d, WK_ITEMS(wk_word, b->words) + wk__program_call(p, d)->first_word);
    for (int32_t d = c; d < end && end - c > 1; d++)
        add_fused(b, p, d, d > c ? &wk__formulas_at(p, d - 1)[1] : NULL, d + 1 < end && is_passed_on(p, d));
    link.advance_count = b->advances.count - link.first_advance;
    link.fused_count = b->fused.count - link.first_fused;
    if (link.fused_count > 0) link.step.function = (wk_any_function *)wk__kernels_working()->fused;
    *WK_PUSH(wk_chain_link, b->links) = link;
}

/* One link that needs no block in memory has no reason to stop after one. */
static bool is_whole(const wk_bound_chain *bound, const wk_program *p, const wk_chain *chain) {
    if (bound->count > 1) return false;
    const wk_fused_words *words = bound->fused_words + bound->links[0].first_fused;
    for (int32_t k = 0; k < chain->count; k++)
        if (words[k].y != &nothing && is_block(p, &wk__formulas_at(p, chain->first + k)[1])) return false;
    return true;
}

bool wk__chain_bind(wk_bound *b, const wk_program *p, const wk_chain *chain) {
    wk_bound_chain *bound = WK_PUSH(wk_bound_chain, b->chains);
    *bound = (wk_bound_chain){
        .links = WK_ITEMS(wk_chain_link, b->links) + b->links.count,
        .advances = WK_ITEMS(wk_advance, b->advances),
        .fused = WK_ITEMS(wk_fused_step, b->fused),
        .fused_words = WK_ITEMS(wk_fused_words, b->fused_words),
    };
    for (int32_t c = chain->first, end; c < chain->first + chain->count; c = end, bound->count++) {
        end = c + 1;
        while (can_be_fused(p, c) && end < chain->first + chain->count && can_be_fused(p, end)) end++;
        add_link(b, p, c, end);
    }
    bound->whole = is_whole(bound, p, chain);
    wk_bound_step *step = WK_PUSH(wk_bound_step, b->steps);
    if (step != NULL) *step = (wk_bound_step){wk__chain_call, NULL, (const wk_word *)(const void *)bound, false};
    return step != NULL;
}
