/* convert.c -- see convert.h. An element is carried from one type to the other as a double, which holds every floating
 * number, or as an int64_t, which holds every whole one. convert.inc is included once per type and makes the
 * conversions from it. */
#include "kernel/convert.h"

#include "kernel/half.h"

static inline int64_t same_whole(int64_t v) { return v; }

/* Between a half and another type, by way of f32 as convert.h says, a piece at a time. */
static void by_way_of_f32(wk_dtype from, wk_dtype to, int64_t n, void *y, const void *x) {
    enum { PIECE = 256 };
    float room[PIECE];
    const int64_t y_nbytes = (int64_t)wk_dtype_nbytes(to), x_nbytes = (int64_t)wk_dtype_nbytes(from);
    for (int64_t i = 0; i < n; i += PIECE) {
        const int64_t count = n - i < PIECE ? n - i : PIECE;
        wk__convert[from][WK_F32](count, room, 1, (const char *)x + i * x_nbytes, 1);
        wk__convert[WK_F32][to](count, (char *)y + i * y_nbytes, 1, room, 1);
    }
}

/* How many of the first elements have been converted by vectors. */
static int64_t converted(wk_dtype from, wk_dtype to, int64_t n, void *y, const void *x) {
    enum { FEW = 8 };
    wk_convert_kernel *const kernel = wk__kernels_working()->convert;
    if (n < FEW || kernel == NULL || from == to) return 0;
    if (from == WK_F32 || to == WK_F32) return kernel(from, to, n, y, x);
    const bool half = from == WK_F16 || from == WK_BF16 || to == WK_F16 || to == WK_BF16;
    if (half) by_way_of_f32(from, to, n, y, x);
    return half ? n : 0;
}

#define WHOLE(v) _Generic((v), double: wk__whole_of, int64_t: same_whole)(v)

#define TO_f32(v) (float)(v)
#define TO_f64(v) (double)(v)
#define TO_i64(v) WHOLE(v)
#define TO_i32(v) (int32_t) WHOLE(v)
#define TO_u8(v) (uint8_t) WHOLE(v)
#define TO_bool(v) ((v) != 0)
#define TO_f16(v) wk__f16_of((float)(v))
#define TO_bf16(v) wk__bf16_of((float)(v))

#define from_name f32
#define from_dtype WK_F32
#define from_type float
#define CARRIED(x) (double)(x)
#include "kernel/convert.inc"

#define from_name f64
#define from_dtype WK_F64
#define from_type double
#define CARRIED(x) (x)
#include "kernel/convert.inc"

#define from_name i64
#define from_dtype WK_I64
#define from_type int64_t
#define CARRIED(x) (x)
#include "kernel/convert.inc"

#define from_name i32
#define from_dtype WK_I32
#define from_type int32_t
#define CARRIED(x) (int64_t)(x)
#include "kernel/convert.inc"

#define from_name u8
#define from_dtype WK_U8
#define from_type uint8_t
#define CARRIED(x) (int64_t)(x)
#include "kernel/convert.inc"

#define from_name truth
#define from_dtype WK_BOOL
#define from_type uint8_t
#define CARRIED(x) (int64_t)((x) != 0)
#include "kernel/convert.inc"

#define from_name f16
#define from_dtype WK_F16
#define from_type uint16_t
#define CARRIED(x) (double)wk__f16_value(x)
#include "kernel/convert.inc"

#define from_name bf16
#define from_dtype WK_BF16
#define from_type uint16_t
#define CARRIED(x) (double)wk__bf16_value(x)
#include "kernel/convert.inc"

#define SLOT(from, NAME, name, type, category) [WK_##NAME] = from##_to_##name,

wk_unary_loop *const wk__convert[WK_DTYPE_COUNT][WK_DTYPE_COUNT] = {
    [WK_F32] = {WK_DTYPES(SLOT, f32)},   [WK_F64] = {WK_DTYPES(SLOT, f64)}, [WK_I64] = {WK_DTYPES(SLOT, i64)},
    [WK_I32] = {WK_DTYPES(SLOT, i32)},   [WK_U8] = {WK_DTYPES(SLOT, u8)},   [WK_BOOL] = {WK_DTYPES(SLOT, truth)},
    [WK_F16] = {WK_DTYPES(SLOT, f16)},   [WK_BF16] = {WK_DTYPES(SLOT, bf16)},
};
