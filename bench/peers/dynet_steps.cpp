// dynet_steps.cpp -- the rows of steps.c in DyNet, on one thread: the tutorial's network with every op per time step (the RNN
// step as one affine transform and a tanh, which is how DyNet spells it), and the chain of scalar ops.
//
//     dynet_steps [CSV]     prints a row each; appends "dynet name,value,unit" to the file
#include <dynet/dynet.h>
#include <dynet/expr.h>
#include <dynet/training.h>

#include <cmath>

#include "rows.hpp"

namespace {

struct Net {
    dynet::ParameterCollection all;
    dynet::Parameter w_x, w_h, b, w_out, b_out;
    Net() {
        w_x = all.add_parameters({32, 1});
        w_h = all.add_parameters({32, 32});
        b = all.add_parameters({32});
        w_out = all.add_parameters({1, 32});
        b_out = all.add_parameters({1});
    }
};

using Wave = std::pair<std::vector<float>, std::vector<float>>;

void step(Net &net, dynet::AdamTrainer &adam, const Wave &wave, std::vector<float> &state) {
    dynet::ComputationGraph graph;
    const auto w_x = parameter(graph, net.w_x), w_h = parameter(graph, net.w_h), b = parameter(graph, net.b);
    const auto w_out = parameter(graph, net.w_out), b_out = parameter(graph, net.b_out);
    dynet::Expression h = input(graph, {32}, &state);
    std::vector<dynet::Expression> ys;
    for (const float &x : wave.first) {
        h = tanh(dynet::affine_transform({b, w_x, input(graph, &x), w_h, h}));
        ys.push_back(dynet::affine_transform({b_out, w_out, h}));
    }
    const unsigned steps = static_cast<unsigned>(ys.size());
    const auto target = input(graph, {steps}, &wave.second);
    const auto loss = squared_distance(dynet::concatenate(ys), target) * (1.0f / static_cast<float>(steps));
    graph.forward(loss);
    state = as_vector(h.value());
    graph.backward(loss);
    adam.update();
}

void chain(Net &net) {
    dynet::ComputationGraph graph;
    auto y = parameter(graph, net.b_out);
    for (int i = 0; i < 1000; i++) y = y * 1.0001f + 0.1f;
    graph.forward(y);
    graph.backward(y);
}

} // namespace

int main(int argc, char **argv) {
    std::FILE *csv = argc > 1 ? std::fopen(argv[1], "a") : nullptr;
    dynet::DynetParams params;
    params.mem_descriptor = "8";
    params.random_seed = 4;
    dynet::initialize(params);
    std::printf("DyNet, one thread\n");
    std::vector<Wave> waves;
    for (int steps : {10, 20, 30}) {
        Wave wave;
        for (int t = 0; t < steps; t++) {
            wave.first.push_back(std::sin(0.314159265f * static_cast<float>(t)));
            wave.second.push_back(std::cos(0.314159265f * static_cast<float>(t)));
        }
        waves.push_back(wave);
    }
    const auto train = [&] {
        Net net;
        dynet::AdamTrainer adam(net.all, 0.02f);
        adam.clipping_enabled = false;
        std::vector<float> state(32, 0.0f);
        for (int i = 0; i < 240; i++) step(net, adam, waves[static_cast<size_t>(i) % 3], state);
    };
    Net scalar;
    rows::time(
        csv, "dynet op", [&] { chain(scalar); }, 41, 2000, 1e9, "ns");
    rows::time(csv, "dynet tutorial_ops", train, 41, 240, 1e6, "us");
    if (csv != nullptr) std::fclose(csv);
    return 0;
}
