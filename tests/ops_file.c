/* ops_file.c -- see ops_file.h. */
#include "ops_file.h"

#include <stdlib.h>
#include <string.h>

typedef struct names {
    char input[OPS_MAX_INPUTS][32], output[OPS_MAX_OUTPUTS][32];
} names;

static bool read_array(FILE *file, ops_array *a) {
    char word[64];
    long long dim;
    *a = (ops_array){.numel = 1};
    if (fscanf(file, "%63s", word) != 1) return false;
    if (strcmp(word, "absent") == 0) return true;
    a->ndim = atoi(word);
    for (int d = 0; d < a->ndim && d < OPS_MAX_DIMS; d++) {
        if (fscanf(file, "%lld", &dim) != 1) return false;
        a->dims[d] = dim;
        a->numel *= dim;
    }
    a->values = malloc((size_t)(a->numel + 1) * sizeof *a->values);
    for (int64_t i = 0; i < a->numel; i++)
        if (a->values == NULL || fscanf(file, "%63s", word) != 1) return false;
        else a->values[i] = strtod(word, NULL);
    return a->values != NULL;
}

static bool read_strides(FILE *file, ops_array *a) {
    long long stride;
    a->is_strided = true;
    for (int d = 0; d < a->ndim; a->strides[d++] = stride)
        if (fscanf(file, "%lld", &stride) != 1) return false;
    return true;
}

static bool read_whole_or_not(FILE *file, ops_array *a, bool whole) {
    const bool fine = read_array(file, a);
    a->whole = whole;
    return fine;
}

static bool read_attr(FILE *file, ops_attr *a) {
    long long number;
    memset(a, 0, sizeof *a);
    if (fscanf(file, "%31s %c", a->name, &a->kind) != 2) return false;
    if (a->kind == 'f') return fscanf(file, "%lf", &a->f) == 1;
    if (fscanf(file, "%lld", &number) != 1) return false;
    a->i = number;
    a->f = (double)number; /* a whole number may stand for any */
    if (a->kind == 'i') return true;
    a->count = (int)number;
    for (int d = 0; d < a->count && d < OPS_MAX_DIMS; d++) {
        if (fscanf(file, "%lld", &number) != 1) return false;
        a->dims[d] = number;
    }
    return true;
}

static int index_of(char (*list)[32], int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0) return i;
    return -1;
}

/* A line about an input or an output: "gradient NAME ARRAY" and so on. */
static bool read_about(FILE *file, ops_case *c, names *known, const char *word) {
    char name[32];
    if (fscanf(file, "%31s", name) != 1) return false;
    const bool index = strcmp(word, "index") == 0, indices = strcmp(word, "indices") == 0;
    if ((index || strcmp(word, "input") == 0) && c->input_count < OPS_MAX_INPUTS) {
        strcpy(known->input[c->input_count], name);
        return read_whole_or_not(file, &c->input[c->input_count++], index);
    }
    if ((indices || strcmp(word, "output") == 0) && c->output_count < OPS_MAX_OUTPUTS) {
        strcpy(known->output[c->output_count], name);
        return read_whole_or_not(file, &c->output[c->output_count++], indices);
    }
    const int out = index_of(known->output, c->output_count, name), in = index_of(known->input, c->input_count, name);
    if (strcmp(word, "type") == 0 && (in >= 0 || out >= 0))
        return fscanf(file, "%7s", in >= 0 ? c->input[in].type : c->output[out].type) == 1;
    if (strcmp(word, "cotangent") == 0 && out >= 0) return read_array(file, &c->cotangent[out]);
    if (in < 0) return false;
    if (strcmp(word, "strides") == 0) return read_strides(file, &c->input[in]);
    if (strcmp(word, "gradient") == 0) return read_array(file, &c->gradient[in]);
    if (strcmp(word, "weight") == 0) return read_array(file, &c->weight[in]);
    c->has_second = true;
    return strcmp(word, "second") == 0 && read_array(file, &c->second[in]);
}

bool ops_case_read(FILE *file, ops_case *c, const char **broken) {
    char word[32];
    names known;
    memset(c, 0, sizeof *c);
    *broken = NULL;
    while (fscanf(file, "%31s", word) == 1) {
        if (word[0] == '#') {
            if (fscanf(file, "%*[^\n]") < 0) return false;
        } else if (strcmp(word, "case") == 0) {
            if (fscanf(file, "%47s %127s", c->op, c->label) != 2) break;
        } else if (strcmp(word, "refused") == 0) {
            if (fscanf(file, "%127s", c->refused) != 1) break;
        } else if (strcmp(word, "end") == 0) {
            return true;
        } else if (strcmp(word, "attribute") == 0 && c->attr_count < OPS_MAX_ATTRS) {
            if (!read_attr(file, &c->attrs[c->attr_count++])) break;
        } else if (!read_about(file, c, &known, word)) {
            break;
        }
    }
    if (c->op[0] != '\0') *broken = c->op;
    return false;
}

void ops_case_attrs(const ops_case *c, wk_attr attrs[OPS_MAX_ATTRS]) {
    for (int a = 0; a < c->attr_count; a++)
        attrs[a] = (wk_attr){c->attrs[a].name, c->attrs[a].i, c->attrs[a].f, c->attrs[a].dims, c->attrs[a].count};
}

void ops_case_free(ops_case *c) {
    for (int i = 0; i < OPS_MAX_INPUTS; i++) {
        free(c->input[i].values);
        free(c->gradient[i].values);
        free(c->weight[i].values);
        free(c->second[i].values);
    }
    for (int k = 0; k < OPS_MAX_OUTPUTS; k++) {
        free(c->output[k].values);
        free(c->cotangent[k].values);
    }
}
