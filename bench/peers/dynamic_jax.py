#!/usr/bin/env python3
"""dynamic.py's task in JAX, jit over the whole training step, on one thread.

    scan       lax.scan over the time steps: JAX compiles anew for each T
    padded     the same over the largest T always, with a mask: one program, which computes all steps whatever T is
"""
import math
from functools import partial

import dynamic
import jax
import numpy as np
from jax import numpy as jnp

ADAM = {"rate": 0.02, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
PADDED = max(dynamic.TASKS[dynamic.sys.argv[2]]) if len(dynamic.sys.argv) > 2 else 0


def parameters():
    draw, bound = np.random.default_rng(4), 1 / math.sqrt(32)
    shapes = {"w_ih": (32, 1), "w_hh": (32, 32), "b_ih": (32,), "b_hh": (32,), "w": (1, 32), "b": (1,)}
    return {name: jnp.asarray(draw.uniform(-bound, bound, shape), jnp.float32) for name, shape in shapes.items()}


def loss_of(p, x, y, state, mask):
    def cell(h, x_t):
        h = jnp.tanh(x_t @ p["w_ih"].T + p["b_ih"] + h @ p["w_hh"].T + p["b_hh"])
        return h, h

    def masked(h, both):
        following, _ = cell(h, both[0])
        h = jnp.where(both[1], following, h)
        return h, h

    steps = x[0]  # (T,1)
    if mask is None:
        last, states = jax.lax.scan(cell, state, steps)
        return jnp.mean((states @ p["w"].T + p["b"] - y[0]) ** 2), last
    last, states = jax.lax.scan(masked, state, (steps, mask))
    squares = (states @ p["w"].T + p["b"] - y[0]) ** 2
    return jnp.sum(jnp.where(mask[:, None], squares, 0)) / jnp.sum(mask), last


@partial(jax.jit, donate_argnums=(0, 1, 2))
def train(p, m, v, count, x, y, state, mask):
    (loss, last), g = jax.value_and_grad(loss_of, has_aux=True)(p, x, y, state, mask)
    count = count + 1
    m = jax.tree.map(lambda m, g: ADAM["beta1"] * m + (1 - ADAM["beta1"]) * g, m, g)
    v = jax.tree.map(lambda v, g: ADAM["beta2"] * v + (1 - ADAM["beta2"]) * g * g, v, g)
    scale = ADAM["rate"] * jnp.sqrt(1 - ADAM["beta2"] ** count) / (1 - ADAM["beta1"] ** count)
    p = jax.tree.map(lambda p, m, v: p - scale * m / (jnp.sqrt(v) + ADAM["eps"]), p, m, v)
    return p, m, v, count, last, loss


def pad(a):
    padded = np.zeros((1, PADDED, 1), np.float32)
    padded[:, :a.shape[1]] = a
    return padded


def make_step(is_padded):
    p = parameters()
    m, v = jax.tree.map(jnp.zeros_like, p), jax.tree.map(jnp.zeros_like, p)
    count, state = jnp.float32(0), jnp.zeros(32, jnp.float32)

    def step(x, y):
        nonlocal p, m, v, count, state
        mask = np.arange(PADDED) < x.shape[1] if is_padded else None
        if is_padded:
            x, y = pad(x), pad(y)
        p, m, v, count, state, loss = train(p, m, v, count, x, y, state, mask)
        return loss.block_until_ready()

    return step


print(f"JAX {jax.__version__}")
dynamic.main({
    "jax-scan": (lambda: make_step(False), train._cache_size),
    "jax-padded": (lambda: make_step(True), train._cache_size),
})
