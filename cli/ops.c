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

/* The words of names, put between quotes where the list is JSON. */
static void print_words(const char *names, bool json) {
    for (const char *at = names; *at != '\0';) {
        const int length = (int)strcspn(at, " ");
        printf(json ? "%s\"%.*s\"" : "%s%.*s", at == names ? "" : ", ", length, at);
        at += length + (at[length] == ' ');
    }
}

static void print_attrs(const wk_op *op, bool json) {
    for (int32_t i = 0; i < wk_op_attr_count(op); i++) {
        char kind;
        const char *name = wk_op_attr_name(op, i, &kind);
        printf(json ? "%s{\"name\": \"%s\", \"kind\": \"%s\"}" : "%s%s %s", i == 0 ? "" : ", ",
               json ? name : kind_name(kind), json ? kind_name(kind) : name);
    }
}

static void print_line(const wk_op *op) {
    const bool variadic = wk_op_input_count(op) < 0;
    printf("%-20s  %s\n%-20s    (", wk_op_name(op), wk_op_formula(op), "");
    print_words(wk_op_input_names(op), false);
    if (variadic) printf(" ...");
    if (wk_op_attr_count(op) > 0) printf(wk_op_input_count(op) == 0 ? "" : "; ");
    print_attrs(op, false);
    printf(")");
    if (wk_op_output_count(op) > 1) printf(" -> %d outputs", (int)wk_op_output_count(op));
    printf("\n");
}

/* Formulas are plain text without quotes or backslashes; a test holds them to that. */
static void print_json(const wk_op *op, bool last) {
    printf("  {\"name\": \"%s\", \"formula\": \"%s\", \"inputs\": [", wk_op_name(op), wk_op_formula(op));
    print_words(wk_op_input_names(op), true);
    printf("], \"variadic\": %s, \"outputs\": %d, \"attributes\": [", wk_op_input_count(op) < 0 ? "true" : "false",
           (int)wk_op_output_count(op));
    print_attrs(op, true);
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
