"""An environment of your own, compiled with the agent: `accumbens train examples.custom_environment:corridor ad_pqn`"""

import jax
import jax.numpy as jnp
import numpy as np

import accumbens
from accumbens.envs.protocol import Environment, Step

LENGTH, TIME_LIMIT = 8, 50


def observe(position):
    return jax.nn.one_hot(position, LENGTH, dtype=jnp.float32)


def reset(key):
    position = jax.random.randint(key, (), 0, LENGTH // 2)
    return (position, jnp.int32(0)), observe(position)


def step(key, state, action):
    position, elapsed = state
    position, elapsed = jnp.clip(position + 2 * action - 1, 0, LENGTH - 1), elapsed + 1
    found = position == LENGTH - 1  # a reward lies at the right end
    reward = jnp.where(found, 1.0, -0.01).astype(jnp.float32)
    return (position, elapsed), Step(observe(position), reward, found, (elapsed >= TIME_LIMIT) & ~found)


def make():
    low, high = np.zeros(LENGTH, np.float32), np.ones(LENGTH, np.float32)
    return Environment("corridor", reset, step, (LENGTH,), np.dtype(np.float32), low, high, 2, TIME_LIMIT)


accumbens.register_environment("corridor", make)
