/* share.c -- a model for many threads (NOTE [Sharing] in tensor/tensor.h). */
#include "nn/module.h"

wk_status wk_module_share(wk_module *m) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return wk__status(ctx);
    if (!wk__module_is_ours(ctx, m, "module_share")) return wk__status(ctx);
    for (int64_t i = 0; i < m->total; i++) wk__share_forever(wk__module_parameter(m, i)->tensor);
    return WK_OK;
}
