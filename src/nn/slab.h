/* slab.h -- places for parameters (NOTE [Slabs] in module.h). */
#ifndef WK_NN_SLAB_H
#define WK_NN_SLAB_H

#include "nn/module.h"

/* Finds a place for a parameter of this shape and makes its tensor (held, values zero) with room for its gradient.
 * False when memory is out. */
bool wk__slab_place(wk_module *root, wk_dtype dtype, int32_t ndim, const int64_t *dims, wk_parameter *p);

void wk__slab_free(wk_slab *slab);

#endif
