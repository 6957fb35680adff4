/* failure.c -- names of statuses, the record of the first failure, and texts for messages. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/capture.h"
#include "base/context.h"
#include "base/writer.h"

static const struct { wk_status number; const char *name, *meaning; } statuses[] = {
#define WK_STATUS(NAME, number, meaning) {number, #NAME, meaning},
#include "wick/status.def"
#undef WK_STATUS
};

enum { STATUS_COUNT = sizeof statuses / sizeof statuses[0] };

const char *wk_status_name(wk_status status) {
    for (int i = 0; i < STATUS_COUNT; i++)
        if (statuses[i].number == status) return statuses[i].name;
    return "unknown";
}

const char *wk_status_meaning(wk_status status) {
    for (int i = 0; i < STATUS_COUNT; i++)
        if (statuses[i].number == status) return statuses[i].meaning;
    return "not a status of wick";
}

static void print(char *text, size_t nbytes, const char *format, va_list arguments) {
    if (vsnprintf(text, nbytes, format, arguments) >= (int)nbytes) wk__end_whole(text);
}

void wk__print(char *text, size_t nbytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print(text, nbytes, format, arguments);
    va_end(arguments);
}

const char *wk__path_end(const char *path, size_t nbytes) {
    const size_t length = strlen(path);
    return length < nbytes ? path : path + length - (nbytes - 1);
}

static void fill(wk_error *error, wk_status status, const char *op, const char *format, va_list arguments) {
    memset(error, 0, sizeof *error);
    error->status = status;
    snprintf(error->op, sizeof error->op, "%s", op);
    const int n = snprintf(error->message, sizeof error->message, "%s: ", op);
    print(error->message + n, sizeof error->message - (size_t)n, format, arguments);
}

WK_NOINLINE wk_status wk__fail(wk_ctx *ctx, wk_status status, const char *op, const char *format, ...) {
    if (ctx == NULL || ctx->failure.status != WK_OK) return status;
    va_list arguments;
    va_start(arguments, format);
    fill(&ctx->failure, status, op, format, arguments);
    va_end(arguments);
    ctx->failure_is_apart = false;
    if (ctx->at_file != NULL) {
        snprintf(ctx->failure.file, sizeof ctx->failure.file, "%s",
                 wk__path_end(ctx->at_file, sizeof ctx->failure.file));
        ctx->failure.line = ctx->at_line;
    }
    return status;
}

WK_NOINLINE wk_status wk__out_of_memory(wk_ctx *ctx, const char *op) {
    return wk__fail(ctx, WK_ENOMEM, op, "out of memory");
}

wk_status wk__report(wk_error *error, wk_status status, const char *op, const char *format, ...) {
    if (error == NULL) return status;
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, op, format, arguments);
    va_end(arguments);
    return status;
}

/* A thread that could not even get a context has nowhere to record that: it is told each time it asks. */
wk_status wk__pending(const wk_ctx *ctx, wk_error *error) {
    if (ctx == NULL) return wk__report(error, WK_ENOMEM, "check", "out of memory for the context of this thread");
    if (error != NULL) *error = ctx->failure;
    return ctx->failure.status;
}

/* The same failure, as one of `op`: the name in front of the message is another. */
static void name_after(wk_error *failure, const char *op) {
    char rest[sizeof failure->message];
    snprintf(rest, sizeof rest, "%s", strstr(failure->message, ": ") + strlen(": "));
    snprintf(failure->op, sizeof failure->op, "%s", op);
    wk__print(failure->message, sizeof failure->message, "%s: %s", op, rest);
}

WK_NOINLINE void wk__fail_as(wk_ctx *ctx, const char *op) {
    if (ctx != NULL && ctx->failure.status != WK_OK && !ctx->failure_is_apart) name_after(&ctx->failure, op);
}

wk_status wk__settle(const char *op, wk_error *error) {
    wk_error failure;
    if (wk_check(&failure) != WK_OK) name_after(&failure, op);
    failure.skipped = 0; /* they were within `op` */
    if (error != NULL) *error = failure;
    return failure.status;
}

bool wk_ok(void) {
    const wk_ctx *ctx = wk__ctx();
    return ctx != NULL && ctx->failure.status == WK_OK;
}

wk_status wk_check(wk_error *error) {
    wk_ctx *ctx = wk__ctx();
    const wk_status status = wk__pending(ctx, error);
    if (ctx != NULL) memset(&ctx->failure, 0, sizeof ctx->failure);
    return status;
}

static const char *list_text(wk_shape_text *buffer, int32_t count, const int64_t *numbers, const char *brackets) {
    wk_writer w = wk__writer(buffer->text, sizeof buffer->text);
    wk__write(&w, "%c", brackets[0]);
    for (int32_t i = 0; i < count; i++) wk__write(&w, "%s%" PRId64, i > 0 ? "," : "", numbers[i]);
    wk__write(&w, "%c", brackets[1]);
    return buffer->text;
}

const char *wk__shape_text(wk_shape_text *buffer, int32_t ndim, const int64_t *dims) {
    return list_text(buffer, ndim, dims, "()");
}

const char *wk__index_text(wk_shape_text *buffer, int32_t ndim, const int64_t *index) {
    return list_text(buffer, ndim, index, "[]");
}

WK_API void wk__at(const char *file, int line); /* declared for users in trace.h, which the build makes */
void wk__at(const char *file, int line) {
    wk_ctx *ctx = wk__ctx();
    if (ctx == NULL) return;
    ctx->at_file = file;
    ctx->at_line = line;
}

const char *wk_version(void) { return WK_VERSION_STRING; }

bool wk__capture_refuse(wk_ctx *ctx, const char *op, const char *why) {
    wk__fail(ctx, WK_ESTATE, op, "not inside a plan's step: %s", why);
    if (ctx->capture->refusal.status == WK_OK) ctx->capture->refusal = ctx->failure;
    return true;
}
