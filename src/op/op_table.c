/* op_table.c -- the rows of ops.def as a table, and calling one by its name. */
#include <string.h>

#include "base/writer.h"
#include "op/custom.h"
#include "op/rows.h"

#define WK_OP_FILE(file, kind)

static const wk_op *const rows[] = {
#define WK_OP(name, formula, parameters) &wk__op_##name,
#include "wick/ops.def"
#undef WK_OP
};

static const char *const formulas[] = {
#define WK_OP(name, formula, parameters) formula,
#include "wick/ops.def"
#undef WK_OP
};

int32_t wk_op_count(void) { return WK__ROW_COUNT; }
const wk_op *wk_op_at(int32_t index) { return index >= 0 && index < WK__ROW_COUNT ? rows[index] : NULL; }

const wk_op *wk_op_find(const char *name) {
    for (int32_t i = 0; name != NULL && i < WK__ROW_COUNT; i++)
        if (strcmp(rows[i]->name, name) == 0) return rows[i];
    const wk_ctx *ctx = wk__ctx();
    return name != NULL && ctx != NULL ? wk__registered_find(ctx, name) : NULL;
}

const char *wk_op_name(const wk_op *op) { return op != NULL ? op->name : ""; }
const char *wk_op_formula(const wk_op *op) { return op != NULL && op->row >= 0 ? formulas[op->row] : ""; }
const char *wk_op_input_names(const wk_op *op) { return op != NULL && op->in_names != NULL ? op->in_names : ""; }
int32_t wk_op_input_count(const wk_op *op) { return op != NULL ? op->in_count : 0; }
int32_t wk_op_output_count(const wk_op *op) { return op != NULL ? op->out_count : 0; }
int32_t wk_op_attr_count(const wk_op *op) { return op != NULL ? op->field_count : 0; }

bool wk_op_takes(const wk_op *op, wk_dtype dtype) {
    return op != NULL && op->in_count != 0 && wk_dtype_name(dtype) != NULL && wk__accepts(op, dtype);
}

const char *wk_op_attr_name(const wk_op *op, int32_t index, char *kind) {
    const bool there = op != NULL && index >= 0 && index < op->field_count;
    if (kind != NULL) *kind = there ? op->fields[index].kind : '\0';
    return there ? op->fields[index].name : NULL;
}

/* ---------------------------------------------------------------------------------------------- dims attributes --- */

const wk_attr_field wk__dims_fields[1] = {{"dims", 'd', 0, 0}};

bool wk__dims_attr_set(wk_dims_attr *attrs, int32_t ndim, const int64_t *dims, const char *op) {
    wk_ctx *ctx = wk__ctx();
    memset(attrs, 0, sizeof *attrs); /* all of it: a batch compares bytes, those between the fields too */
    attrs->ndim = ndim;
    const bool fine = wk__ready(ctx) && wk__check_ndim(ctx, op, ndim, dims);
    for (int32_t d = 0; fine && d < ndim; d++) attrs->dims[d] = dims[d];
    return fine;
}

/* --------------------------------------------------------------------------------------------- the call by name --- */

typedef union attr_room {
    char bytes[WK__ATTRS_NBYTES];
    double d;
    int64_t i;
} attr_room;

static void set_default(char *room, const wk_attr_field *field) {
    const int64_t as_int = (int64_t)field->fallback;
    if (wk__is_whole(field->kind)) memcpy(room + field->offset, &as_int, sizeof as_int);
    if (field->kind == 'f') memcpy(room + field->offset, &field->fallback, sizeof field->fallback);
    if (field->kind == 'd') memset(room + field->offset, 0, sizeof(wk_dims_attr));
    if (field->kind == 's') memset(room + field->offset, 0, sizeof(const char *));
}

static bool set_value(char *room, const wk_attr_field *field, const wk_attr *attr, const char *op) {
    if (wk__is_whole(field->kind)) memcpy(room + field->offset, &attr->i, sizeof attr->i);
    if (field->kind == 'f') memcpy(room + field->offset, &attr->f, sizeof attr->f);
    if (field->kind == 's') memcpy(room + field->offset, &attr->s, sizeof attr->s);
    return field->kind != 'd' ||
           wk__dims_attr_set((wk_dims_attr *)(void *)(room + field->offset), attr->n, attr->dims, op);
}

static const wk_attr_field *field_of(const wk_op *op, const char *name) {
    for (int32_t f = 0; name != NULL && f < op->field_count; f++)
        if (strcmp(op->fields[f].name, name) == 0) return &op->fields[f];
    return NULL;
}

static wk_status refuse_attr(wk_ctx *ctx, const wk_op *op, const char *name) {
    char text[200];
    wk_writer known = wk__writer(text, sizeof text);
    for (int32_t f = 0; f < op->field_count; f++) wk__write(&known, "%s%s", f > 0 ? ", " : "", op->fields[f].name);
    return wk__fail(ctx, WK_EINVAL, op->name, "there is no attribute \"%s\", but %s", name != NULL ? name : "",
                    op->field_count > 0 ? text : "none at all");
}

static wk_status fill_attrs(wk_ctx *ctx, const wk_op *op, const wk_attr *attrs, int32_t count, attr_room *room) {
    for (int32_t f = 0; f < op->field_count; f++) set_default(room->bytes, &op->fields[f]);
    for (int32_t i = 0; i < count; i++) {
        const wk_attr_field *field = field_of(op, attrs[i].name);
        if (field == NULL) return refuse_attr(ctx, op, attrs[i].name);
        if (!set_value(room->bytes, field, &attrs[i], op->name)) return ctx->failure.status;
    }
    return WK_OK;
}

wk_status wk_op_call(const wk_op *op, const wk_attr *attrs, int32_t attr_count, wk_tensor *const *inputs,
                     int32_t input_count, wk_tensor **outputs) {
    wk_ctx *ctx = wk__ctx();
    attr_room room = {{0}}; /* also what a shape rule works out for itself */
    for (int32_t k = 0; op != NULL && outputs != NULL && k < op->out_count; k++) outputs[k] = NULL;
    if (ctx == NULL) return WK_ENOMEM;
    if (!wk__ready(ctx)) return ctx->failure.status;
    if (op == NULL) return wk__fail(ctx, WK_EINVAL, "op_call", "op is NULL: wk_op_find knows none of that name");
    if (input_count < 0 || attr_count < 0) return wk__fail(ctx, WK_EINVAL, "op_call", "a count is negative");
    if (outputs == NULL || (input_count > 0 && inputs == NULL) || (attr_count > 0 && attrs == NULL))
        return wk__fail(ctx, WK_EINVAL, "op_call", "%s are NULL",
                        outputs == NULL ? "outputs" : inputs == NULL && input_count > 0 ? "inputs" : "attrs");
    if (op->in_count != WK__ANY_NUMBER && input_count != op->in_count)
        return wk__fail(ctx, WK_EINVAL, op->name, "it takes %d inputs (%s), not %d", (int)op->in_count,
                        op->in_count > 0 ? op->in_names : "", (int)input_count);
    if (fill_attrs(ctx, op, attrs, attr_count, &room) != WK_OK) return ctx->failure.status;
    if (wk__is_composed(op)) wk__compose(op, inputs, input_count, &room, outputs);
    else outputs[0] = wk__apply(op, inputs, input_count, &room, outputs); /* in place, only the return value says it */
    return ctx->failure.status;
}
