/* ops_file.c -- see ops_file.h. */
#include "ops_file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/convert.h"

/* -------------------------------------------------------------------------------------------------------- lines --- */

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

static bool read_attr(FILE *file, ops_attr *a) {
    long long number;
    memset(a, 0, sizeof *a);
    if (fscanf(file, "%31s %c", a->name, &a->kind) != 2) return false;
    if (a->kind == 's') return fscanf(file, "%63s", a->text) == 1;
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
    if (strcmp(word, "input") == 0 && c->input_count < OPS_MAX_INPUTS) {
        strcpy(known->input[c->input_count], name);
        return read_array(file, &c->input[c->input_count++]);
    }
    if (strcmp(word, "output") == 0 && c->output_count < OPS_MAX_OUTPUTS) {
        strcpy(known->output[c->output_count], name);
        return read_array(file, &c->output[c->output_count++]);
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

/* -------------------------------------------------------------------------------------------------------- cases --- */

/* Reads the next case; false at the end of the file, or where it is not what it should be: then c->op is not empty. */
static bool read_case(FILE *file, ops_case *c) {
    char word[32];
    names known;
    memset(c, 0, sizeof *c);
    while (fscanf(file, "%31s", word) == 1) {
        if (word[0] == '#') {
            if (fscanf(file, "%*[^\n]") < 0) return false;
        } else if (strcmp(word, "case") == 0) {
            if (fscanf(file, "%47s %127s", c->op, c->label) != 2) return false;
        } else if (strcmp(word, "refused") == 0) {
            if (fscanf(file, "%127s", c->refused) != 1) return false;
        } else if (strcmp(word, "end") == 0) {
            return true;
        } else if (strcmp(word, "attribute") == 0 && c->attr_count < OPS_MAX_ATTRS) {
            if (!read_attr(file, &c->attrs[c->attr_count++])) return false;
        } else if (!read_about(file, c, &known, word)) {
            return false;
        }
    }
    return false;
}

static void free_case(ops_case *c) {
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

static int each_case_of_file(const char *path, void (*each)(const ops_case *c, void *user), void *user) {
    ops_case c;
    int count = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL) return -1;
    for (; read_case(file, &c); free_case(&c), count++) each(&c, user);
    if (c.op[0] != '\0')
        printf("# %s: the case after %d, %s %s, cannot be read\n", path, count, c.op, c.label), count = -1;
    free_case(&c);
    fclose(file);
    return count;
}

static int is_text(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".txt") == 0;
}

int ops_each_case(const char *folder, const char *name, void (*each)(const ops_case *c, void *user), void *user) {
    char path[800], inner[1200];
    struct dirent **entries;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const int files = scandir(path, &entries, is_text, alphasort);
    if (files < 0) return each_case_of_file(path, each, user);
    int count = 0;
    for (int i = 0; i < files; i++) {
        snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        const int more = count < 0 ? -1 : each_case_of_file(inner, each, user);
        count = more < 0 ? -1 : count + more;
        free(entries[i]);
    }
    free(entries);
    return count;
}

/* ------------------------------------------------------------------------------------------------------ tensors --- */

wk_dtype ops_dtype(const ops_array *a, wk_dtype floating) {
    wk_dtype dtype = 0;
    if (ops_is_floating(a)) return floating;
    while (dtype < WK_DTYPE_COUNT && strcmp(wk_dtype_name(dtype), a->type) != 0) dtype++;
    return dtype;
}

bool ops_is_floating(const ops_array *a) { return a->type[0] == '\0'; }

wk_tensor *ops_tensor(const ops_array *a, wk_dtype floating) {
    const wk_dtype dtype = ops_dtype(a, floating);
    wk_tensor *t = wk_empty(a->ndim, a->dims, dtype);
    void *data = wk_data_mut(t);
    if (data != NULL) wk__convert[WK_F64][dtype](a->numel, data, 1, a->values, 1);
    return t;
}

void ops_values(const wk_tensor *t, double *values) {
    const wk_dtype dtype = wk_dtype_of(t);
    const size_t nbytes = (size_t)wk_numel(t) * wk_dtype_nbytes(dtype);
    void *elements = malloc(nbytes + 1);
    if (elements != NULL && wk_read(t, elements, nbytes) == WK_OK)
        wk__convert[dtype][WK_F64](wk_numel(t), values, 1, elements, 1);
    free(elements);
}

void ops_case_attrs(const ops_case *c, wk_attr attrs[OPS_MAX_ATTRS]) {
    for (int a = 0; a < c->attr_count; a++)
        attrs[a] = (wk_attr){c->attrs[a].name, c->attrs[a].i,     c->attrs[a].f,
                             c->attrs[a].dims, c->attrs[a].count, c->attrs[a].text};
}

wk_status ops_call(const ops_case *c, wk_tensor *const *in, wk_tensor **out) {
    wk_attr attrs[OPS_MAX_ATTRS];
    ops_case_attrs(c, attrs);
    return wk_op_call(wk_op_find(c->op), attrs, c->attr_count, in, c->input_count, out);
}
