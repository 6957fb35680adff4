/* sequential.c -- modules one after another: y = m_n(... m_1(m_0(x))). */
#include "nn/module.h"

static wk_tensor *forward(wk_module *m, wk_tensor *x) {
    for (int32_t i = 0; i < wk_module_child_count(m); i++) x = wk_forward(wk_module_child_at(m, i), x);
    return x;
}

const wk_module_class wk__sequential_class = {
    .size = sizeof(wk_module_class), .name = "Sequential", .forward = forward,
};

wk_module *wk_sequential_new(wk_module *parent, const char *name) {
    return wk_module_new_of(parent, name, &wk__sequential_class);
}
