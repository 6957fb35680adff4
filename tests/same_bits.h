/* same_bits.h -- are the elements of two tensors, or the absences of both, the same to the bit? Any NaN is like any
 * other (NOTE [Two NaNs] in src/kernel/kernel.h). */
#ifndef WK_TESTS_SAME_BITS_H
#define WK_TESTS_SAME_BITS_H

#include "support.h"

static inline bool same_bits(wk_tensor *a, wk_tensor *b) {
    if (a == NULL || b == NULL) return a == b;
    WK_SCOPE;
    const int64_t count = wk_numel(a);
    const size_t size = wk_dtype_nbytes(wk_dtype_of(a));
    if (wk_dtype_of(b) != wk_dtype_of(a) || wk_numel(b) != count) return false;
    a = wk_reshape(wk_detach(a), WK_SHAPE(count)), b = wk_reshape(wk_detach(b), WK_SHAPE(count));
    const char *of_a = wk_data(wk_contiguous(a)), *of_b = wk_data(wk_contiguous(b));
    for (int64_t i = 0; i < count; i++, of_a += size, of_b += size)
        if (memcmp(of_a, of_b, size) != 0 && !(isnan(wk_get_f64(a, &i)) && isnan(wk_get_f64(b, &i)))) return false;
    return wk_ok();
}

#endif
