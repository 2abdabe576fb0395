"""What the tests of watching share: untrained networks, and episodes made of known numbers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.training.config import resolve_config
from accumbens.training.plan import environment_facts, make_agent_and_plan
from accumbens.training.play import Moment
from accumbens.training.trained import Trained
from accumbens.watch import Episode, Instant


@pytest.fixture(scope="session")
def untrained(quick_jit):
    """`untrained(env)`: small networks of two seeds before training; or none, for what asks of the env only."""

    def make(env, algo="ad_pqn", networks=True):
        config = resolve_config(env, algo, seeds=2, net_arch=(8, 6), changes={"num_envs": "4", "rank": "2"})
        agent, _ = make_agent_and_plan(config)
        facts, _ = environment_facts(config.env, config.settings.discretisation)
        initial = quick_jit(jax.vmap(lambda seed: agent.network(agent.init(jax.random.key(seed)))))
        stacks: Any = initial(jnp.arange(2)) if networks else None
        return Trained(config, config.settings, facts, config.seed_list(), agent, stacks, 0)

    return make


@pytest.fixture(scope="session")
def episode():
    """`episode(values, errors, rewards)`: instants with these numbers; the first row of errors is unused."""

    def make(values, errors, rewards=None, observations=None):
        values, errors = np.asarray(values, float), np.asarray(errors, float)
        rewards = np.zeros(len(values)) if rewards is None else np.asarray(rewards, float)
        total, instants = 0.0, []
        for time, (value, error) in enumerate(zip(values, errors, strict=True)):
            total += float(rewards[time])
            seen = np.zeros((10, 10, 4), bool) if observations is None else observations[time]
            end = time == len(values) - 1
            taken, action = (None, None) if end else (value, np.array(0))
            led_here = error if time else None
            ended = "terminated" if end else ""
            instants.append(Instant(time, seen, None, taken, action, led_here, float(rewards[time]), total, ended))
        return Episode(instants)

    return make


@pytest.fixture(scope="session")
def moments():
    """`moments(length, truncated=False)`: steps of one copy that can be told apart: step t has reward t + 1."""

    def make(length, truncated=False):
        for t in range(length):
            last = t == length - 1
            yield Moment(
                observation=np.full((1, 3), float(t)),
                carry=(),
                hidden=(),
                values=np.zeros((1, 2, 2)),
                action=np.array([t % 2]),
                taken=np.array([[10.0 + t, 20.0 + t]]),
                reward=np.array([t + 1.0]),
                terminated=np.array([last and not truncated]),
                truncated=np.array([last and truncated]),
                next_observation=np.full((1, 3), t + 1.0),
                td_error=np.array([[0.1 * t, -0.1 * t]]),
            )

    return make
