// libtorch_steps.cpp -- the rows of steps.c in libtorch, PyTorch's C++ library, on one thread.
//
//     libtorch_steps [CSV]     prints a row each; appends "libtorch name,value,unit" to the file
#include <torch/torch.h>

#include "rows.hpp"

namespace {

struct Net : torch::nn::Module {
    torch::nn::RNN rnn{nullptr};
    torch::nn::Linear out{nullptr};
    Net() {
        rnn = register_module("rnn", torch::nn::RNN(torch::nn::RNNOptions(1, 32).batch_first(true)));
        out = register_module("out", torch::nn::Linear(32, 1));
    }
};

void train(const std::vector<std::pair<torch::Tensor, torch::Tensor>> &data, bool fused) {
    torch::manual_seed(4);
    Net net;
    torch::optim::Adam adam(net.parameters(), torch::optim::AdamOptions(0.02));
    torch::Tensor state;
    for (int i = 0; i < 60; i++) {
        const auto &[x, y] = data[static_cast<size_t>(i) % 3];
        auto [r, h] = net.rnn->forward(x, state);
        torch::Tensor prediction;
        if (fused) {
            prediction = net.out->forward(r);
        } else {
            std::vector<torch::Tensor> ys;
            for (int64_t t = 0; t < r.size(1); t++) ys.push_back(net.out->forward(r.select(1, t)));
            prediction = torch::stack(ys, 1);
        }
        state = h.detach();
        auto loss = torch::mse_loss(prediction, y);
        adam.zero_grad();
        loss.backward();
        adam.step();
    }
}

void chain() {
    auto x = torch::tensor(0.5f, torch::requires_grad()), a = torch::tensor(1.0001f), b = torch::tensor(0.1f);
    auto y = x;
    for (int i = 0; i < 1000; i++) y = y * a + b;
    y.backward();
}

}  // namespace

int main(int argc, char **argv) {
    std::FILE *csv = argc > 1 ? std::fopen(argv[1], "a") : nullptr;
    at::set_num_threads(1);
    std::printf("libtorch %s, one thread\n", TORCH_VERSION);
    std::vector<std::pair<torch::Tensor, torch::Tensor>> data;
    for (int steps : {10, 20, 30}) {
        auto at = torch::arange(steps) * 0.314159265f;
        data.emplace_back(at.sin().view({1, -1, 1}), at.cos().view({1, -1, 1}));
    }
    rows::time(csv, "libtorch op", chain, 11, 2000, 1e9, "ns");
    rows::time(
        csv, "libtorch tutorial_as_written", [&] { train(data, false); }, 11, 60, 1e6, "us");
    rows::time(
        csv, "libtorch tutorial_fused", [&] { train(data, true); }, 11, 60, 1e6, "us");
    if (csv != nullptr) std::fclose(csv);
    return 0;
}
