"""Classic control on the device: what of gymnax is imported for it."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from accumbens.envs.jax import CLASSIC_CONTROL

PROGRAM = """
import sys
import jax
from accumbens.envs.registry import make

env = make("CartPole-v1")
state, _ = env.reset(jax.random.key(0))
assert not {"seaborn", "scipy.stats", "matplotlib.pyplot"} & set(sys.modules), "these take seconds"
import gymnax

game, params = gymnax.make("CartPole-v1")
game.reset(jax.random.key(0), params)
assert gymnax.environments.classic_control.CartPole is type(game)
assert gymnax.environments.spaces.Box and gymnax.environments.minatar.MinBreakout
env.step(jax.random.key(1), state, 1)
make("Acrobot-v1").reset(jax.random.key(0))
"""


def test_one_game_imports_no_others_and_all_of_gymnax_can_be_imported_afterwards():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", CLASSIC_CONTROL)
def test_playing_in_64_bits_leaves_nothing_behind(name):
    env = CLASSIC_CONTROL[name]()
    key, action = jax.random.key(0), jnp.int32(1)
    with jax.enable_x64(True):
        jax.eval_shape(env.step, key, jax.eval_shape(env.reset, key)[0], action)
    state, _ = jax.eval_shape(env.reset, key)
    jax.eval_shape(env.step, key, state, action)  # warnings are errors
