/* ops_file.h -- reading tests/data/ops/, opinfo/ and modules.txt, whose format tools/oracle/text.py tells. */
#ifndef WK_TESTS_OPS_FILE_H
#define WK_TESTS_OPS_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "wick.h"

enum { OPS_MAX_INPUTS = 32, OPS_MAX_OUTPUTS = 3, OPS_MAX_ATTRS = 8, OPS_MAX_DIMS = 8 };

/* An array of the file, its values in row-major order; values NULL: absent. */
typedef struct ops_array {
    int ndim;
    int64_t dims[OPS_MAX_DIMS], numel;
    bool is_strided; /* the elements are to lie with these strides; else row-major */
    int64_t strides[OPS_MAX_DIMS];
    char type[8]; /* "" for the floating type of the run */
    double *values;
} ops_array;

typedef struct ops_attr {
    char name[32], kind; /* 'i', 'f', 'd' or 's' */
    char text[64];
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

/* Calls `each` with every case of FOLDER/NAME, a file or a folder of .txt files, and returns how many there were; -1
 * if a file is not what it should be, which is printed. */
int ops_each_case(const char *folder, const char *name, void (*each)(const ops_case *c, void *user), void *user);

/* The attributes as wk_op_call takes them; they point into c. */
void ops_case_attrs(const ops_case *c, wk_attr attrs[OPS_MAX_ATTRS]);

/* The element type of an array where the run's is `floating`; whether it is the run's. */
wk_dtype ops_dtype(const ops_array *a, wk_dtype floating);
bool ops_is_floating(const ops_array *a);

/* An array as a tensor, contiguous; the elements of a tensor in row-major order. */
wk_tensor *ops_tensor(const ops_array *a, wk_dtype floating);
void ops_values(const wk_tensor *t, double *values);

/* Calls an operation on the case's attributes; `in` has a tensor, or NULL, for each of its inputs. */
wk_status ops_call(const ops_case *c, wk_tensor *const *in, wk_tensor **out);

#endif
