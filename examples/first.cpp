// first.cpp -- the program of first.c in C++17.   c++ -std=c++17 first.cpp -lwick -o first && ./first
#include <cstdio>
#include <memory>
#include <wick.h>

template <auto release> struct Free {
    template <class T> void operator()(T *object) const { release(object); }
};
using Module = std::unique_ptr<wk_module, Free<wk_module_free>>;
using Optim = std::unique_ptr<wk_optim, Free<wk_optim_free>>;

int main() {
    wk_manual_seed(1);
    wk_tensor *x = wk_uniform(-1, 1, WK_SHAPE(100, 1), WK_F32);
    wk_tensor *noise = wk_mul_scalar(wk_randn(WK_SHAPE(100, 1), WK_F32), 0.1);
    wk_tensor *y = wk_add(wk_add(wk_mul_scalar(x, 3), wk_full(WK_SHAPE(1), 2, WK_F32)), noise); // y = 3x + 2 + noise

    const Module line{wk_linear_new(nullptr, "line", 1, 1, nullptr)};
    const Optim sgd{wk_sgd_new(line.get(), 0.1, nullptr)};
    for (int i = 0; i < 200 && wk_ok(); i++) {
        WK_SCOPE; // owns what is made in this block, and the graph of it
        wk_tensor *loss = wk_mse_loss(wk_forward(line.get(), x), y);
        wk_optim_zero_grad(sgd.get());
        wk_backward(loss);
        wk_optim_step(sgd.get());
        if (i % 40 == 0) std::printf("step %3d  loss %.4f\n", i, wk_item(loss));
    }
    const auto parameter = [&](const char *name) { return wk_item(wk_module_parameter(line.get(), name)); };
    std::printf("y = %.2f x + %.2f\n", parameter("weight"), parameter("bias"));

    wk_error error; // one check for all the calls above
    if (wk_check(&error)) std::fprintf(stderr, "%s\n", error.message);
    return error.status != WK_OK;
}
