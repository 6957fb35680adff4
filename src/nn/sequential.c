/* sequential.c -- modules one after another: y = m_n(... m_1(m_0(x))). */
#include "grad/scope.h"
#include "nn/module.h"
#include "wick/layers.h"

/* What a module makes besides its result goes when it is done. */
static wk_tensor *forward_one(wk_module *m, wk_tensor *x) {
    WK_SCOPE;
    return wk_yield(wk_forward(m, x));
}

/* Nobody but the next module has seen x, so it goes when that is done; what the graph needs of it, the graph keeps. But
 * not when y is a view of it, which may be written yet, nor when somebody took it to a scope outside. */
static void let_go(wk_tensor *x, const wk_tensor *y) {
    if (x != NULL && y != NULL && x->storage != y->storage && x->depth == wk__ctx()->depth) wk_drop(x);
}

static wk_tensor *forward(wk_module *m, wk_tensor *x) {
    const int32_t count = wk_module_child_count(m);
    if (count == 0) return x;
    WK_SCOPE;
    wk_tensor *y = forward_one(wk_module_child_at(m, 0), x);
    for (int32_t i = 1; i < count && y != NULL; i++) {
        wk_tensor *before = y;
        y = forward_one(wk_module_child_at(m, i), before);
        if (before != x) let_go(before, y);
    }
    return wk_yield(y);
}

const wk_module_class wk__sequential_class = {
    .size = sizeof(wk_module_class), .name = "Sequential", .forward = forward,
};

wk_module *wk_sequential_new(wk_module *parent, const char *name) {
    return wk__module_new(parent, name, &wk__sequential_class, "sequential_new");
}
