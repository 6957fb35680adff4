/* ops.c -- `wick ops`: the table of operations, as lines or as JSON. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <wick.h>

#include "commands.h"

static const char *kind_name(char kind) {
    switch (kind) {
    case WK_ATTR_INT: return "int";
    case WK_ATTR_BOOL: return "bool";
    case WK_ATTR_DTYPE: return "dtype";
    case WK_ATTR_REDUCTION: return "reduction";
    case WK_ATTR_FLOAT: return "float";
    case WK_ATTR_DIMS: return "dims";
    default: return "string";
    }
}

/* The words of names, put between quotes where the list is JSON. Returns how wide they are, as what follows does. */
static int print_words(const char *names, bool json) {
    int width = 0;
    for (const char *at = names; *at != '\0';) {
        const int length = (int)strcspn(at, " ");
        width += printf(json ? "%s\"%.*s\"" : "%s%.*s", at == names ? "" : ", ", length, at);
        at += length + (at[length] == ' ');
    }
    return width;
}

static int print_attrs(const wk_op *op, bool json) {
    int width = 0;
    for (int32_t i = 0; i < wk_op_attr_count(op); i++) {
        char kind;
        const char *name = wk_op_attr_name(op, i, &kind), *of_kind = kind_name(kind), *comma = i == 0 ? "" : ", ";
        if (json)
            width += printf("%s{\"name\": \"%s\", \"kind\": \"%s\"}", comma, name, of_kind);
        else if (strcmp(name, of_kind) == 0)
            width += printf("%s%s", comma, name); /* "dims" tells both */
        else
            width += printf("%s%s %s", comma, of_kind, name);
    }
    return width;
}

/* "softmax(x; int dim)": the inputs, and the attributes behind a semicolon. */
static int print_signature(const wk_op *op) {
    const int32_t inputs = wk_op_input_count(op), outputs = wk_op_output_count(op);
    int width = printf("%s(", wk_op_name(op)) + print_words(wk_op_input_names(op), false);
    if (inputs < 0) width += printf(" ...");
    if (inputs != 0 && wk_op_attr_count(op) > 0) width += printf("; ");
    width += print_attrs(op, false) + printf(")");
    if (outputs > 1) width += printf(" -> %d outputs", (int)outputs);
    return width;
}

/* The element types that the inputs may have, as a list between quotes, or in a word if there is one for them. */
static void print_types(const wk_op *op, bool json) {
    enum { FLOATING = 1 << WK_F32 | 1 << WK_F64 | 1 << WK_F16 | 1 << WK_BF16, ANY = (1 << WK_DTYPE_COUNT) - 1 };
    uint32_t types = 0;
    for (wk_dtype d = 0; d < WK_DTYPE_COUNT; d++) types |= (uint32_t)wk_op_takes(op, d) << d;
    const char *word = types == ANY                        ? "any type"
                       : types == (ANY & ~(1u << WK_BOOL)) ? "numbers"
                       : types == FLOATING                 ? "floating"
                                                           : NULL;
    const char *between = "";
    if (word != NULL && !json) printf("%s", word);
    for (wk_dtype d = 0; d < WK_DTYPE_COUNT && (json || word == NULL); d++) {
        if (!(types >> d & 1)) continue;
        printf(json ? "%s\"%s\"" : "%s%s", between, wk_dtype_name(d));
        between = json ? ", " : " ";
    }
}

/* The formula stands beside the signature, or below one that leaves it no room; behind it what types it is of. */
static void print_line(const wk_op *op) {
    enum { COLUMN = 46 };
    const int width = print_signature(op);
    if (width > COLUMN - 2)
        printf("\n%*s%s", COLUMN, "", wk_op_formula(op));
    else
        printf("%*s%s", COLUMN - width, "", wk_op_formula(op));
    if (wk_op_input_count(op) != 0) {
        printf("   [");
        print_types(op, false);
        printf("]");
    }
    printf("\n");
}

/* Formulas are plain text without quotes or backslashes; a test holds them to that. */
static void print_json(const wk_op *op, bool last) {
    printf("  {\"name\": \"%s\", \"formula\": \"%s\", \"inputs\": [", wk_op_name(op), wk_op_formula(op));
    print_words(wk_op_input_names(op), true);
    printf("], \"variadic\": %s, \"outputs\": %d, \"attributes\": [", wk_op_input_count(op) < 0 ? "true" : "false",
           (int)wk_op_output_count(op));
    print_attrs(op, true);
    printf("], \"dtypes\": [");
    print_types(op, true);
    printf("]}%s\n", last ? "" : ",");
}

static int print_all(bool json) {
    if (json) printf("[\n");
    for (int32_t i = 0; i < wk_op_count(); i++) {
        if (json) print_json(wk_op_at(i), i + 1 == wk_op_count());
        else print_line(wk_op_at(i));
    }
    if (json) printf("]\n");
    return DONE;
}

static int print_named(int count, char **names, bool json) {
    for (int i = 0; i < count; i++)
        if (wk_op_find(names[i]) == NULL) return misused("ops", "there is no operation", names[i]);
    if (json) printf("[\n");
    for (int i = 0; i < count; i++) {
        if (json) print_json(wk_op_find(names[i]), i + 1 == count);
        else print_line(wk_op_find(names[i]));
    }
    if (json) printf("]\n");
    return DONE;
}

int command_ops(int argc, char **argv) {
    const bool json = argc > 0 && strcmp(argv[0], "--json") == 0;
    argc -= json, argv += json;
    for (int i = 0; i < argc; i++)
        if (argv[i][0] == '-') return misused("ops", "there is no option", argv[i]);
    return argc == 0 ? print_all(json) : print_named(argc, argv, json);
}
