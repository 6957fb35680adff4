/* test_guests.c -- functions of the program that run inside a call of wick (NOTE [Guests] in grad/scope.h): whatever
 * they leave behind, the call that ran them fails and the context is in order. */
#include "support.h"

#include "grad/scope.h"

/* ------------------------------------------------------------------------------------------ what a guest may do --- */

typedef struct guest guest;
struct guest {
    const char *name;
    void (*does)(void);
    const char *function; /* that fails; NULL: the call that ran it */
    const char *message;  /* NULL: nothing does */
};

/* What all of them see, set anew for each. */
static wk_scope around;
static wk_ctx *home, *other;
static wk_tensor *owned_outside;
static wk_plan *plan;
static const wk_op *op;

static void closes(void) { wk_scope_close(around); }
static void opens(void) { wk_scope_open(); }
static void opens_a_batch(void) { wk_batch_open(), wk_scope_open(); }
static void goes(void) { wk_ctx_use(other); }
static void drops(void) { wk_drop(owned_outside); }
static void frees(void) { wk_ctx_free(home); }
static void unregisters(void) { wk_op_unregister(op); }
static void turns_recording(void) { wk_set_grad_enabled(!wk_grad_enabled()); }
static void drops_its_own(void) { wk_drop(wk_ones(WK_SHAPE(3), WK_F32)); }
static void closes_its_own(void) {
    const wk_scope scope = wk_scope_open();
    wk_ones(WK_SHAPE(3), WK_F32);
    wk_scope_close(scope);
}
static void fails(void) { wk_neg(NULL), wk_scope_open(); }

static const guest guests[] = {
    {"closes", closes, "scope_close", "this scope was open before wick called the function that closes it"},
    {"opens", opens, NULL, "the function leaves a scope open: wk_scope_close it, or use WK_SCOPE"},
    {"opens_a_batch", opens_a_batch, NULL, "the function leaves a scope open: wk_scope_close it, or use WK_SCOPE"},
    {"goes", goes, NULL, "the function leaves another context current: wk_ctx_use the one that was"},
    {"drops", drops, "drop", "t was there before wick called the function that drops it"},
    {"frees", frees, "ctx_free", "a function that this context has called is still running"},
    {"unregisters", unregisters, "op_unregister", "a function that wick called may be its own"},
    {"fails", fails, "neg", "x is NULL"},
    {"turns_recording", turns_recording, NULL, NULL},
    {"drops_its_own", drops_its_own, NULL, NULL},
    {"closes_its_own", closes_its_own, NULL, NULL},
};
enum { GUESTS = sizeof guests / sizeof *guests };

/* ------------------------------------------------------------------------------------------------ where it runs --- */

static const guest *running; /* NULL: does nothing */

static void run_guest(void) {
    if (running != NULL) running->does();
}

static bool function(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_tanh(in[0]);
    run_guest();
    return true;
}

static bool plain(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_tanh(in[0]);
    return true;
}

static bool gradient(void *user, wk_tensor *const *in, wk_tensor *const *out, wk_tensor *const *gy, wk_tensor **gx) {
    (void)user, (void)in, (void)out;
    gx[0] = wk_neg(gy[0]);
    run_guest();
    return true;
}

static wk_tensor *hook(void *user, wk_tensor *g) {
    (void)user;
    wk_tensor *other_gradient = wk_neg(g);
    run_guest();
    return other_gradient;
}

static void op_hook(void *user, const wk_op_event *event) {
    if (event->kind == *(const int *)user) run_guest();
}

static bool shape(wk_call *call) {
    if (wk_call_int(call, "where") == 0) run_guest();
    return wk_call_declare_like(call, 0, wk_call_input(call, 0));
}

static void forward(wk_call *call) {
    wk_copy_(wk_call_output(call, 0), wk_call_input(call, 0));
    if (wk_call_int(call, "where") == 1) run_guest();
}

