/* test_kernels.c -- every kernel of every table that this machine runs, over many lengths, shapes and strides.
 *
 * Element-wise kernels are compared bit for bit with the formula evaluated here, tanh with libm's in double, sums and
 * products with sums in double, the RNN with the reference in double; the reference's RNN gradients are compared with
 * central differences. Buffers end at a page that may not be touched and begin behind a guard zone; outputs that must
 * not be read are NaN beforehand. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <tgmath.h>
#undef I

#include "base/capture.h"
#include "kernel/blas.h"
#include "kernel/convert.h"
#include "kernel/gemm_work.h"
#include "kernel/kernel.h"

#include "kernels/support.inc"
#include "kernels/elementwise.inc"
#include "kernels/index.inc"
#include "kernels/reduce.inc"
#include "kernels/fibres.inc"
#include "kernels/lanes.inc"
#include "kernels/normal.inc"
#include "kernels/tanh.inc"
#include "kernels/math.inc"
#include "kernels/fused.inc"
#include "kernels/gemm.inc"
#include "kernels/f64.inc"
#include "kernels/f64_math.inc"
#include "kernels/recurrent.inc"
#include "kernels/layer_norm.inc"
#include "kernels/optim.inc"
#include "kernels/types.inc"
#include "kernels/truths.inc"

static void test_table_complete(void) {
#define HAS_FLOAT(name) (table->name[WK_F32] && table->name[WK_F64])
#define HAS(kernel, NAME, name, ctype, category) &&table->kernel[WK_##NAME]
#define HAS_PLAIN HAS_FLOAT
#define HAS_ANY(kernel) (true WK_DTYPES(HAS, kernel))
#define HAS_UNLESS_HALF(kernel, NAME, name, ctype, category) &&(WK_##NAME >= WK_F16 || table->kernel[WK_##NAME])
#define HAS_NUMBER(kernel) (true WK_DTYPES(HAS_UNLESS_HALF, kernel))
#define HAS_PLAIN_NUMBER HAS_NUMBER
#define HAS_MOVE HAS_ANY
#define HAS_PLAIN_MOVE HAS_ANY
#define WK_KERNEL(name, type, dtypes) CHECK(HAS_##dtypes(name), "%s has empty slots", #name);
#include "kernel/kernels.def"
#undef WK_KERNEL
}

static void test_table(const char *data) {
    test_table_complete();
    test_elementwise();
    test_in_place();
    test_fill_and_i64();
    test_index();
    test_inside();
    test_repeated_outputs();
    test_tanh_accuracy();
    test_tanh_special();
    test_tanh_position();
    test_map_accuracy();
    test_umath(data);
    test_map_gradients();
    test_map_layouts();
    test_pairs();
    test_powers();
    test_smooth_l1();
    test_fused();
    test_reductions();
    test_reduction_of_nan();
    test_fold_sum();
    test_fibres();
    test_lanes();
    test_all_running();
    test_prod_grads();
    test_box_muller();
    test_gemm();
    test_gemm_packed();
    test_outers();
    test_f64_products();
    test_f64_sums();
    test_f64_extremes();
    test_f64_functions();
    test_f64_far_gradients();
    test_f64_powers();
    test_f64_powers_by_hand();
    test_recurrent();
    test_layer_norm();
    test_adam();
    test_sgd();
    test_whole_arithmetic();
    test_folds_of_columns();
    test_halves();
    test_vector_conversions();
    test_conversions_of_runs();
    test_truths();
    test_rmsprop();
}

/* test_kernels [DATA [TABLE]] */
int main(int argc, char **argv) {
#define NAME(isa) #isa,
    static const char *const isas[] = {WK_KERNEL_TABLES(NAME)};
#undef NAME
    make_slots();
    table = &wk__kernels_ref;
    test_adam_reference();
    test_sgd_reference();
    test_conversions();
    test_all_conversions();
    test_rmsprop_reference();
    CHECK(!wk__kernels_select("no such table"), "an unknown table was selected");
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        if (argc > 2 && strcmp(isas[i], argv[2]) != 0) continue;
        if (!wk__kernels_select(isas[i])) {
            printf("%s: not on this machine or not in this build, not tested\n", isas[i]);
            continue;
        }
        table = wk__kernels;
        CHECK(strcmp(table->isa, isas[i]) == 0, "asked for %s", isas[i]);
        test_table(argc > 1 ? argv[1] : "tests/data");
    }
    printf("%ld passed, %ld failed\n", passed, failed);
    return failed != 0;
}
