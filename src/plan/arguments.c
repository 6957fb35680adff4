/* arguments.c -- what goes into a dry run and comes out of it: stand-ins for inputs, and buffers for outputs. */
#include "grad/scope.h"
#include "plan/known.h"
#include "plan/recording.h"
#include "tensor/iterate.h"

bool wk__recording_make_inputs(wk_recording *r, const wk_plan_argument *arguments) {
    for (int32_t i = 0; i < r->in_count; i++) {
        const wk_plan_argument *a = &arguments[i];
        if (!a->present) continue;
        wk_tensor *t = r->inputs[i] = wk__tensor_make(r->ctx, a->dtype, a->ndim, a->dims);
        if (t == NULL || !wk__known_add(&r->known, wk__word_of_address(t), WK__KNOWN_INPUT)) return false;
        wk__recording_fill(r, t->a.data, (size_t)wk__array_nbytes(&t->a));
    }
    return true;
}

/* The buffer whose elements, all of them and in order, are those of t; -1: it is none, or that of another output. */
static int64_t whole_buffer(const wk_recording *r, const wk_tensor *t) {
    const wk_tensor *home = wk__storage_home(t->storage);
    if (!(t->flags & WK__CONTIGUOUS) || t->a.data != t->storage->data || t->a.numel != home->a.numel) return -1;
    for (int64_t i = r->blocks.count; i-- > 0;) {
        const wk_buffer_block *b = &WK_ITEMS(wk_buffer_block, r->blocks)[i];
        if (b->block == (const char *)home) return b->output < 0 ? i : -1;
    }
    return -1;
}

/* An output is a buffer of its own; what is not is copied into one. */
void wk__recording_take_output(wk_recording *r, int32_t k, wk_tensor *t) {
    int64_t block = whole_buffer(r, t);
    if (block < 0) {
        wk_tensor *copy = wk__tensor_make(r->ctx, t->a.dtype, t->a.ndim, t->a.dims);
        if (copy == NULL) {
            wk__out_of_memory(r->ctx, "plan_run");
            return;
        }
        wk__recording_note_external(r, t);
        wk__unary_rows(wk__kernels->copy[t->a.dtype], &copy->a, &t->a);
        block = whole_buffer(r, copy);
        r->outputs[k] = copy->a;
        wk__unref(copy);
    } else {
        r->outputs[k] = t->a;
    }
    if (block >= 0) WK_ITEMS(wk_buffer_block, r->blocks)[block].output = k; /* else memory was out */
}

/* Arguments are of a scope around the step, whatever scopes of its own write them. */
bool wk__recording_list_inputs(const wk_recording *r) {
    for (int32_t i = 0; i < r->in_count; i++)
        if (r->inputs[i] != NULL && !wk__scope_follow(r->inputs[i])) return false;
    return true;
}
