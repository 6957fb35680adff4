/* text.h -- the elements of an array as text. */
#ifndef WK_TENSOR_TEXT_H
#define WK_TENSOR_TEXT_H

#include "base/writer.h"
#include "tensor/array.h"
#include "wick/tensor.h"

/* Writes the elements in brackets, lines after the first indented by what has been written before, and returns where
 * the last line begins. */
size_t wk__write_elements(wk_writer *writer, const wk_array *a, const wk_text_options *options);

#endif
