#!/usr/bin/env python3
"""dynamic.py's task in DyNet, from Python as its package comes, on one thread. It makes a new graph for each step."""
import dynamic
import dynet_config

dynet_config.set(mem=64, random_seed=4)
import dynet as dy  # noqa: E402  (after its settings)


def make_step():
    all_parameters = dy.ParameterCollection()
    w_x, w_h = all_parameters.add_parameters((32, 1)), all_parameters.add_parameters((32, 32))
    b, w, b_out = (all_parameters.add_parameters(shape) for shape in ((32,), (1, 32), (1,)))
    adam = dy.AdamTrainer(all_parameters, 0.02)
    adam.set_clip_threshold(0)
    state = [0.0] * 32

    def step(x, y):
        nonlocal state
        dy.renew_cg()
        h, errors = dy.inputVector(state), []
        for t in range(x.shape[1]):
            h = dy.tanh(dy.affine_transform([b, w_x, dy.inputVector(x[0, t]), w_h, h]))
            errors.append(dy.squared_distance(dy.affine_transform([b_out, w, h]), dy.inputVector(y[0, t])))
        loss = dy.esum(errors) / len(errors)
        value = loss.value()
        loss.backward()
        adam.update()
        state = h.value()
        return value

    step.parameters = all_parameters  # DyNet's parameters do not hold their collection
    return step


print("DyNet " + dy.__version__)
dynamic.main({"dynet-python": (make_step, lambda: 0)})
