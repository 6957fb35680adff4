/* ops_file.h -- reading tests/data/ops.txt, whose format tools/torch_ops.py tells. */
#ifndef WK_TESTS_OPS_FILE_H
#define WK_TESTS_OPS_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { OPS_MAX_INPUTS = 8, OPS_MAX_OUTPUTS = 2, OPS_MAX_ATTRS = 4, OPS_MAX_DIMS = 8 };

/* An array of the file; values NULL: absent. */
typedef struct ops_array {
    int ndim;
    int64_t dims[OPS_MAX_DIMS], numel;
    double *values;
    bool whole; /* integers: no gradient */
} ops_array;

typedef struct ops_attr {
    char name[32], kind; /* 'i', 'f' or 'd' */
    int64_t i;
    double f;
    int count;
    int64_t dims[OPS_MAX_DIMS];
} ops_attr;

typedef struct ops_case {
    char op[48], label[128];
    int attr_count, input_count, output_count;
    bool has_second;
    ops_attr attrs[OPS_MAX_ATTRS];
    ops_array input[OPS_MAX_INPUTS], gradient[OPS_MAX_INPUTS], weight[OPS_MAX_INPUTS], second[OPS_MAX_INPUTS];
    ops_array output[OPS_MAX_OUTPUTS], cotangent[OPS_MAX_OUTPUTS];
} ops_case;

/* Reads the next case; false at the end of the file, or where it is not what it should be (then `broken` says
 * where). */
bool ops_case_read(FILE *file, ops_case *c, const char **broken);
void ops_case_free(ops_case *c);

#endif
