/* rows.h -- the rows of ops.def as the op files see them. */
#ifndef WK_OP_ROWS_H
#define WK_OP_ROWS_H

#include "grad/op.h"
#include "wick/ops.h"

#define WK_OP_FILE(file, kind)
#define WK_OP(name, formula, parameters) extern const wk_op wk__op_##name;
#include "wick/ops.def"
#undef WK_OP

/* The formulas, so that a row's struct can say `WK_ROW(add)` and name nothing twice. */
enum {
#define WK_OP(name, formula, parameters) WK__ROW_##name,
#include "wick/ops.def"
#undef WK_OP
    WK__ROW_COUNT
};
#undef WK_OP_FILE

/* The first fields of a row's struct; the formula stays in ops.def, where wk_op_formula() finds it. */
#define WK_ROW(op) .size = sizeof(wk_op), .name = #op, .row = WK__ROW_##op

/* A row, and the same in place under the name op_: its first input is written (NOTE [In place] in grad/in_place.c). */
#define WK_ROW_AND_IN_PLACE(op, flags_, ...)                                                                 \
    const wk_op wk__op_##op = {WK_ROW(op), .flags = (flags_), __VA_ARGS__};                                  \
    const wk_op wk__op_##op##_ = {WK_ROW(op##_), .flags = (flags_) | WK__OP_IN_PLACE, .apart = &wk__op_##op, \
                                  __VA_ARGS__}

/* What an element-wise row takes beside floating numbers: flags and types, handed through macros as one word. */
#define WK_TAKES_FLOATING 0, 0                                  /* nothing */
#define WK_TAKES_AS_FLOAT WK__OP_TO_FLOAT, 0                    /* anything, as f32 */
#define WK_TAKES_WHOLE 0, WK__WHOLE_NUMBERS                     /* whole numbers */
#define WK_TAKES_TRUTHS 0, WK__WHOLE_NUMBERS | WK__TYPE(BOOL)   /* and bools */
#define WK_TAKES_TRUTHS_AS_I64 WK__OP_TO_I64, WK__WHOLE_NUMBERS /* and bools as i64 */
#define WK__FIRST(flags, types) flags
#define WK__SECOND(flags, types) types
#define WK_FLAGS_OF(takes) (WK__FIRST(takes))
#define WK_TYPES_OF(takes) (WK__SECOND(takes))

/* The fields for a row that takes whole numbers and bools, all as i64. */
#define WK_IN_I64 .types = WK__TYPE(I64), .flags = WK__OP_TO_I64

/* The same of a row with one input and one output. */
#define WK_ROW_OF_X(op) WK_ROW(op), .in_count = 1, .out_count = 1, .in_names = "x"

/* And of one whose calls become one along a new first dimension, which the attributes of these bits count too. */
#define WK_BATCH_DIMS(bits) .batch = WK__BATCH_ROWS, .batch_dims = (bits)

/* The fields for a row with attributes: as many as the list has, or the first of them. */
#define WK_ATTRS(type, list) WK_FIRST_ATTRS(type, list, (int32_t)(sizeof(list) / sizeof *(list)))
#define WK_FIRST_ATTRS(type, list, count) \
    .attrs_nbytes = WK__SIZE_OF_ATTRS(type), .fields = (list), .field_count = (count)

/* There is room for so many; else this does not compile. */
#define WK__SIZE_OF_ATTRS(type) (sizeof(type) + 0 * sizeof(char[sizeof(type) <= WK__ATTRS_NBYTES ? 1 : -1]))

/* `instead` of rows with a number that another row takes as a tensor. */
#define WK_A_TENSOR "pass a 0-d tensor that is an input, to the row for two tensors"
#define WK_BOUNDS "wk_clamp_tensor takes bounds that are inputs"

/* Runs a variadic row on the tensors of xs. */
wk_tensor *wk__apply_to_list(const wk_op *op, const wk_list *xs, void *attrs);

/* The attribute `dims`, of all rows that take a shape. False, recorded, when ndim is out of range. */
extern const wk_attr_field wk__dims_fields[1];
bool wk__dims_attr_set(wk_dims_attr *attrs, int32_t ndim, const int64_t *dims, const char *op);

#endif
