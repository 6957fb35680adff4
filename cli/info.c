/* info.c -- `wick info`: what a report of a problem should say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wick.h>

#include "commands.h"

static void print_types(void) {
    printf("types    ");
    for (wk_dtype dtype = 0; dtype < WK_DTYPE_COUNT; dtype++) printf(" %s", wk_dtype_name(dtype));
    printf("\n");
}

static void print_products(void) {
    const char *blas = wk_blas();
    printf("products  by wick's own kernels%s%s\n", blas == NULL ? "; no BLAS is used" : ", large ones by ",
           blas == NULL ? "" : blas);
}

static void print_kernels(void) {
    const char *asked = getenv("WK_ISA");
    if (asked != NULL && strcmp(asked, wk_isa()) == 0)
        printf("kernels   %s, asked for by WK_ISA\n", asked);
    else
        printf("kernels   %s, the best that this machine runs%s%s%s\n", wk_isa(), asked != NULL ? "; WK_ISA=" : "",
               asked != NULL ? asked : "", asked != NULL ? " names none that it runs" : "");
}

int command_info(int argc, char **argv) {
    if (argc > 0) return misused("info", "takes no argument, but got", argv[0]);
    printf("wick      %s (this program was compiled with %s)\n", wk_version(), WK_VERSION_STRING);
    print_kernels();
    print_products();
    printf("debug     %d%s\n", (int)wk_debug_level(), wk_debug_level() > 0 ? ", asked for by WK_DEBUG" : "");
    print_types();
    printf("ops       %d (`wick ops` lists them)\n", (int)wk_op_count());
    return DONE;
}
