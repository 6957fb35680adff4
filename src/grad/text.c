/* text.c -- a tensor as text: its elements (tensor/text.c), then what else is to be told of it.
 *
 *     tensor([1., 2.], dtype=torch.float64,     what does not fit into the line
 *            requires_grad=True)                begins the next one */
#include "tensor/text.h"

#include <inttypes.h>
#include <string.h>

#include "base/options.h"
#include "grad/tape.h"

static const char *const torch_names[WK_DTYPE_COUNT] = {
    [WK_F32] = "float32", [WK_F64] = "float64", [WK_I64] = "int64",   [WK_I32] = "int32",
    [WK_U8] = "uint8",    [WK_BOOL] = "bool",   [WK_F16] = "float16", [WK_BF16] = "bfloat16",
};

static const char prefix[] = "tensor(";

/* Adds ", key=value" where the line, which began at *line, has room for it, and else below it. */
static void add(wk_writer *w, size_t *line, int32_t linewidth, const char *suffix) {
    const int indent = (int)strlen(prefix);
    if ((int64_t)(w->used - *line + 2 + strlen(suffix) + 2) > linewidth) {
        wk__write(w, ",\n");
        *line = w->used + 2; /* so PyTorch counts */
        wk__write(w, "%*s%s", indent, "", suffix);
    } else {
        wk__write(w, ", %s", suffix);
    }
}

typedef struct suffix {
    char text[256];
} suffix;

/* "size=(2, 0)": of an empty tensor the brackets do not show it. */
static void size_text(suffix *s, const wk_array *a) {
    wk_writer w = wk__writer(s->text, sizeof s->text);
    for (int32_t d = 0; d < a->ndim; d++) wk__write(&w, "%s%" PRId64, d > 0 ? ", " : "size=(", a->dims[d]);
    wk__write(&w, ")");
}

/* "grad_fn=<LogSoftmaxBackward0>" of log_softmax. */
static void grad_fn_text(suffix *s, const char *op) {
    wk_writer w = wk__writer(s->text, sizeof s->text);
    wk__write(&w, "grad_fn=<");
    for (bool first = true; *op != '\0'; first = *op++ == '_') {
        const bool small = *op >= 'a' && *op <= 'z';
        if (*op != '_') wk__write(&w, "%c", first && small ? *op - 'a' + 'A' : *op);
    }
    wk__write(&w, "Backward0>");
}

/* What is to be told of its type and history; false: nothing. */
static bool type_text(suffix *s, const wk_array *a) {
    const bool shows = a->numel > 0 && (a->dtype == WK_I64 || a->dtype == WK_BOOL); /* the elements do */
    wk_writer w = wk__writer(s->text, sizeof s->text);
    wk__write(&w, "dtype=torch.%s", torch_names[a->dtype]);
    return a->dtype != WK_F32 && !shows;
}

static bool history_text(suffix *s, const wk_tensor *t) {
    wk_writer w = wk__writer(s->text, sizeof s->text);
    if (t->way.kind == WK__TO_NODE)
        grad_fn_text(s, t->node->op->name);
    else
        wk__write(&w, "%s", t->way.kind == WK__TO_LEAF ? "requires_grad=True" : "grad_fn=<cut>");
    return t->way.kind != WK__TO_NONE;
}

static void write_tensor(wk_writer *w, const wk_tensor *t, const wk_text_options *options) {
    wk__write(w, "%s", prefix);
    size_t line = wk__write_elements(w, &t->a, options);
    suffix s;
    if (t->a.numel == 0 && t->a.ndim > 1) size_text(&s, &t->a), add(w, &line, options->linewidth, s.text);
    if (type_text(&s, &t->a)) add(w, &line, options->linewidth, s.text);
    if (history_text(&s, t)) add(w, &line, options->linewidth, s.text);
    wk__write(w, ")");
}

static bool check_options(wk_text_options *options, const wk_text_options *given) {
    if (!wk__options(options, &(wk_text_options)WK_TEXT_OPTIONS, given, sizeof *options, "to_text")) return false;
    if (options->precision >= 0 && options->precision <= 100 && options->edgeitems >= 0) return true;
    wk__fail(wk__ctx(), WK_EINVAL, "to_text",
             "options ask for precision %" PRId32 " and edgeitems %" PRId32 ": they are 0 to 100, and at least 0",
             options->precision, options->edgeitems);
    return false;
}

size_t wk_to_text(const wk_tensor *t, char *text, size_t nbytes, const wk_text_options *options) {
    wk_writer w = wk__writer(text, nbytes);
    wk_text_options o;
    wk_ctx *ctx = wk__ctx();
    if (ctx == NULL || !check_options(&o, options)) return 0;
    if (t == NULL)
        wk__write(&w, "None");
    else if (!wk__capture_refuses(ctx, "to_text", "elements have no values yet") && wk__usable(ctx, t, "to_text", "t"))
        write_tensor(&w, t, &o);
    return w.used;
}
