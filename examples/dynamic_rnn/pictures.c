/* pictures.c -- see pictures.h: which pictures there are, and where they go. */
#define _POSIX_C_SOURCE 200809L
#include "pictures.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "messages.h"

/* ---- what the pictures share ---- */

const char *steps_color(int64_t T) {
    static const char *const colors[] = {"#2a9d8f", "#e0a030", "#c8553d"};
    return colors[(T - 1) / 10 % 3];
}

double draw_textf(wk_svg *svg, double x, double y, double size, char anchor, const char *fill, const char *format,
                  ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    wk_svg_text(svg, x, y, size, anchor, fill, text);
    return wk_svg_text_width(size, text);
}

short_number shorten(double loss) {
    short_number number;
    const int decimals = loss > 0 && loss < 1 ? 1 - (int)floor(log10(loss)) : 1;
    snprintf(number.text, sizeof number.text, "%.*f", decimals < 9 ? decimals : 9, loss);
    return number;
}

/* ---- the directory ---- */

enum { PATH_NBYTES = 4096 };

/* Makes a directory with those it lies in. False with errno set. */
static bool make_directory(const char *directory) {
    char path[PATH_NBYTES];
    if (strlen(directory) >= sizeof path) {
        errno = ENAMETOOLONG;
        return false;
    }
    strcpy(path, directory);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(path, 0777) != 0 && errno != EEXIST) return false;
        *slash = '/';
    }
    struct stat status;
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode))) return true;
    if (errno == EEXIST) errno = ENOTDIR;
    return false;
}

/* ---- saving ---- */

typedef struct saver {
    const char *directory;
    wk_error *error; /* the first one */
    char path[PATH_NBYTES];
} saver;

static void name_file(saver *s, const char *name) {
    const size_t length = strlen(s->directory);
    const char *between = length > 0 && s->directory[length - 1] == '/' ? "" : "/";
    snprintf(s->path, sizeof s->path, "%s%s%s", s->directory, between, name);
}

/* Notes how saving s->path went. */
static void note(saver *s, wk_status status, const wk_error *error) {
    if (status == WK_OK) {
        printf(" %s", s->path);
    } else if (s->error->status == WK_OK) {
        *s->error = *error;
    }
}

static void save_picture(saver *s, wk_svg *svg, const char *name) {
    wk_error error;
    name_file(s, name);
    const wk_status status = wk_svg_save(svg, s->path, &error);
    note(s, status, &error);
    wk_svg_free(svg);
}

static void save_graph(saver *s, const history *h, const graph_shape *shape) {
    const iteration *it = &h->iterations[shape->first_iteration];
    char name[64], title[256];
    wk_error error;
    snprintf(name, sizeof name, "graph_t%lld.svg", (long long)it->T);
    snprintf(title, sizeof title, say(MESSAGE_PIC_GRAPH_TITLE), (long long)shape->first_iteration + 1, (long long)it->T,
             (long long)it->op_count);
    name_file(s, name);
    const wk_status status = wk_graph_save_svg(shape->graph, title, s->path, &error);
    note(s, status, &error);
}

wk_status pictures_save(const history *h, const char *directory, wk_error *error) {
    *error = (wk_error){0};
    if (h->iteration_count == 0) return WK_OK;
    if (!make_directory(directory)) {
        error->status = WK_EIO;
        snprintf(error->message, sizeof error->message, "%s: %s", directory, strerror(errno));
        return error->status;
    }

    int64_t shortest = h->iterations[0].T, longest = shortest;
    for (int64_t i = 0; i < h->iteration_count; i++) {
        if (h->iterations[i].T < shortest) shortest = h->iterations[i].T;
        if (h->iterations[i].T > longest) longest = h->iterations[i].T;
    }
    saver s = {.directory = directory, .error = error};
    printf("%s", say(MESSAGE_SUM_PICTURES));
    save_picture(&s, picture_run(h), "dynamic_rnn.svg");
    save_picture(&s, picture_graphs(h), "graphs.svg");
    save_graph(&s, h, history_shape_of(h, shortest));
    if (longest > shortest) save_graph(&s, h, history_shape_of(h, longest));
    printf("\n");
    return error->status;
}
