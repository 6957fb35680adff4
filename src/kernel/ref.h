/* ref.h -- the reference kernels by name, wk__ref_<kernel>_<dtype>, declared from kernels.def. Tables of an ISA
 * take from here what they do not do themselves. */
#ifndef WK_KERNEL_REF_H
#define WK_KERNEL_REF_H

#include "kernel/kernel.h"

/* With the arguments of WK_DTYPES: the slot of the reference in a table, for all types; for all but the halves; and
 * where it is one for types of the same size. */
#define WK_REF_SLOT(kernel, NAME, name, ctype, category) [WK_##NAME] = wk__ref_##kernel##_##name,
#define WK_REF_NUMBER(kernel, NAME, name, ctype, category) \
    WK_BUT_HALF_##category([WK_##NAME] = wk__ref_##kernel##_##name, )
#define WK_REF_MOVE(kernel, NAME, name, ctype, category) [WK_##NAME] = WK_REF_OF_SIZE(kernel, WK_BITS_##name),
#define WK_REF_OF_SIZE(kernel, bits) WK_REF_PASTED(kernel, bits)
#define WK_REF_PASTED(kernel, bits) wk__ref_##kernel##_##bits
#define WK_BITS_f32 32
#define WK_BITS_f64 64
#define WK_BITS_i64 64
#define WK_BITS_i32 32
#define WK_BITS_u8 8
#define WK_BITS_bool 8
#define WK_BITS_f16 16
#define WK_BITS_bf16 16
#define WK_BUT_HALF_FLOAT(...) __VA_ARGS__
#define WK_BUT_HALF_INTEGER(...) __VA_ARGS__
#define WK_BUT_HALF_BOOLEAN(...) __VA_ARGS__
#define WK_BUT_HALF_HALF(...)

#define WK_DECLARE_FLOAT(name, type) extern type wk__ref_##name##_f32, wk__ref_##name##_f64;
#define WK_AND_OF(kernel, NAME, name, ctype, category) , wk__ref_##kernel##_##name
#define WK_DECLARE_ANY(name, type) extern type wk__ref_##name##_f32 WK_DTYPES_BUT_F32(WK_AND_OF, name);
#define WK_DECLARE_MOVE(name, type) \
    extern type wk__ref_##name##_8, wk__ref_##name##_16, wk__ref_##name##_32, wk__ref_##name##_64;
#define WK_AND_NUMBER(kernel, NAME, name, ctype, category) WK_BUT_HALF_##category(, wk__ref_##kernel##_##name)
#define WK_DECLARE_NUMBER(name, type) extern type wk__ref_##name##_f32 WK_DTYPES_BUT_F32(WK_AND_NUMBER, name);
#define WK_DECLARE_PLAIN_MOVE WK_DECLARE_MOVE
#define WK_DECLARE_PLAIN_NUMBER WK_DECLARE_NUMBER
#define WK_DECLARE_PLAIN WK_DECLARE_FLOAT
#define WK_KERNEL(name, type, dtypes) WK_DECLARE_##dtypes(name, type)
#include "kernel/kernels.def"
#undef WK_KERNEL
#undef WK_DECLARE_PLAIN
#undef WK_DECLARE_PLAIN_MOVE
#undef WK_DECLARE_PLAIN_NUMBER
#undef WK_DECLARE_NUMBER
#undef WK_AND_NUMBER
#undef WK_DECLARE_MOVE
#undef WK_DECLARE_ANY
#undef WK_AND_OF
#undef WK_DECLARE_FLOAT

#endif
