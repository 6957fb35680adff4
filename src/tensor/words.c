/* words.c -- see words.h. */
#include "tensor/words.h"

#include <string.h>

#include "tensor/tensor.h"

enum { NDIM_UNIT = 16 };
_Static_assert((int)WK_DTYPE_COUNT < (int)NDIM_UNIT, "type and number of dimensions share a word");

wk_word *wk__words_of_array(wk_word *words, const wk_array *a) {
    memset(words, 0, WK__ARRAY_WORDS * sizeof *words);
    if (a == NULL) return words + WK__ARRAY_WORDS;
    words[0].p = a->data;
    words[1].i = 1 + a->dtype + a->ndim * NDIM_UNIT;
    for (int32_t d = 0; d < a->ndim; d++) {
        words[2 + d].i = a->dims[d];
        words[2 + WK_MAX_DIMS + d].i = a->strides[d];
    }
    return words + WK__ARRAY_WORDS;
}

const wk_array *wk__array_of_words(const wk_word *words, wk_array *a) {
    if (words[1].i == 0) return NULL;
    a->data = words[0].p;
    a->dtype = (wk_dtype)((words[1].i - 1) % NDIM_UNIT);
    a->ndim = (int32_t)((words[1].i - 1) / NDIM_UNIT);
    a->numel = 1;
    for (int32_t d = 0; d < a->ndim; d++) {
        a->numel *= a->dims[d] = words[2 + d].i;
        a->strides[d] = words[2 + WK_MAX_DIMS + d].i;
    }
    return a;
}

bool wk__tensors_of_words(const wk_word *words, wk_tensor **tensors, int32_t count) {
    for (int32_t i = 0; i < count; i++, words += WK__ARRAY_WORDS) {
        wk_array a;
        tensors[i] = NULL;
        if (wk__array_of_words(words, &a) == NULL) continue;
        tensors[i] = wk_wrap(a.data, a.ndim, a.dims, a.dtype, NULL, NULL);
        if (tensors[i] == NULL) return false;
        tensors[i]->a = a;
        if (!wk__array_is_contiguous(&a)) tensors[i]->flags &= (uint8_t)~WK__CONTIGUOUS;
    }
    return true;
}
