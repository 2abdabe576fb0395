"""Baselines: what coagents subtract from the reward, so that their gradient varies less and has the same mean."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from accumbens.credit.networks.coagent import CoagentNetwork, Step
from accumbens.credit.settings import CoagentSettings

RETAINED = 0.99
"""Part of the global baseline that a batch leaves as it was: η of the paper."""

Returns = Sequence[Float[Array, "drawn batch"]]
"""What reward every step led to."""


class Baseline(NamedTuple):
    """One way to tell what reward was to be expected.

    Attributes:
        init: `init(network) -> state`.
        values: `values(state, steps) -> [drawn, batch]` for every step: the reward that is expected there.
        learn: `learn(state, steps, returns) -> state`; called after the values were used.
    """

    init: Callable[[CoagentNetwork], Any]
    values: Callable[[Any, Sequence[Step]], list[Float[Array, "..."]]]
    learn: Callable[[Any, Sequence[Step], Returns], Any]


def rmsprop(learning_rate: float) -> optax.GradientTransformation:
    """Return RMSprop as the paper's baselines and critics have it: smoothing 0.99, ε = 1e-8 beside the root."""
    return optax.rmsprop(learning_rate, decay=0.99, eps=1e-8, eps_in_sqrt=False)


def make_baseline(settings: CoagentSettings) -> Baseline:
    """Return the baseline that the settings name."""
    if settings.baseline == "none":
        return Baseline(lambda network: (), lambda state, steps: [jnp.zeros(())] * len(steps), lambda state, *_: state)
    if settings.baseline == "global":
        return Baseline(lambda network: RunningReward(jnp.zeros(()), jnp.array(False)), _same, _average)
    return linear_values(settings.learning_rate, own_input=settings.baseline == "state-layer")


class RunningReward(NamedTuple):
    """The global baseline b.

    Attributes:
        mean: of past rewards.
        known: whether there was a batch; before, b is 0.
    """

    mean: Float[Array, ""]
    known: Bool[Array, ""]


def _same(state: RunningReward, steps: Sequence[Step]) -> list[Float[Array, "..."]]:
    return [state.mean] * len(steps)


def _average(state: RunningReward, steps: Sequence[Step], returns: Returns) -> RunningReward:
    """Return b ← η b + (1 - η) R, which the first batch sets to R."""
    if not returns:
        return state
    reward = returns[0].mean()
    known = jnp.where(state.known, state.mean, reward)
    return RunningReward(RETAINED * known + (1 - RETAINED) * reward, jnp.array(True))


class LinearValue(eqx.Module):
    """V(o) = w · o + b, zero at first."""

    weight: Float[Array, " inputs"]
    bias: Float[Array, ""]

    @classmethod
    def create(cls, inputs: int) -> "LinearValue":
        """Return V = 0."""
        return cls(jnp.zeros(inputs), jnp.zeros(()))

    def __call__(self, observation: Float[Array, "drawn batch inputs"]) -> Float[Array, "drawn batch"]:
        """Return V of every observation."""
        return observation @ self.weight + self.bias


def linear_values(learning_rate: float, own_input: bool) -> Baseline:
    """Return linear values, trained by RMSprop towards the returns: one of each coagent, or one of the network's input.

    Args:
        learning_rate: α.
        own_input: whether each coagent has a value, of its own input.
    """
    optimiser = rmsprop(learning_rate)

    def seen(steps: Sequence[Step]) -> list[Float[Array, "drawn batch inputs"]]:
        return [step.observation for step in (steps if own_input else steps[:1])]

    def init(network: CoagentNetwork) -> tuple[Any, optax.OptState]:
        sizes = network.observation_sizes()
        values: Any = [LinearValue.create(size) for size in (sizes if own_input else sizes[:1])]
        return values, optimiser.init(values)

    def expected(state: Any, steps: Sequence[Step]) -> list[Float[Array, "..."]]:
        found = [value(observation) for value, observation in zip(state[0], seen(steps), strict=True)]
        return found if own_input else found * len(steps)

    def learn(state: Any, steps: Sequence[Step], returns: Returns) -> Any:
        values, memory = state

        def error(values: list[LinearValue]) -> Float[Array, ""]:
            guesses = [value(observation) for value, observation in zip(values, seen(steps), strict=True)]
            # With one value there are more returns, all the same.
            found = [jnp.square(each - guess).mean() for each, guess in zip(returns, guesses, strict=False)]
            return sum(found, jnp.zeros(()))

        change, memory = optimiser.update(jax.grad(error)(values), memory)
        return optax.apply_updates(values, change), memory

    return Baseline(init, expected, learn)
