/* files.h -- what tests of files share: a folder for each test, committed files, and errors that name a path. */
#ifndef WK_TESTS_FILES_H
#define WK_TESTS_FILES_H

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "support.h"

static char folder[64]; /* made for each test */
static wk_error error;  /* of the latest call that was given it */

/* Paths in that folder, and of committed files. Valid until the next call but one. */
static inline const char *path_of(const char *base, const char *name) {
    static char paths[2][512];
    static int turn;
    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", base, name);
    return paths[turn];
}
static inline const char *scratch(const char *name) { return path_of(folder, name); }
static inline const char *given(const char *name) {
    char base[400];
    snprintf(base, sizeof base, "%s/safetensors", wk_test_data);
    return path_of(base, name);
}

static inline int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/wick-files-XXXXXX");
    return mkdtemp(folder) == NULL;
}

/* Removes what is in the folder and returns how many files there were. */
static inline int emptied(void) {
    int count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.') count += unlink(scratch(entry->d_name)) == 0;
    closedir(dir);
    return count;
}

static inline int remove_folder(void **state) {
    (void)state;
    emptied();
    return rmdir(folder);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

/* The bytes of a file, which the caller frees. */
static inline uint8_t *slurp(const char *path, size_t *nbytes) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail_msg("%s cannot be read", path);
    uint8_t *bytes = malloc(1 << 20);
    *nbytes = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

/* The error has this status, and a message that begins with the function's name and ends so, after the path of the
 * folder; nothing of it sticks. */
#define assert_reports(status, op, ending) wk_assert_report(status, op, ending, __FILE__, __LINE__)

static inline void wk_assert_report(wk_status status, const char *op, const char *ending, const char *file, int line) {
    const size_t length = strlen(error.message), expected = strlen(ending), name = strlen(op);
    const bool begins = strncmp(error.message, op, name) == 0 && strncmp(error.message + name, ": ", 2) == 0;
    const bool ends = length >= expected && strcmp(error.message + length - expected, ending) == 0;
    if (error.status == status && strcmp(error.op, op) == 0 && begins && ends && wk_ok()) return;
    print_message("# %s \"%s\"\n# expected %s \"%s: ...%s\"\n", wk_status_name(error.status), error.message,
                  wk_status_name(status), op, ending);
    _fail(file, line);
}

/* A tensor of a file, which has it. */
static inline wk_tensor *read_from(const wk_safetensors *file, const char *name) {
    wk_tensor *t = NULL;
    assert_int_equal(wk_safetensors_read(file, name, &t, NULL), WK_OK);
    return t;
}

#endif