static void backward(wk_call *call) {
    wk_call_set_gradient(call, 0, wk_neg(wk_call_gradient(call, 0)));
    if (wk_call_int(call, "where") == 2) run_guest();
}

static void use_op(wk_tensor *x, int64_t where) {
    wk_tensor *y;
    wk_op_call(op, &(wk_attr){.name = "where", .i = where}, 1, &x, 1, &y);
    wk_backward(wk_sum(y));
}

static void in_hook(wk_tensor *x) {
    wk_tensor *y = wk_tanh(x);
    wk_register_hook(y, hook, NULL);
    wk_backward(wk_sum(wk_mul(y, y)));
}
static void in_leaf_hook(wk_tensor *x) {
    wk_register_hook(x, hook, NULL);
    wk_backward(wk_sum(wk_mul(x, x)));
}
static void with_op_hook(wk_tensor *x, int kind) {
    wk_set_op_hook(op_hook, &kind);
    wk_backward(wk_sum(wk_mul(x, x)));
    wk_set_op_hook(NULL, NULL);
}
static void before_op(wk_tensor *x) { with_op_hook(x, WK_OP_BEGINS); }
static void after_op(wk_tensor *x) { with_op_hook(x, WK_OP_ENDS); }
static void before_gradient(wk_tensor *x) { with_op_hook(x, WK_OP_GRAD_BEGINS); }
static void in_checkpoint(wk_tensor *x) {
    wk_tensor *y;
    wk_checkpoint(function, NULL, &x, 1, &y, 1);
}
static void in_checkpoint_unrecorded(wk_tensor *x) {
    WK_NO_GRAD;
    in_checkpoint(x);
}
static void in_second_run(wk_tensor *x) {
    const guest *const it = running;
    wk_tensor *y;
    running = NULL;
    wk_checkpoint(function, NULL, &x, 1, &y, 1);
    running = it;
    wk_backward(wk_sum(y));
}
static void in_function(wk_tensor *x) {
    wk_tensor *y;
    wk_function_apply(function, gradient, NULL, &x, 1, &y, 1);
}
static void in_gradient(wk_tensor *x) {
    wk_tensor *y;
    wk_function_apply(plain, gradient, NULL, &x, 1, &y, 1);
    wk_backward(wk_sum(y));
}
static void in_gradcheck(wk_tensor *x) {
    wk_tensor *wide = wk_requires_grad_(wk_detach(wk_cast(x, WK_F64)), true);
    wk_gradcheck(function, NULL, &wide, 1, 1, NULL);
}
static void in_shape(wk_tensor *x) { use_op(x, 0); }
static void in_forward(wk_tensor *x) { use_op(x, 1); }
static void in_backward(wk_tensor *x) { use_op(x, 2); }
static void in_plan(wk_tensor *x) {
    wk_tensor *detached = wk_detach(x), *y;
    wk_plan_run(plan, &detached, &y);
}

static const struct {
    const char *name, *call;
    void (*runs)(wk_tensor *x);
} places[] = {
    {"hook", "hook", in_hook},
    {"hook of a leaf", "hook", in_leaf_hook},
    {"before an op", "op_hook", before_op},
    {"after an op", "op_hook", after_op},
    {"before a gradient", "op_hook", before_gradient},
    {"checkpoint", "checkpoint", in_checkpoint},
    {"checkpoint, unrecorded", "checkpoint", in_checkpoint_unrecorded},
    {"checkpoint, again", "checkpoint", in_second_run},
    {"function", "function_apply", in_function},
    {"gradient", "function_apply", in_gradient},
    {"gradcheck", "gradcheck", in_gradcheck},
    {"shape", "guest", in_shape},
    {"forward", "guest", in_forward},
    {"backward", "guest", in_backward},
    {"plan", "plan_run", in_plan},
};
enum { PLACES = sizeof places / sizeof *places };

/* -------------------------------------------------------------------------------------------------- all of them --- */

