"""A whole run on a table as one function, and a look at what it has learned."""

import jax
import jax.numpy as jnp
import numpy as np
from tables import environment

from accumbens.agents.factory import make_agent
from accumbens.agents.protocol import reset_memory
from accumbens.envs.wrappers import auto_reset
from accumbens.training.device import make_device_loop

LOOK = 32


def make_training(settings, blocks, num_seeds):
    """Return `train(table) -> (metrics, states, values)`: the last two from random play after training.

    `states` is [seeds, steps, envs] and `values` [seeds, steps, envs, cells, actions].
    """

    def train(table):
        env = environment(table)
        agent = make_agent(settings, env, total_steps(settings, blocks), truncates=True)
        loop = make_device_loop(env, agent)
        run, metrics = loop.chunk(loop.init(jnp.arange(num_seeds)), jnp.asarray(blocks))

        def look(seed):
            def step(running, key):
                memory, states, observation = running
                act_key, env_key = jax.random.split(key)
                decision = agent.act(agent.network(seed.agent), memory, observation, 1.0, act_key)
                keys = jax.random.split(env_key, agent.num_envs)
                following, observation, outcome = jax.vmap(auto_reset, (None, 0, 0, 0))(
                    env, keys, states, decision.action
                )
                memory = reset_memory(decision.memory, outcome.terminated | outcome.truncated)
                return (memory, following, observation), (states, decision.values)

            start = (seed.memory, seed.env_states, seed.observation)
            return jax.lax.scan(step, start, jax.random.split(jax.random.key(seed.seed), LOOK))[1]

        return metrics, *jax.vmap(look)(run.seeds)

    return train


def total_steps(settings, blocks):
    """Environment steps of a run of that many blocks."""
    steps = getattr(settings, "rollout_length", None) or settings.train_every // settings.num_envs
    return blocks * steps * settings.num_envs


def assert_values(states, values, expected, tolerance):
    """Every cell of every seed knows the value of every visited state: `expected` is {state: value(s)}."""
    states, values = np.asarray(states), np.asarray(values)
    assert set(np.unique(states)) == set(expected)
    for state, value in expected.items():
        seen = values[states == state]  # [times, cells, actions]
        np.testing.assert_allclose(seen, np.broadcast_to(value, seen.shape), atol=tolerance, err_msg=f"state {state}")
