/* ops_file.h -- reading tests/data/ops.txt and opinfo/, whose format tools/torch_ops.py and torch_opinfo.py tell. */
#ifndef WK_TESTS_OPS_FILE_H
#define WK_TESTS_OPS_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "wick.h"

enum { OPS_MAX_INPUTS = 32, OPS_MAX_OUTPUTS = 2, OPS_MAX_ATTRS = 8, OPS_MAX_DIMS = 8 };

/* An array of the file, its values in row-major order; values NULL: absent. */
typedef struct ops_array {
    int ndim;
    int64_t dims[OPS_MAX_DIMS], numel;
    bool is_strided; /* the elements are to lie with these strides; else row-major */
    int64_t strides[OPS_MAX_DIMS];
    char type[8];                  /* "" for the floating type of the run */
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
    char refused[128]; /* why the call has to fail; "" when it must not */
    ops_attr attrs[OPS_MAX_ATTRS];
    ops_array input[OPS_MAX_INPUTS], gradient[OPS_MAX_INPUTS], weight[OPS_MAX_INPUTS], second[OPS_MAX_INPUTS];
    ops_array output[OPS_MAX_OUTPUTS], cotangent[OPS_MAX_OUTPUTS];
} ops_case;

/* Reads the next case; false at the end of the file, or where it is not what it should be (then `broken` says
 * where). */
bool ops_case_read(FILE *file, ops_case *c, const char **broken);
void ops_case_free(ops_case *c);

/* The attributes as wk_op_call takes them; they point into c. */
void ops_case_attrs(const ops_case *c, wk_attr attrs[OPS_MAX_ATTRS]);

#endif