static const wk_op *register_op(void) {
    const wk_custom_attr where = {"where", WK_ATTR_INT, 0};
    wk_custom_op custom = WK_CUSTOM_OP;
    custom.name = "guest", custom.attrs = &where, custom.attr_count = 1;
    custom.shape = shape, custom.forward = forward, custom.backward = backward;
    return wk_op_register(&custom);
}

static bool as_expected(const guest *g, const char *call, const wk_error *e) {
    char named[128];
    if (g->message == NULL) return e->status == WK_OK;
    snprintf(named, sizeof named, "%s: %s", g->function != NULL ? g->function : call, g->message);
    return strcmp(e->message, named) == 0;
}

/* The call fails as told; afterwards the scope around is still open, recording is on, and it can be closed. */
static bool one(int p, const guest *g) {
    around = wk_scope_open();
    plan = wk_plan_new(function, NULL, 1, 1, NULL);
    owned_outside = wk_ones(WK_SHAPE(3), WK_F32);
    wk_tensor *x = wk_requires_grad_(wk_ones(WK_SHAPE(3), WK_F32), true);
    wk_error e, after;
    running = g;
    places[p].runs(x);
    running = NULL;
    const bool here = wk__current == home && home->guarded == 0 && wk_grad_enabled();
    wk_check(&e);
    wk_set_op_hook(NULL, NULL);
    wk_neg(owned_outside);
    wk_plan_free(plan);
    wk_scope_close(around);
    wk_check(&after);
    const bool fine = here && as_expected(g, places[p].call, &e) && after.status == WK_OK && home->depth == 0;
    if (!fine) print_message("# %s in %s: \"%s\", then \"%s\"\n", g->name, places[p].name, e.message, after.message);
    return fine;
}

static void every_guest_at_every_place(void **state) {
    (void)state;
    int wrong = 0;
    wk_manual_seed(1);
    home = wk_ctx_use(NULL);
    other = wk_ctx_new();
    op = register_op();
    for (int p = 0; p < PLACES; p++)
        for (int i = 0; i < GUESTS; i++) wrong += !one(p, &guests[i]);
    assert_int_equal(wrong, 0);
    assert_int_equal(wk_op_unregister(op), WK_OK);
    wk_ctx_free(other);
}

/* A plan's function cannot free the plan. */
static bool frees_plan(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    wk_plan_free(plan);
    out[0] = wk_tanh(in[0]);
    return true;
}

static void a_plan_that_is_running(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_ones(WK_SHAPE(3), WK_F32), *y;
    plan = wk_plan_new(frees_plan, NULL, 1, 1, NULL);
    wk_plan_run(plan, &x, &y);
    assert_fails(WK_ESTATE, "plan_free: the plan is running: free it afterwards");
    wk_plan_free(plan);
    assert_ok();
}

/* Guests within guests: each has its own scopes to leave alone. */
static bool outer_function(void *user, wk_tensor *const *in, wk_tensor **out) {
    wk_scope *mine = user;
    *mine = wk_scope_open();
    wk_tensor *y;
    running = &guests[0];
    around = *mine;
    wk_checkpoint(function, NULL, in, 1, &y, 1);
    running = NULL;
    wk_check(NULL);
    wk_scope_close(*mine); /* its own, which the inner one could not close */
    out[0] = wk_tanh(in[0]);
    return true;
}

static void guests_of_guests(void **state) {
    (void)state;
    WK_SCOPE;
    wk_scope mine;
    wk_tensor *x = wk_requires_grad_(wk_ones(WK_SHAPE(3), WK_F32), true), *y;
    assert_int_equal(wk_checkpoint(outer_function, &mine, &x, 1, &y, 1), WK_OK);
    assert_int_equal(wk_backward(wk_sum(y)), WK_OK);
    assert_ok();
}

WK_TEST_MAIN("guests", cmocka_unit_test(every_guest_at_every_place), cmocka_unit_test(a_plan_that_is_running),
             cmocka_unit_test(guests_of_guests))
