/* first.c -- a first program: a line is fitted to noisy points.   cc first.c -lwick -o first && ./first */
#include <stdio.h>
#include <wick.h>

int main(void) {
    wk_manual_seed(1);
    wk_tensor *x = wk_uniform(-1, 1, WK_SHAPE(100, 1), WK_F32);
    wk_tensor *noise = wk_mul_scalar(wk_randn(WK_SHAPE(100, 1), WK_F32), 0.1);
    wk_tensor *y = wk_add(wk_add(wk_mul_scalar(x, 3), wk_full(WK_SHAPE(1), 2, WK_F32)), noise); /* y = 3x + 2 + noise */

    wk_module *line = wk_linear_new(NULL, "line", 1, 1, NULL);
    wk_optim *sgd = wk_sgd_new(line, 0.1, NULL);
    for (int i = 0; i < 200 && wk_ok(); i++) {
        WK_SCOPE; /* owns what is made in this block, and the graph of it */
        wk_tensor *loss = wk_mse_loss(wk_forward(line, x), y);
        wk_optim_zero_grad(sgd);
        wk_backward(loss);
        wk_optim_step(sgd);
        if (i % 40 == 0) printf("step %3d  loss %.4f\n", i, wk_item(loss));
    }
    const double slope = wk_item(wk_module_parameter(line, "weight"));
    const double height = wk_item(wk_module_parameter(line, "bias"));
    printf("y = %.2f x + %.2f\n", slope, height);

    wk_error error; /* one check for all the calls above */
    if (wk_check(&error)) fprintf(stderr, "%s\n", error.message);
    wk_optim_free(sgd);
    wk_module_free(line);
    return error.status != WK_OK;
}
