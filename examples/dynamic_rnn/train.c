/* train.c -- a recurrent network learns to tell cos from sin, out of sequences of any length.
 *
 * This is the program of the tutorial "Why Torch is dynamic". Each iteration draws how many time steps it has, and
 * nothing else in the program knows: the graph is whatever the loop over the time steps has done. */
#include "train.h"

#include "clock.h"
#include "wave.h"

int64_t longest_T(const training *how) {
    return how->fixed_T > 0 ? how->fixed_T : 30;
}

wk_status train(const training *how, history *record, watcher *watch, void *self, wk_error *error) {
    WK_SCOPE;                                         // owns what is made outside of the iterations
    wk_manual_seed(how->seed);
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    wk_module *net = wk_module_new(NULL, "net");
    wk_module *rnn = wk_rnn_new(net, "rnn", 1, 32, &options);
    wk_module *out = wk_linear_new(net, "out", 32, 1, NULL);
    wk_optim *adam = wk_adam_new(net, 0.02, NULL);

    double phase = 0;
    wk_tensor *h = NULL;                              // the state, carried from iteration to iteration; NULL: zeros
    for (int64_t i = 0; i < how->iterations && wk_ok(); i++) {
        WK_SCOPE;                                     // what is made below goes when this iteration ends, by any road
        const int64_t T = how->fixed_T > 0 ? how->fixed_T : 10 * wk_randint(1, 4);
        const curves c = history_next(record);
        draw_wave(&phase, T, c.x, c.y);

        const double began = seconds_now();
        wk_tensor *x = wk_from_data(c.x, WK_SHAPE(1, T, 1), WK_F32);
        wk_tensor *y = wk_from_data(c.y, WK_SHAPE(1, T, 1), WK_F32);

        wk_tensor *hn;
        wk_tensor *r = wk_rnn_forward(rnn, x, h, &hn); // the states of all time steps, (1,T,32), and the last one
        wk_list *outs = wk_list_new();
        for (int64_t t = 0; t < T; t++) wk_list_push(outs, wk_linear_forward(out, wk_select(r, 1, t)));
        wk_tensor *prediction = wk_stack(outs, 1);
        wk_tensor *loss = wk_mse_loss(prediction, y);

        wk_optim_zero_grad(adam);
        wk_backward(loss);                            // through this iteration's graph, of 2T + 3 ops
        wk_optim_step(adam);
        wk_keep(&h, wk_detach(hn));                   // the state is carried on, its history is not
        const double seconds = seconds_now() - began;

        if (wk_read(prediction, c.prediction, (size_t)T * sizeof *c.prediction)) break;
        history_add(record, T, wk_item(loss), seconds);
        if (watch) watch(self, record);
    }

    const wk_status status = wk_check(error);         // one check for all the calls above: the first failure, or WK_OK
    wk_release(&h);
    wk_optim_free(adam);
    wk_module_free(net);
    return status;
}
