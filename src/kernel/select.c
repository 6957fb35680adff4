/* select.c -- which kernel table is in use: the best one that the machine runs, or what WK_ISA names. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/record.h"

#if defined(__GNUC__)
#define RUN_AT_LOAD __attribute__((constructor))
#else
#define RUN_AT_LOAD /* the reference stays in use until wk__kernels_select is called */
#endif

const wk_kernels *wk__kernels_in_use = &wk__kernels_ref;
static const wk_kernels *working = &wk__kernels_ref;
static pthread_mutex_t recording = PTHREAD_MUTEX_INITIALIZER; /* taken when a capture begins or ends */
static int captures;

const wk_kernels *wk__kernels_working(void) { return __atomic_load_n(&working, __ATOMIC_RELAXED); }

/* Other threads may be reading the pointer: they find one table or the other, and both do their work. */
static void use_table(void) {
    __atomic_store_n(&wk__kernels_in_use, captures > 0 ? &wk__kernels_recording : working, __ATOMIC_RELAXED);
}

static void count_captures(int change) {
    pthread_mutex_lock(&recording);
    captures += change;
    use_table();
    pthread_mutex_unlock(&recording);
}

void wk__kernels_record(void) { count_captures(1); }

void wk__kernels_record_end(void) { count_captures(-1); }

static const struct {
    const wk_kernels *table;
    bool (*runs_here)(void);
} candidates[] = {
#define CANDIDATE(name) {&wk__kernels_##name, wk__cpu_has_##name},
    WK_KERNEL_TABLES(CANDIDATE)
#undef CANDIDATE
};

bool wk__kernels_select(const char *isa) {
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        if (isa && strcmp(isa, candidates[i].table->isa) != 0)
            continue;
        if (!candidates[i].runs_here())
            continue;
        pthread_mutex_lock(&recording);
        __atomic_store_n(&working, candidates[i].table, __ATOMIC_RELAXED);
        use_table();
        pthread_mutex_unlock(&recording);
        return true;
    }
    return false;
}

/* A WK_ISA that this machine cannot run, or an unknown one, counts as none: a library has nobody to complain to
 * before main. */
RUN_AT_LOAD static void select_at_load(void) {
    if (!wk__kernels_select(getenv("WK_ISA")))
        wk__kernels_select(NULL);
}
