/* losses.c -- the bits of thirty losses: the same from the library and from the single file. */
#include <stdio.h>
#include <wick.h>

int main(void) {
    wk_manual_seed(4);
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    wk_module *net = wk_module_new(NULL, "net"), *rnn = wk_rnn_new(net, "rnn", 1, 33, &options);
    wk_module *out = wk_linear_new(net, "out", 33, 1, NULL);
    wk_optim *adam = wk_adam_new(net, 0.02, NULL);
    for (int i = 0; i < 30; i++) {
        WK_SCOPE;
        const int64_t T = wk_randint(1, 40);
        wk_tensor *x = wk_randn(WK_SHAPE(3, T, 1), WK_F32), *y = wk_rand(WK_SHAPE(3, T, 1), WK_F32);
        wk_tensor *loss = wk_mse_loss(wk_linear_forward(out, wk_rnn_forward(rnn, x, NULL, NULL)), y);
        wk_optim_zero_grad(adam);
        wk_backward(loss);
        wk_optim_step(adam);
        printf("%a\n", wk_item(loss));
    }
    wk_optim_free(adam);
    wk_module_free(net);
    return wk_ok() ? 0 : 1;
}
