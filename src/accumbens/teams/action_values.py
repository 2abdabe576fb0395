"""Action values of a team: each agent's network sees what that agent sees."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.envs.teams.protocol import TeamFacts


class QNetwork(eqx.Module):
    """Layers of rectified units, each normalised before it is rectified; and a linear one.

    Reference: Gallici et al. (2025), "Simplifying deep temporal difference learning", where a layer norm takes the
    place of a target network.
    """

    weights: tuple[Float[Array, "_ _"], ...]  # (outputs, inputs), of every layer its own
    biases: tuple[Float[Array, " _"], ...]

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " actions"]:
        """Return the value of each action."""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = weight @ x + bias
            x = jax.nn.relu((x - x.mean()) * jax.lax.rsqrt(x.var() + 1e-5))
        return self.weights[-1] @ x + self.biases[-1]


def make_q_network(inputs: int, layers: Sequence[int], actions: int, *, key: PRNGKeyArray) -> QNetwork:
    """Draw the weights of a network, normal with variance 2 / inputs, and 1 / inputs in the last layer."""
    sizes = [inputs, *layers, actions]
    keys = jax.random.split(key, len(sizes) - 1)
    gains = [math.sqrt(2)] * len(layers) + [1.0]
    weights = [
        gain * jax.random.normal(k, (outputs, size)) / math.sqrt(size)
        for k, gain, size, outputs in zip(keys, gains, sizes[:-1], sizes[1:], strict=True)
    ]
    return QNetwork(tuple(weights), tuple(jnp.zeros(outputs) for outputs in sizes[1:]))


class TeamValues(NamedTuple):
    """The action values of a team, as pure functions.

    Attributes:
        init: draws the networks; of agents that do not share one, with a leading axis of agents.
        read: `read(networks, observation) -> values`.
    """

    init: Callable[[PRNGKeyArray], Any]
    read: Callable[[Any, Float[Array, "agents observation"]], Float[Array, "agents actions"]]


def values_of(shared: bool, layers: Sequence[int], facts: TeamFacts) -> TeamValues:
    """Return the action values of a team.

    Args:
        shared: all agents have one network, which is told who they are.
        layers: units of every layer.
        facts: of the environment.
    """
    agents = len(facts.agents)
    inputs = facts.observation_size + agents * shared

    def one(key: PRNGKeyArray) -> QNetwork:
        return make_q_network(inputs, layers, facts.num_actions, key=key)

    def init(key: PRNGKeyArray) -> Any:
        return one(key) if shared else jax.vmap(one)(jax.random.split(key, agents))

    def read(networks: Any, observation: Float[Array, "agents observation"]) -> Float[Array, "agents actions"]:
        if not shared:
            return jax.vmap(lambda network, own: network(own))(networks, observation)
        return jax.vmap(networks)(jnp.concatenate([observation, jnp.eye(agents)], axis=-1))

    return TeamValues(init, read)
