"""A team that is small, and random in all that an environment can be random in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.envs.teams.protocol import Seen, TeamEnvironment, TeamFacts, TeamStep

AGENTS, SIZE, ACTIONS = 3, 4, 5


def make_drift(limit: int = 40, declared: int | None = None, ends: float = 0.05) -> TeamEnvironment:
    """Agents that drift: each adds its action, and noise, to its place. One may die, ends come by chance or in time."""
    facts = TeamFacts("team/drift", ("a", "b", "c"), SIZE, ACTIONS, declared or limit, masks=True, won=0.0)

    def see(state):
        place, time, alive = state
        observation = jnp.concatenate([place[:, None], jnp.tile(time, (AGENTS, 1)) / limit, jnp.eye(AGENTS)[:, :2]], 1)
        legal = (jnp.arange(ACTIONS)[None] + jnp.arange(AGENTS)[:, None] + time) % 3 != 0
        stay = jnp.arange(ACTIONS) == 1
        return Seen(observation.astype(jnp.float32), jnp.where(alive[:, None], legal, stay), alive)

    def reset(key):
        state = (jax.random.normal(key, (AGENTS,)), jnp.int32(0), jnp.ones(AGENTS, bool))
        return state, see(state)

    def step(key, state, actions):
        place, time, alive = state
        noise, chance, death = jax.random.split(key, 3)
        place = place + jnp.where(alive, actions - 2.0, 0.0) + 0.1 * jax.random.normal(noise, (AGENTS,))
        alive = alive & ~jax.random.bernoulli(death, 0.1, (AGENTS,)) | jnp.array([True, False, False])
        terminated = jax.random.bernoulli(chance, ends)
        state = (place, time + 1, alive)
        return state, TeamStep(see(state), -jnp.abs(place), terminated, ~terminated & (time + 1 >= limit))

    return TeamEnvironment(facts, reset, step)


@pytest.fixture(scope="session")
def drift():
    return make_drift()


def behind(episodes):
    """Which places are behind the end of an episode: of what is seen, and of what is done."""
    times = np.arange(episodes.observation.shape[1])
    return times > episodes.lengths[:, None], times[:-1] >= episodes.lengths[:, None]
