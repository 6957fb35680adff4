/* injection.h -- memory that runs out at each block in turn that the pool hands out, while a whole program runs. Each
 * time the program ends with ENOMEM and no other failure, gives everything back, and runs to its end the next time. */
#ifndef WK_TESTS_INJECTION_H
#define WK_TESTS_INJECTION_H

#include "base/context.h"
#include "support.h"

static int64_t bytes_now(void) {
    wk_memory m;
    wk_memory_stats(&m);
    return m.nbytes;
}

/* With room for n blocks: true when that was enough. */
static bool enough(void (*program)(int), int i, int64_t n) {
    wk__ctx()->heap.fail_after = n;
    program(i);
    wk__ctx()->heap.fail_after = -1;
    wk_error e;
    if (wk_check(&e) != WK_OK && e.status != WK_ENOMEM) fail_msg("block %d: %s", (int)n, e.message);
    return e.status == WK_OK;
}

static void run_out(void (*program)(int), int i, const char *name) {
#ifndef WK_POISON
    skip_test("blocks can be refused in builds with WK_POISON only");
#endif
    const int64_t before = bytes_now();
    int64_t n = 0;
    for (; !enough(program, i, n); n++) {
        if (bytes_now() != before) fail_msg("%s: bytes are lost when block %d is refused", name, (int)n);
        assert_true(n < 5000);
        program(i);
        assert_ok();
    }
    print_message("# %s: %d blocks\n", name, (int)n);
    assert_true(n > 5);
    assert_int_equal(bytes_now(), before);
}

#endif
