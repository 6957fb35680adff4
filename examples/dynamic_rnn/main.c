/* main.c -- dynamic_rnn: trains the tutorial's network (train.c), shows it (show.c), and draws it (pictures.c). */
#include <stdio.h>

#include "messages.h"
#include "options.h"
#include "pictures.h"
#include "seeds.h"
#include "show.h"
#include "train.h"

enum { DEFAULT_SEED = 4, EXIT_FAILED = 1, EXIT_BAD_OPTION = 2 };

static void watch(void *self, const history *h) {
    show_iteration(self, h);
}

static int complain(message which, const char *reason) {
    fflush(stdout);
    fprintf(stderr, "dynamic_rnn: ");
    fprintf(stderr, say(which), reason);
    fprintf(stderr, "\n");
    return EXIT_FAILED;
}

static int train_and_show(const options *o, history *h) {
    const training how = {.seed = (uint64_t)o->seed, .iterations = o->iterations, .fixed_T = o->fixed_steps};
    if (!history_make(h, how.iterations, longest_T(&how))) return complain(MESSAGE_FAILED, say(MESSAGE_NO_MEMORY));

    show s;
    wk_error error;
    show_begin(&s, o, longest_T(&how));
    const wk_status status = train(&how, h, watch, &s, &error);
    show_end(&s, h);
    show_summary(&s, h);
    if (status != WK_OK) return complain(MESSAGE_FAILED, error.message);
    if (pictures_save(h, o->out, &error) != WK_OK) return complain(MESSAGE_NO_PICTURES, error.message);
    return 0;
}

int main(int argc, char **argv) {
    messages_begin();
    options o;
    if (!options_read(&o, argc, argv)) return EXIT_BAD_OPTION;
    if (o.help) {
        options_print_help();
        return 0;
    }
    if (o.seeds > 0) return train_seeds(&o);
    if (o.seed < 0) o.seed = DEFAULT_SEED;

    history h;
    const int status = train_and_show(&o, &h);
    history_free(&h);
    return status;
}
