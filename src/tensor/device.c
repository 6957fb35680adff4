/* device.c -- where tensors lie. There is one device, so every tensor lies on it and nothing has to be moved. */
#include <inttypes.h>

#include "tensor/tensor.h"

const char *wk_device_name(wk_device device) { return device == WK_CPU ? "cpu" : NULL; }

static bool check(wk_ctx *ctx, wk_device device, const char *op) {
    if (wk_device_name(device) != NULL) return true;
    wk__fail(ctx, WK_EDEVICE, op, "there is no device %" PRId32 ": this build has WK_CPU, which is %d", device,
             WK_CPU);
    return false;
}

wk_device wk_set_device(wk_device device) {
    wk_ctx *ctx = wk__ctx();
    if (ctx == NULL || !check(ctx, device, "set_device")) return -1;
    const wk_device was = ctx->device;
    ctx->device = device;
    return was;
}

wk_device wk_current_device(void) {
    const wk_ctx *ctx = wk__ctx();
    return ctx != NULL ? ctx->device : WK_CPU;
}

void wk__device_cleanup(const wk_device *was) {
    if (*was >= 0) wk_set_device(*was);
}

wk_device wk_device_of(const wk_tensor *t) { return wk__live(t, "device_of") ? WK_CPU : -1; }

wk_tensor *wk_to_device(wk_tensor *t, wk_device device) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || !wk__usable(ctx, t, "to_device", "t") || !check(ctx, device, "to_device")) return NULL;
    return t;
}
