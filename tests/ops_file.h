/* ops_file.h -- reading tests/data/ops.txt: calls of operations with what PyTorch makes of them. tools/torch_ops.py writes
 * the file and tells its format. */
#ifndef WK_TESTS_OPS_FILE_H
#define WK_TESTS_OPS_FILE_H

#include <stdio.h>

#include "wick/ops.h"

enum { OPS_MAX_INPUTS = 8, OPS_MAX_OUTPUTS = 2, OPS_MAX_ATTRS = 4 };

typedef struct ops_array {
    bool present;
    int32_t ndim;
    int64_t dims[WK_MAX_DIMS], numel;
    double *values; /* row-major */
} ops_array;

/* L = sum over outputs of sum(cotangent * output);  gradient = dL/dinput;
 * g = sum over inputs of sum(weight * gradient);    second = dg/dinput, the cotangents held fixed. */
typedef struct ops_case {
    char op[32], label[96];
    int32_t attr_count, in_count, out_count;
    bool has_second;
    wk_attr attrs[OPS_MAX_ATTRS];
    char attr_names[OPS_MAX_ATTRS][16];
    int64_t attr_dims[OPS_MAX_ATTRS][WK_MAX_DIMS];
    ops_array inputs[OPS_MAX_INPUTS], gradients[OPS_MAX_INPUTS], weights[OPS_MAX_INPUTS], seconds[OPS_MAX_INPUTS];
    ops_array outputs[OPS_MAX_OUTPUTS], cotangents[OPS_MAX_OUTPUTS];
} ops_case;

/* Reads all cases of a file, *count of them. NULL, with *complaint telling why, when the file is not there or not right. */
ops_case *ops_file_read(const char *path, int64_t *count, const char **complaint);

/* NULL is allowed. */
void ops_file_free(ops_case *cases, int64_t count);

#endif
