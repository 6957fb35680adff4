/* words.h -- arrays among the words of a noted call (NOTE [Capture] in base/capture.h): for what a plan makes again
 * as a whole, with its inputs and outputs, because it is not made of kernels or looks at elements.
 *
 *     | data | 1 + type + ndim * 16, or 0: there is none | dims (8) | strides (8) |
 *
 * Dimensions and strides are words of their own, so that they may grow with the trips of a plan. */
#ifndef WK_TENSOR_WORDS_H
#define WK_TENSOR_WORDS_H

#include "base/capture.h"
#include "tensor/array.h"

enum { WK__ARRAY_WORDS = 2 + 2 * WK_MAX_DIMS };
#define WK__NOTED_REST "nnnnnnnnnnnnnnnnn"
#define WK__NOTED_READ "r" WK__NOTED_REST
#define WK__NOTED_WRITE "w" WK__NOTED_REST
#define WK__NOTED_SHAPE "n" WK__NOTED_REST /* of an array whose data is NULL */
_Static_assert(sizeof WK__NOTED_READ == WK__ARRAY_WORDS + 1, "a letter for each word");

/* a: NULL for none. Returns the words behind it. */
wk_word *wk__words_of_array(wk_word *words, const wk_array *a);

/* The array in *a, or NULL. */
const wk_array *wk__array_of_words(const wk_word *words, wk_array *a);

/* Handles on `count` arrays, NULL where there is none, owned by the innermost scope. False when memory is out
 * (recorded). */
bool wk__tensors_of_words(const wk_word *words, struct wk_tensor **tensors, int32_t count);

#endif
