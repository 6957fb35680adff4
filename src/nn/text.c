/* text.c -- a tree of modules as text, laid out as PyTorch's print(module). */
#include <stdarg.h>
#include <stdio.h>

#include "nn/module.h"

/* Writes as far as there is room, and counts on. */
typedef struct writer {
    char *text;
    size_t nbytes, used;
} writer;

static WK_PRINTF(2, 3) void put(writer *w, const char *format, ...) {
    const size_t left = w->used < w->nbytes ? w->nbytes - w->used : 0;
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(left > 0 ? w->text + w->used : NULL, left, format, arguments);
    va_end(arguments);
    if (length > 0) w->used += (size_t)length;
}

/*     Sequential(                     what a class says of a module stands in its parentheses, alone there when the
 *       (0): Tanh()                   module has no children
 *     )                                                                                                             */
static void put_module(writer *w, const wk_module *m, int indent) {
    char detail[256] = "";
    if (m->cls->describe != NULL) m->cls->describe(m, detail, sizeof detail);
    const bool has_lines = m->child_count > 0;
    put(w, "%s(", m->cls->name);
    if (detail[0] != '\0' && has_lines) put(w, "\n%*s", indent + 2, "");
    put(w, "%s", detail);
    for (int32_t i = 0; i < m->child_count; i++) {
        put(w, "\n%*s(%s): ", indent + 2, "", m->children[i]->name);
        put_module(w, m->children[i], indent + 2);
    }
    if (has_lines) put(w, "\n%*s", indent, "");
    put(w, ")");
}

size_t wk_module_to_text(const wk_module *m, char *text, size_t nbytes) {
    writer w = {.text = text, .nbytes = text != NULL ? nbytes : 0};
    put(&w, "%s", "");
    if (m != NULL) put_module(&w, m, 0);
    return w.used;
}
