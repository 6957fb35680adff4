#!/usr/bin/env python3
"""dynamic.py's task in TensorFlow, tf.function over the whole training step, on one thread.

    any-length   one trace for every T: the signature leaves T open, and the time steps are a loop in the graph
    retraced     without a signature: a new trace, time steps unrolled, for each T
"""
import math

import dynamic
import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
traces = 0


def make_step(is_open):
    draw, bound = np.random.default_rng(4), 1 / math.sqrt(32)
    shapes = [(1, 32), (32, 32), (32,), (32,), (32, 1), (1,)]
    p = [tf.Variable(draw.uniform(-bound, bound, shape).astype(np.float32)) for shape in shapes]
    adam = tf.keras.optimizers.Adam(0.02)
    adam.build(p)

    def cell(h, x_t):
        return tf.tanh(x_t @ p[0] + p[2] + h @ p[1] + p[3])

    def states(x, h):
        if is_open:
            return tf.transpose(tf.scan(cell, tf.transpose(x, (1, 0, 2)), h), (1, 0, 2))
        all_states = []
        for t in range(x.shape[1]):
            h = cell(h, x[:, t])
            all_states.append(h)
        return tf.stack(all_states, 1)

    def train(x, y, state):
        global traces
        traces += 1
        with tf.GradientTape() as tape:
            h = states(x, state)
            loss = tf.reduce_mean((h @ p[4] + p[5] - y) ** 2)
        adam.apply_gradients(zip(tape.gradient(loss, p), p))
        return loss, h[:, -1]

    signature = [tf.TensorSpec((1, None, 1)), tf.TensorSpec((1, None, 1)), tf.TensorSpec((1, 32))]
    function = tf.function(train, input_signature=signature if is_open else None)
    state = tf.zeros((1, 32))

    def step(x, y):
        nonlocal state
        loss, state = function(tf.constant(x), tf.constant(y), state)
        return loss.numpy()

    return step


print(f"TensorFlow {tf.__version__}")
dynamic.main({
    "tf-any-length": (lambda: make_step(True), lambda: traces),
    "tf-retraced": (lambda: make_step(False), lambda: traces),
})
