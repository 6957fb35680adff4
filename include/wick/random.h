/* wick/random.h -- random numbers: the stream of PyTorch's CPU generator (mt19937), number for number.
 *
 * Each context has one generator. Numbers are drawn in the order of the calls, whatever runs later. Tensors of random
 * numbers (wk_rand, wk_randn, wk_uniform, wk_bernoulli, wk_exponential, wk_randint_tensor, wk_randperm, wk_multinomial)
 * are ops: see the end of ops.def. */
#ifndef WICK_RANDOM_H
#define WICK_RANDOM_H

#include "wick/tensor.h"

WK_BEGIN_DECLS

/* Starts the stream again from this seed. As in PyTorch, only its low 32 bits count. */
WK_API void wk_manual_seed(uint64_t seed);

/* The seed of the stream: the one that was set or, if none was, one taken from the operating system at the first
 * draw. */
WK_API uint64_t wk_initial_seed(void);

/* One integer from low to high - 1, drawn as torch.randint(low, high, (1,)). EINVAL unless low < high; then 0. */
WK_API int64_t wk_randint(int64_t low, int64_t high);

WK_END_DECLS

#endif
