/* text.c -- a tree of modules as text, laid out as PyTorch's print(module). */
#include "base/writer.h"
#include "nn/module.h"

/*     Sequential(                     what a class says of a module stands in its parentheses, alone there when the
 *       (0): Tanh()                   module has no children
 *     )                                                                                                             */
static void put_module(wk_writer *w, const wk_module *m, int indent) {
    char detail[256] = "";
    if (m->cls->describe != NULL) m->cls->describe(m, detail, sizeof detail);
    const bool has_lines = m->child_count > 0;
    wk__write(w, "%s(", m->cls->name);
    if (detail[0] != '\0' && has_lines) wk__write(w, "\n%*s", indent + 2, "");
    wk__write(w, "%s", detail);
    for (int32_t i = 0; i < m->child_count; i++) {
        wk__write(w, "\n%*s(%s): ", indent + 2, "", m->children[i]->name);
        put_module(w, m->children[i], indent + 2);
    }
    if (has_lines) wk__write(w, "\n%*s", indent, "");
    wk__write(w, ")");
}

size_t wk_module_to_text(const wk_module *m, char *text, size_t nbytes) {
    wk_writer w = wk__writer(text, nbytes);
    if (m != NULL) put_module(&w, m, 0);
    return w.used;
}
