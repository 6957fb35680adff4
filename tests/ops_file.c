/* ops_file.c -- see ops_file.h. */
#include "ops_file.h"

#include <stdlib.h>
#include <string.h>

static void array_free(ops_array *a) { free(a->values); }

static void case_free(ops_case *c) {
    for (int i = 0; i < OPS_MAX_INPUTS; i++) {
        array_free(&c->inputs[i]);
        array_free(&c->gradients[i]);
        array_free(&c->weights[i]);
        array_free(&c->seconds[i]);
    }
    for (int k = 0; k < OPS_MAX_OUTPUTS; k++) {
        array_free(&c->outputs[k]);
        array_free(&c->cotangents[k]);
    }
}

void ops_file_free(ops_case *cases, int64_t count) {
    for (int64_t i = 0; i < count; i++) case_free(&cases[i]);
    free(cases);
}

static bool read_integer(FILE *file, int64_t *value) {
    long long number;
    const bool fine = fscanf(file, "%lld", &number) == 1;
    *value = fine ? number : 0;
    return fine;
}

/* NDIM DIM*NDIM VALUE*numel, or "absent". */
static bool read_array(FILE *file, ops_array *a) {
    char word[64];
    if (fscanf(file, "%63s", word) != 1) return false;
    if (strcmp(word, "absent") == 0) return true;
    a->present = true;
    a->ndim = (int32_t)strtol(word, NULL, 10);
    if (a->ndim < 0 || a->ndim > WK_MAX_DIMS) return false;
    a->numel = 1;
    for (int32_t d = 0; d < a->ndim; d++) {
        if (!read_integer(file, &a->dims[d])) return false;
        a->numel *= a->dims[d];
    }
    a->values = calloc((size_t)a->numel + 1, sizeof *a->values);
    for (int64_t i = 0; a->values != NULL && i < a->numel; i++) {
        if (fscanf(file, "%63s", word) != 1) return false;
        a->values[i] = strtod(word, NULL);
    }
    return a->values != NULL;
}

/* NAME i INTEGER, NAME f REAL, or NAME d COUNT INTEGER*COUNT. */
static bool read_attribute(FILE *file, ops_case *c) {
    const int32_t at = c->attr_count++;
    char kind, word[64];
    if (at == OPS_MAX_ATTRS || fscanf(file, "%15s %c", c->attr_names[at], &kind) != 2) return false;
    wk_attr *attr = &c->attrs[at];
    attr->name = NULL; /* set when the case has come to its final place */
    if (kind == 'i') return read_integer(file, &attr->i);
    if (kind == 'f') {
        if (fscanf(file, "%63s", word) != 1) return false;
        attr->f = strtod(word, NULL);
        return true;
    }
    if (kind != 'd' || fscanf(file, "%d", &attr->n) != 1 || attr->n > WK_MAX_DIMS) return false;
    for (int32_t d = 0; d < attr->n; d++)
        if (!read_integer(file, &c->attr_dims[at][d])) return false;
    return true;
}

/* The next free place of an array of inputs: gradients and the like have none for absent inputs. */
static ops_array *next_present(const ops_case *c, ops_array *arrays) {
    for (int32_t i = 0; i < c->in_count; i++)
        if (c->inputs[i].present && !arrays[i].present) return &arrays[i];
    return NULL;
}

static ops_array *next_output(ops_array *arrays) {
    for (int32_t k = 0; k < OPS_MAX_OUTPUTS; k++)
        if (!arrays[k].present) return &arrays[k];
    return NULL;
}

/* Where the array of a line goes. */
static ops_array *place_of(ops_case *c, const char *word) {
    if (strcmp(word, "input") == 0) return c->in_count < OPS_MAX_INPUTS ? &c->inputs[c->in_count++] : NULL;
    if (strcmp(word, "output") == 0) return c->out_count++, next_output(c->outputs);
    if (strcmp(word, "cotangent") == 0) return next_output(c->cotangents);
    if (strcmp(word, "gradient") == 0) return next_present(c, c->gradients);
    if (strcmp(word, "weight") == 0) return next_present(c, c->weights);
    if (strcmp(word, "second") == 0) return c->has_second = true, next_present(c, c->seconds);
    return NULL;
}

/* What follows "case", up to "end". */
static bool read_case(FILE *file, ops_case *c) {
    char word[16];
    if (fscanf(file, "%31s %95s", c->op, c->label) != 2) return false;
    while (fscanf(file, "%15s", word) == 1) {
        if (strcmp(word, "end") == 0) return true;
        if (strcmp(word, "attribute") == 0) {
            if (!read_attribute(file, c)) return false;
            continue;
        }
        ops_array *place = place_of(c, word);
        if (place == NULL || fscanf(file, "%*s") != 0 || !read_array(file, place)) return false;
    }
    return false;
}

static void settle(ops_case *c) {
    for (int32_t a = 0; a < c->attr_count; a++) {
        c->attrs[a].name = c->attr_names[a];
        c->attrs[a].dims = c->attr_dims[a];
    }
}

ops_case *ops_file_read(const char *path, int64_t *count, const char **complaint) {
    FILE *file = fopen(path, "r");
    ops_case *cases = NULL;
    char word[16];
    bool fine = file != NULL && fscanf(file, "%*[^\n]") == 0; /* the first line is a comment */
    *count = 0;
    *complaint = file == NULL ? "the file cannot be read" : "the file ends in the middle, or has an unknown word";
    while (fine && fscanf(file, "%15s", word) == 1) {
        ops_case *larger = realloc(cases, (size_t)(*count + 1) * sizeof *cases);
        fine = larger != NULL && strcmp(word, "case") == 0;
        if (larger != NULL) cases = larger;
        if (!fine) break;
        memset(&cases[*count], 0, sizeof *cases);
        fine = read_case(file, &cases[(*count)++]);
    }
    if (file != NULL) fclose(file);
    for (int64_t i = 0; i < *count; i++) settle(&cases[i]);
    if (fine) return cases;
    ops_file_free(cases, *count);
    return NULL;
}
