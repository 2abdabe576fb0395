import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.envs.protocol import Environment, Step
from accumbens.envs.wrappers import time_limit


@pytest.fixture(scope="session")
def lamps() -> Environment:
    """Three lamps, one lit at random; action i switches lamp i; all lit terminates with reward 1."""

    def reset(key):
        lit = jnp.arange(3) == jax.random.randint(key, (), 0, 3)
        return lit, lit

    def step(key, lit, action):
        lit = lit ^ (jnp.arange(3) == action)
        return lit, Step(lit, lit.all().astype(jnp.float32), lit.all(), jnp.zeros((), bool))

    bounds = np.array(False), np.array(True)
    return time_limit(Environment("lamps", reset, step, (3,), np.dtype(bool), *bounds, 3, None), 4)
