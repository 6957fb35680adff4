/* chain.c -- running chains (fuse.c): all links on one block of elements, then on the next. */
#include "plan/bound.h"

/* Takes the addresses of a link n elements on. */
static void advance(const wk_bound_chain *chain, const wk_chain_link *link, int64_t n) {
    const wk_advance *advances = chain->advances + link->first_advance;
    for (int64_t a = 0; a < link->advance_count; a++) advances[a].word->i += n * advances[a].element_nbytes;
}

static void run_block(const wk_bound_chain *chain, int64_t n) {
    for (int32_t l = 0; l < chain->count; l++) {
        const wk_chain_link *link = &chain->links[l];
        link->n->i = n;
        link->step.call(link->step.function, link->step.words);
        advance(chain, link, n);
    }
}

/* Afterwards the words are again what they were before. */
void wk__chain_call(wk_any_function *function, const wk_word *words) {
    const wk_bound_chain *chain = (const wk_bound_chain *)(const void *)words;
    const int64_t n = chain->links[0].n->i;
    (void)function;
    for (int64_t done = 0; done < n; done += WK__BLOCK) run_block(chain, n - done < WK__BLOCK ? n - done : WK__BLOCK);
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
           wk__growing_reserve(&b->advances, MOST_ADDRESSES * links, sizeof(wk_advance));
}

/* Which addresses of a call move with the elements: not those of blocks, which are used anew. */
static void add_advances(wk_bound *b, const wk_program *p, const wk_recorded_call *call, wk_word *words) {
    const char *letters = call->noted.signature->letters;
    const wk_formula *formulas = WK_ITEMS(const wk_formula, p->formulas) + call->first_word;
    const int64_t nbytes = call->noted.dtype == WK_F32 ? 4 : 8;
    for (int32_t w = 1; letters[w] == 'w' || letters[w] == 'r'; w += 2) {
        const wk_formula *f = &formulas[w];
        if (f->space == WK__LOCAL && WK_ITEMS(const wk_plan_family, p->families)[f->id].block >= 0) continue;
        *WK_PUSH(wk_advance, b->advances) = (wk_advance){&words[w], words[w + 1].i * nbytes};
    }
}

bool wk__chain_bind(wk_bound *b, const wk_program *p, const wk_chain *chain) {
    wk_bound_chain *bound = WK_PUSH(wk_bound_chain, b->chains);
    *bound = (wk_bound_chain){WK_ITEMS(wk_chain_link, b->links) + b->links.count, WK_ITEMS(wk_advance, b->advances),
                              chain->count};
    for (int32_t c = chain->first; c < chain->first + chain->count; c++) {
        const wk_recorded_call *call = &WK_ITEMS(const wk_recorded_call, p->calls)[c];
        wk_word *words = WK_ITEMS(wk_word, b->words) + call->first_word;
        const int64_t first = b->advances.count;
        add_advances(b, p, call, words);
        *WK_PUSH(wk_chain_link, b->links) = (wk_chain_link){
            {call->noted.signature->call, call->noted.function, words, false}, words, first, b->advances.count - first};
    }
    wk_bound_step *step = WK_PUSH(wk_bound_step, b->steps);
    if (step != NULL) *step = (wk_bound_step){wk__chain_call, NULL, (const wk_word *)(const void *)bound, false};
    return step != NULL;
}
