/* normal.h -- the constants of the functions that normal numbers in f32 are made with: Moshier's in single precision
 * (Cephes), as PyTorch's AVX2 variant has them. */
#ifndef WK_KERNEL_NORMAL_H
#define WK_KERNEL_NORMAL_H

/* log(1 + x) = x - x^2 / 2 + x^3 (c0 x^8 + ... + c8); log 2 in two parts. */
#define WK_NORMAL_LOG                                                                                           \
    { 7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,              \
      -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f }
#define WK_NORMAL_LOG2_HIGH 0.693359375f
#define WK_NORMAL_LOG2_LOW -2.12194440e-4f

/* sin x = x + x^3 (c0 x^4 + c1 x^2 + c2), cos x = 1 - x^2 / 2 + x^4 (...); 4 / pi, and -pi / 4 in three parts. */
#define WK_NORMAL_SIN {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f}
#define WK_NORMAL_COS {2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f}
#define WK_NORMAL_OCTANTS 1.27323954473516f
#define WK_NORMAL_QUARTER_1 -0.78515625f
#define WK_NORMAL_QUARTER_2 -2.4187564849853515625e-4f
#define WK_NORMAL_QUARTER_3 -3.77489497744594108e-8f
#define WK_NORMAL_TWO_PI 6.283185307179586476925286766559f

#endif
